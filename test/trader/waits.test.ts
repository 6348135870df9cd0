/** What the trader waits for before it believes that a request did nothing, or ends: each in a stage of its own, side by side. */
import { expect, test } from 'vitest';
import type { Epoch } from '../../lib/lease/model.ts';
import type { Venue } from '../../lib/venues/venue.ts';
import { until } from '../until.ts';
import { book, clock, startStage, ToldGuard, type Stage } from './stage.ts';

const nowMs = (): number => Number(clock.monotonicNs()) / 1e6;

/** The venue's adapter, some of whose answers the test gives. */
function answering(venue: Venue, answers: Partial<Venue>): Venue {
  return new Proxy(venue, {
    get(target, name: keyof Venue) {
      if (name in answers) return answers[name];
      const own = target[name];
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

async function onStage(tell: (stage: Stage, guard: ToldGuard) => Promise<void>): Promise<void> {
  const stage = await startStage();
  try {
    await tell(stage, new ToldGuard());
  } finally {
    await stage.close();
  }
}

const ready = (guard: ToldGuard): Promise<unknown> => until('a standby that is ready', () => guard.statuses.at(-1)?.ready === true);
const acceptedIn = async (stage: Stage): Promise<readonly string[]> =>
  (await stage.journal.newestAccepted(book, 1 as Epoch, { among: 100 })).map(({ clientOrderId }) => clientOrderId);

test.concurrent('an order of which nothing is known is looked for only when it can no longer arrive', () => onStage(async (stage, guard) => {
  const adapter = stage.bybit(guard);
  const late: string[] = [];
  // The connection broke; what was written into it is still on its way.
  const place: Venue['place'] = async (order, permit) => {
    late.push(order.clientOrderId);
    void clock.sleep(300).then(() => adapter.place(order, permit));
    return { kind: 'ambiguous', reason: 'the connection broke' };
  };
  stage.trader(guard, { venue: answering(adapter, { place }), ordersPerSecond: 5 }).start();
  await ready(guard);
  guard.say('held', 1, 5000);
  const arrived = () =>
    stage.venue.record.filter(({ accepted, clientOrderId }) => accepted && late.includes(clientOrderId ?? '')).map(({ clientOrderId }) => clientOrderId);
  // On a busy machine some come later than that.
  await until('orders that arrive', () => arrived().length >= 2);
  const before = late.length;
  await until('one more on its way', () => late.length > before);
  guard.say('draining', 1);
  await until('drained', () => guard.drains.length === 1);
  const arrivedThen = new Set(arrived());
  await until('all outcomes', async () => (await stage.journal.openIntents(book)).intents.length === 0);
  expect(new Set(await acceptedIn(stage))).toEqual(arrivedThen);
}));

test.concurrent('a cancellation of which nothing is known is not asked for again while it may still take effect', () => onStage(async (stage, guard) => {
  const asked: { readonly ids: readonly string[]; readonly atMs: number; readonly untilMs: number }[] = [];
  const cancel: Venue['cancel'] = async (ids, { expiresAtNs }) => {
    asked.push({ ids, atMs: nowMs(), untilMs: Number(expiresAtNs) / 1e6 });
    return { kind: 'ambiguous', reason: 'the connection broke' };
  };
  const quoting = { quantity: 0.0005, distance: 0.01, positionLimit: 1, openOrdersAtMost: 2 };
  stage.trader(guard, { venue: answering(stage.bybit(guard), { cancel }), quoting, ordersPerSecond: 20 }).start();
  await ready(guard);
  guard.say('held', 1);
  const again = await until('one is cancelled again', () => {
    for (const [at, { ids, untilMs }] of asked.entries()) {
      const next = asked.slice(at + 1).find((other) => other.ids.some((id) => ids.includes(id)));
      if (next !== undefined) return { next, untilMs };
    }
    return undefined;
  });
  expect(again.next.atMs).toBeGreaterThan(again.untilMs);
}));

test.concurrent('who is closed waits for what is under way, and leaves its outcome in the journal', () => onStage(async (stage, guard) => {
  const adapter = stage.bybit(guard);
  let underWay = 0;
  const place: Venue['place'] = async (order, permit) => {
    underWay += 1;
    const answer = await adapter.place(order, permit);
    await clock.sleep(400);
    return answer;
  };
  const trader = stage.trader(guard, { venue: answering(adapter, { place }), ordersPerSecond: 5 });
  trader.start();
  await ready(guard);
  guard.say('held', 1);
  await until('an order under way', () => underWay > 0);
  await trader.close();
  expect((await stage.journal.openIntents(book)).intents).toEqual([]);
  expect((await acceptedIn(stage)).length).toBe(underWay);
}));
