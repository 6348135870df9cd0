/**
 * What synth holds a state machine to, on the definition as it is rendered: names that read as sentences,
 * comments, time-outs, bounded loops, declared errors only and all of them caught, the declared endings only,
 * and worst paths that fit the objective and the room of an execution's history. Every fault is listed, so that
 * one synth shows them all.
 */
import type { Declarations } from './workflow.ts';

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
}
interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
}
export interface State {
  readonly Type: string;
  readonly Comment?: string;
  readonly Next?: string;
  readonly Default?: string;
  readonly Error?: string;
  readonly Seconds?: number;
  readonly TimeoutSeconds?: number;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
  readonly Choices?: readonly { readonly Condition?: string; readonly Next: string; readonly Comment?: string }[];
  readonly Branches?: readonly Graph[];
  readonly ItemProcessor?: Graph;
}
export interface Graph {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

export interface Expectations {
  readonly declarations: Declarations;
  /** The errors with which the machine may fail. */
  readonly endings: readonly string[];
  readonly objectiveSeconds: number;
}

export interface Findings {
  readonly problems: readonly string[];
  readonly worstPathSeconds: number;
  /** Of the history, when nothing is repeated. */
  readonly worstPathEvents: number;
}

const nameLengthMax = 80;
/** An execution fails at 25,000 events, and nothing can catch that. What is left is for repeats: three events each. */
const worstPathEventsMax = 20_000;
const statesOwnErrors = ['States.ALL', 'States.TaskFailed', 'States.Timeout'];

export function checkDefinition(machine: Graph, expected: Expectations): Findings {
  const problems: string[] = [];
  const { declarations, endings, objectiveSeconds } = expected;
  const thrownAtTop = checkGraph(machine, declarations, problems);
  for (const error of thrownAtTop) {
    if (!endings.includes(error)) {
      problems.push(`The machine can end with '${error}', which is no ending; the endings are ${endings.join(', ')}. Catch it.`);
    }
  }
  const worstPathSeconds = Math.ceil(new WorstPath(declarations, seconds, problems).of(machine));
  if (worstPathSeconds > objectiveSeconds) {
    problems.push(
      `The worst path takes ${worstPathSeconds} s, the objective is ${objectiveSeconds} s. ` +
        'Shorten a time-out or a wait, or declare a longer objective.',
    );
  }
  // What is wrong with the paths themselves was said above.
  const worstPathEvents = new WorstPath(declarations, historyEvents, []).of(machine);
  if (worstPathEvents > worstPathEventsMax) {
    problems.push(
      `The worst path writes ${worstPathEvents} events of history, and ${worstPathEventsMax} leave room for repeats: ` +
        'an execution fails at 25,000. Poll less often, or shorten a limit.',
    );
  }
  return { problems, worstPathSeconds, worstPathEvents };
}

/** Answers the declared errors that leave the graph uncaught. */
function checkGraph(graph: Graph, declarations: Declarations, problems: string[]): readonly string[] {
  const leaving = new Set<string>();
  for (const [name, state] of Object.entries(graph.States)) {
    checkWording(name, state, problems);
    if (state.Type === 'Task' && state.TimeoutSeconds === undefined) problems.push(`'${name}' has no time-out. Give it TimeoutSeconds.`);
    const inner = [...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : [])];
    const possible = new Set([
      ...(declarations.errors.get(name) ?? []),
      ...inner.flatMap((each) => checkGraph(each, declarations, problems)),
    ]);
    for (const caught of (state.Catch ?? []).flatMap((catcher) => catcher.ErrorEquals)) {
      if (!possible.has(caught) && !statesOwnErrors.includes(caught)) {
        problems.push(
          `'${name}' catches '${caught}', which nothing in it declares. Correct the name, or declare the error in its contract.`,
        );
      }
    }
    const caught = new Set((state.Catch ?? []).flatMap((catcher) => catcher.ErrorEquals));
    if (caught.has('States.ALL')) continue;
    // What is not declared can happen too; it leaves under its own name, so somebody outside must catch all. Where each task within
    // does, nothing is left to catch around them.
    if (state.Type === 'Task') possible.add('States.ALL');
    for (const error of possible) if (!caught.has(error)) leaving.add(error);
  }
  return [...leaving];
}

