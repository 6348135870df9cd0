/**
 * When a market is open, on its own clock, so that daylight saving time is followed: for the deployment window, and for
 * whatever else waits for a market to close. Where a rule is in doubt, the market counts as open: then something waits that
 * need not have, and nothing is done to a book that trades.
 */
import { DateTime } from 'luxon';
import type { MarketCalendar } from '../contracts/change.ts';

interface Session {
  readonly opens: DateTime;
  readonly closes: DateTime;
}

interface Market {
  readonly zone: string;
  /** The longest session: the one that is open may have opened so many days ago. */
  readonly sessionDays: number;
  /** The one that opens on this day of the market's clock. */
  readonly sessionOf: (day: DateTime) => Session | undefined;
}

const at = (day: DateTime, hour: number): DateTime => day.set({ hour, minute: 0, second: 0, millisecond: 0 });

const markets: Readonly<Record<MarketCalendar, 'never closed' | Market>> = {
  always: 'never closed',
  'cme-futures': {
    // Sunday 17:00 to Friday 16:00 in Chicago; the two zones change their clocks in the same night. The daily hour of maintenance and
    // holidays, whose hours differ from product to product, count as open.
    zone: 'America/Los_Angeles',
    sessionDays: 5,
    sessionOf: (day) => (day.weekday === 7 ? { opens: at(day, 15), closes: at(day.plus({ days: 5 }), 14) } : undefined),
  },
  'us-equities': {
    // From the early session to the late one, as NYSE Arca trades; a day that closes at 13:00 has a late session until 17:00. A venue
    // that trades through the night wants a calendar of its own.
    zone: 'America/New_York',
    sessionDays: 0,
    sessionOf(day) {
      if (day.weekday > 5 || isHoliday(day)) return undefined;
      return { opens: at(day, 4), closes: at(day, closesEarly(day) ? 17 : 20) };
    },
  },
};

export type MarketState =
  | { readonly open: true; /** Absent where it never closes. */ readonly closesAt?: Date }
  | { readonly open: false; readonly opensAt: Date };

export function marketState(calendar: MarketCalendar, instant: Date): MarketState {
  const market = markets[calendar];
  if (market === 'never closed') return { open: true };
  for (const { opens, closes } of sessionsFrom(market, instant)) {
    if (instant < opens.toJSDate()) return { open: false, opensAt: opens.toJSDate() };
    if (instant < closes.toJSDate()) return { open: true, closesAt: closes.toJSDate() };
  }
  throw new Error(`The market of '${calendar}' does not open again after ${instant.toISOString()}: its rules are wrong.`);
}

/** The clock on the market's wall. */
export function marketZone(calendar: MarketCalendar): string {
  const market = markets[calendar];
  return market === 'never closed' ? 'utc' : market.zone;
}

/** No market is closed for longer than a long weekend. */
const daysAhead = 14;

function* sessionsFrom({ zone, sessionDays, sessionOf }: Market, instant: Date): Generator<Session> {
  const today = DateTime.fromJSDate(instant, { zone }).startOf('day');
  for (let days = -sessionDays; days <= daysAhead; days += 1) {
    const session = sessionOf(today.plus({ days }));
    if (session !== undefined) yield session;
  }
}

/**
 * Days on which the exchanges of New York are closed: NYSE Rule 7.2, and its calendars of holidays. A holiday on a Saturday is
 * kept on the Friday before, one on a Sunday on the Monday after; New Year's Day on a Saturday is not kept at all.
 */
function isHoliday(day: DateTime): boolean {
  const { year, month, day: date, weekday } = day;
  const nth = Math.ceil(date / 7);
  const kept = (of: number, on: number): boolean =>
    month === of && (date === on || (weekday === 1 && date === on + 1) || (weekday === 5 && date === on - 1));
  return (
    // Of the year that begins: a Friday, the last of December, is an ordinary day.
    (month === 1 && (date === 1 || (weekday === 1 && date === 2))) ||
    (month === 1 && weekday === 1 && nth === 3) ||
    (month === 2 && weekday === 1 && nth === 3) ||
    (weekday === 5 && isGoodFriday(day)) ||
    (month === 5 && weekday === 1 && date > 31 - 7) ||
    (year >= 2022 && kept(6, 19)) ||
    kept(7, 4) ||
    (month === 9 && weekday === 1 && nth === 1) ||
    (month === 11 && weekday === 4 && nth === 4) ||
    kept(12, 25) ||
    unscheduled.has(day.toISODate() ?? '')
  );
}

/** Closings that no rule foresees. */
const unscheduled: ReadonlySet<string> = new Set([
  '2025-01-09', // mourning for President Carter
]);

/** At 13:00: before Independence Day and Christmas, and after Thanksgiving, where that is a day of trading. */
function closesEarly(day: DateTime): boolean {
  const { month, day: date, weekday } = day;
  const isEveOfHoliday = (month === 7 && date === 3) || (month === 12 && date === 24);
  const isDayAfterThanksgiving = month === 11 && weekday === 5 && Math.ceil((date - 1) / 7) === 4;
  return isEveOfHoliday || isDayAfterThanksgiving;
}

/** Easter by the anonymous Gregorian algorithm, of the years from 1583 on. */
function isGoodFriday(friday: DateTime): boolean {
  const { year } = friday;
  const golden = year % 19;
  const century = Math.floor(year / 100);
  const ofCentury = year % 100;
  const correction = Math.floor((century - Math.floor((century + 8) / 25) + 1) / 3);
  const epact = (19 * golden + century - Math.floor(century / 4) - correction + 15) % 30;
  const weekday = (32 + 2 * (century % 4) + 2 * Math.floor(ofCentury / 4) - epact - (ofCentury % 4)) % 7;
  const shift = Math.floor((golden + 11 * epact + 22 * weekday) / 451);
  const days = epact + weekday - 7 * shift + 114;
  const sunday = friday.plus({ days: 2 });
  return sunday.month === Math.floor(days / 31) && sunday.day === (days % 31) + 1;
}
