/** The one step that knows the venue's keys: what was filled in the hour before a backup goes to where the checker can read it. */
import type { Implementation } from '../contracts/step.ts';
import type { VenueFill, venueFills } from '../contracts/verification.ts';
import type { Fill } from '../venues/bybit-fills.ts';
import { EvidenceUnreachableError, VenueUnreachableError } from './errors.ts';

export interface VenueFillsOptions {
  readonly books: readonly string[];
  readonly fills: (book: string, fromMs: number, untilMs: number) => Promise<readonly Fill[]>;
  readonly evidence: { write(key: string, content: string): Promise<void> };
}

const windowMs = 3_600_000;

export function venueFillsSteps({ books, fills, evidence }: VenueFillsOptions): Implementation<typeof venueFills> {
  return {
    async collect({ name, until }) {
      const untilMs = Date.parse(until);
      const found: VenueFill[] = [];
      for (const book of books) {
        try {
          found.push(...(await fills(book, untilMs - windowMs, untilMs)).map((fill) => ({ ...fill, book })));
        } catch (error) {
          throw new VenueUnreachableError(error);
        }
      }
      const key = `venue-fills/${name}.json`;
      try {
        await evidence.write(key, JSON.stringify(found));
      } catch (error) {
        throw new EvidenceUnreachableError(error);
      }
      return { key, fills: found.length };
    },
  };
}
