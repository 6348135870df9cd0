/**
 * Keeps the ledger complete whatever dies or is away: what was journaled is written there once more, from the journal.
 *
 * A process that dies takes its queued rows with it, and a database that is away for long makes the queue drop some. The
 * journal has them all. So whoever holds the book hands every entry that has its outcome to the ledger again, page by page from the
 * ledger's mark on, and raises that mark over a page only when its rows have left the queue and none was dropped. What is in
 * the ledger already stays as it is. After a crash, a long outage or a drop, this is simply more pages.
 *
 * The mark stands in the database, beside the rows. So a replica that is promoted after the loss of a Region says by itself from where on
 * it has to be told, by whichever holder and of whichever epoch that was; and a connection that comes back may be to another database,
 * so whatever was known of the one before counts no more.
 *
 * The journal does not say what became of an order that the venue had taken: the venue does. What happened there while nobody told this
 * database – before an epoch began, or before it was connected – is asked there: once, every execution from a minute before its mark on; and
 * the end of each order that rests in the database and not at the venue. The executions come before a mark is raised, which would forget from
 * when on they have to be asked for.
 *
 * It runs beside the trader and nothing waits for it. A page is read only while the database writes and the queue is short, so
 * it crowds out no news, and one after the other, so that the journal's table keeps its capacity for orders.
 */
import type { BookName, Epoch } from '../lease/model.ts';
import type { OrderAtVenue, Venue } from '../venues/venue.ts';
import { messageOf } from '../message-of.ts';
import { clientOrderId, type OrderAuthor } from './client-order-id.ts';
import type { Journal, JournalEntry, LedgerMark } from './journal.ts';
import type { Ledger } from './ledger.ts';
import type { Order } from './order.ts';

export interface LedgerCompletionOptions {
  readonly book: BookName;
  readonly journal: Pick<Journal, 'entries'>;
  readonly ledger: Pick<
    Ledger,
    'recover' | 'isQueued' | 'fill' | 'isFillQueued' | 'writable' | 'queuedRows' | 'droppedRows' | 'connections' | 'completeBelow' | 'lookAtMark' | 'notEnded' | 'endedBelow' | 'completed'
  >;
  readonly venue: Pick<Venue, 'executionsOfLast' | 'endedOfLast'>;
  /** Orders of this book that may still change at the venue, as far as the trader knows: with what it has journaled and not sent. */
  readonly open: () => readonly OrderAuthor[];
  readonly clock: {
    readonly monotonicNs: () => bigint;
    readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
  };
  readonly log: (level: 'warn', message: string, fields?: Record<string, unknown>) => void;
  readonly signal: AbortSignal;
}

/** So much of the journal a takeover reads at least: what the dead holder wrote since its last raise. */
const againAfterMs = 10_000;
const lookEveryMs = 100;
/** How far the clocks of the database and the venue may run apart, a look be late, and the venue's history too. */
const marginMs = 60_000;
/** How far back a database is completed that says nothing of itself. */
const unmarkedMs = 7 * 24 * 3_600_000;
/** A page waits until the ledger has fewer rows to write. */
const queuedRowsAtMost = 500;

/** What happened at the venue before somebody told this database, of an epoch and a connection. */
interface Unseen {
  readonly of: string;
  /** So long before it was asked for, the database had everything. */
  readonly beforeMs: number;
  readonly askedNs: bigint;
  toldFills: boolean;
}

const endStates: Readonly<Partial<Record<OrderAtVenue['status'], Order['state']>>> = { filled: 'SETTLED', cancelled: 'CANCELLED', rejected: 'REJECTED' };

export class LedgerCompletion {
  readonly #options: LedgerCompletionOptions;
  #begun: { readonly epoch: Epoch; readonly atNs: bigint } | undefined;
  #running: Promise<void> | undefined;
  #unseen: Unseen | undefined;

  constructor(options: LedgerCompletionOptions) {
    this.#options = options;
  }

  /** To be told whenever the holder knows that every entry below `mark` has its outcome in the journal. */
  reached(mark: LedgerMark): void {
    const { clock, signal } = this.#options;
    if (this.#running !== undefined || signal.aborted) return;
    const nowNs = clock.monotonicNs();
    // A new epoch begins at once: its predecessor may have died.
    if (this.#begun?.epoch === mark.epoch && Number(nowNs - this.#begun.atNs) / 1e6 < againAfterMs) return;
    this.#begun = { epoch: mark.epoch, atNs: nowNs };
    this.#running = this.#completeBelow(mark).finally(() => {
      this.#running = undefined;
    });
  }

  /** Waits for what is under way to end, once the signal is aborted. */
  async settled(): Promise<void> {
    await this.#running;
  }

  async #completeBelow(mark: LedgerMark): Promise<void> {
    const { book, journal, ledger, log, signal } = this.#options;
    try {
      await this.#until(() => this.#hasRoom());
      if (signal.aborted) return;
      const { connections } = ledger;
      const unseen = await this.#unseenIn(mark.epoch);
      unseen.toldFills ||= await this.#tellFills(unseen);
      if (!unseen.toldFills) return;
      for await (const page of journal.entries(book, ledger.completeBelow, mark)) {
        const last = page.at(-1);
        if (last === undefined) continue;
        if (!(await this.#written(page.map(orderOf), connections))) return;
        ledger.completed({ epoch: last.epoch, sequence: last.sequence + 1 });
      }
      await this.#tellEnds(unseen, mark);
    } catch (error) {
      log('warn', 'the ledger was not completed from the journal; it will be tried again', { error: messageOf(error) });
    }
  }

  /** What may have happened unseen, of this epoch and this database; again when rows were dropped. */
  async #unseenIn(epoch: Epoch): Promise<Unseen> {
    const { ledger, clock } = this.#options;
    const of = [epoch, ledger.connections, ledger.droppedRows].join('/');
    if (this.#unseen?.of !== of) {
      const askedNs = clock.monotonicNs();
      this.#unseen = { of, askedNs, beforeMs: (await ledger.lookAtMark()) ?? unmarkedMs, toldFills: false };
    }
    return this.#unseen;
  }

