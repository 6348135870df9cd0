/**
 * Runs a state machine written in JSONata-mode Amazon States Language. Pure of AWS: tasks are done by the
 * `invoke` it is given, time and randomness are passed in, so the same engine runs the synthesized machines
 * on the local AWS and, under a virtual clock, in tests that reach every branch.
 * Rules: Step Functions developer guide and https://states-language.net/spec.html.
 */
import { waitMs } from '../clock.ts';
import {
  parseDefinition,
  type ChoiceState,
  type MapState,
  type ParallelState,
  type State,
  type StateGraph,
  type StateMachineDefinition,
  type TaskState,
  type WaitState,
} from './definition.ts';
import { ended, linked, together } from './concurrency.ts';
import {
  TaskFailure,
  type ExecutionIdentity,
  type ExecutionOptions,
  type ExecutionResult,
  type GraphProgress,
  type Json,
  type ProgressEvent,
} from './execution.ts';
import { findCatcher, RetryPlan, StateFailure } from './failure.ts';
import { HistoryLine, inputOf, outputOf, type HistoryEvent } from './history.ts';
import { evaluate, type Scope } from './jsonata.ts';
import { TaskTokens, type TokenAnswer } from './task-tokens.ts';

export { TaskFailure } from './execution.ts';
export type * from './execution.ts';

/** Step Functions quotas: bytes of a payload, events of a history, concurrency of an inline Map. */
const payloadBytesMax = 262_144;
const historyEventsMax = 25_000;
const inlineMapConcurrencyMax = 40;
const defaultTimeoutSeconds = 99_999_999;
/** What a timer can hold; a time-out beyond it (24 days) is none here. */
const timerMsMax = 2 ** 31 - 1;

/** The execution was ended from outside its states. */
class Stopped extends Error {
  readonly status: 'TIMED_OUT' | 'ABORTED';
  readonly error: string | undefined;
  override readonly cause: string | undefined;
  constructor(status: 'TIMED_OUT' | 'ABORTED', error: string | undefined, cause: string | undefined) {
    super(`The execution was ended: ${status}`);
    this.status = status;
    this.error = error;
    this.cause = cause;
  }
}

/** Where a graph runs: its line of history, its variables, what ends it, which item of a Map it handles. */
interface Frame {
  readonly line: HistoryLine;
  readonly signal: AbortSignal;
  readonly item: { readonly Index: number; readonly Value: Json } | undefined;
  variables: Record<string, Json>;
}

/** One visit to a state. */
interface Visit {
  readonly name: string;
  readonly input: Json;
  readonly frame: Frame;
  readonly enteredEventId: number;
  readonly enteredMs: number;
  readonly at: NonNullable<GraphProgress['at']>;
}

/** What a state's own fields make of what it did. */
interface Outcome {
  readonly output: Json;
  readonly next: string | undefined;
  readonly assigned: Record<string, Json>;
}

export async function runExecution(options: ExecutionOptions): Promise<ExecutionResult> {
  return new Execution(parseDefinition(options.definition), options).run();
}

class Execution {
  readonly #definition: StateMachineDefinition;
  readonly #options: ExecutionOptions;
  readonly #history: HistoryEvent[];
  readonly #identity: ExecutionIdentity;
  readonly #tokens: TaskTokens;
  readonly #startMs: number;

