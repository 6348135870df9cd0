/**
 * The venue's clock against this host's monotonic clock. The venue stamped its answer somewhere between our
 * question and our reading of it, so half the round trip bounds the error; the best of several samples counts,
 * and what was measured grows worse with time by the drift assumed.
 */
import type { VenueClock } from '../../lib/contracts/guard-api.ts';

/** What the kernel may slew a clock by while it follows a time server. */
const driftPpm = 500;
const samples = 5;

export interface ClockSample {
  readonly sentMs: number;
  readonly receivedMs: number;
  /** The venue's time in its answer, and how finely it tells it. */
  readonly venueMs: number;
  readonly resolutionMs: number;
}

export function clockFrom(sample: ClockSample): VenueClock {
  const middleMs = (sample.sentMs + sample.receivedMs) / 2;
  return {
    offsetMs: sample.venueMs - middleMs,
    uncertaintyMs: (sample.receivedMs - sample.sentMs) / 2 + sample.resolutionMs,
    driftPpm,
    measuredAtNs: BigInt(Math.floor(middleMs * 1e6)).toString(),
  };
}

/** How far the clock may be off by then. */
export function uncertaintyAt(clock: VenueClock, nowMs: number): number {
  return clock.uncertaintyMs + (clock.driftPpm / 1e6) * (nowMs - Number(clock.measuredAtNs) / 1e6);
}

/** The better one now: an old good measurement may still beat a new bad one. */
export function better(known: VenueClock | undefined, measured: VenueClock, nowMs: number): VenueClock {
  return known !== undefined && uncertaintyAt(known, nowMs) < uncertaintyAt(measured, nowMs) ? known : measured;
}

export type VenueTime = (signal: AbortSignal) => Promise<{ readonly venueMs: number; readonly resolutionMs: number }>;

/** Several questions, one after the other so that they do not delay each other; the best of those answered. */
export async function measure(venueTime: VenueTime, monotonicMs: () => number, timeoutMs: number): Promise<VenueClock> {
  let best: VenueClock | undefined;
  let failure: unknown;
  for (let sample = 0; sample < samples; sample += 1) {
    try {
      const sentMs = monotonicMs();
      const answer = await venueTime(AbortSignal.timeout(timeoutMs));
      const receivedMs = monotonicMs();
      best = better(best, clockFrom({ sentMs, receivedMs, ...answer }), receivedMs);
    } catch (error) {
      failure = error;
    }
  }
  if (best === undefined) throw new Error(`none of ${samples} questions for the venue's time was answered`, { cause: failure });
  return best;
}

/** Bybit v5: nanoseconds as text, and milliseconds beside them. */
export function bybitTime(baseUrl: string): VenueTime {
  const url = new URL('/v5/market/time', baseUrl);
  return async (signal) => {
    const response = await fetch(url, { signal });
    const body = (await response.json()) as { retCode?: number; time?: number; result?: { timeNano?: string } };
    const nano = body.result?.timeNano;
    if (nano !== undefined && /^\d{19}$/.test(nano)) return { venueMs: Number(BigInt(nano) / 1000n) / 1000, resolutionMs: 0.001 };
    if (typeof body.time === 'number') return { venueMs: body.time, resolutionMs: 1 };
    throw new Error(`${url.href} answered ${response.status} without a time: is it the REST address of the venue?`);
  };
}
