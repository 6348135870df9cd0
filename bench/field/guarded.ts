/** Ours: the guard that ships, beside a trader that reads its clock before each order and puts the lease's end into it while signing. */
import { Guard } from '../../containers/guard/guard.ts';
import { bybitTime } from '../../containers/guard/venue-clock.ts';
import type { LeaseView } from '../../lib/contracts/guard-api.ts';
import { instanceId, type BookName, type MonotonicNs } from '../../lib/lease/model.ts';
import { permitFor, termsOf, venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import type { LeaseStore } from '../../lib/lease/store.ts';
import { longestWindowMs, shortestWindowMs, venueNowMs } from '../../lib/venues/bounded.ts';
import type { Election, Leave } from './election.ts';

/** As the guard's entry has them. */
const driftPpm = 10_000;
const terminateWithinMs = 100_000;
const drainTimeoutMs = 10_000;
const reportEveryMs = 4000;
const well = { venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true };
const monotonicNs = (): MonotonicNs => process.hrtime.bigint() as MonotonicNs;

export interface GuardedOptions {
  readonly book: BookName;
  readonly region: string;
  readonly me: string;
  readonly store: LeaseStore;
  readonly venueUrl: string;
}

export class Guarded implements Election {
  readonly #guard: Guard;
  #view: LeaseView | undefined;
  #permits = 0;
  #drained: number | undefined;

  constructor({ book, region, me, store, venueUrl }: GuardedOptions) {
    this.#guard = new Guard({
      identity: {
        book, region, instance: instanceId(region, 'blue', me), colour: 'blue', imageDigest: 'none',
        driftPpm, drainTimeoutMs, venueUncertaintyMs: venueUncertaintyMaxMs, terminateWithinMs,
      },
      store,
      venueTime: bybitTime(venueUrl),
      monotonicNs,
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      log: () => undefined,
    });
  }

  start(settled: () => Promise<void>): void {
    this.#guard.start();
    this.#guard.follow((view) => {
      this.#view = view;
      const { epoch, drain, lane } = view;
      if (view.state !== 'draining' || epoch === null || this.#drained === drain) return;
      this.#drained = drain;
      void settled().then(() => this.#guard.drained({ epoch, drain, lane }));
    });
    const report = (): void => this.#guard.takeStatus(well);
    report();
    setInterval(report, reportEveryMs);
  }

  get holds(): boolean {
    return this.#view?.state === 'held';
  }

  leave(): Leave | undefined {
    const view = this.#view;
    const clock = view?.venueClock;
    if (view === undefined || clock === undefined || clock === null) return undefined;
    const permit = permitFor(termsOf(view), monotonicNs(), this.#permits);
    if ('error' in permit) return undefined;
    this.#permits += 1;
    return {
      id: permit.clientOrderId,
      sign: () => {
        const timestampMs = Math.floor(venueNowMs(clock, monotonicNs()));
        const windowMs = Math.min(longestWindowMs, permit.venueDeadlineMs - timestampMs);
        return windowMs < shortestWindowMs ? undefined : { timestampMs, windowMs };
      },
    };
  }
}
