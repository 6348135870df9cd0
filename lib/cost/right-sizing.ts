/**
 * Whether database and cache could be a size smaller, by two weeks of CPU and memory in both Regions, and whether anybody uses them. One
 * setting sizes both Regions, for the one that stands by takes over: so it is the busier of the two that has to fit.
 */
import type * as z from 'zod/mini';
import type { rightSizing } from '../contracts/right-sizing.ts';
import type { Implementation } from '../contracts/step.ts';
import { assumptions } from './assumptions.ts';
import { priceOf, type PriceTable } from './price-table.ts';

export interface Asked {
  readonly namespace: string;
  readonly metric: string;
  readonly dimension: readonly [name: string, value: string];
}

/** The largest value of each hour that has one. */
export type AskMetric = (region: string, asked: Asked, from: Date, to: Date) => Promise<readonly number[]>;

export interface RightSizingParts {
  readonly environment: string;
  readonly regions: readonly string[];
  readonly database: { readonly identifier: string; readonly instanceClass: string };
  readonly cache: { readonly name: string; readonly nodeType: string; readonly nodes: number };
  readonly table: PriceTable;
  readonly ask: AskMetric;
  readonly tell: (subject: string, message: string) => Promise<void>;
}

type Finding = z.infer<(typeof rightSizing)['steps']['weekly']['output']>['findings'][number];

interface Size {
  readonly name: string;
  readonly memoryGib: number;
  /** Of its CPU, in per cent: what a burstable one can do for ever, and what leaves another one air. */
  readonly sustainedPercent: number;
}

/** From small to large (EC2 User Guide, "Key concepts for burstable performance instances"; ElastiCache, "Supported node types"). */
const databaseSizes: readonly Size[] = [
  { name: 't4g.micro', memoryGib: 1, sustainedPercent: 10 },
  { name: 't4g.small', memoryGib: 2, sustainedPercent: 20 },
  { name: 't4g.medium', memoryGib: 4, sustainedPercent: 20 },
  { name: 'm7g.large', memoryGib: 8, sustainedPercent: 60 },
];
const cacheSizes: readonly Size[] = [
  { name: 'cache.t4g.micro', memoryGib: 0.5, sustainedPercent: 10 },
  { name: 'cache.t4g.small', memoryGib: 1.37, sustainedPercent: 20 },
  { name: 'cache.m7g.large', memoryGib: 6.38, sustainedPercent: 60 },
];

const days = 14;
const idleHours = 4;
/** Of the hours: less was not measured, but begun lately. */
const coverage = 0.9;
/** Of a smaller one's memory: the rest is for what two weeks did not have. */
const memoryShare = 0.7;
const percentile = 0.95;
const hourMs = 3_600_000;
const gib = 2 ** 30;

export function rightSizingSteps(parts: RightSizingParts): Implementation<typeof rightSizing> {
  return {
    async weekly({ at }) {
      const now = new Date(at);
      const findings = [await databaseFinding(parts, now), await cacheFinding(parts, now)];
      const saving = findings.reduce((sum, { savingUsd }) => sum + (savingUsd ?? 0), 0);
      const inWords = findings.map(({ what, verdict, seen, savingUsd, change }) =>
        [`The ${what}: ${verdict}. ${seen}`, ...(savingUsd === null ? [] : [`It would save ${savingUsd.toFixed(2)} USD a month.`]), ...(change === '' ? [] : [change])].join('\n  '));
      await parts.tell(`Baton ${parts.environment}: ${saving.toFixed(2)} USD a month could be saved`, [...inWords, '', 'Both Regions have the same sizes. What to know before: docs/runbooks/cost.md'].join('\n'));
      return { findings };
    },
  };
}

/** What was measured of some things alike, of all Regions together; undefined of less than two weeks of any of them. */
async function measured({ regions, ask }: RightSizingParts, now: Date, asked: readonly Asked[]): Promise<readonly number[] | undefined> {
  const from = new Date(now.getTime() - days * 24 * hourMs);
  const found = await Promise.all(regions.flatMap((region) => asked.map((each) => ask(region, each, from, now))));
  return found.some((hours) => hours.length < days * 24 * coverage) ? undefined : found.map(highOf);
}

/** So that one hour in twenty may be worse. */
function highOf(hours: readonly number[]): number {
  const sorted = hours.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * percentile) - 1] ?? 0;
}

/** Nobody used it in any Region, hour for hour. */
async function isIdle({ regions, ask }: RightSizingParts, now: Date, asked: readonly Asked[]): Promise<boolean> {
  const from = new Date(now.getTime() - idleHours * hourMs);
  const found = await Promise.all(regions.flatMap((region) => asked.map((each) => ask(region, each, from, now))));
  return found.every((hours) => hours.length >= idleHours && hours.every((used) => used === 0));
}

