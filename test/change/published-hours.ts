/**
 * What the exchanges publish for 2024 to 2027, day by day, and the clocks of their cities by the platform: a second opinion on the rules of
 * lib/change/market-calendar.ts, which it shares nothing with.
 *
 * New York: NYSE Group, "2022, 2023 and 2024 Holiday and Early Closings Calendar" (2021-12-27) and "2025, 2026 and 2027 Holiday and Early
 * Closings Calendar" (2024-11-08); 9 January 2025 by its notice of 2024-12-30. Nasdaq keeps the same days.
 *
 * Chicago: equity-index futures on CME Globex, by the day that they are traded for. CME Group shows its hours a year ahead, day by day, at
 * https://www.cmegroup.com/trading-hours.html, which nobody who built this could open; they were read at
 * - 2024: 15 January, 19 June and 28 November at https://www.forexlive.com; 3 and 4 July at https://iqhelp.dtn.com/fourth-of-july-service-hours-2024;
 *   3 July and 29 November in pull request 9807 of QuantConnect's LEAN, which names CME Group's calendar
 * - 2025: 9 January in CME Group's notice of 2024-12-30 (https://mondovisione.com); 20 January at https://www.forexlive.com; Christmas in the same pull request
 * - 2026: 19 January at https://edgeclear.com/exchange-holiday-hours; 3 April in pull request 456 of pandas_market_calendars; 19 June, 3 July,
 *   7 September and 27 November as CME Group had them on 2026-05-29 (issue 464 there)
 * - all others of these years: the calendar of CME Globex Equities of pandas_market_calendars, a library that compares itself with trades. Good Friday
 *   of 2025 is by its rule: closed, for no jobs report came out on it
 * - 2027 was not out: the days of New York, with the hours that each of them has had since 2022; Good Friday is in March, so without the jobs
 *   report for which futures are traded until 8:15 (2021, 2023, 2026), and Christmas is kept on a Friday, as in 2021.
 */
export interface PublishedYear {
  /** New York, month and day. */
  readonly closed: readonly string[];
  /** At 13:00. */
  readonly early: readonly string[];
  /** Chicago: until when the session of that day lasts, where that is not 16:00. */
  readonly futures: Readonly<Record<string, string>>;
}

const none = 'no session';

export const published: Readonly<Record<string, PublishedYear>> = {
  2024: {
    closed: ['01-01', '01-15', '02-19', '03-29', '05-27', '06-19', '07-04', '09-02', '11-28', '12-25'],
    early: ['07-03', '11-29', '12-24'],
    futures: {
      '01-01': none, '01-15': '12:00', '02-19': '12:00', '03-29': none, '05-27': '12:00', '06-19': '12:00', '07-03': '12:15', '07-04': '12:00',
      '09-02': '12:00', '11-28': '12:00', '11-29': '12:15', '12-24': '12:15', '12-25': none,
    },
  },
  2025: {
    closed: ['01-01', '01-09', '01-20', '02-17', '04-18', '05-26', '06-19', '07-04', '09-01', '11-27', '12-25'],
    early: ['07-03', '11-28', '12-24'],
    futures: {
      '01-01': none, '01-09': '08:30', '01-20': '12:00', '02-17': '12:00', '04-18': none, '05-26': '12:00', '06-19': '12:00', '07-03': '12:15',
      '07-04': '12:00', '09-01': '12:00', '11-27': '12:00', '11-28': '12:15', '12-24': '12:15', '12-25': none,
    },
  },
  2026: {
    closed: ['01-01', '01-19', '02-16', '04-03', '05-25', '06-19', '07-03', '09-07', '11-26', '12-25'],
    early: ['11-27', '12-24'],
    futures: {
      '01-01': none, '01-19': '12:00', '02-16': '12:00', '04-03': '08:15', '05-25': '12:00', '06-19': '12:00', '07-03': '12:00', '09-07': '12:00',
      '11-26': '12:00', '11-27': '12:15', '12-24': '12:15', '12-25': none,
    },
  },
  2027: {
    closed: ['01-01', '01-18', '02-15', '03-26', '05-31', '06-18', '07-05', '09-06', '11-25', '12-24'],
    early: ['11-26'],
    futures: {
      '01-01': none, '01-18': '12:00', '02-15': '12:00', '03-26': none, '05-31': '12:00', '06-18': '12:00', '07-05': '12:00', '09-06': '12:00',
      '11-25': '12:00', '11-26': '12:15', '12-24': none,
    },
  },
};

export const publishedYears = Object.keys(published);

export function yearOf(day: string): PublishedYear {
  const found = published[day.slice(0, 4)];
  if (found === undefined) throw new Error(`Nothing of the year of ${day} is in the table.`);
  return found;
}

/** Each day of a year, as yyyy-mm-dd. */
export function daysOf(year: string): string[] {
  const days: string[] = [];
  for (let noonMs = Date.UTC(Number(year), 0, 1, 12); new Date(noonMs).getUTCFullYear() === Number(year); noonMs += 24 * 3_600_000) {
    days.push(new Date(noonMs).toISOString().slice(0, 10));
  }
  return days;
}

const clockOf = (timeZone: string): Intl.DateTimeFormat => new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
export const newYork = { clock: clockOf('America/New_York'), offsets: ['-04:00', '-05:00'] } as const;
export const chicago = { clock: clockOf('America/Chicago'), offsets: ['-05:00', '-06:00'] } as const;

/** The instant at which the clocks of a city show this. */
export function instantIn({ clock, offsets }: typeof newYork | typeof chicago, day: string, time: string): Date {
  const found = offsets.map((offset) => new Date(`${day}T${time}:00${offset}`)).find((instant) => clock.format(instant) === `${day} ${time}`);
  if (found === undefined) throw new Error(`${day} ${time} is on no clock there`);
  return found;
}

/** Until when the session of a day lasts in Chicago, if there is one. */
function futuresUntil(day: string): string | undefined {
  if ([0, 6].includes(new Date(`${day}T12:00:00Z`).getUTCDay())) return undefined;
  // The day after the last of the table: New Year's Day of 2028 is a Saturday.
  const until = published[day.slice(0, 4)]?.futures[day.slice(5)] ?? '16:00';
  return until === none ? undefined : until;
}

/** Whether futures are traded at a minute of a day in Chicago: in its own session, or in that of the next day, which begins at 17:00. */
export function futuresAreOpen(day: string, time: string): boolean {
  const next = new Date(Date.parse(`${day}T12:00:00Z`) + 24 * 3_600_000).toISOString().slice(0, 10);
  const until = futuresUntil(day);
  return (until !== undefined && time < until) || (time >= '17:00' && futuresUntil(next) !== undefined);
}
