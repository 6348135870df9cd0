/** ccxt, unmodified, trades on the simulated venue. */
import { createHmac } from 'node:crypto';
import { bybit, AuthenticationError, InvalidNonce, InvalidOrder, PermissionDenied, type Balances } from 'ccxt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Gate, usualRateLimits } from '../../lib/venues/paper/gate.ts';
import { KeyRing, type VenueKey } from '../../lib/venues/paper/keys.ts';
import { startVenue, type RunningVenue } from '../../rehearsal/venue/server.ts';

const keys: VenueKey[] = [
  { apiKey: 'main', secret: 'main-secret', account: '1' },
  { apiKey: 'second', secret: 'second-secret', account: '1' },
  { apiKey: 'other', secret: 'other-secret', account: '2' },
  { apiKey: 'reader', secret: 'reader-secret', account: '1', readOnly: true },
  { apiKey: 'lapsed', secret: 'lapsed-secret', account: '1', expiresAtVenueMs: 1 },
  { apiKey: 'elsewhere', secret: 'elsewhere-secret', account: '1', ips: ['203.0.113.9'] },
];
const symbol = 'BTC/USDT';

let venue: RunningVenue;
beforeEach(async () => {
  venue = await startVenue({ seed: 1, keys, stepEveryMs: 0, limits: { ordersPerSecond: 1000, requestsPer5Seconds: 5000 } });
});
afterEach(() => venue.close());

function client(apiKey = 'main', secret = `${apiKey}-secret`): bybit {
  const exchange = new bybit({ apiKey, secret, options: { fetchMarkets: { types: ['spot'] } }, enableRateLimit: false });
  const urls = exchange.urls as { api: Record<string, string> };
  for (const api of Object.keys(urls.api)) urls.api[api] = venue.url;
  exchange.has['fetchCurrencies'] = false;
  return exchange;
}

function total(balance: Balances, coin: string): number {
  return Number((balance[coin] as { total?: number } | undefined)?.total);
}

/** The gate alone, on a clock of its own: the limits are those of a second. */
describe('the rates', () => {
  const nowMs = 1_800_000_000_000;
  const key: VenueKey = { apiKey: 'k', secret: 's', account: '1' };
  const other: VenueKey = { apiKey: 'o', secret: 's', account: '2' };
  function knock(gate: Gate, { apiKey, secret }: VenueKey, atMs: number, address: string, kind: 'look' | 'order'): number {
    const sign = createHmac('sha256', secret).update(`${atMs}${apiKey}`).digest('hex');
    const headers = { 'x-bapi-api-key': apiKey, 'x-bapi-timestamp': String(atMs), 'x-bapi-sign': sign };
    try {
      gate.pass({ method: 'GET', query: '', body: '', headers, address }, kind);
      return 0;
    } catch (error) {
      return (error as { code: number }).code;
    }
  }

  it('are twenty orders in any second for an account', () => {
    let atMs = nowMs;
    const gate = new Gate({ keys: new KeyRing([key, other], () => atMs), nowMs: () => atMs, monotonicMs: () => atMs, limits: usualRateLimits });
    const orders = (count: number) => Array.from({ length: count }, () => knock(gate, key, atMs, 'a', 'order'));
    expect(orders(22)).toEqual([...Array<number>(20).fill(0), 10006, 10006]);
    expect(knock(gate, other, atMs, 'a', 'order')).toBe(0);
    atMs += 999;
    expect(orders(1)).toEqual([10006]);
    atMs += 1;
    expect(orders(1)).toEqual([0]);
  });

  it('are six hundred requests in any five seconds for an address', () => {
    const gate = new Gate({ keys: new KeyRing([key, other], () => nowMs), nowMs: () => nowMs, monotonicMs: () => nowMs, limits: usualRateLimits });
    for (let n = 0; n < 600; n++) expect(knock(gate, n % 2 === 0 ? key : other, nowMs, 'a', 'look')).toBe(0);
    expect([knock(gate, key, nowMs, 'a', 'look'), knock(gate, key, nowMs, 'b', 'look')]).toEqual([10018, 0]);
  });
});

