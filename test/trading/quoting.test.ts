/** What is cancelled once too much rests. */
import { expect, it } from 'vitest';
import { toCancel, usualQuoting } from '../../lib/trading/quoting.ts';

const orders = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

it('cancels the oldest half of too many orders, ten in a request: the venue refuses a longer list', () => {
  const settings = { ...usualQuoting, openOrdersAtMost: 20 };
  expect(toCancel(orders(20), settings)).toEqual([]);
  expect(toCancel(orders(21), settings)).toEqual([orders(10), [10]]);
  expect(toCancel(orders(45), settings).map((request) => request.length)).toEqual([10, 10, 3]);
  expect(toCancel(orders(6), { ...settings, openOrdersAtMost: 5 })).toEqual([[0, 1, 2]]);
});
