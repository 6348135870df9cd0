/**
 * The calendars against what the exchanges publish, on every day of four years, by a clock that is the platform's and not the
 * library's; and against themselves: what they say happens next is what happens.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deploymentWindow } from '../../lib/change/deployment-window.ts';
import { marketState } from '../../lib/change/market-calendar.ts';
import { marketCalendars } from '../../lib/contracts/change.ts';
import { chicago, daysOf, futuresAreOpen, instantIn, newYork, publishedYears, yearOf } from './published-hours.ts';

const isOpen = (day: string, time: string): boolean => marketState('us-equities', instantIn(newYork, day, time)).open;

describe('us-equities', () => {
  test.each(publishedYears)('agrees with the published calendar on every day of %s', (year) => {
    const { closed, early } = yearOf(year);
    const days = daysOf(year);
    const wrong = days.filter((day) => {
      const isWeekend = [0, 6].includes(new Date(`${day}T12:00:00Z`).getUTCDay());
      const isClosed = isWeekend || closed.includes(day.slice(5));
      const closes = early.includes(day.slice(5)) ? '17:00' : '20:00';
      const lastMinute = closes === '17:00' ? '16:59' : '19:59';
      const seen = ['03:59', '04:00', '09:30', lastMinute, closes].map((time) => isOpen(day, time));
      return seen.join() !== [false, !isClosed, !isClosed, !isClosed, false].join();
    });
    expect(wrong).toEqual([]);
    expect(days).toHaveLength(Number(year) % 4 === 0 ? 366 : 365);
  });

  test.each([
    ['New Year’s Day on a Saturday is not kept', '2021-12-31', true],
    ['on a Sunday it is kept on Monday', '2023-01-02', false],
    ['Juneteenth is kept from 2022 on', '2021-06-18', true],
    ['Christmas on a Sunday is kept on Monday', '2022-12-26', false],
    ['an early Good Friday', '2008-03-21', false],
    ['a late one', '2038-04-23', false],
    ['Easter Monday is none', '2026-04-06', true],
  ])('%s', (_, day, open) => {
    expect(isOpen(day, '12:00')).toBe(open);
  });

  test('a book may be cut over in the night before a day of trading, with room to spare', () => {
    expect(deploymentWindow('us-equities', instantIn(newYork, '2026-11-24', '20:00'))).toEqual({ open: true });
    expect(deploymentWindow('us-equities', instantIn(newYork, '2026-11-24', '03:40'))).toEqual({ open: true });
    expect(deploymentWindow('us-equities', instantIn(newYork, '2026-11-24', '03:41'))).toEqual({
      open: false, opensAt: instantIn(newYork, '2026-11-24', '20:00'), why: 'the market opens in less than 20 minutes',
    });
    expect(deploymentWindow('us-equities', instantIn(newYork, '2026-11-27', '12:00')), 'the day after Thanksgiving').toEqual({
      open: false, opensAt: instantIn(newYork, '2026-11-27', '17:00'), why: 'the market is open',
    });
  });
});

describe('cme-futures', () => {
  /** Each minute at which anything may begin or end, and the one before it. */
  const times = ['00:00', '08:14', '08:15', '08:29', '08:30', '11:59', '12:00', '12:14', '12:15', '15:59', '16:00', '16:59', '17:00', '23:59'];
  const isOpenThere = (day: string, time: string): boolean => marketState('cme-futures', instantIn(chicago, day, time)).open;

  test.each(publishedYears)('agrees with the published hours on every day of %s', (year) => {
    const days = daysOf(year);
    const wrong = days.flatMap((day) => times.filter((time) => isOpenThere(day, time) !== futuresAreOpen(day, time)).map((time) => `${day} ${time}`));
    expect(wrong).toEqual([]);
    expect(days).toHaveLength(Number(year) % 4 === 0 ? 366 : 365);
  });

  test.each([
    ['the hour of maintenance', '2026-07-15', '16:30', false],
    ['Sunday, before and after the clocks of its night were put forward', '2026-03-08', '16:59', false],
    ['the same, at the opening', '2026-03-08', '17:00', true],
    ['Sunday, after they were put back', '2026-11-01', '16:59', false],
    ['the same, at the opening', '2026-11-01', '17:00', true],
    ['Christmas evening, for the day after it', '2025-12-25', '17:00', true],
    ['a Sunday before New Year’s Day on a Monday', '2023-12-31', '18:00', false],
    ['the last Friday of a year whose New Year’s Day is a Saturday', '2027-12-31', '12:00', true],
    ['Good Friday on the first Friday of April, for the jobs report', '2023-04-07', '08:14', true],
    ['the same, after it', '2023-04-07', '08:15', false],
    ['Good Friday in March', '2027-03-26', '08:00', false],
  ])('%s', (_, day, time, open) => {
    expect(isOpenThere(day, time)).toBe(open);
  });

  test('a break that is shorter than what counts is none, and one as long is', () => {
    const at = instantIn(chicago, '2026-07-15', '16:30');
    expect(marketState('cme-futures', at, 60)).toEqual({ open: false, opensAt: instantIn(chicago, '2026-07-15', '17:00') });
    expect(marketState('cme-futures', at, 61)).toEqual({ open: true, closesAt: instantIn(chicago, '2026-07-17', '16:00') });
    expect(marketState('cme-futures', instantIn(chicago, '2026-11-26', '12:00'), 120)).toEqual({ open: false, opensAt: instantIn(chicago, '2026-11-26', '17:00') });
  });
});

