/**
 * The drill: what a person or the schedule gives its machine, what its functions say to each other, and what a report of one is. `drillControl` chooses, keeps the
 * shadow book and signs; `drillCheck` works inside the isolated network and reaches nothing but what was restored there.
 */
import * as z from 'zod/mini';
import type { BookName, Epoch, WorkflowToken } from '../lease/model.ts';
import { personName, reason } from './change.ts';
import { functionContract } from './step.ts';

const runbook = 'docs/runbooks/dr-drill.md';
const execution = z.string().check(z.minLength(1));
const isoTime = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'a time such as 2026-11-21T08:00:00Z'));
const token = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as WorkflowToken));
const epoch = z.pipe(z.int().check(z.nonnegative()), z.transform((value) => value as Epoch));
const digest = z.string().check(z.regex(/^sha256:[0-9a-f]{64}$/, 'a digest such as sha256:…'));
const host = z.object({ host: z.string(), port: z.int() });

/** The book that drills trade: it has a lease and a journal of its own in the same tables, and no book of the settings may have its name. */
export const shadowBook = 'drill' as BookName;

/** What a person or the schedule gives the machine. */
export const DrillRequest = z.strictObject({
  /** Whose release is drilled: a book's name, or each in its turn, month by month. */
  book: z.string().check(z.regex(/^([a-z][a-z0-9]{0,9}|in-turn)$/, 'the name of a book, or in-turn')),
  reason,
  requestedBy: personName,
  /** For the schedule, which both Regions have: nothing is done where the books are at home. */
  skipAtHome: z.optional(z.literal(true)),
});
export type DrillRequest = z.infer<typeof DrillRequest>;

/** What is measured, in seconds. */
export const measureNames = ['restoreSeconds', 'recoveryPointSeconds', 'startSeconds', 'ordersSeconds', 'ledgerSeconds', 'totalSeconds'] as const;
export type MeasureName = (typeof measureNames)[number];
const seconds = z.nullable(z.number());
/** Null where it was not come to. */
export const Measures = z.object({
  /** Until the restored database answered. */
  restoreSeconds: seconds,
  /** The age of the newest commit in it. */
  recoveryPointSeconds: seconds,
  /** From the start of the real image until it could trade. */
  startSeconds: seconds,
  /** From the decision until its orders were accepted. */
  ordersSeconds: seconds,
  /** From then until they were in the restored ledger. */
  ledgerSeconds: seconds,
  totalSeconds: seconds,
} satisfies Record<MeasureName, unknown>);
export type Measures = z.infer<typeof Measures>;

/** A measure without one is told and not judged. */
export const Objectives = z.partial(z.object({
  restoreSeconds: z.number(), recoveryPointSeconds: z.number(), startSeconds: z.number(), ordersSeconds: z.number(), ledgerSeconds: z.number(), totalSeconds: z.number(),
} satisfies Record<MeasureName, unknown>));
export type Objectives = z.infer<typeof Objectives>;

/** As it is kept: signed, one file for each drill. */
export const DrillReport = z.object({
  installation: z.string(),
  name: z.string(),
  execution: z.string(),
  book: z.string(),
  requestedBy: z.string(),
  reason: z.string(),
  /** Where it took place, and the Region that was taken for lost. */
  region: z.string(),
  lost: z.string(),
  release: z.object({ trader: z.string(), guard: z.string() }),
  recoveryPointArn: z.string(),
  createdAt: z.string(),
  begunAt: isoTime,
  endedAt: isoTime,
  passed: z.boolean(),
  measures: Measures,
  objectives: Objectives,
  /** What took longer than ever in the drills before, in words. */
  slower: z.array(z.string()),
  why: z.string(),
  leftOver: z.string(),
});
export type DrillReport = z.infer<typeof DrillReport>;

/** Reports, below this in the bucket of the evidence; beside each is its signature. */
export const drillsFolder = 'drills/';

const unreachable = { LeaseUnreachableError: 'retry', LeaseMissingError: 'final' } as const;
const fenced = { WorkflowPreemptedError: 'final', ...unreachable } as const;

