/** What is too large, by figures of two weeks: which smaller size would do, what it saves, and when nothing is said. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type TaskSize, taskSizes } from '../../lib/contracts/task-size.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { type Asked, rightSizingSteps } from '../../lib/cost/right-sizing.ts';

const gib = 2 ** 30;
const hours = 14 * 24;
const at = '2026-11-23T07:00:00Z';

/** What was measured, by metric: in each hour, the last of which is the newest. */
type Figures = Readonly<Record<string, (hour: number, region: string, of: string) => number | undefined>>;
const usual: Figures = {
  CPUUtilization: () => 5, FreeableMemory: () => 3.5 * gib, DatabaseConnections: () => 10,
  'AWS/ECS CPUUtilization': () => 40, MemoryUtilization: () => 60, BytesOutToDestination: () => 1e6,
  EngineCPUUtilization: () => 3, DatabaseMemoryUsagePercentage: () => 10, GetTypeCmds: () => 100, SetTypeCmds: () => 100,
};

async function found(figures: Figures = {}, sizes: { readonly instanceClass?: string; readonly nodeType?: string; readonly task?: TaskSize; readonly natGateways?: readonly string[] } = {}) {
  const all = { ...usual, ...figures };
  const messages: { readonly subject: string; readonly message: string }[] = [];
  const { instanceClass = 't4g.medium', nodeType = 'cache.t4g.small', task = { vcpu: 1, memoryGb: 2 }, natGateways = ['nat-a', 'nat-b'] } = sizes;
  const steps = rightSizingSteps({
    environment: 'staging', regions: ['us-east-1', 'us-west-2'], database: { identifier: 'baton-staging', instanceClass },
    cache: { name: 'baton-staging', nodeType, nodes: 2 },
    cluster: 'baton-staging', books: [{ name: 'alpha', ...task }], natGateways, table: loadPriceTable(),
    async ask(region: string, { namespace, metric, dimensions }: Asked, from: Date, to: Date) {
      const asked = Math.round((to.getTime() - from.getTime()) / 3_600_000);
      return Array.from({ length: asked }, (_, index) => (all[`${namespace} ${metric}`] ?? all[metric])?.(hours - asked + index, region, Object.values(dimensions).at(-1) ?? '')).filter((value) => value !== undefined);
    },
    tell: async (subject, message) => void messages.push({ subject, message }),
  });
  const { findings: [database, cache, tasks, gateways] } = await steps.weekly({ at });
  return { database, cache, tasks, gateways, told: messages[0] };
}

describe('the database', () => {
  test('that is bored could be as small as holds what it uses, in both Regions', async () => {
    const { database } = await found();
    // 730 h × (0.13 in two zones + 0.065 in one), less 0.032 and 0.016; half a GiB is used.
    expect(database).toEqual({
      what: 'database', verdict: 'too large', seen: 't4g.medium: in 95 of 100 hours of 14 days at most 5.0 % of its CPU and 0.50 of 4 GiB.',
      savingUsd: expect.closeTo(730 * (0.13 + 0.065 - 0.032 - 0.016), 6), change: "lib/settings/staging.ts: database.instanceClass: 't4g.medium' → 't4g.micro'",
    });
  });

  test.each<[string, Figures, string | undefined]>([
    ['more CPU than the smallest sustains', { CPUUtilization: () => 15 }, 't4g.small'],
    ['more than a smaller one sustains', { CPUUtilization: () => 21 }, undefined],
    ['one hour in twenty-one is worse', { CPUUtilization: (hour) => (hour % 21 === 0 ? 99 : 5) }, 't4g.micro'],
    ['one in ten is', { CPUUtilization: (hour) => (hour % 10 === 0 ? 99 : 5) }, undefined],
    ['more memory than the smallest has to spare', { FreeableMemory: () => 3.2 * gib }, 't4g.small'],
    ['more than a smaller one has', { FreeableMemory: () => 2 * gib }, undefined],
    ['the other Region is busier', { CPUUtilization: (_, region) => (region === 'us-west-2' ? 50 : 5) }, undefined],
  ])('%s', async (_, figures, size) => {
    const { database } = await found(figures);
    expect([database?.verdict, database?.change]).toEqual(
      size === undefined ? ['fits', ''] : ['too large', `lib/settings/staging.ts: database.instanceClass: 't4g.medium' → '${size}'`]);
  });

  test('that is there for less than two weeks, in one of the Regions, is not judged', async () => {
    const { database } = await found({ FreeableMemory: (hour, region) => (region === 'us-west-2' && hour < 50 ? undefined : 3.5 * gib) });
    expect(database).toMatchObject({ verdict: 'not measured', seen: 'There are less than 14 days of figures.', savingUsd: null });
  });

  test('that is the smallest fits, and one of a size that nobody wrote down is named', async () => {
    expect((await found({ FreeableMemory: () => 0.9 * gib }, { instanceClass: 't4g.micro' })).database).toMatchObject({ verdict: 'fits', change: '' });
    expect((await found({}, { instanceClass: 'x9.huge' })).database).toMatchObject({ verdict: 'not measured', seen: expect.stringContaining('how large x9.huge is') });
  });

  test('that nobody was connected to for four hours is idle; for three, or where nothing was measured, it is not', async () => {
    expect((await found({ DatabaseConnections: (hour) => (hour >= hours - 4 ? 0 : 9) })).database).toMatchObject({
      verdict: 'idle', savingUsd: expect.closeTo(107.31, 6), change: "lib/settings/staging.ts: database.instanceClass: 't4g.medium' → 't4g.micro'",
    });
    expect((await found({ DatabaseConnections: () => 0 }, { instanceClass: 't4g.micro' })).database).toMatchObject({ verdict: 'idle', savingUsd: null, change: '' });
    expect((await found({ DatabaseConnections: (hour) => (hour >= hours - 3 ? 0 : 9) })).database?.verdict).toBe('too large');
    expect((await found({ DatabaseConnections: () => undefined })).database?.verdict).toBe('too large');
    expect((await found({ DatabaseConnections: (_, region) => (region === 'us-west-2' ? 0 : 9) })).database?.verdict).toBe('too large');
  });
});

