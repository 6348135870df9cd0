/**
 * Cost Explorer: what was spent by day, service and tag, as somebody has put it there: nothing of a rehearsal costs. It answers in
 * us-east-1, splits by at most two keys, and calls what carries no tag by the tag's empty value.
 */
import { AwsError, type OperationHandler, type ServiceModel } from '../cloud/model.ts';

export interface Spending {
  /** yyyy-mm-dd, in UTC. */
  readonly day: string;
  readonly service: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly usd: number;
}
export interface CostExplorer extends ServiceModel {
  spent(...what: readonly Spending[]): void;
  /** Somebody activated them in the account that pays. */
  activate(...tagKeys: readonly string[]): void;
  /** Nothing was spent and no tag activated, as in a new account. */
  forget(): void;
}

interface Group {
  readonly Type: 'DIMENSION' | 'TAG' | 'COST_CATEGORY';
  readonly Key: string;
}
interface Asked {
  readonly TimePeriod: { readonly Start: string; readonly End: string };
  readonly Granularity: string;
  readonly Metrics?: readonly string[];
  readonly GroupBy?: readonly Group[];
  readonly NextPageToken?: string;
}

const endpointRegion = 'us-east-1';
/** AWS says only that there is a most. */
const groupsOfAPage = 1000;

export function costExplorer(): CostExplorer {
  const spendings: Spending[] = [];
  const active = new Set<string>();

  const getCostAndUsage: OperationHandler = ({ TimePeriod: { Start, End }, Granularity, Metrics = [], GroupBy = [], NextPageToken }: Asked, { region }) => {
    if (region !== endpointRegion) throw new AwsError('UnrecognizedClientException', `Cost Explorer answers in ${endpointRegion}, not in ${region}.`);
    const modelled = Granularity === 'DAILY' && Metrics.join() === 'UnblendedCost' && GroupBy.length === 1 && GroupBy[0]?.Type !== 'COST_CATEGORY';
    if (!modelled) throw new AwsError('NotImplemented', 'only unblended costs of days, by one dimension or tag, are modelled', { fault: 'server' });
    if (![Start, End].every((day) => /^\d{4}-\d{2}-\d{2}$/.test(day)) || Start >= End) {
      throw new AwsError('ValidationException', `Start date (and hour) should be before end date (and hour): ${Start}, ${End}`);
    }
    const [group] = GroupBy as readonly [Group];
    const keyOf = ({ service, tags = {} }: Spending): string => {
      if (group.Type === 'TAG') return `${group.Key}$${tags[group.Key] ?? ''}`;
      if (group.Key !== 'SERVICE') throw new AwsError('NotImplemented', `the dimension ${group.Key} is not modelled; SERVICE is`, { fault: 'server' });
      return service;
    };
    const lines = new Map<string, { readonly day: string; readonly key: string; usd: number }>();
    for (const each of spendings.filter(({ day }) => day >= Start && day < End)) {
      const [day, key] = [each.day, keyOf(each)];
      const line = lines.get(`${day} ${key}`) ?? { day, key, usd: 0 };
      line.usd += each.usd;
      lines.set(`${day} ${key}`, line);
    }
    const all = [...lines.values()].toSorted((a, b) => (a.day + a.key < b.day + b.key ? -1 : 1));
    const first = Number(NextPageToken ?? 0);
    const shown = all.slice(first, first + groupsOfAPage);
    const more = first + groupsOfAPage < all.length;
    return {
      GroupDefinitions: GroupBy,
      DimensionValueAttributes: [],
      ResultsByTime: daysFrom(Start, End).map((day) => ({
        TimePeriod: { Start: day, End: dayAfter(day) },
        Total: {},
        Estimated: true,
        Groups: shown.filter((line) => line.day === day).map(({ key, usd }) => ({ Keys: [key], Metrics: { UnblendedCost: { Amount: String(usd), Unit: 'USD' } } })),
      })),
      ...(more && { NextPageToken: String(first + groupsOfAPage) }),
    };
  };

  const listTags: OperationHandler = ({ TagKeys = [], Status }: { TagKeys?: readonly string[]; Status?: string }) => {
    if (Status !== 'Active') throw new AwsError('NotImplemented', 'only tags that are active are listed', { fault: 'server' });
    const listed = TagKeys.filter((key) => active.has(key));
    return { CostAllocationTags: listed.map((TagKey) => ({ TagKey, Status, Type: TagKey.startsWith('aws:') ? 'AWSGenerated' : 'UserDefined' })) };
  };

  return {
    service: 'ce', operations: { GetCostAndUsage: getCostAndUsage, ListCostAllocationTags: listTags }, activate: (...tagKeys) => tagKeys.forEach((key) => active.add(key)),
    spent: (...what) => void spendings.push(...what), forget() {
      spendings.splice(0);
      active.clear();
    },
  };
}

const dayAfter = (day: string): string => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);

function daysFrom(start: string, end: string): readonly string[] {
  const days: string[] = [];
  for (let day = start; day < end; day = dayAfter(day)) days.push(day);
  return days;
}