  constructor(definition: StateMachineDefinition, options: ExecutionOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#history = options.history ?? [];
    this.#tokens = options.tokens ?? new TaskTokens();
    this.#startMs = options.redrive?.startMs ?? options.clock.now();
    this.#identity = {
      executionArn: 'arn:aws:states:us-east-1:000000000000:execution:machine:execution',
      executionName: 'execution',
      stateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:machine',
      stateMachineName: 'machine',
      roleArn: 'arn:aws:iam::000000000000:role/machine',
      ...options.context,
    };
  }

  async run(): Promise<ExecutionResult> {
    const { clock, input, signal: stop, progress = {}, redrive } = this.#options;
    const line = new HistoryLine(this.#history, clock.now, this.#history.length);
    const controller = new AbortController();
    const onStop = (): void => {
      const reason = stop?.reason as { error?: string; cause?: string } | undefined;
      controller.abort(new Stopped('ABORTED', reason?.error, reason?.cause));
    };
    if (stop?.aborted) onStop();
    stop?.addEventListener('abort', onStop, { once: true });
    const finished = new AbortController();
    if (this.#definition.TimeoutSeconds !== undefined) {
      const timeoutMs = this.#definition.TimeoutSeconds * 1000;
      clock.sleep(Math.min(timeoutMs, timerMsMax), finished.signal).then(
        () => controller.abort(new Stopped('TIMED_OUT', undefined, undefined)),
        () => undefined,
      );
    }
    if (redrive === undefined) {
      line.add('ExecutionStarted', { executionStartedEventDetails: { ...inputOf(input), roleArn: this.#identity.roleArn } });
    } else {
      line.add('ExecutionRedriven', { executionRedrivenEventDetails: { redriveCount: redrive.count } });
    }
    try {
      const frame = { line, signal: controller.signal, item: undefined, variables: {} };
      const output = await this.#runGraph(this.#definition, input, frame, progress);
      line.add('ExecutionSucceeded', { executionSucceededEventDetails: outputOf(output) });
      return this.#result({ status: 'SUCCEEDED', output });
    } catch (thrown) {
      if (thrown instanceof StateFailure) {
        const { error, cause } = thrown;
        line.add('ExecutionFailed', { executionFailedEventDetails: { error, cause } });
        return this.#result({ status: 'FAILED', error, cause });
      }
      if (thrown instanceof Stopped) {
        const why = {
          ...(thrown.error === undefined ? {} : { error: thrown.error }),
          ...(thrown.cause === undefined ? {} : { cause: thrown.cause }),
        };
        if (thrown.status === 'TIMED_OUT') line.add('ExecutionTimedOut', { executionTimedOutEventDetails: why });
        else line.add('ExecutionAborted', { executionAbortedEventDetails: why });
        return this.#result({ status: thrown.status, ...why });
      }
      throw thrown;
    } finally {
      finished.abort();
      stop?.removeEventListener('abort', onStop);
    }
  }

  #result(ending: Pick<ExecutionResult, 'status' | 'output' | 'error' | 'cause'>): ExecutionResult {
    return { ...ending, history: this.#history, startMs: this.#startMs, stopMs: this.#options.clock.now() };
  }

  /** From its start, or from the state at which the progress of an earlier run stands. */
  async #runGraph(graph: StateGraph, input: Json, frame: Frame, progress: GraphProgress): Promise<Json> {
    if (progress.ended !== undefined) return progress.ended.output;
    if (progress.at !== undefined) frame.variables = progress.at.variables;
    progress.at ??= { name: graph.StartAt, input, variables: frame.variables };
    for (;;) {
      const { at } = progress;
      const { output, next, assigned } = await this.#visit(graph.States[at.name] as State, at, frame);
      frame.variables = { ...frame.variables, ...assigned };
      if (next === undefined) {
        progress.ended = { output };
        return output;
      }
      progress.at = { name: next, input: output, variables: frame.variables };
    }
  }

  async #visit(state: State, at: Visit['at'], frame: Frame): Promise<Outcome> {
    const { name, input } = at;
    frame.signal.throwIfAborted();
    if (this.#history.length >= historyEventsMax) {
      throw new StateFailure('States.Runtime', `The execution reached the maximum number of history events (${historyEventsMax}).`);
    }
    const enteredEventId = frame.line.add(`${state.Type}StateEntered`, { stateEnteredEventDetails: { name, ...inputOf(input) } });
    const visit: Visit = { name, input, frame, enteredEventId, enteredMs: this.#options.clock.now(), at };
    this.#progress(name, { kind: 'entered', type: state.Type, ...(state.Comment === undefined ? {} : { comment: state.Comment }) });
    try {
      const outcome = await this.#runState(state, visit);
      // What was stopped meanwhile has not succeeded, whatever it did.
      frame.signal.throwIfAborted();
      this.#checkSize(name, outcome.output);
      const assigned = Object.fromEntries(Object.entries(outcome.assigned).map(([key, value]) => [key, JSON.stringify(value)]));
      frame.line.add(`${state.Type as Exclude<State['Type'], 'Fail'>}StateExited`, {
        stateExitedEventDetails: {
          name,
          ...outputOf(outcome.output),
          ...(Object.keys(assigned).length === 0 ? {} : { assignedVariables: assigned, assignedVariablesDetails: { truncated: false } }),
        },
      });
      this.#progress(name, { kind: 'exited', type: state.Type });
      return outcome;
    } catch (thrown) {
      if (thrown instanceof StateFailure) this.#progress(name, { kind: 'failed', error: thrown.error, cause: thrown.cause });
      throw thrown;
    }
  }

  async #runState(state: State, visit: Visit): Promise<Outcome> {
    switch (state.Type) {
      case 'Pass':
        return { ...(await this.#close(state, visit, visit.input)), next: state.Next };
      case 'Succeed':
        return { ...(await this.#close(state, visit, visit.input)), next: undefined };
      case 'Wait':
        await this.#wait(state, visit);
        return { ...(await this.#close(state, visit, visit.input)), next: state.Next };
      case 'Choice':
        return this.#choose(state, visit);
      case 'Fail':
        throw new StateFailure(await this.#text(state.Error ?? '', visit, 'Error'), await this.#text(state.Cause ?? '', visit, 'Cause'));
      default:
        return this.#runGuarded(state, visit);
    }
  }

  /** Task, Parallel and Map: the states that can be tried again, and whose failures can be caught. */
  async #runGuarded(state: TaskState | ParallelState | MapState, visit: Visit): Promise<Outcome> {
    const plan = new RetryPlan(state.Retry, this.#options.random.number);
    for (let retryCount = 0; ; retryCount += 1) {
      try {
        const result = await this.#attempt(state, visit, retryCount);
        this.#checkSize(visit.name, result);
        return { ...(await this.#close(state, visit, result, { result }, retryCount)), next: state.Next };
      } catch (thrown) {
        if (!(thrown instanceof StateFailure)) throw thrown;
        const { error, cause } = thrown;
        // A redrive runs all of it again only after this error; every retry does.
        if (error === 'States.DataLimitExceeded') delete visit.at.inside;
        const retry = plan.next(error);
        if (retry !== undefined) {
          delete visit.at.inside;
          this.#progress(visit.name, { kind: 'retried', ...retry, error, cause });
          await this.#pause(retry.delaySeconds, visit);
          continue;
        }
        const index = findCatcher(state.Catch, error);
        const catcher = state.Catch?.[index];
        if (catcher === undefined) throw thrown;
        this.#progress(visit.name, { kind: 'caught', catcher: index, error, cause, next: catcher.Next });
        const errorOutput = { Error: error, Cause: cause };
        return { ...(await this.#close(catcher, visit, errorOutput, { errorOutput }, retryCount, `Catch[${index}]/`)), next: catcher.Next };
      }
    }
  }

  #attempt(state: TaskState | ParallelState | MapState, visit: Visit, retryCount: number): Promise<Json> {
    switch (state.Type) {
      case 'Task':
        return this.#runTask(state, visit, retryCount);
      case 'Parallel':
        return this.#runParallel(state, visit, retryCount);
      case 'Map':
        return this.#runMap(state, visit, retryCount);
    }
  }

  async #runTask(state: TaskState, visit: Visit, retryCount: number): Promise<Json> {
    const { clock, invoke, random } = this.#options;
    const { line, signal } = visit.frame;
    const { resourceType, resource, callback } = describeResource(state.Resource);
    const taskToken = callback ? random.uuid() : undefined;
    const extra = taskToken === undefined ? {} : { Task: { Token: taskToken } };
    const evaluateField = (value: Json, field: string): Promise<Json> => this.#evaluate(value, visit, field, {}, retryCount, extra);
    const args = state.Arguments === undefined ? visit.input : await evaluateField(state.Arguments, 'Arguments');
    this.#checkSize(visit.name, args);
    const timeoutSeconds = await this.#seconds(state.TimeoutSeconds ?? defaultTimeoutSeconds, visit, 'TimeoutSeconds');
    const heartbeatSeconds =
      state.HeartbeatSeconds === undefined ? undefined : await this.#seconds(state.HeartbeatSeconds, visit, 'HeartbeatSeconds');

    line.add('TaskScheduled', {
      taskScheduledEventDetails: {
        resourceType,
        resource,
        region: this.#identity.stateMachineArn.split(':')[3],
        parameters: JSON.stringify(args),
        ...(state.TimeoutSeconds === undefined ? {} : { timeoutInSeconds: timeoutSeconds }),
        ...(heartbeatSeconds === undefined ? {} : { heartbeatInSeconds: heartbeatSeconds }),
      },
    });
    line.add('TaskStarted', { taskStartedEventDetails: { resourceType, resource } });

    const { controller: attempt, unlink } = linked(signal);
    const submitted = (output: Json): void => {
      if (!attempt.signal.aborted)
        line.add('TaskSubmitted', { taskSubmittedEventDetails: { resourceType, resource, ...outputOf(output) } });
    };
    let beatMs = clock.now();
    const answered = taskToken === undefined ? undefined : this.#answerTo(taskToken, () => (beatMs = clock.now()));
    const work = async (): Promise<Json> => {
      const result = toJson(
        await invoke(state.Resource, args, {
          state: visit.name,
          retryCount,
          signal: attempt.signal,
          submitted,
          ...(taskToken === undefined ? {} : { taskToken }),
        }),
      );
      if (answered === undefined) return result;
      submitted(result);
      const answer = await answered;
      if ('output' in answer) return answer.output;
      throw new TaskFailure(answer.error, answer.cause);
    };
    const timeOut = async (): Promise<never> => {
      await clock.sleep(Math.min(timeoutSeconds * 1000, timerMsMax), attempt.signal);
      throw new StateFailure('States.Timeout', `The task '${visit.name}' ran longer than its TimeoutSeconds of ${timeoutSeconds}.`);
    };
    const missBeat = async (seconds: number): Promise<never> => {
      for (let leftMs = seconds * 1000; leftMs > 0; leftMs = beatMs + seconds * 1000 - clock.now())
        await clock.sleep(leftMs, attempt.signal);
      throw new StateFailure(
        'States.HeartbeatTimeout',
        `The task '${visit.name}' sent no heartbeat for its HeartbeatSeconds of ${seconds}.`,
      );
    };
    try {
      const racers: Promise<Json>[] = [work(), timeOut(), ended(attempt.signal)];
      if (heartbeatSeconds !== undefined) racers.push(missBeat(heartbeatSeconds));
      const result = await Promise.race(racers);
      line.add('TaskSucceeded', { taskSucceededEventDetails: { resourceType, resource, ...outputOf(result) } });
      return result;
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof StateFailure) {
        line.add('TaskTimedOut', { taskTimedOutEventDetails: { resourceType, resource, error: thrown.error, cause: thrown.cause } });
        throw thrown;
      }
      if (!(thrown instanceof TaskFailure)) throw thrown;
      const { error, cause } = thrown;
      line.add('TaskFailed', { taskFailedEventDetails: { resourceType, resource, error, cause } });
      throw new StateFailure(error, cause);
    } finally {
      unlink();
      if (taskToken !== undefined) this.#tokens.close(taskToken);
      attempt.abort(new Error(`The task '${visit.name}' is over`));
    }
  }

  /** Opens the token before the task is told about it, so that no answer comes too early. */
  #answerTo(token: string, heartbeat: () => void): Promise<TokenAnswer> {
    return new Promise((answer) => this.#tokens.open(token, { answer, heartbeat }));
  }

  async #runParallel(state: ParallelState, visit: Visit, retryCount: number): Promise<Json> {
    const { line, signal } = visit.frame;
    const input = state.Arguments === undefined ? visit.input : await this.#evaluate(state.Arguments, visit, 'Arguments', {}, retryCount);
    line.add('ParallelStateStarted');
    try {
      const inside = (visit.at.inside ??= state.Branches.map(() => ({})));
      const branches = state.Branches.map((branch, index) => async (inner: AbortSignal) => {
        const branchLine = line.fork();
        const frame = { line: branchLine, signal: inner, item: visit.frame.item, variables: visit.frame.variables };
        const output = await this.#runGraph(branch, input, frame, inside[index] as GraphProgress);
        line.previousEventId = branchLine.previousEventId;
        return output;
      });
      const results = await together(branches, branches.length, signal);
      line.add('ParallelStateSucceeded');
      return results;
    } catch (thrown) {
      if (thrown instanceof StateFailure) line.add('ParallelStateFailed');
      else if (thrown instanceof Stopped) line.add('ParallelStateAborted');
      throw thrown;
    }
  }

  async #runMap(state: MapState, visit: Visit, retryCount: number): Promise<Json> {
    const { line, signal } = visit.frame;
    const { name } = visit;
    const items = await this.#items(state, visit, retryCount);
    const limit = state.MaxConcurrency === undefined ? 0 : await this.#seconds(state.MaxConcurrency, visit, 'MaxConcurrency');
    line.add('MapStateStarted', { mapStateStartedEventDetails: { length: items.length } });
    try {
      const inside = (visit.at.inside ??= items.map(() => ({})));
      const iterations = items.map((value, index) => async (inner: AbortSignal) => {
        const progress = inside[index] as GraphProgress;
        if (progress.ended !== undefined) return progress.ended.output;
        const itemLine = line.fork();
        const details = { name, index };
        itemLine.add('MapIterationStarted', { mapIterationStartedEventDetails: details });
        const item = { Index: index, Value: value };
        try {
          const input =
            state.ItemSelector === undefined
              ? value
              : await this.#evaluate(state.ItemSelector, visit, 'ItemSelector', {}, retryCount, { Map: { Item: item } });
          const frame = { line: itemLine, signal: inner, item, variables: visit.frame.variables };
          const output = await this.#runGraph(state.ItemProcessor, input, frame, progress);
          itemLine.add('MapIterationSucceeded', { mapIterationSucceededEventDetails: details });
          line.previousEventId = itemLine.previousEventId;
          return output;
        } catch (thrown) {
          if (thrown instanceof StateFailure) itemLine.add('MapIterationFailed', { mapIterationFailedEventDetails: details });
          else if (inner.aborted) itemLine.add('MapIterationAborted', { mapIterationAbortedEventDetails: details });
          throw thrown;
        }
      });
      const results = await together(iterations, Math.min(limit === 0 ? inlineMapConcurrencyMax : limit, inlineMapConcurrencyMax), signal);
      line.add('MapStateSucceeded');
      return results;
    } catch (thrown) {
      if (thrown instanceof StateFailure) line.add('MapStateFailed');
      else if (thrown instanceof Stopped) line.add('MapStateAborted');
      throw thrown;
    }
  }

  async #items(state: MapState, visit: Visit, retryCount: number): Promise<Json[]> {
    const items = state.Items === undefined ? visit.input : await this.#evaluate(state.Items, visit, 'Items', {}, retryCount);
    if (Array.isArray(items)) return items;
    if (items !== null && typeof items === 'object') return Object.entries(items).map(([Key, Value]) => ({ Key, Value }));
    throw this.#wrongType(visit, 'Items', 'an array or an object', items);
  }

  async #choose(state: ChoiceState, visit: Visit): Promise<Outcome> {
    for (const [index, rule] of state.Choices.entries()) {
      const field = `Choices[${index}]/Condition`;
      const matched = await this.#evaluate(rule.Condition, visit, field);
      if (typeof matched !== 'boolean') throw this.#wrongType(visit, field, 'boolean', matched);
      if (!matched) continue;
      this.#progress(visit.name, { kind: 'chosen', branch: index, next: rule.Next });
      return { ...(await this.#close(rule, visit, visit.input, {}, 0, `Choices[${index}]/`)), next: rule.Next };
    }
    if (state.Default === undefined)
      throw new StateFailure('States.NoChoiceMatched', `${this.#where(visit)}. No rule matched and there is no Default.`);
    this.#progress(visit.name, { kind: 'chosen', branch: 'default', next: state.Default });
    return { ...(await this.#close(state, visit, visit.input)), next: state.Default };
  }

  async #wait(state: WaitState, visit: Visit): Promise<void> {
    const { clock } = this.#options;
    let seconds: number;
    if (state.Timestamp === undefined) {
      seconds = await this.#seconds(state.Seconds ?? 0, visit, 'Seconds');
    } else {
      const timestamp = await this.#text(state.Timestamp, visit, 'Timestamp');
      const atMs = Date.parse(timestamp);
      if (Number.isNaN(atMs)) throw this.#wrongType(visit, 'Timestamp', 'an ISO 8601 time', timestamp);
      seconds = Math.max(0, (atMs - clock.now()) / 1000);
    }
    await this.#pause(seconds, visit);
  }

  async #pause(seconds: number, visit: Visit): Promise<void> {
    const { signal } = visit.frame;
    const waitedMs = waitMs(seconds);
    this.#progress(visit.name, { kind: 'waiting', modelledSeconds: seconds, waitedMs });
    try {
      await this.#options.clock.sleep(Math.min(waitedMs, timerMsMax), signal);
    } catch (thrown) {
      signal.throwIfAborted();
      throw thrown;
    }
  }

  /** Assign and Output of a state, a rule or a catcher; both see the variables as they were on entry. */
  async #close(
    fields: { readonly Assign?: Record<string, Json>; readonly Output?: Json },
    visit: Visit,
    defaultOutput: Json,
    reserved: Record<string, Json> = {},
    retryCount = 0,
    prefix = '',
  ): Promise<{ output: Json; assigned: Record<string, Json> }> {
    const assigned: Record<string, Json> = {};
    for (const [name, value] of Object.entries(fields.Assign ?? {})) {
      assigned[name] = await this.#evaluate(value, visit, `${prefix}Assign/${name}`, reserved, retryCount);
      this.#checkSize(visit.name, assigned[name]);
    }
    const output =
      fields.Output === undefined ? defaultOutput : await this.#evaluate(fields.Output, visit, `${prefix}Output`, reserved, retryCount);
    return { output, assigned };
  }

  async #evaluate(
    value: Json,
    visit: Visit,
    field: string,
    reserved: Record<string, Json> = {},
    retryCount = 0,
    context: Record<string, Json> = {},
  ): Promise<Json> {
    const { clock, random } = this.#options;
    const { frame, input } = visit;
    const scope: Scope = {
      states: { input, context: { ...this.#context(visit, retryCount), ...context }, ...reserved },
      variables: frame.variables,
      nowMs: clock.now(),
      random,
      where: this.#where(visit),
    };
    try {
      return await evaluate(value, scope, field);
    } catch (thrown) {
      if (thrown instanceof StateFailure) {
        const { error, cause } = thrown;
        frame.line.add('EvaluationFailed', { evaluationFailedEventDetails: { error, cause, location: field, state: visit.name } });
      }
      throw thrown;
    }
  }

  #context(visit: Visit, retryCount: number): Record<string, Json> {
    const { executionArn, executionName, roleArn, stateMachineArn, stateMachineName } = this.#identity;
    return {
      Execution: {
        Id: executionArn,
        Input: this.#options.input,
        Name: executionName,
        RoleArn: roleArn,
        StartTime: isoTime(this.#startMs),
        RedriveCount: this.#options.redrive?.count ?? 0,
      },
      StateMachine: { Id: stateMachineArn, Name: stateMachineName },
      State: { Name: visit.name, EnteredTime: isoTime(visit.enteredMs), RetryCount: retryCount },
      ...(visit.frame.item === undefined ? {} : { Map: { Item: visit.frame.item } }),
    };
  }

  async #seconds(value: number | string, visit: Visit, field: string): Promise<number> {
    const seconds = await this.#evaluate(value, visit, field);
    if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0)
      throw this.#wrongType(visit, field, 'a whole number of at least 0', seconds);
    return seconds;
  }

  async #text(value: string, visit: Visit, field: string): Promise<string> {
    const text = await this.#evaluate(value, visit, field);
    if (typeof text !== 'string') throw this.#wrongType(visit, field, 'string', text);
    return text;
  }

  #wrongType(visit: Visit, field: string, expected: string, seen: Json): StateFailure {
    return new StateFailure(
      'States.QueryEvaluationError',
      `${this.#where(visit)}. The field '${field}' must be ${expected}, seen ${JSON.stringify(seen)}.`,
    );
  }

  #where(visit: Visit): string {
    return `An error occurred while executing the state '${visit.name}' (entered at the event id #${visit.enteredEventId})`;
  }

  #checkSize(name: string, payload: Json): void {
    if (Buffer.byteLength(JSON.stringify(payload)) > payloadBytesMax) {
      throw new StateFailure(
        'States.DataLimitExceeded',
        `The state/task '${name}' returned a result with a size exceeding the maximum number of bytes service limit.`,
      );
    }
  }

  #progress(state: string, event: DistributiveOmit<ProgressEvent, 'atMs' | 'state'>): void {
    this.#options.onEvent?.({ atMs: this.#options.clock.now(), state, ...event });
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** `arn:aws:states:::aws-sdk:ecs:describeTasks` is the resource 'describeTasks' of the type 'aws-sdk:ecs'. */
function describeResource(arn: string): { resourceType: string; resource: string; callback: boolean } {
  const parts = arn.split(':').slice(5);
  const resource = parts.at(-1) ?? arn;
  return { resourceType: parts.slice(0, -1).join(':'), resource, callback: resource.endsWith('.waitForTaskToken') };
}

/** JSON as it would travel: no undefined members, dates as text. */
function toJson(value: unknown): Json {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as Json);
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
