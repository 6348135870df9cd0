/**
 * What a restore of the database acts on: two Regions with instances that are restored, renamed and replicated in their own time, leases in memory, and a checker that finds
 * what it is told to. The steps that decide are the real ones.
 */
import type { DBInstance } from '@aws-sdk/client-rds';
import type { Call } from '../../lib/contracts/call.ts';
import { credentialRotation } from '../../lib/contracts/credential-rotation.ts';
import { databaseRecovery } from '../../lib/contracts/recovery.ts';
import { databaseRestore } from '../../lib/contracts/restore.ts';
import { otherRegion, switchoverControl } from '../../lib/contracts/switchover.ts';
import { backupCheck, backupWatermark, venueFills, type Finding } from '../../lib/contracts/verification.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { restoreSteps } from '../../lib/restore/steps.ts';
import { Secret } from '../../lib/secret.ts';
import { switchoverSteps } from '../../lib/switchover/control-steps.ts';
import { otherRegionSteps, type RegionApis } from '../../lib/switchover/other-region-steps.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { TaskFailure, type ExecutionOptions, type ExecutionResult, type Json, type ProgressEvent, type TaskContext } from '../../rehearsal/states/engine.ts';
import { away, beta, books, here, live, RecoveryWorld } from './recovery.ts';
import { found } from './verification.ts';
import { Evidence } from './evidence.ts';
import { startMs, type LeftOver } from './world.ts';

const account = '111111111111';
export const inUse = 'baton-dev';
export const executionArn = `arn:aws:states:${here}:${account}:execution:baton-dev-restore-database:run-1`;
export const masterPassword = 'th3-password-of-now';
const minuteMs = 60_000;
export const ago = (minutes: number): string => new Date(startMs - minutes * minuteMs).toISOString();

interface Instance {
  readonly id: string;
  name: string;
  readonly region: string;
  status: string;
  readOnly: boolean;
  readonly source?: Instance;
  /** What it becomes after some looks. */
  pending?: { looks: number; readonly done: () => void };
  tags: readonly string[];
  protected: boolean;
}

export class RestoreWorld extends RecoveryWorld {
  readonly instances: Instance[] = [];
  readonly evidence = new Evidence();
  /** Of those that were set on the restored one. */
  readonly passwords: string[] = [];

  // What the world does by itself; a test turns these.
  restoredAs = 'available';
  renames: (to: string) => boolean = () => true;
  findings: Finding[] = [found('rows'), found('positions')];
  answers = true;
  holdersStop = true;
  /** RDS lets the restored one have the name. */
  givesTheName = true;
  completes = true;
  countable = true;
  replicasCome = 'available';
  streams = true;
  /** By a move, while this waits for it. */
  replicaIsPromoted = false;
  secretsFail = '';
  /** An operator stops the execution the so-many-th time that it enters a state, the last net gives back what it had, something may happen, and it is redriven. */
  cut: { readonly state: string; readonly times: number; readonly meanwhile?: (world: RestoreWorld) => unknown } | undefined;
  window = { earliest: new Date(ago(10_000)), latest: new Date(ago(3)) };
  #made = 0;
  #redrives = 0;

