/**
 * The venue's clock against this host's monotonic clock. The venue stamped its answer somewhere between our
 * question and our reading of it, so half the round trip bounds the error; what was measured grows worse with time
 * by the drift assumed.
 *
 * A venue's clock may also be set. Only the newest answer is not spoilt by a step that came before it, so a good one
 * stands alone. While answers are slow an older one serves as long as the new ones bear it out; a step that hides within
 * the doubt of slow answers is the one that is not seen.
 */
import type { VenueClock } from '../../lib/contracts/guard-api.ts';
import { uncertaintyAtMs, venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import { askAt, type AskVenue } from './venue-request.ts';

/** What the kernel may slew a clock by while it follows a time server. */
const driftPpm = 500;
const questionsMax = 5;
/** Half of what permits need at the least: better is not worth a question more, and drift does not use it up. */
const goodUncertaintyMs = venueUncertaintyMaxMs / 2;

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

/** Whether both can be true of a clock that nobody has set in between. */
export function consistent(known: VenueClock, measured: VenueClock, nowMs: number): boolean {
  return Math.abs(known.offsetMs - measured.offsetMs) <= uncertaintyAtMs(known, nowMs) + uncertaintyAtMs(measured, nowMs);
}

/** What to go by, now that this was measured after what was known. */
export function trusted(known: VenueClock | undefined, measured: VenueClock, nowMs: number): VenueClock {
  if (known === undefined || isGood(measured) || !consistent(known, measured, nowMs)) return measured;
  return uncertaintyAtMs(known, nowMs) < uncertaintyAtMs(measured, nowMs) ? known : measured;
}

function isGood({ uncertaintyMs }: VenueClock): boolean {
  return uncertaintyMs <= goodUncertaintyMs;
}

export type VenueTime = (signal: AbortSignal) => Promise<{ readonly venueMs: number; readonly resolutionMs: number }>;

export interface Measuring {
  readonly venueTime: VenueTime;
  readonly monotonicMs: () => number;
  readonly timeoutMs: number;
  readonly known: VenueClock | undefined;
}

/** Asks until an answer is good, one question after the other so that they do not delay each other. */
export async function measure({ venueTime, monotonicMs, timeoutMs, known }: Measuring): Promise<VenueClock> {
  let clock = known;
  let answers = 0;
  let failure: unknown;
  for (let question = 0; question < questionsMax; question += 1) {
    try {
      const sentMs = monotonicMs();
      const answer = await venueTime(AbortSignal.timeout(timeoutMs));
      const receivedMs = monotonicMs();
      const measured = clockFrom({ sentMs, receivedMs, ...answer });
      answers += 1;
      clock = trusted(clock, measured, receivedMs);
      if (isGood(measured)) break;
    } catch (error) {
      failure = error;
    }
  }
  if (answers === 0 || clock === undefined) {
    throw new Error(`none of ${questionsMax} questions for the venue's time was answered`, { cause: failure });
  }
  return clock;
}

/** Bybit v5: nanoseconds as text, and milliseconds beside them. */
export function bybitTime(baseUrl: string, ask: AskVenue = askAt(baseUrl)): VenueTime {
  return async (signal) => {
    const answer = await ask('/v5/market/time', { signal });
    const body = answer.body as { retCode?: number; time?: number; result?: { timeNano?: string } } | undefined;
    const nano = body?.result?.timeNano;
    if (nano !== undefined && /^\d{19}$/.test(nano)) return { venueMs: Number(BigInt(nano) / 1000n) / 1000, resolutionMs: 0.001 };
    if (typeof body?.time === 'number') return { venueMs: body.time, resolutionMs: 1 };
    throw new Error(`${baseUrl} answered ${answer.status} without a time: is it the REST address of the venue?`);
  };
}
