/** The reference trader on the simulated venue and a real journal's behaviour, under a guard whose word the test gives. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { notCounted } from '../../lib/trading/counted-executions.ts';
import type { JournalEntry } from '../../lib/trading/journal.ts';
import { judge } from '../../rehearsal/venue/judge.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { book, breakerOf, clock, noBreakerStore, startStage, ToldGuard, type Stage } from './stage.ts';
import { until } from '../until.ts';

let stage: Stage;
beforeEach(async () => {
  stage = await startStage();
});
afterEach(() => stage.close());

const orders = (epoch?: number) =>
  stage.venue.record.filter((entry) => entry.path === createOrderPath && entry.accepted && (epoch === undefined || entry.epoch === epoch));
const accepted = (count: number, epoch: number) => until(`${count} orders accepted in epoch ${epoch}`, () => orders(epoch).length >= count);

async function ready(guard: ToldGuard): Promise<void> {
  await until('a standby that is ready', () => guard.statuses.at(-1)?.ready === true && guard.statuses.at(-1)?.reconciled === true);
}

describe('the trader', () => {
  it('sends nothing as a standby and is ready soon', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('granted', 1);
    await clock.sleep(100);
    expect(orders()).toEqual([]);
    expect(guard.statuses.at(-1)).toMatchObject({ venueConnected: true, redisReachable: true, databaseWritable: true });
  });

  it('trades while held, at its rate, and journals each order before the venue sees it', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('granted', 1);
    guard.say('held', 1);
    await accepted(12, 1);
    const times = orders(1).map((entry) => entry.decidedAtMs);
    const spacing = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
    expect(spacing).toBeGreaterThan(95);
    expect(spacing).toBeLessThan(150);

    guard.say('draining', 1);
    await until('drained', () => guard.drains.length === 1);
    const ids = new Set(orders(1).map((entry) => entry.clientOrderId));
    await until('all outcomes journaled', () => stage.ledger.orders.size >= ids.size);
    await clock.sleep(100);
    const journaled = await stage.journal.newestAccepted(book, 1 as Epoch, { among: 1000 });
    expect(new Set(journaled.map((entry) => entry.clientOrderId))).toEqual(ids);
    expect((await stage.journal.openIntents(book)).intents).toEqual([]);
  });

  it('started in the middle of an epoch, it waits out and resolves what its former life sent in it', async () => {
    const lost = { book, epoch: 1 as Epoch, sequence: 1_000_000_003 };
    const guard = new ToldGuard(2);
    guard.say('held', 1);
    const former = stage.bybit(guard);
    await former.warmUp();
    const { bid } = await former.touch();
    const intent = { symbol: 'BTC/USDT', side: 'buy', ...former.inSteps(bid * 0.9, 0.001) } as const;
    await stage.journal.writeIntent(lost, intent);
    const deadline = { expiresAtNs: String(clock.monotonicNs() + 1_000_000_000n), venueDeadlineMs: Date.now() + 1000 };
    expect(await former.place({ clientOrderId: clientOrderId(lost), ...intent }, deadline)).toMatchObject({ kind: 'accepted' });
    const beganMs = Date.now();
    stage.trader(guard).start();
    await accepted(4, 1);
    expect(Date.now() - beganMs).toBeGreaterThan(2250);
    // Marks are raised above the lane of the former life: what is not resolved by then is never looked at again.
    await until('its outcome', async () => {
      const known = await stage.journal.newestAccepted(book, 1 as Epoch, { among: 1000 });
      return known.some(({ sequence }) => sequence === lost.sequence);
    });
  });

  it('leaves in the journal how long orders took and what its executions have earned', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    stage.venue.setFault({ replyDelayMs: 120, paths: [createOrderPath] });
    guard.say('held', 1);
    const mark = await until('a mark above an execution', async () => {
      const found = await stage.journal.mark(book);
      return (found?.position?.counted ?? '') !== '' && found;
    });
    const executions = stage.venue.market.executions('1');
    const since = new Set(notCounted(executions, mark.position?.counted ?? ''));
    const counted = executions.filter((execution) => !since.has(execution));
    const earned = counted.reduce(
      (sum, { order, priceCents, quantityMicro, fee, feeCurrency }) => {
        const [sign, of] = [order.side === 'Sell' ? 1 : -1, quantityMicro / 1e6];
        const isBase = feeCurrency === 'BTC';
        return { cash: sum.cash + (sign * of * priceCents) / 100 - (isBase ? 0 : Number(fee)), base: sum.base - sign * of - (isBase ? Number(fee) : 0) };
      },
      { cash: 0, base: 0 },
    );
    expect(counted.length).toBeGreaterThan(0);
    expect(Number(mark.result?.cash)).toBeCloseTo(earned.cash, 6);
    expect(Number(mark.result?.base)).toBeCloseTo(earned.base, 9);
    const page = (await stage.journal.entries(book, undefined, mark).next()).value as readonly JournalEntry[];
    expect(page.length).toBeGreaterThan(0);
    for (const { outcome } of page) expect(outcome?.latencyMs).toBeGreaterThanOrEqual(115);
  });

  it('bounds what rests at the venue', async () => {
    const guard = new ToldGuard();
    stage
      .trader(guard, { ordersPerSecond: 40, quoting: { quantity: 0.0005, distance: 0.01, positionLimit: 1, openOrdersAtMost: 10 } })
      .start();
    await ready(guard);
    guard.say('held', 1);
    await until('a cancellation', () => stage.venue.record.some((entry) => entry.path === '/v5/order/cancel-batch' && entry.accepted));
    await until('few enough', () => stage.venue.market.resting('1').length <= 30);
    expect(
      [...stage.ledger.orders.values()].some((order) => order.state === 'CANCELLED') ||
        (await until('a cancelled order known', () => [...stage.ledger.orders.values()].some((order) => order.state === 'CANCELLED'))),
    ).toBe(true);
  });

  it('stops at once when it drains, and says so only when every outcome is known', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(3, 1);
    stage.venue.setFault({ replyDelayMs: 300, paths: [createOrderPath] });
    const before = stage.venue.record.length;
    await until('an order under way', () => stage.venue.record.slice(before).some((entry) => entry.path === createOrderPath));
    const beganMs = Number(clock.monotonicNs()) / 1e6;
    guard.say('draining', 1);
    const [drained] = await until('drained', () => guard.drains.length > 0 && guard.drains);
    expect(drained).toMatchObject({ epoch: 1, drain: 1 });
    const last = orders(1).at(-1);
    expect((drained?.atMs ?? 0) - (last?.decidedAtMs ?? 0)).toBeGreaterThan(295);
    expect((drained?.atMs ?? 0) - beganMs).toBeLessThan(2000);
    const count = orders(1).length;
    await clock.sleep(300);
    expect(orders(1)).toHaveLength(count);
  });

  it.each([3000, -3000])("trades on when the venue's clock is set by %i ms: few refusals, the breaker stays closed", async (stepMs) => {
    const guard = new ToldGuard();
    const breaker = breakerOf(noBreakerStore);
    stage.trader(guard, { breaker, ordersPerSecond: 20 }).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(3, 1);
    const before = stage.venue.record.length;
    let permits = 0;
    const permit = guard.permit.bind(guard);
    guard.permit = () => {
      permits += 1;
      return permit();
    };
    // The guard needs a while, in which the trader would send ten orders more.
    const meanwhile: number[] = [];
    guard.onClockDoubted = () => {
      guard.clockOffsetMs = stepMs;
      const permitsThen = permits;
      setTimeout(() => {
        meanwhile.push(permits - permitsThen);
        guard.say('held', 1);
      }, 500);
    };
    stage.venue.setClockOffset(stepMs);
    const since = () => stage.venue.record.slice(before).filter((entry) => entry.path === createOrderPath);
    await until('orders accepted by the new clock', () => since().filter((entry) => entry.accepted).length >= 5);
    expect(since().filter((entry) => entry.code === 10002).length).toBeGreaterThan(0);
    // Those that were under way when the first was refused may be, too; one at most had asked whether it may begin.
    expect(meanwhile[0]).toBeLessThanOrEqual(1);
    expect(guard.clockDoubts).toBeGreaterThan(0);
    expect(breaker.openings).toBe(0);
  });

  it('tries again, order by order, when the guard does not come to measure', async () => {
    const guard = new ToldGuard();
    stage.trader(guard, { ordersPerSecond: 20 }).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(3, 1);
    const before = stage.venue.record.length;
    stage.venue.setClockOffset(3000);
    const refused = () => stage.venue.record.slice(before).filter((entry) => entry.path === createOrderPath && entry.code === 10002);
    // Those on their way when the clock was set may all be refused; then it waits a second for the guard.
    await until('another try', () => (refused().at(-1)?.arrivedAtMs ?? 0) - (refused()[0]?.arrivedAtMs ?? 0) > 900);
    expect(refused().length).toBeLessThanOrEqual(9);
    expect(guard.clockDoubts).toBeGreaterThanOrEqual(2);
    stage.venue.setClockOffset(0);
    const count = orders(1).length;
    await accepted(count + 3, 1);
  });

  it('goes on in the same epoch when a drain is called off', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(2, 1);
    guard.say('draining', 1);
    await until('drained', () => guard.drains.length === 1);
    const count = orders(1).length;
    guard.say('held', 1);
    await accepted(count + 3, 1);
    expect(judge(stage.venue.record, { book }).duplicatesAccepted).toBe(0);
  });

  it('never sends again an order whose answer was lost: it looks, after the deadline', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(2, 1);
    stage.venue.setFault({ reply: 'cut', paths: [createOrderPath] });
    const before = orders(1).length;
    await accepted(before + 3, 1);
    stage.venue.clearFault();
    guard.say('draining', 1);
    await until('drained', () => guard.drains.length === 1);
    const judgement = judge(stage.venue.record, { book });
    expect(judgement).toMatchObject({ duplicatesAccepted: 0, staleEpochAccepted: 0 });
    expect(new Set(stage.venue.record.filter((entry) => entry.path === createOrderPath).map((entry) => entry.clientOrderId)).size).toBe(
      judgement.ordersSent,
    );
    await clock.sleep(100);
    // Each accepted one is known as accepted, although its answer never came.
    const known = await stage.journal.newestAccepted(book, 1 as Epoch, { among: 1000 });
    expect(known).toHaveLength(judgement.ordersAccepted);
  });

  it('takes over what a dead holder left: resting orders adopted, open intents resolved', async () => {
    const dead = stage.bybit();
    const intent = { symbol: 'BTC/USDT', side: 'buy' as const, price: '59000', quantity: '0.0005' };
    const deadline = () => ({ expiresAtNs: (clock.monotonicNs() + 1_000_000_000n).toString(), venueDeadlineMs: Date.now() + 1000 });
    // One reached the venue and nobody wrote so; one never left.
    await stage.journal.writeIntent({ book, epoch: 1 as Epoch, sequence: 1 }, intent);
    await stage.journal.writeIntent({ book, epoch: 1 as Epoch, sequence: 2 }, intent);
    const arrived = clientOrderId({ book, epoch: 1 as Epoch, sequence: 1 });
    expect(await dead.place({ clientOrderId: arrived, ...intent }, deadline())).toMatchObject({ kind: 'accepted' });

    const guard = new ToldGuard(2);
    stage.trader(guard).start();
    await ready(guard);
    guard.say('granted', 2);
    guard.say('held', 2);
    await accepted(1, 2);
    await until('both resolved', () => stage.ledger.orders.has(arrived));
    await clock.sleep(150);
    expect((await stage.journal.openIntents(book)).intents.filter((entry) => entry.epoch === 1)).toEqual([]);
    expect((await stage.journal.newestAccepted(book, 1 as Epoch, { among: 10 })).map((entry) => entry.clientOrderId)).toEqual([arrived]);
    expect(stage.ledger.orders.get(arrived)).toMatchObject({ state: 'SUBMITTED', epoch: 1 });
  });

  it('does not trade in an epoch that the venue knows to be old', async () => {
    const newer = clientOrderId({ book, epoch: 9 as Epoch, sequence: 1 });
    await stage.bybit().place(
      { clientOrderId: newer, symbol: 'BTC/USDT', side: 'buy', price: '59000', quantity: '0.0005' },
      {
        expiresAtNs: (clock.monotonicNs() + 1_000_000_000n).toString(),
        venueDeadlineMs: Date.now() + 1000,
      },
    );
    const guard = new ToldGuard();
    const errors: string[] = [];
    stage
      .trader(guard, {
        log: (level, _message, fields) => {
          if (level === 'error') errors.push(String(fields?.['error']));
        },
      })
      .start();
    await ready(guard);
    guard.say('held', 3);
    await until('the refusal', () => errors.find((error) => error.includes('epoch 3 is not the newest')));
    await clock.sleep(150);
    expect(orders(3)).toEqual([]);
  });

  it('hands over from one to the next with a gap of its own spacing and a few round trips', async () => {
    const [a, b] = [new ToldGuard(1), new ToldGuard(2)];
    stage.trader(a).start();
    stage.trader(b).start();
    await Promise.all([ready(a), ready(b)]);
    a.say('held', 1);
    await accepted(5, 1);
    let [from, to] = [a, b];
    for (let epoch = 1; epoch <= 4; epoch++) {
      // The real guards: the hand-over's write and the successor's read of it, then its own renewal.
      from.onDrained = () =>
        void (async () => {
          await clock.sleep(30 + 10);
          from.say('standby', null);
          to.say('granted', epoch + 1);
          await clock.sleep(30);
          to.say('held', epoch + 1);
        })();
      from.say('draining', epoch);
      await accepted(8, epoch + 1);
      from.onDrained = () => undefined;
      [from, to] = [to, from];
    }
    const judgement = judge(stage.venue.record, { book });
    expect(judgement).toMatchObject({ duplicatesAccepted: 0, staleEpochAccepted: 0, lateRejected: 0, overlapMs: 0 });
    expect(judgement.handovers).toHaveLength(4);
    const gaps = judgement.handovers.map((handover) => Math.round(handover.gapMs));
    if (process.env['SHOW_GAPS']) process.stdout.write(`gaps ${gaps.join(' ')} ms\n`);
    expect(Math.max(...gaps)).toBeLessThan(600);
  });

  it('halts the book when the account traded without it while nobody looked, and sends nothing', async () => {
    const [a, b] = [new ToldGuard(1), new ToldGuard(2)];
    const first = stage.trader(a);
    first.start();
    await ready(a);
    a.say('held', 1);
    await accepted(5, 1);
    a.say('draining', 1);
    await until('drained', () => a.drains.length === 1);
    await until('a mark', async () => (await stage.journal.openIntents(book)).mark?.position !== undefined);
    a.say('standby', null);
    await byHand();

    const pages: Record<string, unknown>[] = [];
    stage
      .trader(b, { log: (level, message, fields) => level === 'error' && pages.push({ message, ...fields }) })
      .start();
    await ready(b);
    b.say('granted', 2);
    b.say('held', 2);
    await until('the halt', () => b.halts.length > 1);
    expect(pages).toMatchObject([{ severity: 'P0', epoch: 2, message: expect.stringContaining('not what the journal leads to') }]);
    expect(b.halts[0]).toMatchObject({ epoch: 2, reason: expect.stringContaining('expected') });
    await until('drained', () => b.drains.length === 1);
    // A guard that says "held" once more, late, changes nothing.
    b.say('held', 2);
    await clock.sleep(300);
    expect(orders(2)).toEqual([]);
    expect((await stage.journal.openIntents(book)).mark?.epoch).toBe(1);

    // A person looked and resumed: what was known before counts no more, and it trades.
    const c = new ToldGuard(3);
    c.resumedFrom = 2;
    stage.trader(c).start();
    await ready(c);
    c.say('held', 3);
    await accepted(3, 3);
    expect(c.halts).toEqual([]);
  });

  it('halts the book when somebody else trades on its account while it trades', async () => {
    const guard = new ToldGuard();
    stage.trader(guard).start();
    await ready(guard);
    guard.say('held', 1);
    await accepted(3, 1);
    await byHand();
    await until('the halt', () => guard.halts.length > 1);
    expect(guard.halts[0]?.reason).toContain('no order of this book made');
    const count = orders(1).length;
    await clock.sleep(300);
    expect(orders(1)).toHaveLength(count);
  });
});

/** A trade on the book's account that no order of the book made. */
async function byHand(): Promise<void> {
  const hand = stage.bybit();
  await hand.warmUp();
  const { ask } = await hand.touch();
  const deadline = { expiresAtNs: (clock.monotonicNs() + 1_000_000_000n).toString(), venueDeadlineMs: Date.now() + 1000 };
  const order = { clientOrderId: 'byhand', symbol: 'BTC/USDT', side: 'buy' as const, ...hand.inSteps(ask * 1.01, 0.002) };
  expect(await hand.place(order, deadline)).toMatchObject({ kind: 'accepted' });
}
