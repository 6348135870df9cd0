/** The keys of the simulated venue's sub-accounts, made and deleted by ccxt's own calls. */
import { AuthenticationError, bybit, ExchangeError, PermissionDenied } from 'ccxt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startVenue, type RunningVenue } from '../../rehearsal/venue/server.ts';

type Answer = { readonly result: Readonly<Record<string, unknown>> };
interface KeyCalls {
  privatePostV5UserCreateSubApi(params: object): Promise<Answer>;
  privateGetV5UserSubApikeys(params: object): Promise<Answer>;
  privatePostV5UserUpdateSubApi(params: object): Promise<Answer>;
  privatePostV5UserDeleteSubApi(params: object): Promise<Answer>;
  privateGetV5UserQueryApi(params?: object): Promise<Answer>;
}

let venue: RunningVenue;
let uid: number;
beforeEach(async () => {
  venue = await startVenue({
    seed: 1,
    stepEveryMs: 0,
    keys: [
      { apiKey: 'first', secret: 'first-secret', account: 'alpha' },
      { apiKey: 'manager', secret: 'manager-secret', account: 'main', manages: true },
    ],
  });
  uid = Number(venue.keys.uidOf('alpha'));
});
afterEach(() => venue.close());

function client(apiKey: string, secret: string): KeyCalls {
  const exchange = new bybit({ apiKey, secret, enableRateLimit: false });
  const urls = exchange.urls as { api: Record<string, string> };
  for (const api of Object.keys(urls.api)) urls.api[api] = venue.url;
  return exchange as unknown as KeyCalls;
}
const manager = (): KeyCalls => client('manager', 'manager-secret');
const wish = (more: object = {}): object => ({ subuid: uid, note: 'batontest', readOnly: 0, ips: '127.0.0.1', permissions: { Spot: ['SpotTrade'] }, ...more });
const listed = async (): Promise<readonly Record<string, unknown>[]> =>
  (await manager().privateGetV5UserSubApikeys({ subMemberId: String(uid) })).result['result'] as Record<string, unknown>[];

it('makes a key that works until it is deleted, and then really refuses it', async () => {
  const { result } = await manager().privatePostV5UserCreateSubApi(wish());
  const made = client(String(result['apiKey']), String(result['secret']));
  expect((await made.privateGetV5UserQueryApi()).result).toMatchObject({ note: 'batontest', ips: ['127.0.0.1'], isMaster: false });
  expect(await listed()).toMatchObject([{ apiKey: 'first' }, { apiKey: result['apiKey'], note: 'batontest', secret: '******', expiredAt: '' }]);

  await manager().privatePostV5UserDeleteSubApi({ apikey: result['apiKey'] });
  await expect(made.privateGetV5UserQueryApi()).rejects.toThrow(AuthenticationError);
  await expect(manager().privatePostV5UserDeleteSubApi({ apikey: result['apiKey'] })).rejects.toThrow(/10003/);
  expect(await listed()).toHaveLength(1);
  expect(venue.record.filter(({ apiKey }) => apiKey === result['apiKey']).map(({ code }) => code)).toEqual([0, 10003]);
  expect(venue.keys.ever.map(({ secret }) => secret)).toContain(result['secret']);
});

it('judges the address, lets an unbound key lapse in 90 days, and changes both', async () => {
  const elsewhere = (await manager().privatePostV5UserCreateSubApi(wish({ ips: '203.0.113.1,203.0.113.2' }))).result;
  const key = client(String(elsewhere['apiKey']), String(elsewhere['secret']));
  await expect(key.privateGetV5UserQueryApi()).rejects.toThrow(PermissionDenied);
  await manager().privatePostV5UserUpdateSubApi({ apikey: elsewhere['apiKey'], ips: '127.0.0.1' });
  await key.privateGetV5UserQueryApi();

  const unbound = (await manager().privatePostV5UserCreateSubApi(wish({ ips: '*' }))).result;
  expect((await listed()).at(-1)).toMatchObject({ apiKey: unbound['apiKey'], ips: ['*'], status: 3, deadlineDay: expect.toSatisfy((days: number) => days === 89 || days === 90) as number });
  venue.setClockOffset(91 * 24 * 60 * 60 * 1000);
  const late = new bybit({ apiKey: String(unbound['apiKey']), secret: String(unbound['secret']), enableRateLimit: false });
  (late.urls as { api: Record<string, string> }).api['private'] = venue.url;
  await expect((late as unknown as KeyCalls).privateGetV5UserQueryApi()).rejects.toThrow(/33004/);
});

it('refuses the twenty-first key, unknown permissions and accounts, and whoever is no manager', async () => {
  for (let count = 1; count < 20; count++) await manager().privatePostV5UserCreateSubApi(wish());
  await expect(manager().privatePostV5UserCreateSubApi(wish())).rejects.toThrow(/limit of 20/);
  await expect(manager().privatePostV5UserCreateSubApi(wish({ subuid: 1 }))).rejects.toThrow(ExchangeError);
  await expect(manager().privatePostV5UserUpdateSubApi({ apikey: 'first', permissions: { Withdraw: ['All'] } })).rejects.toThrow(/permissions/);
  await expect(client('first', 'first-secret').privatePostV5UserCreateSubApi(wish())).rejects.toThrow(PermissionDenied);
});

it('a forgetful venue neither lists nor takes what it has just made, until it does', async () => {
  venue.keys.setForgetful(30_000);
  const { result } = await manager().privatePostV5UserCreateSubApi(wish());
  const made = client(String(result['apiKey']), String(result['secret']));
  await expect(made.privateGetV5UserQueryApi()).rejects.toThrow(/10003/);
  expect(await listed()).toHaveLength(1);
  expect(venue.keys.ofAccount('alpha')).toHaveLength(1);
  venue.setClockOffset(31_000);
  expect(venue.keys.ofAccount('alpha').map(({ apiKey }) => apiKey)).toEqual(['first', result['apiKey']]);
});
