/**
 * Amazon States Language, JSONata mode, as types, and the check that a definition can be run at all.
 * The full grammar is checked at synth (asl-validator); here only what the engine relies on.
 */
import type { Json } from './execution.ts';

export interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly BackoffRate?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: 'FULL' | 'NONE';
}

export interface Catcher {
  readonly ErrorEquals: readonly string[];
  readonly Next: string;
  readonly Assign?: Record<string, Json>;
  readonly Output?: Json;
}

export interface ChoiceRule {
  readonly Comment?: string;
  readonly Condition: string | boolean;
  readonly Next: string;
  readonly Assign?: Record<string, Json>;
  readonly Output?: Json;
}

interface CommonFields {
  readonly Comment?: string;
  readonly QueryLanguage?: string;
  readonly Assign?: Record<string, Json>;
  readonly Output?: Json;
}
interface Flow extends CommonFields {
  readonly Next?: string;
  readonly End?: boolean;
}
interface Guarded extends Flow {
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly Catcher[];
}

export interface TaskState extends Guarded {
  readonly Type: 'Task';
  readonly Resource: string;
  readonly Arguments?: Json;
  readonly TimeoutSeconds?: number | string;
  readonly HeartbeatSeconds?: number | string;
}
export interface ParallelState extends Guarded {
  readonly Type: 'Parallel';
  readonly Branches: readonly StateGraph[];
  readonly Arguments?: Json;
}
export interface MapState extends Guarded {
  readonly Type: 'Map';
  readonly Items?: Json;
  readonly ItemSelector?: Json;
  readonly MaxConcurrency?: number | string;
  readonly ItemProcessor: StateGraph & { readonly ProcessorConfig?: { readonly Mode?: string } };
}
export interface PassState extends Flow {
  readonly Type: 'Pass';
}
export interface WaitState extends Flow {
  readonly Type: 'Wait';
  readonly Seconds?: number | string;
  readonly Timestamp?: string;
}
export interface ChoiceState extends CommonFields {
  readonly Type: 'Choice';
  readonly Choices: readonly ChoiceRule[];
  readonly Default?: string;
}
export interface SucceedState extends CommonFields {
  readonly Type: 'Succeed';
}
export interface FailState extends CommonFields {
  readonly Type: 'Fail';
  readonly Error?: string;
  readonly Cause?: string;
}
export type State = TaskState | ParallelState | MapState | PassState | WaitState | ChoiceState | SucceedState | FailState;

export interface StateGraph {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}
export interface StateMachineDefinition extends StateGraph {
  readonly Comment?: string;
  readonly QueryLanguage?: string;
  readonly TimeoutSeconds?: number;
}

/** The definition cannot be run; the message says which state and why. */
export class InvalidDefinitionError extends Error {
  override readonly name = 'InvalidDefinitionError';
}

const types: ReadonlySet<string> = new Set(['Task', 'Parallel', 'Map', 'Pass', 'Wait', 'Choice', 'Succeed', 'Fail']);
/** Fields of the older JSONPath mode: ignoring one would run another machine than the one written. */
const jsonPathFields = [
  'InputPath',
  'OutputPath',
  'ResultPath',
  'Parameters',
  'ResultSelector',
  'Result',
  'ItemsPath',
  'SecondsPath',
  'TimestampPath',
  'TimeoutSecondsPath',
  'HeartbeatSecondsPath',
  'ErrorPath',
  'CausePath',
];

export function parseDefinition(source: StateMachineDefinition | string): StateMachineDefinition {
  const definition: StateMachineDefinition = typeof source === 'string' ? JSON.parse(source) : source;
  checkGraph(definition, definition.QueryLanguage ?? 'JSONPath', 'the machine', new Set());
  return definition;
}

function checkGraph(graph: StateGraph, language: string, where: string, outerVariables: ReadonlySet<string>): void {
  const fail = (message: string): never => {
    throw new InvalidDefinitionError(message);
  };
  if (!graph.States || graph.States[graph.StartAt] === undefined)
    fail(`${where}: StartAt names '${graph.StartAt}', which is not among its states`);
  const assigned = new Set(outerVariables);
  for (const state of Object.values(graph.States)) for (const name of assignedNames(state)) assigned.add(name);
  for (const [name, state] of Object.entries(graph.States)) {
    const at = `state '${name}'`;
    if (!types.has(state.Type)) fail(`${at}: Type '${state.Type}' is unknown; known are ${[...types].join(', ')}`);
    if ((state.QueryLanguage ?? language) !== 'JSONata')
      fail(`${at}: only QueryLanguage JSONata is run here, seen ${state.QueryLanguage ?? language}`);
    for (const field of jsonPathFields)
      if (field in state) fail(`${at}: '${field}' belongs to JSONPath; a JSONata state has Arguments, Assign and Output`);
    for (const next of successors(state))
      if (graph.States[next] === undefined) fail(`${at}: goes to '${next}', which is not among the states of ${where}`);
    if (!endsOrContinues(state)) fail(`${at}: has neither Next nor End`);
    for (const variable of assignedNames(state)) {
      // An inner scope reads the outer one's variables and may not assign a variable of the same name.
      if (outerVariables.has(variable)) fail(`${at}: assigns $${variable}, which an outer scope assigns too`);
      if (variable === 'states') fail(`${at}: $states is reserved`);
    }
    if (state.Type === 'Parallel')
      state.Branches.forEach((branch, index) => checkGraph(branch, language, `branch ${index} of '${name}'`, assigned));
    if (state.Type === 'Map') {
      const mode = state.ItemProcessor.ProcessorConfig?.Mode ?? 'INLINE';
      if (mode !== 'INLINE') fail(`${at}: only inline Map is run here, seen ProcessorConfig.Mode ${mode}`);
      checkGraph(state.ItemProcessor, language, `the iterations of '${name}'`, assigned);
    }
  }
}

function endsOrContinues(state: State): boolean {
  switch (state.Type) {
    case 'Succeed':
    case 'Fail':
    case 'Choice':
      return true;
    default:
      return state.Next !== undefined || state.End === true;
  }
}

/** Every state that may follow this one in its graph. */
function successors(state: State): string[] {
  const next: string[] = [];
  if ('Next' in state && state.Next !== undefined) next.push(state.Next);
  if ('Catch' in state) for (const catcher of state.Catch ?? []) next.push(catcher.Next);
  if (state.Type === 'Choice') {
    for (const rule of state.Choices) next.push(rule.Next);
    if (state.Default !== undefined) next.push(state.Default);
  }
  return next;
}

function assignedNames(state: State): string[] {
  const names = Object.keys(state.Assign ?? {});
  if ('Catch' in state) for (const catcher of state.Catch ?? []) names.push(...Object.keys(catcher.Assign ?? {}));
  if (state.Type === 'Choice') for (const rule of state.Choices) names.push(...Object.keys(rule.Assign ?? {}));
  return names;
}
