/**
 * Whether a restored database is the ledger that it is said to be: what the watermark counted is there, the schema is the one that was made, and the rows agree with each
 * other, with the journal and with the venue. All of it reads only.
 *
 * What is on its way at the moment of a backup is no fault. Orders are written before their fills and these before the position; each in a
 * transaction of its own, and a backup may lie between them. So what is younger than the newest commit by some seconds is not judged.
 */
import type { ClientBase } from 'pg';
import { Watermark, type Finding, type VenueFill } from '../contracts/verification.ts';
import type { BookName, Epoch } from '../lease/model.ts';
import { clientOrderId, sequencesPerLane } from '../trading/client-order-id.ts';
import type { Journal } from '../trading/journal.ts';
import { scaled } from '../trading/order.ts';
import { ledgerMigrations, ledgerSchema } from './ledger-schema.ts';
import { frozenTables, hashing, inFlightSeconds, isShort, ordersWithFills, settledBefore, shortOfFills, tableSql } from './ledger-tables.ts';
import { shortened } from './physical.ts';
import { readSchema, schemaDifferences, type Schema } from './schema.ts';

export interface JudgedAgainst {
  readonly installation: string;
  /** When the backup was made. */
  readonly createdAt: Date;
  /** The newest from before the backup, as it stands outside; undefined where there is none. */
  readonly watermark: Watermark | undefined;
  readonly venueFills: readonly VenueFill[];
  readonly journal: Pick<Journal, 'entries'>;
  /** A backup whose newest commit was older when it was made holds the past. */
  readonly staleMinutes: number;
}

/** So many of the newest fills may be missing in a position, or be in it already. */
const fillsInFlight = 600;
/** Each is a question to the journal. */
const gapsAsked = 500;

export async function judgeLedger(client: ClientBase, against: JudgedAgainst): Promise<{ readonly findings: readonly Finding[]; readonly newestCommitAt: string }> {
  const findings: Finding[] = [];
  let newest: Date | undefined;
  const look = async (check: string, judge: () => Promise<readonly string[] | { readonly faults: readonly string[]; readonly seen: string }>): Promise<void> => {
    try {
      const answer = await judge();
      const { faults, seen } = 'faults' in answer ? answer : { faults: answer, seen: 'as it should be' };
      findings.push({ check, ok: faults.length === 0, seen: faults.length === 0 ? seen : shortened(faults) });
    } catch (error) {
      findings.push({ check, ok: false, seen: `it could not be looked at: ${error instanceof Error ? error.message : String(error)}` });
    }
  };
  let schema: Schema | undefined;
  await look('watermark', () => watermarkIsThere(client, against));
  await look('rows', () => rowsOfWatermark(client, against.watermark));
  await look('schema', async () => {
    schema = await readSchema(client);
    return schemaFaults(schema, against.watermark?.schema);
  });
  await look('freshness', async () => {
    newest = await newestCommit(client);
    return freshness(newest, against);
  });
  await look('fills have orders', () => fillsHaveOrders(client));
  await look('quantities', () => quantitiesAddUp(client, against.watermark, newest));
  await look('sequences', () => noGaps(client, against.journal));
  await look('positions', () => positionsAddUp(client, against.watermark));
  await look('fills of the venue', () => venueAgrees(client, against.venueFills, newest));
  return { findings, newestCommitAt: newest?.toISOString() ?? '' };
}

/** The copy in the database is the one that is kept outside; a database that does not have it is another one, or an older one. */
async function watermarkIsThere(client: ClientBase, { watermark, installation, createdAt }: JudgedAgainst): Promise<{ faults: readonly string[]; seen: string }> {
  if (watermark === undefined) return { faults: [`no watermark was written before this backup of ${createdAt.toISOString()}: there is nothing to compare it with`], seen: '' };
  const { rows } = await client.query<{ content: unknown }>('SELECT content FROM watermarks WHERE id = $1', [watermark.id]);
  const [found] = rows;
  const words = `watermark ${watermark.id} of ${watermark.madeAt}`;
  if (found === undefined) return { faults: [`the backup does not have the ${words}: it is of another database, or older than it says`], seen: '' };
  if (watermark.installation !== installation) return { faults: [`the ${words} is of ${watermark.installation}, not of ${installation}`], seen: '' };
  const inside = Watermark.safeParse(found.content);
  const same = inside.success && JSON.stringify(inside.data) === JSON.stringify(watermark);
  return { faults: same ? [] : [`the ${words} says something else in the backup than outside of it`], seen: words };
}

