/**
 * What the worlds of the state machines have in common. A world is what a machine acts on, small enough to be wrong in every way that somebody wants: the real steps of
 * the functions over leases in memory, and models of the few AWS calls that the machine makes itself. The machine is the synthesized one, on a virtual clock.
 */
import type { FunctionContract } from '../../lib/contracts/step.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { runExecution, type EngineClock, type ExecutionOptions, type ExecutionResult, type Json, type ProgressEvent, type TaskContext } from '../../rehearsal/states/engine.ts';
import { TaskTokens } from '../../rehearsal/states/task-tokens.ts';
import { virtualClock } from '../../rehearsal/states/virtual-clock.ts';
import { answered, type Steps } from './answered.ts';
import type { LeaseChange } from './recorded-store.ts';

/** Instead of the task's own work: throws, or answers, or answers nothing to let the work be done. */
export type Fault = (context: TaskContext, args: Json) => Json | undefined;

export interface Task {
  /** `ecs:createTaskSet`, `lambda:invoke`. */
  readonly what: string;
  readonly args: Record<string, Json>;
  readonly context: TaskContext;
}
/** Stands between a machine and its world: does the work once, twice, late or never, and says what it likes. */
export type Between = (task: Task, work: () => Promise<unknown>) => Promise<unknown>;

/** What is there after an execution and nobody needs. */
export interface LeftOver {
  readonly what: string;
  readonly name: string;
  /** Who takes it away when the machine could not, and has said that it needs a person. */
  readonly by?: 'the reaper' | 'the next execution' | 'who reads the cause';
  /** What the cause says of it, where that is who takes it away. */
  readonly said?: string;
}

export const startMs = Date.UTC(2026, 10, 25, 20);

export abstract class World {
  readonly events: ProgressEvent[] = [];
  readonly calls: { readonly state: string; readonly what: string; readonly args: Record<string, Json> }[] = [];
  /** By the name of the state. */
  readonly faults = new Map<string, Fault>();
  readonly reports = new Map<string, Record<string, unknown>>();
  readonly notices: string[] = [];
  between: Between = (_, work) => work();
  /** What has passed unseen: waits that the rehearsal compresses would take thousands of rounds to reach a limit of hours. */
  skippedMs = 0;
  /** Waits last so many times longer, for the same reason. */
  uncompressed = 1;
  /** By contract: what its function does. */
  protected readonly functions = new Map<FunctionContract, Steps>();
  protected readonly tokens = new TaskTokens();
  readonly #usual: { readonly execution: string; readonly request: Json };
  readonly #clock: EngineClock;

  constructor(usual: { readonly execution: string; readonly request: Json }, clock = virtualClock(startMs)) {
    this.#usual = usual;
    this.#clock = clock;
  }

  /** By the clock of the executions. */
  nowMs(): number {
    return this.#clock.now() + this.skippedMs;
  }

  sleep(ms: number): Promise<void> {
    return this.#clock.sleep(ms * this.uncompressed, new AbortController().signal);
  }

  /** `kept`: what an execution keeps for a redrive, and what stops it. */
  async run(
    definition: StateMachineDefinition, input: Json = this.#usual.request, execution = this.#usual.execution, kept: Partial<ExecutionOptions> = {},
  ): Promise<ExecutionResult> {
    return runExecution({
      definition, input,
      clock: { now: () => this.nowMs(), sleep: (ms, signal) => this.#clock.sleep(ms * this.uncompressed, signal) },
      random: { number: () => 0.5, uuid: () => 'uuid' },
      context: { executionArn: execution, executionName: 'run-1' },
      invoke: (resource, args, context) => this.#invoke({ what: resource.split(':').slice(-2).join(':'), args: args as Record<string, Json>, context }),
      tokens: this.tokens,
      ...kept,
      onEvent: (event) => {
        this.events.push(event);
        kept.onEvent?.(event);
      },
    });
  }

  /** States that were entered, in order. */
  visited(): string[] {
    return this.events.flatMap((event) => (event.kind === 'entered' ? [event.state] : []));
  }

  /** All that machines change here and that one which undoes its work leaves as it was: without the marks of time, as epochs. */
  abstract kept(): unknown;

  /** Of an execution that has ended in this way; while it runs, or was stopped, it has no ending. */
  leftOver(_execution: string, _ending: string): readonly LeftOver[] {
    return [];
  }

  /** What EventBridge calls for an execution that did not succeed. */
  async lastNet(_execution: string, _status: string, _request: Json): Promise<void> {
    // Most machines hold nothing.
  }

  /** An error that says something of the world is made true of it; whether it was one. */
  comesTrue(_error: string, _args: Record<string, Json>): boolean {
    return false;
  }

  /** Every change of a lease, in order. */
  get changes(): readonly LeaseChange[] {
    return [];
  }

  /** What was seen broken at an instant of the exchange keys. */
  get broken(): readonly string[] {
    return [];
  }

  /** What nobody may read anywhere. */
  get planted(): readonly string[] {
    return [];
  }

  async #invoke(task: Task): Promise<unknown> {
    const { what, args, context } = task;
    this.calls.push({ state: context.state, what, args });
    const instead = this.faults.get(context.state)?.(context, args);
    if (instead !== undefined) return instead;
    return this.between(task, async () => (what === 'lambda:invoke' ? { StatusCode: 200, Payload: await this.#step(args) } : this.api(what, args, context)));
  }

  #step(args: Record<string, Json>): Promise<unknown> {
    const name = (args['FunctionName'] as string).split(':').at(-1) ?? '';
    // A function of one book alone has that in its name.
    const [contract, steps] = [...this.functions].find(([each]) => name.endsWith(`-${each.name}`)) ?? [];
    const { step, ...input } = args['Payload'] as { readonly step: string };
    this.worldMovesOn(step, input);
    return answered(contract, steps, args['Payload']);
  }

  /** What happens beside a step. */
  protected worldMovesOn(_step: string, _input: unknown): void {
    // Nothing, in most.
  }

  /** A call that the machine makes itself. */
  protected api(what: string, args: Record<string, Json>, _context?: TaskContext): unknown {
    switch (what) {
      case 's3:putObject':
        this.reports.set(args['Key'] as string, args['Body'] as Record<string, unknown>);
        return { ETag: 'e' };
      case 'sns:publish':
        this.notices.push(args['Subject'] as string);
        return { MessageId: 'm' };
      default:
        throw new Error(`the machine made a call that nobody expects: ${what}`);
    }
  }
}
