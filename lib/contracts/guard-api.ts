/**
 * The guard's HTTP API on localhost, as containers/guard/README.md documents it for authors of bots.
 * Both sides import these schemas: the guard to answer, the reference trader to read.
 */
import * as z from 'zod/mini';

/**
 * The venue's clock as the guard measured it. At monotonic time t (ms), venue time is
 * `t + offsetMs`, give or take `uncertaintyMs + driftPpm × (t − measuredAtNs)`.
 */
export const VenueClock = z.object({
  offsetMs: z.number(),
  uncertaintyMs: z.number(),
  driftPpm: z.number(),
  /** CLOCK_MONOTONIC, nanoseconds, as a decimal string (too large for a JSON number). */
  measuredAtNs: z.string(),
});
export type VenueClock = z.infer<typeof VenueClock>;

/**
 * What the guard knows of the lease now.
 * - `standby`: somebody else trades, or nobody does.
 * - `granted`: the next epoch is ours, no renewal of it is acknowledged yet: reconcile, send nothing.
 * - `held`: orders may be sent until `validUntilNs`.
 * - `draining`: send nothing new; when every request has a known outcome, `POST /v1/drained`.
 * - `stopped`: this guard's life is over.
 */
export const LeaseView = z.object({
  book: z.string(),
  instance: z.string(),
  colour: z.enum(['blue', 'green']),
  region: z.string(),
  state: z.enum(['standby', 'granted', 'held', 'draining', 'stopped']),
  epoch: z.nullable(z.number()),
  /** CLOCK_MONOTONIC, nanoseconds, as a decimal string; null while nothing may be sent. */
  validUntilNs: z.nullable(z.string()),
  venueClock: z.nullable(VenueClock),
  /** Numbers the drains of this guard's life: `POST /v1/drained` names the one that the trader finished. */
  drain: z.number(),
  /** Numbers the connections of this guard's life: sequence numbers are unique within (epoch, lane). */
  lane: z.number(),
  /** The version of the venue's key that `GET /v1/venue-key` gives now; absent while there is none. Another than yours: get it anew. */
  venueKey: z.optional(z.string()),
  /** The epoch at which a person last resumed the book; absent when none did. A position known from before counts no more. */
  resumedFrom: z.optional(z.number()),
});
export type LeaseView = z.infer<typeof LeaseView>;

/** Leave to send one changing request. Not sent by then, it must not be sent at all. */
export const Permit = z.object({
  epoch: z.number(),
  clientOrderId: z.string(),
  /** CLOCK_MONOTONIC, nanoseconds, as a decimal string. */
  expiresAtNs: z.string(),
  /** The same instant on the venue's clock, ms since 1970, less the uncertainty. */
  venueDeadlineMs: z.number(),
});
export type Permit = z.infer<typeof Permit>;

export const PermitRefusal = z.object({
  error: z.enum(['not-held', 'draining', 'venue-clock-unknown', 'venue-clock-uncertain', 'too-late']),
  message: z.string(),
});
export type PermitRefusal = z.infer<typeof PermitRefusal>;

/** What the trader says of itself, at every change and at least every 5 s: silence for 15 s counts as not ready. */
export const TraderStatus = z.object({
  venueConnected: z.boolean(),
  redisReachable: z.boolean(),
  databaseWritable: z.boolean(),
  reconciled: z.boolean(),
  /** Whether everything this bot requires is there. */
  ready: z.boolean(),
  /** What alone it waits for, where another task would wait for the same: it stands by, and is not replaced. */
  waitsFor: z.optional(z.enum(['database'])),
  /** With which version of the venue's key it signs, and why the venue refuses that key, if it does. */
  venueKey: z.optional(z.object({ version: z.string().check(z.maxLength(100)), refused: z.optional(z.string().check(z.maxLength(300))) })),
  /** Metrics of the trader, exposed by the guard's /metrics: name (Prometheus alphabet) to value. */
  gauges: z.optional(z.record(z.string(), z.number())),
});
export type TraderStatus = z.infer<typeof TraderStatus>;

/** The key at the venue, out of the guard's memory: it stands in no environment and no file. Every text of the secret, by its name. */
export const VenueKeyAnswer = z.object({ version: z.string(), key: z.record(z.string(), z.string()) });
export type VenueKeyAnswer = z.infer<typeof VenueKeyAnswer>;

/**
 * The trader's word that nobody must trade this book until a person has looked. Answered with whether the halt is in the table;
 * if not yet, ask again. It counts for the epoch named, while this guard has it.
 */
export const HaltRequest = z.object({ epoch: z.number(), reason: z.string().check(z.minLength(1), z.maxLength(500)) });
export type HaltRequest = z.infer<typeof HaltRequest>;
export const HaltAnswer = z.object({ halted: z.boolean() });
export type HaltAnswer = z.infer<typeof HaltAnswer>;

/**
 * The trader's word that every request of this epoch has a known outcome and none will follow. It names the drain
 * as the view did: a drain can be called off and another begin, and a late word of the first is none of the second.
 * It names the view's lane too: one connection's word says nothing of what was sent by another.
 */
export const Drained = z.object({ epoch: z.number(), drain: z.number(), lane: z.number() });
export type Drained = z.infer<typeof Drained>;
