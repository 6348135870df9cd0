/**
 * What a cutover acts on, small enough to be wrong in every way a test wants: the lease in memory behind the
 * real steps, and the few AWS calls that the machine makes itself. The machine is the synthesized one.
 */
import { changeApprovals } from '../../lib/contracts/change.ts';
import { cutoverInspection, leaseControl } from '../../lib/contracts/cutover.ts';
import { keyRotation } from '../../lib/contracts/key-rotation.ts';
import { bookOperations } from '../../lib/contracts/operations.ts';
import { standbyControl } from '../../lib/contracts/standby.ts';
import type { CanaryFigures } from '../../lib/cutover/canary-figures.ts';
import { inspectionSteps } from '../../lib/cutover/inspection-steps.ts';
import { leaseSteps } from '../../lib/cutover/lease-steps.ts';
import { haltOf, LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import {
  colourOf,
  instanceId,
  type BookName,
  type Colour,
  type Epoch,
  type InstanceId,
  type Lease,
  type WorkflowToken,
} from '../../lib/lease/model.ts';
import { operationSteps } from '../../lib/operations/steps.ts';
import { standbySteps } from '../../lib/standby/steps.ts';
import { loadSettings } from '../../lib/settings/index.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import {
  runExecution,
  TaskFailure,
  type ExecutionOptions,
  type ExecutionResult,
  type Json,
  type ProgressEvent,
  type TaskContext,
} from '../../rehearsal/states/engine.ts';
import { readAssembly } from '../../rehearsal/cloud/assembly.ts';
import type { SettingsVariant } from '../../rehearsal/settings-variants.ts';
import { assemblyOf } from '../assemblies.ts';
import { answered, type Steps } from './answered.ts';
import { deskWith, memoryStore, type Desk } from '../change/desk.ts';
import { TaskTokens } from '../../rehearsal/states/task-tokens.ts';
import { virtualClock } from '../../rehearsal/states/virtual-clock.ts';
import { World as KeyWorld } from '../key-rotation/world.ts';

const settings = loadSettings('dev');
export const region = settings.regions.home.name;
export const book = settings.books[0]!.name as BookName;
export const canaryBook = settings.books[0]!.canary as BookName;
export const images = { trader: `sha256:${'a'.repeat(64)}`, guard: `sha256:${'b'.repeat(64)}` };
const change = { risk: 2, costImpactUsdMonthly: 0, summary: 'quotes further from the touch' };
export const request = { book, images, reason: 'a new strategy', requestedBy: 'ada', change };
export const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-cutover:run-1';

/** The definitions that a deployment would send, by machine, their references resolved to the logical names of the template. */
export function synthesizedMachines(variant?: SettingsVariant, environment: 'dev' | 'staging' = 'dev'): {
  readonly machines: ReadonlyMap<string, StateMachineDefinition>;
  readonly taskTemplate: Record<string, unknown>;
  readonly migrationTemplate: Record<string, unknown>;
} {
  const resourcesOf = (template: Template, type: string): Record<string, unknown>[] =>
    Object.values(template.Resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties ?? {}] : []));
  const atHome = readAssembly(assemblyOf(environment, variant).directory).stacks.filter((stack) => stack.region === region);
  const templates = atHome.map(({ template }) => template as unknown as Template);
  const machines = templates.flatMap((template) =>
    resourcesOf(template, 'AWS::StepFunctions::StateMachine').map((machine) => {
      const name = String(machine['StateMachineName']).replace(`baton-${environment}-`, '');
      return [name, JSON.parse(joined(machine['DefinitionString'], template)) as StateMachineDefinition] as const;
    }));
  const taskTemplates = templates.flatMap((template) => resourcesOf(template, 'AWS::ECS::TaskDefinition'));
  const templateOf = (family: string): Record<string, unknown> => taskTemplates.find((each) => each['Family'] === family) ?? {};
  return {
    machines: new Map(machines), taskTemplate: templateOf('baton-dev-alpha-template'),
    migrationTemplate: templateOf('baton-dev-alpha-migration-template'),
  };
}

