/** The bound on the venue's clock holds whatever the two ways of a round trip take. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { better, clockFrom, measure, uncertaintyAt } from '../../containers/guard/venue-clock.ts';

test('the true offset lies within the uncertainty', () => {
  const ms = fc.double({ min: 0, max: 500, noNaN: true });
  fc.assert(
    fc.property(ms, ms, fc.double({ min: 0, max: 1e12, noNaN: true }), (outMs, backMs, offsetMs) => {
      const sentMs = 1000;
      const clock = clockFrom({ sentMs, receivedMs: sentMs + outMs + backMs, venueMs: sentMs + outMs + offsetMs, resolutionMs: 0.001 });
      expect(Math.abs(clock.offsetMs - offsetMs)).toBeLessThanOrEqual(clock.uncertaintyMs + 1e-3);
    }),
  );
});

test('what was measured grows worse with time, until a new measurement is better', () => {
  const old = clockFrom({ sentMs: 0, receivedMs: 2, venueMs: 100, resolutionMs: 0 });
  const late = clockFrom({ sentMs: 60_000, receivedMs: 60_040, venueMs: 60_100, resolutionMs: 0 });
  expect(uncertaintyAt(old, 1)).toBeCloseTo(1);
  expect(uncertaintyAt(old, 60_001)).toBeCloseTo(31);
  expect(better(undefined, late, 60_040)).toBe(late);
  expect(better(old, late, 60_040)).toBe(late);
  const bad = clockFrom({ sentMs: 60_000, receivedMs: 60_400, venueMs: 60_100, resolutionMs: 0 });
  expect(better(old, bad, 60_400)).toBe(old);
});

test('the best of the answers counts; none is an error', async () => {
  let nowMs = 0;
  const takes = [30, 4, 50, 80, 9];
  const venueTime = async (): Promise<{ venueMs: number; resolutionMs: number }> => {
    nowMs += takes.shift() ?? 0;
    if (takes.length === 2) throw new Error('no route');
    return { venueMs: nowMs, resolutionMs: 0 };
  };
  expect((await measure(venueTime, () => nowMs, 100)).uncertaintyMs).toBe(2);
  const dead = async (): Promise<never> => Promise.reject(new Error('no route'));
  await expect(measure(dead, () => nowMs, 100)).rejects.toThrow('none of 5 questions');
});
