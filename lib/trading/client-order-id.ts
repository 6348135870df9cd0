/**
 * The client order id says who sent an order: `<book>x<epoch, base 36, 6 wide><sequence, base 36, 9 wide>`.
 *
 * Letters and digits only and at most 32 of them, which is what the strictest venue (OKX) allows, so that the
 * author of any order can be read off the venue's own lists, whatever our tables hold.
 * The parse is unambiguous although book names may contain an `x`: the tail has a fixed width.
 */
import type { BookName, Epoch } from '../lease/model.ts';

export interface OrderAuthor {
  readonly book: BookName;
  readonly epoch: Epoch;
  /** Unique within the epoch: lane × {@link sequencesPerLane} + n. */
  readonly sequence: number;
}

/** Each connection to a guard numbers its permits in a lane of its own; so ids never meet, without asking anybody. */
export const sequencesPerLane = 1_000_000_000;

const epochWidth = 6;
const sequenceWidth = 9;
const largestEpoch = 36 ** epochWidth - 1;
const largestSequence = 36 ** sequenceWidth - 1;
const bookPattern = /^[a-z][a-z0-9]{0,9}$/;
const idPattern = new RegExp(`^([a-z][a-z0-9]{0,9})x([0-9a-z]{${epochWidth}})([0-9a-z]{${sequenceWidth}})$`);

export function clientOrderId({ book, epoch, sequence }: OrderAuthor): string {
  if (!bookPattern.test(book)) throw new Error(`not a book name: '${book}' (wanted 1–10 lower-case letters and digits, a letter first)`);
  return `${book}x${digits('epoch', epoch, epochWidth, largestEpoch)}${digits('sequence', sequence, sequenceWidth, largestSequence)}`;
}

/** `undefined` for an id that this system did not make. */
export function parseClientOrderId(id: string): OrderAuthor | undefined {
  const found = idPattern.exec(id);
  if (found === null) return undefined;
  const [, book, epoch, sequence] = found as unknown as [string, string, string, string];
  return { book: book as BookName, epoch: parseInt(epoch, 36) as Epoch, sequence: parseInt(sequence, 36) };
}

function digits(what: string, value: number, width: number, largest: number): string {
  if (!Number.isSafeInteger(value) || value < 0 || value > largest) {
    throw new Error(`${what} ${value} does not fit a client order id (wanted a whole number from 0 to ${largest})`);
  }
  return value.toString(36).padStart(width, '0');
}
