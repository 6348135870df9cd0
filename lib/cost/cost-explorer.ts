/**
 * What AWS says was spent, by day and group, from Cost Explorer. Its figures are 8 to 12 hours old, a tag counts from the day on
 * which it was activated, and each page that is asked for costs a cent.
 */
import { type CostExplorerClient, GetCostAndUsageCommand, type GroupDefinition } from '@aws-sdk/client-cost-explorer';
import type { DateTime } from 'luxon';

/** Cost Explorer answers in one Region, for all. */
export const costExplorerRegion = 'us-east-1';

/** `SERVICE`, or the key of a tag. */
export type Dimension = 'SERVICE' | { readonly tag: string };

export interface DayOfCosts {
  /** yyyy-mm-dd, in UTC. */
  readonly day: string;
  /** By the group's value: a service's name, or what stands under the tag; the empty text is what carries none. */
  readonly usd: ReadonlyMap<string, number>;
}

/** @param until the first day that is not asked for */
export type AskCosts = (dimension: Dimension, from: DateTime<true>, until: DateTime<true>) => Promise<readonly DayOfCosts[]>;

/** Of a group a day there is a line: this is some thousands of each, and beyond it somebody splits by what has no end. */
const pagesMax = 20;

export function costExplorer(client: CostExplorerClient): AskCosts {
  return async (dimension, from, until) => {
    const group: GroupDefinition = dimension === 'SERVICE' ? { Type: 'DIMENSION', Key: 'SERVICE' } : { Type: 'TAG', Key: dimension.tag };
    const days = new Map<string, Map<string, number>>();
    let token: string | undefined;
    for (let page = 0; page < pagesMax; page += 1) {
      const { ResultsByTime = [], NextPageToken } = await client.send(new GetCostAndUsageCommand({
        TimePeriod: { Start: from.toISODate(), End: until.toISODate() },
        Granularity: 'DAILY', Metrics: ['UnblendedCost'], GroupBy: [group], ...(token !== undefined && { NextPageToken: token }),
      }));
      for (const { TimePeriod, Groups = [] } of ResultsByTime) {
        const day = TimePeriod?.Start ?? '';
        const groups = days.get(day) ?? new Map<string, number>();
        days.set(day, groups);
        for (const { Keys: [key = ''] = [], Metrics } of Groups) {
          // Of a tag AWS answers `Book$alpha`, and `Book$` for what carries none.
          const value = dimension === 'SERVICE' ? key : key.slice(key.indexOf('$') + 1);
          groups.set(value, (groups.get(value) ?? 0) + Number(Metrics?.['UnblendedCost']?.Amount ?? 0));
        }
      }
      if (NextPageToken === undefined) return [...days].map(([day, usd]) => ({ day, usd })).toSorted((a, b) => a.day.localeCompare(b.day));
      token = NextPageToken;
    }
    throw new Error(`Cost Explorer has more than ${pagesMax} pages by ${JSON.stringify(dimension)}: ask for less.`);
  };
}
