/** The bound on the venue's clock holds whatever the two ways of a round trip take, and whenever the venue sets its clock. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { clockFrom, measure, trusted, type ClockSample } from '../../containers/guard/venue-clock.ts';
import type { VenueClock } from '../../lib/contracts/guard-api.ts';
import { uncertaintyAtMs } from '../../lib/lease/permits.ts';

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

const clockOf = (sample: Omit<ClockSample, 'resolutionMs'>) => clockFrom({ ...sample, resolutionMs: 0 });

test('a good answer counts at once, a bad one only against an older one that it refutes', () => {
  const old = clockOf({ sentMs: 0, receivedMs: 2, venueMs: 100 });
  expect(uncertaintyAtMs(old, 1)).toBeCloseTo(1);
  expect(uncertaintyAtMs(old, 60_001)).toBeCloseTo(31);
  const good = clockOf({ sentMs: 60_000, receivedMs: 60_200, venueMs: 60_150 });
  const bad = clockOf({ sentMs: 60_000, receivedMs: 60_400, venueMs: 60_150 });
  const refuting = clockOf({ sentMs: 60_000, receivedMs: 60_400, venueMs: 63_150 });
  expect(trusted(undefined, bad, 60_400)).toBe(bad);
  expect(trusted(old, good, 60_200)).toBe(good);
  expect(trusted(old, bad, 60_400)).toBe(old);
  expect(trusted(old, refuting, 60_400)).toBe(refuting);
  // An old one that has grown worse than the new one is no better for being old.
  const muchLater = clockOf({ sentMs: 600_000, receivedMs: 600_400, venueMs: 600_300 });
  expect(trusted(old, muchLater, 600_400)).toBe(muchLater);
});

/** A venue that sets its clock at those moments by so much, and takes so long each way to answer. */
interface StepsAndWays {
  readonly ways: readonly { readonly outMs: number; readonly backMs: number }[];
  readonly steps: readonly { readonly atMs: number; readonly byMs: number }[];
}

async function measured({ ways, steps }: StepsAndWays, known: VenueClock | undefined) {
  let nowMs = 100_000;
  let asked = 0;
  let lastMs = 0;
  const offset = (atMs: number): number => 5000 + steps.filter((step) => step.atMs <= atMs).reduce((sum, { byMs }) => sum + byMs, 0);
  const venueTime = async (): Promise<{ venueMs: number; resolutionMs: number }> => {
    const { outMs, backMs } = ways[asked % ways.length]!;
    asked += 1;
    nowMs += outMs;
    lastMs = nowMs;
    const venueMs = nowMs + offset(nowMs);
    nowMs += backMs;
    return { venueMs, resolutionMs: 0.001 };
  };
  const clock = await measure({ venueTime, monotonicMs: () => nowMs, timeoutMs: 1000, known });
  return { clock, offset, endMs: nowMs, lastMs, asked };
}

const way = fc.double({ min: 0, max: 600, noNaN: true });
const venues = fc.record({
  ways: fc.array(fc.record({ outMs: way, backMs: way }), { minLength: 5, maxLength: 5 }),
  steps: fc.array(
    fc.record({ atMs: fc.double({ min: 90_000, max: 106_000, noNaN: true }), byMs: fc.double({ min: -5000, max: 5000, noNaN: true }) }),
    { maxLength: 3 },
  ),
});
const before = fc.option(fc.double({ min: 0.1, max: 300, noNaN: true }), { nil: undefined });

test('a good clock is right as of its last answer, whenever the venue set its own; a step that shows is not overlooked', async () => {
  await fc.assert(
    fc.asyncProperty(venues, before, async (venue, uncertaintyMs) => {
      // Right once: before the steps.
      const known = uncertaintyMs === undefined ? undefined : { offsetMs: 5000, uncertaintyMs, driftPpm: 500, measuredAtNs: '80000000000' };
      const { clock, offset, endMs, lastMs, asked } = await measured(venue, known);
      const errorMs = Math.abs(clock.offsetMs - offset(lastMs));
      const last = venue.ways[asked - 1]!;
      const lastUncertaintyMs = (last.outMs + last.backMs) / 2 + 0.001;
      const statedMs = uncertaintyAtMs(clock, endMs) + 1e-3;
      if (lastUncertaintyMs <= 125) expect(errorMs).toBeLessThanOrEqual(statedMs);
      // Slow answers leave a doubt that a step can hide in, and no larger one can.
      else expect(errorMs).toBeLessThanOrEqual(statedMs + 2 * (lastUncertaintyMs + 1));
      if (venue.steps.length === 0) expect(errorMs).toBeLessThanOrEqual(statedMs);
    }),
    { numRuns: 500 },
  );
});

test('asks no more once an answer is good, five times at most; none is an error', async () => {
  const good = { outMs: 2, backMs: 2 };
  const bad = { outMs: 300, backMs: 300 };
  const asked = async (ways: StepsAndWays['ways']) => (await measured({ ways, steps: [] }, undefined)).asked;
  expect(await asked([good])).toBe(1);
  expect(await asked([bad, bad, good])).toBe(3);
  expect(await asked([bad])).toBe(5);
  const dead = async (): Promise<never> => Promise.reject(new Error('no route'));
  const known = clockOf({ sentMs: 0, receivedMs: 2, venueMs: 100 });
  await expect(measure({ venueTime: dead, monotonicMs: () => 0, timeoutMs: 100, known })).rejects.toThrow('none of 5 questions');
});
