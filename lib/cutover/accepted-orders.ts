/** The newest orders of an epoch that the venue accepted, as the book's journal has them. */
import type { BookName, Epoch } from '../lease/model.ts';
import { entryName, type Journal } from '../trading/journal.ts';
import type { EntryName } from './trading.ts';

/** Some seconds of the fastest book: enough to find accepted ones among orders still without an outcome. */
const entriesRead = 100;

export interface AcceptedOrders {
  newestOf(book: BookName, epoch: Epoch): Promise<readonly EntryName[]>;
}

export function acceptedOrdersIn(journal: Journal): AcceptedOrders {
  return {
    newestOf: async (book, epoch) => (await journal.newestAccepted(book, epoch, { among: entriesRead })).map(entryName),
  };
}
