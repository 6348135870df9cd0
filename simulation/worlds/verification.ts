/**
 * What a verification acts on, small enough to be wrong in every way somebody wants: a vault, a restored database and a restored cache that come and go, evidence in
 * memory behind the real steps, and a checker that finds what it is told to.
 */
import { backupCheck, backupVerification, venueFills, type Finding } from '../../lib/contracts/verification.ts';
import { RestoredUnreachableError } from '../../lib/verification/errors.ts';
import { controlSteps } from '../../lib/verification/control-steps.ts';
import { venueFillsSteps } from '../../lib/verification/venue-fills-steps.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { TaskFailure, type ExecutionOptions, type ExecutionResult, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { Evidence } from './evidence.ts';
import { startMs, World, type LeftOver } from './world.ts';

const region = 'us-east-1';
export const executionArn = `arn:aws:states:${region}:111111111111:execution:baton-dev-backup-verification:run-1`;
export const request = { pick: 'newest', reason: 'it is time', requestedBy: 'ada' };
const minuteMs = 60_000;

export const found = (check: string, ok = true, seen = 'as it should be'): Finding => ({ check, ok, seen });

interface Made {
  status: string;
  looks: number;
}

export class VerificationWorld extends World {
  readonly evidence = new Evidence();

  // What the world does by itself; a test turns these.
  snapshots = [{ age: 100, snapshot: 'awsbackup:job-old' }, { age: 30, snapshot: 'awsbackup:job-new' }];
  cacheSnapshot: string | undefined = 'arn:aws:s3:::baton-dev-backups/baton-dev-cache-1-0001.rdb';
  watermarkAges = [95, 35, 5];
  /** After so many looks what was begun has ended. */
  looks = 3;
  restoredAs = 'available';
  cacheAs = 'available';
  answersAfter = 2;
  findings: Finding[] = [found('rows'), found('positions')];
  newestCommitAgeMinutes = 30;
  venueAnswers = true;
  /** How many requests to remove something are refused first. */
  removalsRefused = 0;
  removes = true;
  database: Made | undefined;
  cache: Made | undefined;
  #asked = 0;

