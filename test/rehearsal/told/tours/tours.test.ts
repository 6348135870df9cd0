/** The tours lead through every fault, and the faults strike at what is there. */
import { expect, test } from 'vitest';
import { contradiction } from '../../../../rehearsal/faults/fault.ts';
import { cutoverFaults } from '../../../../rehearsal/faults/index.ts';
import type { StateGraph } from '../../../../rehearsal/states/definition.ts';
import { synthesizedCutover } from '../../../workflows/synthesized.ts';
import { faultsOf, tours, type Leg } from './tours.ts';

const legs: readonly Leg[] = Object.values(tours).flat();

test('every fault is told', () => {
  expect(legs.flat().toSorted()).toEqual(cutoverFaults.map(({ name }) => name).toSorted());
});

test('none of those told together contradict each other', () => {
  for (const leg of legs) expect(contradiction(faultsOf(leg))).toBeUndefined();
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
}, 360_000);
