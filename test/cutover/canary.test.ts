/** What a canary's figures make of it: every limit at its edge, and what no order of events may change. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canaryFiguresIn } from '../../lib/cutover/canary-figures.ts';
import { canaryLimits, judgeCanary, type CanaryJudgement, type CanaryReading } from '../../lib/cutover/canary.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import type { JournalEntry, JournalMark, Outcome } from '../../lib/trading/journal.ts';

const capital = 10_000;
const fresh = { baseline: null, looks: 0, sent: 0, failed: 0, slowLooks: 0, blindLooks: 0 };
const minute = (more: Partial<CanaryReading> = {}): CanaryReading =>
  ({ sent: 600, failed: 0, latenciesMs: [20, 30], result: { cash: '0', base: '0', since: '3', mid: '60000' }, ...more });
const earning = (cash: number, base = 0, mid = 60_000): Partial<CanaryReading> => ({ result: { cash: String(cash), base: String(base), since: '3', mid: String(mid) } });

/** Look after look until it is over; the last of the readings is the last look. */
function watched(readings: readonly CanaryReading[], before = fresh as CanaryJudgement['tally']): CanaryJudgement & { readonly looks: number } {
  let tally = before;
  for (const [index, reading] of readings.entries()) {
    const judged = judgeCanary(tally, reading, { capital, last: index === readings.length - 1 });
    if (judged.verdict !== 'watching') return { ...judged, looks: index + 1 };
    tally = judged.tally;
  }
  throw new Error('the last look must decide');
}
const times = (count: number, reading: CanaryReading): CanaryReading[] => Array.from({ length: count }, () => reading);
const slow = minute({ latenciesMs: [501] });

