/**
 * ccxt with a venue-enforced expiry on every signed request that changes something.
 *
 * A process can be paused between its lease check and the network. So the request itself carries its end: a window that
 * the venue checks on arrival, computed while signing from an absolute deadline and from the venue's clock as the guard
 * measured it. ccxt signs synchronously, and after its throttler: nothing can run between the reading of the clock and the
 * signature, and what waited past its deadline is never sent. The deadline travels with the asynchronous context of the
 * call, so concurrent calls cannot mix theirs up, as they do when they share ccxt's `options.recvWindow`.
 *
 * Requests that only look are left alone: they must work before a lease is held.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Exchange } from 'ccxt';
import type { Permit, VenueClock } from '../contracts/guard-api.ts';
import { uncertaintyAtMs } from '../lease/permits.ts';

/** An absolute end, on this host's monotonic clock and on the venue's (less the uncertainty). A permit has both. */
export type Deadline = Pick<Permit, 'expiresAtNs' | 'venueDeadlineMs'>;

/** Raised while signing: the request did not leave this process. */
export class NeverSentError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'NeverSentError';
  }
}

export interface BoundedOptions {
  /** CLOCK_MONOTONIC, as process.hrtime.bigint() reads it. */
  readonly monotonicNs: () => bigint;
  readonly venueClock: () => VenueClock | undefined;
}

/** How a venue takes the bound, and which requests need one. */
export interface ExpiryAtSigning {
  readonly changes: (request: { readonly api: string; readonly method: string; readonly path: string }) => boolean;
  /** Prepares the exchange for one signature; the function it returns undoes that. */
  readonly apply: (exchange: Exchange, windowMs: number) => () => void;
}

/** Short in itself, so that a drain is never longer than this. */
export const longestWindowMs = 2000;
/** Below this a request would only be refused on arrival. */
export const shortestWindowMs = 10;

/** The venue's clock now, in its milliseconds. */
export function venueNowMs(clock: VenueClock, nowNs: bigint): number {
  return Number(nowNs) / 1e6 + clock.offsetMs;
}

/** Bybit reads the window from a header that ccxt fills from its shared options, within the synchronous sign(). */
export const bybitExpiry: ExpiryAtSigning = {
  changes: ({ api, method }) => api === 'private' && method !== 'GET',
  apply: (exchange, windowMs) => {
    const usual: unknown = exchange.options['recvWindow'];
    exchange.options['recvWindow'] = windowMs;
    return () => {
      exchange.options['recvWindow'] = usual;
    };
  },
};

const deadlines = new AsyncLocalStorage<Deadline>();

/** Runs calls to a bounded exchange under a deadline. */
export function within<T>(deadline: Deadline, call: () => Promise<T>): Promise<T> {
  return deadlines.run(deadline, call);
}

// A mixin's constructor takes whatever its base takes; the language wants `any[]` for that.
// oxlint-disable-next-line typescript/no-explicit-any
type ExchangeClass = new (...args: any[]) => Exchange;

export function bounded<Base extends ExchangeClass>(base: Base, expiry: ExpiryAtSigning, { monotonicNs, venueClock }: BoundedOptions) {
  return class Bounded extends base {
    #frozenMs: number | undefined;

    /** The time stamp of a request: the venue's own clock where it is known, so that a wrong host clock harms nothing. */
    override nonce(): number {
      if (this.#frozenMs !== undefined) return this.#frozenMs;
      const clock = venueClock();
      return clock === undefined ? super.nonce() : Math.floor(venueNowMs(clock, monotonicNs()));
    }

    override sign(...request: Parameters<Exchange['sign']>): ReturnType<Exchange['sign']> {
      const [path, api, method = 'GET'] = request;
      if (!expiry.changes({ api: String(api), method, path })) return super.sign(...request);
      const deadline = deadlines.getStore();
      if (deadline === undefined) {
        throw new NeverSentError(
          `${this.id} ${method} ${path} changes something and has no deadline, so it was not sent: call it through within()`,
        );
      }
      const clock = venueClock();
      if (clock === undefined) {
        throw new NeverSentError(`${this.id} ${method} ${path} was not sent: the venue's clock is not known yet; the guard measures it`);
      }
      const nowNs = monotonicNs();
      const timestampMs = Math.floor(venueNowMs(clock, nowNs));
      // Both ends count: the venue's clock may have been measured anew since the permit was given, and found set back.
      const expiresAtMs = Number(deadline.expiresAtNs) / 1e6;
      const endByThisClockMs = expiresAtMs + clock.offsetMs - uncertaintyAtMs(clock, expiresAtMs);
      const windowMs = Math.min(longestWindowMs, Math.floor(Math.min(deadline.venueDeadlineMs, endByThisClockMs)) - timestampMs);
      if (windowMs < shortestWindowMs || nowNs >= BigInt(deadline.expiresAtNs)) {
        throw new NeverSentError(
          `${this.id} ${method} ${path} was not sent: ${windowMs} ms were left of its permit (at least ${shortestWindowMs} wanted)`,
        );
      }
      const restore = expiry.apply(this, windowMs);
      this.#frozenMs = timestampMs;
      try {
        return super.sign(...request);
      } finally {
        this.#frozenMs = undefined;
        restore();
      }
    }
  };
}
