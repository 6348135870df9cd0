/**
 * AWS Step Functions: state machines from templates, executions on our own engine, each call of a task made
 * with the access key of the machine's role. API reference: https://docs.aws.amazon.com/step-functions/latest/apireference/
 */
import { setTimeout as delay } from 'node:timers/promises';
import { AwsError, RegionDarkError, type Call, type OperationHandler, type ResourceRequest, type ServiceModel, type World } from '../cloud/model.ts';
import { InvalidDefinitionError, parseDefinition, type StateGraph, type StateMachineDefinition } from '../states/definition.ts';
import { runExecution, type ExecutionResult, type GraphProgress, type Json, type ProgressEvent } from '../states/engine.ts';
import type { HistoryEvent } from '../states/history.ts';
import { integrationOf } from '../states/integrations.ts';
import { TaskTokens, type TokenState } from '../states/task-tokens.ts';
import type { Monitoring } from './monitoring.ts';
import { pageOf, type Page } from './pages.ts';

interface StateMachine {
  readonly arn: string;
  readonly name: string;
  readonly region: string;
  readonly roleArn: string;
  readonly definitionText: string;
  readonly definition: StateMachineDefinition;
  readonly creationDate: Date;
}

interface Execution {
  readonly arn: string;
  readonly name: string;
  readonly machine: StateMachine;
  /** The text as given, for AWS answers with it unchanged. */
  readonly input: string;
  readonly startDate: Date;
  readonly history: HistoryEvent[];
  /** How far it came, for a redrive. */
  readonly progress: GraphProgress;
  stop: AbortController;
  readonly redrives: { readonly date: Date; readonly clientToken?: string }[];
  /** Undefined while it runs. */
  ending?: Pick<ExecutionResult, 'status' | 'output' | 'error' | 'cause'> & { readonly stopDate: Date };
  running: Promise<void>;
}

export interface StatesOptions {
  /** Where what it measures goes. */
  readonly measure?: Monitoring['record'];
  /** By how much the executions' clock is ahead, because somebody let time pass for them. */
  readonly aheadMs?: () => number;
  /** For the live display: every step of every execution. */
  readonly onProgress?: (
    execution: { readonly arn: string; readonly name: string; readonly machine: string; readonly region: string },
    event: ProgressEvent,
  ) => void;
}

const metricOf = { SUCCEEDED: 'ExecutionsSucceeded', FAILED: 'ExecutionsFailed', TIMED_OUT: 'ExecutionsTimedOut', ABORTED: 'ExecutionsAborted' } as const;
/** An execution with more events than this is not redriven. */
const redrivableEventsMax = 24_999;
/** The last ten client tokens of redrives answer as they did, for a quarter of an hour. */
const clientTokensKept = 10;
const clientTokenMs = 15 * 60_000;
const executionNamePattern = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]{1,80}$/u;
/** "The default is 100 and the maximum allowed page size is 1000." */
const page = { usual: 100, max: 1000 };

interface ListInput {
  readonly maxResults?: number;
  readonly nextToken?: string;
}

function paged<Element>(all: readonly Element[], { maxResults, nextToken }: ListInput, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: nextToken, size: maxResults || page.usual, sizeMax: page.max, keyOf, invalidToken: 'InvalidToken' });
}