export function synthesizedCutover(): {
  readonly definition: StateMachineDefinition;
  readonly taskTemplate: Record<string, unknown>;
  readonly migrationTemplate: Record<string, unknown>;
} {
  const { machines, ...templates } = synthesizedMachines();
  return { definition: machines.get('cutover')!, ...templates };
}

interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string; readonly Properties?: Record<string, unknown> }>>;
}

function joined(value: unknown, template: Template): string {
  if (typeof value === 'string') return value;
  const {
    'Fn::Join': join,
    'Fn::GetAtt': attribute,
    Ref,
  } = value as { 'Fn::Join'?: [string, unknown[]]; 'Fn::GetAtt'?: [string, string]; Ref?: string };
  if (join !== undefined) return join[1].map((part) => joined(part, template)).join(join[0]);
  if (Ref !== undefined) return Ref === 'AWS::Partition' ? 'aws' : Ref;
  if (attribute !== undefined) {
    return (template.Resources[attribute[0]]?.Properties?.['FunctionName'] as string | undefined) ?? attribute[0];
  }
  return Object.keys(value as object).join();
}

interface TaskSet {
  readonly Id: string;
  readonly ExternalId: Colour;
  readonly TaskDefinition: string;
  readonly ClientToken?: string;
  Status: string;
  looks: number;
}

/** Instead of the task's own work: throws, or answers, or answers nothing to let the work be done. */
export type Fault = (context: TaskContext, args: Json) => Json | undefined;

export class CutoverWorld {
  readonly store = new MemoryLeaseStore();
  readonly control = new LeaseControl(this.store);
  readonly events: ProgressEvent[] = [];
  readonly calls: { readonly state: string; readonly what: string; readonly args: Record<string, Json> }[] = [];
  readonly faults = new Map<string, Fault>();
  taskSets: TaskSet[] = [];
  primary: string | undefined;
  snapshots = new Map<string, number>();
  readonly reports = new Map<string, Record<string, unknown>>();
  readonly notices: string[] = [];
  parameter: string | undefined;
  freeze = JSON.stringify({ frozen: false });
  approvalsRequired = 0;
  /** The commands that were run. */
  readonly migrations: string[] = [];
  /** How each ends; one that is not there never does. */
  migrationExits: { 'migrate-expand'?: number; 'migrate-contract'?: number } = { 'migrate-expand': 0, 'migrate-contract': 0 };
  /** Called before the machine looks whether its change was approved. */
  onAsked: (desk: Desk) => unknown = () => undefined;

  /** The venue's keys of the book, and its tasks. */
  keys = new KeyWorld();
  /** What somebody answers who is asked by this message, with the token of the task; nobody does when there is no answer. */
  onPersonAsked: (subject: string, message: string) => { readonly output: Json } | { readonly error: string; readonly cause: string } | undefined = () => undefined;
  readonly #tokens = new TaskTokens();

  /** Waits last so many times longer: those that the rehearsal compresses may have to reach a limit of hours. */
  uncompressed = 1;

  // What the world does by itself; a test turns these.
  snapshotCompletes = true;
  snapshotFails = false;
  tasksRun = true;
  taskSetsStop = true;
  standbysReady = true;
  onDrain: (world: CutoverWorld, to: Colour) => void = (world, to) => world.handOver(to);
  trades: (colour: Colour, looks: number) => boolean = () => true;
  /** What the task set that this execution starts says that it runs. */
  startedDigest = images.trader;
  /** What a machine looks at between two moments: the book, halted or open, moves on by itself. */
  onLook: (world: CutoverWorld) => void = () => undefined;
  /** What the journal of a canary has; nothing as long as a test does not say. */
  figures: CanaryFigures = { mark: async () => undefined, orders: async (_, next) => ({ sent: 0, failed: 0, latenciesMs: [], next }) };
  /** Executions of other machines that this one started, by their names. */
  readonly parts = new Map<string, { readonly machine: string; readonly input: Record<string, Json>; looks: number }>();
  /** How such an execution ends; it runs for ever when there is no answer. Asked when it is looked at for the second time. */
  partEnds: (machine: string, input: Record<string, Json>) => { readonly Status: string; readonly Error?: string; readonly Cause?: string } | undefined =
    () => ({ Status: 'SUCCEEDED' });
  /** Revisions by their names, beside the template: the digest of the trader that each runs. */
  readonly revisions = new Map<string, string>([['baton-dev-alpha:1', `sha256:${'1'.repeat(64)}`]]);

