/**
 * The ledger in PostgreSQL, for people and reports. Trading goes on without it.
 *
 * What happens is queued and written in batches behind the order path. Every write is an upsert, so a batch whose answer was
 * lost is written again. While the database is away the queue holds the newest news of each row up to a bound; beyond it the oldest rows
 * are dropped and counted. What was dropped, or died with its process, `LedgerCompletion` brings back from the journal.
 */
import type { Client, ClientBase } from 'pg';
import type { Execution } from '../venues/venue.ts';
import { isEnded, type Order } from './order.ts';

export interface LedgerPosition {
  readonly book: string;
  readonly symbol: string;
  readonly quantity: string;
  readonly epoch: number;
}

export interface LedgerOptions {
  readonly connect: () => Client;
  /** Throws unless the schema is one that this release can write; asked once, on the first connection. */
  readonly checkSchema: (client: ClientBase) => Promise<void>;
  readonly book: string;
  readonly log: (message: string, fields: Record<string, unknown>) => void;
  /** Called when `writable` changes. */
  readonly onChange?: () => void;
  readonly queuedRowsAtMost?: number;
}

const batchRowsAtMost = 500;
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

  /** News of this order waits to be written or is being written; if not, it is in the database, or counted as dropped. */
  isQueued(clientOrderId: string): boolean {
    return this.#orders.has(clientOrderId);
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

  async #run(): Promise<void> {
    let checked = false;
    let pauseMs = reconnectAfterMs.first;
    for (;;) {
      const client = this.#options.connect();
      let failed: Error | undefined;
      client.on('error', (error) => {
        failed = error;
        this.#setWritable(false);
        this.#wake?.();
      });
      try {
        await client.connect();
        if (!checked) await this.#options.checkSchema(client);
        checked = true;
        pauseMs = reconnectAfterMs.first;
        await this.#writeUntilClosed(client, () => failed);
        return;
      } catch (error) {
        this.#setWritable(false);
        this.#options.log('the ledger cannot be written; trading goes on', { error: messageOf(error), queuedRows: this.queuedRows });
      } finally {
        // A connection that hangs must not keep this from going on.
        client.end().catch(() => undefined);
      }
      if (this.#closing) return;
      await this.#pause(pauseMs);
      pauseMs = Math.min(pauseMs * 2, reconnectAfterMs.most);
    }
  }

  async #writeUntilClosed(client: Client, failure: () => Error | undefined): Promise<void> {
    let sinceProbeMs = probeEveryMs;
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
    const position = this.#position;
    if (orders.length === 0 && fills.length === 0 && position === undefined) return false;
    if (orders.length > 0) await client.query(upsertOrders, [JSON.stringify(orders.map(orderRow))]);
    if (fills.length > 0) await client.query(upsertFills, [JSON.stringify(fills.map((fill) => fillRow(this.#options.book, fill)))]);
    if (position !== undefined) await client.query(upsertPosition, [position.book, position.symbol, position.quantity, position.epoch]);
    // What changed meanwhile stays queued: only the very rows that were written leave.
    for (const order of orders) if (this.#orders.get(order.clientOrderId) === order) this.#orders.delete(order.clientOrderId);
    for (const fill of fills) this.#fills.delete(fill.executionId);
    if (this.#position === position) this.#position = undefined;
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

/** A connection to a standby or to a database in recovery answers, and refuses every write: that is not writable. */
async function probe(client: Client): Promise<void> {
  const { rows } = await client.query<{ read_only: boolean }>('SELECT pg_is_in_recovery() AS read_only');
  if (rows[0]?.read_only !== false) throw new Error('the database is in recovery: it takes no writes until it is promoted');
}

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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