function checkWording(name: string, state: State, problems: string[]): void {
  if (!state.Comment) problems.push(`'${name}' has no comment. Say why it is there.`);
  if (!/^[A-Z][^']*$/.test(name) || name.split(' ').length < 3 || name.length > nameLengthMax) {
    problems.push(
      `'${name}' does not read as a sentence: capital first, three words or more, no apostrophe, ${nameLengthMax} characters at most.`,
    );
  }
}

/** What a path is measured by. */
interface Measure {
  /** `inner`: the worst paths of the graphs in a state. */
  readonly state: (state: State, inner: readonly number[], itemsMax: number) => number;
  readonly loop: (bound: Declarations['loops'][number]['bound'], body: number) => number;
}

/** Every attempt times out; branches and items run at once. */
const seconds: Measure = {
  state: (state, inner) => {
    if (state.Type === 'Wait') return state.Seconds ?? 0;
    if (state.Type === 'Task') return attempts(state) * (state.TimeoutSeconds ?? 0) + pauses(state);
    return Math.max(0, ...inner);
  },
  loop: (bound, body) => ('rounds' in bound ? bound.rounds * body : bound.limitSeconds + body),
};

/**
 * Each state is entered and left; a Task is scheduled, started and answered in between, a Parallel and a Map begin and
 * end, and so does each item. A round of a poll takes no less than its pause.
 */
const historyEvents: Measure = {
  state: (state, inner, itemsMax) => {
    const inside = inner.reduce((sum, events) => sum + events, 0);
    if (state.Type === 'Task') return 5;
    if (state.Type === 'Parallel') return 4 + inside;
    return state.Type === 'Map' ? 4 + itemsMax * (2 + inside) : 2;
  },
  loop: (bound, body) => body * ('rounds' in bound ? bound.rounds : Math.ceil(bound.limitSeconds / bound.everySeconds) + 1),
};

/** The worst that a machine can do by a measure: every loop runs to its bound, the worst way is taken. */
class WorstPath {
  readonly #declarations: Declarations;
  readonly #measure: Measure;
  readonly #problems: string[];
  readonly #memo = new Map<string, number>();

  constructor(declarations: Declarations, measure: Measure, problems: string[]) {
    this.#declarations = declarations;
    this.#measure = measure;
    this.#problems = problems;
  }

  of(graph: Graph): number {
    return this.#from(graph, graph.StartAt, undefined, new Set());
  }

  /** Longest from a state to an end, or, when `until` is given, to the end of that state; −∞ where it leads elsewhere. */
  #from(graph: Graph, name: string, until: string | undefined, walked: ReadonlySet<string>): number {
    const key = `${name}→${until ?? ''}`;
    const known = this.#memo.get(key);
    if (known !== undefined) return known;
    const state = graph.States[name];
    if (state === undefined || walked.has(name)) {
      this.#problems.push(
        state === undefined
          ? `'${name}' is named but does not exist.`
          : `There is a loop through '${name}' without a declared bound. Build it with poll() or rounds().`,
      );
      return 0;
    }
    const here = new Set(walked).add(name);
    const closes = this.#declarations.loops.find((loop) => loop.last === name)?.first;
    const next = successors(state).filter((each) => each !== closes);
    // The end of a loop's body is no way out.
    const deadEnd = until === undefined && closes === undefined ? 0 : -Infinity;
    const rest = name === until ? 0 : next.length === 0 ? deadEnd : Math.max(...next.map((each) => this.#from(graph, each, until, here)));
    const total = this.#own(name, state) + this.#loopsBegunAt(graph, name) + rest;
    this.#memo.set(key, total);
    return total;
  }

  #loopsBegunAt(graph: Graph, name: string): number {
    return this.#declarations.loops
      .filter((loop) => loop.begin === name)
      .reduce((sum, loop) => sum + this.#measure.loop(loop.bound, this.#from(graph, loop.first, loop.last, new Set([name]))), 0);
  }

  #own(name: string, state: State): number {
    const graphs = [...(state.Branches ?? []), ...(state.ItemProcessor ? [state.ItemProcessor] : [])];
    const inner = graphs.map((graph) => this.of(graph));
    return this.#measure.state(state, inner, this.#declarations.itemsMax.get(name) ?? 0);
  }
}

export function successors(state: State): readonly string[] {
  return [
    ...(state.Next === undefined ? [] : [state.Next]),
    ...(state.Choices ?? []).map((choice) => choice.Next),
    ...(state.Default === undefined ? [] : [state.Default]),
    ...(state.Catch ?? []).map((catcher) => catcher.Next),
  ];
}

function attempts(state: State): number {
  return 1 + (state.Retry ?? []).reduce((sum, retrier) => sum + (retrier.MaxAttempts ?? 3), 0);
}

function pauses(state: State): number {
  return (state.Retry ?? []).reduce((sum, { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3 }) => {
    let total = 0;
    for (let attempt = 0; attempt < MaxAttempts; attempt += 1) total += IntervalSeconds * BackoffRate ** attempt;
    return sum + total;
  }, 0);
}
