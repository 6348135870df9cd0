/**
 * What a planned move acts on: the world of a failover, with the other Region alive – its holders hand over, its database is written – and
 * databases in both that can be renamed and replicated. The steps of the functions are the real ones.
 */
import type { DBInstance } from '@aws-sdk/client-rds';
import type { Call } from '../../lib/contracts/call.ts';
import { databaseRecovery } from '../../lib/contracts/recovery.ts';
import { otherRegion, switchoverControl } from '../../lib/contracts/switchover.ts';
import type { BookName, Epoch, InstanceId } from '../../lib/lease/model.ts';
import { switchoverSteps } from '../../lib/switchover/control-steps.ts';
import { otherRegionSteps, type RegionApis } from '../../lib/switchover/other-region-steps.ts';
import { away, books, here, live, RecoveryWorld } from './recovery.ts';

const identifier = 'baton-dev';
const arnIn = (region: string): string => `arn:aws:rds:${region}:111111111111:db:${identifier}`;

interface Database {
  status: string;
  /** The Region whose database it is a replica of. */
  of?: string;
  readOnly: boolean;
  /** So many looks it stays as it is. */
  looks: number;
  readonly made: number;
}

export class MoveWorld extends RecoveryWorld {
  /** The other Region's, by their identifiers. Of this Region's, those besides the one that the failover's world has. */
  readonly databases = { [away]: new Map<string, Database>(), [here]: new Map<string, Database>() } as Record<string, Map<string, Database>>;
  /** What was put aside here has left its name, and no replica has it yet. */
  nameIsFree = false;
  /** In bytes. */
  written = 4096;
  applied = 4096;
  unwritten = 2;

  // What the world does by itself; a test turns these.
  handsOver: (book: BookName) => boolean = () => true;
  declines: (book: BookName) => boolean = () => false;
  standbysReady = true;
  holdersStop = true;
  streams = true;
  /** By another move, while this one waits for it. */
  replicaIsPromoted = false;
  catchesUp = true;
  flushes = true;
  renames = true;
  replicasCome: 'available' | 'creating' | 'failed' = 'available';
  secretsFail = '';
  readonly booksThatWrite: string[] = [];
  #beat = 0;

  constructor() {
    super();
    this.homeLives = true;
    this.regionAnswers = true;
    const recovery = this.functions.get(databaseRecovery)!;
    const positionHere = async () => {
      if (this.catchesUp) this.applied = this.written;
      return {
        inRecovery: this.database.replica && !this.replicaIsPromoted, readOnly: this.database.readOnly, streaming: this.streams, lsn: lsnOf(this.applied), appliedLsn: lsnOf(this.applied),
        newestCommitAt: '',
      };
    };
    this.functions.set(databaseRecovery, { ...recovery, position: positionHere });
    this.functions.set(switchoverControl, switchoverSteps({
      control: this.control, books, booksThatWrite: this.booksThatWrite, region: here, patience: { looks: 1, pause: async () => undefined },
    }));
    this.functions.set(otherRegion, otherRegionSteps({
      here, there: away, account: '111111111111', database: identifier, in: (region) => this.#apis(region),
      secrets: [...this.secrets.keys()].map((name) => ({ name, keyAlias: 'alias/baton-dev-data' })),
      databaseFunction: (region) => (async (step: string) => {
        if (region === here) return positionHere();
        const there = this.databases[away]!.get(identifier);
        if (there === undefined) throw new Error('no such host');
        if (step === 'isolate') there.readOnly = true;
        if (step === 'completeness') {
          if (this.flushes) this.unwritten = Math.max(0, this.unwritten - 1);
          return { missing: this.unwritten, seen: `${this.unwritten} not written` };
        }
        return { inRecovery: there.of !== undefined && !this.replicaIsPromoted, readOnly: there.readOnly, streaming: this.streams, lsn: lsnOf(this.written) };
      }) as unknown as Call<typeof databaseRecovery>,
    }));
  }

  /** Both books trade in the other Region; this one has a replica of its database, and standbys. */
  static async planned(): Promise<MoveWorld> {
    const world = new MoveWorld();
    for (const book of books) {
      await world.control.createBook({ book, home: away, leaseMs: 5000 });
      world.set(book, { mode: 'open', epoch: 7 as Epoch, holder: world.instance(book, away), heartbeat: 40, live });
    }
    world.databases[away]!.set(identifier, { status: 'available', readOnly: false, looks: 0, made: 1 });
    return world;
  }

