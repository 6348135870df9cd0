/**
 * What a new holder does before its first order: compare the journal with the venue, which is the source of truth.
 *
 * It is final because it begins when the epoch is granted: by then nothing that an older holder sent can be accepted any more.
 * A trader that was restarted in the middle of an epoch has to wait for that: its former life held the same lease.
 * All reads leave together, so it takes one round trip; a second one only for intents whose outcome nobody wrote and
 * which are neither resting nor executed.
 */
import type { BookName, Epoch } from '../lease/model.ts';
import type { Execution, OrderAtVenue, Venue } from '../venues/venue.ts';
import { parseClientOrderId, type OrderAuthor } from './client-order-id.ts';
import { notCounted } from './counted-executions.ts';
import type { Journal, JournalEntry, JournalMark, Outcome } from './journal.ts';
import { scaled, unscaled } from './order.ts';

export interface PositionCheck {
  /** The base coin in the venue's wallet, decimal. */
  readonly atVenue: string;
  /**
   * What the last holder's mark and this book's executions since add up to, fees in the base coin included. Absent when they do not
   * connect, when there is no mark yet, and when a person has resumed the book since the mark.
   */
  readonly expected?: string;
  /**
   * The two differ by the venue's smallest quantity or more: someone else traded or moved coins, or an execution is missing. A person
   * must look.
   */
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
  readonly venue: Pick<Venue, 'openOrders' | 'executions' | 'find' | 'position' | 'quantityStep'>;
  readonly journal: Pick<Journal, 'openIntents'>;
  readonly baseCurrency: string;
  /** The epoch at which a person last resumed the book: they looked, so a mark of then or before says nothing of the position. */
  readonly resumedFrom?: number | undefined;
  /** Waits a little: a venue's wallet may follow its executions a moment later. */
  readonly pause: () => Promise<void>;
  /** Client order ids that an earlier look found unsettled, once all that they name must have expired. */
  readonly settled?: ReadonlySet<string>;
}

export async function reconcile({ book, epoch, venue, journal, baseCurrency, settled, resumedFrom, pause }: ReconcileOptions): Promise<Reconciliation> {
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
  const known = mark !== undefined && mark.epoch > (resumedFrom ?? -1) ? mark.position : undefined;
  const check = (seen: Books): PositionCheck => checkPosition(seen, known, { book, baseCurrency, step: venue.quantityStep() });
  let books = { executions, wallet };
  let position = check(books);
  // An order that was filled between the two reads looks like a mismatch: only one that stays is one.
  for (let look = 1; position.mismatch && look < looksAtMost; look++) {
    // The first is at once: a fill between two reads is nothing to wait for.
    if (look > 1) await pause();
    books = await readBooks(venue);
    position = check(books);
  }
  // With nothing to compare, nothing shows a fill between the two reads; the next holder would find it missing.
  for (let look = 1; position.expected === undefined && look < looksAtMost; look++) {
    const again = await readBooks(venue);
    const still = again.wallet === books.wallet && again.executions.at(-1)?.executionId === books.executions.at(-1)?.executionId;
    books = again;
    position = check(books);
    if (still) break;
  }
  return { adopted, resolved, unsettled, foreign, executions: books.executions, ...(mark && { mark }), position };
}

const looksAtMost = 5;

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

/** Whether this book's own orders made it. */
export function isOwn({ clientOrderId }: Execution, book: BookName): boolean {
  return parseClientOrderId(clientOrderId)?.book === book;
}

function checkPosition(
  { executions, wallet }: Books,
  known: JournalMark['position'],
  { book, baseCurrency, step }: { readonly book: BookName; readonly baseCurrency: string; readonly step: string },
): PositionCheck {
  if (known === undefined) return { atVenue: wallet, mismatch: false };
  const since = notCounted(executions, known.counted);
  // With some out of sight there is nothing to add up from: unknown, which is no mismatch.
  if (since === undefined) return { atVenue: wallet, mismatch: false };
  const own = since.filter((each) => isOwn(each, book));
  const expected = own.reduce((sum, each) => sum + positionChange(each, baseCurrency), scaled(known.quantity));
  const apart = expected - scaled(wallet);
  // Less than anybody can trade is the rounding of fees, or dust that the venue paid out.
  return { atVenue: wallet, expected: unscaled(expected), mismatch: (apart < 0n ? -apart : apart) >= scaled(step) };
}
