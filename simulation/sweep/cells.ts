/**
 * The grid of the sweep, generated from the definitions of the machines: for every state that does something outside of its machine every fault that applies, and for every
 * edge an operator who stops the execution there. Names of errors which the same Retry and the same Catch take are one fault: the machine cannot tell them apart.
 */
import type { State, StateGraph, TaskState } from '../../rehearsal/states/definition.ts';
import type { ProgressEvent } from '../../rehearsal/states/engine.ts';
import { findCatcher, matches } from '../../rehearsal/states/failure.ts';

export interface Fault {
  readonly state: string;
  /** The name of an error, or one of the words below. */
  readonly what: string;
  readonly when: 'before' | 'after' | 'late' | 'instead';
  readonly times: 'once' | 'always';
}
/** What goes wrong without an error of its own name. */
export const words = {
  /** Nobody answers until the time of the state is over: nothing was done, it was, or it is after that. */
  silence: 'no answer',
  /** The answer of a function or a service has nothing in it. */
  empty: 'an empty answer',
  /** What is read is what was there at the look before. */
  former: 'the answer before',
  refusal: 'a refusal',
  /** It is done twice, and the first answer counts. */
  twice: 'done twice',
} as const;

export interface Stop {
  readonly edge: string;
  /** Redriven at once; or when the last net has given back what it had. */
  readonly goesOn: 'redriven' | 'given back, then redriven';
}

/** One execution: in this scene, with at most one fault, and perhaps stopped at an edge that it takes. */
export interface Cell {
  readonly play: string;
  readonly scene: string;
  readonly fault?: Fault;
  readonly stop?: Stop;
}

const separator = ' | ';

export function idOf({ play, scene, fault, stop }: Cell): string {
  return [play, scene, ...(fault === undefined ? [] : [fault.state, fault.what, fault.when, fault.times]), ...(stop === undefined ? [] : ['stopped', stop.edge, stop.goesOn])].join(separator);
}

/** Of a cell that was printed. */
export function cellOf(id: string): Cell {
  const parts = id.split(separator);
  const at = parts.indexOf('stopped');
  const [play = '', scene = '', state, what, when, times] = at < 0 ? parts : parts.slice(0, at);
  const [edge, goesOn] = at < 0 ? [] : parts.slice(at + 1);
  return {
    play, scene,
    ...(times !== undefined && { fault: { state, what, when, times } as Fault }),
    ...(goesOn !== undefined && { stop: { edge, goesOn } as Stop }),
  };
}

/** Every state of a graph and of the graphs in it, by name: names are unique in a machine. */
export function statesOf(graph: StateGraph): ReadonlyMap<string, State> {
  return new Map(Object.entries(graph.States).flatMap(([name, state]) => [[name, state] as const, ...innerOf(state).flatMap((inner) => [...statesOf(inner)])]));
}

const innerOf = (state: State): readonly StateGraph[] => (state.Type === 'Parallel' ? state.Branches : state.Type === 'Map' ? [state.ItemProcessor] : []);

