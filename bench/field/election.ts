/** What a trader of the field's bench asks before each order, whoever decides it: a lock, a flag, a lease. */
export interface Election {
  /** `settled` resolves once everything that was sent has its answer. */
  start(settled: () => Promise<void>): void;
  /** Whether it believes that it may send. */
  readonly holds: boolean;
  /** Leave for one order; undefined while another may send. */
  leave(): Leave | undefined;
  /** Gives the book away as planned, where the holder itself does that. */
  handOver?(): void;
}

export interface Leave {
  /** Of the order: whose it is, and in which tenure. */
  readonly id: string;
  /** Read while signing. Undefined: what was left of the permit is used up. */
  readonly sign: () => { readonly timestampMs: number; readonly windowMs: number } | undefined;
}

/** How long each thing takes. Those of the field are what it recommends or is known to run with. */
export interface RedisTimings {
  /** `SET NX EX` and its `GET`/`EXPIRE`. */
  readonly ttlSeconds: number;
  readonly pollMs: number;
  /** Until who was stopped is started again, as a standby. */
  readonly stoppedForMs: number;
  readonly flagPollMs: number;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

export const fieldTimings: RedisTimings = {
  ttlSeconds: 10, pollMs: 5000, stoppedForMs: 18_000, flagPollMs: 10_000, leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2000,
};
