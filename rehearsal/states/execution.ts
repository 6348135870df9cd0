/**
 * What goes into an execution and what comes out: the words shared by the engine, the Step Functions model
 * that runs it on the local AWS, and tests that run a workflow with scripted tasks.
 */
import type { StateMachineDefinition } from './definition.ts';
import type { HistoryEvent } from './history.ts';
import type { TaskTokens } from './task-tokens.ts';

/** JSON, as it travels between states. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Time as the engine sees it. `sleep` rejects when the signal aborts. */
export interface EngineClock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Randomness as the engine sees it. */
export interface EngineRandom {
  /** At least 0, below 1. */
  readonly number: () => number;
  readonly uuid: () => string;
}

/** What a task throws to fail its state with an error name; anything else thrown is a fault of the harness and ends the run. */
export class TaskFailure extends Error {
  /** The name that Retry and Catch compare: 'Ecs.ClusterNotFoundException', 'Lambda.ServiceException', a handler's errorType. */
  readonly error: string;
  override readonly cause: string;
  constructor(error: string, cause: string) {
    super(`${error}: ${cause}`);
    this.name = 'TaskFailure';
    this.error = error;
    this.cause = cause;
  }
}

/** What a task learns beside its arguments. */
export interface TaskContext {
  readonly state: string;
  /** 0 for the first attempt, then the number of the retry. */
  readonly retryCount: number;
  /** Present for `.waitForTaskToken`. */
  readonly taskToken?: string;
  /** Aborts when the state has timed out, its execution stopped or a sibling branch failed. */
  readonly signal: AbortSignal;
  /** For `.sync`: the job is accepted, the task now waits for its end. */
  readonly submitted: (output: Json) => void;
}

/** Runs one attempt of a task: the resource is the state's `Resource`, the arguments are evaluated. */
export type Invoke = (resource: string, args: Json, context: TaskContext) => Promise<unknown>;

export interface ExecutionIdentity {
  /** `$states.context.Execution.Id`: the execution's ARN. */
  readonly executionArn: string;
  readonly executionName: string;
  readonly stateMachineArn: string;
  readonly stateMachineName: string;
  readonly roleArn: string;
}

/** For people and for coverage: what the execution does, as it does it. */
export type ProgressEvent = { readonly atMs: number; readonly state: string } & (
  | { readonly kind: 'entered'; readonly type: string; readonly comment?: string }
  | { readonly kind: 'exited'; readonly type: string }
  /** A Wait state, or the interval before a retry: what was asked for, and what the compressed clock makes of it. */
  | { readonly kind: 'waiting'; readonly modelledSeconds: number; readonly waitedMs: number }
  /** A rule of a Choice was taken: its index, or 'default'. */
  | { readonly kind: 'chosen'; readonly branch: number | 'default'; readonly next: string }
  | {
      readonly kind: 'retried';
      readonly retrier: number;
      readonly error: string;
      readonly cause: string;
      readonly attempt: number;
      readonly delaySeconds: number;
    }
  | { readonly kind: 'caught'; readonly catcher: number; readonly error: string; readonly cause: string; readonly next: string }
  /** The state ends its branch with this error. */
  | { readonly kind: 'failed'; readonly error: string; readonly cause: string }
);

/** How far a graph of states came. Kept while it runs, so that a redrive can go on from there. */
export interface GraphProgress {
  /** The state that was entered last and not left, with what it was given; of a Parallel or a Map, how far each branch or item came. */
  at?: { readonly name: string; readonly input: Json; readonly variables: Record<string, Json>; inside?: GraphProgress[] };
  /** The graph came to its end with this. */
  ended?: { readonly output: Json };
}

/** The execution ended without success before, and goes on from the states that did not succeed. */
export interface Redrive {
  /** 1 for the first. */
  readonly count: number;
  readonly startMs: number;
}

export interface ExecutionOptions {
  readonly definition: StateMachineDefinition | string;
  readonly input: Json;
  readonly invoke: Invoke;
  readonly clock: EngineClock;
  readonly random: EngineRandom;
  /** Aborting stops the execution; a reason of `{ error, cause }` is kept. */
  readonly signal?: AbortSignal;
  /** Who is running, for `$states.context`; made up when absent. */
  readonly context?: Partial<ExecutionIdentity>;
  readonly tokens?: TaskTokens;
  readonly onEvent?: (event: ProgressEvent) => void;
  /** Filled while the execution runs, so that it can be read meanwhile. */
  readonly history?: HistoryEvent[];
  /** Filled while the execution runs; for a redrive, as the last run left it. */
  readonly progress?: GraphProgress;
  readonly redrive?: Redrive;
}

export interface ExecutionResult {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';
  /** Of a success. */
  readonly output?: Json;
  readonly error?: string;
  readonly cause?: string;
  readonly history: readonly HistoryEvent[];
  readonly startMs: number;
  readonly stopMs: number;
}
