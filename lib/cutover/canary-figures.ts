/** What a canary did since an earlier look, as its book's journal has it: below the mark every outcome is known. */
import type { BookName } from '../lease/model.ts';
import { entryName, type Journal, type JournalMark, type LedgerMark } from '../trading/journal.ts';
import type { CanaryReading } from './canary.ts';

export interface CanaryFigures {
  /** The mark that is there now; undefined before the first. */
  mark(book: BookName): Promise<JournalMark | undefined>;
  /** What lies between an earlier look and that mark. */
  reading(book: BookName, from: LedgerMark | null, mark: JournalMark): Promise<CanaryReading>;
}

export function canaryFiguresIn(journal: Pick<Journal, 'mark' | 'entries'>): CanaryFigures {
  return {
    mark: (book) => journal.mark(book),
    async reading(book, from, mark) {
      const reading = { sent: 0, failed: 0, latenciesMs: [] as number[], result: mark.result };
      // The first look only begins: what lies below its mark is older than the release, or of its own cutover.
      if (from === null || entryName(from) >= entryName(mark)) return reading;
      for await (const page of journal.entries(book, from, mark)) {
        for (const { outcome } of page) {
          if (outcome === undefined || outcome.status === 'never-sent') continue;
          reading.sent += 1;
          if (outcome.status !== 'accepted') reading.failed += 1;
          else if (outcome.latencyMs !== undefined) reading.latenciesMs.push(outcome.latencyMs);
        }
      }
      return reading;
    },
  };
}
