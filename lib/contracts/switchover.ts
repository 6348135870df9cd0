/**
 * Planned moves between the Regions, switchover and failback: what a person types, and what their machines and functions say to
 * each other. `switchoverControl` knows the lease alone. `otherRegion` is the one function of the system that names and changes
 * both Regions; no failover uses it.
 */
import * as z from 'zod/mini';
import type { BookName, Epoch, InstanceId, WorkflowToken } from '../lease/model.ts';
import { personName, reason } from './change.ts';
import { Sightings } from './cutover.ts';
import { functionContract } from './step.ts';

const book = z.pipe(z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/)), z.transform((name) => name as BookName));
const token = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken));
const epoch = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as Epoch));
const instance = z.pipe(z.string().check(z.minLength(1)), z.transform((name) => name as InstanceId));
const region = z.string().check(z.regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a Region such as us-east-1'));

/** What a person types in the Region that is to become home, for a switchover and for a failback. It is about all books. */
export const SwitchoverRequest = z.strictObject({ reason, requestedBy: personName });
export type SwitchoverRequest = z.infer<typeof SwitchoverRequest>;

const Held = z.object({ book, token });

const unreachable = { LeaseUnreachableError: 'retry', LeaseMissingError: 'final' } as const;
const fenced = { WorkflowPreemptedError: 'final', ...unreachable } as const;

export const switchoverControl = functionContract({
  name: 'switchover-control',
  purpose: 'Judges requests, standbys and hand-overs of planned moves between Regions, and halts and resumes books for them',
  errorImpact: 'No book can be moved to this Region by plan; whoever holds the leases goes on trading.',
  runbook: 'docs/runbooks/switchover.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    /** Of these, the books whose bot is not ready before its database can be written. */
    BATON_BOOKS_THAT_WRITE: z.string(),
    BATON_REGION: z.string(),
  }),
  steps: {
    checkRequest: {
      input: z.object({ request: z.unknown() }),
      output: z.object({
        request: SwitchoverRequest,
        /** How many books are at home elsewhere. */
        toMove: z.int(),
        /** And how many here. */
        atHomeHere: z.int(),
        /** Those whose bot is not ready before its database can be written: halted for the move. */
        waiting: z.array(z.string()),
      }),
      errors: { RequestRefusedError: 'refusal', ...unreachable },
    },
    /** Which instances of this Region may have the books, one for each that is held elsewhere. */
    successors: {
      input: z.object({ books: z.array(Held), sightings: Sightings }),
      output: z.object({
        ready: z.boolean(),
        /** What is missing, for people; empty when ready. */
        missing: z.string(),
        sightings: Sightings,
        moves: z.array(z.object({
          book, token,
          /** `hand-over` to the instance; `move` the home of one that nobody holds or may hold; `halt` it before; or it is `here`. */
          way: z.enum(['hand-over', 'move', 'halt', 'here']),
          successor: z.string(),
        })),
      }),
      errors: fenced,
    },
    startDrain: {
      input: z.object({ book, token, successor: instance }),
      /** The epoch that is to be given up. */
      output: z.object({ epoch }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    handover: {
      input: z.object({ book, token }),
      output: z.object({
        /** `declined`: the holder ended the drain itself, or died, and a standby there took the book. */
        state: z.enum(['waiting', 'held', 'declined']),
        epoch,
        seen: z.string(),
      }),
      errors: fenced,
    },
    cancelDrain: {
      input: z.object({ book, token }),
      /** Whether the book is at home here all the same. */
      output: z.object({ isHere: z.boolean() }),
      errors: fenced,
    },
    /** Until nobody holds it. */
    halt: {
      input: z.object({ book, token, reason: z.string() }),
      output: z.object({ state: z.enum(['waiting', 'stopped']), seen: z.string() }),
      errors: fenced,
    },
    /** Ends the halts of this execution, and of nobody else. */
    resumeHalted: {
      input: z.object({ books: z.array(Held), reason: z.string() }),
      output: z.object({ resumed: z.array(z.string()) }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    /** What is done next to the other Region's database is right only while every book is at home here. */
    where: {
      input: z.object({}),
      output: z.object({ elsewhere: z.array(z.string()) }),
      errors: unreachable,
    },
  },
});

const Database = z.object({
  /** As RDS says it; `missing` when there is none of the name. */
  status: z.string(),
  /** What it is a replica of, across Regions by ARN; empty when of nothing. */
  source: z.string(),
  multiAz: z.boolean(),
});
const inRegion = z.object({ region });
const unreachableThere = { OtherRegionUnreachableError: 'retry' } as const;

export const otherRegion = functionContract({
  name: 'other-region',
  purpose: 'Asks and changes the databases and secrets of both Regions for planned moves, which a state machine cannot do beyond its own',
  errorImpact: 'No planned move of the books is possible, and no replica can be made again; failovers and trading need nothing of it.',
  runbook: 'docs/runbooks/switchover.md',
  timeoutSeconds: 30,
  environment: z.object({
    BATON_REGION: z.string(),
    BATON_OTHER_REGION: z.string(),
    BATON_ACCOUNT: z.string(),
    /** The identifier of the database in either Region. */
    BATON_DATABASE: z.string(),
    /** The function of either Region that speaks to its database. */
    BATON_DATABASE_FUNCTION: z.string(),
    /** The secrets that both Regions have, with the alias of the key of each: JSON. */
    BATON_SECRETS: z.pipe(
      z.string(),
      z.transform((text) => z.array(z.object({ name: z.string(), keyAlias: z.string() })).parse(JSON.parse(text))),
    ),
  }),
  steps: {
    /** How far the replica of this Region is behind the database of the other one, by what it had applied. */
    behind: {
      input: z.object({
        appliedLsn: z.string(),
        /** Up to where the other one was written at the first look; empty at that. */
        mark: z.string(),
      }),
      output: z.object({
        bytes: z.number(),
        mark: z.string(),
        /** It has all that had been written at the first look: few bytes alone could be those of a replica that has just stopped. */
        follows: z.boolean(),
      }),
      errors: unreachableThere,
    },
    /** Whether the replica of a Region is sent what its source writes. */
    streams: {
      input: inRegion,
      output: z.object({
        /** Not any more, where another move has promoted it. */
        replica: z.boolean(),
        streaming: z.boolean(),
      }),
      errors: unreachableThere,
    },
    /** Nobody writes the other Region's database any more. */
    isolate: {
      /** Named, so that nobody means the other of the two. */
      input: inRegion,
      output: z.object({
        /** How far it was then: what the replica must have to lack nothing. */
        lsn: z.string(),
      }),
      errors: unreachableThere,
    },
    /** Whether what this Region's replica has applied reaches that. */
    reaches: {
      input: z.object({ appliedLsn: z.string(), lsn: z.string() }),
      output: z.object({ reached: z.boolean(), bytes: z.number() }),
      errors: {},
    },
    /** What the venue accepted and the other Region's database has not: its traders write behind the order path. */
    completeness: {
      input: z.object({ books: z.array(z.object({ book, belowEpoch: epoch })) }),
      output: z.object({ missing: z.int(), seen: z.string() }),
      errors: unreachableThere,
    },
    database: {
      input: inRegion,
      output: Database,
      errors: unreachableThere,
    },
    /** Gives the database another name, so that the replica which takes its place gets its own; one that can be written keeps it. */
    setAside: {
      input: z.object({ region, as: z.string() }),
      /** `done`: the name is free, or a replica has it already. */
      output: z.object({ state: z.enum(['done', 'waiting']), seen: z.string() }),
      errors: unreachableThere,
    },
    /** Of the database of the other of the two Regions, in the shape of the one that was set aside last. */
    createReplica: {
      input: inRegion,
      output: z.object({ status: z.string() }),
      errors: unreachableThere,
    },
    /** Makes the secrets of a Region the originals, and those of the other its replicas. */
    replicateSecrets: {
      input: z.object({ from: region }),
      output: z.object({ failed: z.array(z.string()) }),
      errors: unreachableThere,
    },
  },
});
