/**
 * What follows a market is stopped when it closes and started before it opens, by the calendar that opens deployment windows. Each
 * closing and each opening has a name, by which the machine is started once, however often somebody looks: what a missed look left undone
 * the next one does, and who starts something by hand meanwhile is not fought.
 */
import { marketState } from '../change/market-calendar.ts';
import type { BudgetResponseRequest } from '../contracts/budget-response.ts';
import { type MarketCalendar, marketCalendars } from '../contracts/change.ts';
import { marketHours } from '../contracts/market-hours.ts';
import type { Implementation } from '../contracts/step.ts';

/** Containers start within minutes; a database that gets its size back takes more. */
export const aheadMinutes = 20;

/** The hour in which the CME keeps its systems every day is not worth a stop. */
export const shortestBreakMinutes = 120;

export interface Turn {
  readonly market: MarketCalendar;
  readonly isOpen: boolean;
  /** The same for the same closing, and for the same opening. */
  readonly name: string;
}

/** What is to be, at this time, of what follows a market; undefined for one that never closes. */
export function turnOf(market: MarketCalendar, at: Date): Turn | undefined {
  const state = marketState(market, at, shortestBreakMinutes);
  const isAhead = !state.open && state.opensAt.getTime() - at.getTime() <= aheadMinutes * 60_000;
  const seen = isAhead ? marketState(market, state.opensAt, shortestBreakMinutes) : state;
  const until = seen.open ? seen.closesAt : seen.opensAt;
  if (until === undefined) return undefined;
  // An execution's name takes no colon.
  return { market, isOpen: seen.open, name: `${market}-${seen.open ? 'open' : 'closed'}-until-${until.toISOString().slice(0, 16).replace(':', '')}Z` };
}

/** @param begin the machine, by an execution of this name, which there is once */
export function marketHoursSteps(begin: (name: string, request: BudgetResponseRequest) => Promise<void>): Implementation<typeof marketHours> {
  return {
    async look({ at }) {
      const turns = marketCalendars.flatMap((market) => turnOf(market, new Date(at)) ?? []);
      for (const { market, isOpen, name } of turns) {
        const reason = isOpen ? `The market ${market} opens, or is open.` : `The market ${market} is closed.`;
        await begin(name, { market, reason, requestedBy: marketHours.name, ...(isOpen && { undo: true }) });
      }
      return Object.fromEntries(turns.map(({ market, name }) => [market, name]));
    },
  };
}
