/** What happened at the venue while nobody looked: read back page by page and week by week, on the simulated venue. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { OrderAtVenue } from '../../lib/venues/venue.ts';
import type { Market } from '../../lib/venues/paper/market.ts';
import { key, startStage, type Stage } from '../trader/stage.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

let stage: Stage;
beforeEach(async () => {
  stage = await startStage({ stepEveryMs: 0 });
});
afterEach(() => stage.close());

/** Buys at the touch, so that it is executed at once; or far below, so that it rests. */
function order(orderLinkId: string, rests = false): ReturnType<Market['create']> {
  const { market } = stage.venue;
  return market.create(key.account, { orderLinkId, side: 'Buy', priceCents: rests ? market.bidCents - 10_000 : market.askCents, quantityMicro: 100 });
}
async function all<One>(pages: AsyncIterable<readonly One[]>): Promise<{ readonly found: readonly One[]; readonly pages: number }> {
  const found: One[] = [];
  let count = 0;
  for await (const page of pages) {
    found.push(...page);
    count += 1;
  }
  return { found, pages: count };
}
const named = (prefix: string, count: number): readonly string[] => Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const sorted = (ids: readonly string[]): readonly string[] => ids.toSorted();

test('every execution of a time, however many pages and weeks it has, and none before', async () => {
  const [before, old, recent] = [named('b', 3), named('o', 7), named('r', 230)];
  for (const [ids, agoMs] of [[before, 16 * dayMs], [old, 9 * dayMs], [recent, 0]] as const) {
    stage.venue.setClockOffset(-agoMs);
    for (const id of ids) order(id);
  }
  const bybit = stage.bybit();
  const ofTwoWeeks = await all(bybit.executionsOfLast(14 * dayMs));
  expect(sorted(ofTwoWeeks.found.map(({ clientOrderId }) => clientOrderId))).toEqual(sorted([...old, ...recent]));
  expect(new Set(ofTwoWeeks.found.map(({ executionId }) => executionId)).size).toBe(237);
  // Three of a hundred at most for the last week, and one for that before.
  expect(ofTwoWeeks.pages).toBe(4);
  expect((await all(bybit.executionsOfLast(hourMs))).found).toHaveLength(230);
});

test('how each order ended, but those that the venue forgets', async () => {
  const ends: Record<string, OrderAtVenue['status']> = {};
  stage.venue.setClockOffset(-2 * dayMs);
  stage.venue.market.cancel(key.account, order('forgotten', true));
  order('old');
  ends['old'] = 'filled';
  stage.venue.setClockOffset(0);
  for (const id of named('f', 60)) {
    order(id);
    ends[id] = 'filled';
  }
  for (const id of named('c', 20)) {
    stage.venue.market.cancel(key.account, order(id, true));
    ends[id] = 'cancelled';
  }
  const partly = order('partly', true);
  partly.filledMicro = 40;
  stage.venue.market.cancel(key.account, partly);
  ends['partly'] = 'cancelled';
  order('rests', true);
  const { found, pages } = await all(stage.bybit().endedOfLast(3 * dayMs));
  expect(Object.fromEntries(found.map(({ clientOrderId, status }) => [clientOrderId, status]))).toEqual(ends);
  expect(pages).toBe(2);
});