async function databaseFinding(parts: RightSizingParts, now: Date): Promise<Finding> {
  const { database: { identifier, instanceClass }, table } = parts;
  const of = (metric: string): Asked => ({ namespace: 'AWS/RDS', metric, dimension: ['DBInstanceIdentifier', identifier] });
  if (await isIdle(parts, now, [of('DatabaseConnections')])) return idle('database', 'connected to it');
  const cpu = await measured(parts, now, [of('CPUUtilization')]);
  // The least that was free is the most that was used.
  const own = databaseSizes.find(({ name }) => name === instanceClass);
  const used = await measured({ ...parts, ask: async (...given) => (await parts.ask(...given)).map((free) => (own?.memoryGib ?? 0) - free / gib) }, now, [of('FreeableMemory')]);
  const usd = (size: string): number | undefined => {
    // One Region has it in two zones, the other as a replica in one.
    const prices = parts.regions.map((region, index) => priceOf(table, `rds.postgres.${index === 0 ? 'multi-az' : 'single-az'}.db.${size}`, region)?.usd);
    return prices.reduce<number | undefined>((sum, price) => (sum === undefined || price === undefined ? undefined : sum + price), 0);
  };
  return smaller('database', { sizes: databaseSizes, own, cpu, used, usd, setting: `lib/settings/${parts.environment}.ts: database.instanceClass`, name: instanceClass });
}

async function cacheFinding(parts: RightSizingParts, now: Date): Promise<Finding> {
  const { cache: { name, nodeType, nodes }, table } = parts;
  const all = (metric: string): Asked[] => Array.from({ length: nodes }, (_, index) => ({
    namespace: 'AWS/ElastiCache', metric, dimension: ['CacheClusterId', `${name}-${String(index + 1).padStart(3, '0')}`],
  }));
  if (await isIdle(parts, now, [...all('GetTypeCmds'), ...all('SetTypeCmds')])) return idle('cache', 'read it or wrote to it');
  const own = cacheSizes.find((size) => size.name === nodeType);
  const cpu = await measured(parts, now, all('EngineCPUUtilization'));
  const percent = await measured(parts, now, all('DatabaseMemoryUsagePercentage'));
  const usd = (size: string): number | undefined => {
    const prices = parts.regions.map((region) => priceOf(table, `elasticache.valkey.${size}`, region)?.usd);
    return prices.reduce<number | undefined>((sum, price) => (sum === undefined || price === undefined ? undefined : sum + nodes * price), 0);
  };
  const used = own && percent?.map((each) => (each / 100) * own.memoryGib);
  return smaller('cache', { sizes: cacheSizes, own, cpu, used, usd, setting: `lib/settings/${parts.environment}.ts: cache.nodeType`, name: nodeType });
}

const idle = (what: Finding['what'], used: string): Finding => ({
  what, verdict: 'idle', seen: `Nobody has ${used} for ${idleHours} hours, in either Region: look whether a book is halted.`, savingUsd: null, change: '',
});

interface Sized {
  readonly sizes: readonly Size[];
  readonly own: Size | undefined;
  readonly name: string;
  readonly cpu: readonly number[] | undefined;
  readonly used: readonly number[] | undefined;
  /** An hour of all there are, of a size. */
  readonly usd: (size: string) => number | undefined;
  readonly setting: string;
}

/** The smallest that would do. */
function smaller(what: Finding['what'], { sizes, own, name, cpu, used, usd, setting }: Sized): Finding {
  if (own === undefined) return { what, verdict: 'not measured', seen: `Nobody has said how large ${name} is: add it to lib/cost/right-sizing.ts.`, savingUsd: null, change: '' };
  if (cpu === undefined || used === undefined) return { what, verdict: 'not measured', seen: `There are less than ${days} days of figures.`, savingUsd: null, change: '' };
  const [cpuPercent, usedGib] = [Math.max(...cpu), Math.max(...used)];
  const seen = `${name}: in 95 of 100 hours of ${days} days at most ${cpuPercent.toFixed(1)} % of its CPU and ${usedGib.toFixed(2)} of ${own.memoryGib} GiB.`;
  const found = sizes.slice(0, sizes.indexOf(own)).find(({ memoryGib, sustainedPercent }) => cpuPercent <= sustainedPercent && usedGib <= memoryGib * memoryShare);
  if (found === undefined) return { what, verdict: 'fits', seen, savingUsd: null, change: '' };
  const [before, after] = [usd(own.name), usd(found.name)];
  const savingUsd = before === undefined || after === undefined ? null : (before - after) * assumptions.hours.value;
  return { what, verdict: 'too large', seen, savingUsd, change: `${setting}: '${name}' → '${found.name}'` };
}