  constructor() {
    super({ execution: executionArn, request });
    const nowMs = (): number => this.nowMs();
    const { store: evidence, sign } = this.evidence;
    this.functions.set(backupVerification, controlSteps({
      installation: 'baton-dev', vault: 'baton-dev', evidence, nowMs, random: () => 0.99,
      snapshots: async () => this.snapshots.map(({ age, snapshot }) => ({ snapshot, recoveryPointArn: `arn:aws:rds:${region}:1:snapshot:${snapshot}`, createdAt: this.#ago(age) })),
      newestCacheSnapshot: async () => this.cacheSnapshot,
      admit: async () => {
        if (this.database === undefined) throw new Error('there is none');
        Object.assign(this.database, { status: 'resetting-master-credentials', looks: 0 });
      },
      restoreCache: async () => {
        this.cache ??= { status: 'creating', looks: 0 };
      },
      sign,
    }));
    this.functions.set(venueFills, venueFillsSteps({
      books: ['alpha'], evidence,
      fills: async () => {
        if (!this.venueAnswers) throw new Error('the venue is closed');
        return [];
      },
    }));
    this.functions.set(backupCheck, {
      reach: async () => {
        this.#asked += 1;
        return this.#asked < this.answersAfter ? { answeredAt: '', parts: [] } : { answeredAt: new Date(nowMs()).toISOString(), parts: [{ name: 'orders', tables: ['orders'] }, { name: 'catalogs', tables: [] }] };
      },
      inspect: async ({ part }: { part: { name: string } }) => ({ findings: [found(`pages of ${part.name}`)] }),
      judge: async () => ({ findings: this.findings, newestCommitAt: this.#ago(this.newestCommitAgeMinutes).toISOString() }),
      readCache: async () => {
        if (this.cacheAs === 'silent') throw new RestoredUnreachableError(new Error('it does not load'));
        return { findings: [found('cache')] };
      },
    });
  }

  #ago(minutes: number): Date {
    return new Date(startMs - minutes * minuteMs);
  }

  signed(): Record<string, unknown> | undefined {
    return this.evidence.signed() as Record<string, unknown> | undefined;
  }

  override async run(definition: StateMachineDefinition, input?: Json, execution?: string, kept: Partial<ExecutionOptions> = {}): Promise<ExecutionResult> {
    for (const age of this.watermarkAges) this.evidence.set(`watermarks/${this.#ago(age).toISOString()}-w${age}.json`, '{}');
    return super.run(definition, input, execution, kept);
  }

  override kept(): unknown {
    // Nothing that is there for anybody else is touched.
    return {};
  }

  override leftOver(): readonly LeftOver[] {
    return [...(this.database === undefined ? [] : [{ what: 'the restored database', name: 'database', by: 'the reaper' as const }]), ...(this.cache === undefined ? [] : [{ what: 'the restored cache', name: 'cache', by: 'the reaper' as const }])];
  }

  override comesTrue(error: string): boolean {
    if (error === 'Rds.DbInstanceNotFoundException') this.database = undefined;
    else if (error === 'ElastiCache.ReplicationGroupNotFoundException') this.cache = undefined;
    else if (error === 'Rds.DbInstanceAlreadyExistsException') this.database = { status: 'creating', looks: 0 };
    else return false;
    return true;
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    switch (what) {
      case 'rds:restoreDBInstanceFromDBSnapshot':
        if (this.database !== undefined) throw new TaskFailure('Rds.DbInstanceAlreadyExistsException', 'it is there');
        this.database = { status: 'creating', looks: 0 };
        return { DbInstance: {} };
      case 'rds:describeDBInstances': {
        const database = existing(this.database, 'Rds.DbInstanceNotFoundException');
        this.#moveOn(database, this.restoredAs, () => (this.database = undefined));
        return { DbInstances: [{ DbInstanceStatus: database.status, ...(database.status !== 'creating' && { Endpoint: { Address: 'restored', Port: 5432 } }) }] };
      }
      case 'rds:deleteDBInstance': {
        const database = existing(this.database, 'Rds.DbInstanceNotFoundException');
        this.#refuseFirst('Rds.InvalidDbInstanceStateException');
        Object.assign(database, { status: 'deleting', looks: 0 });
        return { DbInstance: {} };
      }
      case 'elasticache:describeReplicationGroups': {
        const cache = existing(this.cache, 'ElastiCache.ReplicationGroupNotFoundException');
        this.#moveOn(cache, this.cacheAs === 'silent' ? 'available' : this.cacheAs, () => (this.cache = undefined));
        return { ReplicationGroups: [{ Status: cache.status, ...(cache.status !== 'creating' && { NodeGroups: [{ PrimaryEndpoint: { Address: 'cache', Port: 6379 } }] }) }] };
      }
      case 'elasticache:deleteReplicationGroup': {
        const cache = existing(this.cache, 'ElastiCache.ReplicationGroupNotFoundException');
        this.#refuseFirst('ElastiCache.InvalidReplicationGroupStateException');
        Object.assign(cache, { status: 'deleting', looks: 0 });
        return { ReplicationGroup: {} };
      }
      default:
        return super.api(what, args, context);
    }
  }

  #refuseFirst(error: string): void {
    if (this.removalsRefused === 0) return;
    this.removalsRefused -= 1;
    throw new TaskFailure(error, 'not now');
  }

  /** What was begun ends after some looks; what never does takes the time of its limit at once. */
  #moveOn(made: Made, as: string, gone: () => void): void {
    made.looks += 1;
    if (made.status === 'deleting') {
      if (!this.removes) this.skippedMs += 30 * minuteMs;
      else if (made.looks >= this.looks) gone();
    } else if (as === 'stuck') {
      this.skippedMs += 30 * minuteMs;
    } else if (made.looks >= this.looks) made.status = as;
  }
}

function existing<Thing>(thing: Thing | undefined, otherwise: string): Thing {
  if (thing === undefined) throw new TaskFailure(otherwise, 'there is none');
  return thing;
}
