/** What a canary did since an earlier look, as its book's journal has it: up to the first order whose outcome is not known. */
import type { BookName, Epoch } from '../lease/model.ts';
import type { Journal, JournalMark, LedgerMark } from '../trading/journal.ts';
import type { CanaryReading } from './canary.ts';

export interface CanaryFigures {
  /** Where the trader stood when it last said so, and what it had earned; undefined before the first time. */
  mark(book: BookName): Promise<JournalMark | undefined>;
  /** The orders from an earlier look on, of epochs up to this one, and from where the next look goes on. */
  orders(book: BookName, from: LedgerMark, epoch: Epoch): Promise<Omit<CanaryReading, 'result'> & { readonly next: LedgerMark }>;
}

export function canaryFiguresIn(journal: Pick<Journal, 'mark' | 'entries'>): CanaryFigures {
  return {
    mark: (book) => journal.mark(book),
    async orders(book, from, upTo) {
      const found = { sent: 0, failed: 0, latenciesMs: [] as number[], next: from };
      for await (const page of journal.entries(book, from, { epoch: (upTo + 1) as Epoch, sequence: 0 })) {
        for (const { outcome, epoch, sequence } of page) {
          if (outcome === undefined) return { ...found, next: { epoch, sequence } };
          found.next = { epoch, sequence: sequence + 1 };
          if (outcome.status === 'never-sent') continue;
          found.sent += 1;
          if (outcome.status !== 'accepted') found.failed += 1;
          else if (outcome.latencyMs !== undefined) found.latenciesMs.push(outcome.latencyMs);
        }
      }
      return found;
    },
  };
}
