/**
 * When a market is open, on its own clock, so that daylight saving time is followed: for the deployment window, and for
 * whatever else waits for a market to close. Where a rule is in doubt, the market counts as open: then something waits that
 * need not have, and nothing is done to a book that trades.
 */
import { DateTime } from 'luxon';
import type { MarketCalendar } from '../contracts/change.ts';

interface Session {
  readonly opens: Date;
  readonly closes: Date;
}

interface Market {
  readonly zone: string;
  /** The longest session: the one that is open may have opened so many days ago. */
  readonly sessionDays: number;
  /** The one that opens on this day of the market's clock. */
  readonly sessionOf: (day: DateTime) => Session | undefined;
}

const at = (day: DateTime, hour: number, minute = 0): Date => day.set({ hour, minute, second: 0, millisecond: 0 }).toJSDate();

const markets: Readonly<Record<MarketCalendar, 'never closed' | Market>> = {
  always: 'never closed',
  'cme-futures': {
    // Equity-index futures on CME Globex: the session of a day begins on the day before. Other products stand still for less of a holiday, and
    // those on crypto not at all: a book of these wants a calendar of its own.
    zone: 'America/Chicago',
    sessionDays: 1,
    sessionOf(eve) {
      const day = eve.plus({ days: 1 });
      const closes = futuresClose(day);
      return closes && { opens: at(eve, 17), closes };
    },
  },
  'us-equities': {
    // From the early session to the late one, as NYSE Arca trades; a day that closes at 13:00 has a late session until 17:00. A venue
    // that trades through the night wants a calendar of its own.
    zone: 'America/New_York',
    sessionDays: 0,
    sessionOf(day) {
      if (day.weekday > 5 || holidayOn(day) !== undefined) return undefined;
      return { opens: at(day, 4), closes: at(day, closesEarly(day) ? 17 : 20) };
    },
  },
};

/** When a session of futures ends, if there is one on that day: they stand still for the holidays of New York, for most of them from noon on. */
function futuresClose(day: DateTime): Date | undefined {
  if (day.weekday > 5) return undefined;
  switch (holidayOn(day)) {
    case undefined:
      return closesEarly(day) ? at(day, 12, 15) : at(day, 16);
    case 'New Year':
    case 'Christmas':
      return undefined;
    case 'Good Friday':
      // On the first Friday of a month the jobs report comes out at 7:30: they are traded for it.
      return day.day <= 7 ? at(day, 8, 15) : undefined;
    case 'mourning':
      return at(day, 8, 30);
    case 'another':
      return at(day, 12);
  }
}

export type MarketState =
  | { readonly open: true; /** Absent where it never closes. */ readonly closesAt?: Date }
  | { readonly open: false; readonly opensAt: Date };

/** @param shortestBreakMinutes a break that is over sooner counts as open */
export function marketState(calendar: MarketCalendar, instant: Date, shortestBreakMinutes = 0): MarketState {
  const market = markets[calendar];
  if (market === 'never closed') return { open: true };
  for (const { opens, closes } of joined(sessionsFrom(market, instant), shortestBreakMinutes)) {
    if (instant < opens) return { open: false, opensAt: opens };
    if (instant < closes) return { open: true, closesAt: closes };
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

const dayMs = 24 * 3_600_000;

function* sessionsFrom(market: Market, instant: Date): Generator<Session> {
  const { year, month, day } = DateTime.fromJSDate(instant, { zone: market.zone });
  const today = Date.UTC(year, month - 1, day) / dayMs;
  for (let days = -market.sessionDays; days <= daysAhead; days += 1) {
    const session = sessionOn(market, today + days);
    if (session !== undefined) yield session;
  }
}

/** Of each market by day: the offset of a zone is slow to find, and the days of a fortnight are asked for again and again. */
const known = new Map<Market, Map<number, Session | undefined>>();

function sessionOn(market: Market, dayNumber: number): Session | undefined {
  const ofMarket = known.get(market) ?? new Map<number, Session | undefined>();
  known.set(market, ofMarket);
  if (!ofMarket.has(dayNumber)) {
    const day = DateTime.fromMillis(dayNumber * dayMs, { zone: 'utc' }).setZone(market.zone, { keepLocalTime: true });
    ofMarket.set(dayNumber, market.sessionOf(day));
  }
  return ofMarket.get(dayNumber);
}

function* joined(sessions: Iterable<Session>, shortestBreakMinutes: number): Generator<Session> {
  let last: Session | undefined;
  for (const session of sessions) {
    if (last !== undefined && session.opens.getTime() < last.closes.getTime() + shortestBreakMinutes * 60_000) {
      last = { opens: last.opens, closes: session.closes };
      continue;
    }
    if (last !== undefined) yield last;
    last = session;
  }
  if (last !== undefined) yield last;
}

type Holiday = 'New Year' | 'Good Friday' | 'Christmas' | 'mourning' | 'another';

/**
 * Days on which the exchanges of New York are closed: NYSE Rule 7.2, and its calendars of holidays. A holiday on a Saturday is
 * kept on the Friday before, one on a Sunday on the Monday after; New Year's Day on a Saturday is not kept at all.
 */
function holidayOn(day: DateTime): Holiday | undefined {
  const { year, month, day: date, weekday } = day;
  const nth = Math.ceil(date / 7);
  const kept = (of: number, on: number): boolean =>
    month === of && (date === on || (weekday === 1 && date === on + 1) || (weekday === 5 && date === on - 1));
  // Of the year that begins: a Friday, the last of December, is an ordinary day.
  if (month === 1 && (date === 1 || (weekday === 1 && date === 2))) return 'New Year';
  if (weekday === 5 && isGoodFriday(day)) return 'Good Friday';
  if (kept(12, 25)) return 'Christmas';
  if (unscheduled.has(day.toISODate() ?? '')) return 'mourning';
  const isAnother =
    (month === 1 && weekday === 1 && nth === 3) ||
    (month === 2 && weekday === 1 && nth === 3) ||
    (month === 5 && weekday === 1 && date > 31 - 7) ||
    (year >= 2022 && kept(6, 19)) ||
    kept(7, 4) ||
    (month === 9 && weekday === 1 && nth === 1) ||
    (month === 11 && weekday === 4 && nth === 4);
  return isAnother ? 'another' : undefined;
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
