/**
 * What a cutover acts on, small enough to be wrong in every way somebody wants: the lease in memory behind the
 * real steps, and the few AWS calls that the machine makes itself.
 */
import { changeApprovals } from '../../lib/contracts/change.ts';
import { cutoverInspection, leaseControl } from '../../lib/contracts/cutover.ts';
import { keyRotation } from '../../lib/contracts/key-rotation.ts';
import { bookOperations } from '../../lib/contracts/operations.ts';
import { standbyControl } from '../../lib/contracts/standby.ts';
import type { CanaryFigures } from '../../lib/cutover/canary-figures.ts';
import { inspectionSteps } from '../../lib/cutover/inspection-steps.ts';
import { lastNet } from '../../lib/cutover/last-net.ts';
import { leaseSteps } from '../../lib/cutover/lease-steps.ts';
import { haltOf, LeaseControl } from '../../lib/lease/control.ts';
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
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import type { Steps } from './answered.ts';
import { deskWith, memoryStore, type Desk } from './desk.ts';
import { plantedSecret, World as KeyWorld } from './keys.ts';
import { leftOnLeases, RecordedLeaseStore, type LeaseChange } from './recorded-store.ts';
import { World, type LeftOver } from './world.ts';

const settings = loadSettings('dev');
export const region = settings.regions.home.name;
export const book = settings.books[0]!.name as BookName;
export const canaryBook = settings.books[0]!.canary as BookName;
export const images = { trader: `sha256:${'a'.repeat(64)}`, guard: `sha256:${'b'.repeat(64)}` };
const change = { risk: 2, costImpactUsdMonthly: 0, summary: 'quotes further from the touch' };
export const request = { book, images, reason: 'a new strategy', requestedBy: 'ada', change };
export const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-cutover:run-1';

interface TaskSet {
  readonly Id: string;
  readonly ExternalId: Colour;
  readonly TaskDefinition: string;
  readonly ClientToken?: string;
  Status: string;
  looks: number;
}

export class CutoverWorld extends World {
  readonly store = new RecordedLeaseStore();
  readonly control = new LeaseControl(this.store);
  taskSets: TaskSet[] = [];
  primary: string | undefined;
  snapshots = new Map<string, number>();
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
  /** Books whose bots need the database. */
  readonly booksThatWrite: string[] = [];

  constructor() {
    super({ execution: executionArn, request });
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
    const byContract = [
      [leaseControl, leaseSteps(this.control)],
      [cutoverInspection, inspectionSteps({
        control: this.control, acceptedOrders, books: [book, canaryBook, 'other'], now: () => new Date('2026-11-25T20:00:00Z'),
        figures: { mark: (of) => this.figures.mark(of), orders: (...of) => this.figures.orders(...of) },
        patience: { looks: 1, pause: async () => undefined },
      })],
      [bookOperations, operationSteps({
        control: this.control, acceptedOrders, books: [book, 'other'], cutoverExecutions: executionArn.slice(0, executionArn.lastIndexOf(':') + 1),
      })],
      [standbyControl, standbySteps({ control: this.control, books: [book, 'other'], booksThatWrite: this.booksThatWrite, region })],
      [changeApprovals, {
        open: (input: never) => this.desk().machine.open(input),
        extend: (input: never) => this.desk().machine.extend(input),
        look: async (input: never) => {
          await this.onAsked(this.desk());
          return this.desk().machine.look(input);
        },
      }],
    ] as const;
    for (const [contract, steps] of byContract) this.functions.set(contract, steps);
    // A test may put other keys there.
    this.functions.set(keyRotation, new Proxy({}, { get: (_, step: string) => (this.keys.steps() as unknown as Steps)[step] }));
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

  override kept(): unknown {
    const { home, mode, halt, live, previous, contractedBy, holder } = this.lease();
    // What an earlier attempt left may be gone, and so may a standby that nobody wanted any more.
    const taskSets = this.#running().filter(({ Id, TaskDefinition }) => Id === this.primary || TaskDefinition === live?.taskDefinition);
    return structuredClone({
      home, mode, halt: mode === 'halted' && halt, live, previous, contractedBy, colour: holder && colourOf(holder), primary: this.primary, parameter: this.parameter,
      taskSets: taskSets.map(({ Id }) => Id),
    });
  }

  override leftOver(execution: string, ending: string): readonly LeftOver[] {
    // Who gives way to another machine leaves to it what there is.
    const gaveWay = JSON.stringify([...this.reports.values()]).includes('gave way');
    const besideThePrimary = gaveWay ? [] : this.#running().filter(({ Id }) => Id !== this.primary);
    return [...leftOnLeases(this.store, execution), ...(ending === 'Succeeded' || ending === 'RolledBack' ? besideThePrimary.map(({ Id }) => ({ what: 'a task set', name: Id })) : [])];
  }

  override async lastNet(execution: string, status: string, input: Json): Promise<void> {
    await lastNet({ control: this.control, notify: async ({ subject }) => void this.notices.push(subject) }).release({ execution, status, request: JSON.stringify(input) });
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    switch (error) {
      case 'Ecs.TaskSetNotFoundException':
        this.taskSets = this.taskSets.filter(({ Id }) => Id !== args['TaskSet']);
        return true;
      case 'WorkflowPreemptedError':
        this.preempt();
        return true;
      case 'Sfn.ExecutionAlreadyExistsException':
        this.api('sfn:startExecution', args);
        return true;
      default:
        return false;
    }
  }

  override get changes(): readonly LeaseChange[] {
    return this.store.changes;
  }

  override get broken(): readonly string[] {
    return this.keys.broken;
  }

  override get planted(): readonly string[] {
    return [plantedSecret];
  }

  #running(): readonly TaskSet[] {
    return this.taskSets.filter(({ Status }) => Status !== 'DRAINING');
  }

  #asked({ Subject, Message }: { readonly Subject: string; readonly Message: string }, { taskToken = '' }: TaskContext): Json {
    this.notices.push(Subject);
    const answer = this.onPersonAsked(Subject, Message);
    if (answer !== undefined) this.tokens.answer(taskToken, answer);
    return { MessageId: 'm' };
  }

  protected override worldMovesOn(step: string): void {
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

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    switch (what) {
      case 'sns:publish.waitForTaskToken':
        return this.#asked(args as { Subject: string; Message: string }, context!);
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
      default:
        return super.api(what, args, context);
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
