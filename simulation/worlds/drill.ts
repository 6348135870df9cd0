/**
 * What a drill acts on, small enough to be wrong in every way somebody wants: leases in memory behind the real steps of drills and failovers, a vault, a restored database
 * and a shadow task that come and go, and evidence behind the real signature.
 */
import { drillCheck, drillControl, shadowBook, type DrillReport, type Objectives } from '../../lib/contracts/drill.ts';
import { drillControlSteps } from '../../lib/drill/control-steps.ts';
import { Shadow } from '../../lib/drill/shadow.ts';
import { RestoredUnreachableError } from '../../lib/verification/errors.ts';
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { alpha, away, books, here, live, RecoveryWorld } from './recovery.ts';
import { Evidence } from './evidence.ts';
import { startMs, type LeftOver } from './world.ts';

export const executionArn = `arn:aws:states:${here}:111111111111:execution:baton-dev-dr-drill:run-1`;
export const request = { book: alpha, reason: 'it is time', requestedBy: 'ada' };
export const images = { trader: `sha256:${'a'.repeat(64)}`, guard: `sha256:${'b'.repeat(64)}` };
const minuteMs = 60_000;
const taskArn = 'arn:aws:ecs:here:1:task/baton-dev-drills/abc';

interface Made {
  status: string;
  looks: number;
}

export class DrillWorld extends RecoveryWorld {
  readonly evidence = new Evidence();
  readonly registered: Record<string, Json>[] = [];

  // What the world does by itself; a test turns these.
  snapshots = [{ age: 100, snapshot: 'awsbackup:job-old' }, { age: 30, snapshot: 'awsbackup:job-new' }];
  objectives: Objectives = { restoreSeconds: 3600, recoveryPointSeconds: 9000, ordersSeconds: 8 };
  /** After so many looks what was begun has ended. */
  looks = 3;
  restoredAs = 'available';
  answersAfter = 2;
  newestCommitAgeMinutes = 45;
  standsBy = true;
  /** How the shadow task ends by itself; it does not when undefined. */
  taskDies: string | undefined;
  taskStops = true;
  ledgerHasOrders = true;
  removalsRefused = 0;
  removes = true;
  restored: Made | undefined;
  task: (Made & { readonly startedBy: string }) | undefined;
  #asked = 0;

