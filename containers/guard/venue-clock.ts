/**
 * The venue's clock against this host's monotonic clock. The venue stamped its answer somewhere between our
 * question and our reading of it, so half the round trip bounds the error; the best of several samples counts,
 * and what was measured grows worse with time by the drift assumed.
 */
import { get as getPlain, Agent as PlainAgent } from 'node:http';
import { get as getSecure, Agent as SecureAgent } from 'node:https';
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

/** Bybit v5: nanoseconds as text, and milliseconds beside them. Not by fetch: loading it costs more memory than it saves lines. */
export function bybitTime(baseUrl: string): VenueTime {
  const url = new URL('/v5/market/time', baseUrl);
  const isSecure = url.protocol === 'https:';
  const agent = isSecure ? new SecureAgent({ keepAlive: true }) : new PlainAgent({ keepAlive: true });
  return async (signal) => {
    const response = await textAt(url, isSecure ? getSecure : getPlain, { agent, signal });
    const body = parsed(response.text) as { retCode?: number; time?: number; result?: { timeNano?: string } } | undefined;
    const nano = body?.result?.timeNano;
    if (nano !== undefined && /^\d{19}$/.test(nano)) return { venueMs: Number(BigInt(nano) / 1000n) / 1000, resolutionMs: 0.001 };
    if (typeof body?.time === 'number') return { venueMs: body.time, resolutionMs: 1 };
    throw new Error(`${url.href} answered ${response.status} without a time: is it the REST address of the venue?`);
  };
}

/** More than any venue needs to tell its time. */
const answerBytesMax = 64 * 1024;

async function textAt(
  url: URL,
  get: typeof getPlain,
  options: { readonly agent: PlainAgent; readonly signal: AbortSignal },
): Promise<{ readonly status: number | undefined; readonly text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number | undefined; text: string }>();
  get(url, options, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > answerBytesMax) response.destroy(new Error(`${url.href} answered with more than ${answerBytesMax} characters`));
    });
    response.on('end', () => resolve({ status: response.statusCode, text }));
    response.on('error', reject);
  }).on('error', reject);
  return promise;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
