/** The phases that people follow name states of the machine as it is synthesized: a renamed state is found here. */
import { describe, expect, test } from 'vitest';
import { loadSettings } from '../../../lib/settings/index.ts';
import { canaryPhases } from '../../../rehearsal/scenarios/canary-phases.ts';
import { cutoverPhases } from '../../../rehearsal/scenarios/cutover-phases.ts';
import { failoverPhases, moveOfBooksPhases } from '../../../rehearsal/scenarios/recovery-phases.ts';
import { waysBackPhases } from '../../../rehearsal/scenarios/ways-back-phases.ts';
import type { StateGraph } from '../../../rehearsal/states/definition.ts';
import { synthesizedMachines } from '../../workflows/synthesized.ts';

function namesIn(graph: StateGraph): string[] {
  return Object.entries(graph.States).flatMap(([name, state]) => [
    name,
    ...(state.Type === 'Parallel' ? state.Branches.flatMap(namesIn) : []),
    ...(state.Type === 'Map' ? namesIn(state.ItemProcessor) : []),
  ]);
}

const { machines } = synthesizedMachines();
const settings = loadSettings('dev');
const phasesOf = {
  cutover: cutoverPhases(settings), canary: canaryPhases(settings), ...waysBackPhases(settings),
  failover: failoverPhases, switchover: moveOfBooksPhases(settings, 'switchover'), failback: moveOfBooksPhases(settings, 'failback'),
};

describe.each(Object.entries(phasesOf))('the phases of a %s', (machine, phases) => {
  const states = new Set(namesIn(machines.get(machine)!));

  test.each(phases)('$name', ({ begins, ends, lane, budgetSeconds }) => {
    expect(states).toContain(begins);
    if (ends !== undefined) expect(states).toContain(ends);
    if (lane !== undefined) expect(states).toContain(lane.within);
    expect(budgetSeconds).toBeGreaterThan(0);
  });
});
