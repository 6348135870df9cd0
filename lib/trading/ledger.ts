/**
 * The ledger in PostgreSQL, for people and reports. Trading goes on without it.
 *
 * What happens is queued and written in batches behind the order path. Every write is an upsert, so a batch whose answer was
 * lost is written again. While the database is away the queue holds the newest news of each row up to a bound; beyond it the oldest rows
 * are dropped and counted. What was dropped, or died with its process, `LedgerCompletion` brings back from the journal; how far it has
 * got stands in the database itself.
 */
import type { Client, ClientBase } from 'pg';
import type { BookName, Epoch } from '../lease/model.ts';
import type { Execution } from '../venues/venue.ts';
import { messageOf } from '../message-of.ts';
import type { LedgerMark } from './journal.ts';
import { isEnded, type Order } from './order.ts';

export interface LedgerPosition {
  readonly book: string;
  readonly symbol: string;
  readonly quantity: string;
  readonly epoch: number;
}

export interface LedgerOptions {
  /** Answers a connection that stands, with whatever login is valid then. */
  readonly connect: () => Promise<Client>;
  /** Throws unless the schema is one that this release can write; asked once, on the first connection. */
  readonly checkSchema: (client: ClientBase) => Promise<void>;
  readonly book: string;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
  /** Called when `writable` changes. */
  readonly onChange?: () => void;
  readonly queuedRowsAtMost?: number;
}

/** An order that a database knows as sent and not as ended. */
export interface NotEnded {
  readonly order: Order;
  /** Since its row was written last. */
  readonly agedMs: number;
}

const batchRowsAtMost = 500;
const notEndedAtMost = 10_000;
const batchEveryMs = 200;
/** An idle connection is asked at this interval whether it still writes. */
const probeEveryMs = 5000;
const reconnectAfterMs = { first: 200, most: 5000 };

export class Ledger {
  readonly #options: Required<LedgerOptions>;
  /** The newest news of each row; a Map keeps the order in which rows were first heard of. */
  readonly #orders = new Map<string, Order>();
  readonly #fills = new Map<string, Execution>();
  #position: LedgerPosition | undefined;
  #mark: LedgerMark | undefined;
  #completeBelow: LedgerMark | undefined;
  #client: Client | undefined;
  #connections = 0;
  #droppedRows = 0;
  #writable = false;
  #closing = false;
  #wake: (() => void) | undefined;
  #running: Promise<void> | undefined;

  constructor(options: LedgerOptions) {
    this.#options = { onChange: () => undefined, queuedRowsAtMost: 100_000, ...options };
  }

  /** Connected to a database that takes writes, with a schema that fits. */
  get writable(): boolean {
    return this.#writable;
  }
  get queuedRows(): number {
    return this.#orders.size + this.#fills.size;
  }
  get droppedRows(): number {
    return this.#droppedRows;
  }

  /** Counts the databases that were found writable, which may be the same one: what was true of one need not be of the next. */
  get connections(): number {
    return this.#connections;
  }

  /** Below which order of the book this database has everything, as it says itself; undefined when it says nothing. */
  get completeBelow(): LedgerMark | undefined {
    return this.#completeBelow;
  }

