/**
 * When a book may be cut over, by the calendar of its market: while the market is closed, or at any time where it never is.
 * What a calendar does not know to be closed opens no window: fewer moments are allowed than could be, never more.
 */
import { DateTime } from 'luxon';
import type { MarketCalendar } from '../contracts/change.ts';
import { marketState, marketZone } from './market-calendar.ts';

/** What a cutover needs until the new colour is recorded, and as much again for its way back. */
const roomNeeded = { minutes: 20 };

export type DeploymentWindow =
  | { readonly open: true }
  /** `opensAt` is the next instant at which a cutover would be let in. */
  | { readonly open: false; readonly opensAt: Date; readonly why: string };

export function deploymentWindow(calendar: MarketCalendar, now: Date): DeploymentWindow {
  const market = marketState(calendar, now);
  if (market.open) {
    if (market.closesAt === undefined) return { open: true };
    return { open: false, opensAt: market.closesAt, why: 'the market is open' };
  }
  if (DateTime.fromJSDate(now).plus(roomNeeded) <= DateTime.fromJSDate(market.opensAt)) return { open: true };
  const next = marketState(calendar, market.opensAt);
  if (!next.open || next.closesAt === undefined) throw new Error(`The market of '${calendar}' is not open when it opens: its rules are wrong.`);
  return { open: false, opensAt: next.closesAt, why: `the market opens in less than ${roomNeeded.minutes} minutes` };
}

/** For people: the market's own clock, and the clock of the logs. */
export function inWords(calendar: MarketCalendar, instant: Date): string {
  const zone = marketZone(calendar);
  const local = DateTime.fromJSDate(instant, { zone }).setLocale('en-GB');
  return `${local.toFormat('ccc d LLL yyyy HH:mm')} ${zone} (${local.toUTC().toISO({ suppressMilliseconds: true })})`;
}
