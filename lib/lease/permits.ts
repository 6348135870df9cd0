/**
 * Leave to send one changing request, computed from the lease's view and the clock alone: the guard does it for
 * bots that ask by HTTP, the permit source inside a TypeScript bot with no call at all.
 */
import type { LeaseView, Permit, PermitRefusal, VenueClock } from '../contracts/guard-api.ts';
import { clientOrderId, sequencesPerLane } from '../trading/client-order-id.ts';
import type { BookName, Epoch, MonotonicNs } from './model.ts';

/** A request is short-lived in itself, which also bounds a drain. */
export const permitLongestMs = 2000;
/** With less than this left, a request would be refused on arrival. */
export const permitShortestMs = 20;
/** A venue clock known no better than this gives no permit: expiries would end too early or, worse, too late. */
export const venueUncertaintyMaxMs = 250;

/** A view, with its validity read once. */
export interface PermitTerms {
  readonly view: LeaseView;
  readonly validUntilNs?: bigint;
}

export function termsOf(view: LeaseView): PermitTerms {
  return {
    view,
    ...(view.validUntilNs === null ? {} : { validUntilNs: BigInt(view.validUntilNs) }),
  };
}

/** How far the venue's clock may be off by then, on this host's monotonic clock. */
export function uncertaintyAtMs(clock: VenueClock, atMs: number): number {
  return clock.uncertaintyMs + (clock.driftPpm / 1e6) * (atMs - Number(clock.measuredAtNs) / 1e6);
}

export function isHeld(terms: PermitTerms, nowNs: MonotonicNs): boolean {
  return terms.view.state === 'held' && terms.validUntilNs !== undefined && nowNs < terms.validUntilNs;
}

/** `nth` counts the permits of the view's lane. */
export function permitFor(terms: PermitTerms, nowNs: MonotonicNs, nth: number): Permit | PermitRefusal {
  const { view, validUntilNs } = terms;
  if (view.state === 'draining') return refusal('draining', 'the lease is being handed over: send nothing new, then POST /v1/drained');
  if (view.epoch === null || validUntilNs === undefined || !isHeld(terms, nowNs)) {
    const wanted = 'wait for the state held and a validity that is ahead';
    return refusal('not-held', `this instance may not send (state ${view.state}): ${wanted}`);
  }
  const clock = view.venueClock;
  if (clock === null) {
    return refusal('venue-clock-unknown', "the venue's clock has not been measured yet: is its address reachable from this task?");
  }
  const shortLivedUntilNs = nowNs + BigInt(permitLongestMs) * 1_000_000n;
  const expiresAtNs = shortLivedUntilNs < validUntilNs ? shortLivedUntilNs : validUntilNs;
  const uncertaintyMs = uncertaintyAtMs(clock, Number(expiresAtNs) / 1e6);
  if (uncertaintyMs > venueUncertaintyMaxMs) {
    const seen = `the venue's clock is known to ±${uncertaintyMs.toFixed(0)} ms, wanted ±${venueUncertaintyMaxMs} ms`;
    return refusal('venue-clock-uncertain', `${seen}: the way to the venue is slow or broken`);
  }
  const remainingMs = Number(expiresAtNs - nowNs) / 1e6 - uncertaintyMs;
  if (remainingMs < permitShortestMs) {
    return refusal('too-late', `${remainingMs.toFixed(0)} ms remain, wanted ${permitShortestMs} ms: wait for the next renewal`);
  }
  const sequence = view.lane * sequencesPerLane + nth;
  return {
    epoch: view.epoch,
    clientOrderId: clientOrderId({ book: view.book as BookName, epoch: view.epoch as Epoch, sequence }),
    expiresAtNs: expiresAtNs.toString(),
    // Rounded down: a millisecond less is safe, one more is not.
    venueDeadlineMs: Math.floor(Number(expiresAtNs) / 1e6 + clock.offsetMs - uncertaintyMs),
  };
}

function refusal(error: PermitRefusal['error'], message: string): PermitRefusal {
  return { error, message };
}
