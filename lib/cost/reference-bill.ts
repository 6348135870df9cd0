/**
 * The bill that the sources of the requirements state for one Region, 307 USD a month, beside ours: row by row, and every
 * difference explained, so that the explanations add up to it.
 */
import type { Line } from './estimate.ts';
import { total } from './estimate.ts';
import type { BillRow } from './resources.ts';

interface Part {
  readonly why: string;
  readonly of: (line: Line) => boolean;
  /** What the sources have for it. */
  readonly theirsUsd?: number;
}
interface SourceRow {
  readonly row: BillRow;
  readonly what: string;
  readonly usd: number;
  readonly parts: readonly Part[];
  /** What explains the rest. */
  readonly rest: string;
}

const named = (what: string) => (line: Line): boolean => line.what === what;
const asked = (requirement: Line['requirement']) => (line: Line): boolean => line.requirement === requirement;
const warm: Part = { why: 'two colours at once during cutovers (R7)', of: ({ what }) => what.startsWith('colour kept warm') };

const sources: readonly SourceRow[] = [
  {
    row: 'tasks', what: 'two Fargate tasks', usd: 60,
    parts: [{ why: 'canaries of books (R8)', of: asked('a canary of a book') }, warm],
    rest: 'two tasks of 1 vCPU and 2 GB on x86 cost 72 at list price; 58 on ARM, on which the trader image would have to run',
  },
  {
    row: 'nat', what: 'NAT', usd: 60,
    parts: [
      { why: 'public IPv4 addresses, charged for since February 2024', of: named('public IPv4 address') },
      { why: 'data through them', of: named('data through it') },
    ],
    rest: 'the gateways at list price, 33 each',
  },
  {
    row: 'database', what: 'RDS, its storage', usd: 72,
    parts: [{ why: 'gp3 storage in both zones, as much as is required (R4): the sources have 2 USD for it', of: ({ unit }) => unit === 'GB-month', theirsUsd: 2 }],
    rest: 'the instance class of the settings in two zones, for which the sources have 70 USD',
  },
  { row: 'replica', what: 'read replica', usd: 35, parts: [], rest: 'of the class of the writing database, for it takes over (R10); without a standby Region there is none' },
  {
    row: 'cache', what: 'cache', usd: 15,
    parts: [{ why: 'a replica to fail over to (R5)', of: asked('a cache that fails over by itself') }],
    rest: 'the node type of the settings instead of what 15 buys',
  },
  { row: 'storage', what: 'storage', usd: 17, parts: [], rest: 'few images and reports; of backups and snapshots what exceeds the database, and a vault of 40 GB' },
  { row: 'transfer', what: 'transfer and DNS', usd: 46, parts: [], rest: 'nothing comes in, so no load balancer and no zone; DynamoDB and S3 by gateway endpoints, which are free' },
  { row: 'secrets', what: 'secrets', usd: 2, parts: [], rest: 'the master of the database and each of its roles, the cache, two for each book' },
];

/** What the sources' bill does not have. */
const oursAlone: Readonly<Record<string, string>> = {
  DynamoDB: 'lease and journal of every book (R2, R34): no order twice, none lost with a Region',
  CloudWatch: 'logs, alarms, metrics of every task (R15, R16, R18), which the sources leave to a paid APM',
  KMS: 'keys of our own for data, exchange keys and notices (R25)',
  Lambda: 'what decides for the workflows (R7)',
  'Step Functions': 'the workflows (R7, R9)',
  SNS: 'notices',
  'NAT and addresses': 'an endpoint into the network that leads nowhere else, in which backups are proved (R12)',
};

export interface Compared {
  readonly what: string;
  readonly theirsUsd: number;
  readonly oursUsd: number;
  /** They add up to the difference. */
  readonly because: readonly { readonly why: string; readonly usd: number }[];
}

/** @param lines of the Region that the bill is of, and the read replica of its database wherever it is */
export function compareWithReference(lines: readonly Line[]): readonly Compared[] {
  const rows = sources.map(({ row, what, usd, parts, rest }): Compared => {
    const own = lines.filter(({ bill }) => bill === row);
    const because = parts.map(({ why, of, theirsUsd = 0 }) => ({ why, usd: total(own.filter(of)) - theirsUsd }));
    const left = total(own) - usd - because.reduce((sum, part) => sum + part.usd, 0);
    return { what, theirsUsd: usd, oursUsd: total(own), because: [...because, { why: rest, usd: left }] };
  });
  const services = [...new Set(lines.filter(({ bill }) => bill === undefined).map(({ service }) => service))];
  const ours = services.map((service): Compared => {
    const usd = total(lines.filter((line) => line.bill === undefined && line.service === service));
    return { what: service, theirsUsd: 0, oursUsd: usd, because: [{ why: oursAlone[service] ?? 'the sources have nothing like it', usd }] };
  });
  return [...rows, ...ours.toSorted((a, b) => b.oursUsd - a.oursUsd)];
}

/** Whose bill theirs is. */
export const referenceEnvironment = 'production';

/** What an environment is to cost at the most, in one Region. */
export const targetsUsd: Readonly<Record<string, number>> = { dev: 100, production: 307 };
