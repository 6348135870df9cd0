/**
 * Backups are proved: what was counted in the ledger before they were made, what a copy restored into isolation is found to be, and what the machine and its
 * functions say to each other. `backupWatermark` counts in the database that is written; `backupVerification` works outside the isolated network
 * and chooses, admits, signs; `backupCheck` works inside it and reaches nothing but what was restored there; `venueFills` alone knows the venue's keys.
 */
import * as z from 'zod/mini';
import { personName, reason } from './change.ts';
import { functionContract } from './step.ts';

const runbook = 'docs/runbooks/backup-verification.md';
const execution = z.string().check(z.minLength(1));
const isoTime = z.string().check(z.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, 'a time such as 2026-11-21T08:00:00Z'));
const host = z.object({ host: z.string(), port: z.int() });

/** What a person or the schedule gives the machine. */
export const VerificationRequest = z.strictObject({
  /** The newest backup, or any of those that there are. */
  pick: z.enum(['newest', 'random']),
  reason,
  requestedBy: personName,
});

/** What the ledger was at a moment before a backup: in the database itself, and outside of it in S3. */
export const Watermark = z.object({
  id: z.string(),
  /** Which ledger: `baton-production`. */
  installation: z.string(),
  madeAt: isoTime,
  /** As PostgreSQL writes it. */
  lsn: z.string(),
  /** Which transactions were seen: those that came later are told from them by it. */
  snapshot: z.string(),
  /** Hashes are the same within a major version only. */
  postgresMajor: z.int(),
  /** In which way rows were hashed; those of another way are counted and not compared. */
  hashing: z.optional(z.int()),
  tables: z.array(z.object({ name: z.string(), rows: z.string(), checksum: z.string() })),
  positions: z.array(z.object({ book: z.string(), quantity: z.string() })),
  /** Orders that were filled, and of which the ledger missed fills: each takeover reads a page of them only. */
  shortOfFills: z.int(),
  schema: z.object({ migrations: z.array(z.string()), ledger: z.array(z.string()), others: z.array(z.string()) }),
});
export type Watermark = z.infer<typeof Watermark>;

/** A fill as the venue tells it, which the ledger must have. */
export const VenueFill = z.object({ executionId: z.string(), book: z.string(), side: z.enum(['buy', 'sell']), price: z.string(), quantity: z.string(), atVenueMs: z.number() });
export type VenueFill = z.infer<typeof VenueFill>;

/** One thing that was looked at. */
export const Finding = z.object({
  check: z.string(),
  /** False also where it could not be looked at: what was not checked is not verified. */
  ok: z.boolean(),
  /** In words, for people. */
  seen: z.string(),
});
export type Finding = z.infer<typeof Finding>;

/** What is inspected in one call: tables with their indexes, or PostgreSQL's own, where none is named. */
const Part = z.object({ name: z.string(), tables: z.array(z.string()) });
export type Part = z.infer<typeof Part>;

const unreachable = { RestoredUnreachableError: 'retry' } as const;

export const backupWatermark = functionContract({
  name: 'backup-watermark',
  purpose: 'Counts the ledger before a backup is made of it',
  errorImpact: 'Backups that are made from now on have nothing that they could be compared with; they are made all the same.',
  runbook,
  timeoutSeconds: 300,
  environment: z.object({
    BATON_INSTALLATION: z.string(),
    BATON_DATABASE_HOST: z.string(),
    BATON_DATABASE_PORT: z.string(),
    BATON_DATABASE_NAME: z.string(),
    BATON_DATABASE_SECRET_ARN: z.string(),
    BATON_EVIDENCE_BUCKET: z.string(),
    NODE_EXTRA_CA_CERTS: z.string(),
  }),
  steps: {
    write: {
      input: z.object({}),
      output: z.object({
        /** Empty where this Region's database takes no writes: it is a replica. */
        key: z.string(),
        rows: z.string(),
      }),
      errors: { DatabaseUnreachableError: 'retry' },
    },
  },
});