export function statesModel(world: World, options: StatesOptions = {}): ServiceModel {
  const machines = new Map<string, StateMachine>();
  const executions = new Map<string, Execution>();
  const tokens = new TaskTokens();

  const random = {
    number: () => Number.parseInt(world.uniqueId(13), 16) / 2 ** 52,
    uuid: () => world.uniqueId(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  };
  const clock = {
    now: () => world.now().getTime() + (options.aheadMs?.() ?? 0),
    sleep: (ms: number, signal: AbortSignal) => delay(ms, undefined, { signal }),
  };

  function createStateMachine({ type, properties, generatedName, region }: ResourceRequest) {
    const name = String(properties.StateMachineName ?? generatedName).slice(0, 80);
    const definitionText = definitionOf(properties);
    let definition: StateMachineDefinition;
    try {
      definition = parseDefinition(definitionText);
    } catch (error) {
      if (error instanceof InvalidDefinitionError || error instanceof SyntaxError)
        throw new AwsError('InvalidDefinition', `Invalid State Machine Definition of '${name}': ${error.message}`);
      throw error;
    }
    for (const resource of taskResources(definition)) {
      if (integrationOf(resource) === undefined)
        throw new AwsError(
          'InvalidDefinition',
          `${type} '${name}' uses '${resource}', which is not modelled; add it to rehearsal/states/integrations.ts`,
        );
    }
    const arn = `arn:aws:states:${region}:${world.accountId}:stateMachine:${name}`;
    const roleArn = String(properties.RoleArn);
    if (!world.mayAssume(roleArn, 'states.amazonaws.com', arn)) {
      const who = `Neither the global service principal states.amazonaws.com, nor the regional one`;
      throw new AwsError('AccessDeniedException', `${who} is authorized to assume the provided role ${roleArn}.`);
    }
    machines.set(arn, { arn, name, region, roleArn, definitionText, definition, creationDate: world.now() });
    return { ref: arn, attributes: { Arn: arn, Name: name, StateMachineRevisionId: 'INITIAL' } };
  }

  function startExecution(input: { stateMachineArn: string; name?: string; input?: string }) {
    const machine = machineOf(input.stateMachineArn);
    const name = input.name ?? random.uuid();
    if (!executionNamePattern.test(name)) throw new AwsError('InvalidName', `Invalid Name: '${name}'`);
    const text = input.input ?? '{}';
    const parsed = parseJson(text, 'InvalidExecutionInput', 'Invalid State Machine Execution Input');
    const arn = `arn:aws:states:${machine.region}:${world.accountId}:execution:${machine.name}:${name}`;
    const known = executions.get(arn);
    if (known !== undefined) {
      // The same call again is answered as the first was, while the execution runs.
      if (known.ending === undefined && known.input === text) return { executionArn: arn, startDate: known.startDate };
      throw new AwsError('ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const execution: Execution = {
      arn,
      name,
      machine,
      input: text,
      startDate: world.now(),
      history: [],
      progress: {},
      stop: new AbortController(),
      redrives: [],
      running: Promise.resolve(),
    };
    executions.set(arn, execution);
    announce(execution);
    execution.running = run(execution, parsed);
    return { executionArn: arn, startDate: execution.startDate };
  }

  async function run(execution: Execution, input: Json): Promise<void> {
    const { machine, arn, name } = execution;
    const caller = world.callerFor(machine.roleArn);
    const { region } = machine;
    // An execution of a Region in an outage stands still: it learns nothing and does nothing until the Region is back.
    const call = async (service: string, operation: string, callInput: Record<string, unknown>): Promise<unknown> => {
      for (;;) {
        await world.whenBack(region);
        try {
          return await world.call({ service, operation, region, caller, input: callInput });
        } catch (error) {
          if (!(error instanceof RegionDarkError)) throw error;
        } finally {
          await world.whenBack(region);
        }
      }
    };
    const frozenWithRegion = {
      ...clock,
      sleep: async (ms: number, signal: AbortSignal) => {
        await clock.sleep(ms, signal);
        await world.whenBack(region);
      },
    };
    const shown = { arn, name, machine: machine.name, region: machine.region };
    let ending: Execution['ending'];
    try {
      const result = await runExecution({
        definition: machine.definition,
        input,
        invoke: (resource, args, context) => {
          const integration = integrationOf(resource);
          if (integration === undefined) throw new Error(`'${resource}' was accepted at creation and is not modelled`);
          return integration(args, call, context);
        },
        clock: frozenWithRegion,
        random,
        signal: execution.stop.signal,
        progress: execution.progress,
        ...(execution.redrives.length > 0 && { redrive: { count: execution.redrives.length, startMs: execution.startDate.getTime() } }),
        context: {
          executionArn: arn,
          executionName: name,
          stateMachineArn: machine.arn,
          stateMachineName: machine.name,
          roleArn: machine.roleArn,
        },
        tokens,
        history: execution.history,
        onEvent: (event) => {
          world.log(`${machine.name}: ${event.state} ${event.kind}`, { execution: name, awaitedIn: region, ...event });
          options.onProgress?.(shown, event);
        },
      });
      ending = { ...result, stopDate: new Date(result.stopMs) };
    } catch (error) {
      // A fault of the rehearsal, not of the machine: no catcher may hide it.
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
      const cause = `The rehearsal failed inside '${machine.name}': ${what}`;
      world.log(cause, { execution: name });
      ending = { status: 'FAILED', error: 'States.Runtime', cause, stopDate: world.now() };
    }
    execution.ending = ending;
    announce(execution);
  }

  function announce(execution: Execution): void {
    const { machine, arn, name, input, startDate, ending } = execution;
    const measured = ending && metricOf[ending.status];
    if (measured !== undefined) {
      options.measure?.({ region: machine.region, namespace: 'AWS/States', name: measured, value: 1, dimensions: { StateMachineArn: machine.arn } });
    }
    const output = ending?.output === undefined ? null : JSON.stringify(ending.output);
    world.emit({
      source: 'aws.states',
      detailType: 'Step Functions Execution Status Change',
      region: machine.region,
      resources: [arn],
      detail: {
        executionArn: arn,
        stateMachineArn: machine.arn,
        name,
        status: ending?.status ?? 'RUNNING',
        startDate: startDate.getTime(),
        stopDate: ending?.stopDate.getTime() ?? null,
        input,
        inputDetails: { included: true },
        output,
        outputDetails: output === null ? null : { included: true },
        error: ending?.error ?? null,
        cause: ending?.cause ?? null,
        ...redriveOf(execution),
        redriveDate: execution.redrives.at(-1)?.date.getTime() ?? null,
      },
    });
  }

  function machineOf(arn: string): StateMachine {
    const machine = machines.get(arn);
    if (machine === undefined) throw new AwsError('StateMachineDoesNotExist', `State Machine Does Not Exist: '${arn}'`);
    return machine;
  }

  function executionOf(arn: string): Execution {
    const execution = executions.get(arn);
    if (execution === undefined) throw new AwsError('ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
    return execution;
  }

  function checkToken(state: TokenState): Record<string, never> {
    if (state === 'unknown') throw new AwsError('InvalidToken', 'Invalid token');
    if (state === 'over')
      throw new AwsError(
        'TaskTimedOut',
        'The task token has either expired or the task associated with the token has already been closed.',
      );
    return {};
  }

  const operations: Record<string, OperationHandler> = {
    StartExecution: startExecution,
    async StopExecution({ executionArn, error, cause }: { executionArn: string; error?: string; cause?: string }) {
      const execution = executionOf(executionArn);
      execution.stop.abort({ error, cause });
      await execution.running;
      return { stopDate: execution.ending?.stopDate };
    },
    RedriveExecution({ executionArn, clientToken }: { executionArn: string; clientToken?: string }) {
      const execution = executionOf(executionArn);
      const before = execution.redrives.slice(-clientTokensKept).find((redrive) => redrive.clientToken !== undefined && redrive.clientToken === clientToken);
      if (before !== undefined && world.now().getTime() - before.date.getTime() < clientTokenMs) return { redriveDate: before.date };
      const reason = notRedrivable(execution);
      if (reason !== undefined) throw new AwsError('ExecutionNotRedrivable', reason);
      const redriveDate = world.now();
      execution.redrives.push({ date: redriveDate, ...(clientToken !== undefined && { clientToken }) });
      delete execution.ending;
      execution.stop = new AbortController();
      announce(execution);
      execution.running = run(execution, JSON.parse(execution.input) as Json);
      return { redriveDate };
    },
    DescribeExecution({ executionArn }: { executionArn: string }) {
      const { machine, name, input, startDate, ending } = executionOf(executionArn);
      return {
        executionArn,
        stateMachineArn: machine.arn,
        name,
        status: ending?.status ?? 'RUNNING',
        startDate,
        input,
        inputDetails: { included: true },
        ...redriveOf(executionOf(executionArn)),
        ...(ending === undefined ? {} : { stopDate: ending.stopDate }),
        ...(ending?.output === undefined ? {} : { output: JSON.stringify(ending.output), outputDetails: { included: true } }),
        ...(ending?.error === undefined ? {} : { error: ending.error }),
        ...(ending?.cause === undefined ? {} : { cause: ending.cause }),
      };
    },
    GetExecutionHistory(input: ListInput & { executionArn: string; reverseOrder?: boolean }) {
      const { history } = executionOf(input.executionArn);
      const { elements, next } = paged(input.reverseOrder ? history.toReversed() : history, input, ({ id }) => String(id));
      return { events: elements, nextToken: next };
    },
    ListExecutions({ stateMachineArn, statusFilter, ...asked }: ListInput & { stateMachineArn: string; statusFilter?: string }) {
      const machine = machineOf(stateMachineArn);
      const listed = [...executions.values()]
        .filter(({ machine: of, ending }) => of.arn === machine.arn && (statusFilter === undefined || statusFilter === (ending?.status ?? 'RUNNING')))
        .toReversed();
      const { elements, next } = paged(listed, asked, ({ arn }) => arn);
      return {
        nextToken: next,
        executions: elements.map(({ arn, name, startDate, ending }) => ({
          executionArn: arn,
          stateMachineArn,
          name,
          status: ending?.status ?? 'RUNNING',
          startDate,
          ...(ending === undefined ? {} : { stopDate: ending.stopDate }),
        })),
      };
    },
    DescribeStateMachineForExecution({ executionArn }: { executionArn: string }) {
      const { arn, name, definitionText, roleArn, creationDate } = executionOf(executionArn).machine;
      return { stateMachineArn: arn, name, definition: definitionText, roleArn, updateDate: creationDate };
    },
    DescribeStateMachine({ stateMachineArn }: { stateMachineArn: string }) {
      const { name, definitionText, roleArn, creationDate } = machineOf(stateMachineArn);
      return { stateMachineArn, name, status: 'ACTIVE', definition: definitionText, roleArn, type: 'STANDARD', creationDate };
    },
    ListStateMachines(input: ListInput, { region }: Call) {
      const here = [...machines.values()].filter((machine) => machine.region === region);
      const { elements, next } = paged(here.sort((one, other) => (one.name < other.name ? -1 : 1)), input, ({ arn }) => arn);
      return {
        nextToken: next,
        stateMachines: elements.map(({ arn, name, creationDate }) => ({ stateMachineArn: arn, name, type: 'STANDARD', creationDate })),
      };
    },
    SendTaskSuccess({ taskToken, output }: { taskToken: string; output: string }) {
      return checkToken(tokens.answer(taskToken, { output: parseJson(output, 'InvalidOutput', 'Invalid Output') }));
    },
    SendTaskFailure({ taskToken, error = '', cause = '' }: { taskToken: string; error?: string; cause?: string }) {
      return checkToken(tokens.answer(taskToken, { error, cause }));
    },
    SendTaskHeartbeat({ taskToken }: { taskToken: string }) {
      return checkToken(tokens.heartbeat(taskToken));
    },
  };

  return {
    service: 'states',
    operations,
    resources: { 'AWS::StepFunctions::StateMachine': createStateMachine },
    async close() {
      for (const execution of executions.values())
        execution.stop.abort({ error: 'RehearsalClosed', cause: 'The rehearsal ended while this execution ran.' });
      await Promise.all([...executions.values()].map((execution) => execution.running));
    },
  };
}

/** Why RedriveExecution would refuse, in AWS's words; undefined when it would not. */
function notRedrivable({ ending, history }: Execution): string | undefined {
  if (ending === undefined) return 'Execution is RUNNING and cannot be redriven';
  if (ending.status === 'SUCCEEDED') return 'Execution is SUCCEEDED and cannot be redriven';
  return history.length >= redrivableEventsMax ? 'Execution history event limit exceeded' : undefined;
}

function redriveOf(execution: Execution): Record<string, unknown> {
  const reason = notRedrivable(execution);
  return {
    redriveCount: execution.redrives.length,
    ...(execution.redrives.length > 0 && { redriveDate: execution.redrives.at(-1)?.date }),
    ...(reason === undefined ? { redriveStatus: 'REDRIVABLE' } : { redriveStatus: 'NOT_REDRIVABLE', redriveStatusReason: reason }),
  };
}

function definitionOf(properties: Record<string, unknown>): string {
  const { DefinitionString, Definition, DefinitionSubstitutions } = properties as {
    DefinitionString?: string;
    Definition?: unknown;
    DefinitionSubstitutions?: Record<string, string>;
  };
  const text = DefinitionString ?? (Definition === undefined ? undefined : JSON.stringify(Definition));
  if (text === undefined)
    throw new AwsError('InvalidDefinition', 'A state machine needs DefinitionString or Definition; a definition in S3 is not modelled.');
  return text.replace(/\$\{([^}!]+)\}/g, (whole, name: string) => DefinitionSubstitutions?.[name] ?? whole);
}

function* taskResources(graph: StateGraph): Generator<string> {
  for (const state of Object.values(graph.States)) {
    if (state.Type === 'Task') yield state.Resource;
    if (state.Type === 'Parallel') for (const branch of state.Branches) yield* taskResources(branch);
    if (state.Type === 'Map') yield* taskResources(state.ItemProcessor);
  }
}

function parseJson(text: string, errorName: string, message: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new AwsError(errorName, `${message}: ${(error as Error).message}`);
  }
}