  constructor() {
    super();
    this.homeLives = true;
    this.database.missing = 9;
    this.functions.set(databaseRestore, restoreSteps({
      installation: inUse, region: here, inUse, control: this.control, books, nowMs: () => startMs,
      masterPassword: async () => new Secret(masterPassword),
      evidence: this.evidence.store,
      databases: {
        database: async (name) => this.#look(here, name),
        window: async () => this.window,
        restore: async ({ name, tags }) => {
          if (this.of(here, name) === undefined) this.#make({ name, region: here, status: 'creating', tags: Object.keys(tags) }, this.restoredAs);
        },
        setPassword: async (name, password) => {
          this.passwords.push(password.reveal());
          this.#becomes(this.of(here, name)!, 'resetting-master-credentials', () => undefined);
        },
        rename: async (name, to) => this.#rename(here, name, to),
        takeIntoUse: async ({ DBInstanceIdentifier: name = '' }, { name: to }) => {
          if (!this.givesTheName) throw new Error('RDS refuses the name');
          Object.assign(this.of(here, name)!, { tags: [], protected: true });
          this.#rename(here, name, to);
        },
      },
    }));
    this.functions.set(switchoverControl, switchoverSteps({
      control: this.control, books, booksThatWrite: [beta], region: here, patience: { looks: 1, pause: async () => undefined },
    }));
    const atDatabase = (region: string) => async (step: string) => {
      const named = this.of(region, inUse);
      if (named?.status !== 'available' || !this.answers) throw Object.assign(new Error('no such host'), { name: 'DatabaseUnreachableError' });
      if (step === 'isolate') named.readOnly = true;
      if (step === 'readmit') named.readOnly = false;
      return { inRecovery: named.source !== undefined && !this.replicaIsPromoted, readOnly: named.readOnly, streaming: this.streams, lsn: '0/1', appliedLsn: '0/1' };
    };
    this.functions.set(databaseRecovery, {
      readmit: async () => (await atDatabase(here)('readmit')) && {},
      completeness: async ({ books: asked }: { books: readonly unknown[] }) => {
        if (this.completes) this.database.missing = Math.max(0, this.database.missing - 3);
        else this.skippedMs += 2 * minuteMs;
        return { missing: asked.length === 0 ? 0 : this.database.missing, spanSeconds: 1, quietSeconds: 1, seen: `${this.database.missing} accepted orders missing` };
      },
    });
    this.functions.set(otherRegion, otherRegionSteps({
      here, there: away, account, database: inUse, secrets: [{ name: 'baton-dev/database', keyAlias: 'alias/baton-dev-data' }],
      in: (region) => this.#apis(region), databaseFunction: (region) => atDatabase(region) as unknown as Call<typeof databaseRecovery>,
    }));
    this.functions.set(credentialRotation, { ensureRoles: async () => ({ seen: 'every role has its login' }) });
    this.functions.set(backupWatermark, {
      write: async () => {
        if (!this.countable) throw Object.assign(new Error('it is damaged'), { name: 'DatabaseUnreachableError' });
        return { key: 'watermarks/now', rows: '9' };
      },
    });
    this.functions.set(venueFills, { collect: async () => ({ key: 'venue-fills/run-1.json', fills: 3 }) });
    this.functions.set({ ...backupCheck, name: 'restore-check' }, {
      reach: async () => ({ answeredAt: new Date(startMs).toISOString(), parts: [{ name: 'orders', tables: ['orders'] }] }),
      inspect: async ({ part }: { part: { name: string } }) => ({ findings: [found(`pages of ${part.name}`)] }),
      judge: async () => ({ findings: this.findings, newestCommitAt: ago(4) }),
    });
  }

  /** Both books trade here, beside their ledger; the other Region has a replica of it. Beta's bot requires the database. */
  static async home(): Promise<RestoreWorld> {
    const world = new RestoreWorld();
    for (const book of books) {
      await world.control.createBook({ book, home: here, leaseMs: 5000 });
      world.set(book, { mode: 'open', epoch: 7 as Epoch, holder: world.instance(book, here), heartbeat: 40, live });
    }
    const ledger = world.#make({ name: inUse, region: here, status: 'available', protected: true });
    world.#make({ name: inUse, region: away, status: 'available', source: ledger });
    world.counted(95);
    world.counted(35);
    return world;
  }

  /** A watermark, of a ledger with these migrations. */
  counted(minutes: number, migrations: readonly string[] = ['0001-ledger']): void {
    const watermark = {
      id: `w${minutes}`, installation: inUse, madeAt: ago(minutes), lsn: '0/1', snapshot: '1:1:', postgresMajor: 17, tables: [], positions: [], shortOfFills: 0,
      schema: { migrations, ledger: [], others: [] },
    };
    this.evidence.set(`watermarks/${ago(minutes)}-w${minutes}.json`, JSON.stringify(watermark));
  }