async function rowsOfWatermark(client: ClientBase, watermark: Watermark | undefined): Promise<{ faults: readonly string[]; seen: string }> {
  if (watermark === undefined) return { faults: ['there is no watermark to count against'], seen: '' };
  const { rows } = await client.query<{ major: number }>("SELECT current_setting('server_version_num')::int / 10000 AS major");
  const other = rows[0]?.major !== watermark.postgresMajor ? 'this is another major version of PostgreSQL' : watermark.hashing !== hashing ? 'another release hashed them in another way' : '';
  const faults: string[] = [];
  for (const table of frozenTables) {
    const wanted = watermark.tables.find(({ name }) => name === table.name);
    const [seen] = (await client.query<{ rows: string; checksum: string }>(tableSql(table, '$1'), [watermark.snapshot])).rows;
    if (wanted === undefined) faults.push(`the watermark does not count ${table.name}`);
    else if (seen?.rows !== wanted.rows) faults.push(`${table.name} has ${seen?.rows} of the ${wanted.rows} rows of the watermark`);
    else if (other === '' && seen.checksum !== wanted.checksum) faults.push(`the ${wanted.rows} rows of ${table.name} are not those of the watermark: their checksum is ${seen.checksum}, not ${wanted.checksum}`);
  }
  const counted = watermark.tables.map(({ name, rows: n }) => `${n} ${name}`).join(', ');
  return { faults, seen: `${counted}${other === '' ? '' : `; not their checksums, for ${other}`}` };
}

function schemaFaults(seen: Schema, atWatermark: Schema | undefined): readonly string[] {
  const sameAsThen = atWatermark !== undefined && JSON.stringify(atWatermark.migrations) === JSON.stringify(seen.migrations);
  const isOlder = seen.migrations.length < ledgerMigrations.length && seen.migrations.every((name, at) => name === ledgerMigrations[at]);
  const isKnown = JSON.stringify(seen.migrations) === JSON.stringify(ledgerMigrations);
  // Between a deployment and the cutover that migrates, the ledger is what it was: then the watermark says what that is.
  const wanted = isKnown ? ledgerSchema : isOlder && sameAsThen ? atWatermark.ledger : undefined;
  if (wanted === undefined) return [`the migrations that ran are ${seen.migrations.join(', ') || 'none'}; known are ${ledgerMigrations.join(', ')}`];
  return [...schemaDifferences(seen.ledger, wanted), ...(sameAsThen ? schemaDifferences(seen.others, atWatermark.others) : [])];
}

/** Of what is written all the while, and of the watermark, which is written when nothing else is. */
export async function newestCommit(client: ClientBase): Promise<Date | undefined> {
  const { rows } = await client.query<{ at: Date | null }>(`
    SELECT greatest((SELECT max(made_at) FROM watermarks), (SELECT max(written_at) FROM positions), (SELECT max(written_at) FROM ledger_marks)) AS at`);
  return rows[0]?.at ?? undefined;
}

function freshness(newest: Date | undefined, { createdAt, staleMinutes }: JudgedAgainst): { faults: readonly string[]; seen: string } {
  if (newest === undefined) return { faults: ['nothing in it says when it was last written'], seen: '' };
  const behindSeconds = Math.max(0, (createdAt.getTime() - newest.getTime()) / 1000);
  const words = `its newest commit is of ${newest.toISOString()}, ${behindSeconds.toFixed(0)} s before the backup was begun`;
  return { faults: behindSeconds > staleMinutes * 60 ? [`${words}: more than ${staleMinutes} minutes`] : [], seen: words };
}

interface Mark {
  readonly book: string;
  readonly epoch: string;
  readonly sequence: string;
}
async function marksOf(client: ClientBase): Promise<readonly Mark[]> {
  return (await client.query<Mark>('SELECT book, epoch, sequence FROM ledger_marks')).rows;
}

