/**
 * What of the ledger can be compared between two moments: the columns that no update moves. A checksum is the sum of a hash of each row, so that rows may stand in
 * any order and workers may share them; each hash takes the one before it as its seed, which costs a sequential scan less than any text or record that was made of the row.
 */
import type { ClientBase } from 'pg';

export interface FrozenTable {
  readonly name: string;
  /** SQL: a bigint for each row. */
  readonly rowHash: string;
}

/** Goes up with every change to what is hashed or how: a deployment may lie between a watermark and the look at its backup. */
export const hashing = 1;

type Kind = 'text' | 'numeric' | 'bigint' | 'timestamptz';

const hashes: Readonly<Record<Kind, (column: string, seed: string) => string>> = {
  // Of its bytes, whatever the database sorts by.
  text: (column, seed) => `hashtextextended(${column} COLLATE "C", ${seed})`,
  numeric: (column, seed) => `hash_numeric_extended(${column}, ${seed})`,
  bigint: (column, seed) => `hashint8extended(${column}, ${seed})`,
  // No zone has to be looked up for a distance.
  timestamptz: (column, seed) => `timestamp_hash_extended(${column} AT TIME ZONE interval '0', ${seed})`,
};

const hashOf = (columns: Readonly<Record<string, Kind>>): string =>
  Object.entries(columns).reduce((seed, [column, kind]) => hashes[kind](column, seed), '0');

/** Every row of these has its transaction in `inserted_by`. */
export const frozenTables: readonly FrozenTable[] = [
  // Book, epoch and sequence are in the id, and the state changes.
  { name: 'orders', rowHash: hashOf({ client_order_id: 'text', symbol: 'text', side: 'text', price: 'numeric', quantity: 'numeric' }) },
  {
    name: 'fills',
    rowHash: hashOf({
      execution_id: 'text', client_order_id: 'text', venue_order_id: 'text', book: 'text', symbol: 'text', side: 'text',
      price: 'numeric', quantity: 'numeric', fee: 'numeric', fee_currency: 'text', executed_at: 'timestamptz',
    }),
  },
];

/** Rows and checksum of those that were there at a moment; of all, where none is said. */
export function tableSql({ name, rowHash }: FrozenTable, snapshot?: '$1'): string {
  const since = snapshot === undefined ? '' : ` WHERE pg_visible_in_snapshot(inserted_by, ${snapshot}::pg_snapshot)`;
  return `SELECT count(*)::text AS rows, coalesce(sum(${rowHash}), 0)::text AS checksum FROM ${name}${since}`;
}

/** A batch of the ledger, a look at the venue, and a takeover between the two: what is younger may still be on its way. */
export const inFlightSeconds = 15;
export function settledBefore(moment: Date): Date {
  return new Date(moment.getTime() - inFlightSeconds * 1000);
}

export const ordersWithFills = `
  SELECT o.client_order_id, o.state, o.quantity, o.written_at, coalesce(sum(f.quantity), 0) AS filled
  FROM orders o LEFT JOIN fills f ON f.client_order_id = o.client_order_id GROUP BY o.client_order_id`;
/** Of `ordersWithFills`. */
export const isShort = "(state IN ('FILLED', 'SETTLED') AND filled < quantity)";

/** How many orders were filled by more than the fills that the ledger has of them, among those that were last written before a moment. */
export async function shortOfFills(client: ClientBase, before: Date): Promise<number> {
  const { rows } = await client.query<{ n: number }>(`SELECT count(*)::int AS n FROM (${ordersWithFills}) AS sums WHERE ${isShort} AND written_at < $1`, [before]);
  return rows[0]?.n ?? 0;
}
