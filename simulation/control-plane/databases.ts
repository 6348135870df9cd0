/**
 * RDS in a seed's system, as the machines ask for it: a database in one Region, its replica in the other, snapshots; instances that are promoted, renamed and made.
 * What is in them the traders' ledgers write (simulation/database.ts), and no order waits for it. A replica has what its source had when somebody looked last.
 */
import type { databaseRecovery } from '../../lib/contracts/recovery.ts';
import type { Implementation } from '../../lib/contracts/step.ts';
import { AwsError, type ServiceModel } from '../../rehearsal/cloud/model.ts';
import type { CloudWorld } from '../../rehearsal/cloud/world.ts';
import type { ModelledDatabase } from '../database.ts';
import { installation } from './deployed.ts';

interface Instance {
  status: 'available' | 'modifying' | 'renaming' | 'creating';
  /** The Region whose replica it is. */
  of?: string | undefined;
  readonly madeAtMs: number;
  readonly tags: Map<string, string>;
}

interface Named {
  readonly DBInstanceIdentifier: string;
}

/** The one that is used: what has another name was set aside. */
const name = installation;

export class Databases {
  readonly #world: CloudWorld;
  /** By Region, and there by identifier. */
  readonly #instances: ReadonlyMap<string, Map<string, Instance>>;
  readonly #contents: ReadonlyMap<string, ModelledDatabase>;
  /** By Region and name. */
  readonly #snapshots = new Map<string, 'creating' | 'available'>();

  constructor(world: CloudWorld, contents: ReadonlyMap<string, ModelledDatabase>, source: string) {
    this.#world = world;
    this.#contents = contents;
    this.#instances = new Map([...contents.keys()].map((region) => [region, new Map([[name, { status: 'available', madeAtMs: 0, tags: new Map(), ...(region !== source && { of: source }) }]])]));
    for (const [region, content] of contents) content.isReadOnly = region !== source;
  }

