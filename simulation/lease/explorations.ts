/**
 * The lease alone: the function that ships, every interleaving within a budget of faults (explorer.ts), world after world until the time is over
 * or there is none left. An interleaving counts when it is a next step that was taken from a state that no other way had led to before.
 */
import { explore } from './explorer.ts';
import { green, larger, settings, type Sketch } from './settings.ts';

export interface Exploration {
  readonly name: string;
  readonly states: number;
  readonly interleavings: number;
  /** Nothing was left to explore. */
  readonly isWhole: boolean;
  readonly violation?: string;
  readonly path?: readonly string[];
}

/** The larger ones end here. */
const statesMax = 250_000;

export const worlds: readonly (readonly [name: string, sketch: Sketch])[] = [...Object.entries(settings), ...Object.entries(larger)];

/** The first of them: those that take seconds. */
export const smallWorlds = Object.keys(settings).length;

export function exploreWorld(at: number): Exploration {
  const [name, sketch] = worlds[at]!;
  const { states, transitions, complete, violation, path } = explore({ successors: green, ...sketch, statesMax, checkProgress: true });
  return { name, states, interleavings: transitions, isWhole: complete, ...(violation !== undefined && { violation }), ...(path && { path }) };
}