  /** How far back to ask now. */
  #backMs({ beforeMs, askedNs }: Unseen): number {
    return beforeMs + Number(this.#options.clock.monotonicNs() - askedNs) / 1e6 + marginMs;
  }

  /** Whether the database has every execution of that time. */
  async #tellFills(unseen: Unseen): Promise<boolean> {
    const { ledger, venue } = this.#options;
    const { connections, droppedRows } = ledger;
    for await (const page of venue.executionsOfLast(this.#backMs(unseen))) {
      for (const execution of page) ledger.fill(execution);
      await this.#until(() => this.#hasRoom() && !page.some(({ executionId }) => ledger.isFillQueued(executionId)));
      if (!this.#isSame(connections, droppedRows)) return false;
    }
    return true;
  }

  /** Asks the venue about each order that rests in the database and not at the venue. When there is none any more, that is written down. */
  async #tellEnds(unseen: Unseen, mark: LedgerMark): Promise<void> {
    const { ledger, venue, open } = this.#options;
    const { connections, droppedRows } = ledger;
    const endedBelow = oldest([mark, ...open()]);
    const resting = await ledger.notEnded();
    const rests = new Set(open().map(({ book, epoch, sequence }) => clientOrderId({ book, epoch, sequence })));
    const left = new Map(resting.map((each) => [each.order.clientOrderId, each]));
    // News that waits to be written says more.
    for (const id of left.keys()) if (rests.has(id) || ledger.isQueued(id)) left.delete(id);
    if (left.size === 0) {
      await this.#until(() => !resting.some(({ order }) => ledger.isQueued(order.clientOrderId)));
      if (this.#isSame(connections, droppedRows)) await ledger.endedBelow(endedBelow);
      return;
    }
    const backMs = Math.max(this.#backMs(unseen), ...[...left.values()].map(({ agedMs }) => agedMs + marginMs));
    for await (const page of venue.endedOfLast(backMs)) {
      const ended = page.flatMap(({ clientOrderId: id, status, venueOrderId }): Order[] => {
        const state = endStates[status];
        const asked = left.get(id);
        if (asked === undefined || state === undefined) return [];
        left.delete(id);
        return [{ ...asked.order, venueOrderId, state }];
      });
      if (!(await this.#written(ended, connections))) return;
      if (left.size === 0) return;
    }
    // These neither rest nor were executed; but the venue's history may be late with the newest.
    const forgotten = [...left.values()].flatMap(({ order, agedMs }): Order[] =>
      agedMs > marginMs ? [{ ...order, state: 'CANCELLED', reason: 'no longer at the venue' }] : []);
    await this.#written(forgotten.slice(0, queuedRowsAtMost), connections);
  }

  /** Whether the database that was connected then is known to have all of these now. */
  async #written(orders: readonly Order[], connections: number): Promise<boolean> {
    const { ledger } = this.#options;
    const { droppedRows } = ledger;
    for (const order of orders) ledger.recover(order);
    await this.#until(() => this.#hasRoom() && !orders.some((order) => ledger.isQueued(order.clientOrderId)));
    return this.#isSame(connections, droppedRows);
  }

  #isSame(connections: number, droppedRows: number): boolean {
    const { ledger, signal } = this.#options;
    return !signal.aborted && ledger.droppedRows === droppedRows && ledger.connections === connections;
  }

  #hasRoom(): boolean {
    const { writable, queuedRows } = this.#options.ledger;
    return writable && queuedRows < queuedRowsAtMost;
  }

  async #until(holds: () => boolean): Promise<void> {
    const { clock, signal } = this.#options;
    while (!holds() && !signal.aborted) await clock.sleep(lookEveryMs, signal);
  }
}

/**
 * An order as far as the journal knows it. One without an outcome, below the mark, was journaled by a holder that had been replaced
 * by then, or its write was believed lost: it cannot have been accepted.
 */
function orderOf({ intent, outcome, ...author }: JournalEntry): Order {
  const order = { ...author, ...intent, fills: [] };
  if (outcome === undefined) return { ...order, state: 'EXPIRED', reason: 'journaled too late to be sent' };
  const { status, venueOrderId, reason } = outcome;
  const state = ({ accepted: 'SUBMITTED', rejected: 'REJECTED', expired: 'EXPIRED', 'never-sent': 'EXPIRED' } as const)[status];
  return { ...order, state, ...(venueOrderId !== undefined && { venueOrderId }), ...(reason !== undefined && { reason }) };
}

function oldest([first, ...others]: readonly [LedgerMark, ...LedgerMark[]]): LedgerMark {
  const found = others.reduce((one, other) => (other.epoch < one.epoch || (other.epoch === one.epoch && other.sequence < one.sequence) ? other : one), first);
  return { epoch: found.epoch, sequence: found.sequence };
}
