/**
 * The ledger's database is put back to a moment: what a person types, and what the machine `restore-database` and its function say to each other. What it restores
 * is looked into by the function that looks into restored backups (verification.ts), and the books are taken and halted as by every machine that is about all of them.
 */
import * as z from 'zod/mini';
import type { BookName, WorkflowToken } from '../lease/model.ts';
import { Force, personName, reason } from './change.ts';
import { functionContract } from './step.ts';

const execution = z.string().check(z.minLength(1));
const instant = z.iso.datetime();
const name = z.string().check(z.minLength(1));
const Held = z.object({
  book: z.pipe(z.string().check(z.regex(/^[a-z][a-z0-9]{0,9}$/)), z.transform((each) => each as BookName)),
  token: z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken)),
});

/** A moment with its zone: nobody's own time is guessed. */
export const moment = z.iso.datetime({ offset: true, error: 'a moment with its zone, such as 2026-11-21T08:00:00Z or 2026-11-21T09:00:00+01:00' });

/** What a person types in the Region that is home. It is about the one ledger of all books. */
export const RestoreRequest = z.strictObject({
  /** Before the harm; or the newest there is, for a database that is damaged. */
  to: z.union([z.literal('newest'), moment]),
  reason,
  requestedBy: personName,
  /** What others than the ledger wrote after that moment is gone: tables of the bot's own. Orders come back from the journal. */
  acceptDataLoss: Force,
  /** For a moment before a migration: what trades must be able to write the schema of then. */
  force: z.optional(Force),
});
export type RestoreRequest = z.infer<typeof RestoreRequest>;

/** Which instances are swapped: the one that is in use is known by what no rename changes. */
const Swapped = z.object({ name, aside: name, original: name });
const unreachable = { LeaseUnreachableError: 'retry', LeaseMissingError: 'final' } as const;
const rds = { DatabasesUnreachableError: 'retry' } as const;

export const databaseRestore = functionContract({
  name: 'database-restore',
  purpose: 'Restores the ledger’s database to a moment beside the one that is in use, and swaps the two by their names',
  errorImpact: 'The ledger’s database cannot be put back to an earlier moment; the one that is in use, and trading, go on.',
  runbook: 'docs/runbooks/restore-database.md',
  timeoutSeconds: 30,
  environment: z.object({
    BATON_INSTALLATION: z.string(),
    BATON_REGION: z.string(),
    /** Its identifier, which whoever uses it knows it by. */
    BATON_DATABASE: z.string(),
    /** What opens it as the master. */
    BATON_DATABASE_SECRET_ARN: z.string(),
    BATON_LEASE_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    BATON_EVIDENCE_BUCKET: z.string(),
  }),
  steps: {
    checkRestore: {
      input: z.object({ request: z.unknown(), execution }),
      output: z.object({
        request: RestoreRequest,
        begunAt: instant,
        /** In UTC; of the newest, what that is now. */
        createdAt: instant,
        /** Of the instance that is made. */
        name,
        /** Of the instance that is in use now, once it is not any more. */
        aside: name,
        original: name,
        /** What was counted last before that moment, in the evidence bucket; empty where nothing was. */
        watermarkKey: z.string(),
      }),
      errors: { RequestRefusedError: 'refusal', EvidenceUnreachableError: 'retry', ...rds, ...unreachable },
    },
    /** Beside the one in use, in its shape. Refused where the schema was migrated in between, unless by force. */
    restore: {
      input: z.object({ request: RestoreRequest, name, original: name, createdAt: instant, watermarkKey: z.string(), execution, madeAt: instant }),
      output: z.object({}),
      errors: { SchemaMovedError: 'refusal', EvidenceUnreachableError: 'retry', ...rds },
    },
    /** Hours later, and with the books in hand: whether what was restored may still take the place. */
    confirm: {
      input: z.object({ request: RestoreRequest, original: name, watermarkKey: z.string(), books: z.array(Held) }),
      output: z.object({}),
      errors: { RestoreOvertakenError: 'refusal', SchemaMovedError: 'refusal', WorkflowPreemptedError: 'final', EvidenceUnreachableError: 'retry', ...rds, ...unreachable },
    },
    /** The password that the master has now: the copy has that of then. */
    admit: {
      input: z.object({ name }),
      output: z.object({}),
      errors: rds,
    },
    /** One look, and the next step of the swap, if that can be made: the names change hands one after the other. */
    swap: {
      input: z.extend(Swapped, { books: z.array(Held) }),
      output: z.object({ state: z.enum(['waiting', 'done']), seen: z.string() }),
      errors: { WorkflowPreemptedError: 'final', ...rds, ...unreachable },
    },
    /** The way back, while the restored one has not got the name: `swapped` where it has. */
    swapBack: {
      input: Swapped,
      output: z.object({ state: z.enum(['waiting', 'done', 'swapped']), seen: z.string() }),
      errors: rds,
    },
  },
});