/** Of the orders below the mark all are in the ledger, so their fills find them. Others may be on their way, or somebody else's. */
async function fillsHaveOrders(client: ClientBase): Promise<readonly string[]> {
  const faults: string[] = [];
  for (const { book, epoch, sequence } of await marksOf(client)) {
    const below = clientOrderId({ book: book as BookName, epoch: Number(epoch) as Epoch, sequence: Number(sequence) });
    // Book and widths being the same, ids compare as epochs and sequences do.
    const { rows } = await client.query<{ execution_id: string; client_order_id: string }>(
      `SELECT execution_id, client_order_id FROM fills
       WHERE book = $1 AND client_order_id ~ ('^' || $1 || 'x[0-9a-z]{15}$') AND client_order_id COLLATE "C" < $2
         AND NOT EXISTS (SELECT FROM orders WHERE orders.client_order_id = fills.client_order_id)
       LIMIT 100`, [book, below],
    );
    faults.push(...rows.map((row) => `fill ${row.execution_id} is of order ${row.client_order_id}, which is not there`));
  }
  return faults;
}

/**
 * An order never has more fills than it is large, and one that is filled has them all. Where the ledger itself missed fills, the watermark has counted those
 * orders: the backup has no more of them.
 */
async function quantitiesAddUp(client: ClientBase, watermark: Watermark | undefined, newest: Date | undefined): Promise<{ faults: readonly string[]; seen: string }> {
  const since = settledBefore(watermark === undefined ? new Date(0) : new Date(watermark.madeAt));
  const { rows } = await client.query<{ id: string; state: string; quantity: string; filled: string }>(
    `SELECT client_order_id AS id, state, quantity::text, filled::text FROM (${ordersWithFills}) AS sums
     WHERE filled > quantity OR (${isShort} AND written_at >= $1 AND written_at < $2) LIMIT 100`, [since, settledBefore(newest ?? new Date(0))],
  );
  const faults = rows.map(({ id, state, quantity, filled }) => `order ${id} of ${quantity} is ${state} with fills of ${filled}`);
  const short = await shortOfFills(client, since);
  const known = watermark?.shortOfFills ?? 0;
  if (short > known) faults.push(`${short} orders have fewer fills than they were filled, and ${known} had at the watermark`);
  return { faults, seen: short === 0 ? 'every filled order has its fills' : `${short} orders lacked fills at the watermark already` };
}

/**
 * Numbers between two orders of the same lane of an epoch that no order has. Such a gap is legal where the number was never used: a permit that came too late, or
 * was asked for by nobody. The journal knows: an order that it has as accepted must be here.
 */
async function noGaps(client: ClientBase, journal: Pick<Journal, 'entries'>): Promise<{ faults: readonly string[]; seen: string }> {
  const faults: string[] = [];
  let gaps = 0;
  for (const { book, epoch, sequence } of await marksOf(client)) {
    const { rows } = await client.query<{ epoch: string; after: string; before: string }>(
      `SELECT epoch, after, before FROM (
         SELECT epoch, sequence AS before, lag(sequence) OVER (PARTITION BY epoch, sequence / $2 ORDER BY sequence) AS after
         FROM (SELECT epoch, sequence FROM orders WHERE book = $1 AND (epoch, sequence) < ($3, $4) UNION ALL SELECT $3::bigint, $4::bigint) AS numbers
       ) AS pairs WHERE before - after > 1 ORDER BY epoch DESC, before DESC LIMIT $5`,
      [book, sequencesPerLane, epoch, sequence, gapsAsked],
    );
    gaps += rows.length;
    for (const gap of rows) {
      const bound = (value: number) => ({ epoch: Number(gap.epoch) as Epoch, sequence: value });
      for await (const page of journal.entries(book as BookName, bound(Number(gap.after) + 1), bound(Number(gap.before)))) {
        const accepted = page.filter(({ outcome }) => outcome?.status === 'accepted');
        faults.push(...accepted.map((entry) => `order ${entry.clientOrderId} was accepted and is not there`));
      }
    }
  }
  return { faults, seen: gaps === 0 ? 'no number is left out' : `${gaps} gaps, of numbers that no accepted order has` };
}

/** How a fill moves the position, in SQL as lib/trading/reconcile.ts has it: a fee in the base coin is taken off. */
const moves = `CASE side WHEN 'buy' THEN quantity ELSE -quantity END - CASE WHEN fee_currency = split_part(symbol, '/', 1) THEN fee ELSE 0 END`;
const ownFills = `SELECT ${moves} AS move, quantity, executed_at, execution_id FROM fills WHERE book = $1 AND client_order_id ~ ('^' || $1 || 'x[0-9a-z]{15}$')`;

