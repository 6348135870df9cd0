/** Makes a month's page, keeps it, and tells people where it is. */
import { DateTime } from 'luxon';
import type { costReport } from '../contracts/cost-report.ts';
import type { Implementation } from '../contracts/step.ts';
import type { AskCosts } from './cost-explorer.ts';
import { showbackOf, showbackPage } from './showback.ts';

/** Cost Explorer has nothing of the month: a page of zeros would say that nothing was spent. */
export class NoFiguresError extends Error {
  override readonly name = 'NoFiguresError';
}

export interface ReportParts {
  readonly environment: string;
  readonly tags: readonly string[];
  readonly costs: AskCosts;
  /** @returns where it can be found */
  readonly keep: (name: string, page: string) => Promise<string>;
  readonly tell: (subject: string, message: string) => Promise<void>;
  readonly now: () => Date;
}

export function reportSteps({ environment, tags, costs, keep, tell, now }: ReportParts): Implementation<typeof costReport> {
  return {
    async showback({ month }) {
      const zone = { zone: 'utc' };
      const of = month === undefined ? DateTime.fromJSDate(now(), zone).minus({ months: 1 }) : DateTime.fromISO(`${month}-01`, zone);
      if (!of.isValid) throw new Error(`${month ?? 'now'} is no month: ${of.invalidExplanation ?? ''}`);
      const showback = await showbackOf(costs, environment, tags, of.startOf('month'));
      if (showback.by.every(({ shares }) => shares.length === 0)) {
        const again = `{ "month": "${showback.month}" }`;
        throw new NoFiguresError(`Cost Explorer has no figures of ${showback.month}: activate it, wait a day, and invoke this again with ${again}.`);
      }
      const report = await keep(`cost/${showback.month}.html`, showbackPage(showback));
      const total = `${showback.totalUsd.toFixed(2)} USD`;
      await tell(`Baton ${environment}: ${showback.month} cost ${total}`, `${showback.month} cost ${total}. By service and tag, with its trend: ${report}`);
      return { month: showback.month, totalUsd: showback.totalUsd, report };
    },
  };
}
