/**
 * The cutover's contracts: what a person types, and what its state machine and its functions say to each other.
 *
 * `leaseControl` writes the lease, `cutoverInspection` only reads. Every step but the first two carries the
 * workflow's token, which the function checks: a redriven execution skips the steps that succeeded, the one
 * that took the book included.
 */
import * as z from 'zod/mini';
import type { BookName, Epoch, InstanceId, WorkflowToken } from '../lease/model.ts';
import { callerProof, ChangeRecord, Force, MarketCalendar, personName, reason } from './change.ts';
import { functionContract } from './step.ts';

const book = z.pipe(
  z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/, '1–10 lower-case letters and digits, starting with a letter')),
  z.transform((name) => name as BookName),
);
const token = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken));
const epoch = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as Epoch));
const instance = z.pipe(z.string(), z.transform((value) => value as InstanceId));
const colour = z.enum(['blue', 'green']);
export const imageDigest = z
  .string()
  .check(z.regex(/^sha256:[0-9a-f]{64}$/, "a digest such as 'sha256:' and 64 hexadecimal digits, as `npm run images` prints it"));
const execution = z.string().check(z.minLength(1));
const live = z.object({ imageDigest: z.string(), guardDigest: z.string(), taskDefinition: z.string() });

/** What a person types into the console. */
export const CutoverRequest = z.strictObject({
  book: z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/, 'the name of a book: 1–10 lower-case letters and digits')),
  images: z.strictObject({ trader: imageDigest, guard: imageDigest }),
  reason,
  requestedBy: personName,
  change: ChangeRecord,
  /** Where the window is closed or changes are frozen, and this cannot wait. */
  force: z.optional(Force),
  /** Who asks, as an identity of IAM; wanted where changes need approvals. */
  proof: z.optional(callerProof),
  /** Set by a canary's machine: the execution whose approvals hold for this cutover too. */
  within: z.optional(z.string()),
});
export type CutoverRequest = z.infer<typeof CutoverRequest>;

/** The endings that are no success, as the execution's `error`; a refused cutover changed nothing. */
export const endings = { rolledBack: 'RolledBack', needsAPerson: 'NeedsAPerson', refused: 'Refused' } as const;

/** An instance as it was seen at earlier polls: alive means that its beat moves. */
const Sighting = z.object({ beat: z.number(), moved: z.boolean(), pollsUnchanged: z.number() });
export type Sighting = z.infer<typeof Sighting>;
export const Sightings = z.record(z.string(), Sighting);

/** What a canary's machine keeps from look to look. */
export const CanaryTally = z.object({
  /** Up to where its orders were judged; null before the first look. */
  from: z.nullable(z.object({ epoch, sequence: z.number() })),
  /** What had been earned before the release came; null while that is not known. */
  baseline: z.nullable(z.object({ cash: z.string(), base: z.string(), since: z.string() })),
  looks: z.int(),
  sent: z.int(),
  failed: z.int(),
  /** The latest looks, one after the other, that found orders slow; that could judge nothing. */
  slowLooks: z.int(),
  blindLooks: z.int(),
});
export type CanaryTally = z.infer<typeof CanaryTally>;

const unreachable = { LeaseUnreachableError: 'retry' } as const;
const fenced = { WorkflowPreemptedError: 'final', ...unreachable } as const;

