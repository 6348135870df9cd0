/**
 * What a database lacks of a book's orders: those that the venue accepted, as the journal has them, from the order on below which the database
 * itself says that it has everything. It reads only, so a replica can be asked as well as what is written.
 */
import type { ClientBase } from 'pg';
import type { BookName, Epoch } from '../lease/model.ts';
import type { Journal, JournalEntry, LedgerMark } from '../trading/journal.ts';

export interface Lacking {
  readonly missing: number;
  /** Those of the oldest and the newest that are missing, where their senders wrote the time. */
  readonly missingSentAtMs: readonly number[];
  readonly newestSentAtMs?: number;
}

/** Above every epoch. */
const noBound = Number.MAX_SAFE_INTEGER as Epoch;

/** @param belowEpoch orders of older epochs count; 0 for all of the book */
export async function lackingOf(client: ClientBase, journal: Pick<Journal, 'entries'>, { book, belowEpoch }: {
  readonly book: BookName; readonly belowEpoch: Epoch;
}): Promise<Lacking> {
  const below: LedgerMark = { epoch: belowEpoch === 0 ? noBound : belowEpoch, sequence: 0 };
  const hasSchema = await isThere(client, 'orders');
  const mark = (await isThere(client, 'ledger_marks')) ? await markOf(client, book) : undefined;
  let missing: JournalEntry[] = [];
  let newestSentAtMs: number | undefined;
  for await (const page of journal.entries(book, mark, below)) {
    const accepted = page.filter(({ outcome }) => outcome?.status === 'accepted');
    newestSentAtMs = accepted.at(-1)?.sentAtMs ?? newestSentAtMs;
    const known = hasSchema ? await knownOf(client, accepted) : new Set();
    missing = missing.concat(accepted.filter(({ clientOrderId }) => !known.has(clientOrderId)));
  }
  const times = missing.flatMap(({ sentAtMs }) => sentAtMs ?? []);
  return {
    missing: missing.length,
    missingSentAtMs: times.length === 0 ? [] : [Math.min(...times), Math.max(...times)],
    ...(newestSentAtMs !== undefined && { newestSentAtMs }),
  };
}

async function isThere(client: ClientBase, table: string): Promise<boolean> {
  return (await client.query<{ known: boolean }>('SELECT to_regclass($1) IS NOT NULL AS known', [table])).rows[0]?.known === true;
}

async function markOf(client: ClientBase, book: string): Promise<LedgerMark | undefined> {
  const { rows } = await client.query<{ epoch: string; sequence: string }>('SELECT epoch, sequence FROM ledger_marks WHERE book = $1', [book]);
  return rows[0] && { epoch: Number(rows[0].epoch) as Epoch, sequence: Number(rows[0].sequence) };
}

/** An order that the ledger knows only as about to be sent is not known to it as accepted. */
async function knownOf(client: ClientBase, entries: readonly JournalEntry[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ id: string }>(
    "SELECT client_order_id AS id FROM orders WHERE client_order_id = ANY($1) AND state <> 'PENDING'",
    [entries.map(({ clientOrderId }) => clientOrderId)],
  );
  return new Set(rows.map(({ id }) => id));
}
