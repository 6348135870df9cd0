/** A budget that is spent, and one that is acted on no more. */
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { request, ResearchWorld } from '../worlds/research.ts';

export const undo = { ...request, requestedBy: 'ada', undo: true };

export const scenarios = {
  spent: async () => new ResearchWorld(),
  undone: async (definition: StateMachineDefinition) => {
    const world = new ResearchWorld();
    await world.run(definition);
    world.events.length = 0;
    return world;
  },
};

export const inputOf = (scenario: string): object => (scenario === 'undone' ? undo : request);