test('a market that never closes never says when', () => {
  expect(marketState('always', new Date('2026-12-25T12:00:00Z'))).toEqual({ open: true });
});

describe.each(marketCalendars.filter((calendar) => calendar !== 'always'))('%s', (calendar) => {
  const instants = fc.oneof(
    fc.date({ min: new Date('2015-01-01'), max: new Date('2040-01-01'), noInvalidDate: true }),
    // Around the nights in which clocks change.
    fc
      .tuple(fc.integer({ min: 2020, max: 2039 }), fc.constantFrom([2, 8], [10, 1]), fc.integer({ min: -7 * 24 * 60, max: 14 * 24 * 60 }))
      .map(([year, [month = 0, day = 0], minutes]) => new Date(Date.UTC(year, month, day) + minutes * 60_000)),
  );

  test('what it says comes next does, at that instant and at none before', () => {
    fc.assert(
      fc.property(instants, (now) => {
        const state = marketState(calendar, now);
        const next = state.open ? state.closesAt : state.opensAt;
        if (next === undefined) throw new Error('it closes at some time');
        expect(next.getTime()).toBeGreaterThan(now.getTime());
        expect(next.getTime() - now.getTime()).toBeLessThanOrEqual(7 * 24 * 3_600_000);
        expect(marketState(calendar, next).open).toBe(!state.open);
        expect(marketState(calendar, new Date(next.getTime() - 1)).open).toBe(state.open);
        // No session and no closing is shorter than an hour.
        for (let at = now.getTime(); at < next.getTime(); at += 3_600_000) expect(marketState(calendar, new Date(at)).open).toBe(state.open);
      }),
      { numRuns: 200 },
    );
  });

  test('the deployment window is open exactly while the market is closed for twenty minutes more', () => {
    fc.assert(
      fc.property(instants, (now) => {
        const state = marketState(calendar, now);
        const window = deploymentWindow(calendar, now);
        expect(window.open).toBe(!state.open && state.opensAt.getTime() - now.getTime() >= 20 * 60_000);
        if (window.open) return;
        expect(deploymentWindow(calendar, window.opensAt).open).toBe(true);
        expect(deploymentWindow(calendar, new Date(window.opensAt.getTime() - 1)).open).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