describe('the cache', () => {
  test('that is bored could be smaller, each of its nodes in both Regions', async () => {
    expect((await found()).cache).toMatchObject({
      verdict: 'too large', savingUsd: expect.closeTo(730 * 2 * 2 * (0.0256 - 0.0128), 6), change: "lib/settings/staging.ts: cache.nodeType: 'cache.t4g.small' → 'cache.t4g.micro'",
    });
  });

  test('that is full fits, and one that nobody reads or writes is idle', async () => {
    expect((await found({ DatabaseMemoryUsagePercentage: () => 60 })).cache).toMatchObject({ verdict: 'fits', savingUsd: null });
    expect((await found({ GetTypeCmds: () => 0, SetTypeCmds: () => 0 })).cache?.verdict).toBe('idle');
    expect((await found({ GetTypeCmds: () => 0 })).cache?.verdict).toBe('too large');
  });
});

describe('the tasks of a book', () => {
  // Two at home, one in the other Region: 3 × 730 h × (0.04048 a vCPU + 0.004445 a GB).
  const usdOf = ({ vcpu, memoryGb }: TaskSize): number => 3 * 730 * (0.04048 * vcpu + 0.004445 * memoryGb);

  test('that are bored could be smaller, with what all of them would save', async () => {
    const { tasks } = await found({ 'AWS/ECS CPUUtilization': () => 8, MemoryUtilization: () => 20 });
    expect(tasks).toEqual({
      what: 'tasks of alpha', verdict: 'too large', seen: '{ vcpu: 1, memoryGb: 2 }: in 95 of 100 hours of 14 days at most 8.0 % of its CPU and 0.40 of 2 GiB.',
      savingUsd: expect.closeTo(usdOf({ vcpu: 1, memoryGb: 2 }) - usdOf({ vcpu: 0.25, memoryGb: 1 }), 6),
      change: "lib/settings/staging.ts: books, 'alpha': task: { vcpu: 1, memoryGb: 2 } → { vcpu: 0.25, memoryGb: 1 }",
    });
  });

  test.each<[string, Figures, string | undefined]>([
    ['as much CPU as three fifths of a half', { 'AWS/ECS CPUUtilization': () => 30, MemoryUtilization: () => 30 }, '{ vcpu: 0.5, memoryGb: 1 }'],
    ['more than that', { 'AWS/ECS CPUUtilization': () => 30.1, MemoryUtilization: () => 30 }, undefined],
    ['more memory than half has to spare', { 'AWS/ECS CPUUtilization': () => 10, MemoryUtilization: () => 40 }, '{ vcpu: 0.25, memoryGb: 2 }'],
    ['the one in the other Region is busier', { 'AWS/ECS CPUUtilization': (_, region) => (region === 'us-west-2' ? 50 : 5), MemoryUtilization: () => 20 }, undefined],
    ['one hour in ten is worse', { 'AWS/ECS CPUUtilization': (hour) => (hour % 10 === 0 ? 99 : 5), MemoryUtilization: () => 20 }, undefined],
  ])('%s', async (_, figures, size) => {
    const { tasks } = await found(figures);
    expect([tasks?.verdict, tasks?.change]).toEqual(
      size === undefined ? ['fits', ''] : ['too large', `lib/settings/staging.ts: books, 'alpha': task: { vcpu: 1, memoryGb: 2 } → ${size}`]);
  });

  test('what is told is a size that Fargate has, is cheaper, and has room for what was used', async () => {
    await fc.assert(fc.asyncProperty(fc.constantFrom(...taskSizes), fc.integer({ min: 2, max: 100 }), fc.integer({ min: 1, max: 100 }), async (task, cpu, memory) => {
      const { tasks } = await found({ 'AWS/ECS CPUUtilization': () => cpu, MemoryUtilization: () => memory }, { task });
      const [, vcpu, memoryGb] = (/→ \{ vcpu: (\S+), memoryGb: (\S+) \}/.exec(tasks?.change ?? '') ?? []).map(Number);
      // Not at the very edge, where two ways to reckon may differ.
      const enough = ({ vcpu: v, memoryGb: gb }: TaskSize, edge: number): boolean => (cpu * task.vcpu) / v <= 60 + edge && (memory / 100) * task.memoryGb <= 0.7 * gb + edge;
      const cheaper = taskSizes.filter((size) => usdOf(size) < usdOf(task) - 1e-9 && enough(size, -1e-9));
      if (vcpu === undefined || memoryGb === undefined) {
        expect(cheaper).toEqual([]);
        return;
      }
      const least = Math.min(...cheaper.map(usdOf));
      expect(enough({ vcpu, memoryGb }, 1e-9)).toBe(true);
      expect(taskSizes).toContainEqual({ vcpu, memoryGb });
      // A vCPU costs nine GB and a little more.
      expect(usdOf({ vcpu, memoryGb })).toBeLessThan(least * 1.01);
      expect(tasks?.savingUsd).toBeCloseTo(usdOf(task) - usdOf({ vcpu, memoryGb }), 6);
    }), { numRuns: 200 });
  });

  test('that compute nothing for four hours are idle, and would save all that they cost', async () => {
    expect((await found({ 'AWS/ECS CPUUtilization': (hour) => (hour >= hours - 4 ? 0.4 : 40) })).tasks).toMatchObject({
      verdict: 'idle', savingUsd: expect.closeTo(usdOf({ vcpu: 1, memoryGb: 2 }), 6), change: "lib/settings/staging.ts: books: without 'alpha', once it is halted",
    });
    expect((await found({ 'AWS/ECS CPUUtilization': (hour) => (hour >= hours - 3 ? 0.4 : 40) })).tasks?.verdict).toBe('fits');
  });

  test('that run for less than two weeks are not judged', async () => {
    expect((await found({ MemoryUtilization: (hour) => (hour < 60 ? undefined : 20) })).tasks?.verdict).toBe('not measured');
  });
});

