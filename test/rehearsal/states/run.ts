/** Runs a machine of a few states with scripted tasks under virtual time. */
import type { State, StateMachineDefinition } from '../../../rehearsal/states/definition.ts';
import {
  runExecution,
  type ExecutionOptions,
  type ExecutionResult,
  type Invoke,
  type Json,
  type ProgressEvent,
} from '../../../rehearsal/states/engine.ts';
import { virtualClock } from '../../../rehearsal/states/virtual-clock.ts';

export type States = Record<string, State>;

/** The first state is the start. */
export function machine(states: States, rest: Partial<StateMachineDefinition> = {}): StateMachineDefinition {
  return { QueryLanguage: 'JSONata', StartAt: Object.keys(states)[0] ?? '', States: states, ...rest };
}

export interface Run extends ExecutionResult {
  readonly events: ProgressEvent[];
  readonly elapsedSeconds: number;
}

export async function run(states: States | StateMachineDefinition, options: Partial<ExecutionOptions> = {}): Promise<Run> {
  const events: ProgressEvent[] = [];
  let uuids = 0;
  const result = await runExecution({
    definition: 'StartAt' in states ? (states as StateMachineDefinition) : machine(states),
    input: {},
    invoke: never,
    clock: virtualClock(),
    random: { number: () => 0.5, uuid: () => `uuid-${++uuids}` },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return { ...result, events, elapsedSeconds: (result.stopMs - result.startMs) / 1000 };
}

const never: Invoke = (resource) => {
  throw new Error(`This machine was not expected to call ${resource}`);
};

/** A task whose attempts answer one after the other; a function answers by itself, an Error is thrown. */
export function scripted(
  ...answers: (Json | Error | Invoke)[]
): Invoke & { readonly calls: { resource: string; args: Json; retryCount: number }[] } {
  const calls: { resource: string; args: Json; retryCount: number }[] = [];
  const invoke: Invoke = async (resource, args, context) => {
    calls.push({ resource, args, retryCount: context.retryCount });
    const answer = answers[Math.min(calls.length, answers.length) - 1];
    if (answer instanceof Error) throw answer;
    return typeof answer === 'function' ? answer(resource, args, context) : answer;
  };
  return Object.assign(invoke, { calls });
}

/** A task that never answers. */
export const silent: Invoke = () => new Promise(() => undefined);
export const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke' } as const;
