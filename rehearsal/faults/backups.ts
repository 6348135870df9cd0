/**
 * What can be wrong with a backup, or go wrong while it is verified: told with `verify-backup`, each alone. The first kind must be found by name; after all of them
 * nothing is left. What the contents lack is brought about in the backup itself, by a server of its own that is started from it.
 */
import type { Outcome } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { removalRefused } from './aws.ts';
import { flipByteInBase, loseLogOfBase, truncateBase } from './damage.ts';
import { onEntering, struck, type Injected } from './fault.ts';

export interface BackupFault {
  readonly name: string;
  readonly summary: string;
  readonly outcome: Outcome;
  /** What the cause of the ending says; of a fault that is survived, nothing. */
  readonly says?: RegExp;
  /** No watermark is written before the backup. */
  readonly withoutWatermark?: true;
  /** Damages the backup, before its verification is started; or begins what disturbs it, and answers how that ends and that it struck. */
  readonly inject?: (stage: Stage, backup: DamagedBackup) => Promise<Injected | void>;
}

export interface DamagedBackup {
  /** Of the base backup. */
  readonly directory: string;
  /** Where a table or an index of the ledger is in it. */
  readonly fileOf: (relation: string) => Promise<string>;
  /** Changes what the backup holds. */
  readonly change: (sql: string) => Promise<void>;
}

const wrong = (name: string, summary: string, says: RegExp, inject: BackupFault['inject']): BackupFault => ({
  name, summary, says, outcome: 'needs-a-person', ...(inject && { inject }),
});
const holding = (name: string, summary: string, says: RegExp, sql: string): BackupFault => wrong(name, summary, says, (_, { change }) => change(sql));
const pageBytes = 8192;
const boundMs = 30_000;
/** Of the machine, for a restore. */
const beyondTheLimitSeconds = 4000;

export const backupFaults: readonly BackupFault[] = [
  wrong('truncated-backup', 'Half of the base backup is missing.', /What was restored is failed|incompatible-restore/, (_, { directory }) => truncateBase(directory, 0.5)),
  wrong('missing-log', 'The write-ahead log that makes the base backup whole is missing.', /What was restored is failed/, (_, { directory }) => loseLogOfBase(directory)),
  wrong('flipped-byte-in-a-table', 'A byte in a page of the orders is another one.', /pages of orders: orders.*(page|block)/, async (_, { directory, fileOf }) =>
    flipByteInBase(directory, await fileOf('orders'), pageBytes / 2)),
  // Of one that nobody writes any more: of any other the log of the backup may have the page, with which the recovery mends it.
  wrong('flipped-byte-in-an-index', 'A byte in a page of an index is another one.', /pages of migrations: migrations_pkey/, async (_, { directory, fileOf }) =>
    flipByteInBase(directory, await fileOf('migrations_pkey'), pageBytes + pageBytes / 2)),
  holding('empty-table', 'The backup has no fill.', /rows: fills has 0 of the \d+ rows/, 'TRUNCATE fills'),
  holding('stale-rows', 'The backup lacks what came last before the watermark.', /rows: orders has \d+ of the \d+ rows/,
    'DELETE FROM orders WHERE client_order_id IN (SELECT client_order_id FROM orders ORDER BY inserted_by LIMIT 5)'),
  holding('schema-drift', 'The backup has a column that no migration made.', /schema: has ‘public\.orders\.note: text’/, 'ALTER TABLE orders ADD COLUMN note text'),
  holding('wrong-database', 'The backup is of another database.', /watermark: the backup does not have the watermark/, 'TRUNCATE watermarks'),
  holding('old-commit', 'Nothing was committed in the backup for hours before it was made.', /freshness: its newest commit is of/,
    "UPDATE watermarks SET made_at = made_at - interval '9 hours'; UPDATE positions SET written_at = written_at - interval '9 hours'; UPDATE ledger_marks SET written_at = written_at - interval '9 hours'"),
  { name: 'no-watermark', summary: 'Nothing was counted before the backup.', outcome: 'needs-a-person', says: /watermark: no watermark was written before/, withoutWatermark: true },
  wrong('key-disabled', 'The key of the database is turned off.', /(KMS|Kms).*disabled/i, async (stage) => {
    const KeyId = `alias/baton-${stage.environment}-data`;
    await stage.operator('kms', 'DisableKey', { KeyId });
    return { heal: async () => void (await stage.operator('kms', 'EnableKey', { KeyId })), promises: () => [] };
  }),
  wrong('restore-stuck', 'What is restored stays in creating.', /was not available within \d+ s; it is creating/, async (stage) => {
    const heal = stage.aws.databases.holdRestores(stage.home);
    onEntering(stage, ['Look at the restored database'], () => stage.letTimePass(beyondTheLimitSeconds));
    return { heal, promises: () => [] };
  }),
  { name: 'checker-killed', summary: 'The checker is killed while it reads the orders.', outcome: 'succeeded', inject: killedWhileItReads },
  { name: 'removal-refused', summary: 'RDS refuses once to remove what was restored.', outcome: 'succeeded', inject: async (stage) => removalRefused(stage) },
];

/** It waits for a table that somebody has, in the middle of its work; then its process is gone. */
async function killedWhileItReads(stage: Stage): Promise<Injected> {
  const { home, environment, aws: { databases, functions } } = stage;
  const killed = Promise.withResolvers<number>();
  onEntering(stage, ['Ask the venue for its fills'], () => {
    const server = [...databases.running(home)].find(([name]) => name.startsWith(`baton-${environment}-verify-`))?.[1].server;
    if (server === undefined) return killed.resolve(0);
    const locked = server.ask('LOCK TABLE orders IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)', undefined, 'baton').catch(() => undefined);
    const waiting = "SELECT pid FROM pg_locks WHERE relation = 'orders'::regclass AND NOT granted";
    const letGo = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE relation = 'orders'::regclass AND mode = 'AccessExclusiveLock'";
    void until('the checker to read the orders', boundMs, async () => (await server.ask(waiting, [], 'baton')).length > 0)
      .then(() => functions.kill(home, `baton-${environment}-backup-check`))
      .then(() => killed.resolve(1), () => killed.resolve(0))
      .then(() => server.ask(letGo, [], 'baton'))
      .then(() => locked);
  });
  return { heal: () => killed.resolve(0), promises: async () => [struck('a checker that was killed while it read', await killed.promise)] };
}
