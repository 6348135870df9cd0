/** A permit is leave to send until its expiry: whatever the view, the instant and the error of the venue's clock, nothing sent by it can be accepted once the lease has run out. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LeaseView } from '../../lib/contracts/guard-api.ts';
import type { MonotonicNs } from '../../lib/lease/model.ts';
import { isHeld, permitFor, permitLongestMs, permitShortestMs, termsOf, uncertaintyAtMs, venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import { parseClientOrderId, sequencesPerLane } from '../../lib/trading/client-order-id.ts';

const ns = (ms: number): MonotonicNs => BigInt(Math.round(ms * 1e6)) as MonotonicNs;
const validUntilMs = 60_000;
const held: LeaseView = {
  book: 'alpha', instance: 'us-east-1/blue/1', colour: 'blue', region: 'us-east-1', state: 'held', epoch: 3, validUntilNs: String(ns(validUntilMs)),
  venueClock: { offsetMs: 5000, uncertaintyMs: 10, driftPpm: 0, measuredAtNs: String(ns(50_000)) }, drain: 0, lane: 2,
};
const refusalAt = (view: LeaseView, nowMs: number): string | undefined => {
  const permit = permitFor(termsOf(view), ns(nowMs), 1);
  return 'error' in permit ? permit.error : undefined;
};

describe('a permit', () => {
  test('never lasts longer than the lease, nor than two seconds, nor is it accepted later at a venue whose clock is as wrong as it may be', () => {
    let given = 0;
    fc.assert(fc.property(
      fc.record({
        leftMs: fc.integer({ min: -1000, max: 6000 }),
        offsetMs: fc.integer({ min: -1e6, max: 2e12 }),
        uncertaintyMs: fc.integer({ min: 0, max: 300 }),
        driftPpm: fc.integer({ min: 0, max: 10_000 }),
        measuredAgoMs: fc.integer({ min: 0, max: 10_000 }),
        wrongBy: fc.integer({ min: -10, max: 10 }),
      }),
      ({ leftMs, offsetMs, uncertaintyMs, driftPpm, measuredAgoMs, wrongBy }) => {
        const nowMs = validUntilMs - leftMs;
        const venueClock = { offsetMs, uncertaintyMs, driftPpm, measuredAtNs: String(ns(nowMs - measuredAgoMs)) };
        const permit = permitFor(termsOf({ ...held, venueClock }), ns(nowMs), 1);
        if ('error' in permit) return;
        given += 1;
        const expiresAtMs = Number(permit.expiresAtNs) / 1e6;
        expect(expiresAtMs).toBeLessThanOrEqual(validUntilMs);
        expect(expiresAtMs - nowMs).toBeLessThanOrEqual(permitLongestMs + 1e-3);
        const wrongByMs = (wrongBy / 10) * uncertaintyAtMs(venueClock, expiresAtMs);
        // The instant here at which the venue's clock says that it is over.
        const overAtMs = permit.venueDeadlineMs - offsetMs - wrongByMs;
        // A number of this size has no thousandths.
        expect(overAtMs).toBeLessThanOrEqual(expiresAtMs + 1e-3);
      },
    ), { numRuns: 2000 });
    expect(given).toBeGreaterThan(200);
  });

  test('names its epoch, and numbers in the lane of its connection', () => {
    const ids = [1, 2].map((nth) => permitFor(termsOf(held), ns(50_000), nth)).map((permit) => ('error' in permit ? undefined : parseClientOrderId(permit.clientOrderId)));
    expect(ids).toEqual([1, 2].map((nth) => ({ book: 'alpha', epoch: 3, sequence: 2 * sequencesPerLane + nth })));
  });

  test.each([
    ['a lease that ran out', held, validUntilMs, 'not-held'],
    ['a lease with too little left', held, validUntilMs - permitShortestMs, 'too-late'],
    ['a lease that was granted and not yet renewed', { ...held, state: 'granted', validUntilNs: null }, 50_000, 'not-held'],
    ['a standby', { ...held, state: 'standby', epoch: null, validUntilNs: null }, 50_000, 'not-held'],
    ['a drain', { ...held, state: 'draining', validUntilNs: null }, 50_000, 'draining'],
    ['a venue whose clock is not known', { ...held, venueClock: null }, 50_000, 'venue-clock-unknown'],
    ['a venue whose clock is known too badly', { ...held, venueClock: { ...held.venueClock!, uncertaintyMs: venueUncertaintyMaxMs + 1 } }, 50_000, 'venue-clock-uncertain'],
  ] as const)('is refused for %s, and says so', (_what, view, nowMs, error) => {
    expect(refusalAt(view, nowMs)).toBe(error);
  });
});

test('a bot that asks whether it may send is told no from the instant at which the lease runs out, whatever it was told before', () => {
  const terms = termsOf(held);
  expect([isHeld(terms, ns(validUntilMs - 1)), isHeld(terms, ns(validUntilMs)), isHeld(terms, ns(validUntilMs + 3_600_000))]).toEqual([true, false, false]);
  expect(isHeld(termsOf({ ...held, state: 'draining' }), ns(50_000))).toBe(false);
});