/**
 * From the watermark to the backup a position has moved by what was filled between. Where exactly the two stood among the newest fills is not written, so every
 * pair of places that fits is right. What is less than the smallest fill is dust, which the wallet rounds.
 */
async function positionsAddUp(client: ClientBase, watermark: Watermark | undefined): Promise<{ faults: readonly string[]; seen: string }> {
  const { rows: positions } = await client.query<{ book: string; quantity: string }>('SELECT book, quantity::text FROM positions ORDER BY book');
  const faults = (watermark?.positions ?? []).filter(({ book }) => !positions.some((each) => each.book === book)).map(({ book }) => `the position of ${book} is not there`);
  for (const { book, quantity } of positions) {
    const before = watermark?.positions.find((each) => each.book === book);
    if (before === undefined || watermark === undefined) continue;
    const then = await placesAmongFills(client, book, watermark.snapshot);
    const now = await placesAmongFills(client, book);
    const moved = scaled(quantity) - scaled(before.quantity);
    const dust = now.smallest;
    const fits = now.sums.some((end) => then.sums.some((begin) => absolute(end - begin - moved) < dust));
    if (!fits) faults.push(`the position of ${book} went from ${before.quantity} to ${quantity}, and its fills do not lead there`);
  }
  return { faults, seen: positions.map(({ book, quantity }) => `${book}: ${quantity}`).join(', ') || 'none' };
}

/** What all fills of a book add up to, and what they did before each of the newest. */
async function placesAmongFills(client: ClientBase, book: string, snapshot?: string): Promise<{ readonly sums: readonly bigint[]; readonly smallest: bigint }> {
  const since = snapshot === undefined ? '' : ' AND pg_visible_in_snapshot(inserted_by, $3::pg_snapshot)';
  const { rows } = await client.query<{ total: string; smallest: string | null; newest: string[] | null }>(
    `WITH own AS (${ownFills}${since}),
       newest AS (SELECT move, executed_at, execution_id FROM own ORDER BY executed_at DESC, execution_id DESC LIMIT $2)
     SELECT (SELECT coalesce(sum(move), 0)::text FROM own) AS total, (SELECT min(quantity)::text FROM own) AS smallest,
       (SELECT array_agg(move::text ORDER BY executed_at DESC, execution_id DESC) FROM newest) AS newest`,
    [book, fillsInFlight, ...(snapshot === undefined ? [] : [snapshot])],
  );
  const { total = '0', smallest = null, newest = null } = rows[0] ?? {};
  let sum = scaled(total);
  const sums = [sum];
  for (const move of newest ?? []) sums.push((sum -= scaled(move)));
  return { sums, smallest: smallest === null ? 1n : scaled(smallest) };
}

/** What the venue filled before the newest commit, but for what was on its way, is there and is the same. */
async function venueAgrees(client: ClientBase, fills: readonly VenueFill[], newest: Date | undefined): Promise<{ faults: readonly string[]; seen: string }> {
  const until = (newest?.getTime() ?? 0) - inFlightSeconds * 1000;
  const wanted = fills.filter(({ atVenueMs }) => atVenueMs <= until);
  const { rows } = await client.query<{ id: string; book: string; side: string; price: string; quantity: string }>(
    'SELECT execution_id AS id, book, side, price::text, quantity::text FROM fills WHERE execution_id = ANY($1)', [wanted.map(({ executionId }) => executionId)],
  );
  const known = new Map(rows.map((row) => [row.id, row]));
  const faults = wanted.flatMap((fill) => {
    const found = known.get(fill.executionId);
    if (found === undefined) return [`fill ${fill.executionId} of ${new Date(fill.atVenueMs).toISOString()} is at the venue and not here`];
    const same = found.book === fill.book && found.side === fill.side && scaled(found.price) === scaled(fill.price) && scaled(found.quantity) === scaled(fill.quantity);
    return same ? [] : [`fill ${fill.executionId} is ${found.side} ${found.quantity} at ${found.price} here, and ${fill.side} ${fill.quantity} at ${fill.price} at the venue`];
  });
  return { faults, seen: `${wanted.length} fills of the venue are here` };
}

function absolute(value: bigint): bigint {
  return value < 0n ? -value : value;
}