describe('ccxt on the simulated venue', () => {
  it('places, sees, amends and cancels an order under its client id', async () => {
    const exchange = client();
    const placed = await exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_000, { clientOrderId: 'mine1' });
    const open = await exchange.fetchOpenOrders(symbol);
    expect(open).toMatchObject([
      { id: placed.id, clientOrderId: 'mine1', side: 'buy', price: 59_000, amount: 0.001, filled: 0, status: 'open' },
    ]);

    await exchange.editOrder(String(placed.id), symbol, 'limit', 'buy', 0.002, 59_100);
    expect(await exchange.fetchOpenOrders(symbol)).toMatchObject([{ price: 59_100, amount: 0.002 }]);

    await exchange.cancelOrder(String(placed.id), symbol);
    expect(await exchange.fetchOpenOrders(symbol)).toEqual([]);
    expect(await exchange.fetchCanceledAndClosedOrders(symbol)).toMatchObject([{ id: placed.id, status: 'canceled' }]);
  });

  it('fills what crosses at the touch and books it into the wallet exactly', async () => {
    const exchange = client();
    const before = await exchange.fetchBalance();
    await exchange.createOrder(symbol, 'limit', 'buy', 0.001, 61_000, { clientOrderId: 'taker1' });
    const [trade] = await exchange.fetchMyTrades(symbol);
    expect(trade).toMatchObject({ side: 'buy', price: 60_000.5, amount: 0.001, fee: { cost: 0.000001, currency: 'BTC' } });
    const after = await exchange.fetchBalance();
    expect(total(after, 'BTC') - total(before, 'BTC')).toBeCloseTo(0.000999, 9);
    expect(total(after, 'USDT') - total(before, 'USDT')).toBeCloseTo(-60.0005, 6);
  });

  it('fills resting orders as the market walks', async () => {
    const exchange = client();
    await exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_999, {});
    await exchange.createOrder(symbol, 'limit', 'sell', 0.001, 60_001, {});
    for (let step = 0; step < 500; step++) venue.market.step();
    const trades = await exchange.fetchMyTrades(symbol);
    expect(new Set(trades.map((trade) => trade.side))).toEqual(new Set(['buy', 'sell']));
    expect(trades.every((trade) => trade.price === (trade.side === 'buy' ? 59_999 : 60_001))).toBe(true);
  });

  it('walks the same way for the same seed', async () => {
    const walk = async (seed: number) => {
      const walked = await startVenue({ seed, keys, stepEveryMs: 0 });
      const bids = Array.from({ length: 50 }, () => {
        walked.market.step();
        return walked.market.bidCents;
      });
      await walked.close();
      return bids;
    };
    expect(await walk(7)).toEqual(await walk(7));
    expect(await walk(7)).not.toEqual(await walk(8));
  });

  it('refuses a client order id that was used before, also after its order ended', async () => {
    const exchange = client();
    const placed = await exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_000, { clientOrderId: 'once' });
    await expect(exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_000, { clientOrderId: 'once' })).rejects.toThrow(InvalidOrder);
    await exchange.cancelOrder(String(placed.id), symbol);
    await expect(exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_000, { clientOrderId: 'once' })).rejects.toThrow(/170141/);
    expect(
      venue.record.filter((entry) => entry.accepted && entry.clientOrderId === 'once' && entry.path === '/v5/order/create'),
    ).toHaveLength(1);
  });

  it('keeps accounts apart and lets the keys of one account share it', async () => {
    await client().createOrder(symbol, 'limit', 'buy', 0.001, 59_000, { clientOrderId: 'shared' });
    expect(await client('second').fetchOpenOrders(symbol)).toHaveLength(1);
    expect(await client('other').fetchOpenOrders(symbol)).toHaveLength(0);
  });

  it('cancels in a batch and all at once', async () => {
    const exchange = client();
    const ids: string[] = [];
    for (let n = 0; n < 4; n++) ids.push(String((await exchange.createOrder(symbol, 'limit', 'sell', 0.001, 61_000 + n, {})).id));
    await exchange.cancelOrders([...ids.slice(0, 2), 'unknown'], symbol);
    expect(await exchange.fetchOpenOrders(symbol)).toHaveLength(2);
    await exchange.cancelAllOrders(symbol);
    expect(await exchange.fetchOpenOrders(symbol)).toHaveLength(0);
  });

  it('shows more open orders than fit a page, by the cursor', async () => {
    const exchange = client();
    for (let n = 0; n < 55; n++) await exchange.createOrder(symbol, 'limit', 'sell', 0.001, 61_000 + n, {});
    const first = await exchange.fetchOpenOrders(symbol, undefined, 50);
    // ccxt leaves it in one of the raw orders and then sorts by time.
    const cursor = first.map(({ info }) => (info as { nextPageCursor?: string }).nextPageCursor).find((found) => found !== undefined);
    const second = await exchange.fetchOpenOrders(symbol, undefined, 50, { cursor });
    expect(new Set([...first, ...second].map((order) => order.id)).size).toBe(55);
  });

  it.each([
    ['an unknown key', 'nobody', 'x', AuthenticationError, 10003],
    ['a wrong secret', 'main', 'wrong', AuthenticationError, 10004],
    ['a lapsed key', 'lapsed', 'lapsed-secret', AuthenticationError, 33004],
    ['another address', 'elsewhere', 'elsewhere-secret', PermissionDenied, 10010],
  ])('refuses %s', async (_what, apiKey, secret, error, code) => {
    await expect(client(apiKey, secret).fetchOpenOrders(symbol)).rejects.toThrow(error);
    expect(venue.record.at(-1)).toMatchObject({ accepted: false, code });
  });

  it('lets a read-only key look and not touch', async () => {
    const exchange = client('reader');
    expect(await exchange.fetchOpenOrders(symbol)).toEqual([]);
    await expect(exchange.createOrder(symbol, 'limit', 'buy', 0.001, 59_000, {})).rejects.toThrow(PermissionDenied);
  });

  it("judges the time of a request by its own clock and the request's window", async () => {
    const exchange = client();
    await exchange.loadMarkets();
    venue.setClockOffset(6000); // The window is 5 s unless told.
    await expect(exchange.fetchOpenOrders(symbol)).rejects.toThrow(InvalidNonce);
    venue.setClockOffset(-1500); // More than a second in the venue's future.
    await expect(exchange.fetchOpenOrders(symbol)).rejects.toThrow(/10002/);
    venue.setClockOffset(-700);
    expect(await exchange.fetchOpenOrders(symbol)).toEqual([]);
    venue.setClockOffset(4000);
    expect(await exchange.fetchOpenOrders(symbol)).toEqual([]);
  });

  it('cancels at most ten orders of the spot market in a batch', async () => {
    const exchange = client();
    await exchange.loadMarkets();
    const ids = Array.from({ length: 11 }, (_, n) => `id${n}`);
    await expect(exchange.cancelOrders(ids, symbol)).rejects.toThrow(/10001/);
  });

  it('refuses what the wallet cannot pay, and a path that it does not have', async () => {
    const exchange = client();
    await expect(exchange.createOrder(symbol, 'limit', 'buy', 100, 59_000, {})).rejects.toThrow(/170131/);
    const answer = await fetch(`${venue.url}/v5/position/list`);
    expect([answer.status, await answer.json()]).toMatchObject([404, { retCode: 10017 }]);
  });
});
