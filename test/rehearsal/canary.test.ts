/**
 * The canary on the real system: every telling of its scenario keeps its promises. Several installations run beside each other,
 * and on each one telling follows another: what the canary goes back to is what the next one finds.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { neverBroken, type PromiseKept } from '../../rehearsal/report/report.ts';
import type { Progress } from '../../rehearsal/report/progress.ts';
import { open, trials, tried } from '../../rehearsal/scenarios/canary.ts';
import { Stage } from '../../rehearsal/stage.ts';
import { synthesize, type Assembly } from '../../rehearsal/synthesize.ts';

/** `healthy` is told without a fault. */
const tours = [
  ['canary-loses', 'canary-errors', 'healthy'],
  ['canary-slow', 'canary-inconclusive'],
  ['first-canary-loses'],
] as const;
const silent: Progress = { heading: () => undefined, note: () => undefined, begin: () => () => undefined, close: () => undefined };
/** Limits of milliseconds are for a quiet machine; here other tests run beside. */
const patience = 4;
const boundMs = 400_000;
/** What the role of its machine was not seen to use, by installation. */
const unused: (readonly string[])[] = [];
let assembly: Assembly;

beforeAll(async () => {
  assembly = await synthesize('dev', silent);
}, 60_000);
afterAll(() => assembly[Symbol.asyncDispose]());

test.concurrent.each(tours.map((tour) => [tour.join(', then '), tour] as const))('%s', async (_, tour) => {
  const stage = await Stage.open({ assembly, seed: 1, progress: silent, provisioning: 'typical' });
  try {
    const told = tour.map((name) => trials.find((trial) => trial.name === name));
    const promises: PromiseKept[] = [(await open(stage, told[0])).opened];
    for (const trial of told) promises.push(...(await tried(stage, trial)).promises);
    const broken = [...neverBroken(stage.trading()), ...promises].filter((promise) => !promise.held && !heldWithPatience(promise));
    expect(broken).toEqual([]);
    expect(stage.permissions.surprises).toEqual([]);
    unused.push(stage.permissions.unusedGrants().flatMap(({ role, action, resource }) => (role.includes('CanaryMachineRole') ? [`${action} on ${resource}`] : [])));
  } finally {
    await stage.close();
  }
}, boundMs);

test('every trial is told', () => {
  expect(tours.flat().filter((name) => name !== 'healthy').toSorted()).toEqual(trials.map(({ name }) => name).toSorted());
});

/** The production settings have no canary, so the recorded accesses do not know its machine's role: here it is asked of all tellings. */
test('the canary’s machine needs every grant that it has, but for those that every machine has and no rehearsal needs', () => {
  expect(unused).toHaveLength(tours.length);
  const byNone = unused[0]!.filter((grant) => unused.every((each) => each.includes(grant)));
  const excused = /^(xray|logs):|^lambda:InvokeFunction on .*:\*$/;
  expect(byNone.filter((grant) => !excused.test(grant))).toEqual([]);
  expect(byNone.length).toBeGreaterThan(0);
});

function heldWithPatience({ unit, measured, limit }: PromiseKept): boolean {
  return unit === 'ms' && Number(limit) > 0 && Number(measured) <= Number(limit) * patience;
}
