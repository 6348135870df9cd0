/**
 * The standby Region runs what home runs: what its machine `refresh-standby` and the function behind it say to each other.
 *
 * No step takes the book: a refresh changes nothing that trades, and must not keep a rollback or a failover waiting. Instead
 * each step names the release that is refreshed to, and ends the refresh when that is no longer what is live or when the book
 * has moved here.
 */
import * as z from 'zod/mini';
import type { BookName } from '../lease/model.ts';
import { personName, reason } from './change.ts';
import { imageDigest, Sightings } from './cutover.ts';
import { functionContract } from './step.ts';

const bookPattern = /^[a-z][a-z0-9]{0,9}$/;
const book = z.pipe(z.string().check(z.regex(bookPattern)), z.transform((name) => name as BookName));
const colour = z.enum(['blue', 'green']);

/** What starts a refresh: the region watch, or a person who types no more than the book. */
export const RefreshRequest = z.strictObject({
  book: z.string().check(z.regex(bookPattern, 'the name of a book: 1–10 lower-case letters and digits')),
  reason: z.optional(reason),
  requestedBy: z.optional(personName),
});
/** With what was left unsaid. */
export interface RefreshAsked {
  readonly book: string;
  readonly reason: string;
  readonly requestedBy: string;
}

/**
 * What runs of a book in a Region, as the book's parameter there says it: written by the machine that made it so. `standbyOf` is the
 * revision of the home Region that it was made after; home itself has none.
 */
export const RecordedLive = z.looseObject({ imageDigest: z.string(), taskDefinition: z.string(), standbyOf: z.optional(z.string()) });
export type RecordedLive = z.infer<typeof RecordedLive>;

/** As ECS describes a task set. */
const TaskSetHere = z.object({ id: z.string(), colour, status: z.string() });
export type TaskSetHere = z.infer<typeof TaskSetHere>;

const unreachable = { LeaseUnreachableError: 'retry' } as const;
/** What is newer decides: nothing has failed. */
const unlessSuperseded = { SupersededError: 'refusal', LeaseMissingError: 'final', ...unreachable } as const;
/** The revision of the home Region that is refreshed to. */
const of = z.string().check(z.minLength(1));

export const standbyControl = functionContract({
  name: 'standby-control',
  purpose: 'Decides what the standby Region shall run of a book, and whether it does; forgets instances that were replaced',
  errorImpact: 'The standby Region is not brought to what is live: a failover would bring back the older release.',
  runbook: 'docs/runbooks/standby.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    /** Of these, the books whose bot is not ready before its database can be written. */
    BATON_BOOKS_THAT_WRITE: z.string(),
    /** Where this function runs, and whose standby it judges. */
    BATON_REGION: z.string(),
  }),
  steps: {
    checkRequest: {
      input: z.object({ request: z.unknown() }),
      output: z.object({ book: z.string(), reason, requestedBy: personName }),
      errors: { RequestRefusedError: 'refusal' },
    },
    plan: {
      input: z.object({ book, taskSets: z.array(TaskSetHere) }),
      output: z.object({
        /** What is live at home. */
        of: z.string(),
        images: z.object({ trader: imageDigest, guard: imageDigest }),
        home: z.string(),
        /** What runs here now; null when nothing does. */
        outgoing: z.nullable(colour),
        incoming: colour,
      }),
      errors: { NoStandbyError: 'refusal', LeaseMissingError: 'final', ...unreachable },
    },
    standbys: {
      input: z.object({ book, of, colour, imageDigest, tasks: z.int(), sightings: Sightings }),
      output: z.object({ ready: z.boolean(), missing: z.string(), sightings: Sightings }),
      errors: unlessSuperseded,
    },
    stillWanted: {
      input: z.object({ book, of }),
      output: z.object({ wanted: z.literal(true) }),
      errors: unlessSuperseded,
    },
    forgetColour: {
      input: z.object({ book, of, colour }),
      output: z.object({ removed: z.number() }),
      errors: unlessSuperseded,
    },
  },
});