export const backupVerification = functionContract({
  name: 'backup-verification',
  purpose: 'Chooses the backup that is verified, admits the checker to what was restored, and signs what it found',
  errorImpact: 'No backup is verified; they are made all the same.',
  runbook,
  timeoutSeconds: 60,
  environment: z.object({
    BATON_INSTALLATION: z.string(),
    BATON_VAULT: z.string(),
    BATON_DATABASE_ARN: z.string(),
    /** Master user of the database, in every backup of it. */
    BATON_DATABASE_USER: z.string(),
    /** Where the cache is exported to, and below which prefix. */
    BATON_CACHE_BUCKET: z.string(),
    BATON_CACHE_FOLDER: z.string(),
    BATON_CHECK_SECRET_ARN: z.string(),
    BATON_EVIDENCE_BUCKET: z.string(),
    BATON_SIGNING_KEY_ARN: z.string(),
    /** Of the cache that is restored: what production has is no setting of a snapshot. */
    BATON_CACHE_NODE_TYPE: z.string(),
    BATON_CACHE_SUBNETS: z.string(),
    BATON_CACHE_SECURITY_GROUP: z.string(),
  }),
  steps: {
    choose: {
      input: z.object({ request: z.unknown(), execution }),
      output: z.object({
        request: VerificationRequest,
        /** Of the restored instance and the restored cache: in every name of this verification. */
        name: z.string(),
        recoveryPointArn: z.string(),
        /** As RDS knows it. */
        snapshot: z.string(),
        createdAt: isoTime,
        /** In the evidence bucket; empty where there is none from before the backup. */
        watermarkKey: z.string(),
        /** The newest file of the cache, by its ARN; empty where there is none. */
        cacheSnapshot: z.string(),
        begunAt: isoTime,
      }),
      errors: { RequestRefusedError: 'refusal', NoBackupError: 'final', BackupsUnreachableError: 'retry' },
    },
    /** A password that is known to the checker alone: what opens the ledger that is written opens nothing there. */
    admit: {
      input: z.object({ name: z.string() }),
      output: z.object({}),
      errors: { RestoredUnreachableError: 'retry' },
    },
    /** Made by the function, for the machine must not see the token that opens it. */
    restoreCache: {
      input: z.object({ name: z.string(), cacheSnapshot: z.string(), execution, madeAt: isoTime }),
      output: z.object({}),
      errors: { RestoredUnreachableError: 'retry' },
    },
    publish: {
      input: z.object({
        execution, name: z.string(), request: VerificationRequest, recoveryPointArn: z.string(), createdAt: z.string(), begunAt: z.string(),
        answeredAt: z.string(), newestCommitAt: z.string(), findings: z.array(Finding), why: z.string(), leftOver: z.string(),
      }),
      output: z.object({
        verdict: z.enum(['verified', 'doubtful']),
        key: z.string(),
        /** Null where it was never answered. */
        rtoSeconds: z.nullable(z.number()),
        /** What would have been lost; null where it is not known. */
        rpoSeconds: z.nullable(z.number()),
        /** What was found wrong, for people. */
        seen: z.string(),
      }),
      errors: { EvidenceUnreachableError: 'retry' },
    },
  },
});

export const venueFills = functionContract({
  name: 'venue-fills',
  purpose: 'Asks the venue what was filled before a backup was made',
  errorImpact: 'Backups are not compared with what the venue says, and so are not verified.',
  runbook,
  timeoutSeconds: 60,
  environment: z.object({
    /** JSON: for each book its symbol, the ARN of its key, and the variable that has its venue's address. */
    BATON_BOOKS: z.pipe(
      z.string(),
      z.transform((text) => z.record(z.string(), z.object({ symbol: z.string(), urlVariable: z.string(), secretArn: z.string() })).parse(JSON.parse(text))),
    ),
    BATON_EVIDENCE_BUCKET: z.string(),
  }),
  steps: {
    collect: {
      input: z.object({ name: z.string(), until: isoTime }),
      output: z.object({ key: z.string(), fills: z.int() }),
      errors: { VenueUnreachableError: 'retry', EvidenceUnreachableError: 'retry' },
    },
  },
});

export const backupCheck = functionContract({
  name: 'backup-check',
  purpose: 'Looks into what was restored from a backup, from inside a network that leads nowhere else',
  errorImpact: 'No backup is verified; they are made all the same.',
  runbook,
  // The longest that Lambda has: to read every page of a large table.
  timeoutSeconds: 900,
  environment: z.object({
    BATON_INSTALLATION: z.string(),
    BATON_DATABASE_NAME: z.string(),
    BATON_CHECK_SECRET_ARN: z.string(),
    BATON_EVIDENCE_BUCKET: z.string(),
    BATON_JOURNAL_TABLE: z.string(),
    BATON_STALE_MINUTES: z.string(),
    NODE_EXTRA_CA_CERTS: z.string(),
  }),
  steps: {
    /** The first query that is answered. */
    reach: {
      input: z.object({ database: host }),
      output: z.object({
        /** Empty while it does not answer, as long as the password is on its way. */
        answeredAt: z.string(),
        /** What there is to inspect, the largest first. */
        parts: z.array(Part),
      }),
      errors: {},
    },
    inspect: {
      input: z.object({ database: host, part: Part }),
      output: z.object({ findings: z.array(Finding) }),
      errors: unreachable,
    },
    judge: {
      input: z.object({ database: host, createdAt: isoTime, watermarkKey: z.string(), venueFillsKey: z.string() }),
      output: z.object({
        findings: z.array(Finding),
        /** Empty where it cannot be told. */
        newestCommitAt: z.string(),
      }),
      errors: unreachable,
    },
    readCache: {
      input: z.object({ cache: host }),
      output: z.object({ findings: z.array(Finding) }),
      errors: unreachable,
    },
  },
});
