/**
 * How a state fails, and which Retry or Catch a failure meets.
 * Rules: Step Functions developer guide, "Handling errors in Step Functions workflows".
 */
import type { Catcher, Retrier } from './definition.ts';

/** A state ended with an error name and a cause. */
export class StateFailure extends Error {
  readonly error: string;
  override readonly cause: string;
  constructor(error: string, cause: string) {
    super(`${error}: ${cause}`);
    this.name = 'StateFailure';
    this.error = error;
    this.cause = cause;
  }
}

/** Ends the execution whatever catchers say; no wildcard matches them either. */
const notByWildcard: ReadonlySet<string> = new Set(['States.Runtime', 'States.DataLimitExceeded']);

export function matches(errorEquals: readonly string[], error: string): boolean {
  if (error === 'States.Runtime') return false;
  return errorEquals.some((pattern) => {
    switch (pattern) {
      case error:
        return true;
      case 'States.ALL':
        return !notByWildcard.has(error);
      case 'States.TaskFailed':
        return !notByWildcard.has(error) && error !== 'States.Timeout';
      case 'States.Timeout':
        return error === 'States.HeartbeatTimeout';
      default:
        return false;
    }
  });
}

/** The first that matches decides, in the order written. */
export function findCatcher(catchers: readonly Catcher[] | undefined, error: string): number {
  return (catchers ?? []).findIndex((catcher) => matches(catcher.ErrorEquals, error));
}

/** Counts the attempts of one visit to a state; each retrier has a count of its own. */
export class RetryPlan {
  readonly #retriers: readonly Retrier[];
  readonly #attempts: number[];
  readonly #random: () => number;

  constructor(retriers: readonly Retrier[] | undefined, random: () => number) {
    this.#retriers = retriers ?? [];
    this.#attempts = this.#retriers.map(() => 0);
    this.#random = random;
  }

  /** The next attempt after this error, or undefined when it is not retried (any more). */
  next(error: string): { readonly retrier: number; readonly attempt: number; readonly delaySeconds: number } | undefined {
    const index = this.#retriers.findIndex((retrier) => matches(retrier.ErrorEquals, error));
    const retrier = this.#retriers[index];
    if (retrier === undefined) return undefined;
    const attempt = (this.#attempts[index] ?? 0) + 1;
    if (attempt > (retrier.MaxAttempts ?? 3)) return undefined;
    this.#attempts[index] = attempt;
    return { retrier: index, attempt, delaySeconds: retryDelaySeconds(retrier, attempt, this.#random) };
  }
}

/** interval × backoff ^ (attempt − 1), at most MaxDelaySeconds; with full jitter a random part of it. */
export function retryDelaySeconds(retrier: Retrier, attempt: number, random: () => number): number {
  const grown = (retrier.IntervalSeconds ?? 1) * (retrier.BackoffRate ?? 2) ** (attempt - 1);
  const bounded = Math.min(grown, retrier.MaxDelaySeconds ?? Number.POSITIVE_INFINITY);
  return retrier.JitterStrategy === 'FULL' ? bounded * random() : bounded;
}
