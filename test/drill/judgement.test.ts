/** What a drill is held against: its objectives, and the drills before. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slowerThanEver, tooLong } from '../../lib/drill/judgement.ts';
import { reportOf } from './reports.ts';

const { measures } = reportOf(0);
const before = (...orders: readonly number[]) => orders.map((ordersSeconds, index) => reportOf(index + 1, { measures: { ordersSeconds } }));

describe('what is too long', () => {
  it('is more than the objective, and what was not come to at all', () => {
    expect(tooLong({ ...measures, ordersSeconds: 8 }, { ordersSeconds: 8 })).toEqual([]);
    expect(tooLong({ ...measures, ordersSeconds: 8.1 }, { ordersSeconds: 8 })).toEqual(['from the decision to the accepted orders: 8.1 s, 8 s at most']);
    expect(tooLong({ ...measures, ordersSeconds: null }, { ordersSeconds: 8 })).toEqual(['from the decision to the accepted orders was not come to']);
  });

  it('is never what has no objective', () => {
    expect(tooLong({ ...measures, totalSeconds: 1e9, startSeconds: null }, {})).toEqual([]);
  });
});

describe('what was slower than ever', () => {
  const slower = (ordersSeconds: number, ...orders: readonly number[]) => slowerThanEver({ ...measures, ordersSeconds }, before(...orders));

  it('is longer than the longest of the last six, by a tenth and a second', () => {
    expect(slower(7.1, 5, 6, 5)).toEqual(['from the decision to the accepted orders: 7.1 s, in the last 3 drills 6 s at most']);
    expect(slower(6.9, 5, 6, 5)).toEqual([]);
    expect(slower(105, 100, 100, 100)).toEqual([]);
    // The seventh before does not count any more.
    expect(slower(9, 5, 5, 5, 5, 5, 5, 90)).toHaveLength(1);
  });

  it('is nothing with fewer than three before, and those that were not passed do not count', () => {
    expect(slower(90, 5, 5)).toEqual([]);
    expect(slowerThanEver({ ...measures, ordersSeconds: 9 }, [...before(5, 5), reportOf(3, { passed: false, measures: { ordersSeconds: 5 } })])).toEqual([]);
  });

  it('never is a drill that is like one of the last six', () => {
    fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e5, noNaN: true }), { minLength: 1, maxLength: 12 }), fc.nat(5), (orders, which) => {
      const newest = orders.slice(0, 6);
      expect(slower(newest[which % newest.length]!, ...orders)).toEqual([]);
    }));
  });
});
