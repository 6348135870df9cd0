/**
 * What a failover acts on, small enough to be wrong in every way somebody wants: leases in memory behind the real steps, a database, task sets,
 * secrets and parameters of this Region, and standbys that take a book when its home has come here.
 */
import { controlSteps } from '../../lib/recovery/control-steps.ts';
import { databaseRecovery, recoveryControl } from '../../lib/contracts/recovery.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { instanceId, type BookName, type Epoch, type InstanceId, type Lease, type WorkflowToken } from '../../lib/lease/model.ts';
import { loadSettings } from '../../lib/settings/index.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { leftOnLeases, RecordedLeaseStore, type LeaseChange } from './recorded-store.ts';
import { World, type LeftOver } from './world.ts';

const settings = loadSettings('dev');
/** Where the machine runs, and what becomes home. */
export const here = settings.regions.home.name;
export const away = settings.regions.standby.name;
export const books = settings.books.map(({ name }) => name as BookName);
export const [alpha, beta] = books as [BookName, BookName];
export const executionArn = `arn:aws:states:${here}:111111111111:execution:baton-dev-failover:run-1`;
export const request = { reason: 'the Region does not answer', requestedBy: 'ada' };
export const live = { imageDigest: 'sha256:live', guardDigest: 'sha256:guard', taskDefinition: 'baton-dev-alpha:12' };

interface TaskSet {
  readonly Id: string;
  readonly ExternalId: 'blue' | 'green';
  readonly TaskDefinition: string;
  Status: string;
  percent: number;
  running: number;
}

export class RecoveryWorld extends World {
  readonly store = new RecordedLeaseStore();
  readonly control = new LeaseControl(this.store);
  readonly metrics: Record<string, number> = {};
  /** Of this Region. */
  readonly parameters = new Map<string, string>([
    [`/baton/dev/home-region/${away}`, away], [`/baton/dev/writing-database/${away}`, away],
  ]);
  /** By name: the Region that the secret is a replica of. */
  readonly secrets = new Map<string, string>(['database', ...books.map((book) => `${book}/venue`)].map((name) => [`baton-dev/${name}`, away]));
  readonly taskSets = new Map<string, TaskSet[]>(
    books.map((book) => [`baton-dev-${book}`, [{ Id: `ts-${book}`, ExternalId: 'green', TaskDefinition: `baton-dev-${book}:3`, Status: 'PRIMARY', percent: 50, running: 1 }]]),
  );
  readonly database = { replica: true, status: 'available', multiAz: false, readOnly: false, missing: 4, promotions: 0, looks: 0 };

  // What the world does by itself; a test turns these.
  /** Whether the home lives: then its leases are renewed, its instances beat, its traders send. */
  homeLives = false;
  regionAnswers = false;
  /** Which books are taken here once they may be. */
  takesOver: (book: BookName) => boolean = () => true;
  trades: (book: BookName) => boolean = () => true;
  replicaLagSeconds: number | undefined = 30;
  spanSeconds = 0.4;
  quietSeconds: number | null = 29;
  /** After so many looks, a promotion has ended. */
  promotionLooks = 3;
  promotionFails = 0;
  ledgerCompletes = true;
  tasksCome = true;
  topicAnswers = true;
  #accepted = 0;

