/**
 * Writes the journal around orders: the intent before each, and behind it what became of it. While the journal does not answer
 * one intent and one outcome at a time ask whether it does again: hundreds of writes that are repeated all at once keep a table,
 * and this process, from coming back.
 */
import { messageOf } from '../message-of.ts';
import { DuplicateIntentError, type Journal, type JournalEntry, type OrderIntent, type Outcome } from './journal.ts';
import type { OrderAuthor } from './client-order-id.ts';
import type { Log } from './trader.ts';

interface Unwritten {
  readonly author: OrderAuthor;
  outcome?: Outcome;
  writing: boolean;
}

/** More than come in the time of a write, at the most orders that a venue allows. */
const outcomesAtOnce = 16;

export class JournalWriter {
  readonly #journal: Pick<Journal, 'writeIntent' | 'writeOutcome'>;
  readonly #log: Log;
  /** By client order id, oldest first: intents whose outcome is not in the journal; with the outcome once it is known. */
  readonly #unwritten = new Map<string, Unwritten>();
  readonly #writers = new Set<Promise<void>>();
  #intents = 0;
  #silent = false;

  constructor({ journal, log }: { readonly journal: Pick<Journal, 'writeIntent' | 'writeOutcome'>; readonly log: Log }) {
    this.#journal = journal;
    this.#log = log;
  }

  /** Whether another order may be begun. */
  get mayBegin(): boolean {
    return !this.#silent || this.#intents === 0;
  }

  /** The orders whose outcome is not written yet. */
  get open(): readonly OrderAuthor[] {
    return [...this.#unwritten.values()].map(({ author }) => author);
  }

  /** Rejects when it may not have been written: then the order must not be sent, and its outcome is that it never was. */
  async writeIntent(clientOrderId: string, author: OrderAuthor, intent: OrderIntent): Promise<void> {
    this.#unwritten.set(clientOrderId, { author, writing: false });
    this.#intents += 1;
    try {
      await this.#journal.writeIntent(author, intent);
      this.#silent = false;
    } catch (error) {
      this.#silent = !(error instanceof DuplicateIntentError);
      throw error;
    } finally {
      this.#intents -= 1;
    }
  }

  /** What became of an order whose intent another wrote. */
  adopt(entry: JournalEntry, outcome: Outcome): void {
    this.#unwritten.set(entry.clientOrderId, { author: entry, outcome, writing: false });
    void this.writeOutcomes();
  }

  /** What became of an order; of one that is not waited for it says nothing. */
  known(clientOrderId: string, outcome: Outcome): void {
    const unwritten = this.#unwritten.get(clientOrderId);
    if (unwritten !== undefined) unwritten.outcome = outcome;
    void this.writeOutcomes();
  }

  /** Those that are known; one that fails stays for the next time. Resolves when none is being written. */
  async writeOutcomes(): Promise<void> {
    while (this.#writers.size < (this.#silent ? 1 : outcomesAtOnce) && this.#next() !== undefined) {
      const writer: Promise<void> = this.#writeOneByOne().finally(() => this.#writers.delete(writer));
      this.#writers.add(writer);
    }
    await Promise.all(this.#writers);
  }

  #next(): { readonly clientOrderId: string; readonly entry: Unwritten; readonly outcome: Outcome } | undefined {
    for (const [clientOrderId, entry] of this.#unwritten) {
      if (entry.outcome !== undefined && !entry.writing) return { clientOrderId, entry, outcome: entry.outcome };
    }
    return undefined;
  }

  async #writeOneByOne(): Promise<void> {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const { clientOrderId, entry, outcome } = next;
      entry.writing = true;
      try {
        await this.#journal.writeOutcome(entry.author, outcome);
        this.#silent = false;
        this.#unwritten.delete(clientOrderId);
      } catch (error) {
        this.#silent = true;
        this.#log('warn', 'an outcome was not written; it will be again', { clientOrderId, error: messageOf(error) });
        return;
      } finally {
        entry.writing = false;
      }
    }
  }
}
