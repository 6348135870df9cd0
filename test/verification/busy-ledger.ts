/**
 * A ledger that is written all the while, by the trader's own ledger and completion, with what a live one has: fills in parts, numbers that were never used, orders
 * that were refused, epochs that end, and a position that follows. The journal and the venue beside it are in memory.
 */
import type { Client } from 'pg';
import type { VenueFill } from '../../lib/contracts/verification.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry, LedgerMark } from '../../lib/trading/journal.ts';
import { LedgerCompletion } from '../../lib/trading/ledger-completion.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import { unscaled, scaled, type Order } from '../../lib/trading/order.ts';
import type { Execution } from '../../lib/venues/venue.ts';
import { seeded } from '../../rehearsal/seeded.ts';
import { clock } from '../trader/stage.ts';
import { connected } from '../connected.ts';
import { until } from '../until.ts';

const book = 'alpha' as BookName;
const symbol = 'BTC/USDT';

export class BusyLedger {
  readonly journaled: JournalEntry[] = [];
  readonly venueFills: VenueFill[] = [];
  readonly journal = {
    entries: (_book: BookName, from: LedgerMark | undefined, below: LedgerMark) => this.#entries(from, below),
  };
  readonly #random: () => number;
  readonly #ledger: Ledger;
  readonly #completion: LedgerCompletion;
  readonly #closed = new AbortController();
  #epoch = 1 as Epoch;
  #lane = 0;
  #nth = 0;
  #position = 0n;
  #executions = 0;
  #toTrade = 0;
  #running: Promise<void> | undefined;

  constructor(connect: () => Client, seed: number) {
    this.#random = seeded(seed);
    this.#ledger = new Ledger({ connect: () => connected(connect()), checkSchema: async () => undefined, book, log: () => undefined });
    this.#completion = new LedgerCompletion({
      book, journal: this.journal, ledger: this.#ledger, log: () => undefined, signal: this.#closed.signal,
      clock: { ...clock, monotonicNs: () => process.hrtime.bigint() },
      // Its holders tell every end themselves.
      open: () => this.journaled, venue: { async *executionsOfLast() {}, async *endedOfLast() {} },
    });
    this.#ledger.start();
  }

  /** So many orders more while the caller goes on: not for ever, or a machine that judges slowly would have ever more to judge. */
  tradeMeanwhile(orders: number): void {
    this.#toTrade += orders;
    this.#running ??= (async () => {
      for (; this.#toTrade > 0 && !this.#closed.signal.aborted; await clock.sleep(5, this.#closed.signal)) {
        const some = Math.min(this.#toTrade, 1 + Math.floor(this.#random() * 4));
        this.#toTrade -= some;
        this.trade(some);
      }
      this.#running = undefined;
    })();
  }

  /** So many orders, each with what becomes of it. */
  trade(orders: number): void {
    for (let at = 0; at < orders; at++) this.#order();
    this.#ledger.position({ book, symbol, quantity: unscaled(this.#position), epoch: this.#epoch });
    if (this.#random() < 0.02) this.#takeover();
  }

  async written(): Promise<void> {
    await until('the ledger to have written', () => this.#ledger.writable && this.#ledger.queuedRows === 0);
  }

  /** All of it, and the mark above it: as after a takeover and some quiet. */
  async settled(): Promise<void> {
    this.#takeover();
    const mark = { epoch: this.#epoch, sequence: 0 };
    await until('the ledger to be complete', () => {
      this.#completion.reached(mark);
      const { completeBelow } = this.#ledger;
      return completeBelow !== undefined && completeBelow.epoch >= this.#epoch - 1 && this.#ledger.queuedRows === 0;
    });
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
    await this.#completion.settled();
    await this.#ledger.close();
  }

  #takeover(): void {
    this.#epoch = (this.#epoch + 1) as Epoch;
    this.#lane = Math.floor(this.#random() * 3);
    this.#nth = 0;
    this.#completion.reached({ epoch: this.#epoch, sequence: 0 });
  }

  #order(): void {
    // A permit that came too late leaves its number unused.
    this.#nth += this.#random() < 0.1 ? 2 : 1;
    const author = { book, epoch: this.#epoch, sequence: this.#lane * 1_000_000_000 + this.#nth };
    const id = clientOrderId(author);
    const side = this.#random() < 0.5 ? 'buy' as const : 'sell' as const;
    const intent = { symbol, side, price: String(59_000 + Math.floor(this.#random() * 1000)), quantity: '0.004' };
    const fate = this.#random();
    const accepted = fate > 0.1;
    this.journaled.push({
      ...author, clientOrderId: id, intent, sentAtMs: Date.now(),
      outcome: accepted ? { status: 'accepted', venueOrderId: `v-${id}` } : { status: 'rejected', reason: 'no' },
    });
    const order: Order = { ...author, ...intent, clientOrderId: id, state: 'PENDING', fills: [], ...(accepted && { venueOrderId: `v-${id}` }) };
    this.#ledger.order(order);
    if (!accepted) return this.#ledger.order({ ...order, state: 'REJECTED', reason: 'no' });
    const parts = fate > 0.9 ? 0 : fate > 0.6 ? 1 : 4;
    for (let part = 0; part < parts; part++) this.#fill(order, parts === 1 ? '0.004' : '0.001');
    this.#ledger.order({ ...order, state: parts === 0 ? 'CANCELLED' : 'SETTLED' });
  }

  #fill(order: Order, quantity: string): void {
    const atVenueMs = Date.now();
    const executionId = `e-${String((this.#executions += 1)).padStart(9, '0')}`;
    this.#position += (order.side === 'buy' ? scaled(quantity) : -scaled(quantity)) - (order.side === 'buy' ? scaled('0.000001') : 0n);
    this.venueFills.push({ executionId, book, side: order.side, price: order.price, quantity, atVenueMs });
    this.#ledger.fill(executionOf(order, { executionId, quantity, atVenueMs }));
  }

  async *#entries(from: LedgerMark | undefined, below: LedgerMark): AsyncGenerator<readonly JournalEntry[]> {
    const isBelow = (a: LedgerMark, b: LedgerMark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.sequence < b.sequence);
    yield this.journaled
      .filter((entry) => (from === undefined || !isBelow(entry, from)) && isBelow(entry, below))
      .toSorted((a, b) => a.epoch - b.epoch || a.sequence - b.sequence);
  }
}

/** The venue takes a buyer's fee in the base coin. */
function executionOf(order: Order, of: Pick<Execution, 'executionId' | 'quantity' | 'atVenueMs'>): Execution {
  const { clientOrderId: id, venueOrderId = '', side, price } = order;
  return { ...of, clientOrderId: id, venueOrderId, symbol, side, price, ...(side === 'buy' ? { fee: '0.000001', feeCurrency: 'BTC' } : { fee: '0.06', feeCurrency: 'USDT' }) };
}