  #accepted = 0;
  #created = 0;
  #looks = 0;
  #beat = 0;
  #desk: Desk | undefined;
  #migrationLooks = 0;
  readonly #steps;
  /** Books whose bots need the database. */
  readonly booksThatWrite: string[] = [];

  constructor() {
    const acceptedOrders = {
      newestOf: async (_book: BookName, epoch: Epoch): Promise<readonly string[]> => {
        this.#looks += 1;
        const holder = this.lease().holder;
        if (holder !== undefined && this.trades(colourOf(holder), this.#looks)) this.#accepted += 5;
        const prefix = String(epoch).padStart(10, '0');
        return Array.from(
          { length: Math.min(this.#accepted, 20) },
          (_, back) => `${prefix}#${String(this.#accepted - back).padStart(14, '0')}`,
        );
      },
    };
    this.#steps = {
      [`baton-dev-${leaseControl.name}`]: leaseSteps(this.control),
      [`baton-dev-${cutoverInspection.name}`]: inspectionSteps({
        control: this.control, acceptedOrders, books: [book, canaryBook, 'other'], now: () => new Date('2026-11-25T20:00:00Z'),
        figures: { mark: (of) => this.figures.mark(of), orders: (...of) => this.figures.orders(...of) },
        patience: { looks: 1, pause: async () => undefined },
      }),
      [`baton-dev-${bookOperations.name}`]: operationSteps({
        control: this.control, acceptedOrders, books: [book, 'other'], cutoverExecutions: executionArn.slice(0, executionArn.lastIndexOf(':') + 1),
      }),
      [`baton-dev-${standbyControl.name}`]: standbySteps({ control: this.control, books: [book, 'other'], booksThatWrite: this.booksThatWrite, region }),
      [`baton-dev-${changeApprovals.name}`]: {
        open: (input: never) => this.desk().machine.open(input),
        extend: (input: never) => this.desk().machine.extend(input),
        look: async (input: never) => {
          await this.onAsked(this.desk());
          return this.desk().machine.look(input);
        },
      },
    } as Readonly<Record<string, Steps>>;
  }

  /** A book as its first deployment leaves it. */
  static async new(): Promise<CutoverWorld> {
    const world = new CutoverWorld();
    await world.control.createBook({ book, home: region, leaseMs: 5000 });
    return world;
  }

  /** A book that blue trades since epoch 7. */
  static async trading(): Promise<CutoverWorld> {
    const world = await CutoverWorld.new();
    world.set({
      mode: 'open',
      epoch: 7 as Epoch,
      holder: world.instance('blue', 1),
      heartbeat: 40,
      live: { imageDigest: 'sha256:old', guardDigest: images.guard, taskDefinition: 'old:1' },
    });
    world.taskSets.push({ Id: 'ts-old', ExternalId: 'blue', TaskDefinition: 'old:1', Status: 'PRIMARY', looks: 9 });
    world.primary = 'ts-old';
    for (const n of [1, 2]) world.register('blue', n, 'sha256:old');
    return world;
  }

  lease(): Lease {
    const lease = this.store.readNow(book);
    if (lease === undefined) throw new Error('the book has no lease');
    return lease;
  }

  set(
    set: Partial<Pick<Lease, 'home' | 'mode' | 'epoch' | 'holder' | 'heartbeat' | 'live' | 'previous' | 'contractedBy' | 'successor' | 'grantId'>>,
    remove: ('successor' | 'holder' | 'previous')[] = [],
  ): void {
    this.store.writeNow({ name: 'renew', book, expects: [], set, remove });
  }

  /** Where this execution's approvals are. */
  desk(): Desk {
    this.#desk ??= deskWith({
      store: memoryStore(), required: this.approvalsRequired, environment: 'dev',
      executionsArn: executionArn.replace(/cutover:.*$/, ''),
    });
    return this.#desk;
  }

  preempt(): void {
    const { token } = this.lease().workflow;
    this.store.writeNow({
      name: 'take-workflow', book, expects: [], set: { 'workflow.token': (token + 1) as WorkflowToken, 'workflow.execution': 'failover' },
    });
  }

  instance(colour: Colour, n: number): InstanceId {
    return instanceId(region, colour, `i${n}`);
  }

  handOver(to: Colour): void {
    this.set({ mode: 'open', epoch: (this.lease().epoch + 1) as Epoch, holder: this.instance(to, 1), heartbeat: 1 }, ['successor']);
    this.#accepted = 0;
  }

  /** The one that was granted the book dies before it renews, and another colour takes it when the lease has run out. */
  retake(by: Colour): void {
    this.handOver(by);
    this.handOver(by);
  }

  /** `kept`: what an execution keeps for a redrive, and what stops it. */
  async run(
    definition: StateMachineDefinition, input: Json = request, execution = executionArn, kept: Partial<ExecutionOptions> = {},
  ): Promise<ExecutionResult> {
    const clock = virtualClock(Date.UTC(2026, 10, 25, 20));
    return runExecution({
      definition,
      input,
      clock: { now: clock.now, sleep: (ms, signal) => clock.sleep(ms * this.uncompressed, signal) },
      random: { number: () => 0.5, uuid: () => 'uuid' },
      context: { executionArn: execution, executionName: 'run-1' },
      invoke: (resource, args, context) => this.#invoke(resource, args as Record<string, Json>, context),
      tokens: this.#tokens,
      ...kept,
      onEvent: (event) => {
        this.events.push(event);
        kept.onEvent?.(event);
      },
    });
  }

  /** States that were entered, in order. */
  visited(): string[] {
    return this.events.filter(({ kind }) => kind === 'entered').map(({ state }) => state);
  }

  async #invoke(resource: string, args: Record<string, Json>, context: TaskContext): Promise<unknown> {
    const what = resource.split(':').slice(-2).join(':');
    this.calls.push({ state: context.state, what, args });
    const instead = this.faults.get(context.state)?.(context, args);
    if (instead !== undefined) return instead;
    if (what === 'lambda:invoke') return { StatusCode: 200, Payload: (await this.#step(args)) as Json };
    if (what === 'sns:publish.waitForTaskToken') return this.#asked(args as { Subject: string; Message: string }, context);
    return this.#api(what, args);
  }

  #asked({ Subject, Message }: { readonly Subject: string; readonly Message: string }, { taskToken = '' }: TaskContext): Json {
    this.notices.push(Subject);
    const answer = this.onPersonAsked(Subject, Message);
    if (answer !== undefined) this.#tokens.answer(taskToken, answer);
    return { MessageId: 'm' };
  }

  #step(args: Record<string, Json>): Promise<unknown> {
    const name = (args['FunctionName'] as string).split(':').at(-1) ?? '';
    if (name === `baton-dev-${book}-${keyRotation.name}`) return answered(keyRotation, this.keys.steps(), args['Payload']);
    const contract = [leaseControl, cutoverInspection, changeApprovals, bookOperations, standbyControl].find((each) => `baton-dev-${each.name}` === name);
    this.#worldMovesOn((args['Payload'] as { step: string }).step);
    return answered(contract, this.#steps[name], args['Payload']);
  }

  #worldMovesOn(step: string): void {
    this.#beat += 1;
    if (step === 'tradesAgain' || step === 'stopped') this.onLook(this);
    if (step === 'standbys') {
      for (const set of this.taskSets) {
        for (const n of [1, 2]) this.register(set.ExternalId, n, set.ClientToken === undefined ? 'sha256:old' : this.startedDigest);
      }
    }
    if (step === 'handover') {
      const { mode, successor, holder } = this.lease();
      if (mode === 'draining') this.onDrain(this, successor as Colour);
      else if (holder === undefined && mode === 'open') this.onDrain(this, 'blue');
    }
  }

