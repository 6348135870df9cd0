/** What executions earn, counted over every change of hands. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalMark } from '../../lib/trading/journal.ts';
import { ResultCount } from '../../lib/trading/result.ts';
import type { Execution } from '../../lib/venues/venue.ts';
import { countedText } from './counted.ts';

const book = 'alpha' as BookName;
const touch = { bid: 59_999, ask: 60_001 };
const execution = (n: number, more: Partial<Execution> = {}): Execution => ({
  executionId: `e${n}`, venueOrderId: `v${n}`, clientOrderId: clientOrderId({ book, epoch: 1 as Epoch, sequence: n }), symbol: 'BTC/USDT',
  side: n % 2 === 0 ? 'sell' : 'buy', price: '60000', quantity: '0.001', fee: '0', feeCurrency: 'USDT', atVenueMs: n, ...more,
});
const counted = (executions: readonly Execution[], mark?: JournalMark, page: readonly Execution[] = []): ReturnType<ResultCount['at']> => {
  const count = new ResultCount(book, 'BTC/USDT');
  count.begin(4 as Epoch, mark, page);
  for (const each of executions) count.add(each);
  return count.at(touch);
};

test('a purchase costs cash and brings coins, a sale the other way, and fees are taken where they are charged', () => {
  const buy = execution(1, { fee: '0.000001', feeCurrency: 'BTC' });
  const sell = execution(2, { price: '60010.5', fee: '0.06', feeCurrency: 'USDT' });
  expect(counted([buy])).toEqual({ cash: '-60', base: '0.000999', since: '4', mid: '60000' });
  expect(counted([buy, sell])).toEqual({ cash: '-0.0495', base: '-0.000001', since: '4', mid: '60000' });
});

test('what others traded on the account does not count', () => {
  const foreign = [execution(1, { clientOrderId: 'by hand' }), execution(2, { clientOrderId: clientOrderId({ book: 'beta' as BookName, epoch: 1 as Epoch, sequence: 1 }) })];
  expect(counted(foreign)).toMatchObject({ cash: '0', base: '0' });
});

test('begins anew where nothing connects, and says so', () => {
  const result = { cash: '7', base: '1', since: '2', mid: '1' };
  const mark = { epoch: 3 as Epoch, sequence: 9, position: { quantity: '1', counted: countedText('long-ago') }, result };
  expect(counted([], mark, [execution(1)])).toMatchObject({ cash: '0', since: '4' });
  expect(counted([], { epoch: 3 as Epoch, sequence: 9 }, [execution(1)])).toMatchObject({ cash: '0', since: '4' });
  expect(counted([], { ...mark, position: { quantity: '1', counted: '' } }, [execution(1)])).toMatchObject({ cash: '-53', since: '2' });
});

test('however often the book changes hands: the same as counted by one', () => {
  const several = fc.array(fc.record({ price: fc.integer({ min: 1, max: 99_999 }), quantity: fc.integer({ min: 1, max: 999 }) }), { maxLength: 20 });
  fc.assert(fc.property(several, fc.array(fc.nat({ max: 20 }), { maxLength: 4 }), (trades, cuts) => {
    const all = trades.map(({ price, quantity }, n) => execution(n, { price: String(price), quantity: `0.${String(quantity).padStart(3, '0')}` }));
    const ends = [...cuts, all.length].map((cut) => Math.min(cut, all.length)).toSorted((a, b) => a - b);
    let mark: JournalMark = { epoch: 3 as Epoch, sequence: 1, position: { quantity: '0', counted: '' }, result: { cash: '0', base: '0', since: '1', mid: '1' } };
    let from = 0;
    for (const to of ends) {
      // Half of what one holder did, the next one finds on its page.
      const seen = Math.floor((from + to) / 2);
      const result = counted(all.slice(seen, to), mark, all.slice(0, seen));
      mark = { ...mark, position: { quantity: '0', counted: countedText(...all.slice(0, to).map(({ executionId }) => executionId)) }, result };
      from = to;
    }
    const { since: _since, ...whole } = counted(all);
    expect(mark.result).toEqual({ ...whole, since: '1' });
  }));
});