  constructor() {
    super({ execution: executionArn, request });
    const accepted = (book: BookName, epoch: Epoch) =>
      Array.from({ length: Math.min(this.#accepted, 20) }, (_, back) => {
        const author = { book, epoch, sequence: this.#accepted - back };
        return {
          ...author, clientOrderId: clientOrderId(author), intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' } as const,
          outcome: { status: 'accepted' } as const, sentAtMs: back * -100,
        };
      });
    this.functions.set(recoveryControl, controlSteps({
      control: this.control, books,
      journal: {
        newestAccepted: async (book, epoch) => {
          const { holder } = this.lease(book);
          const isHere = holder?.startsWith(here) === true;
          if (isHere ? this.trades(book) : this.homeLives) this.#accepted += 1;
          return isHere && !this.trades(book) ? [] : accepted(book, epoch);
        },
      },
      answers: async () => this.regionAnswers,
      nowMs: () => 0,
      sleep: async (ms) => {
        if (ms > 2000 && this.homeLives) for (const book of books) this.beat(book);
      },
      patience: { looks: 1, pause: async () => undefined },
    }));
    this.functions.set(databaseRecovery, {
      position: async () => ({
        inRecovery: this.database.replica, readOnly: this.database.readOnly, streaming: false, lsn: '0/1', appliedLsn: '0/1', newestCommitAt: '',
      }),
      readmit: async () => {
        if (this.database.replica) throw errorNamed('DatabaseInRecoveryError', 'Cannot readmit the database of this Region: it is a replica');
        this.database.readOnly = false;
        return {};
      },
      isolate: async () => ({ sessionsEnded: 0 }),
      completeness: async ({ books: asked }: { books: readonly unknown[] }) => {
        if (!this.database.replica && this.ledgerCompletes) this.database.missing = Math.max(0, this.database.missing - 2);
        const missing = asked.length === 0 ? 0 : this.database.missing;
        return { missing, spanSeconds: this.spanSeconds, quietSeconds: this.quietSeconds, seen: `${missing} accepted orders missing` };
      },
    });
  }

  /** Both books traded in the other Region, which has just died. */
  static async lost(): Promise<RecoveryWorld> {
    const world = new RecoveryWorld();
    for (const book of books) {
      await world.control.createBook({ book, home: away, leaseMs: 5000 });
      world.set(book, { mode: 'open', epoch: 7 as Epoch, holder: world.instance(book, away), heartbeat: 40, live });
      world.beat(book);
    }
    return world;
  }

  /** An earlier failover moved the books and stopped at the database. */
  static async moved(): Promise<RecoveryWorld> {
    const world = await RecoveryWorld.lost();
    for (const book of books) {
      world.set(book, { home: here, holder: world.instance(book, here), epoch: 8 as Epoch, heartbeat: 3 });
    }
    return world;
  }

  lease(book: BookName = alpha): Lease {
    return this.store.readNow(book)!;
  }
  set(book: BookName, set: Partial<Pick<Lease, 'mode' | 'epoch' | 'holder' | 'heartbeat' | 'live' | 'home'>>, remove: ('holder')[] = []): void {
    this.store.writeNow({ name: 'renew', book, expects: [], set, remove });
  }
  instance(book: BookName, region: string): InstanceId {
    return instanceId(region, region === here ? 'green' : 'blue', book);
  }
  beat(book: BookName): void {
    const { heartbeat, holder } = this.lease(book);
    if (holder?.startsWith(away)) this.set(book, { heartbeat: heartbeat + 1 });
    const instance = this.instance(book, away);
    this.store.registerNow({ book, instance, colour: 'blue', region: away, imageDigest: live.imageDigest, ready: true, reconciled: true, beat: heartbeat });
  }

  /** The first answer of that state is lost when its work is done. */
  losesAnswerOf(state: string): void {
    let isLost = false;
    this.between = async ({ context }, work) => {
      const answer = await work();
      if (context.state !== state || isLost) return answer;
      isLost = true;
      throw new TaskFailure('States.Timeout', 'no answer came');
    };
  }

  override kept(): unknown {
    const { replica, status, multiAz, readOnly } = this.database;
    return structuredClone({
      leases: books.map((book) => {
        // Who holds it is the standbys' business.
        const lease = this.lease(book);
        return { home: lease.home, mode: lease.mode, halt: lease.mode === 'halted' && lease.halt, live: lease.live, previous: lease.previous };
      }),
      parameters: [...this.parameters], secrets: [...this.secrets], database: { replica, status, multiAz, readOnly },
      taskSets: [...this.taskSets].map(([service, sets]) => [service, sets.map(({ Id, Status, percent }) => ({ Id, Status, percent }))]),
    });
  }

  override leftOver(execution: string, _ending: string): readonly LeftOver[] {
    return leftOnLeases(this.store, execution);
  }

  override get changes(): readonly LeaseChange[] {
    return this.store.changes;
  }

  override async lastNet(execution: string): Promise<void> {
    await this.functions.get(recoveryControl)!['releaseBooks']!({ execution } as never);
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    switch (error) {
      case 'Ssm.ParameterNotFoundException':
        this.parameters.delete(args['Name'] as string);
        return true;
      case 'Rds.InvalidDbInstanceStateException':
        // The instance was seen busy: it is, with the promotion.
        if (this.database.replica) Object.assign(this.database, { status: 'modifying' });
        return true;
      case 'WorkflowPreemptedError':
        for (const book of books) {
          const { token } = this.lease(book).workflow;
          this.store.writeNow({ name: 'take-workflow', book, expects: [], set: { 'workflow.token': (token + 1) as WorkflowToken, 'workflow.execution': 'another failover' } });
        }
        return true;
      default:
        return false;
    }
  }

  /** What happens beside a step: to the book that it names. */
  protected override worldMovesOn(step: string, { book }: { readonly book: BookName }): void {
    if (step === 'tradingHere') this.#takeOver(book);
  }

  #takeOver(book: BookName): void {
    const { home, mode, epoch, holder } = this.lease(book);
    if (home !== here || mode === 'halted' || holder?.startsWith(here) || !this.takesOver(book)) return;
    this.set(book, { epoch: (epoch + 1) as Epoch, holder: this.instance(book, here), heartbeat: 1 });
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    const service = args['Service'] ?? (args['Services'] as string[] | undefined)?.[0];
    const sets = this.taskSets.get(service as string) ?? [];
    const named = (id: unknown): TaskSet => {
      const found = sets.find(({ Id }) => Id === id);
      if (found === undefined) throw new TaskFailure('Ecs.TaskSetNotFoundException', 'there is none');
      return found;
    };
    const { database } = this;
    switch (what) {
      case 'sns:publish':
        if (!this.topicAnswers) throw new TaskFailure('Sns.InternalErrorException', 'not now');
        return super.api(what, args, context);
      case 'cloudwatch:putMetricData':
        for (const { MetricName, Value } of args['MetricData'] as { MetricName: string; Value: number }[]) this.metrics[MetricName] = Value;
        return {};
      case 'cloudwatch:getMetricStatistics': {
        const older = { Timestamp: '2026-11-25T19:58:00Z', Maximum: 1 };
        const lag = this.replicaLagSeconds;
        return { Datapoints: lag === undefined ? [] : [older, { Timestamp: '2026-11-25T20:00:00Z', Maximum: lag }] };
      }
      case 'ecs:describeServices':
        return {
          Services: [{
            TaskSets: sets.map((set) => {
              if (this.tasksCome && set.running < set.percent / 50) set.running += 0.5;
              const { Id, ExternalId, TaskDefinition, Status, percent, running } = set;
              return { Id, ExternalId, TaskDefinition, Status, ComputedDesiredCount: percent / 50, RunningCount: Math.floor(running) };
            }),
          }],
        };
      case 'ecs:updateTaskSet':
        named(args['TaskSet']).percent = (args['Scale'] as { Value: number }).Value;
        return { TaskSet: {} };
      case 'ecs:updateServicePrimaryTaskSet':
        for (const set of sets) set.Status = set.Id === args['PrimaryTaskSet'] ? 'PRIMARY' : 'ACTIVE';
        return { TaskSet: {} };
      case 'ssm:getParameter': {
        const value = this.parameters.get(args['Name'] as string);
        if (value === undefined) throw new TaskFailure('Ssm.ParameterNotFoundException', 'there is none');
        return { Parameter: { Value: value } };
      }
      case 'ssm:putParameter':
        this.parameters.set(args['Name'] as string, args['Value'] as string);
        return { Version: 2 };
      case 'ssm:deleteParameter':
        if (!this.parameters.delete(args['Name'] as string)) throw new TaskFailure('Ssm.ParameterNotFoundException', 'there is none');
        return {};
      case 'secretsmanager:describeSecret': {
        const primary = this.secrets.get(args['SecretId'] as string);
        return { Name: args['SecretId'], ...(primary !== undefined && { PrimaryRegion: primary }) };
      }
      case 'secretsmanager:stopReplicationToReplica':
        this.secrets.set(args['SecretId'] as string, here);
        return {};
      case 'rds:promoteReadReplica':
        if (!database.replica || database.status !== 'available') throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'not in this state');
        database.promotions += 1;
        if (this.promotionFails >= database.promotions) throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'a backup runs');
        database.status = 'modifying';
        database.looks = 0;
        return { DbInstance: {} };
      case 'rds:modifyDBInstance':
        database.multiAz = args['MultiAZ'] === true;
        return { DbInstance: {} };
      case 'rds:describeDBInstances': {
        database.looks += 1;
        if (database.status === 'modifying' && database.looks >= this.promotionLooks) Object.assign(database, { status: 'available', replica: false });
        const source = database.replica ? { ReadReplicaSourceDBInstanceIdentifier: `arn:aws:rds:${away}:111111111111:db:baton-dev` } : {};
        return { DbInstances: [{ DbInstanceStatus: database.status, ...source }] };
      }
      default:
        return super.api(what, args, context);
    }
  }
}

function errorNamed(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