/** All that can go wrong with a task. */
export function faultsOf(name: string, task: TaskState, next: State | undefined): readonly Fault[] {
  const { Retry = [], Catch = [] } = task;
  const ofRetries = Retry.flatMap(({ ErrorEquals }) => ErrorEquals);
  const ofCatches = Catch.flatMap(({ ErrorEquals }) => ErrorEquals);
  const kinds = new Map<string, { readonly error: string; readonly isRetried: boolean; readonly isAnswer: boolean }>();
  for (const error of [...ofRetries, ...ofCatches, unforeseen]) {
    if (error.startsWith('States.')) continue;
    const retrier = Retry.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
    // What only a Catch names is what the function or the service says: it has decided, and has done nothing.
    const isAnswer = !ofRetries.includes(error) && ofCatches.includes(error);
    const kind = [retrier, findCatcher(Catch, error), isAnswer && error].join();
    if (!kinds.has(kind)) kinds.set(kind, { error, isRetried: retrier >= 0, isAnswer });
  }
  const once = (isRetried: boolean): readonly Fault['times'][] => (isRetried ? ['once', 'always'] : ['always']);
  const failing = [...kinds.values()].flatMap(({ error, isRetried, isAnswer }) =>
    (isAnswer ? (['before'] as const) : (['before', 'after'] as const)).flatMap((when) => once(isRetried).map((times) => ({ what: error, when, times }))));
  const isCallback = task.Resource.endsWith('.waitForTaskToken');
  const isRefusable = next?.Type === 'Choice' && String(next.Choices[0]?.Condition).includes('.refusal)');
  return [
    ...failing,
    ...(['before', 'after', 'late'] as const).flatMap((when) => once(!isCallback).map((times) => ({ what: words.silence, when, times }))),
    { what: words.empty, when: 'instead' as const, times: 'always' as const },
    { what: words.former, when: 'instead' as const, times: 'always' as const },
    ...(isRefusable ? [{ what: words.refusal, when: 'instead' as const, times: 'always' as const }] : []),
    { what: words.twice, when: 'instead' as const, times: 'always' as const },
  ].map((fault) => ({ state: name, ...fault }));
}

/** An error that no Retry and no Catch names. */
const unforeseen = 'Unforeseen';

/** Every way from a state to the next, to a repeat of itself, or into a branch. */
export function edgesOf(graph: StateGraph): readonly string[] {
  return [...statesOf(graph)].flatMap(([name, state]) => [
    ...innerOf(state).map(({ StartAt }) => edge.into(name, StartAt)),
    ...('Retry' in state ? (state.Retry ?? []).map((_, index) => edge.retried(name, index)) : []),
    ...('Catch' in state ? (state.Catch ?? []).map((_, index) => edge.caught(name, index)) : []),
    ...(state.Type === 'Choice' ? [...state.Choices.map((_, index) => edge.chosen(name, index)), ...(state.Default === undefined ? [] : [edge.chosen(name, 'default')])] : []),
    ...('Next' in state && state.Next !== undefined ? [edge.next(name, state.Next)] : []),
  ]);
}

const edge = {
  into: (name: string, start: string): string => `${name} ⤷ ${start}`,
  retried: (name: string, index: number): string => `${name} ↻ ${index}`,
  caught: (name: string, index: number): string => `${name} ⚑ ${index}`,
  chosen: (name: string, branch: number | 'default'): string => `${name} ? ${branch}`,
  next: (name: string, next: string): string => `${name} → ${next}`,
};

export interface Taken {
  readonly edge: string;
  /** The state that is entered by it; absent where the pause before a repeat begins. */
  readonly to?: string;
}

/** Tells by its events which edges an execution takes. */
export function edgesTaken(graph: StateGraph): (event: ProgressEvent) => Taken | undefined {
  const states = statesOf(graph);
  const around = new Map([...states].flatMap(([name, state]) => innerOf(state).map(({ StartAt }) => [StartAt, name] as const)));
  /** Visits that leave by a rule or a catcher and not by `Next`. */
  const leaving = new Map<string, number>();
  return (event) => {
    const { state: name } = event;
    const left = leaving.get(name) ?? 0;
    switch (event.kind) {
      case 'entered': {
        const parent = around.get(name);
        return parent === undefined ? undefined : { edge: edge.into(parent, name), to: name };
      }
      case 'chosen':
        leaving.set(name, left + 1);
        return { edge: edge.chosen(name, event.branch), to: event.next };
      case 'caught':
        leaving.set(name, left + 1);
        return { edge: edge.caught(name, event.catcher), to: event.next };
      case 'retried':
        return { edge: edge.retried(name, event.retrier) };
      case 'exited': {
        if (left > 0) {
          leaving.set(name, left - 1);
          return undefined;
        }
        const state = states.get(name);
        return state !== undefined && 'Next' in state && state.Next !== undefined ? { edge: edge.next(name, state.Next), to: state.Next } : undefined;
      }
      default:
        return undefined;
    }
  };
}
