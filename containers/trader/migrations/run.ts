/**
 * Brings the ledger's schema up to date. Two tasks start at once: the second waits for the first on an advisory lock.
 *
 * The migrations are part of the bundle, so that the image has one file. node-pg-migrate asks for files all the same: it is
 * given the one that runs, and a loader that answers with the list below.
 */
import { basename } from 'node:path';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';
import * as ledger from './0001-ledger.ts';

/** In the order of their making. Names are recorded in the database: never rename one. */
const migrations = [{ id: '0001-ledger', actions: ledger }];

export async function migrate(client: pg.ClientBase, log: (message: string) => void): Promise<void> {
  const quiet = { debug: () => undefined, info: log, warn: log, error: log };
  await runner({
    dbClient: client,
    direction: 'up',
    migrationsTable: 'migrations',
    advisoryLockMode: 'wait',
    logger: quiet,
    dir: import.meta.dirname,
    ignorePattern: `(?!${basename(import.meta.filename).replaceAll('.', '\\.')}$).*`,
    migrationLoaderStrategies: [
      {
        extensions: ['.ts', '.js', '.mjs'],
        loader: () => Promise.resolve(migrations.map(({ id, actions }) => ({ id, actions, filePaths: [import.meta.filename] }))),
      },
    ],
  });
}
