/** What is burnt now: the estimate of what is deployed, with the tasks that run in place of those that are meant to. */
import { describe, expect, test } from 'vitest';
import { readStacks } from '../../lib/cost/assembly.ts';
import { assumed } from '../../lib/cost/assumptions.ts';
import { burnSteps } from '../../lib/cost/burn.ts';
import { estimate, total } from '../../lib/cost/estimate.ts';
import { loadPriceTable } from '../../lib/cost/price-table.ts';
import type { PricedStack } from '../../lib/cost/stacks.ts';
import { assemblyOf } from '../assemblies.ts';

const table = loadPriceTable();
const stacks = readStacks(assemblyOf('production').directory);
const service = 'baton-production-alpha';
type Running = Readonly<Record<string, number>>;

async function burnt(running: Running, deployed: readonly PricedStack[] = stacks, dark: readonly string[] = []) {
  const steps = burnSteps({
    table, regions: ['us-east-1', 'us-west-2'], answers: async (region) => !dark.includes(region),
    stacks: async (region) => deployed.filter((stack) => stack.region === region),
    runningTasks: async (region) => new Map(running[region] === undefined ? [] : [[service, running[region]]]),
  });
  return steps.measure({});
}

describe('worked examples', () => {
  test.each<[string, Running, string]>([
    ['two at home and one that stands by', { 'us-east-1': 2, 'us-west-2': 1 }, 'us-east-1'],
    ['the same after a move', { 'us-east-1': 1, 'us-west-2': 2 }, 'us-west-2'],
  ])('%s cost what was estimated before, within 5 %%', async (_, running, home) => {
    const before = total(estimate({ stacks, table, assumed: assumed(), home }).lines);
    const { usdPerMonth, usdPerHour, tasks } = await burnt(running);
    expect(Math.abs(usdPerMonth / before - 1)).toBeLessThan(0.05);
    expect(usdPerHour).toBeCloseTo(usdPerMonth / 730, 9);
    expect(tasks).toEqual({ [`us-east-1/${service}`]: running['us-east-1'], [`us-west-2/${service}`]: running['us-west-2'] });
  });

  test('a second colour that nobody retired costs what two tasks more cost, and what their guards write to the lease', async () => {
    const usual = await burnt({ 'us-east-1': 2, 'us-west-2': 1 });
    const forgotten = await burnt({ 'us-east-1': 4, 'us-west-2': 1 });
    const tasksUsd = 2 * 730 * (0.04048 + 2 * 0.004445);
    // Each registers and reads: 0.7 of a million writes in each Region, 5 million reads.
    const leaseUsd = 2 * 730 * 3600 * (2 * 0.000000625 + 2 * 0.000000125);
    expect(forgotten.usdPerMonth - usual.usdPerMonth).toBeCloseTo(tasksUsd + leaseUsd, 0);
  });

  test('nothing that runs is no task, not the number that is meant to', async () => {
    const [none, usual] = [await burnt({}), await burnt({ 'us-east-1': 2, 'us-west-2': 1 })];
    expect(usual.usdPerMonth - none.usdPerMonth).toBeGreaterThan(3 * 36);
    expect(none.tasks).toEqual({});
  });
});

test('of a Region that does not answer nothing is asked, and the answer says so', async () => {
  const running = { 'us-east-1': 2, 'us-west-2': 1 };
  const [whole, rest] = [await burnt(running), await burnt(running, stacks, ['us-west-2'])];
  expect(rest).toMatchObject({ unseen: ['us-west-2'], tasks: { [`us-east-1/${service}`]: 2 } });
  expect(whole.unseen).toEqual([]);
  expect(rest.usdPerMonth).toBeLessThan(whole.usdPerMonth - 200);
});

test('before anything is deployed in the other Region, what is deployed has its price', async () => {
  const { usdPerMonth, unseen } = await burnt({ 'us-east-1': 2 }, stacks.filter(({ region }) => region === 'us-east-1'));
  expect(unseen).toEqual([]);
  expect(usdPerMonth).toBeGreaterThan(200);
});

test('what has no price is named', async () => {
  const odd: PricedStack = { name: 'odd', region: 'us-east-1', resources: [{ logicalId: 'Cluster', type: 'AWS::Redshift::Cluster', properties: {} }] };
  const { unpriced } = await burnt({ 'us-east-1': 2 }, [...stacks, odd]);
  expect(unpriced).toContainEqual(expect.stringMatching(/^odd Cluster: nobody has said/));
});