  register(colour: Colour, n: number, imageDigest: string): void {
    this.store.registerNow({
      book, instance: this.instance(colour, n), colour, region, imageDigest, ready: this.standbysReady, reconciled: true, beat: this.#beat,
    });
  }

  #api(what: string, args: Record<string, Json>): unknown {
    switch (what) {
      case 'ecr:describeImages':
        return { ImageDetails: [{}] };
      case 'rds:createDBSnapshot':
        this.snapshots.set(args['DbSnapshotIdentifier'] as string, 0);
        return { DbSnapshot: {} };
      case 'rds:describeDBSnapshots': {
        const id = args['DbSnapshotIdentifier'] as string;
        const looks = (this.snapshots.get(id) ?? 0) + 1;
        this.snapshots.set(id, looks);
        const done = this.snapshotFails ? 'failed' : 'available';
        return { DbSnapshots: [{ DbSnapshotIdentifier: id, Status: this.snapshotCompletes && looks > 2 ? done : 'creating' }] };
      }
      case 'dynamodb:updateItem': {
        const { book: named, reason, by } = haltIn(args);
        const { outcome } = this.store.writeNow(haltOf(named, { reason, by }));
        if (outcome === 'refused') throw new TaskFailure('DynamoDb.ConditionalCheckFailedException', 'The conditional request failed');
        return { Attributes: this.#item() };
      }
      case 'dynamodb:getItem':
        this.onLook(this);
        return { Item: this.#item() };
      case 'ecs:listTaskDefinitions':
        return { TaskDefinitionArns: [...this.revisions.keys()].toReversed() };
      case 'ecs:describeTaskDefinition': {
        const named = args['TaskDefinition'] as string;
        const digest = this.revisions.get(named);
        return {
          TaskDefinition: {
            TaskDefinitionArn: digest === undefined ? 'template:3' : named,
            Family: digest === undefined ? 'template' : named.split(':')[0],
            Revision: digest === undefined ? 3 : Number(named.split(':').at(-1)),
            TaskRoleArn: 'task-role',
            ExecutionRoleArn: 'execution-role',
            NetworkMode: 'awsvpc',
            Cpu: '1024',
            Memory: '2048',
            RequiresCompatibilities: ['FARGATE'],
            Volumes: [],
            ContainerDefinitions: ['guard', 'trader'].map((Name) => ({
              Name,
              Image: digest === undefined ? 'none' : `repository@${Name === 'trader' ? digest : images.guard}`,
              Essential: true,
              Environment: [
                { Name: 'BATON_BOOK', Value: book },
                ...(digest === undefined ? [] : [{ Name: 'BATON_COLOUR', Value: 'blue' }, { Name: 'BATON_IMAGE_DIGEST', Value: digest }]),
              ],
            })),
          },
        };
      }
      case 'ecs:registerTaskDefinition':
        return { TaskDefinition: { TaskDefinitionArn: (args['Family'] as string).endsWith('-migration') ? 'migration:1' : 'new:1' } };
      case 'ecs:runTask': {
        const { ContainerOverrides: overrides } = args['Overrides'] as { ContainerOverrides: { Command: string[] }[] };
        const command = overrides[0]?.Command.join(' ') ?? '';
        this.migrations.push(command);
        return { Tasks: [{ TaskArn: `arn:aws:ecs:us-east-1:111111111111:task/baton-dev/${command.replace(' ', '-')}` }], Failures: [] };
      }
      case 'ecs:describeTasks': {
        const command = (args['Tasks'] as string[])[0]?.split('/').at(-1) ?? '';
        const exit = this.migrationExits[command as keyof typeof this.migrationExits];
        this.#migrationLooks += 1;
        const running = exit === undefined || this.#migrationLooks % 2 === 1;
        if (running) return { Tasks: [{ LastStatus: 'RUNNING', Containers: [{ Name: 'migrate' }] }] };
        const reason = 'Essential container in task exited';
        return { Tasks: [{ LastStatus: 'STOPPED', StoppedReason: reason, Containers: [{ Name: 'migrate', ExitCode: exit }] }] };
      }
      case 'ecs:stopTask':
        this.migrations.push('stopped');
        return { Task: {} };
      case 'ecs:createTaskSet': {
        const { ClientToken, ExternalId, TaskDefinition } = args as unknown as TaskSet;
        const known = this.taskSets.find((set) => set.ClientToken === ClientToken);
        const set = known ?? { Id: this.#created++ === 0 ? 'ts-new' : `ts-new-${this.#created}`, ExternalId, TaskDefinition, ClientToken: ClientToken!, Status: 'ACTIVE', looks: 0 };
        if (known === undefined) this.taskSets.push(set);
        return { TaskSet: { Id: set.Id } };
      }
      case 'ecs:describeServices':
        return { Services: [{ TaskSets: this.#describeTaskSets() }] };
      case 'ecs:describeTaskSets':
        return { TaskSets: this.#describeTaskSets(args['TaskSets'] as string[]) };
      case 'ecs:deleteTaskSet':
        for (const set of this.taskSets) if (set.Id === args['TaskSet']) Object.assign(set, { Status: 'DRAINING', looks: 10 });
        return { TaskSet: {} };
      case 'ecs:updateServicePrimaryTaskSet':
        this.primary = args['PrimaryTaskSet'] as string;
        return { TaskSet: {} };
      case 'ssm:getParameter':
        return { Parameter: { Value: this.freeze } };
      case 'ssm:putParameter':
        this.parameter = args['Value'] as string;
        return { Version: 2 };
      case 'sfn:startExecution': {
        const name = args['Name'] as string;
        const machine = (args['StateMachineArn'] as string).replace(/^.*:baton-dev-/, '');
        if (this.parts.has(name)) throw new TaskFailure('Sfn.ExecutionAlreadyExistsException', `Execution Already Exists: ${name}`);
        this.parts.set(name, { machine, input: JSON.parse(args['Input'] as string) as Record<string, Json>, looks: 0 });
        return { ExecutionArn: name };
      }
      case 'sfn:describeExecution': {
        const part = this.parts.get((args['ExecutionArn'] as string).split(':').at(-1) ?? '');
        if (part === undefined) throw new TaskFailure('Sfn.ExecutionDoesNotExistException', 'Execution Does Not Exist');
        part.looks += 1;
        return (part.looks > 1 ? this.partEnds(part.machine, part.input) : undefined) ?? { Status: 'RUNNING' };
      }
      case 's3:putObject':
        this.reports.set(args['Key'] as string, args['Body'] as Record<string, unknown>);
        return { ETag: 'e' };
      case 'sns:publish':
        this.notices.push(args['Subject'] as string);
        return { MessageId: 'm' };
      default:
        throw new Error(`the machine made a call that no test expects: ${what}`);
    }
  }

  #item(): Json {
    const { holder, epoch } = this.lease();
    return { epoch: { N: String(epoch) }, ...(holder !== undefined && { holder: { S: holder } }) };
  }

  #describeTaskSets(ids?: readonly string[]): Record<string, unknown>[] {
    if (this.taskSetsStop) this.taskSets = this.taskSets.filter((set) => set.Status !== 'DRAINING' || set.looks++ < 11);
    const shown = this.taskSets.filter(({ Id }) => ids === undefined || ids.includes(Id));
    return shown.map((set) => {
      set.looks += 1;
      return {
        Id: set.Id,
        ExternalId: set.ExternalId,
        TaskDefinition: set.TaskDefinition,
        Status: set.Status,
        ComputedDesiredCount: 2,
        RunningCount: this.tasksRun && set.looks > 1 ? 2 : 1,
      };
    });
  }
}

/** What a halt writes, out of the request that its machine sends. */
function haltIn(args: Record<string, Json>): { readonly book: BookName; readonly reason: string; readonly by: string } {
  const { Key, ExpressionAttributeValues: values } = args as unknown as {
    Key: { book: { S: BookName } }; ExpressionAttributeValues: Record<string, { M?: { reason: { S: string }; by: { S: string } } }>;
  };
  const halt = Object.values(values).find(({ M }) => M !== undefined)?.M;
  if (halt === undefined) throw new Error('the write is no halt');
  return { book: Key.book.S, reason: halt.reason.S, by: halt.by.S };
}
