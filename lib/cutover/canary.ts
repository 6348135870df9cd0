/**
 * Is a canary healthy? Judged look by look, a minute apart, from what the venue answered to its orders and what its executions
 * earned. Pure: figures and the tally of the earlier looks in, a verdict and the new tally out. A limit is passed when it is
 * exceeded, never when it is met. See docs/decisions/0015-canary.md.
 */
import type { CanaryTally } from '../contracts/cutover.ts';
import type { TradingResult } from '../trading/result.ts';

export const canaryLimits = {
  /** Of the canary's capital, since before the release came. */
  lossShare: 0.02,
  /** Of the orders that were sent: refused by the venue, or not there after their deadline. */
  errorShare: 0.05,
  /** From the sending of an order to the venue's word, the 95th percentile of a look. */
  latencyMs: 500,
  /** So many looks one after the other make latency sustained, and silence one too. */
  sustainedLooks: 5,
  /** A share of fewer orders says nothing yet. */
  ordersToJudgeErrors: 100,
  /** Fewer say nothing at the end either. */
  ordersPerLook: 4,
} as const;

export type CanaryVerdict = 'watching' | 'healthy' | 'breach' | 'inconclusive';

/** What one look found new. */
export interface CanaryReading {
  /** Orders that reached the venue, or may have. */
  readonly sent: number;
  readonly failed: number;
  /** Of the accepted ones, those that are known. */
  readonly latenciesMs: readonly number[];
  /** Absent when the trader does not know it. */
  readonly result?: TradingResult | undefined;
}

export interface CanaryJudgement {
  readonly verdict: CanaryVerdict;
  readonly tally: Omit<CanaryTally, 'from'>;
  /** In words, with the figures. */
  readonly seen: string;
}

export function judgeCanary(
  before: Omit<CanaryTally, 'from'>, reading: CanaryReading, { capital, last }: { readonly capital: number; readonly last: boolean },
): CanaryJudgement {
  const limits = canaryLimits;
  const p95Ms = quantile(reading.latenciesMs, 0.95);
  const baseline = before.baseline ?? baselineOf(reading.result);
  const lossShare = reading.result === undefined || baseline === null ? undefined : lossOf(baseline, reading.result, capital);
  const isBlind = reading.sent === 0 || lossShare === undefined;
  const tally = {
    baseline,
    looks: before.looks + 1,
    sent: before.sent + reading.sent,
    failed: before.failed + reading.failed,
    // A look without orders neither ends a slow time nor makes it longer.
    slowLooks: p95Ms === undefined ? before.slowLooks : p95Ms > limits.latencyMs ? before.slowLooks + 1 : 0,
    blindLooks: isBlind ? before.blindLooks + 1 : 0,
  };
  const errorShare = tally.sent === 0 ? 0 : tally.failed / tally.sent;
  const figures =
    `${lossShare === undefined ? 'result unknown' : `loss ${percent(lossShare)} of ${capital}`}, ` +
    `errors ${percent(errorShare)} of ${tally.sent} orders, p95 latency ${p95Ms === undefined ? 'unknown' : `${Math.round(p95Ms)} ms`}, ` +
    `after ${tally.looks} looks`;
  const answer = (verdict: CanaryVerdict, why: string): CanaryJudgement =>
    ({ verdict, tally, seen: why === '' ? figures : `${why} (${figures})` });

  if (lossShare !== undefined && lossShare > limits.lossShare) return answer('breach', `It lost more than ${percent(limits.lossShare)}`);
  if (errorShare > limits.errorShare && (last || tally.sent >= limits.ordersToJudgeErrors)) {
    return answer('breach', `More than ${percent(limits.errorShare)} of its orders failed`);
  }
  if (tally.slowLooks >= limits.sustainedLooks) {
    return answer('breach', `The p95 latency of its orders was above ${limits.latencyMs} ms for ${limits.sustainedLooks} looks`);
  }
  if (tally.blindLooks >= limits.sustainedLooks) return answer('inconclusive', `Nothing could be judged for ${limits.sustainedLooks} looks`);
  if (!last) return answer('watching', '');
  if (lossShare === undefined) return answer('inconclusive', 'What it earned is not known');
  const least = limits.ordersPerLook * tally.looks;
  return tally.sent < least ? answer('inconclusive', `It sent ${tally.sent} orders, and ${least} are needed to judge it`) : answer('healthy', '');
}

/** A book that never traded has nothing to compare with: what is counted at all began with the release. */
function baselineOf(result: TradingResult | undefined): CanaryTally['baseline'] {
  return result === undefined ? null : { cash: '0', base: '0', since: result.since };
}

/** A gain is a negative loss. Undefined when the two were not counted from the same beginning. */
function lossOf(from: NonNullable<CanaryTally['baseline']>, to: TradingResult, capital: number): number | undefined {
  if (from.since !== to.since) return undefined;
  const earned = Number(to.cash) - Number(from.cash) + (Number(to.base) - Number(from.base)) * Number(to.mid);
  return -earned / capital;
}

/** Nearest rank: the smallest value that so great a share does not exceed. */
function quantile(values: readonly number[], share: number): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(values.length * share) - 1)];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