  constructor() {
    super();
    const { store: evidence, sign } = this.evidence;
    this.functions.set(drillControl, drillControlSteps({
      installation: 'baton-dev', vault: 'baton-dev', evidence, books, region: here, control: this.control,
      shadow: new Shadow({ control: this.control, store: this.store, leaseMs: 5000 }),
      snapshots: async () => this.snapshots.map(({ age, snapshot }) => ({ snapshot, recoveryPointArn: `arn:aws:rds:${here}:1:snapshot:${snapshot}`, createdAt: new Date(startMs - age * minuteMs) })),
      admit: async () => {
        if (this.restored === undefined) throw new Error('there is none');
        Object.assign(this.restored, { status: 'resetting-master-credentials', looks: 0 });
      },
      sign,
      objectives: this.objectives,
      passedWithinDays: 40, nowMs: () => this.nowMs(), patience: { looks: 1, pause: async () => undefined },
    }));
    this.functions.set(drillCheck, {
      reach: async () => {
        this.#asked += 1;
        if (this.#asked < this.answersAfter) return { answeredAt: '', newestCommitAt: '' };
        return { answeredAt: new Date(this.nowMs()).toISOString(), newestCommitAt: new Date(startMs - this.newestCommitAgeMinutes * minuteMs).toISOString() };
      },
      written: async ({ epoch }: { epoch: number }) => {
        if (this.restored === undefined) throw new RestoredUnreachableError(new Error('it is gone'));
        if (!this.ledgerHasOrders) this.skippedMs += minuteMs;
        return { orders: this.ledgerHasOrders && epoch === this.lease(shadowBook).epoch ? 3 : 0 };
      },
    });
  }

  /** The books trade in the other Region, which stands. */
  static async standing(more: Partial<DrillWorld> = {}): Promise<DrillWorld> {
    const world = new DrillWorld();
    for (const book of books) {
      await world.control.createBook({ book, home: away, leaseMs: 5000 });
      world.set(book, { mode: 'open', epoch: 7 as never, holder: world.instance(book, away), heartbeat: 40, live: { ...live, imageDigest: images.trader, guardDigest: images.guard } });
    }
    return Object.assign(world, more);
  }

  /** Signed reports of drills before, a month apart, the newest first. */
  drilledBefore(drills: readonly { readonly passed?: boolean; readonly ordersSeconds: number }[]): void {
    for (const [back, { passed = true, ordersSeconds }] of drills.entries()) {
      const begunAt = new Date(startMs - (back + 1) * 30 * 24 * 60 * minuteMs).toISOString();
      const report: DrillReport = {
        installation: 'baton-dev', name: `baton-dev-drill-${back}`, execution: 'e', book: alpha, requestedBy: 'ada', reason: 'it was time', region: here, lost: away, release: images,
        recoveryPointArn: 'a', createdAt: begunAt, begunAt, endedAt: begunAt, passed, objectives: {}, slower: [], why: '', leftOver: '',
        measures: { restoreSeconds: 900, recoveryPointSeconds: 2700, startSeconds: 60, ordersSeconds, ledgerSeconds: 2, totalSeconds: 1500 },
      };
      this.evidence.set(`drills/${begunAt}-${report.name}.json`, JSON.stringify(report));
    }
  }

  signed(): DrillReport | undefined {
    return this.evidence.signed() as DrillReport | undefined;
  }

  /** What is left: of the restored database, the task, the shadow book and the locks. */
  left(): readonly string[] {
    const shadow = this.store.readNow(shadowBook);
    return [
      ...(this.restored === undefined ? [] : ['database']),
      ...(this.task === undefined || this.task.status === 'STOPPED' ? [] : ['task']),
      ...(shadow === undefined || (shadow.mode === 'halted' && shadow.workflow.execution === undefined) ? [] : ['shadow']),
      ...books.filter((book) => this.lease(book).workflow.execution !== undefined).map((book) => `lock of ${book}`),
    ];
  }

  override kept(): unknown {
    const { leases } = super.kept() as { leases: unknown };
    return { leases };
  }

  override leftOver(execution: string, ending: string): readonly LeftOver[] {
    const taker = { database: { by: 'the reaper' }, shadow: { by: 'the next execution' }, task: { by: 'who reads the cause', said: 'is left, as far as is known' } } as const;
    const ofRealBooks = super.leftOver(execution, ending).filter(({ name }) => name !== shadowBook);
    return [...ofRealBooks, ...this.left().map((what) => ({ what, name: what, ...taker[what as keyof typeof taker] }))];
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    if (error === 'Rds.DbInstanceNotFoundException') this.restored = undefined;
    else if (error === 'Rds.DbInstanceAlreadyExistsException') this.restored = { status: 'creating', looks: 0 };
    else return super.comesTrue(error, args);
    return true;
  }

  /** The shadow trader takes over as any standby does, some time after the lease ran out. */
  protected override worldMovesOn(step: string, input: { readonly book: typeof alpha }): void {
    if (step === 'tradingHere' && this.task?.status === 'RUNNING') {
      if (!this.takesOver(input.book)) this.skippedMs += minuteMs;
      else if (this.lease(input.book).holder?.startsWith(here) !== true) this.skippedMs += 4000;
      super.worldMovesOn(step, input);
    }
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    switch (what) {
      case 'rds:restoreDBInstanceFromDBSnapshot':
        if (this.restored !== undefined) throw new TaskFailure('Rds.DbInstanceAlreadyExistsException', 'it is there');
        this.restored = { status: 'creating', looks: 0 };
        return { DbInstance: {} };
      case 'rds:describeDBInstances': {
        const made = existing(this.restored);
        this.#moveOn(made);
        return { DbInstances: [{ DbInstanceStatus: made.status, ...(made.status !== 'creating' && { Endpoint: { Address: 'restored.example', Port: 5432 } }) }] };
      }
      case 'rds:deleteDBInstance': {
        const made = existing(this.restored);
        if (this.removalsRefused > 0) {
          this.removalsRefused -= 1;
          throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'not now');
        }
        Object.assign(made, { status: 'deleting', looks: 0 });
        return { DbInstance: {} };
      }
      case 'ecs:describeTaskDefinition':
        return { TaskDefinition: this.template };
      case 'ecs:registerTaskDefinition':
        this.registered.push(args);
        return { TaskDefinition: { TaskDefinitionArn: 'arn:aws:ecs:here:1:task-definition/baton-dev-alpha-drill:4' } };
      case 'ecs:runTask':
        this.task ??= { status: 'PENDING', looks: 0, startedBy: args['StartedBy'] as string };
        return { Tasks: [{ TaskArn: taskArn }] };
      case 'ecs:listTasks': {
        const isListed = this.task !== undefined && !['STOPPING', 'STOPPED'].includes(this.task.status) && this.task.startedBy === args['StartedBy'];
        return { TaskArns: isListed ? [taskArn] : [] };
      }
      case 'ecs:stopTask':
        if (this.task === undefined || args['Task'] !== taskArn) throw new TaskFailure('Ecs.InvalidParameterException', 'The referenced task was not found.');
        Object.assign(this.task, { status: 'STOPPING', looks: 0 });
        return { Task: {} };
      case 'ecs:describeTasks': {
        const { task } = this;
        if ((args['Tasks'] as readonly string[]).length === 0) throw new TaskFailure('Ecs.InvalidParameterException', 'Tasks cannot be empty.');
        if (task === undefined) return { Tasks: [], Failures: [{ Arn: taskArn, Reason: 'MISSING' }] };
        task.looks += 1;
        if (task.status === 'STOPPING') {
          if (!this.taskStops) this.skippedMs += 5 * minuteMs;
          else if (task.looks >= this.looks) task.status = 'STOPPED';
        } else if (task.status === 'PENDING' && task.looks >= this.looks) this.#taskRuns(task);
        else if (!this.standsBy && context?.state === 'Look at the shadow task') this.skippedMs += 10 * minuteMs;
        const desired = ['STOPPING', 'STOPPED'].includes(task.status) ? 'STOPPED' : 'RUNNING';
        return { Tasks: [{ TaskArn: taskArn, LastStatus: task.status, DesiredStatus: desired, ...(this.taskDies !== undefined && task.status === 'STOPPED' && { StoppedReason: this.taskDies }) }] };
      }
      default:
        return super.api(what, args, context);
    }
  }