describe('the NAT gateways', () => {
  test('one through which nothing went for four hours is one too many, in both Regions', async () => {
    expect((await found({ BytesOutToDestination: (_, __, id) => (id === 'nat-b' ? 0 : 1e6) })).gateways).toEqual({
      what: 'NAT gateways', verdict: 'idle', seen: 'Nothing has left through nat-b for 4 hours.', savingUsd: expect.closeTo(2 * 730 * (0.045 + 0.005), 6),
      change: 'lib/settings/staging.ts: network.natGateways: 2 → 1',
    });
  });

  test('one has to stay, and what is used is used', async () => {
    expect((await found({ BytesOutToDestination: () => 0 })).gateways?.change).toBe('lib/settings/staging.ts: network.natGateways: 2 → 1');
    expect((await found({ BytesOutToDestination: () => 0 }, { natGateways: ['nat-a'] })).gateways).toMatchObject({ verdict: 'idle', savingUsd: null, change: '' });
    expect((await found({ BytesOutToDestination: (hour) => (hour >= hours - 3 ? 0 : 1) })).gateways).toMatchObject({ verdict: 'fits', change: '' });
    expect((await found({ BytesOutToDestination: () => undefined })).gateways?.verdict).toBe('fits');
  });
});

test('whole hours are asked for, whenever somebody asks', async () => {
  const asked = new Set<string>();
  const steps = rightSizingSteps({
    environment: 'staging', regions: ['us-east-1'], database: { identifier: 'x', instanceClass: 't4g.micro' }, cache: { name: 'x', nodeType: 'cache.t4g.micro', nodes: 2 },
    cluster: 'x', books: [], natGateways: [], table: loadPriceTable(), tell: async () => undefined,
    async ask(_region, _asked, from, to) {
      asked.add(`${from.toISOString()} ${to.toISOString()}`);
      return [];
    },
  });
  await steps.weekly({ at: '2026-11-23T07:48:51Z' });
  expect([...asked].toSorted()).toEqual(['2026-11-09T07:00:00.000Z 2026-11-23T07:00:00.000Z', '2026-11-23T03:00:00.000Z 2026-11-23T07:00:00.000Z']);
});

test('people get the sum, and each with its setting', async () => {
  const { told } = await found({ EngineCPUUtilization: () => 90 });
  expect(told?.subject).toBe('Baton staging: 107.31 USD a month could be saved');
  expect(told?.message).toContain("It would save 107.31 USD a month.\n  lib/settings/staging.ts: database.instanceClass: 't4g.medium' → 't4g.micro'");
  expect(told?.message).toContain('The cache: fits.');
});