describe('the limits, at their edges', () => {
  test.each<[string, readonly CanaryReading[], string, number]>([
    ['a loss of 2 % is none', times(10, minute(earning(-200))), 'healthy', 10],
    ['a loss of more is', [minute(), minute(earning(-200.01)), minute()], 'breach', 2],
    ['coins count at what they are worth now', [minute(earning(-3000, 0.05)), minute(earning(-3000, 0.05, 55_999)), minute()], 'breach', 2],
    ['a gain is none', times(10, minute(earning(500))), 'healthy', 10],
    ['errors of 5 % are none', times(10, minute({ failed: 30 })), 'healthy', 10],
    ['errors of more are', [minute({ sent: 600, failed: 31 }), minute()], 'breach', 1],
    ['of 99 orders nothing is said of errors yet', [minute({ sent: 99, failed: 60 }), minute({ sent: 1 })], 'breach', 2],
    ['of 100 it is', [minute({ sent: 100, failed: 6 }), minute()], 'breach', 1],
    ['of few orders it is at the end', [minute({ sent: 10, failed: 6 })], 'breach', 1],
    ['errors count over the whole watch', [...times(4, minute()), minute({ failed: 120 }), ...times(5, minute())], 'healthy', 10],
    ['500 ms are not slow', times(10, minute({ latenciesMs: [500] })), 'healthy', 10],
    ['four slow minutes are not sustained', [...times(4, slow), minute(), ...times(4, slow), minute()], 'healthy', 10],
    ['five are', [minute(), ...times(5, slow), minute()], 'breach', 6],
    ['a minute without orders does not end a slow time', [...times(3, slow), minute({ sent: 0, latenciesMs: [] }), ...times(3, slow)], 'breach', 6],
    ['one slow order of twenty is not the 95th percentile', times(10, minute({ latenciesMs: [...Array<number>(19).fill(20), 9000] })), 'healthy', 10],
    ['two of twenty are', times(10, minute({ latenciesMs: [...Array<number>(18).fill(20), 9000, 9000] })), 'breach', 5],
    ['four orders a minute are enough', times(10, minute({ sent: 4 })), 'healthy', 10],
    ['fewer are not', [...times(9, minute({ sent: 4 })), minute({ sent: 3 })], 'inconclusive', 10],
    ['four silent minutes are', [minute(), ...times(4, minute({ sent: 0, latenciesMs: [] })), minute()], 'healthy', 6],
    ['five are not', [minute(), ...times(5, minute({ sent: 0, latenciesMs: [] })), minute()], 'inconclusive', 6],
    ['five minutes without a result are not', [minute(), ...times(5, minute({ result: undefined })), minute()], 'inconclusive', 6],
    ['at the end the result must be known', [...times(9, minute()), minute({ result: undefined })], 'inconclusive', 10],
    ['results of two beginnings cannot be compared', [minute(), minute({ result: { cash: '0', base: '0', since: '4', mid: '60000' } })], 'inconclusive', 2],
  ])('%s', (_, readings, verdict, looks) => {
    expect(watched(readings)).toMatchObject({ verdict, looks });
  });

  test('what was earned before the release came is not its own', () => {
    const before = { ...fresh, baseline: { cash: '-5000', base: '0.1', since: '3' } };
    expect(watched([minute(earning(-5150, 0.1))], before).verdict).toBe('healthy');
    expect(watched([minute(earning(-5201, 0.1))], before).verdict).toBe('breach');
  });

  test('its words have the figures', () => {
    expect(watched([minute({ ...earning(-123), failed: 3 })]).seen).toBe('loss 1.23 % of 10000, errors 0.50 % of 600 orders, p95 latency 30 ms, after 1 looks');
    expect(watched([minute({ failed: 60 })]).seen).toMatch(/^More than 5\.00 % of its orders failed \(/);
  });
});

describe('whatever it does', () => {
  const anyMinute = fc.record({
    sent: fc.integer({ min: 0, max: 600 }),
    share: fc.double({ min: 0, max: 0.1, noNaN: true }),
    latenciesMs: fc.array(fc.integer({ min: 1, max: 1500 }), { maxLength: 20 }),
    cash: fc.integer({ min: -400, max: 400 }),
  });
  const readingsOf = (minutes: readonly { sent: number; share: number; latenciesMs: number[]; cash: number }[]): CanaryReading[] =>
    minutes.map(({ sent, share, latenciesMs, cash }) => minute({ sent, failed: Math.floor(sent * share), latenciesMs, ...earning(cash) }));

  test('the verdict is the one of the limits, computed from the whole', () => {
    fc.assert(fc.property(fc.array(anyMinute, { minLength: 1, maxLength: 60 }), (minutes) => {
      const readings = readingsOf(minutes);
      const { verdict, looks } = watched(readings);
      const seen = readings.slice(0, looks);
      const sent = seen.reduce((sum, reading) => sum + reading.sent, 0);
      const failed = seen.reduce((sum, reading) => sum + reading.failed, 0);
      const slowest = (reading: CanaryReading): number => reading.latenciesMs.toSorted((a, b) => a - b)[Math.ceil(reading.latenciesMs.length * 0.95) - 1] ?? 0;
      const recent = seen.filter((reading) => reading.latenciesMs.length > 0).slice(-canaryLimits.sustainedLooks);
      const breaks = minutes[looks - 1]!.cash < -200
        || (failed / sent > 0.05 && (sent >= 100 || looks === readings.length))
        || (recent.length === 5 && recent.every((reading) => slowest(reading) > 500));
      expect(verdict === 'breach').toBe(breaks);
      if (verdict === 'healthy') expect(looks).toBe(readings.length);
    }));
  });

  test('a greater loss, another failure, a slower order never make a breach healthy', () => {
    fc.assert(fc.property(fc.array(anyMinute, { minLength: 1, maxLength: 30 }), fc.nat(), (minutes, which) => {
      const readings = readingsOf(minutes);
      fc.pre(watched(readings).verdict === 'breach');
      const at = which % readings.length;
      const { sent, latenciesMs } = readings[at]!;
      const worse = readings.with(at, minute({ sent, failed: sent, latenciesMs: latenciesMs.map((ms) => ms + 1000), ...earning(-10_000) }));
      expect(watched(worse).verdict).toBe('breach');
    }));
  });
});

describe('the figures in the journal', () => {
  const book = 'alphac' as BookName;
  const entry = (sequence: number, outcome?: Outcome): JournalEntry => ({
    book, epoch: 3 as Epoch, sequence, clientOrderId: `o${sequence}`, intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' },
    ...(outcome && { outcome }),
  });
  const all = [
    entry(1, { status: 'accepted', latencyMs: 700 }), entry(2, { status: 'accepted', latencyMs: 20 }), entry(3, { status: 'rejected' }),
    entry(4, { status: 'expired' }), entry(5, { status: 'never-sent' }), entry(6, { status: 'accepted' }), entry(7), entry(8, { status: 'rejected' }),
  ];
  const epoch = 3 as Epoch;
  const mark: JournalMark = { epoch, sequence: 8, result: { cash: '1', base: '2', since: '3', mid: '4' } };
  const figures = canaryFiguresIn({
    mark: async () => mark,
    async *entries(_book, from, below) {
      expect(below).toEqual({ epoch: 4, sequence: 0 });
      yield all.filter(({ sequence }) => sequence >= (from?.sequence ?? 0));
    },
  });

  test('count what reached the venue, or may have, up to the first whose outcome is not known', async () => {
    expect(await figures.orders(book, { epoch, sequence: 2 }, epoch)).toEqual({ sent: 4, failed: 2, latenciesMs: [20], next: { epoch, sequence: 7 } });
    expect(await figures.orders(book, { epoch, sequence: 7 }, epoch)).toEqual({ sent: 0, failed: 0, latenciesMs: [], next: { epoch, sequence: 7 } });
  });

  test('go on behind the last one', async () => {
    expect(await figures.orders(book, { epoch, sequence: 8 }, epoch)).toMatchObject({ sent: 1, failed: 1, next: { epoch, sequence: 9 } });
    expect(await figures.orders(book, { epoch, sequence: 9 }, epoch)).toMatchObject({ sent: 0, next: { epoch, sequence: 9 } });
  });

  test('have the mark as it is', async () => {
    expect(await figures.mark(book)).toEqual(mark);
  });
});
