/**
 * What rose since last month: the days of this month that are over, beside as many of the month before, by service and by each
 * tag. What is likely behind it is known of the services that this system uses; of others only the name is.
 */
import type { DateTime } from 'luxon';
import type { AskCosts, DayOfCosts, Dimension } from './cost-explorer.ts';

export interface Rise {
  /** `SERVICE`, or the key of a tag. */
  readonly by: string;
  /** Empty: what carries no such tag. */
  readonly value: string;
  readonly beforeUsd: number;
  readonly nowUsd: number;
}

/** A smaller one is noise. */
const leastUsd = 1;
const mostOfEach = 3;

export interface Risen {
  /** The largest first, the services before the tags. */
  readonly rises: readonly Rise[];
  /** What could not be told, as a sentence for each. */
  readonly unknown: readonly string[];
}

/** Asks for one dimension after the other: what one of them cannot say is no reason to leave out the rest. */
export async function whatRose(ask: AskCosts, tags: readonly string[], month: DateTime<true>, now: DateTime<true>): Promise<Risen> {
  const rises: Rise[] = [];
  const unknown: string[] = [];
  const { from, beforeUntil, since, until } = daysToCompare(month, now);
  const dimensions: readonly Dimension[] = ['SERVICE', ...tags.map((tag) => ({ tag }))];
  for (const dimension of dimensions) {
    const by = dimension === 'SERVICE' ? 'SERVICE' : dimension.tag;
    try {
      const days = await ask(dimension, from, until);
      const before = sum(days, (day) => day < beforeUntil);
      const thisMonth = sum(days, (day) => day >= since);
      if (before.size + thisMonth.size === 0) {
        unknown.push(`Cost Explorer has no figures by ${inWords(by)} yet.`);
        continue;
      }
      const risen = [...thisMonth].map(([value, nowUsd]) => ({ by, value, nowUsd, beforeUsd: before.get(value) ?? 0 }));
      const worthIt = risen.filter((rise) => byHowMuch(rise) >= leastUsd).toSorted((a, b) => byHowMuch(b) - byHowMuch(a));
      rises.push(...worthIt.slice(0, mostOfEach));
    } catch (error) {
      unknown.push(`Cost Explorer did not say what rose by ${inWords(by)}: ${(error as Error).name}.`);
    }
  }
  return { rises, unknown };
}

const byHowMuch = ({ nowUsd, beforeUsd }: Rise): number => nowUsd - beforeUsd;
const inWords = (by: string): string => (by === 'SERVICE' ? 'service' : `the tag ${by}`);

interface Compared {
  readonly from: DateTime<true>;
  /** Of the month before, the first day that does not count. */
  readonly beforeUntil: string;
  /** The first day of the month itself. */
  readonly since: string;
  readonly until: DateTime<true>;
}

/** A month that is not over is compared with as many days; on its first day the month before it is, with the one before that. */
function daysToCompare(month: DateTime<true>, now: DateTime<true>): Compared {
  const today = now.toUTC().startOf('day');
  const of = today <= month ? month.minus({ months: 1 }) : month;
  const next = of.plus({ months: 1 });
  const until = today < next ? today : next;
  const from = of.minus({ months: 1 });
  const days = until.diff(of, 'days').days;
  const isWhole = until >= next;
  const beforeUntil = isWhole || from.plus({ days }) > of ? of : from.plus({ days });
  return { from, beforeUntil: beforeUntil.toISODate(), since: of.toISODate(), until };
}

function sum(days: readonly DayOfCosts[], counts: (day: string) => boolean): Map<string, number> {
  const whole = new Map<string, number>();
  for (const { usd } of days.filter(({ day }) => counts(day))) {
    for (const [value, each] of usd) whole.set(value, (whole.get(value) ?? 0) + each);
  }
  return whole;
}

interface Cause {
  /** Of the service, as Cost Explorer names it. */
  readonly service: RegExp;
  readonly likely: string;
  readonly todo: string;
}

/** The table of docs/cost.md. */
const causes: readonly Cause[] = [
  {
    service: /DynamoDB/, likely: 'the journal: a book sends more orders than it did, or nobody has pruned it',
    todo: 'look at its orders a second; prune what the ledger has',
  },
  {
    service: /Container Service|Fargate/, likely: 'a second colour that nobody retired, or a book that was added',
    todo: 'look at the task sets of the service; a colour is retired by its cutover or rollback',
  },
  {
    service: /^EC2 - Other|Virtual Private Cloud/, likely: 'what goes through the NAT gateways, which is charged by the GB',
    todo: 'look at the flow logs, by destination',
  },
  {
    service: /CloudWatch/, likely: 'a bot that logs too much, or metrics of a task definition that is registered often',
    todo: 'look at the log groups by bytes ingested',
  },
  {
    service: /Relational Database/, likely: 'storage or snapshots; a database that a failback or a restore left beside the one in use',
    todo: 'look at instances and snapshots by age',
  },
  { service: /ElastiCache/, likely: 'snapshots, or a node that was added', todo: 'look at the nodes and snapshots of the replication groups' },
  { service: /Backup/, likely: 'copies that are kept for longer, or a restore that nobody removed', todo: 'look at the recovery points by age' },
];

/** For people: what is likely behind a rise, and what to do; undefined of what nobody has written anything about. */
export function likelyCause({ by, value }: Rise): Pick<Cause, 'likely' | 'todo'> | undefined {
  return by === 'SERVICE' ? causes.find(({ service }) => service.test(value)) : undefined;
}
