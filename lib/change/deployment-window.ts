/**
 * When a book may be cut over, by the calendar of its market: while the market is closed, or at any time where it never is.
 * A calendar is a week on the market's own clock, so that its daylight saving time is followed. Holidays, on which a market
 * is closed as well, open no window: fewer moments are allowed than could be, never more.
 */
import { DateTime } from 'luxon';
import type { MarketCalendar } from '../contracts/change.ts';

/** A weekday as ISO 8601 counts it, Monday 1, and the hour on the wall. */
interface WallTime {
  readonly weekday: 1 | 2 | 3 | 4 | 5 | 6 | 7;
  readonly hour: number;
}
interface ClosedWeekly {
  readonly zone: string;
  readonly marketCloses: WallTime;
  readonly marketOpens: WallTime;
}

const calendars: Readonly<Record<MarketCalendar, 'never closed' | ClosedWeekly>> = {
  always: 'never closed',
  // Friday 16:00 to Sunday 17:00 in Chicago; the two zones change their clocks in the same night.
  'cme-futures': { zone: 'America/Los_Angeles', marketCloses: { weekday: 5, hour: 14 }, marketOpens: { weekday: 7, hour: 15 } },
};

/** What a cutover needs until the new colour is recorded, and as much again for its way back. */
const roomNeeded = { minutes: 20 };

export type DeploymentWindow =
  | { readonly open: true }
  /** `opensAt` is the next instant at which a cutover would be let in. */
  | { readonly open: false; readonly opensAt: Date; readonly why: string };

export function deploymentWindow(calendar: MarketCalendar, now: Date): DeploymentWindow {
  const closed = calendars[calendar];
  if (closed === 'never closed') return { open: true };
  const local = DateTime.fromJSDate(now, { zone: closed.zone });
  const thisWeek = windowOf(closed, local);
  if (local < thisWeek.begins) {
    return { open: false, opensAt: thisWeek.begins.toJSDate(), why: 'the market is open' };
  }
  if (local.plus(roomNeeded) <= thisWeek.ends) return { open: true };
  const { begins } = windowOf(closed, local.plus({ weeks: 1 }));
  const why = local < thisWeek.ends ? `the market opens in less than ${roomNeeded.minutes} minutes` : 'the market is open';
  return { open: false, opensAt: begins.toJSDate(), why };
}

/** For people: the market's own clock, and the clock of the logs. */
export function inWords(calendar: MarketCalendar, instant: Date): string {
  const closed = calendars[calendar];
  const zone = closed === 'never closed' ? 'utc' : closed.zone;
  const local = DateTime.fromJSDate(instant, { zone }).setLocale('en-GB');
  return `${local.toFormat('ccc d LLL yyyy HH:mm')} ${zone} (${local.toUTC().toISO({ suppressMilliseconds: true })})`;
}

function windowOf(
  { marketCloses, marketOpens }: ClosedWeekly, inTheWeek: DateTime,
): { readonly begins: DateTime; readonly ends: DateTime } {
  const at = ({ weekday, hour }: WallTime): DateTime => inTheWeek.startOf('week').set({ weekday, hour });
  return { begins: at(marketCloses), ends: at(marketOpens) };
}
