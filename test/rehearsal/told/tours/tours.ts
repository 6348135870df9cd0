/**
 * Every fault of a cutover, on the real system, with its promised ending. On an installation one fault follows another: what the
 * book ends with is what the next one finds. Some are told together, which no fault may mind; each proves that it struck.
 */
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Fault } from '../../../../rehearsal/faults/fault.ts';
import { cutoverFaults } from '../../../../rehearsal/faults/index.ts';
import { newReleaseOf, oldReleaseOf, replace } from '../../../../rehearsal/scenarios/cutover.ts';
import { Stage } from '../../../../rehearsal/stage.ts';
import { installationOf } from '../../installed.ts';
import { endingOn, expectHeldBesideOthers, type Ending } from '../ending.ts';

/** Those told at once. */
export type Leg = readonly string[];

/** What is told one after the other on an installation; a release that goes must be the one that came before. */
export const tours = {
  first: [['green-never-healthy'], ['wrong-region'], ['green-dies-after-handover'], ['migration-fails']],
  second: [['throttled', 'venue-clock-jumps'], ['no-postgres'], ['nobody-to-tell'], ['redriven']],
  third: [
    ['venue-clock-off', 'no-lease-table'], ['malformed-input'], ['unknown-digest'], ['step-times-out-after-success'],
    ['green-does-not-trade'],
  ],
  fourth: [['trader-clock-off', 'two-cutovers'], ['approval-rejected'], ['snapshot-fails'], ['approval-never-comes'], ['slow-answers']],
  fifth: [['blue-pauses-in-drain', 'started-twice'], ['trader-pauses-in-drain'], ['blue-does-not-drain', 'no-redis'], ['migration-never-ends']],
} as const satisfies Readonly<Record<string, readonly Leg[]>>;

/** Where approvals are wanted; the others are told on the smallest settings. */
const inProduction = new Set(['approval-rejected', 'approval-never-comes']);
export const legBoundMs = 400_000;

export const nameOf = (leg: Leg): string => leg.join(', ');
export const faultsOf = (leg: Leg): readonly Fault[] => leg.map((name) => {
  const fault = cutoverFaults.find((each) => each.name === name);
  if (fault === undefined) throw new Error(`no fault '${name}'`);
  return fault;
});

/** The test file of a tour. */
export function isTold(name: keyof typeof tours): void {
  const legs: readonly Leg[] = tours[name];
  const told = legs.map(() => Promise.withResolvers<Ending>());
  let touring: Promise<void>;

  beforeAll(() => {
    for (const { promise } of told) promise.catch(() => undefined);
    touring = tell(legs, (index, ending) => told[index]?.resolve(ending)).catch((error: unknown) => {
      for (const { reject } of told) reject(error);
    });
  });
  // The installation goes also when a leg never came.
  afterAll(() => touring, legBoundMs);

  describe.each(legs.map((leg, index) => ({ name: nameOf(leg), index })))('$name', (leg) => {
    test('ends as promised, and every promise holds', async () => {
      await expectHeldBesideOthers(leg.name, told[leg.index]!.promise);
    }, legBoundMs);
  });
}

/** On an installation of its own. @param ended as soon as one has */
export async function tell(legs: readonly Leg[], ended: (index: number, ending: Ending) => void): Promise<void> {
  const environment = legs.flat().some((fault) => inProduction.has(fault)) ? 'production' : 'dev';
  const stage = await Stage.open(await installationOf(environment, { cuttable: true }));
  try {
    const beginning = faultsOf(legs[0] ?? []);
    for (const fault of beginning) fault.before?.(stage);
    const first = await stage.cutover(await oldReleaseOf(stage, beginning), 'The first release of this book');
    if (first.outcome !== 'succeeded') throw new Error(`the first cutover ended ${first.outcome}: ${first.cause ?? ''}`);
    for (const [index, leg] of legs.entries()) {
      const faults = faultsOf(leg);
      const next = faultsOf(legs[index + 1] ?? []);
      const ownRelease = faults.some(({ releases }) => releases?.new !== undefined);
      const release = ownRelease || !next.some(({ releases }) => releases?.old !== undefined) ? newReleaseOf(stage, faults) : oldReleaseOf(stage, next);
      const { promises } = await replace(stage, faults, await release);
      ended(index, await endingOn(stage, nameOf(leg), promises));
    }
  } finally {
    await stage.close();
  }
}
