/** What the journal is asked for while it answers, while it does not, and when it comes back. */
import { expect, test } from 'vitest';
import { DuplicateIntentError } from '../../lib/trading/journal.ts';
import { JournalWriter } from '../../lib/trading/journal-writer.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';

const intent = { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' } as const;
const author = (sequence: number) => ({ book: 'alpha' as BookName, epoch: 1 as Epoch, sequence });

/** Each write waits until it is let go, or goes at once while `up`. */
class Table {
  up = true;
  readonly outcomes: number[] = [];
  asked = 0;
  atOnce = 0;
  most = 0;
  readonly #waiting: (() => void)[] = [];
  readonly writeIntent = (): Promise<void> => this.#write();
  readonly writeOutcome = async ({ sequence }: { readonly sequence: number }): Promise<void> => {
    await this.#write();
    this.outcomes.push(sequence);
  };

  async #write(): Promise<void> {
    this.asked += 1;
    this.atOnce += 1;
    this.most = Math.max(this.most, this.atOnce);
    if (!this.up) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else await Promise.resolve();
    this.atOnce -= 1;
    if (!this.up) throw new Error('no answer');
  }

  /** Those who wait are told that nothing came. */
  async timeOut(): Promise<void> {
    for (const resolve of this.#waiting.splice(0)) resolve();
    await settle();
  }
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function begun(writer: JournalWriter, from: number, to: number): Promise<void> {
  for (let sequence = from; sequence <= to; sequence++) await writer.writeIntent(`order ${sequence}`, author(sequence), intent);
}

function open(): { readonly table: Table; readonly writer: JournalWriter } {
  const table = new Table();
  return { table, writer: new JournalWriter({ journal: table, log: () => undefined }) };
}

test('outcomes are written behind the orders, and an order is open until its own is', async () => {
  const { table, writer } = open();
  await begun(writer, 1, 2);
  writer.known('order 2', { status: 'accepted', venueOrderId: 'v2' });
  await writer.writeOutcomes();
  expect(table.outcomes).toEqual([2]);
  expect(writer.open).toEqual([author(1)]);
  expect(writer.mayBegin).toBe(true);
});

test('while the journal does not answer one intent and one outcome ask, however many wait', async () => {
  const { table, writer } = open();
  await begun(writer, 1, 100);
  table.up = false;
  for (let sequence = 1; sequence <= 100; sequence++) writer.known(`order ${sequence}`, { status: 'accepted', venueOrderId: `v${sequence}` });
  expect(table.atOnce, 'as many at once as are ever written at once').toBe(16);
  await table.timeOut();

  const before = table.asked;
  for (let again = 0; again < 10; again++) void writer.writeOutcomes();
  expect(table.asked - before).toBe(1);
  expect(writer.mayBegin, 'an intent may ask too').toBe(true);
  const refused = expect(writer.writeIntent('order 101', author(101), intent)).rejects.toThrow('no answer');
  expect(writer.mayBegin, 'but one is enough').toBe(false);
  await table.timeOut();
  await refused;
  expect(writer.mayBegin).toBe(true);
  expect(writer.open).toHaveLength(101);
});

test('when it answers again everything is written, each once, the oldest first', async () => {
  const { table, writer } = open();
  await begun(writer, 1, 40);
  table.up = false;
  for (let sequence = 1; sequence <= 40; sequence++) writer.known(`order ${sequence}`, { status: 'expired', reason: 'late' });
  await table.timeOut();
  table.up = true;
  table.most = 0;
  await writer.writeOutcomes();
  expect(table.outcomes).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
  expect(table.most, 'one asked whether it is back').toBe(1);
  expect(writer.open).toEqual([]);
});

test('a second use of an id says nothing about whether the journal answers', async () => {
  const { table, writer } = open();
  await begun(writer, 1, 1);
  const taken = new JournalWriter({
    journal: { writeIntent: () => Promise.reject(new DuplicateIntentError('order 1')), writeOutcome: table.writeOutcome }, log: () => undefined,
  });
  await expect(taken.writeIntent('order 1', author(1), intent)).rejects.toThrow(DuplicateIntentError);
  void taken.writeIntent('order 1', author(1), intent).catch(() => undefined);
  expect(taken.mayBegin).toBe(true);
});
