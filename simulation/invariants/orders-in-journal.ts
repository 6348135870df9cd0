import { tables } from '../cloud.ts';
import { plain } from '../system.ts';
import { news, type Invariant } from './invariant.ts';

interface Entry {
  readonly entry: string;
  readonly clientOrderId?: string;
  readonly outcome?: { readonly status: string };
  readonly below?: string;
}

/**
 * The intent is there before the venue has the order, whoever dies then; and no outcome that was written denies an order that the venue took. At
 * the end every order below the mark has the outcome that it had.
 */
export const ordersInJournal: Invariant = {
  number: 3,
  name: 'an acknowledged order is in the journal after any failover',
  watch: ({ writes, record }) => {
    const newWrites = news(writes);
    const newEntries = news(record);
    const journal = new Map<string, Entry>();
    const accepted = new Set<string>();
    let below = '';
    return {
      afterEvent() {
        for (const { table, after } of newWrites()) {
          if (table !== tables.journal || after === undefined) continue;
          const entry = plain({ M: after }) as Entry;
          if (entry.below !== undefined) below = entry.below;
          if (entry.clientOrderId === undefined) continue;
          const { clientOrderId: id, outcome } = entry;
          journal.set(id, entry);
          if (outcome !== undefined && outcome.status !== 'accepted' && accepted.has(id)) return `order ${id} is at the venue and '${outcome.status}' in the journal`;
        }
        for (const { accepted: taken, clientOrderId: id, epoch } of newEntries()) {
          if (!taken || id === undefined || epoch === undefined) continue;
          accepted.add(id);
          const entry = journal.get(id);
          if (entry === undefined) return `order ${id} was accepted and is not in the journal`;
          if (entry.outcome !== undefined && entry.outcome.status !== 'accepted') return `order ${id} was accepted after it was '${entry.outcome.status}' in the journal`;
        }
        return undefined;
      },
      atEnd() {
        for (const id of accepted) {
          const entry = journal.get(id);
          if (entry?.outcome === undefined && (entry?.entry ?? '') < below) return `order ${id} was accepted, has no outcome and is below the mark`;
        }
        return undefined;
      },
    };
  },
};
