/**
 * What a book's own executions have earned since they are counted: money and coins apart, so that whoever compares two
 * moments values the coins at the later one. It is carried from holder to holder by the journal's mark; where the executions
 * do not connect it begins anew, and says so by `since`.
 */
import type { BookName, Epoch } from '../lease/model.ts';
import type { Execution, Touch } from '../venues/venue.ts';
import { notCounted } from './counted-executions.ts';
import type { JournalMark } from './journal.ts';
import { scaled, unscaled } from './order.ts';
import { isOwn, positionChange } from './reconcile.ts';

/** Decimals. */
export interface TradingResult {
  /** In the quote currency: what sales brought less what purchases and fees cost. */
  readonly cash: string;
  /** In the base currency: what was bought less what was sold and taken as fees. */
  readonly base: string;
  /** The epoch in which the counting began: two results of different ones cannot be compared. */
  readonly since: string;
  /** Between bid and ask, when it was written. */
  readonly mid: string;
}

/** Counts from one mark on. */
export class ResultCount {
  readonly #book: BookName;
  readonly #currencies: { readonly base: string; readonly quote: string };
  #cash = 0n;
  #base = 0n;
  #since = '';

  constructor(book: BookName, symbol: string) {
    const [base = symbol, quote = ''] = symbol.split(/[/:]/);
    this.#book = book;
    this.#currencies = { base, quote };
  }

  /** Begins an epoch: from what the last holder's mark says, with what was executed since, or from nothing. */
  begin(epoch: Epoch, mark: JournalMark | undefined, executions: readonly Execution[]): void {
    const { result, position } = mark ?? {};
    const since = position && notCounted(executions, position.counted);
    const carried = since && result;
    this.#cash = scaled(carried?.cash ?? '0');
    this.#base = scaled(carried?.base ?? '0');
    this.#since = carried?.since ?? String(epoch);
    if (carried !== undefined) for (const execution of since ?? []) this.add(execution);
  }

  /** Each execution once; those that no order of this book made do not count. */
  add(execution: Execution): void {
    if (!isOwn(execution, this.#book)) return;
    const { side, price, quantity, fee, feeCurrency } = execution;
    // Two decimals of twelve places each: the product has twenty-four.
    const value = (scaled(price) * scaled(quantity)) / scaled('1');
    this.#cash += (side === 'sell' ? value : -value) - (feeCurrency === this.#currencies.quote ? scaled(fee) : 0n);
    this.#base += positionChange(execution, this.#currencies.base);
  }

  at({ bid, ask }: Touch): TradingResult {
    return { cash: unscaled(this.#cash), base: unscaled(this.#base), since: this.#since, mid: String((bid + ask) / 2) };
  }
}
