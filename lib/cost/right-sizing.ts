/**
 * Whether database, cache and trading tasks could be smaller, by two weeks of CPU and memory in both Regions, and whether anybody uses them.
 * One setting sizes both Regions, for the one that stands by takes over: so it is the busier of the two that has to fit.
 */
import type * as z from 'zod/mini';
import type { rightSizing } from '../contracts/right-sizing.ts';
import type { Implementation } from '../contracts/step.ts';
import { type TaskSize, tasksPerColour, taskSizes } from '../contracts/task-size.ts';
import { assumptions } from './assumptions.ts';
import { priceOf, type PriceTable } from './price-table.ts';

export interface Asked {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** The largest value of each hour that has one; of what is free, the smallest. */
export type AskMetric = (region: string, asked: Asked, from: Date, to: Date) => Promise<readonly number[]>;

export interface RightSizingParts {
  readonly environment: string;
  /** The one in which the first database is declared comes first. */
  readonly regions: readonly string[];
  readonly database: { readonly identifier: string; readonly instanceClass: string };
  readonly cache: { readonly name: string; readonly nodeType: string; readonly nodes: number };
  readonly cluster: string;
  readonly books: readonly ({ readonly name: string } & TaskSize)[];
  /** Of the first Region. */
  readonly natGateways: readonly string[];
  readonly table: PriceTable;
  readonly ask: AskMetric;
  readonly tell: (subject: string, message: string) => Promise<void>;
}

type Finding = z.infer<(typeof rightSizing)['steps']['weekly']['output']>['findings'][number];

interface Size {
  /** As the settings have it. */
  readonly name: string;
  readonly vcpu: number;
  readonly memoryGib: number;
  /** Of its CPU, in per cent: what a burstable one can do for ever, and what leaves another one air. */
  readonly sustainedPercent: number;
}

/** From small to large (EC2 User Guide, "Key concepts for burstable performance instances"; ElastiCache, "Supported node types"). */
const databaseSizes: readonly Size[] = [
  { name: "'t4g.micro'", vcpu: 2, memoryGib: 1, sustainedPercent: 10 },
  { name: "'t4g.small'", vcpu: 2, memoryGib: 2, sustainedPercent: 20 },
  { name: "'t4g.medium'", vcpu: 2, memoryGib: 4, sustainedPercent: 20 },
  { name: "'m7g.large'", vcpu: 2, memoryGib: 8, sustainedPercent: 60 },
];
const cacheSizes: readonly Size[] = [
  { name: "'cache.t4g.micro'", vcpu: 2, memoryGib: 0.5, sustainedPercent: 10 },
  { name: "'cache.t4g.small'", vcpu: 2, memoryGib: 1.37, sustainedPercent: 20 },
  { name: "'cache.m7g.large'", vcpu: 2, memoryGib: 6.38, sustainedPercent: 60 },
];
const ofTask = ({ vcpu, memoryGb }: TaskSize): string => `{ vcpu: ${vcpu}, memoryGb: ${memoryGb} }`;
/** By their price: a vCPU costs as much as nine GB. */
const sizesOfTasks: readonly Size[] = taskSizes
  .toSorted((a, b) => 9 * a.vcpu + a.memoryGb - (9 * b.vcpu + b.memoryGb))
  .map((size) => ({ name: ofTask(size), vcpu: size.vcpu, memoryGib: size.memoryGb, sustainedPercent: 60 }));

const days = 14;
const idleHours = 4;
/** Of the hours: less was not measured, but begun lately. */
const coverage = 0.9;
/** Of a smaller one's memory: the rest is for what two weeks did not have. */
const memoryShare = 0.7;
const percentile = 0.95;
const hourMs = 3_600_000;
const gib = 2 ** 30;
/** Of its CPU, in per cent: a guard that renews and a trader that quotes take more. */
const idleTaskPercent = 1;

/** Something whose size is a setting. */
interface Sized {
  readonly what: string;
  readonly sizes: readonly Size[];
  readonly own: string;
  readonly setting: string;
  /** An hour of all that there are in both Regions, of a size. */
  readonly usd: (size: Size) => number | undefined;
  /** What nobody uses has no more of these in any hour. */
  readonly use: { readonly asked: readonly Asked[]; readonly atMost: number; readonly inWords: string };
  readonly cpu: readonly Asked[];
  readonly memory: { readonly asked: readonly Asked[]; readonly usedGib: (figure: number, own: Size) => number };
  /** What to do with an idle one, when that is not to make it as small as can be: then it saves all of it. */
  readonly whenIdle?: string;
}

export function rightSizingSteps(parts: RightSizingParts): Implementation<typeof rightSizing> {
  return {
    async weekly({ at }) {
      // Whole hours: of one that has begun there is no figure yet, or half a one.
      const now = new Date(Math.floor(Date.parse(at) / hourMs) * hourMs);
      const things = [databaseOf(parts), cacheOf(parts), ...parts.books.map((book) => tasksOf(parts, book))];
      const findings = [...await Promise.all(things.map((each) => judged(parts, now, each))), await gatewaysOf(parts, now)];
      const saving = findings.reduce((sum, { savingUsd }) => sum + (savingUsd ?? 0), 0);
      const inWords = findings.map(({ what, verdict, seen, savingUsd, change }) =>
        [`The ${what}: ${verdict}. ${seen}`, ...(savingUsd === null ? [] : [`It would save ${savingUsd.toFixed(2)} USD a month.`]), ...(change === '' ? [] : [change])].join('\n  '));
      await parts.tell(`Baton ${parts.environment}: ${saving.toFixed(2)} USD a month could be saved`, [...inWords, '', 'Both Regions have the same sizes. What to know before: docs/runbooks/cost.md'].join('\n'));
      return { findings };
    },
  };
}

const settingsOf = ({ environment }: RightSizingParts): string => `lib/settings/${environment}.ts`;

/** The price of an hour in each Region, all together; undefined where one of them has none. */
function summed(prices: readonly (number | undefined)[]): number | undefined {
  return prices.reduce<number | undefined>((sum, price) => (sum === undefined || price === undefined ? undefined : sum + price), 0);
}

const plain = (name: string): string => name.replaceAll("'", '');

function databaseOf(parts: RightSizingParts): Sized {
  const { database: { identifier, instanceClass }, regions, table } = parts;
  const of = (metric: string): Asked[] => [{ namespace: 'AWS/RDS', metric, dimensions: { DBInstanceIdentifier: identifier } }];
  return {
    what: 'database', sizes: databaseSizes, own: `'${instanceClass}'`, setting: `${settingsOf(parts)}: database.instanceClass`,
    // One Region has it in two zones, the other as a replica in one.
    usd: ({ name }) => summed(regions.map((region, index) => priceOf(table, `rds.postgres.${index === 0 ? 'multi-az' : 'single-az'}.db.${plain(name)}`, region)?.usd)),
    use: { asked: of('DatabaseConnections'), atMost: 0, inWords: 'been connected to it' },
    cpu: of('CPUUtilization'),
    // The least that was free is the most that was used.
    memory: { asked: of('FreeableMemory'), usedGib: (free, own) => own.memoryGib - free / gib },
  };
}

function cacheOf(parts: RightSizingParts): Sized {
  const { cache: { name, nodeType, nodes }, regions, table } = parts;
  const all = (metric: string): Asked[] => Array.from({ length: nodes }, (_, index) => ({
    namespace: 'AWS/ElastiCache', metric, dimensions: { CacheClusterId: `${name}-${String(index + 1).padStart(3, '0')}` },
  }));
  return {
    what: 'cache', sizes: cacheSizes, own: `'${nodeType}'`, setting: `${settingsOf(parts)}: cache.nodeType`,
    usd: (size) => summed(regions.flatMap((region) => Array<number | undefined>(nodes).fill(priceOf(table, `elasticache.valkey.${plain(size.name)}`, region)?.usd))),
    use: { asked: [...all('GetTypeCmds'), ...all('SetTypeCmds')], atMost: 0, inWords: 'read it or written to it' },
    cpu: all('EngineCPUUtilization'),
    memory: { asked: all('DatabaseMemoryUsagePercentage'), usedGib: (percent, own) => (percent / 100) * own.memoryGib },
  };
}

function tasksOf(parts: RightSizingParts, { name, ...size }: RightSizingParts['books'][number]): Sized {
  const { cluster, regions, table } = parts;
  // Of the task that used most of it (ECS, "Service utilization metrics").
  const of = (metric: string): Asked[] => [{ namespace: 'AWS/ECS', metric, dimensions: { ClusterName: cluster, ServiceName: `${cluster}-${name}` } }];
  const usd = ({ vcpu, memoryGib }: Size): number | undefined =>
    summed(regions.map((region, index) => {
      const tasks = index === 0 ? tasksPerColour : Math.ceil(tasksPerColour * assumptions.standbyTasks.value);
      const [perVcpu, perGb] = [priceOf(table, 'fargate.x86.vcpu', region)?.usd, priceOf(table, 'fargate.x86.memory', region)?.usd];
      return perVcpu === undefined || perGb === undefined ? undefined : tasks * (vcpu * perVcpu + memoryGib * perGb);
    }));
  return {
    what: `tasks of ${name}`, sizes: sizesOfTasks, own: ofTask(size), setting: `${settingsOf(parts)}: books, '${name}': task`, usd,
    use: { asked: of('CPUUtilization'), atMost: idleTaskPercent, inWords: 'had them compute anything' },
    cpu: of('CPUUtilization'),
    memory: { asked: of('MemoryUtilization'), usedGib: (percent, own) => (percent / 100) * own.memoryGib },
    whenIdle: `${settingsOf(parts)}: books: without '${name}', once it is halted`,
  };
}

type Hours = readonly (readonly number[])[];

/** Of all Regions together. */
async function measured({ regions, ask }: RightSizingParts, now: Date, hours: number, asked: readonly Asked[]): Promise<Hours> {
  const from = new Date(now.getTime() - hours * hourMs);
  return Promise.all(regions.flatMap((region) => asked.map((each) => ask(region, each, from, now))));
}

/** Nobody used it, hour for hour. */
const isIdle = (found: Hours, atMost: number): boolean => found.every((hours) => hours.length >= idleHours && hours.every((used) => used <= atMost));

/** The smallest that would do. */
async function judged(parts: RightSizingParts, now: Date, thing: Sized): Promise<Finding> {
  const { what, sizes, setting, use, usd } = thing;
  const own = sizes.find(({ name }) => name === thing.own);
  const change = (to: Size): string => `${setting}: ${thing.own} → ${to.name}`;
  const saving = (to: Size): number | null => monthly(own && usd(own), usd(to));
  if (isIdle(await measured(parts, now, idleHours, use.asked), use.atMost)) {
    const seen = `Nobody has ${use.inWords} for ${idleHours} hours, in either Region: look whether a book is halted.`;
    if (thing.whenIdle !== undefined) return { what, verdict: 'idle', seen, savingUsd: monthly(own && usd(own), 0), change: thing.whenIdle };
    const [least] = sizes;
    return { what, verdict: 'idle', seen, ...(own === undefined || least === undefined || least === own ? { savingUsd: null, change: '' } : { savingUsd: saving(least), change: change(least) }) };
  }
  const without = (why: string): Finding => ({ what, verdict: 'not measured', seen: why, savingUsd: null, change: '' });
  if (own === undefined) return without(`Nobody has said how large ${plain(thing.own)} is: add it to lib/cost/right-sizing.ts.`);
  const [cpu, memory] = await Promise.all([thing.cpu, thing.memory.asked].map((asked) => measured(parts, now, days * 24, asked)));
  const isWhole = (found: Hours = []): boolean => found.every((hours) => hours.length >= days * 24 * coverage);
  if (!isWhole(cpu) || !isWhole(memory)) return without(`There are less than ${days} days of figures.`);
  const cpuPercent = highOf(cpu);
  const usedGib = highOf(memory?.map((hours) => hours.map((figure) => thing.memory.usedGib(figure, own))));
  const seen = `${plain(own.name)}: in 95 of 100 hours of ${days} days at most ${cpuPercent.toFixed(1)} % of its CPU and ${usedGib.toFixed(2)} of ${own.memoryGib} GiB.`;
  const fits = ({ vcpu, memoryGib, sustainedPercent }: Size): boolean =>
    cpuPercent * (own.vcpu / vcpu) <= sustainedPercent && usedGib <= memoryGib * memoryShare;
  const found = sizes.slice(0, sizes.indexOf(own)).find(fits);
  return found === undefined ? { what, verdict: 'fits', seen, savingUsd: null, change: '' } : { what, verdict: 'too large', seen, savingUsd: saving(found), change: change(found) };
}

/** The busiest, where one hour in twenty may be worse. */
function highOf(found: Hours = []): number {
  return Math.max(...found.map((hours) => hours.toSorted((a, b) => a - b)[Math.ceil(hours.length * percentile) - 1] ?? 0));
}

function monthly(before: number | undefined, after: number | undefined): number | null {
  return before === undefined || after === undefined ? null : (before - after) * assumptions.hours.value;
}

/** They have no size: one through which nothing goes is one too many. The other Region's are as many, and wait. */
async function gatewaysOf(parts: RightSizingParts, now: Date): Promise<Finding> {
  const { natGateways, regions, table } = parts;
  const what = 'NAT gateways';
  const here = { ...parts, regions: regions.slice(0, 1) };
  const sent = (id: string): Asked => ({ namespace: 'AWS/NATGateway', metric: 'BytesOutToDestination', dimensions: { NatGatewayId: id } });
  const found = await Promise.all(natGateways.map(async (id) => ({ id, isIdle: isIdle(await measured(here, now, idleHours, [sent(id)]), 0) })));
  const idle = found.filter((each) => each.isIdle).map(({ id }) => id);
  if (idle.length === 0) return { what, verdict: 'fits', seen: `Each of ${natGateways.length} is used.`, savingUsd: null, change: '' };
  const seen = `Nothing has left through ${idle.join(', ')} for ${idleHours} hours.`;
  // One has to stay: what trades leaves through it.
  const to = Math.max(1, natGateways.length - idle.length);
  if (to === natGateways.length) return { what, verdict: 'idle', seen, savingUsd: null, change: '' };
  const each = summed(regions.flatMap((region) => [priceOf(table, 'nat.gateway', region)?.usd, priceOf(table, 'vpc.address', region)?.usd]));
  return {
    what, verdict: 'idle', seen, savingUsd: monthly(each && each * natGateways.length, each && each * to),
    change: `${settingsOf(parts)}: network.natGateways: ${natGateways.length} → ${to}`,
  };
}
