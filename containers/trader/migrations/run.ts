/**
 * Brings the ledger's schema from one release to the next, in two steps. An *expansion* only adds, and runs before the
 * new colour starts, while the old one trades on: it is refused when it does more (expand-only.ts). A *contraction* takes
 * away what no release uses any more, and runs when the rollback window has closed. A trader itself changes no schema.
 *
 * The migrations are part of the bundle, so that the image has one file. node-pg-migrate asks for files all the same: it is
 * given the one that runs, and a loader that answers with the list.
 */
import { basename } from 'node:path';
import { MigrationBuilder, runner } from 'node-pg-migrate';
import type pg from 'pg';
import * as ledger from './0001-ledger.ts';
import * as ledgerMarks from './0002-ledger-marks.ts';
import * as watermarks from './0003-watermarks.ts';
import * as endedMarks from './0004-ended-marks.ts';
import { contractionsIn } from './expand-only.ts';

export type MigrationKind = 'expansion' | 'contraction';

export interface KnownMigration {
  readonly id: string;
  readonly kind: MigrationKind;
  /** Whoever can go up can come down again. */
  readonly actions: { up(pgm: MigrationBuilder): void; down(pgm: MigrationBuilder): void };
}

/** In the order of their making. Names are recorded in the database: never rename one. */
export const knownMigrations: readonly KnownMigration[] = [
  { id: '0001-ledger', kind: 'expansion', actions: ledger },
  { id: '0002-ledger-marks', kind: 'expansion', actions: ledgerMarks },
  { id: '0003-watermarks', kind: 'expansion', actions: watermarks },
  { id: '0004-ended-marks', kind: 'expansion', actions: endedMarks },
];

/** What calls itself an expansion does more than add. Nothing was changed. */
export class NoExpansionError extends Error {
  override readonly name = 'NoExpansionError';
}

/** The schema is older than this release. */
export class SchemaTooOldError extends Error {
  override readonly name = 'SchemaTooOldError';
}

/** A change of the schema that waits for a lock holds up the queries behind it: it gives up instead. */
const lockTimeout = '5s';
const statementTimeout = '60s';

export interface MigrateOptions {
  readonly log: (message: string) => void;
  readonly migrations?: readonly KnownMigration[];
  /** Down: takes the newest of them back. */
  readonly direction?: 'up' | 'down';
}

/**
 * Each in a transaction of its own: of one that fails nothing stays, and those before it are recorded and harm nobody.
 * Answers the names of those that ran. Whoever comes second waits for the first on an advisory lock.
 */
export async function migrate(
  client: pg.ClientBase, kind: MigrationKind, { log, migrations = knownMigrations, direction = 'up' }: MigrateOptions,
): Promise<readonly string[]> {
  checkExpansions(migrations);
  await client.query(`SET lock_timeout = '${lockTimeout}'; SET statement_timeout = '${statementTimeout}'`);
  const quiet = { debug: () => undefined, info: log, warn: log, error: log };
  const running = runner({
    dbClient: client,
    direction,
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    // The two kinds are made in one order and run in two.
    checkOrder: false,
    logger: quiet,
    dir: import.meta.dirname,
    ignorePattern: `(?!${basename(import.meta.filename).replaceAll('.', '\\.')}$).*`,
    migrationLoaderStrategies: [
      {
        extensions: ['.ts', '.js', '.mjs'],
        loader: () =>
          Promise.resolve(
            migrations
              .filter((each) => each.kind === kind)
              .map(({ id, actions }) => ({ id, actions: { ...actions }, filePaths: [import.meta.filename] })),
          ),
      },
    ],
  });
  try {
    return (await running).map(({ name }) => name);
  } catch (error) {
    // The library leaves both to the end of the connection, which is ours and may live on.
    await client.query('ROLLBACK').then(() => client.query('SELECT pg_advisory_unlock_all()')).catch(() => undefined);
    throw error;
  }
}

/** Whether a contraction has not run yet. */
export async function contractionWaits(client: pg.ClientBase, migrations: readonly KnownMigration[] = knownMigrations): Promise<boolean> {
  return (await missing(client, 'contraction', migrations)).length > 0;
}

/** Throws SchemaTooOldError unless every expansion that this release was written for is there. */
export async function checkSchema(client: pg.ClientBase, migrations: readonly KnownMigration[] = knownMigrations): Promise<void> {
  const lacking = await missing(client, 'expansion', migrations);
  if (lacking.length === 0) return;
  throw new SchemaTooOldError(
    `the schema lacks ${lacking.join(', ')}: a cutover runs them before it starts a release; ` +
      "by hand, run this image with the command 'migrate expand'",
  );
}

/** By name: those of a kind that the database has not recorded. */
async function missing(client: pg.ClientBase, kind: MigrationKind, migrations: readonly KnownMigration[]): Promise<readonly string[]> {
  const { rows } = await client.query<{ known: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS known");
  const applied = rows[0]?.known === true ? (await client.query<{ name: string }>('SELECT name FROM migrations')).rows : [];
  return migrations.filter((each) => each.kind === kind && !applied.some(({ name }) => name === each.id)).map(({ id }) => id);
}

function checkExpansions(migrations: readonly KnownMigration[]): void {
  const faults = migrations
    .filter(({ kind }) => kind === 'expansion')
    .flatMap(({ id, actions }) => contractionsIn(sqlOf(actions)).map((fault) => `${id}: ${fault}`));
  if (faults.length > 0) {
    throw new NoExpansionError(
      `${faults.join(' ')} Nothing was changed. Leave to the expansion what only adds, and make the rest a contraction of a later release.`,
    );
  }
}

function sqlOf(actions: KnownMigration['actions']): string {
  const nowhere = (): never => {
    throw new Error('a migration reads the database while it is put together: say in SQL what it shall do');
  };
  const quiet = { debug: nowhere, info: nowhere, warn: nowhere, error: nowhere };
  const pgm = new MigrationBuilder({ query: nowhere, select: nowhere }, {}, false, quiet);
  actions.up(pgm);
  return pgm.getSql();
}
