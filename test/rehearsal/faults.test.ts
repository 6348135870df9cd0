/**
 * Every fault of a cutover, on the real system, with its promised ending. Several installations run beside each other, and on
 * each one fault follows another: what the book ends with is what the next one finds. Some are told together, which no fault
 * may mind; each proves that it struck.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cutoverFaults } from '../../rehearsal/faults/index.ts';
import { contradiction, type Fault } from '../../rehearsal/faults/fault.ts';
import type { Progress } from '../../rehearsal/report/progress.ts';
import { inWords, mayBeSlowness, neverBroken, type PromiseKept } from '../../rehearsal/report/report.ts';
import { newReleaseOf, oldReleaseOf, replace } from '../../rehearsal/scenarios/cutover.ts';
import type { StateGraph } from '../../rehearsal/states/definition.ts';
import { Stage } from '../../rehearsal/stage.ts';
import { assemblyOf } from '../assemblies.ts';
import { synthesizedCutover } from '../workflows/cutover-world.ts';

/** What is told one after the other on an installation; a release that goes must be the one that came before. */
const tours: readonly (readonly (readonly string[])[])[] = [
  [['green-never-healthy'], ['wrong-region'], ['green-dies-after-handover'], ['migration-fails']],
  [['throttled', 'venue-clock-jumps'], ['no-postgres'], ['nobody-to-tell'], ['redriven']],
  [
    ['venue-clock-off', 'no-lease-table'], ['malformed-input'], ['unknown-digest'], ['step-times-out-after-success'],
    ['green-does-not-trade'],
  ],
  [['trader-clock-off', 'two-cutovers'], ['approval-rejected'], ['snapshot-fails'], ['approval-never-comes'], ['slow-answers']],
  [['blue-pauses-in-drain', 'started-twice'], ['trader-pauses-in-drain'], ['blue-does-not-drain', 'no-redis'], ['migration-never-ends']],
];
const dev = assemblyOf('dev');
const production = assemblyOf('production');
/** Where approvals are wanted; the others are told on the smallest settings. */
const inProduction = new Set(['approval-rejected', 'approval-never-comes']);
/** Limits of time are for a quiet machine; here other tests run beside. */
const patience = 4;
const legBoundMs = 400_000;

const silent: Progress = { heading: () => undefined, note: () => undefined, begin: () => () => undefined, close: () => undefined };
const faultNamed = (name: string): Fault => {
  const fault = cutoverFaults.find((each) => each.name === name);
  if (fault === undefined) throw new Error(`no fault '${name}'`);
  return fault;
};

interface Leg {
  readonly names: readonly string[];
  readonly faults: readonly Fault[];
  readonly told: PromiseWithResolvers<readonly PromiseKept[]>;
}
const legs: readonly (readonly Leg[])[] = tours.map((tour) =>
  tour.map((names) => ({ names, faults: names.map(faultNamed), told: Promise.withResolvers<readonly PromiseKept[]>() })),
);
const stages: Stage[] = [];
const touring: Promise<void>[] = [];

async function tell(tour: readonly Leg[], stage: Stage): Promise<void> {
  const [beginning] = tour;
  for (const fault of beginning?.faults ?? []) fault.before?.(stage);
  const first = await stage.cutover(await oldReleaseOf(stage, beginning?.faults ?? []), 'The first release of this book');
  if (first.outcome !== 'succeeded') throw new Error(`the first cutover ended ${first.outcome}: ${first.cause ?? ''}`);
  for (const [index, { faults, told }] of tour.entries()) {
    const next = tour[index + 1]?.faults ?? [];
    const ownRelease = faults.some(({ releases }) => releases?.new !== undefined);
    const release = ownRelease || !next.some(({ releases }) => releases?.old !== undefined) ? newReleaseOf(stage, faults) : oldReleaseOf(stage, next);
    try {
      const { promises } = await replace(stage, faults, await release);
      told.resolve([...neverBroken(stage.trading()), ...promises]);
    } catch (error) {
      told.reject(error);
    }
  }
}

beforeAll(() => {
  for (const leg of legs.flat()) leg.told.promise.catch(() => undefined);
  touring.push(setOut());
});

/** One after the other: to open an installation is work, to tell a tour is mostly waiting. */
async function setOut(): Promise<void> {
  for (const [index, tour] of legs.entries()) {
    const failed = (error: unknown): void => {
      for (const { told } of tour) told.reject(error);
    };
    try {
      const stage = await openFor(tour, index + 1);
      touring.push(tell(tour, stage).catch(failed));
    } catch (error) {
      failed(error);
    }
  }
}

async function openFor(tour: readonly Leg[], seed: number): Promise<Stage> {
  const assembly = tour.some(({ names }) => names.some((name) => inProduction.has(name))) ? production : dev;
  const stage = await Stage.open({ assembly, seed, progress: silent, provisioning: 'typical', cuttable: true });
  stages.push(stage);
  return stage;
}

async function closeAll(): Promise<void> {
  // The first sets out the others.
  await touring[0];
  await Promise.all(touring);
  await Promise.all(stages.splice(0).map((stage) => stage.close()));
}

afterAll(closeAll, legBoundMs);

const heldUp: Leg[] = [];

describe.each(legs.flat())('$names', (leg) => {
  test('ends as promised, and every promise holds', async () => {
    const broken = (await leg.told.promise).filter((promise) => !promise.held && !heldWithPatience(promise));
    if (!mayBeSlowness(broken)) expect(broken).toEqual([]);
    if (broken.length === 0) return;
    console.warn(`${leg.names.join(', ')} is told again alone; beside others it broke:\n${broken.map(inWords).join('\n')}`);
    heldUp.push(leg);
  }, legBoundMs);
});

test('what broke a limit beside others keeps it alone', async () => {
  await closeAll();
  for (const leg of heldUp) {
    const again = { ...leg, told: Promise.withResolvers<readonly PromiseKept[]>() };
    const stage = await openFor([again], 1);
    await tell([again], stage);
    expect((await again.told.promise).filter((promise) => !promise.held && !heldWithPatience(promise)), leg.names.join(', ')).toEqual([]);
    await stages.pop()?.close();
  }
}, legBoundMs * 2);

function heldWithPatience({ unit, measured, limit }: PromiseKept): boolean {
  return unit === 'ms' && Number(limit) > 0 && Number(measured) <= Number(limit) * patience;
}

test('every fault is told', () => {
  expect(tours.flat(2).toSorted()).toEqual(cutoverFaults.map(({ name }) => name).toSorted());
});

test('none of those told together contradict each other', () => {
  for (const { faults } of legs.flat()) expect(contradiction(faults)).toBeUndefined();
});

test('the moments at which faults strike are states of the machine', () => {
  const namesIn = (graph: StateGraph): string[] =>
    Object.entries(graph.States).flatMap(([name, state]) => [name, ...(state.Type === 'Parallel' ? state.Branches.flatMap(namesIn) : [])]);
  expect(namesIn(synthesizedCutover().definition)).toEqual(
    expect.arrayContaining([
      'Is there an old colour to hand back to?', 'Begin to remove the new colour', 'Take the book for this execution',
      'Prepare the snapshot and the new colour', 'Begin to wait for healthy standbys', 'Begin to bake the new colour',
      'Wait a while for people', 'Have enough people approved the change?', 'Note that the approvals did not come',
      'Wait a moment for the expansion of the schema', 'Stop the expansion of the schema that takes too long',
      'The schema could not be expanded',
    ]),
  );
}, 120_000);
