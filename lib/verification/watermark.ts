/**
 * What the ledger is at a moment, counted in one snapshot of it, so that a backup that is made later can be judged: how many rows, what they add up to, where
 * the positions and the schema stand. It is written into the database and then into S3: what is in S3 is in the database, and in every backup from then on.
 *
 * A snapshot of PostgreSQL says exactly which transactions it saw, and each row says which one brought it. So trading goes on while this counts, and
 * in a copy of any later moment the same rows can be counted again.
 */
import type { ClientBase } from 'pg';
import { Watermark } from '../contracts/verification.ts';
import { frozenTables, hashing, settledBefore, shortOfFills, tableSql } from './ledger-tables.ts';
import { readSchema } from './schema.ts';

export const watermarksFolder = 'watermarks/';

/** In the order of their making. */
export function watermarkKey({ madeAt, id }: Pick<Watermark, 'madeAt' | 'id'>): string {
  return `${watermarksFolder}${madeAt}-${id}.json`;
}

/** Undefined where the key is that of something else. */
export function watermarkMadeAt(key: string): string | undefined {
  return /^watermarks\/(\d{4}-\d\d-\d\dT[\d:.]+Z)-[\w-]+\.json$/.exec(key)?.[1];
}

/** One is written every hour; one from long before says that they stopped. */
const searchedDays = 2;
const dayMs = 86_400_000;

/** The key of the last that was made before a moment; empty where there is none. */
export async function newestWatermark(evidence: { keys(prefix: string, after: string): Promise<readonly string[]> }, before: Date): Promise<string> {
  const after = `${watermarksFolder}${new Date(before.getTime() - searchedDays * dayMs).toISOString()}`;
  const keys = await evidence.keys(watermarksFolder, after);
  return keys.findLast((key) => (watermarkMadeAt(key) ?? '') < before.toISOString() && watermarkMadeAt(key) !== undefined) ?? '';
}

/** Undefined where the database takes no writes: a replica has the watermarks of its source. */
export async function takeWatermark(client: ClientBase, { id, installation }: { readonly id: string; readonly installation: string }): Promise<Watermark | undefined> {
  const [server] = (await client.query<{ in_recovery: boolean }>('SELECT pg_is_in_recovery() AS in_recovery')).rows;
  if (server?.in_recovery !== false) return undefined;
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  try {
    // Nobody waits for it, and traders write here.
    await client.query('SET LOCAL max_parallel_workers_per_gather = 0');
    const moment = await momentOf(client);
    const contents = await contentsOf(client, settledBefore(new Date(moment.madeAt)));
    const watermark = { id, installation, ...moment, hashing, ...contents, schema: await readSchema(client) };
    await client.query('SELECT control.keep_watermark($1, $2, $3)', [id, watermark.madeAt, JSON.stringify(watermark)]);
    await client.query('COMMIT');
    return Watermark.parse(watermark);
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function momentOf(client: ClientBase): Promise<Pick<Watermark, 'madeAt' | 'lsn' | 'snapshot' | 'postgresMajor'>> {
  const { rows } = await client.query<{ made_at: Date; lsn: string; snapshot: string; major: number }>(`
    SELECT now() AS made_at, pg_current_wal_lsn()::text AS lsn, pg_current_snapshot()::text AS snapshot,
      current_setting('server_version_num')::int / 10000 AS major`);
  const [row] = rows;
  if (row === undefined) throw new Error('the database did not say which moment it is; try again');
  return { madeAt: row.made_at.toISOString(), lsn: row.lsn, snapshot: row.snapshot, postgresMajor: row.major };
}

async function contentsOf(client: ClientBase, settled: Date): Promise<Pick<Watermark, 'tables' | 'positions' | 'shortOfFills'>> {
  const tables = [];
  for (const table of frozenTables) {
    const [counted] = (await client.query<{ rows: string; checksum: string }>(tableSql(table))).rows;
    tables.push({ name: table.name, rows: counted?.rows ?? '0', checksum: counted?.checksum ?? '0' });
  }
  const { rows: positions } = await client.query<{ book: string; quantity: string }>('SELECT book, quantity::text FROM positions ORDER BY book');
  return { tables, positions, shortOfFills: await shortOfFills(client, settled) };
}
