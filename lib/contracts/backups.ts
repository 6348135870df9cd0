/** What looks after backups: whether one was deleted before its time, what is configured, and what a crash has left behind. */
import * as z from 'zod/mini';
import { functionContract } from './step.ts';

/** What is made for a verification or a restore carries these, so that it can be told from what is meant to stay. */
export const temporaryTags = {
  /** The execution that made it. */
  execution: 'baton:temporary',
  /** When, as ISO 8601. */
  madeAt: 'baton:made-at',
} as const;

/** Begins the names of what is temporary, after `baton-<environment>`. */
export const temporaryNames = ['verify', 'restore', 'cache', 'drill'] as const;

/** AWS Backup takes a database only while it has this tag; the watch over a Region keeps it (lib/standby/watch.ts). */
export const writtenTag = { key: 'baton:written', yes: 'yes', no: 'no' } as const;

const instant = z.iso.datetime();

export const backupCare = functionContract({
  name: 'backup-care',
  purpose: 'Judges what was deleted of the backups, and keeps the configuration of the system',
  errorImpact: 'Nobody sees whether a backup was deleted before its time, or the configuration is not kept.',
  runbook: 'docs/runbooks/backups.md',
  timeoutSeconds: 60,
  environment: z.object({
    /** Where the configuration goes. */
    BATON_BUCKET: z.string(),
    /** Begins the names of the machines that are kept. */
    BATON_PREFIX: z.string(),
    /** The settings, as JSON. */
    BATON_SETTINGS: z.string(),
  }),
  steps: {
    /** Of a recovery point that is gone: AWS Backup deletes it when its time has come, and nobody may before. */
    judgeDeletion: {
      input: z.object({
        recoveryPoint: z.string(),
        vault: z.string(),
        /** Empty for what was to be kept for ever. */
        deleteAt: z.union([instant, z.literal('')]),
        at: instant,
      }),
      output: z.object({ deletion: z.enum(['early', 'due']), seen: z.string() }),
      errors: {},
    },
    saveConfiguration: {
      input: z.object({ because: z.string() }),
      output: z.object({ saved: z.array(z.string()) }),
      errors: {},
    },
  },
});

export const backupReaper = functionContract({
  name: 'backup-reaper',
  purpose: 'Removes databases and caches that a verification, a restore or a drill has left behind',
  errorImpact: 'A database or a cache that was made for a verification or a drill may be left, and be paid for.',
  runbook: 'docs/runbooks/backups.md',
  timeoutSeconds: 60,
  environment: z.object({
    BATON_PREFIX: z.string(),
    /** Older than any execution that may still need it. */
    BATON_OLDEST_HOURS: z.pipe(z.string().check(z.regex(/^\d+$/)), z.transform(Number)),
  }),
  steps: {
    reap: {
      input: z.object({}),
      output: z.object({
        /** So counted: somebody's teardown did not. */
        work: z.enum(['nothing', 'reaped', 'failed']),
        reaped: z.array(z.string()),
        failed: z.array(z.string()),
      }),
      errors: {},
    },
  },
});