  override async run(definition: StateMachineDefinition, input?: Json, execution?: string, kept: Partial<ExecutionOptions> = {}): Promise<ExecutionResult> {
    const { cut } = this;
    if (cut === undefined) return super.run(definition, input, execution, kept);
    const { redrive, signal } = kept;
    if (redrive !== undefined) return super.run(definition, input, execution, { ...kept, redrive: { ...redrive, count: redrive.count + this.#redrives } });
    const whole = { progress: {}, history: [], ...kept };
    const operator = new AbortController();
    let entered = 0;
    const onEvent = (event: ProgressEvent): void => {
      kept.onEvent?.(event);
      if (event.kind === 'entered' && event.state === cut.state && (entered += 1) === cut.times) operator.abort({ error: 'Operator', cause: 'by hand' });
    };
    const stopped = await super.run(definition, input, execution, { ...whole, onEvent, signal: AbortSignal.any([operator.signal, ...(signal === undefined ? [] : [signal])]) });
    if (stopped.status !== 'ABORTED' || !operator.signal.aborted) return stopped;
    await this.lastNet(execution ?? executionArn);
    cut.meanwhile?.(this);
    this.#redrives += 1;
    return super.run(definition, input, execution, { ...whole, redrive: { count: this.#redrives, startMs: stopped.startMs } });
  }

  of(region: string, name: string): Instance | undefined {
    return this.instances.find((each) => each.region === region && each.name === name);
  }
  names(region: string): string[] {
    return this.instances.filter((each) => each.region === region).map(({ name }) => name).toSorted();
  }

  #make(given: Pick<Instance, 'name' | 'region' | 'status'> & Partial<Instance>, as?: string): Instance {
    this.#made += 1;
    const made: Instance = { id: `db-${this.#made}`, readOnly: false, tags: [], protected: false, ...given };
    this.instances.push(made);
    if (as === 'stuck') this.#becomes(made, given.status, () => undefined, Infinity);
    else if (as !== undefined) this.#becomes(made, given.status, () => undefined, 3, as);
    return made;
  }

  #becomes(instance: Instance, meanwhile: string, done: () => void, looks = 3, as = 'available'): void {
    instance.status = meanwhile;
    instance.pending = { looks, done: () => (done(), (instance.status = as)) };
  }

  #rename(region: string, name: string, to: string): void {
    const instance = this.of(region, name)!;
    this.#becomes(instance, 'renaming', () => (instance.name = to), this.renames(to) ? 3 : Infinity);
  }

  /** What was begun ends after some looks; what never does takes its limit at once. */
  #look(region: string, name: string): DBInstance | undefined {
    for (const each of this.instances.filter((one) => one.region === region && one.pending !== undefined)) {
      const pending = each.pending!;
      if ((pending.looks -= 1) > 0) {
        if (pending.looks === Infinity) this.skippedMs += 20 * minuteMs;
        continue;
      }
      delete each.pending;
      pending.done();
    }
    const instance = this.of(region, name);
    return instance && shown(instance);
  }

  #apis(region: string): RegionApis {
    return {
      database: async (name) => this.#look(region, name),
      databases: async (prefix) => this.instances.filter((each) => each.region === region && each.name.startsWith(prefix)).map(shown),
      rename: async (name, to) => this.#rename(region, name, to),
      createReplica: async ({ identifier, sourceArn }) => {
        const source = this.instances.find((each) => arnOf(each) === sourceArn)!;
        this.#make({ name: identifier, region, status: 'creating', source }, this.replicasCome);
      },
      makeOriginal: async () => undefined,
      replicate: async () => this.secretsFail,
    };
  }

  override kept(): unknown {
    const { leases } = super.kept() as { leases: unknown };
    const named = this.of(here, inUse);
    return { leases, inUse: named && { id: named.id, readOnly: named.readOnly, protected: named.protected }, away: this.of(away, inUse)?.id };
  }

  override leftOver(execution: string, ending: string): readonly LeftOver[] {
    const temporary = this.instances.filter(({ tags }) => tags.includes('baton:temporary'));
    return [...super.leftOver(execution, ending), ...temporary.map(({ name }) => ({ what: 'a restored database', name, by: 'the reaper' as const }))];
  }

  override get planted(): readonly string[] {
    return [masterPassword];
  }

  override comesTrue(error: string, args: Record<string, Json>): boolean {
    if (error !== 'Rds.DbInstanceNotFoundException') return super.comesTrue(error, args);
    const at = this.instances.findIndex(({ name }) => name.includes('-restore-'));
    if (at >= 0) this.instances.splice(at, 1);
    return true;
  }

  protected override worldMovesOn(step: string, input: { readonly book: BookName }): void {
    super.worldMovesOn(step, input);
    const { book } = input;
    if (step === 'halt' && this.lease(book).mode === 'halted' && this.holdersStop) this.set(book, { epoch: (this.lease(book).epoch + 1) as Epoch, heartbeat: 0 }, ['holder']);
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    const name = args['DbInstanceIdentifier'] as string;
    if (what === 'rds:describeDBInstances') {
      if (this.#look(here, name) === undefined) throw new TaskFailure('Rds.DbInstanceNotFoundException', 'there is none');
      const { status } = this.of(here, name)!;
      return { DbInstances: [{ DbInstanceStatus: status, ...(status !== 'creating' && { Endpoint: { Address: 'restored', Port: 5432 } }) }] };
    }
    if (what === 'rds:deleteDBInstance') {
      const instance = this.of(here, name);
      if (instance === undefined) throw new TaskFailure('Rds.DbInstanceNotFoundException', 'there is none');
      this.#becomes(instance, 'deleting', () => this.instances.splice(this.instances.indexOf(instance), 1));
      return {};
    }
    return super.api(what, args, context);
  }
}

const arnOf = ({ region, name }: Instance): string => `arn:aws:rds:${region}:${account}:db:${name}`;

function shown(instance: Instance): DBInstance {
  const { name, id, status, source, region } = instance;
  return {
    DBInstanceIdentifier: name, DbiResourceId: id, DBInstanceStatus: status, DBInstanceArn: arnOf(instance), InstanceCreateTime: new Date(Number(id.slice(3))),
    ...(source !== undefined && { ReadReplicaSourceDBInstanceIdentifier: source.region === region ? source.name : arnOf(source) }),
  };
}
