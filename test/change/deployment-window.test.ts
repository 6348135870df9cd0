/** The window is open exactly while the market is closed, whatever daylight saving time does, and says when it opens next. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deploymentWindow, inWords } from '../../lib/change/deployment-window.ts';
import { chicago, futuresAreOpen } from './published-hours.ts';

const minuteMs = 60_000;
const roomMs = 20 * minuteMs;
/** A second opinion: the hours that were published, and the clock of Chicago as the platform has it. */
function marketIsClosed(instantMs: number): boolean {
  const [day = '', time = ''] = chicago.clock.format(instantMs).split(' ');
  return !futuresAreOpen(day, time);
}

const instants = fc.oneof(
  fc.date({ min: new Date('2024-01-02'), max: new Date('2027-12-30'), noInvalidDate: true }),
  // Around the nights in which clocks change: the second Sunday of March, the first of November.
  fc
    .tuple(fc.integer({ min: 2024, max: 2027 }), fc.constantFrom([2, 8], [10, 1]), fc.integer({ min: -4 * 24 * 60, max: 11 * 24 * 60 }))
    .map(([year, [month = 0, day = 0], minutes]) => new Date(Date.UTC(year, month, day) + minutes * minuteMs)),
);

describe('cme-futures', () => {
  test.each([
    ['Friday, a minute before the close', '2026-11-20T13:59:00-08:00', false],
    ['Friday, at the close', '2026-11-20T14:00:00-08:00', true],
    ['Saturday', '2026-11-21T09:00:00-08:00', true],
    ['Sunday, as late as a cutover has room', '2026-11-22T14:40:00-08:00', true],
    ['Sunday, too late for one', '2026-11-22T14:41:00-08:00', false],
    ['Sunday, at the open', '2026-11-22T15:00:00-08:00', false],
    ['Wednesday', '2026-11-25T12:00:00-08:00', false],
    ['Wednesday, in the hour of maintenance', '2026-11-25T14:40:00-08:00', true],
    ['Wednesday, in that hour, too late', '2026-11-25T14:41:00-08:00', false],
    ['Thanksgiving, in the morning', '2026-11-26T09:00:00-08:00', false],
    ['Thanksgiving, from noon in Chicago', '2026-11-26T10:00:00-08:00', true],
    ['the Friday of the last weekend in winter time', '2026-03-06T14:00:00-08:00', true],
    ['the Sunday on which summer time began', '2026-03-08T14:40:00-07:00', true],
    ['the same hour by the clock of the day before', '2026-03-08T14:40:00-08:00', false],
    ['the Sunday on which it ended', '2026-11-01T14:40:00-08:00', true],
    ['a summer Friday', '2026-07-10T13:59:59-07:00', false],
  ])('%s', (_, instant, open) => {
    expect(deploymentWindow('cme-futures', new Date(instant)).open).toBe(open);
  });

  test('is open only while the market is closed, and closed only when it is open or about to', () => {
    fc.assert(
      fc.property(instants, (now) => {
        const at = Math.floor(now.getTime() / minuteMs) * minuteMs;
        const { open } = deploymentWindow('cme-futures', new Date(at));
        expect(open).toBe(marketIsClosed(at) && marketIsClosed(at + roomMs - 1));
      }),
      { numRuns: 2000 },
    );
  });

  test('says the first later instant at which it is open', () => {
    fc.assert(
      fc.property(instants, (now) => {
        const window = deploymentWindow('cme-futures', now);
        if (window.open) return;
        const opensMs = window.opensAt.getTime();
        expect(opensMs).toBeGreaterThan(now.getTime());
        expect(opensMs - now.getTime()).toBeLessThanOrEqual(7 * 24 * 60 * minuteMs);
        expect(deploymentWindow('cme-futures', window.opensAt).open).toBe(true);
        expect(deploymentWindow('cme-futures', new Date(opensMs - 1)).open).toBe(false);
        // Nowhere in between: the shortest window is of forty minutes, so that looks half an hour apart cannot miss one.
        for (let at = now.getTime(); at < opensMs; at += 30 * minuteMs) {
          expect(deploymentWindow('cme-futures', new Date(at)).open).toBe(false);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test('a market that never closes can be deployed to at any time', () => {
  fc.assert(
    fc.property(instants, (now) => {
      expect(deploymentWindow('always', now)).toEqual({ open: true });
    }),
  );
});

test('an instant is said on the clock of the market and on that of the logs', () => {
  expect(inWords('cme-futures', new Date('2026-03-08T21:40:00Z'))).toBe('Sun 8 Mar 2026 16:40 America/Chicago (2026-03-08T21:40:00Z)');
});
