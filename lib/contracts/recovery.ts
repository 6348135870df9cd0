/**
 * The loss of a Region: what a person types to fail over, and what the machines that move books between Regions and their
 * functions say to each other. Both functions know their own Region alone: `recoveryControl` the lease and the journal,
 * `databaseRecovery` the database that is beside it.
 */
import * as z from 'zod/mini';
import type { BookName, Epoch, WorkflowToken } from '../lease/model.ts';
import { Force, personName, reason } from './change.ts';
import { functionContract } from './step.ts';

const book = z.pipe(z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/)), z.transform((name) => name as BookName));
const token = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken));
const epoch = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as Epoch));
const execution = z.string().check(z.minLength(1));
const region = z.string().check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1'));

/** For a replica that lags more than the recovery point allows: what it lacks is given up, but for the orders, which the journal has. */
export const AcceptDataLoss = z.strictObject({
  maxSeconds: z.int().check(z.gte(1, 'seconds, from 1'), z.lte(604_800, 'seconds, a week at most')),
  reason,
  approvedBy: personName,
});

/** What a person types in the Region that is to become home. It is about all books of the installation. */
export const FailoverRequest = z.strictObject({
  reason,
  requestedBy: personName,
  acceptDataLoss: z.optional(AcceptDataLoss),
  /** Where nothing that can be seen from here bears out that the home is lost. */
  force: z.optional(Force),
});
export type FailoverRequest = z.infer<typeof FailoverRequest>;

const BookSeen = z.object({
  book,
  home: z.string(),
  mode: z.enum(['open', 'draining', 'halted']),
  epoch,
  /** Null when nobody holds it. */
  holder: z.nullable(z.string()),
});
export type BookSeen = z.infer<typeof BookSeen>;
const TakenBook = z.extend(BookSeen, { token });
const Held = z.object({ book, token });

/** One way to see that a Region is lost. */
const Side = z.object({ side: z.enum(['lease', 'orders', 'instances', 'region']), lost: z.boolean(), seen: z.string() });
export type Side = z.infer<typeof Side>;

const unreachable = { LeaseUnreachableError: 'retry', LeaseMissingError: 'final' } as const;
const fenced = { WorkflowPreemptedError: 'final', ...unreachable } as const;

export const recoveryControl = functionContract({
  name: 'recovery-control',
  purpose: 'Judges whether a Region is lost, and moves books between Regions by their leases',
  errorImpact: 'No book can be moved to this Region; whoever holds the leases goes on trading, if its Region lives.',
  runbook: 'docs/runbooks/failover.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    BATON_JOURNAL_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
  }),
  steps: {
    checkFailover: {
      input: z.object({ request: z.unknown(), execution }),
      output: z.object({
        request: FailoverRequest,
        /** Where the books are that must be moved; empty when all are at home here already. */
        from: z.string(),
        books: z.array(BookSeen),
      }),
      errors: { RequestRefusedError: 'refusal', ...unreachable },
    },
    /** Takes two seconds: what is silent now may only be slow. */
    confirmLoss: {
      input: z.object({ from: region }),
      output: z.object({
        /** Whether any side bears it out. */
        lost: z.boolean(),
        sides: z.array(Side),
        /** The same in one text, for people. */
        seen: z.string(),
      }),
      errors: unreachable,
    },
    /** All of them or none: one that cannot be had gives the others back. */
    takeBooks: {
      input: z.object({
        execution,
        /** Whether to take them from any workflow but another execution of the same machine. */
        preempt: z.boolean(),
      }),
      output: z.object({ books: z.array(TakenBook) }),
      errors: { BookBusyError: 'refusal', ...unreachable },
    },
    moveHomes: {
      input: z.object({ books: z.array(Held), from: region, to: region }),
      output: z.object({ books: z.array(BookSeen) }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    tradingHere: {
      input: z.object({ book, token, region, wanted: z.int() }),
      output: z.object({
        /** `elsewhere`: the book has another home. */
        state: z.enum(['waiting', 'trading', 'halted', 'elsewhere']),
        epoch,
        /** The instance that trades; empty while nobody does. */
        holder: z.string(),
        /** Its colour; empty while nobody does. */
        colour: z.string(),
        /** What was seen, for people. */
        seen: z.string(),
      }),
      errors: fenced,
    },
    relocateLive: {
      input: z.object({ book, token, taskDefinition: z.string() }),
      output: z.object({ imageDigest: z.string(), guardDigest: z.string(), taskDefinition: z.string() }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    /** Those that the execution has. */
    releaseBooks: {
      input: z.object({ execution }),
      output: z.object({ released: z.array(z.string()) }),
      errors: unreachable,
    },
  },
});

export const databaseRecovery = functionContract({
  name: 'database-recovery',
  purpose: 'Asks the database of this Region how far it is, keeps it from being written, and lets it be written again',
  errorImpact: 'Nobody can say what the database of this Region has, or close it; trading goes on without it.',
  runbook: 'docs/runbooks/failover.md',
  timeoutSeconds: 20,
  environment: z.object({
    BATON_JOURNAL_TABLE: z.string(),
    BATON_BOOKS: z.string(),
    BATON_DATABASE_HOST: z.string(),
    BATON_DATABASE_PORT: z.string(),
    BATON_DATABASE_NAME: z.string(),
    /** Of this Region. */
    BATON_DATABASE_SECRET_ARN: z.string(),
    /** Where the authorities are that sign RDS's certificates; Node reads it at its start. */
    NODE_EXTRA_CA_CERTS: z.string(),
  }),
  steps: {
    position: {
      input: z.object({}),
      output: z.object({
        /** A replica, which takes no writes. */
        inRecovery: z.boolean(),
        /** Writes are refused by default. */
        readOnly: z.boolean(),
        /** Whether it is being sent what its source writes. */
        streaming: z.boolean(),
        /** As PostgreSQL writes it: of the write-ahead log that is there, written or received. */
        lsn: z.string(),
        /** How much of it is in the data: less than `lsn` while a replica still replays. */
        appliedLsn: z.string(),
        /** When its newest transaction was committed, ISO 8601; empty when that is not known. */
        newestCommitAt: z.string(),
      }),
      errors: { DatabaseUnreachableError: 'retry' },
    },
    /** Nobody writes any more, whoever is connected. `readmit` is the way back. */
    isolate: {
      input: z.object({}),
      output: z.object({ sessionsEnded: z.int() }),
      errors: { DatabaseUnreachableError: 'retry', DatabaseInRecoveryError: 'final' },
    },
    readmit: {
      input: z.object({}),
      output: z.object({}),
      errors: { DatabaseUnreachableError: 'retry', DatabaseInRecoveryError: 'final' },
    },
    /** What the venue accepted, as the journal has it, and this database has not. */
    completeness: {
      input: z.object({
        /** With the epoch below which orders count; 0 for all of the book. */
        books: z.array(z.object({ book, belowEpoch: epoch })),
      }),
      output: z.object({
        missing: z.int(),
        /** From the oldest that is missing to the newest, by the clocks of those who sent them: what was lost, in seconds. */
        spanSeconds: z.number(),
        /** Since the newest accepted order of these; null when there is none. */
        quietSeconds: z.nullable(z.number()),
        /** By book, for people. */
        seen: z.string(),
      }),
      errors: { DatabaseUnreachableError: 'retry' },
    },
  },
});