export const drillControl = functionContract({
  name: 'drill-control',
  purpose: 'Chooses what a drill restores and starts, keeps the shadow book, and signs what was measured',
  errorImpact: 'No drill can be made; nothing that trades needs one.',
  runbook,
  timeoutSeconds: 60,
  environment: z.object({
    BATON_INSTALLATION: z.string(),
    BATON_LEASE_TABLE: z.string(),
    /** Comma-separated names of the books of this installation. */
    BATON_BOOKS: z.string(),
    BATON_LEASE_MS: z.string(),
    BATON_REGION: z.string(),
    BATON_VAULT: z.string(),
    BATON_DATABASE_ARN: z.string(),
    /** Master user of the database, in every backup of it. */
    BATON_DATABASE_USER: z.string(),
    BATON_DATABASE_SECRET_ARN: z.string(),
    BATON_EVIDENCE_BUCKET: z.string(),
    BATON_SIGNING_KEY_ARN: z.string(),
    /** JSON: what each measure may be at most. */
    BATON_OBJECTIVES: z.string(),
    BATON_PASSED_WITHIN_DAYS: z.string(),
  }),
  steps: {
    choose: {
      input: z.object({ request: z.unknown(), execution }),
      output: z.object({
        request: DrillRequest,
        /** `home`: the drill is the other Region's, and this one has nothing to do. */
        region: z.enum(['standby', 'home']),
        /** Where the books are at home: what the drill takes for lost. */
        lost: z.string(),
        /** Of all that the drill makes. */
        name: z.string(),
        /** Whose release it is. */
        book: z.string(),
        images: z.object({ trader: digest, guard: digest }),
        recoveryPointArn: z.string(),
        /** As RDS knows it. */
        snapshot: z.string(),
        createdAt: isoTime,
        begunAt: isoTime,
      }),
      errors: { RequestRefusedError: 'refusal', NoBackupError: 'final', BackupsUnreachableError: 'retry', ...unreachable },
    },
    /** The shadow book as a book is whose home is about to be lost: somebody there holds it. */
    prepare: {
      input: z.object({ execution, lost: z.string() }),
      output: z.object({ token, epoch }),
      errors: { LeaseConflictError: 'final', BookBusyError: 'final', ...fenced },
    },
    /** A password that opens this copy and nothing else. */
    admit: {
      input: z.object({ name: z.string() }),
      output: z.object({}),
      errors: { RestoredUnreachableError: 'retry' },
    },
    ready: {
      input: z.object({ trader: digest }),
      output: z.object({ state: z.enum(['waiting', 'ready']), seen: z.string() }),
      errors: unreachable,
    },
    /** The last sign of life of the one who holds it elsewhere. */
    lose: {
      input: z.object({ token, epoch }),
      output: z.object({ heartbeat: z.int() }),
      errors: { LeaseConflictError: 'final', ...fenced },
    },
    /** Nobody may hold the shadow book until the next drill. */
    finish: {
      input: z.object({ execution, token }),
      output: z.object({ epoch }),
      errors: unreachable,
    },
    publish: {
      input: z.object({
        execution, name: z.string(), request: DrillRequest, book: z.string(), lost: z.string(), images: z.object({ trader: z.string(), guard: z.string() }),
        recoveryPointArn: z.string(), createdAt: z.string(), begunAt: isoTime, answeredAt: z.string(), newestCommitAt: z.string(),
        startSeconds: seconds, ordersSeconds: seconds, ledgerSeconds: seconds, why: z.string(), leftOver: z.string(),
      }),
      output: z.object({
        verdict: z.enum(['passed', 'failed']),
        key: z.string(),
        measures: Measures,
        /** In words: what was longer than ever, and what was longer than it may be. */
        slower: z.array(z.string()),
        seen: z.string(),
      }),
      errors: { EvidenceUnreachableError: 'retry' },
    },
    /** Every day: how long ago the newest drill was passed. */
    age: {
      input: z.object({}),
      output: z.object({
        state: z.enum(['recent', 'overdue', 'elsewhere']),
        /** Empty where there was none. */
        passedAt: z.string(),
      }),
      errors: { EvidenceUnreachableError: 'retry', ...unreachable },
    },
  },
});

export const drillCheck = functionContract({
  name: 'drill-check',
  purpose: 'Asks the database that a drill has restored, from inside a network that leads nowhere else',
  errorImpact: 'No drill can be passed; nothing that trades needs one.',
  runbook,
  timeoutSeconds: 60,
  environment: z.object({
    BATON_DATABASE_NAME: z.string(),
    BATON_DATABASE_SECRET_ARN: z.string(),
    NODE_EXTRA_CA_CERTS: z.string(),
  }),
  steps: {
    /** The first query that is answered. */
    reach: {
      input: z.object({ database: host }),
      output: z.object({
        /** Empty while it does not answer, as long as the password is on its way. */
        answeredAt: z.string(),
        /** Empty where nothing was ever committed. */
        newestCommitAt: z.string(),
      }),
      errors: {},
    },
    /** What the shadow trader has written there. */
    written: {
      input: z.object({ database: host, epoch }),
      output: z.object({ orders: z.int() }),
      errors: { RestoredUnreachableError: 'retry' },
    },
  },
});
