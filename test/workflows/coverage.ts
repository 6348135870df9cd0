/**
 * Which branches, repeats and catches of a state machine a test file has reached, and the tests that every task gets:
 * a passing fault is repeated, and each error that is caught ends as declared. What was not reached is listed.
 */
import { describe, expect, it } from 'vitest';
import type { Graph, State } from '../../lib/workflows/checks.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { TaskFailure, type Json, type ProgressEvent } from '../../rehearsal/states/engine.ts';
import type { Fault, World } from '../../simulation/worlds/world.ts';

interface TaskState {
  readonly state: string;
  readonly definition: State;
  /** Whether a Choice after it reads that it was refused. */
  readonly refusable: boolean;
}

export class Coverage {
  readonly tasks: readonly TaskState[];
  readonly #definition: StateMachineDefinition;
  readonly #reached = new Set<string>();

  constructor(definition: StateMachineDefinition) {
    this.#definition = definition;
    this.tasks = tasksOf(definition as unknown as Graph);
  }

  see(events: readonly ProgressEvent[]): void {
    for (const event of events) {
      if (event.kind === 'chosen') this.#reached.add(`${event.state} → ${event.branch}`);
      if (event.kind === 'retried') this.#reached.add(`${event.state} ↻ ${event.retrier}`);
      if (event.kind === 'caught') this.#reached.add(`${event.state} ⚑ ${event.catcher}`);
    }
  }

  /** Runs the machine in a world and says how it ended: `Succeeded`, or the error. */
  async run(world: World, input: Json, execution?: string): Promise<{ readonly ending: string; readonly cause: string }> {
    const result = await world.run(this.#definition, input, execution);
    this.see(world.events);
    if (result.error === 'States.Runtime' || result.error === 'States.QueryEvaluationError') throw new Error(result.cause);
    return { ending: result.status === 'SUCCEEDED' ? 'Succeeded' : (result.error ?? result.status), cause: result.cause ?? '' };
  }

  /**
   * Tests every Retry and Catch of every task, and each refusal, in the first of the scenarios that passes it.
   * @param endingOf how an execution ends after this error of this state, or after its `refusal`; `usually` is its undisturbed ending
   */
  async everyFault<W extends World>(options: {
    readonly scenarios: Readonly<Record<string, () => Promise<W>>>;
    readonly input: (scenario: string) => Json;
    readonly endingOf: (state: string, error: string, usually: string) => string;
    /** Instead of failing only: what else a fault of this name does, or a `refusal`. */
    readonly beside?: (error: string, world: W, args: Json) => void;
    readonly execution?: string;
    /** Of which states; all when not said. */
    readonly only?: (state: string) => boolean;
  }): Promise<void> {
    const { scenarios, input, endingOf, execution, only = () => true } = options;
    const passing = new Map<string, { readonly scenario: string; readonly usually: string }>();
    for (const [scenario, open] of Object.entries(scenarios)) {
      const world = await open();
      const { ending: usually } = await this.run(world, input(scenario), execution);
      for (const state of world.visited()) if (!passing.has(state)) passing.set(state, { scenario, usually });
    }
    const runWith = async (scenario: string, state: string, fault: (world: W) => Fault): Promise<string> => {
      const world = await scenarios[scenario]!();
      world.faults.set(state, fault(world));
      return (await this.run(world, input(scenario), execution)).ending;
    };
    for (const { state, definition, refusable } of this.tasks.filter((task) => only(task.state))) {
      const { scenario, usually } = passing.get(state) ?? { scenario: '', usually: '' };
      describe(state, () => {
        it('is passed by a scenario', () => expect(scenario).not.toBe(''));

        it('is repeated after a passing fault', async () => {
          let failures = 0;
          const ending = await runWith(scenario, state, () => () => {
            if (failures > 0) return undefined;
            failures += 1;
            throw new TaskFailure(definition.Retry![0]!.ErrorEquals[0]!, 'a passing fault');
          });
          expect({ ending, failures }).toEqual({ ending: usually, failures: 1 });
        });

        if (refusable) it('ends as declared when it is refused', async () => {
          const refusal = { name: 'SomeRefusal', message: 'not now' };
          const ending = await runWith(scenario, state, (world) => (_, args) => {
            options.beside?.('refusal', world, args);
            return { StatusCode: 200, Payload: { refusal } };
          });
          expect(ending).toBe(endingOf(state, 'refusal', usually));
        });

        const caught = (definition.Catch ?? []).flatMap(({ ErrorEquals }) => ErrorEquals);
        it.each(caught)('ends as declared after %s', async (error) => {
          const ending = await runWith(scenario, state, (world) => (_, args) => {
            options.beside?.(error, world, args);
            throw new TaskFailure(error === 'States.ALL' ? 'Unforeseen' : error, 'it said so');
          });
          expect(ending).toBe(endingOf(state, error, usually));
        });
      });
    }
  }

  /** What no test has reached yet; to be asked last. Of some states, or all. */
  missing(of: (edge: string) => boolean = () => true): readonly string[] {
    const edges = edgesOf(this.#definition as unknown as Graph);
    expect(edges.length).toBeGreaterThan(0);
    return edges.filter((edge) => of(edge) && !this.#reached.has(edge));
  }
}

function tasksOf(graph: Graph): TaskState[] {
  return Object.entries(graph.States).flatMap(([state, each]): TaskState[] => [
    ...(each.Type === 'Task' ? [{ state, definition: each, refusable: /\.refusal\)/.test(graph.States[each.Next ?? '']?.Choices?.[0]?.Condition ?? '') }] : []),
    ...(each.Branches ?? []).flatMap(tasksOf),
    ...(each.ItemProcessor ? tasksOf(each.ItemProcessor) : []),
  ]);
}

function edgesOf(graph: Graph): string[] {
  return Object.entries(graph.States).flatMap(([name, state]) => [
    ...(state.Choices ?? []).map((_, index) => `${name} → ${index}`),
    ...(state.Default === undefined ? [] : [`${name} → default`]),
    ...(state.Retry ?? []).map((_, index) => `${name} ↻ ${index}`),
    ...(state.Catch ?? []).map((_, index) => `${name} ⚑ ${index}`),
    ...(state.Branches ?? []).flatMap(edgesOf),
    ...(state.ItemProcessor ? edgesOf(state.ItemProcessor) : []),
  ]);
}
