/**
 * The ways back: halt and resume of a book, and the emergency rollback. What a person types, and what the machines and
 * their function say to each other. The halt has no function at all: its machine writes the lease itself.
 */
import * as z from 'zod/mini';
import type { BookName, Epoch, WorkflowToken } from '../lease/model.ts';
import { Force } from './change.ts';
import { moment } from './restore.ts';
import { functionContract } from './step.ts';

const bookPattern = /^[a-z][a-z0-9]{0,9}$/;
const bookTyped = z.string().check(z.regex(bookPattern, 'the name of a book: 1–10 lower-case letters and digits'));
const book = z.pipe(z.string().check(z.regex(bookPattern)), z.transform((name) => name as BookName));
const token = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken));
const epoch = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as Epoch));
const colour = z.enum(['blue', 'green']);
const execution = z.string().check(z.minLength(1));
const live = z.object({ imageDigest: z.string(), guardDigest: z.string(), taskDefinition: z.string() });

/** The same bounds in the halt's own check, which is an expression of its machine; a test holds both to the same cases. */
export const lengths = { reason: { least: 3, most: 500 }, requestedBy: { least: 2, most: 100 } } as const;
const text = ({ least, most }: { readonly least: number; readonly most: number }, what: string): z.ZodMiniString<string> =>
  z.string().check(z.minLength(least, `${what} of at least ${least} characters`), z.maxLength(most, `${what} of at most ${most} characters`));
const asked = { book: bookTyped, reason: text(lengths.reason, 'a reason'), requestedBy: text(lengths.requestedBy, 'the name of a person') };

/** What a person types to halt a book, and to resume it. */
export const HaltRequest = z.strictObject(asked);
export type HaltRequest = z.infer<typeof HaltRequest>;
export const ResumeRequest = HaltRequest;
export type ResumeRequest = HaltRequest;
/** What a person types to have an exchange key replaced: at once, or by hand. */
export const KeyRequest = HaltRequest;
export type KeyRequest = HaltRequest;

const revision = z
  .string()
  .check(z.regex(/^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:\d{12}:task-definition\/)?[\w-]+:\d+$/, "a revision such as 'baton-production-alpha:12', or its ARN"));
const imageDigest = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, "a digest: 'sha256:' and 64 hexadecimal digits"));

/** What a person types to go back. */
export const RollbackRequest = z.strictObject({
  ...asked,
  /** `previous` is what was live before what trades now. */
  to: z.union([z.literal('previous'), z.strictObject({ taskDefinition: revision }), z.strictObject({ imageDigest })]),
  /** To go forth again to what a rollback took away, or behind a contraction of the schema. */
  force: z.optional(Force),
  /** The ledger's database is then put back to this moment, by a machine of its own: what the release wrote, goes with it. */
  restoreDatabaseTo: z.optional(moment),
  /** What restoreDatabaseTo gives up; it goes behind a migration of the release, too. */
  acceptDataLoss: z.optional(Force),
});
export type RollbackRequest = z.infer<typeof RollbackRequest>;

/** As ECS describes a task set. */
const TaskSetSeen = z.object({ id: z.string(), colour, taskDefinition: z.string(), status: z.string(), running: z.int() });
export type TaskSetSeen = z.infer<typeof TaskSetSeen>;

const unreachable = { LeaseUnreachableError: 'retry' } as const;
const fenced = { WorkflowPreemptedError: 'final', ...unreachable } as const;

export const bookOperations = functionContract({
  name: 'book-operations',
  purpose: 'Decides for rollbacks, resumes and revocations: what to go back to, whether a book may be taken, whether it trades again',
  errorImpact: 'A book cannot be rolled back or resumed, nor its key replaced at once; a halt works all the same, and the holder goes on trading.',
  runbook: 'docs/runbooks/rollback.md',
  timeoutSeconds: 10,
  environment: z.object({
    BATON_LEASE_TABLE: z.string(),
    BATON_JOURNAL_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    /** Begins the ARN of each execution that a rollback or a revocation may pre-empt. */
    BATON_CUTOVER_EXECUTIONS: z.string(),
  }),
  steps: {
    checkResume: {
      input: z.object({ request: z.unknown() }),
      output: ResumeRequest,
      errors: { RequestRefusedError: 'refusal' },
    },
    takeHalted: {
      input: z.object({ book, execution }),
      output: z.object({ token, epoch, halted: z.string() }),
      errors: { BookBusyError: 'refusal', LeaseMissingError: 'final', NotHaltedError: 'refusal', ...unreachable },
    },
    resume: {
      input: z.object({ book, token }),
      /** Not open: nobody ever traded it, so its first cutover opens it. */
      output: z.object({ open: z.boolean() }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    tradesAgain: {
      input: z.object({ book, token, wanted: z.int() }),
      output: z.object({
        state: z.enum(['waiting', 'trading', 'halted']),
        epoch,
        /** What was seen, for people. */
        seen: z.string(),
      }),
      errors: fenced,
    },
    checkKeyRequest: {
      input: z.object({ request: z.unknown() }),
      output: KeyRequest,
      errors: { RequestRefusedError: 'refusal' },
    },
    /** A cutover is pre-empted: while it runs, somebody else has the key. */
    takeToRevoke: {
      input: z.object({ book, execution }),
      output: z.object({
        token,
        epoch,
        /** Whether somebody halted it before: then it stays so. */
        halted: z.boolean(),
      }),
      errors: { BookBusyError: 'refusal', LeaseMissingError: 'final', NotAtHomeError: 'refusal', ...unreachable },
    },
    haltBook: {
      input: z.object({ book, token, reason: z.string(), by: z.string() }),
      output: z.object({ epoch }),
      errors: fenced,
    },
    stopped: {
      input: z.object({ book, token }),
      /** Who has not given the book up yet; empty when nobody holds it. */
      output: z.object({ holder: z.string() }),
      errors: fenced,
    },
    checkRollback: {
      input: z.object({ request: z.unknown() }),
      output: RollbackRequest,
      errors: { RequestRefusedError: 'refusal' },
    },
    planRollback: {
      input: z.object({ request: RollbackRequest, taskSets: z.array(TaskSetSeen) }),
      output: z.object({
        outgoing: colour,
        incoming: colour,
        epoch,
        home: z.string(),
        live: z.nullable(live),
        /** Whether the book is halted: then it stays so. */
        halted: z.boolean(),
        /** Whether it goes forth again, by force, to what a rollback took away. */
        forward: z.boolean(),
        /** The number of the revision after which the schema was contracted; 0 when it never was, and when that is overridden. */
        contracted: z.int(),
        /** The revision to run; empty when it must be looked for by its image. */
        target: z.string(),
        /** The task set that runs it already, as a warm standby; empty when there is none. */
        warm: z.string(),
        /** Whether that one is the service's primary task set already. */
        primary: z.boolean(),
        /** The cutover that will be pre-empted; empty when there is none. */
        preempts: z.string(),
      }),
      errors: { LeaseMissingError: 'final', NoWayBackError: 'refusal', BookBusyError: 'refusal', ...unreachable },
    },
    takeForRollback: {
      input: z.object({ book, execution, preempts: z.string() }),
      output: z.object({ token }),
      errors: { BookBusyError: 'refusal', LeaseMissingError: 'final', ...unreachable },
    },
  },
});
