/** What is too large, by figures of two weeks: which smaller size would do, what it saves, and when nothing is said. */
import { describe, expect, test } from 'vitest';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import { type Asked, rightSizingSteps } from '../../lib/cost/right-sizing.ts';

const gib = 2 ** 30;
const hours = 14 * 24;
const at = '2026-11-23T07:00:00Z';

/** What was measured, by metric: in each hour, the last of which is the newest. */
type Figures = Readonly<Record<string, (hour: number, region: string) => number | undefined>>;
const usual: Figures = {
  CPUUtilization: () => 5, FreeableMemory: () => 3.5 * gib, DatabaseConnections: () => 10,
  EngineCPUUtilization: () => 3, DatabaseMemoryUsagePercentage: () => 10, GetTypeCmds: () => 100, SetTypeCmds: () => 100,
};

async function found(figures: Figures = {}, sizes: { readonly instanceClass?: string; readonly nodeType?: string } = {}) {
  const all = { ...usual, ...figures };
  const messages: { readonly subject: string; readonly message: string }[] = [];
  const { instanceClass = 't4g.medium', nodeType = 'cache.t4g.small' } = sizes;
  const steps = rightSizingSteps({
    environment: 'staging', regions: ['us-east-1', 'us-west-2'], database: { identifier: 'baton-staging', instanceClass },
    cache: { name: 'baton-staging', nodeType, nodes: 2 }, table: loadPriceTable(),
    async ask(region: string, { metric }: Asked, from: Date, to: Date) {
      const asked = Math.round((to.getTime() - from.getTime()) / 3_600_000);
      return Array.from({ length: asked }, (_, index) => all[metric]?.(hours - asked + index, region)).filter((value) => value !== undefined);
    },
    tell: async (subject, message) => void messages.push({ subject, message }),
  });
  const { findings: [database, cache] } = await steps.weekly({ at });
  return { database, cache, told: messages[0] };
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
    expect((await found({ DatabaseConnections: (hour) => (hour >= hours - 4 ? 0 : 9) })).database?.verdict).toBe('idle');
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

test('people get the sum, and each with its setting', async () => {
  const { told } = await found({ EngineCPUUtilization: () => 90 });
  expect(told?.subject).toBe('Baton staging: 107.31 USD a month could be saved');
  expect(told?.message).toContain("It would save 107.31 USD a month.\n  lib/settings/staging.ts: database.instanceClass: 't4g.medium' → 't4g.micro'");
  expect(told?.message).toContain('The cache: fits.');
});