export const leaseControl = functionContract({
  name: 'lease-control',
  purpose: 'Writes the lease on behalf of a workflow, each write on condition of its token',
  errorImpact: 'A cutover cannot take, drain, record or release its book; the holder goes on trading.',
  runbook: 'docs/runbooks/cutover.md',
  timeoutSeconds: 10,
  environment: z.object({ BATON_LEASE_TABLE: z.string() }),
  steps: {
    takeBook: {
      input: z.object({ book, execution }),
      output: z.object({
        token,
        /** Nobody has ever traded this book: it is opened instead of handed over. */
        first: z.boolean(),
        epoch,
        home: z.string(),
        /** Who trades; null at the first cutover. */
        outgoing: z.nullable(colour),
        incoming: colour,
        live: z.nullable(live),
      }),
      errors: { BookBusyError: 'refusal', LeaseMissingError: 'final', NotReadyForCutoverError: 'refusal', ...unreachable },
    },
    openBook: {
      input: z.object({ book, token }),
      output: z.object({ mode: z.string() }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    startDrain: {
      input: z.object({ book, token, successor: colour }),
      /** The epoch that is to be given up. */
      output: z.object({ mode: z.string(), epoch }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    cancelDrain: {
      input: z.object({ book, token }),
      output: z.object({ holder: z.nullable(colour) }),
      errors: fenced,
    },
    recordLive: {
      input: z.object({
        book, token, imageDigest, guardDigest: imageDigest, taskDefinition: z.string(),
        /** Whether what was live is taken away by a rollback: it comes back by force only. */
        takesAway: z.boolean(),
      }),
      output: z.object({ epoch }),
      errors: fenced,
    },
    closeWayBack: {
      input: z.object({ book, token, taskDefinition: z.string() }),
      output: z.object({ epoch }),
      errors: fenced,
    },
    forgetColour: {
      input: z.object({ book, token, colour }),
      output: z.object({ removed: z.number() }),
      errors: fenced,
    },
    releaseBook: {
      input: z.object({ book, execution }),
      output: z.object({ released: z.boolean() }),
      errors: unreachable,
    },
  },
});

export const cutoverInspection = functionContract({
  name: 'cutover-inspection',
  purpose: 'Judges requests, standbys, handovers and trading; writes nothing',
  errorImpact: 'A cutover cannot see what it changed, and rolls back or asks for a person; the holder goes on trading.',
  runbook: 'docs/runbooks/cutover.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    BATON_JOURNAL_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
  }),
  steps: {
    checkRequest: {
      input: z.object({ request: z.unknown() }),
      output: CutoverRequest,
      errors: { RequestRefusedError: 'refusal' },
    },
    checkGates: {
      input: z.object({ request: CutoverRequest, calendar: MarketCalendar, freeze: z.string() }),
      /** What was closed and is forced, in words. */
      output: z.object({ forced: z.array(z.string()) }),
      errors: { GateClosedError: 'refusal' },
    },
    standbys: {
      input: z.object({ book, token, colour, region: z.string(), imageDigest, tasks: z.int(), sightings: Sightings }),
      output: z.object({
        ready: z.boolean(),
        /** What is missing, for people; empty when ready. */
        missing: z.string(),
        sightings: Sightings,
      }),
      errors: fenced,
    },
    handover: {
      input: z.object({ book, token, to: colour, aboveEpoch: epoch, drainedEpoch: epoch }),
      output: z.object({
        /**
         * `declined`: the holder ended the drain itself, because it saw no successor alive and ready. `retaken`: the book changed
         * hands and is the other colour's again; who had it in between did not live to renew. `halted`: somebody halted the book meanwhile,
         * and nobody can take it.
         */
        state: z.enum(['waiting', 'held', 'declined', 'retaken', 'halted']),
        epoch,
        holder: z.nullable(instance),
      }),
      errors: fenced,
    },
    trading: {
      input: z.object({
        book,
        token,
        colour,
        /** The newest accepted order that an earlier look saw; empty at the first. */
        newest: z.string(),
        wanted: z.int(),
      }),
      output: z.object({
        /** `lost`: the other colour holds the book. */
        state: z.enum(['waiting', 'trading', 'lost']),
        epoch,
        newest: z.string(),
        /** What was seen, for people. */
        seen: z.string(),
      }),
      errors: fenced,
    },
    beforeCanary: {
      input: z.object({ book }),
      output: z.object({
        /** The revision to go back to; empty when there is none. */
        taskDefinition: z.string(),
        tally: CanaryTally,
      }),
      errors: unreachable,
    },
    watchCanary: {
      input: z.object({ book, imageDigest, capital: z.number(), last: z.boolean(), tally: CanaryTally }),
      output: z.object({
        /** `superseded`: what is recorded as live is not the release that is watched. */
        verdict: z.enum(['watching', 'healthy', 'breach', 'inconclusive', 'superseded']),
        tally: CanaryTally,
        /** With the figures, for people. */
        seen: z.string(),
      }),
      errors: unreachable,
    },
  },
});