  get model(): ServiceModel {
    const world = this.#world;
    return {
      service: 'rds',
      operations: {
        CreateDBSnapshot: ({ DBSnapshotIdentifier: snapshot }: { DBSnapshotIdentifier: string }, { region }) => {
          const id = `${region} ${snapshot}`;
          if (this.#snapshots.has(id)) throw new AwsError('DBSnapshotAlreadyExistsFault', `Cannot create the snapshot because a snapshot with the identifier ${snapshot} already exists.`);
          this.#snapshots.set(id, 'creating');
          void world.provisionBeside('rds-snapshot', region).then(() => this.#snapshots.set(id, 'available'));
          return { DBSnapshot: { DBSnapshotIdentifier: snapshot, Status: 'creating' } };
        },
        DescribeDBSnapshots: ({ DBSnapshotIdentifier: snapshot }: { DBSnapshotIdentifier: string }, { region }) => {
          const status = this.#snapshots.get(`${region} ${snapshot}`);
          if (status === undefined) throw new AwsError('DBSnapshotNotFoundFault', `DBSnapshot ${snapshot} not found.`);
          return { DBSnapshots: [{ DBSnapshotIdentifier: snapshot, Status: status }] };
        },
        PromoteReadReplica: ({ DBInstanceIdentifier: identifier }: Named, { region }) => {
          const instance = this.#available(region, identifier);
          if (instance.of === undefined) throw new AwsError('InvalidDBInstanceStateFault', 'The instance is no replica that could be promoted.');
          this.#apply(region, instance);
          instance.status = 'modifying';
          this.#after('rds-promotion', region, () => {
            Object.assign(instance, { status: 'available', of: undefined });
            this.#contents.get(region)!.isReadOnly = false;
          });
          return { DBInstance: {} };
        },
        ModifyDBInstance: ({ DBInstanceIdentifier: identifier, NewDBInstanceIdentifier: to }: Named & { NewDBInstanceIdentifier?: string }, { region }) => {
          const instance = this.#available(region, identifier);
          if (to === undefined) return { DBInstance: {} };
          const here = this.#instances.get(region)!;
          if (here.has(to)) throw new AwsError('DBInstanceAlreadyExists', `DB instance already exists: ${to}`);
          instance.status = 'renaming';
          this.#after('rds-rename', region, () => {
            here.delete(identifier);
            here.set(to, Object.assign(instance, { status: 'available' }));
          });
          return { DBInstance: {} };
        },
        CreateDBInstanceReadReplica: ({ DBInstanceIdentifier: identifier, SourceDBInstanceIdentifier: source }: Named & { SourceDBInstanceIdentifier: string }, { region }) => {
          const here = this.#instances.get(region)!;
          if (here.has(identifier)) throw new AwsError('DBInstanceAlreadyExists', `DB instance already exists: ${identifier}`);
          const [, , , of = '', , , sourceName = ''] = source.split(':');
          if (this.#available(of, sourceName).of !== undefined) throw new AwsError('InvalidDBInstanceStateFault', `${source} is a replica itself.`);
          const instance: Instance = { status: 'creating', of, madeAtMs: Date.now(), tags: new Map() };
          here.set(identifier, instance);
          this.#contents.get(region)!.isReadOnly = true;
          this.#after('rds-replica', region, () => {
            instance.status = 'available';
            this.#apply(region, instance);
          });
          return { DBInstance: {} };
        },
        DescribeDBInstances: ({ DBInstanceIdentifier: identifier }: Partial<Named>, { region }) => {
          const all = this.#instances.get(region)!;
          if (identifier === undefined) return { DBInstances: [...all].map(([each, instance]) => this.#shown(region, each, instance)) };
          return { DBInstances: [this.#shown(region, identifier, this.#named(region, identifier))] };
        },
        AddTagsToResource: ({ ResourceName: arn, Tags }: { ResourceName: string; Tags: readonly { Key: string; Value: string }[] }, { region }) => {
          const { tags } = this.#named(region, arn.split(':').at(-1)!);
          for (const { Key, Value } of Tags) tags.set(Key, Value);
          return {};
        },
      },
    };
  }

  /** What the function beside it says of it. */
  steps(region: string): Implementation<typeof databaseRecovery> {
    const content = this.#contents.get(region)!;
    const written = (what: string): void => {
      if (this.#reached(region).of !== undefined) throw Object.assign(new Error(`Cannot ${what} the database of this Region: it is a replica`), { name: 'DatabaseInRecoveryError' });
    };
    return {
      position: async () => {
        const instance = this.#reached(region);
        const streaming = this.#apply(region, instance);
        const lsn = `0/${(content.statements + 1).toString(16).toUpperCase()}`;
        return { inRecovery: instance.of !== undefined, readOnly: instance.of === undefined && content.isReadOnly, streaming, lsn, appliedLsn: lsn, newestCommitAt: '' };
      },
      isolate: async () => {
        written('isolate');
        content.isReadOnly = true;
        return { sessionsEnded: 0 };
      },
      readmit: async () => {
        written('readmit');
        content.isReadOnly = false;
        return {};
      },
      // The journal has what a replica lacks; how a ledger is made complete is told elsewhere.
      completeness: async () => {
        this.#reached(region);
        return { missing: 0, spanSeconds: 0, quietSeconds: null, seen: 'nothing is missing' };
      },
    };
  }

  /** Whether the database that is written is that Region's. */
  isWrittenIn(region: string): boolean {
    const instance = this.#instances.get(region)!.get(name);
    return instance?.status === 'available' && instance.of === undefined && !this.#contents.get(region)!.isReadOnly;
  }

  /** A replica gets what its source has, where it can be reached; answers whether it could. */
  #apply(region: string, { of, status }: Instance): boolean {
    if (of === undefined || status !== 'available' || this.#world.outageOf(of) !== undefined) return false;
    if (this.#instances.get(of)!.get(name)?.of !== undefined) return false;
    this.#contents.get(region)!.copy(this.#contents.get(of)!);
    return true;
  }

  /** As a client that connects finds it. */
  #reached(region: string): Instance {
    const instance = this.#instances.get(region)!.get(name);
    if (instance?.status === 'available' || instance?.status === 'modifying') return instance;
    throw Object.assign(new Error(`The database of ${region} cannot be reached: it is ${instance?.status ?? 'not there'}`), { name: 'DatabaseUnreachableError' });
  }

  #named(region: string, identifier: string): Instance {
    const instance = this.#instances.get(region)!.get(identifier);
    if (instance === undefined) throw new AwsError('DBInstanceNotFoundFault', `DBInstance ${identifier} not found.`);
    return instance;
  }

  #available(region: string, identifier: string): Instance {
    const instance = this.#named(region, identifier);
    if (instance.status !== 'available') throw new AwsError('InvalidDBInstanceStateFault', `The instance is ${instance.status}.`);
    return instance;
  }

  #shown(region: string, identifier: string, { status, of, madeAtMs, tags }: Instance): Record<string, unknown> {
    const arn = (where: string, named: string): string => `arn:aws:rds:${where}:${this.#world.accountId}:db:${named}`;
    return {
      DBInstanceIdentifier: identifier, DBInstanceStatus: status, DBInstanceArn: arn(region, identifier), InstanceCreateTime: new Date(madeAtMs),
      TagList: [...tags].map(([Key, Value]) => ({ Key, Value })), ...(of !== undefined && { ReadReplicaSourceDBInstanceIdentifier: arn(of, name) }),
    };
  }

  #after(what: 'rds-promotion' | 'rds-rename' | 'rds-replica', region: string, then: () => void): void {
    void this.#world.provisionBeside(what, region).then(then);
  }
}
