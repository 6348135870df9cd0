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
 * It runs beside the trader and nothing waits for it. A page is read only while the database writes and the queue is short, so
 * it crowds out no news, and one after the other, so that the journal's table keeps its capacity for orders.
 */
import type { BookName, Epoch } from '../lease/model.ts';
import type { Journal, JournalEntry, LedgerMark } from './journal.ts';
import type { Ledger } from './ledger.ts';
import type { Order } from './order.ts';

export interface LedgerCompletionOptions {
  readonly book: BookName;
  readonly journal: Pick<Journal, 'entries'>;
  readonly ledger: Pick<Ledger, 'recover' | 'isQueued' | 'writable' | 'queuedRows' | 'droppedRows' | 'connections' | 'completeBelow' | 'completed'>;
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
/** A page waits until the ledger has fewer rows to write. */
const queuedRowsAtMost = 500;

export class LedgerCompletion {
  readonly #options: LedgerCompletionOptions;
  #begun: { readonly epoch: Epoch; readonly atNs: bigint } | undefined;
  #running: Promise<void> | undefined;

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
      const { connections, completeBelow } = ledger;
      for await (const page of journal.entries(book, completeBelow, mark)) {
        const last = page.at(-1);
        if (last === undefined) continue;
        if (!(await this.#written(page, connections))) return;
        ledger.completed({ epoch: last.epoch, sequence: last.sequence + 1 });
      }
    } catch (error) {
      log('warn', 'the ledger was not completed from the journal; it will be tried again', { error: messageOf(error) });
    }
  }

  /** Whether the database that was connected then is known to have all of these now. */
  async #written(page: readonly JournalEntry[], connections: number): Promise<boolean> {
    const { ledger, signal } = this.#options;
    const { droppedRows } = ledger;
    for (const entry of page) ledger.recover(orderOf(entry));
    await this.#until(() => this.#hasRoom() && !page.some((entry) => ledger.isQueued(entry.clientOrderId)));
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