  /** A failover has moved everything away from here: what is left is the closed database of then. */
  static async leftBehind(): Promise<MoveWorld> {
    const world = await MoveWorld.planned();
    Object.assign(world.database, { replica: false, readOnly: true });
    return world;
  }

  /** Everything is here; the other Region has what it was left with. */
  static async unprotected(): Promise<MoveWorld> {
    const world = await MoveWorld.planned();
    for (const book of books) world.set(book, { home: here, holder: world.instance(book, here), epoch: 8 as Epoch, heartbeat: 3 });
    Object.assign(world.database, { replica: false });
    return world;
  }

  /** The database of a Region that has its name; of this one, the failover's. */
  named(region: string): Database | undefined {
    if (region !== here) return this.databases[region]!.get(identifier);
    const made = this.databases[here]!.get(identifier);
    if (made !== undefined || this.nameIsFree) return made;
    const { replica, status, readOnly } = this.database;
    return { status, readOnly, looks: 0, made: 1, ...(replica && { of: away }) };
  }

  #apis(region: string): RegionApis {
    const all = this.databases[region]!;
    const shown = (name: string, { status, of, made }: Database): DBInstance => ({
      DBInstanceIdentifier: name, DBInstanceStatus: status, InstanceCreateTime: new Date(made),
      ...(of !== undefined && { ReadReplicaSourceDBInstanceIdentifier: arnIn(of) }),
    });
    return {
      database: async (name) => {
        const found = name === identifier ? this.named(region) : all.get(name);
        if (found?.status === 'creating') this.skippedMs += 600_000;
        if (found?.status === 'creating' && this.replicasCome !== 'creating' && (found.looks += 1) > 2) {
          found.status = this.replicasCome;
          if (region === here) Object.assign(this.database, { replica: true, readOnly: false, status: found.status });
          if (region === here) all.delete(identifier);
          if (region === here) this.nameIsFree = false;
        }
        return found && shown(name, found);
      },
      databases: async (prefix) => [...all].filter(([name]) => name.startsWith(prefix)).map(([name, database]) => shown(name, database)),
      rename: async (_, to) => {
        const found = this.named(region);
        if (found === undefined || !this.renames) return;
        all.set(to, { ...found, made: found.made });
        all.delete(identifier);
        if (region === here) this.nameIsFree = true;
      },
      createReplica: async () => {
        all.set(identifier, { status: 'creating', of: region === here ? away : here, readOnly: false, looks: 0, made: 2 });
      },
      makeOriginal: async (name) => void this.secrets.set(name, region),
      replicate: async () => this.secretsFail,
    };
  }

  protected override worldMovesOn(step: string, input: { readonly book: BookName }): void {
    super.worldMovesOn(step, input);
    const { book } = input;
    this.#beat += 1;
    if (step === 'successors') {
      for (const each of books) {
        this.store.registerNow({
          book: each, instance: this.instance(each, here), colour: 'green', region: here, imageDigest: live.imageDigest,
          ready: this.standbysReady, reconciled: true, beat: this.#beat,
        });
      }
    }
    if (step === 'handover' && this.lease(book).mode === 'draining') {
      const { epoch, successor } = this.lease(book);
      if (this.declines(book)) this.store.writeNow({ name: 'end-drain', book, expects: [], set: { mode: 'open' }, remove: ['successor'] });
      else if (this.handsOver(book)) this.take(book, successor as InstanceId, (epoch + 1) as Epoch);
    }
    if (step === 'halt' && this.lease(book).mode === 'halted' && this.holdersStop) {
      this.set(book, { epoch: (this.lease(book).epoch + 1) as Epoch, heartbeat: 0 }, ['holder']);
    }
  }

  take(book: BookName, holder: InstanceId, epoch: Epoch): void {
    this.store.writeNow({ name: 'hand-over', book, expects: [], set: { mode: 'open', home: here, holder, epoch, heartbeat: 1 }, remove: ['successor'] });
  }
}

const lsnOf = (bytes: number): string => `0/${bytes.toString(16).toUpperCase()}`;
