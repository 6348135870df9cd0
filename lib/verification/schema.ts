/**
 * The schema of a database as lines of text, so that two can be compared and a difference can be read. What belongs to an extension is left out: the
 * checker itself makes one. The ledger's own tables have to be what its migrations make; a bot's own tables what they were at the watermark.
 */
import type { ClientBase } from 'pg';

const own = ['orders', 'fills', 'positions', 'ledger_marks', 'watermarks', 'migrations'];

/** Tables with how they are kept, columns, constraints, indexes and triggers of everything that people made, in a stable order. */
const schemaSql = `
  WITH tables AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, c.relkind, c.relpersistence
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  )
  SELECT name AS "table", format('%s: kind %s, persistence %s', name, relkind, relpersistence) AS line FROM tables
  UNION ALL
  SELECT name, format('%s.%I: %s%s%s', name, attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' ELSE '' END,
    coalesce(' default ' || pg_get_expr(adbin, adrelid), ''))
  FROM tables JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  WHERE relkind <> 'S'
  UNION ALL
  SELECT name, format('%s %I: %s%s', name, conname, pg_get_constraintdef(pg_constraint.oid), CASE WHEN convalidated THEN '' ELSE ' not validated' END)
  FROM tables JOIN pg_constraint ON conrelid = tables.oid WHERE contype <> 'n'
  UNION ALL
  SELECT name, format('%s: %s%s', name, pg_get_indexdef(indexrelid), CASE WHEN indisvalid THEN '' ELSE ' (invalid)' END)
  FROM tables JOIN pg_index ON indrelid = oid
  UNION ALL
  SELECT name, format('%s: %s', name, pg_get_triggerdef(pg_trigger.oid)) FROM tables JOIN pg_trigger ON tgrelid = tables.oid WHERE NOT tgisinternal
  UNION ALL
  SELECT name, format('%s: %s', name, pg_get_viewdef(oid)) FROM tables WHERE relkind IN ('v', 'm')
  ORDER BY 1, 2`;

export interface Schema {
  /** By name, in the order in which they ran. */
  readonly migrations: readonly string[];
  /** Of the ledger's own tables. */
  readonly ledger: readonly string[];
  /** Of whatever else there is. */
  readonly others: readonly string[];
}

export async function readSchema(client: ClientBase): Promise<Schema> {
  const { rows } = await client.query<{ table: string; line: string }>(schemaSql);
  const isOwn = (table: string): boolean => own.includes(table.replace(/^public\./, '').replace(/_id_seq$/, ''));
  const [recorded] = (await client.query<{ known: boolean }>("SELECT to_regclass('migrations') IS NOT NULL AS known")).rows;
  const migrations = recorded?.known === true ? (await client.query<{ name: string }>('SELECT name FROM migrations ORDER BY id')).rows : [];
  return {
    migrations: migrations.map(({ name }) => name),
    ledger: rows.filter(({ table }) => isOwn(table)).map(({ line }) => line),
    others: rows.filter(({ table }) => !isOwn(table)).map(({ line }) => line),
  };
}

/** What the one has and the other lacks, in words; none when they are the same. */
export function schemaDifferences(seen: readonly string[], wanted: readonly string[]): readonly string[] {
  return [
    ...wanted.filter((line) => !seen.includes(line)).map((line) => `lacks ‘${line}’`),
    ...seen.filter((line) => !wanted.includes(line)).map((line) => `has ‘${line}’`),
  ];
}