  /** As the template has it; a test puts the synthesized one here. */
  template: Json = { TaskRoleArn: 'role', ExecutionRoleArn: 'execution', NetworkMode: 'awsvpc', ContainerDefinitions: [], RequiresCompatibilities: ['FARGATE'], Cpu: '1024', Memory: '2048' };

  #taskRuns(task: Made): void {
    task.status = this.taskDies === undefined ? 'RUNNING' : 'STOPPED';
    if (task.status !== 'RUNNING' || !this.standsBy) return;
    const instance = this.instance(shadowBook, here);
    this.store.registerNow({ book: shadowBook, instance, colour: 'green', region: here, imageDigest: images.trader, ready: true, reconciled: true, beat: 1 });
  }

  /** What was begun ends after some looks; what never does takes the time of its limit at once. */
  #moveOn(made: Made): void {
    made.looks += 1;
    if (made.status === 'deleting') {
      if (!this.removes) this.skippedMs += 30 * minuteMs;
      else if (made.looks >= this.looks) this.restored = undefined;
    } else if (this.restoredAs === 'stuck') {
      this.skippedMs += 30 * minuteMs;
    } else if (made.looks >= this.looks) made.status = this.restoredAs;
  }
}

function existing(thing: Made | undefined): Made {
  if (thing === undefined) throw new TaskFailure('Rds.DbInstanceNotFoundException', 'there is none');
  return thing;
}
