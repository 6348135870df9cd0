/**
 * What a new holder does before its first order: compare the journal with the venue, which is the source of truth.
 *
 * It is final because it begins when the epoch is granted: by then nothing that an older holder sent can be accepted any more.
 * A trader that was restarted in the middle of an epoch has to wait for that: its former life held the same lease.
 * All reads leave together, so it takes one round trip; a second one only for intents whose outcome nobody wrote and
 * which are neither resting nor executed.
 */
import type { BookName, Epoch } from '../lease/model.ts';
import { executionsPage, type Execution, type OrderAtVenue, type Venue } from '../venues/venue.ts';
import { parseClientOrderId, type OrderAuthor } from './client-order-id.ts';
import type { Journal, JournalEntry, JournalMark, Outcome } from './journal.ts';
import { scaled, unscaled } from './order.ts';

export interface PositionCheck {
  /** The base coin in the venue's wallet, decimal. */
  readonly atVenue: string;
  /** What the last holder's mark and the executions since add up to; absent when they do not connect. */
  readonly expected?: string;
  /** Someone else traded or moved coins, or an execution is missing: a person must look. */
  readonly mismatch: boolean;
}

export interface Reconciliation {
  /** Orders of older epochs that rest at the venue: they are this holder's now. */
  readonly adopted: readonly OrderAtVenue[];
  /** Open intents, each with what became of it; the outcomes are not yet written. */
  readonly resolved: readonly { readonly entry: JournalEntry; readonly outcome: Outcome }[];
  /** Intents of this very epoch: a former life of this trader wrote them, and what it sent may still be accepted. */
  readonly unsettled: readonly JournalEntry[];
  /** Resting orders that this system did not send for this book. */
  readonly foreign: readonly OrderAtVenue[];
  readonly position: PositionCheck;
  readonly executions: readonly Execution[];
  readonly mark?: JournalMark;
}

/** The venue holds an order of a newer epoch: this holder was replaced and must not trade. */
export class SupersededError extends Error {
  constructor(mine: Epoch, seen: OrderAuthor) {
    super(`epoch ${mine} is not the newest: the venue has an order of epoch ${seen.epoch}. This instance must not trade`);
    this.name = 'SupersededError';
  }
}

export interface ReconcileOptions {
  readonly book: BookName;
  /** The epoch that was granted; or the one that trades now, for a standby's warm look. */
  readonly epoch: Epoch;
  readonly venue: Pick<Venue, 'openOrders' | 'executions' | 'find' | 'position'>;
  readonly journal: Pick<Journal, 'openIntents'>;
  readonly baseCurrency: string;
  /** Client order ids that an earlier look found unsettled, once all that they name must have expired. */
  readonly settled?: ReadonlySet<string>;
}

export async function reconcile({ book, epoch, venue, journal, baseCurrency, settled }: ReconcileOptions): Promise<Reconciliation> {
  const [openOrders, { executions, wallet }, { intents, mark }] = await Promise.all([
    venue.openOrders(),
    readBooks(venue),
    journal.openIntents(book),
  ]);
  const adopted: OrderAtVenue[] = [];
  const foreign: OrderAtVenue[] = [];
  for (const order of openOrders) {
    const author = parseClientOrderId(order.clientOrderId);
    if (author?.book !== book) foreign.push(order);
    else if (author.epoch > epoch) throw new SupersededError(epoch, author);
    else adopted.push(order);
  }
  const isSettled = (entry: JournalEntry): boolean => settled?.has(entry.clientOrderId) ?? false;
  const unsettled = intents.filter((entry) => entry.epoch === epoch && !isSettled(entry));
  const resolved = await Promise.all(
    intents
      .filter((entry) => entry.epoch < epoch || isSettled(entry))
      .map(async (entry) => ({
        entry,
        outcome: await outcomeOf(entry, openOrders, executions, venue),
      })),
  );
  let books = { executions, wallet };
  let position = checkPosition(books, mark, baseCurrency);
  // An order that was filled between the two reads looks like a mismatch: only one that stays is one.
  for (let look = 1; position.mismatch && look < looksAtMost; look++) {
    books = await readBooks(venue);
    position = checkPosition(books, mark, baseCurrency);
  }
  return { adopted, resolved, unsettled, foreign, executions: books.executions, ...(mark && { mark }), position };
}

const looksAtMost = 3;

interface Books {
  readonly executions: readonly Execution[];
  readonly wallet: string;
}

async function readBooks(venue: Pick<Venue, 'executions' | 'position'>): Promise<Books> {
  const [executions, wallet] = await Promise.all([venue.executions(), venue.position()]);
  return { executions, wallet };
}

async function outcomeOf(
  { clientOrderId }: JournalEntry,
  openOrders: readonly OrderAtVenue[],
  executions: readonly Execution[],
  venue: Pick<Venue, 'find'>,
): Promise<Outcome> {
  const seen =
    openOrders.find((order) => order.clientOrderId === clientOrderId) ??
    executions.find((execution) => execution.clientOrderId === clientOrderId) ??
    (await venue.find(clientOrderId));
  if (seen === undefined) return { status: 'expired', reason: 'not at the venue after its deadline' };
  if ('status' in seen && seen.status === 'rejected') return { status: 'rejected', venueOrderId: seen.venueOrderId };
  return { status: 'accepted', venueOrderId: seen.venueOrderId };
}

/** How an execution moves the position; Bybit takes a buyer's fee in the base coin. */
export function positionChange(execution: Execution, baseCurrency: string): bigint {
  const fee = execution.feeCurrency === baseCurrency ? scaled(execution.fee) : 0n;
  return (execution.side === 'buy' ? scaled(execution.quantity) : -scaled(execution.quantity)) - fee;
}

function checkPosition({ executions, wallet }: Books, mark: JournalMark | undefined, baseCurrency: string): PositionCheck {
  const known = mark?.position;
  if (known === undefined) return { atVenue: wallet, mismatch: false };
  const last = executions.findIndex((execution) => execution.executionId === known.lastExecutionId);
  const connects = known.lastExecutionId === '' ? executions.length < executionsPage : last >= 0;
  // Without that execution on the page there is nothing to add up from: unknown, which is no mismatch.
  if (!connects) return { atVenue: wallet, mismatch: false };
  const expected = executions.slice(last + 1).reduce((sum, each) => sum + positionChange(each, baseCurrency), scaled(known.quantity));
  return { atVenue: wallet, expected: unscaled(expected), mismatch: expected !== scaled(wallet) };
}
