/**
 * The calendars against what the exchanges publish, on every day of four years, by a clock that is the platform's and not the
 * library's; and against themselves: what they say happens next is what happens.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deploymentWindow } from '../../lib/change/deployment-window.ts';
import { marketState } from '../../lib/change/market-calendar.ts';
import { marketCalendars } from '../../lib/contracts/change.ts';

/**
 * Closed, and closed from 13:00 on: NYSE Group, "2022, 2023 and 2024 Holiday and Early Closings Calendar" (2021-12-27) and "2025,
 * 2026 and 2027 Holiday and Early Closings Calendar" (2024-11-08); 9 January 2025 by its notice of 2024-12-30.
 */
const published: Readonly<Record<string, { readonly closed: readonly string[]; readonly early: readonly string[] }>> = {
  2024: {
    closed: ['01-01', '01-15', '02-19', '03-29', '05-27', '06-19', '07-04', '09-02', '11-28', '12-25'],
    early: ['07-03', '11-29', '12-24'],
  },
  2025: {
    closed: ['01-01', '01-09', '01-20', '02-17', '04-18', '05-26', '06-19', '07-04', '09-01', '11-27', '12-25'],
    early: ['07-03', '11-28', '12-24'],
  },
  2026: {
    closed: ['01-01', '01-19', '02-16', '04-03', '05-25', '06-19', '07-03', '09-07', '11-26', '12-25'],
    early: ['11-27', '12-24'],
  },
  2027: {
    closed: ['01-01', '01-18', '02-15', '03-26', '05-31', '06-18', '07-05', '09-06', '11-25', '12-24'],
    early: ['11-26'],
  },
};

const newYork = new Intl.DateTimeFormat('sv-SE', { timeZone: 'America/New_York', dateStyle: 'short', timeStyle: 'short' });
/** The instant at which the clocks of New York show this. */
function inNewYork(day: string, time: string): Date {
  const found = ['-04:00', '-05:00'].map((offset) => new Date(`${day}T${time}:00${offset}`)).find((instant) => newYork.format(instant) === `${day} ${time}`);
  if (found === undefined) throw new Error(`${day} ${time} is on no clock of New York`);
  return found;
}
const isOpen = (day: string, time: string): boolean => marketState('us-equities', inNewYork(day, time)).open;

describe('us-equities', () => {
  test.each(Object.keys(published))('agrees with the published calendar on every day of %s', (year) => {
    const { closed, early } = published[year] as (typeof published)[string];
    const wrong: string[] = [];
    let days = 0;
    for (let noonMs = Date.UTC(Number(year), 0, 1, 12); new Date(noonMs).getUTCFullYear() === Number(year); noonMs += 24 * 3_600_000) {
      const day = new Date(noonMs).toISOString().slice(0, 10);
      const isWeekend = [0, 6].includes(new Date(noonMs).getUTCDay());
      const isClosed = isWeekend || closed.includes(day.slice(5));
      const closes = early.includes(day.slice(5)) ? '17:00' : '20:00';
      const lastMinute = closes === '17:00' ? '16:59' : '19:59';
      const seen = ['03:59', '04:00', '09:30', lastMinute, closes].map((time) => isOpen(day, time));
      const meant = [false, !isClosed, !isClosed, !isClosed, false];
      if (seen.join() !== meant.join()) wrong.push(day);
      days += 1;
    }
    expect(wrong).toEqual([]);
    expect(days).toBe(Number(year) % 4 === 0 ? 366 : 365);
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
    expect(deploymentWindow('us-equities', inNewYork('2026-11-24', '20:00'))).toEqual({ open: true });
    expect(deploymentWindow('us-equities', inNewYork('2026-11-24', '03:40'))).toEqual({ open: true });
    expect(deploymentWindow('us-equities', inNewYork('2026-11-24', '03:41'))).toEqual({
      open: false, opensAt: inNewYork('2026-11-24', '20:00'), why: 'the market opens in less than 20 minutes',
    });
    expect(deploymentWindow('us-equities', inNewYork('2026-11-27', '12:00')), 'the day after Thanksgiving').toEqual({
      open: false, opensAt: inNewYork('2026-11-27', '17:00'), why: 'the market is open',
    });
  });
});

/**
 * CME Globex, as its hours are published for most products (CME Group, "Trading Hours": Sunday 17:00 to Friday 16:00 in Chicago), with the
 * days on which some product stands still all day or for hours of it, by its holiday calendars of 2024 to 2027. Products differ, so these count as open.
 */
describe('cme-futures', () => {
  const chicago = new Intl.DateTimeFormat('sv-SE', { timeZone: 'America/Chicago', dateStyle: 'short', timeStyle: 'short' });
  const inChicago = (day: string, time: string): Date => {
    const found = ['-05:00', '-06:00'].map((offset) => new Date(`${day}T${time}:00${offset}`)).find((instant) => chicago.format(instant) === `${day} ${time}`);
    if (found === undefined) throw new Error(`${day} ${time} is on no clock of Chicago`);
    return found;
  };

  test.each([2024, 2025, 2026, 2027])('agrees with the published week on every day of %i', (year) => {
    const wrong: string[] = [];
    for (let noonMs = Date.UTC(year, 0, 1, 12); new Date(noonMs).getUTCFullYear() === year; noonMs += 24 * 3_600_000) {
      const day = new Date(noonMs).toISOString().slice(0, 10);
      const weekday = new Date(noonMs).getUTCDay();
      const seen = ['00:00', '15:59', '16:00', '16:59', '17:00', '23:59'].map((time) => marketState('cme-futures', inChicago(day, time)).open);
      const [friday, saturday, sunday] = [[true, true, false, false, false, false], Array(6).fill(false), [false, false, false, false, true, true]];
      const meant = { 5: friday, 6: saturday, 0: sunday }[weekday] ?? Array(6).fill(true);
      if (seen.join() !== meant.join()) wrong.push(day);
    }
    expect(wrong).toEqual([]);
  });

  test.each(['2024-12-25', '2025-01-01', '2026-04-03', '2026-11-26', '2027-03-26'])('counts %s as open, where a product may trade', (day) => {
    expect(marketState('cme-futures', inChicago(day, '12:00')).open).toBe(true);
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
        // No session and no closing is shorter than eight hours.
        for (let at = now.getTime(); at < next.getTime(); at += 4 * 3_600_000) expect(marketState(calendar, new Date(at)).open).toBe(state.open);
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
