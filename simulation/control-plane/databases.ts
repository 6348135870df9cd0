/**
 * RDS in a seed's system, as the machines ask for it: a database in one Region, its replica in the other, snapshots. What is in them the traders' ledgers write
 * (simulation/database.ts), and no order waits for it.
 */
import type { databaseRecovery } from '../../lib/contracts/recovery.ts';
import type { Implementation } from '../../lib/contracts/step.ts';
import { AwsError, type ServiceModel } from '../../rehearsal/cloud/model.ts';
import type { CloudWorld } from '../../rehearsal/cloud/world.ts';
import type { ModelledDatabase } from '../database.ts';

interface Instance {
  status: 'available' | 'modifying';
  /** The Region whose replica it is. */
  of?: string | undefined;
}

export class Databases {
  readonly #world: CloudWorld;
  readonly #instances: ReadonlyMap<string, Instance>;
  readonly #contents: ReadonlyMap<string, ModelledDatabase>;
  /** By Region and name. */
  readonly #snapshots = new Map<string, 'creating' | 'available'>();

  constructor(world: CloudWorld, contents: ReadonlyMap<string, ModelledDatabase>, source: string) {
    this.#world = world;
    this.#contents = contents;
    this.#instances = new Map([...contents.keys()].map((region) => [region, { status: 'available', ...(region !== source && { of: source }) }]));
    for (const [region, content] of contents) content.isReadOnly = region !== source;
  }

  get model(): ServiceModel {
    const world = this.#world;
    return {
      service: 'rds',
      operations: {
        CreateDBSnapshot: ({ DBSnapshotIdentifier: name }: { DBSnapshotIdentifier: string }, { region }) => {
          const id = `${region} ${name}`;
          if (this.#snapshots.has(id)) throw new AwsError('DBSnapshotAlreadyExistsFault', `Cannot create the snapshot because a snapshot with the identifier ${name} already exists.`);
          this.#snapshots.set(id, 'creating');
          void world.provisionBeside('rds-snapshot', region).then(() => this.#snapshots.set(id, 'available'));
          return { DBSnapshot: { DBSnapshotIdentifier: name, Status: 'creating' } };
        },
        DescribeDBSnapshots: ({ DBSnapshotIdentifier: name }: { DBSnapshotIdentifier: string }, { region }) => {
          const status = this.#snapshots.get(`${region} ${name}`);
          if (status === undefined) throw new AwsError('DBSnapshotNotFoundFault', `DBSnapshot ${name} not found.`);
          return { DBSnapshots: [{ DBSnapshotIdentifier: name, Status: status }] };
        },
        PromoteReadReplica: (_input: unknown, { region }) => {
          const instance = this.#of(region);
          if (instance.of === undefined || instance.status !== 'available') throw new AwsError('InvalidDBInstanceStateFault', 'The instance is not in a state in which it could be promoted.');
          instance.status = 'modifying';
          const promote = async (): Promise<void> => {
            await world.provisionBeside('rds-promotion', region);
            Object.assign(instance, { status: 'available', of: undefined });
            this.#contents.get(region)!.isReadOnly = false;
          };
          void promote();
          return { DBInstance: {} };
        },
        ModifyDBInstance: (_input: unknown, { region }) => {
          if (this.#of(region).status !== 'available') throw new AwsError('InvalidDBInstanceStateFault', 'The instance is being modified.');
          return { DBInstance: {} };
        },
        DescribeDBInstances: (_input: unknown, { region }) => {
          const { status, of } = this.#of(region);
          const source = of === undefined ? {} : { ReadReplicaSourceDBInstanceIdentifier: `arn:aws:rds:${of}:${world.accountId}:db:baton-dev` };
          return { DBInstances: [{ DBInstanceIdentifier: 'baton-dev', DBInstanceStatus: status, ...source }] };
        },
      },
    };
  }

  /** What the function beside it says of it. */
  steps(region: string): Implementation<typeof databaseRecovery> {
    const instance = this.#of(region);
    const content = this.#contents.get(region)!;
    return {
      position: async () => ({
        inRecovery: instance.of !== undefined, readOnly: content.isReadOnly, streaming: instance.of !== undefined, lsn: '0/1', appliedLsn: '0/1', newestCommitAt: '',
      }),
      isolate: async () => {
        content.isReadOnly = true;
        return { sessionsEnded: 0 };
      },
      readmit: async () => {
        if (instance.of !== undefined) throw Object.assign(new Error('Cannot readmit the database of this Region: it is a replica'), { name: 'DatabaseInRecoveryError' });
        content.isReadOnly = false;
        return {};
      },
      // The journal has what a replica lacks; how a ledger is made complete is told elsewhere.
      completeness: async () => ({ missing: 0, spanSeconds: 0, quietSeconds: null, seen: 'nothing is missing' }),
    };
  }

  #of(region: string): Instance {
    return this.#instances.get(region)!;
  }
}
