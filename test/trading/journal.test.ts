/** The journal on the local DynamoDB, through the unmodified SDK client. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { DuplicateIntentError, type JournalEntry, type LedgerMark } from '../../lib/trading/journal.ts';
import { startStage, type Stage } from '../trader/stage.ts';

const intent = { symbol: 'BTC/USDT', side: 'buy', price: '59000.01', quantity: '0.0005' } as const;
let stage: Stage;
let books = 0;
beforeAll(async () => {
  stage = await startStage({ latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 } });
});
afterAll(() => stage.close());

/** A book of its own for each test. */
function fresh() {
  books += 1;
  const book = `book${books}` as BookName;
  const at = (epoch: number, sequence: number) => ({ book, epoch: epoch as Epoch, sequence });
  return { book, at, journal: stage.journal };
}

describe('the journal', () => {
  it('has each sequence of an epoch once', async () => {
    const { journal, at } = fresh();
    await journal.writeIntent(at(1, 1), intent);
    await expect(journal.writeIntent(at(1, 1), intent)).rejects.toThrow(DuplicateIntentError);
    await journal.writeIntent(at(2, 1), intent);
  });

  it('takes its own write again when the answer to it was lost', async () => {
    const { at, book } = fresh();
    // The SDK sees a cut connection and repeats the very same request.
    let cut = 0;
    const journal = stage.journalThrough((next) => async (request) => {
      const answer = await next(request);
      if (cut++ === 0) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' });
      return answer;
    });
    await journal.writeIntent(at(1, 1), intent);
    expect(cut).toBe(2);
    expect((await journal.openIntents(book)).intents).toHaveLength(1);
  });

  it('is not robbed of an outcome by a repeat that comes late', async () => {
    const { journal, at, book } = fresh();
    let again: (() => Promise<unknown>) | undefined;
    const slow = stage.journalThrough((next) => (request) => {
      again ??= () => next(request);
      return next(request);
    });
    await slow.writeIntent(at(1, 1), intent);
    await journal.writeOutcome(at(1, 1), { status: 'accepted', venueOrderId: 'v1' });
    await again?.();
    expect((await journal.openIntents(book)).intents).toEqual([]);
  });

  it('shows what is open, oldest first, and forgets what has an outcome', async () => {
    const { journal, at, book } = fresh();
    for (const [epoch, sequence] of [
      [1, 1],
      [1, 2],
      [1, 1_000_000_000],
      [2, 3],
    ] as const)
      await journal.writeIntent(at(epoch, sequence), intent);
    await journal.writeOutcome(at(1, 2), { status: 'accepted', venueOrderId: 'v2' });
    const { intents } = await journal.openIntents(book);
    expect(intents.map(({ epoch, sequence }) => [epoch, sequence])).toEqual([
      [1, 1],
      [1, 1_000_000_000],
      [2, 3],
    ]);
    expect(intents[0]).toMatchObject({ intent, book });
  });

  it('keeps the first outcome, and writes none for an intent that is not there', async () => {
    const { journal, at, book } = fresh();
    await journal.writeIntent(at(1, 1), intent);
    await journal.writeOutcome(at(1, 1), { status: 'accepted', venueOrderId: 'v1' });
    await journal.writeOutcome(at(1, 1), { status: 'expired', reason: 'late word' });
    await journal.writeOutcome(at(1, 9), { status: 'never-sent' });
    expect(await journal.newestAccepted(book, 1 as Epoch, { among: 5 })).toMatchObject([
      { sequence: 1, outcome: { status: 'accepted', venueOrderId: 'v1' } },
    ]);
    expect((await journal.openIntents(book)).intents).toEqual([]);
  });

  it('shows what was accepted among the newest of one epoch', async () => {
    const { journal, at, book } = fresh();
    for (let sequence = 1; sequence <= 6; sequence++) {
      await journal.writeIntent(at(11, sequence), intent);
      await journal.writeOutcome(
        at(11, sequence),
        sequence === 2 ? { status: 'rejected', reason: '170131' } : { status: 'accepted', venueOrderId: `v${sequence}` },
      );
    }
    await journal.writeIntent(at(1, 1), intent);
    await journal.writeOutcome(at(1, 1), { status: 'accepted', venueOrderId: 'old' });
    expect((await journal.newestAccepted(book, 11 as Epoch, { among: 5 })).map(({ sequence }) => sequence)).toEqual([6, 5, 4, 3]);
    expect(await journal.newestAccepted(book, 12 as Epoch, { among: 5 })).toEqual([]);
  });

  it('reads from the mark on, however long the history, and never lowers the mark', async () => {
    const { journal, at, book } = fresh();
    await journal.writeIntent(at(3, 1), intent); // Below the mark: nobody will ask for it.
    const position = { quantity: '9.5', counted: 'Ab3-_9z' };
    const result = { cash: '-12.5', base: '0.001', since: '1', mid: '60000' };
    expect(await journal.mark(book)).toBeUndefined();
    await journal.writeMark(book, { epoch: 3 as Epoch, sequence: 5, position, result });
    await journal.writeMark(book, { epoch: 2 as Epoch, sequence: 900 });
    await journal.writeIntent(at(3, 5), intent);
    const open = await journal.openIntents(book);
    expect(open.mark).toEqual({ epoch: 3, sequence: 5, position, result });
    expect(await journal.mark(book)).toEqual(open.mark);
    expect(open.intents.map(({ sequence }) => sequence)).toEqual([5]);
  });

  it('pages', async () => {
    const { journal, at, book } = fresh();
    for (let first = 1; first <= 450; first += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => journal.writeIntent(at(1, first + n), intent)));
    }
    expect((await journal.openIntents(book)).intents.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 450 }, (_, n) => n + 1));
  });

  it('gives every entry between two marks, in pages, with its outcome', async () => {
    const { journal, at, book } = fresh();
    for (let first = 1; first <= 450; first += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, n) => journal.writeIntent(at(1, first + n), intent)));
    }
    await journal.writeIntent(at(2, 1), intent);
    await journal.writeOutcome(at(2, 1), { status: 'accepted', venueOrderId: 'v1' });
    await journal.writeMark(book, { epoch: 1 as Epoch, sequence: 1 });
    const pages = async (from: LedgerMark | undefined, below: LedgerMark) => {
      const found: (readonly JournalEntry[])[] = [];
      for await (const page of journal.entries(book, from, below)) found.push(page);
      return found;
    };
    const all = await pages(undefined, { epoch: 2 as Epoch, sequence: 2 });
    expect(all.map((page) => page.length)).toEqual([200, 200, 51]);
    expect(all.at(-1)?.at(-1)).toMatchObject({ epoch: 2, sequence: 1, intent, outcome: { status: 'accepted', venueOrderId: 'v1' } });
    const some = await pages({ epoch: 1 as Epoch, sequence: 449 }, { epoch: 2 as Epoch, sequence: 1 });
    expect(some.flat().map(({ sequence }) => sequence)).toEqual([449, 450]);
    expect(await pages({ epoch: 2 as Epoch, sequence: 1 }, { epoch: 2 as Epoch, sequence: 1 })).toEqual([]);
  });
});
