/** Bybit's keys, made, proved and deleted on the simulated venue. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startVenue, type RunningVenue } from '../../../rehearsal/venue/server.ts';
import { Secret } from '../../../lib/secret.ts';
import { BybitKeys } from '../../../lib/venues/keys/bybit.ts';
import { isRefused, type TradingKey } from '../../../lib/venues/keys/provider.ts';

let venue: RunningVenue;
beforeEach(async () => {
  venue = await startVenue({
    seed: 1,
    stepEveryMs: 0,
    keys: [
      { apiKey: 'first', secret: 'first-secret', account: 'alpha' },
      { apiKey: 'reader', secret: 'reader-secret', account: 'alpha', readOnly: true },
      { apiKey: 'elsewhere', secret: 'elsewhere-secret', account: 'alpha', ips: ['203.0.113.9'] },
      { apiKey: 'lapsed', secret: 'lapsed-secret', account: 'alpha', expiresAtVenueMs: 1 },
      { apiKey: 'manager', secret: 'manager-secret', account: 'main', manages: true },
    ],
  });
});
afterEach(() => venue.close());

function provider({ addresses = ['127.0.0.1'], manager = 'manager', url = venue.url } = {}): BybitKeys {
  return new BybitKeys({
    url,
    symbol: 'BTC/USDT',
    policy: async () => ({ addresses }),
    managementKey: async () => ({ ...key(manager), subAccount: venue.keys.uidOf('alpha') }),
    randomHex: (digits) => 'ab'.repeat(digits / 2),
    keyPair: () => { throw new Error('Bybit makes its own'); },
    answersWithinMs: 3000,
  });
}
function key(apiKey: string): TradingKey {
  return { apiKey, secret: new Secret(`${apiKey}-secret`) };
}

test('makes a key that trades from its addresses and does nothing else, lists it, and deletes it for good', async () => {
  const keys = provider();
  const made = await keys.create('baton0123456789a');
  await keys.proveRead(made);
  await keys.proveTrade(made);
  expect((await keys.list()).find(({ apiKey }) => apiKey === made.apiKey)).toMatchObject({
    name: 'baton0123456789a', addresses: ['127.0.0.1'], mayMoveMoney: false, createdAtMs: expect.any(Number) as number,
  });
  expect(await isRefused(keys, made)).toBe(false);

  await keys.delete({ apiKey: made.apiKey, name: 'baton0123456789a' });
  expect(await isRefused(keys, made)).toBe(true);
  await expect(keys.proveRead(made)).rejects.toMatchObject({ name: 'KeyRefusedError', refusal: 'unknown' });
  // Deleted is deleted.
  await keys.delete({ apiKey: made.apiKey, name: 'baton0123456789a' });
  expect((await keys.list()).map(({ apiKey }) => apiKey)).toEqual(['first', 'reader', 'elsewhere', 'lapsed']);
});

test('proves the permission to trade by an order that is placed and cancelled, and leaves none', async () => {
  await provider().proveTrade(key('first'));
  const orders = venue.record.filter(({ path }) => path.startsWith('/v5/order/') && path !== '/v5/order/realtime');
  expect(orders.map(({ path, code }) => [path, code])).toEqual([['/v5/order/create', 0], ['/v5/order/cancel', 0]]);
  expect(orders[0]!.clientOrderId).toBe('batonproofabababab');
  // No trader's, so it is no order of any epoch.
  expect(orders[0]!.epoch).toBeUndefined();
  expect(venue.market.resting('alpha')).toEqual([]);
  expect(venue.market.executions('alpha')).toEqual([]);
});

test('cancels what an attempt has left that died before it did', async () => {
  venue.market.create('alpha', { orderLinkId: 'batonproof0123', side: 'Buy', priceCents: 3_000_000, quantityMicro: 100 });
  venue.market.create('alpha', { orderLinkId: 'alphax000001000000001', side: 'Buy', priceCents: 3_000_000, quantityMicro: 100 });
  await provider().proveTrade(key('first'));
  expect(venue.market.resting('alpha').map(({ orderLinkId }) => orderLinkId)).toEqual(['alphax000001000000001']);
});

test('takes an empty account for no reason against the key', async () => {
  const wallet = venue.market.wallet('alpha');
  wallet.quoteE8 = 0;
  await provider().proveTrade(key('first'));
  expect(venue.record.at(-1)).toMatchObject({ path: '/v5/order/create', code: 170131 });
});

test.each([
  ['a key that only reads', 'reader', 'permission'],
  ['a key bound to another address', 'elsewhere', 'address'],
  ['a key that has lapsed', 'lapsed', 'expired'],
  ['a key that is not known', 'nobody', 'unknown'],
] as const)('tells the refusals apart: %s', async (_name, apiKey, refusal) => {
  await expect(provider().proveTrade(key(apiKey))).rejects.toMatchObject({ name: 'KeyRefusedError', refusal });
  expect(await isRefused(provider(), key(apiKey))).toBe(refusal === 'expired' || refusal === 'unknown');
});

test('tells a wrong signature apart', async () => {
  await expect(provider().proveRead({ apiKey: 'first', secret: new Secret('another') })).rejects.toMatchObject({ refusal: 'signature' });
});

test('says when a key lapses that is bound to no address', async () => {
  const keys = provider({ addresses: [] });
  const { apiKey } = await keys.create('baton0123456789a');
  const listed = (await keys.list()).find((each) => each.apiKey === apiKey)!;
  expect(listed.addresses).toEqual([]);
  expect((listed.expiresAtMs! - listed.createdAtMs!) / 86_400_000).toBe(keys.capabilities.unboundKeyLivesDays);
});

test('reads every page of the list, and stops at the limit of keys', async () => {
  const keys = provider();
  for (let count = 4; count < keys.capabilities.keysAtMost!; count++) await keys.create('baton0123456789a');
  expect(await keys.list()).toHaveLength(20);
  await expect(keys.create('baton0123456789a')).rejects.toMatchObject({ name: 'KeyLimitError' });
  venue.keys.add({ apiKey: 'by-hand', secret: 'x', account: 'alpha', note: 'one more', permissions: { Wallet: ['AccountTransfer'] } });
  expect((await keys.list()).at(-1)).toMatchObject({ apiKey: 'by-hand', mayMoveMoney: true });
});

test('says that the management key is refused, whatever it is asked for', async () => {
  for (const manager of ['first', 'nobody']) {
    const keys = provider({ manager });
    await expect(keys.create('baton0123456789a')).rejects.toMatchObject({ name: 'ManagementKeyRefusedError' });
    await expect(keys.delete({ apiKey: 'first', name: '' })).rejects.toMatchObject({ name: 'ManagementKeyRefusedError' });
  }
  expect(venue.keys.ofAccount('alpha')).toHaveLength(4);
});

test.each(['cut', 'stalled', 'bad-gateway'] as const)('no answer is no refusal: %s', async (reply) => {
  venue.setFault({ reply, paths: ['/v5/user/create-sub-api'] });
  const keys = provider();
  const error = await keys.create('baton0123456789a').catch((thrown: Error) => thrown);
  expect(error).toMatchObject({ name: 'VenueUnclearError' });
  // It was made all the same, and its secret is in no error.
  const made = venue.keys.ever.at(-1)!;
  expect(made.note).toBe('baton0123456789a');
  expect(String((error as Error).stack)).not.toContain(made.secret);
});

test("the venue's clock counts", async () => {
  venue.setClockOffset(60_000);
  await provider().proveRead(key('first'));
});
