/** What the record of a venue says of a contest, on records that are written down. */
import { describe, expect, test } from 'vitest';
import { acceptedOf, gapsMs, staleBetween, type Accepted } from '../../../bench/field/judge.ts';
import { createOrderPath, type VenueEntry } from '../../../rehearsal/venue/record.ts';

const order = (tenure: number, atMs: number, book = 'alpha'): Accepted => ({ book, tenure, atMs });

test('only orders count that the venue took', () => {
  const entry = { arrivedAtMs: 1, decidedAtMs: 2, method: 'POST', path: createOrderPath, apiKey: 'alpha', accepted: true, code: 0, book: 'alpha', epoch: 3 };
  const record: readonly VenueEntry[] = [entry, { ...entry, accepted: false, code: 10002 }, { ...entry, path: '/v5/order/cancel' }];
  expect(acceptedOf(record)).toEqual([order(3, 2)]);
});

describe('a gap', () => {
  test('is from the last order of the one to the first of the next', () => {
    expect(gapsMs([order(1, 900), order(1, 1100), order(2, 1350), order(2, 1450)], 1000)).toEqual(new Map([['alpha', 250]]));
  });

  test('is of each book by itself, and of none that nobody has taken since', () => {
    const orders = [order(1, 900), order(1, 900, 'beta'), order(1, 1000, 'beta'), order(2, 1200)];
    expect(gapsMs(orders, 950)).toEqual(new Map([['alpha', 300]]));
  });

  test('ends with the first order of the next, also when the former goes on', () => {
    expect(gapsMs([order(1, 900), order(2, 1300), order(1, 1320), order(2, 1400)], 1000)).toEqual(new Map([['alpha', 400]]));
  });
});

describe('a stale order', () => {
  const orders = [order(1, 900), order(2, 1000), order(1, 1010), order(3, 1500), order(2, 1600), order(2, 1700)];

  test('is one of a tenure after one of a later', () => {
    expect(staleBetween(orders, 0, Infinity)).toBe(3);
  });

  test('counts in its time, whenever the later tenure began', () => {
    expect([staleBetween(orders, 1005, 1600), staleBetween(orders, 1600, 1700), staleBetween(orders, 1011, 1600)]).toEqual([1, 1, 0]);
  });

  test('is none of another book', () => {
    expect(staleBetween([order(2, 1000), order(1, 1010, 'beta')], 0, Infinity)).toBe(0);
  });
});
