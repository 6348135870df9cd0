/** What an execution did to its machine: which states it entered, which edges it took, what went wrong. Pure. */
import type { DrawnGraph, ObservedExecution, Transition } from '../../observed.ts';

export interface Visit {
  readonly entered: number;
  readonly firstMs: number;
  /** Retries, catches and failures, in the order in which they happened. */
  readonly troubles: readonly Transition[];
}
export interface Path {
  readonly visit: (state: string) => Visit | undefined;
  /** How often the edge was taken. */
  readonly taken: (from: string, to: string) => number;
}

/** Names of states are unique in a whole machine, so that branches need no names of their own. */
export function pathOf(graph: DrawnGraph, { transitions }: Pick<ObservedExecution, 'transitions'>): Path {
  const visits = new Map<string, { entered: number; firstMs: number; troubles: Transition[] }>();
  const edges = new Map<string, number>();
  const nextOf = onlyNext(graph);
  const take = (from: string, to: string): void => void edges.set(key(from, to), (edges.get(key(from, to)) ?? 0) + 1);
  for (const transition of transitions) {
    const { state, kind, atMs, next } = transition;
    const visit = visits.get(state) ?? { entered: 0, firstMs: atMs, troubles: [] };
    visits.set(state, visit);
    if (kind === 'entered') visit.entered += 1;
    if (kind === 'retried' || kind === 'caught' || kind === 'failed') visit.troubles.push(transition);
    if ((kind === 'chosen' || kind === 'caught') && next !== undefined) take(state, next);
    const only = nextOf.get(state);
    if (kind === 'exited' && only !== undefined) take(state, only);
  }
  return { visit: (state) => visits.get(state), taken: (from, to) => edges.get(key(from, to)) ?? 0 };
}

const key = (from: string, to: string): string => `${from}\n${to}`;

function onlyNext(graph: DrawnGraph, found = new Map<string, string>()): ReadonlyMap<string, string> {
  for (const [name, { next, inside }] of Object.entries(graph.states)) {
    const only = next.find((edge) => edge.kind === 'next');
    if (only !== undefined) found.set(name, only.to);
    for (const branch of inside) onlyNext(branch, found);
  }
  return found;
}
