/** The machines that the sweep plays, out of the assemblies of their environments. */
import { join } from 'node:path';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { assemblies, plays, type AssemblyName } from '../scenes/index.ts';
import { synthesizedIn } from '../worlds/definitions.ts';
import { region } from '../worlds/cutover.ts';

const read = new Map<string, ReadonlyMap<string, StateMachineDefinition>>();

function machinesOf(directory: string, assembly: AssemblyName): ReadonlyMap<string, StateMachineDefinition> {
  const at = join(directory, assembly);
  const known = read.get(at) ?? synthesizedIn(at, { installation: `baton-${assembly.split('-')[0]}`, region }).machines;
  read.set(at, known);
  return known;
}

/** @param directory has each assembly under its name. */
export function definitionOf(directory: string, play: string): StateMachineDefinition {
  const { machine, assembly } = plays[play] ?? {};
  const found = assembly && machinesOf(directory, assembly).get(machine ?? '');
  if (found === undefined) throw new Error(`'${play}' is played of no machine that was synthesized; known are ${Object.keys(plays).join(', ')}.`);
  return found;
}

/** Machines that nobody plays. */
export function withoutAPlay(directory: string): readonly string[] {
  const played = new Set(Object.values(plays).map(({ machine }) => machine));
  return [...new Set(assemblies.flatMap((assembly) => [...machinesOf(directory, assembly).keys()]))].filter((machine) => !played.has(machine));
}
