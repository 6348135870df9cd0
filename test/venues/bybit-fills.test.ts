/** What the venue filled in a time, read from the simulated venue: signed as it wants it, page by page, and of the window alone. */
import { bybit } from 'ccxt';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Secret } from '../../lib/secret.ts';
import { fillsOf, type FillsOptions } from '../../lib/venues/bybit-fills.ts';
import { startVenue, type RunningVenue } from '../../rehearsal/venue/server.ts';

let venue: RunningVenue;
beforeEach(async () => {
  venue = await startVenue({ seed: 1, keys: [{ apiKey: 'main', secret: 'main-secret', account: '1' }], stepEveryMs: 0, limits: { ordersPerSecond: 1000, requestsPer5Seconds: 5000 } });
});
afterEach(() => venue.close());

const asked = (more: Partial<FillsOptions> = {}) => fillsOf({
  url: venue.url, apiKey: new Secret('main'), secret: new Secret('main-secret'), symbol: 'BTC/USDT', fromMs: Date.now() - 3_600_000, untilMs: Date.now() + 60_000, pagesAtMost: 20, nowMs: Date.now, fetch, ...more,
});

/** Orders that are filled at once. */
async function filled(count: number): Promise<void> {
  const exchange = new bybit({ apiKey: 'main', secret: 'main-secret', options: { fetchMarkets: { types: ['spot'] } }, enableRateLimit: false });
  const urls = exchange.urls as { api: Record<string, string> };
  for (const api of Object.keys(urls.api)) urls.api[api] = venue.url;
  exchange.has['fetchCurrencies'] = false;
  for (let at = 0; at < count; at++) await exchange.createOrder('BTC/USDT', 'limit', 'buy', 0.001, 70_000, { clientOrderId: `a${at}` });
}

it('is every fill, over as many pages as there are, the newest first', async () => {
  await filled(130);
  const fills = await asked();
  expect(fills.length).toBe(130);
  expect(new Set(fills.map(({ executionId }) => executionId)).size).toBe(130);
  expect(fills[0]).toEqual({ executionId: expect.any(String) as string, side: 'buy', price: expect.stringMatching(/^\d+/) as string, quantity: '0.001', atVenueMs: expect.any(Number) as number });
  expect(fills.map(({ atVenueMs }) => atVenueMs)).toEqual(fills.map(({ atVenueMs }) => atVenueMs).toSorted((a, b) => b - a));
  expect((await asked({ pagesAtMost: 1 })).length).toBe(100);
});

it('is none of another time', async () => {
  await filled(3);
  const [newest] = await asked();
  expect(await asked({ fromMs: newest!.atVenueMs + 1 })).toEqual([]);
  expect((await asked({ fromMs: newest!.atVenueMs })).length).toBeGreaterThan(0);
  expect(await asked({ fromMs: 0, untilMs: 1 })).toEqual([]);
});

it('says what the venue refuses, and nothing of the key', async () => {
  const refusal = await asked({ secret: new Secret('wrong') }).catch((error: Error) => error.message);
  expect(refusal).toMatch(/^Bybit refuses to tell its fills: 10004/);
  expect(refusal).not.toMatch(/wrong|main/);
});
