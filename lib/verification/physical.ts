/**
 * Whether what was restored is whole: every page of every table and index is read, and with `amcheck` every row is looked at, every index is held against its table,
 * and the order of its keys against their parents. PostgreSQL's own checksums refuse a page that was changed on its way. It works in parts, so that
 * one call of a function has time for the largest.
 */
import type { ClientBase } from 'pg';
import type { Finding, Part } from '../contracts/verification.ts';

/** The largest tables are each a part, what is smaller is one together, and so are PostgreSQL's own. */
const singleTables = 20;
export const partsMax = singleTables + 2;

/** The largest first; each is what `inspectPart` takes. */
export async function partsOf(client: ClientBase): Promise<readonly Part[]> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence = 'p'
    ORDER BY pg_total_relation_size(c.oid) DESC, 1`);
  const names = rows.map(({ name }) => name);
  const others = names.slice(singleTables);
  return [
    ...names.slice(0, singleTables).map((name) => ({ name, tables: [name] })),
    ...(others.length === 0 ? [] : [{ name: 'other tables', tables: others }]),
    { name: 'catalogs', tables: [] },
  ];
}

interface Relation {
  /** Not by its name: PostgreSQL lets only superusers look names up among what is too large for its row. */
  readonly oid: number;
  readonly name: string;
  readonly kind: 'heap' | 'index' | 'other';
  readonly access_method: string | null;
}

const relationsOfTables = `
  WITH asked AS (SELECT unnest($1::text[])::regclass::oid AS oid),
    tables AS (SELECT oid FROM asked UNION SELECT reltoastrelid FROM pg_class WHERE oid IN (SELECT oid FROM asked) AND reltoastrelid <> 0)
  SELECT oid, oid::regclass::text AS name, 'heap' AS kind, NULL AS access_method FROM tables
  UNION ALL
  SELECT indexrelid, indexrelid::regclass::text, CASE WHEN am.amname = 'btree' THEN 'index' ELSE 'other' END, am.amname
  FROM tables JOIN pg_index ON indrelid = tables.oid JOIN pg_class c ON c.oid = indexrelid JOIN pg_am am ON am.oid = c.relam
  WHERE indisvalid`;
const relationsOfCatalogs = `
  SELECT c.oid, c.oid::regclass::text AS name, CASE c.relkind WHEN 'i' THEN 'index' ELSE 'heap' END AS kind, NULL AS access_method
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
  WHERE c.relkind IN ('r', 't', 'i', 'S') AND coalesce(i.indisvalid, true)
    AND (n.nspname IN ('pg_catalog', 'information_schema') OR c.relkind = 'S' OR c.oid IN (
      SELECT t.reltoastrelid FROM pg_class t JOIN pg_namespace tn ON tn.oid = t.relnamespace WHERE tn.nspname IN ('pg_catalog', 'information_schema')))`;

/** One finding, whatever is wrong in it: each fault is named. */
export async function inspectPart(client: ClientBase, { name, tables }: Part): Promise<Finding> {
  await client.query('CREATE EXTENSION IF NOT EXISTS amcheck');
  const { rows } = await client.query<Relation>(...(tables.length === 0 ? [relationsOfCatalogs] : [relationsOfTables, [tables]]) as [string, string[][]?]);
  const faults: string[] = [];
  for (const relation of rows) faults.push(...(await faultsOf(client, relation)));
  const others = rows.filter(({ kind }) => kind === 'other').map(({ name: index, access_method: method }) => `${index} (${method})`);
  const counted = `${rows.length - others.length} tables and indexes read`;
  // There is no such check for them: they can be made anew from their table.
  const unread = others.length === 0 ? '' : `; not known to amcheck: ${others.join(', ')}`;
  return { check: `pages of ${name}`, ok: faults.length === 0, seen: faults.length === 0 ? `${counted}${unread}` : shortened(faults) };
}

export async function checksumsOn(client: ClientBase): Promise<Finding> {
  const { rows } = await client.query<{ setting: string }>("SELECT current_setting('data_checksums') AS setting");
  return { check: 'checksums of pages', ok: rows[0]?.setting === 'on', seen: `data_checksums is ${rows[0]?.setting}` };
}

async function faultsOf(client: ClientBase, { oid, name, kind }: Relation): Promise<readonly string[]> {
  try {
    if (kind === 'other') return [];
    if (kind === 'index') {
      await client.query('SELECT bt_index_parent_check($1::oid, heapallindexed => true, rootdescend => true, checkunique => true)', [oid]);
      return [];
    }
    const { rows } = await client.query<{ blkno: string; offnum: number | null; msg: string }>(
      'SELECT blkno, offnum, msg FROM verify_heapam($1::oid, check_toast => true)', [oid],
    );
    return rows.map(({ blkno, offnum, msg }) => `${name}, page ${blkno}, row ${offnum ?? '?'}: ${msg}`);
  } catch (error) {
    if (isConnectionLost(error)) throw error;
    return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** What the database said has a code of five letters; a connection that broke has not, or says that the server goes down. */
function isConnectionLost(error: unknown): boolean {
  const { code = '' } = error as { code?: string };
  return !/^[0-9A-Z]{5}$/.test(code) || code.startsWith('57P') || code.startsWith('08');
}

/** A wrecked table has a fault in each row; the first of them say enough. */
export function shortened(faults: readonly string[], most = 5): string {
  const more = faults.length > most ? `; and ${faults.length - most} more` : '';
  return `${faults.slice(0, most).join('; ')}${more}`;
}