  /** Reads that anew, for another instance may have raised it; answers how long ago, by the database's clock, undefined when there is none. */
  async lookAtMark(): Promise<number | undefined> {
    const found = await readMark(this.#connected(), this.#options.book);
    this.#completeBelow = found?.mark;
    return found?.agedMs;
  }

  /** What this very database knows as sent and not as ended, the oldest first; a part of them, where they are very many. */
  async notEnded(): Promise<readonly NotEnded[]> {
    const { rows } = await this.#connected().query<Record<'client_order_id' | 'symbol' | 'side' | 'price' | 'quantity' | 'epoch' | 'sequence' | 'aged_ms', string> & {
      venue_order_id: string | null;
    }>(selectNotEnded, [this.#options.book]);
    return rows.map((row) => ({
      agedMs: Number(row.aged_ms),
      order: {
        clientOrderId: row.client_order_id, book: this.#options.book as BookName, epoch: Number(row.epoch) as Epoch, sequence: Number(row.sequence),
        symbol: row.symbol, side: row.side as Order['side'], price: row.price, quantity: row.quantity, state: 'SUBMITTED', fills: [],
        ...(row.venue_order_id !== null && { venueOrderId: row.venue_order_id }),
      },
    }));
  }

  /** To be told when every row below has left the queue, none was dropped, and the connection is the same still. */
  completed(mark: LedgerMark): void {
    this.#mark = mark;
  }

  /** News of this order waits to be written or is being written; if not, it is in the database, or counted as dropped. */
  isQueued(clientOrderId: string): boolean {
    return this.#orders.has(clientOrderId);
  }

  /** Every order below has ended and is known here to have: from there on `notEnded` looks. */
  async endedBelow(mark: LedgerMark): Promise<void> {
    await this.#connected().query(raiseEnded, [this.#options.book, mark.epoch, mark.sequence]);
  }

  isFillQueued(executionId: string): boolean {
    return this.#fills.has(executionId);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  order(order: Order): void {
    this.#orders.set(order.clientOrderId, order);
    this.#dropBeyondBound(this.#orders);
  }

  /** What the journal says of an order; news that is queued says more. */
  recover(order: Order): void {
    if (!this.isQueued(order.clientOrderId)) this.order(order);
  }

  fill(execution: Execution): void {
    this.#fills.set(execution.executionId, execution);
    this.#dropBeyondBound(this.#fills);
  }

  position(position: LedgerPosition): void {
    this.#position = position;
  }

  /** Writes what is queued if the database answers, and ends. Bounded by one batch after another failing once. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wake?.();
    await this.#running;
  }

  #connected(): Client {
    if (this.#client === undefined) throw new Error('the ledger is not connected');
    return this.#client;
  }

  async #run(): Promise<void> {
    let checked = false;
    let pauseMs = reconnectAfterMs.first;
    for (;;) {
      let client: Client | undefined;
      let failed: Error | undefined;
      try {
        client = await this.#options.connect();
        client.on('error', (error) => {
          failed = error;
          this.#setWritable(false);
          this.#wake?.();
        });
        if (!checked) await this.#options.checkSchema(client);
        checked = true;
        pauseMs = reconnectAfterMs.first;
        await this.#writeUntilClosed(client, () => failed);
        return;
      } catch (error) {
        this.#setWritable(false);
        this.#options.log('the ledger cannot be written; trading goes on', { error: messageOf(error), queuedRows: this.queuedRows });
      } finally {
        this.#client = undefined;
        // A connection that hangs must not keep this from going on.
        client?.end().catch(() => undefined);
      }
      if (this.#closing) return;
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, reconnectAfterMs.most);
    }
  }

  async #writeUntilClosed(client: Client, failure: () => Error | undefined): Promise<void> {
    let sinceProbeMs = probeEveryMs;
    await probe(client);
    this.#mark = undefined;
    this.#completeBelow = (await readMark(client, this.#options.book))?.mark;
    this.#client = client;
    this.#connections += 1;
    for (;;) {
      const failed = failure();
      if (failed !== undefined) throw failed;
      if (sinceProbeMs >= probeEveryMs) {
        await probe(client);
        this.#setWritable(true);
        sinceProbeMs = 0;
      }
      const wrote = await this.#writeBatch(client);
      if (wrote) continue;
      if (this.#closing) return;
      await this.#pause(batchEveryMs);
      sinceProbeMs += batchEveryMs;
    }
  }

  async #writeBatch(client: Client): Promise<boolean> {
    const orders = [...this.#orders.values()].slice(0, batchRowsAtMost);
    const fills = [...this.#fills.values()].slice(0, batchRowsAtMost);
    // It is what all fills lead to: it follows the last of them.
    const position = fills.length < this.#fills.size ? undefined : this.#position;
    const mark = this.#mark;
    if (orders.length === 0 && fills.length === 0 && position === undefined && mark === undefined) return false;
    if (orders.length > 0) await client.query(upsertOrders, [JSON.stringify(orders.map(orderRow))]);
    if (fills.length > 0) await client.query(upsertFills, [JSON.stringify(fills.map((fill) => fillRow(this.#options.book, fill)))]);
    if (position !== undefined) await client.query(upsertPosition, [position.book, position.symbol, position.quantity, position.epoch]);
    if (mark !== undefined) await client.query(raiseMark, [this.#options.book, mark.epoch, mark.sequence]);
    // What changed meanwhile stays queued: only the very rows that were written leave.
    for (const order of orders) if (this.#orders.get(order.clientOrderId) === order) this.#orders.delete(order.clientOrderId);
    for (const fill of fills) this.#fills.delete(fill.executionId);
    if (this.#position === position) this.#position = undefined;
    if (mark !== undefined) this.#completeBelow = mark;
    if (this.#mark === mark) this.#mark = undefined;
    return true;
  }

  #dropBeyondBound(rows: Map<string, unknown>): void {
    if (rows.size <= this.#options.queuedRowsAtMost) return;
    const oldest = rows.keys().next().value;
    if (oldest !== undefined) rows.delete(oldest);
    this.#droppedRows += 1;
  }

  #setWritable(writable: boolean): void {
    if (this.#writable === writable) return;
    this.#writable = writable;
    this.#options.onChange();
  }

  #pause(ms: number): Promise<void> {
    if (this.#closing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      this.#wake = done;
      function done() {
        clearTimeout(timer);
        resolve();
      }
    });
  }
}

/** A connection to a database in recovery, or to one that was closed to writes, answers and refuses every write: that is not writable. */
async function probe(client: Client): Promise<void> {
  const { rows } = await client.query<{ read_only: boolean }>(
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only",
  );
  if (rows[0]?.read_only !== false) throw new Error('the database takes no writes: it is a replica that was not promoted, or it was closed to them');
}

async function readMark(client: Client, book: string): Promise<{ readonly mark: LedgerMark; readonly agedMs: number } | undefined> {
  const { rows: [row] } = await client.query<{ epoch: string; sequence: string; aged_ms: string }>(
    `SELECT epoch, sequence, ${agedMs} FROM ledger_marks WHERE book = $1`, [book],
  );
  return row && { mark: { epoch: Number(row.epoch) as Epoch, sequence: Number(row.sequence) }, agedMs: Number(row.aged_ms) };
}

const agedMs = 'extract(epoch FROM clock_timestamp() - written_at) * 1000 AS aged_ms';

const selectNotEnded = `
  SELECT client_order_id, epoch, sequence, symbol, side, price, quantity, venue_order_id, ${agedMs}
  FROM orders WHERE book = $1 AND state = 'SUBMITTED'
    AND (epoch, sequence) >= (SELECT coalesce(max(ended_epoch), 0), coalesce(max(ended_sequence), 0) FROM ledger_marks WHERE book = $1)
  ORDER BY epoch, sequence LIMIT ${notEndedAtMost}`;

/** How far along its life a state is: a row is never moved back by news that comes late or twice. */
const progress = `CASE %s.state WHEN 'PENDING' THEN 0 WHEN 'SUBMITTED' THEN 1 WHEN 'FILLED' THEN 3 WHEN 'SETTLED' THEN 4 ELSE 2 END`;

const upsertOrders = `
  INSERT INTO orders (client_order_id, book, epoch, sequence, symbol, side, price, quantity, state, venue_order_id, reason)
  SELECT client_order_id, book, epoch, sequence, symbol, side, price, quantity, state, venue_order_id, reason
  FROM jsonb_to_recordset($1::jsonb) AS news (client_order_id text, book text, epoch bigint, sequence bigint, symbol text, side text,
    price numeric, quantity numeric, state text, venue_order_id text, reason text)
  ON CONFLICT (client_order_id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, written_at = now(),
    venue_order_id = coalesce(excluded.venue_order_id, orders.venue_order_id)
  WHERE ${progress.replace('%s', 'excluded')} >= ${progress.replace('%s', 'orders')}
    AND (excluded.state, excluded.reason, coalesce(excluded.venue_order_id, orders.venue_order_id))
      IS DISTINCT FROM (orders.state, orders.reason, orders.venue_order_id)`;

const upsertFills = `
  INSERT INTO fills
    (execution_id, client_order_id, venue_order_id, book, symbol, side, price, quantity, fee, fee_currency, executed_at)
  SELECT execution_id, client_order_id, venue_order_id, book, symbol, side, price, quantity, fee, fee_currency,
    to_timestamp(at_ms / 1000.0)
  FROM jsonb_to_recordset($1::jsonb) AS news (execution_id text, client_order_id text, venue_order_id text, book text,
    symbol text, side text,
    price numeric, quantity numeric, fee numeric, fee_currency text, at_ms double precision)
  ON CONFLICT (execution_id) DO NOTHING`;

const upsertPosition = `
  INSERT INTO positions (book, symbol, quantity, epoch) VALUES ($1, $2, $3, $4)
  ON CONFLICT (book) DO UPDATE SET symbol = excluded.symbol, quantity = excluded.quantity, epoch = excluded.epoch, written_at = now()
  WHERE excluded.epoch >= positions.epoch`;

/** Never lowered by a holder that has been replaced. */
const raiseMark = `
  INSERT INTO ledger_marks (book, epoch, sequence) VALUES ($1, $2, $3)
  ON CONFLICT (book) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, written_at = now()
  WHERE (excluded.epoch, excluded.sequence) > (ledger_marks.epoch, ledger_marks.sequence)`;

const raiseEnded = `
  UPDATE ledger_marks SET ended_epoch = $2, ended_sequence = $3
  WHERE book = $1 AND ($2::bigint, $3::bigint) > (coalesce(ended_epoch, 0), coalesce(ended_sequence, 0))`;

function orderRow(order: Order): Record<string, unknown> {
  return {
    client_order_id: order.clientOrderId,
    book: order.book,
    epoch: order.epoch,
    sequence: order.sequence,
    symbol: order.symbol,
    side: order.side,
    price: order.price,
    quantity: order.quantity,
    state: order.state,
    venue_order_id: order.venueOrderId ?? null,
    // Set for ends only: the reason of an order that goes on is none.
    reason: isEnded(order.state) ? (order.reason ?? null) : null,
  };
}

function fillRow(book: string, fill: Execution): Record<string, unknown> {
  return {
    execution_id: fill.executionId,
    client_order_id: fill.clientOrderId,
    venue_order_id: fill.venueOrderId,
    book,
    symbol: fill.symbol,
    side: fill.side,
    price: fill.price,
    quantity: fill.quantity,
    fee: fill.fee,
    fee_currency: fill.feeCurrency,
    at_ms: fill.atVenueMs,
  };
}
