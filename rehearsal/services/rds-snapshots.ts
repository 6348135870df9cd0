/**
 * The operations of RDS about backups: snapshots, their copies in other Regions, automated backups, and instances that are
 * restored from either. What they hold is in rds-backups.ts.
 */
import { cp } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AwsError, type Call, type OperationHandler } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import { pageOf } from './pages.ts';
import type { Contents } from './rds-backups.ts';
import { isTrue, type Instance, type InstanceLives, type Tag } from './rds-instances.ts';

export interface Snapshot {
  readonly identifier: string;
  readonly arn: string;
  readonly region: string;
  readonly kind: 'manual' | 'awsbackup';
  /** As it was then: it may have changed or gone since. */
  readonly instance: Pick<Instance, 'identifier' | 'resourceId' | 'properties'>;
  readonly keyId: unknown;
  readonly createdAt: Date;
  readonly copyOf?: string;
  tags: readonly Tag[];
  status: 'creating' | 'available' | 'failed';
  /** The directory of a base backup, where contents are kept. */
  base: string | undefined;
}

/** What these operations use of the rest of RDS. */
export interface RdsContext {
  readonly world: CloudWorld;
  readonly lives: InstanceLives;
  snapshots(region: string): Map<string, Snapshot>;
  instances(region: string): Map<string, Instance>;
  instanceOf(region: string, nameOrArn: string): Instance;
  hasSubnetGroup(region: string, name: string): boolean;
  arn(region: string, kind: 'db' | 'snapshot' | 'auto-backup', name: string): string;
  /** Throws for a name that is taken or none. */
  freeIdentifier(region: string, given: unknown): string;
  checkIdentifier(value: unknown, member: string): string;
  describeInstance(instance: Instance): Promise<Record<string, unknown>>;
  statusOf(instance: Instance): string;
  later(what: string, instance: Instance, work: () => Promise<void>): void;
  /** Settles when a restored instance may become available. */
  mayFinish(region: string): Promise<void>;
}

/** The quota "Manual DB instance snapshots"; those of AWS Backup do not count. */
const manualSnapshotsPerRegion = 100;
const pageMax = 100;
/** AWS Backup's names have a colon, which nobody else's may. */
const ofAwsBackup = 'awsbackup:';

export function snapshotOperations(rds: RdsContext): Readonly<Record<string, OperationHandler>> {
  const { world, lives } = rds;
  const identifierOf = (nameOrArn: string): string => (nameOrArn.startsWith('arn:') ? nameOrArn.split(':').slice(6).join(':') : nameOrArn).toLowerCase();
  const regionOf = (nameOrArn: string, here: string): string => (nameOrArn.startsWith('arn:') ? (nameOrArn.split(':')[3] ?? here) : here);

  function snapshotOf(region: string, name: string): Snapshot {
    const found = rds.snapshots(region).get(identifierOf(name));
    if (!found) throw new AwsError('DBSnapshotNotFoundFault', `DBSnapshot ${name} not found.`);
    return found;
  }

  function newIdentifier(region: string, given: unknown, { caller }: Call): { identifier: string; kind: Snapshot['kind'] } {
    const name = String(given).toLowerCase();
    const kind = name.startsWith(ofAwsBackup) && caller.sessionName?.startsWith('AWSBackup-') === true ? 'awsbackup' : 'manual';
    const identifier = kind === 'awsbackup' ? `${ofAwsBackup}${rds.checkIdentifier(name.slice(ofAwsBackup.length), 'DBSnapshotIdentifier')}` : rds.checkIdentifier(given, 'DBSnapshotIdentifier');
    const known = rds.snapshots(region);
    if (known.has(identifier)) {
      throw new AwsError('DBSnapshotAlreadyExistsFault', `Cannot create the snapshot because a snapshot with the identifier ${identifier} already exists.`);
    }
    if (kind === 'manual' && [...known.values()].filter((each) => each.kind === 'manual').length >= manualSnapshotsPerRegion) {
      throw new AwsError('SnapshotQuotaExceededFault', 'Cannot create more than 100 manual snapshots');
    }
    return { identifier, kind };
  }

  /** Available when its contents are there and AWS would have them. */
  async function complete(snapshot: Snapshot, contents: Promise<string | undefined>): Promise<void> {
    rds.snapshots(snapshot.region).set(snapshot.identifier, snapshot);
    try {
      const [base] = await Promise.all([contents, world.provision('rds-snapshot', snapshot.region)]);
      snapshot.base = base;
      snapshot.status = 'available';
    } catch (error) {
      snapshot.status = 'failed';
      world.log('a snapshot failed', { region: snapshot.region, snapshot: snapshot.identifier, error: String(error) });
    }
  }

  /** A key that is off opens nothing. */
  async function checkKey(region: string, keyId: unknown): Promise<void> {
    if (typeof keyId !== 'string' || world.model('kms') === undefined) return;
    const answer = await world.look({ service: 'kms', operation: 'DescribeKey', region, input: { KeyId: keyId } });
    const { Enabled } = (answer?.['KeyMetadata'] ?? { Enabled: true }) as { Enabled?: boolean };
    if (Enabled === false) throw new AwsError('KMSKeyNotAccessibleFault', `The KMS key ${keyId} is disabled, so what it encrypts cannot be restored.`);
  }

  /** An instance of its own with what a backup holds. It is answered before it is there. */
  async function restored(
    region: string, identifier: string, source: Pick<Instance, 'properties'>, contents: Contents, input: Readonly<Record<string, any>>, broken: 'failed' | 'incompatible-restore',
  ): Promise<{ DBInstance: Record<string, unknown> }> {
    const group: unknown = input['DBSubnetGroupName'];
    if (typeof group === 'string' && !rds.hasSubnetGroup(region, group)) throw new AwsError('DBSubnetGroupNotFoundFault', `DBSubnetGroup ${group} not found.`);
    const { Engine, EngineVersion, MasterUsername, DBName, AllocatedStorage, StorageType, StorageEncrypted, DBInstanceClass, BackupRetentionPeriod, Port } = source.properties;
    const inherited = { Engine, EngineVersion, MasterUsername, DBName, AllocatedStorage, StorageType, StorageEncrypted, DBInstanceClass, BackupRetentionPeriod, Port };
    const instance = await lives.created(region, identifier, { ...inherited, ...restorable(input) });
    rds.instances(region).set(identifier, instance);
    rds.later('restore', instance, async () => {
      const started = lives.startRestored(instance, contents).catch((error: unknown) => {
        if (instance.status === 'creating') instance.status = broken;
        throw error;
      });
      await Promise.all([started, world.provision('rds-restore', region)]);
      await rds.mayFinish(region);
      if (instance.status === 'creating' && Number(instance.properties['BackupRetentionPeriod'] ?? 1) > 0) {
        instance.status = 'backing-up';
        await lives.backups.begin(instance);
      }
      if (['creating', 'backing-up'].includes(instance.status)) instance.status = 'available';
    });
    return { DBInstance: await rds.describeInstance(instance) };
  }

  return {
    CreateDBSnapshot(input, call) {
      const { region } = call;
      const instance = rds.instanceOf(region, input.DBInstanceIdentifier);
      const { identifier, kind } = newIdentifier(region, input.DBSnapshotIdentifier, call);
      const snapshot: Snapshot = {
        identifier, kind, region,
        arn: rds.arn(region, 'snapshot', identifier),
        instance: { identifier: instance.identifier, resourceId: instance.resourceId, properties: instance.properties },
        keyId: instance.properties['KmsKeyId'],
        createdAt: world.now(),
        tags: input.Tags ?? [],
        status: 'creating',
        base: undefined,
      };
      if (rds.statusOf(instance) !== 'available') {
        throw new AwsError('InvalidDBInstanceStateFault', `Cannot create a snapshot because the database instance ${instance.identifier} is not currently in the available state.`);
      }
      instance.status = 'backing-up';
      const done = complete(snapshot, lives.backups.base(instance));
      void done.then(() => {
        if (instance.status === 'backing-up') instance.status = 'available';
        return undefined;
      });
      return { DBSnapshot: describeSnapshot(snapshot) };
    },
    /** From another Region it needs a key of this one. */
    async CopyDBSnapshot(input, call) {
      const { region } = call;
      const source = snapshotOf(regionOf(input.SourceDBSnapshotIdentifier, region), input.SourceDBSnapshotIdentifier);
      if (source.status !== 'available') throw new AwsError('InvalidDBSnapshotStateFault', `The snapshot ${source.identifier} is not available.`);
      if (source.region !== region && isTrue(source.instance.properties['StorageEncrypted']) && input.KmsKeyId === undefined) {
        throw new AwsError('InvalidParameterCombination', 'A copy of an encrypted snapshot in another Region needs a KmsKeyId of its own Region.');
      }
      await checkKey(source.region, source.keyId);
      const { identifier, kind } = newIdentifier(region, input.TargetDBSnapshotIdentifier, call);
      const copy: Snapshot = {
        identifier, kind, region,
        arn: rds.arn(region, 'snapshot', identifier),
        instance: source.instance,
        keyId: input.KmsKeyId ?? source.keyId,
        createdAt: source.createdAt,
        copyOf: source.arn,
        tags: [...(isTrue(input.CopyTags) ? source.tags : []), ...(input.Tags ?? [])],
        status: 'creating',
        base: undefined,
      };
      const { base } = source;
      const target = base && join(dirname(base), world.uniqueId(16));
      void complete(copy, base === undefined || target === undefined ? Promise.resolve(undefined) : cp(base, target, { recursive: true }).then(() => target));
      return { DBSnapshot: describeSnapshot(copy) };
    },
    DescribeDBSnapshots(input, { region }) {
      const name: string | undefined = input.DBSnapshotIdentifier;
      if (name !== undefined) return { DBSnapshots: [describeSnapshot(snapshotOf(region, name))] };
      const kind: string | undefined = input.SnapshotType;
      if (kind !== undefined && kind !== 'manual' && kind !== 'awsbackup') {
        throw new AwsError('NotImplemented', `snapshots of the type '${kind}' are not modelled; manual and awsbackup are`, { fault: 'server' });
      }
      const ofInstance: string | undefined = input.DBInstanceIdentifier;
      const found = [...rds.snapshots(region).values()].filter(
        (each) => (ofInstance === undefined || each.instance.identifier === identifierOf(ofInstance)) && (kind === undefined || each.kind === kind),
      );
      const { elements, next } = pageOf(found, { token: input.Marker, size: input.MaxRecords, sizeMax: pageMax, keyOf: ({ identifier }) => identifier, invalidToken: 'InvalidParameterValue' });
      return { DBSnapshots: elements.map(describeSnapshot), Marker: next };
    },
    /** What a base backup holds is removed with the world: an instance may be starting from it. */
    DeleteDBSnapshot(input, { region }) {
      const snapshot = snapshotOf(region, input.DBSnapshotIdentifier);
      if (snapshot.status === 'creating') {
        throw new AwsError('InvalidDBSnapshotStateFault', `Cannot delete the snapshot because it is not currently in the available or failed state.`);
      }
      rds.snapshots(region).delete(snapshot.identifier);
      return { DBSnapshot: { ...describeSnapshot(snapshot), Status: 'deleted' } };
    },
    DescribeDBInstanceAutomatedBackups(input, { region }) {
      const { DBInstanceIdentifier, DbiResourceId } = input as { DBInstanceIdentifier?: string; DbiResourceId?: string };
      const found = lives.backups.all(region).filter(
        ({ instance }) =>
          (DBInstanceIdentifier === undefined || instance.identifier === identifierOf(DBInstanceIdentifier)) && (DbiResourceId === undefined || instance.resourceId === DbiResourceId),
      );
      if (found.length === 0 && (DBInstanceIdentifier ?? DbiResourceId) !== undefined) {
        throw new AwsError('DBInstanceAutomatedBackupNotFoundFault', `No automated backup of ${DBInstanceIdentifier ?? DbiResourceId} was found.`);
      }
      return {
        DBInstanceAutomatedBackups: found.map(({ instance, bases: [first], latest, retained }) => ({
          DBInstanceArn: rds.arn(region, 'db', instance.identifier), DBInstanceIdentifier: instance.identifier, DbiResourceId: instance.resourceId, Region: region,
          RestoreWindow: { ...(latest !== undefined && { EarliestTime: first?.at, LatestTime: latest }) }, Status: retained ? 'retained' : 'active',
          BackupRetentionPeriod: Number(instance.properties['BackupRetentionPeriod'] ?? 1), Engine: instance.properties['Engine'],
          DBInstanceAutomatedBackupsArn: rds.arn(region, 'auto-backup', `ab-${instance.resourceId.slice(3).toLowerCase()}`),
        })),
      };
    },
    async RestoreDBInstanceFromDBSnapshot(input, { region }) {
      const { DBInstanceIdentifier, DBSnapshotIdentifier } = input;
      const snapshot = snapshotOf(regionOf(DBSnapshotIdentifier, region), DBSnapshotIdentifier);
      if (snapshot.region !== region) throw new AwsError('InvalidParameterValue', `The snapshot ${snapshot.arn} is in another Region: copy it here first.`);
      if (snapshot.status !== 'available') throw new AwsError('InvalidDBSnapshotStateFault', `The snapshot ${snapshot.identifier} is not available.`);
      const identifier = rds.freeIdentifier(region, DBInstanceIdentifier);
      await checkKey(region, snapshot.keyId);
      const contents = lives.backups.contentsOf(`The snapshot ${snapshot.identifier}`, snapshot.base);
      return restored(region, identifier, snapshot.instance, contents, { ...input, KmsKeyId: snapshot.keyId }, 'failed');
    },
    async RestoreDBInstanceToPointInTime(input, { region }) {
      const { TargetDBInstanceIdentifier, SourceDBInstanceIdentifier, SourceDbiResourceId, RestoreTime, UseLatestRestorableTime } = input;
      if ((RestoreTime === undefined) === (UseLatestRestorableTime !== true)) {
        throw new AwsError('InvalidParameterCombination', 'Either RestoreTime or UseLatestRestorableTime must be given, and not both.');
      }
      const named = SourceDBInstanceIdentifier === undefined ? undefined : rds.instanceOf(region, SourceDBInstanceIdentifier);
      const resourceId = named?.resourceId ?? String(SourceDbiResourceId);
      const continuous = lives.backups.of({ resourceId });
      if (continuous === undefined || continuous.instance.region !== region) {
        if (named === undefined) throw new AwsError('DBInstanceAutomatedBackupNotFoundFault', `No automated backup of ${resourceId} was found.`);
        throw new AwsError('PointInTimeRestoreNotEnabledFault', `${named.identifier} has no automated backups here: BackupRetentionPeriod is 0, or this rehearsal was not asked to keep what is backed up.`);
      }
      const identifier = rds.freeIdentifier(region, TargetDBInstanceIdentifier);
      await checkKey(region, continuous.instance.properties['KmsKeyId']);
      const contents = lives.backups.atTime(continuous, RestoreTime === undefined ? undefined : new Date(RestoreTime));
      return restored(region, identifier, continuous.instance, contents, { ...input, KmsKeyId: continuous.instance.properties['KmsKeyId'] }, 'incompatible-restore');
    },
  };
}

/** What a restored instance may be made with, of the input; the rest names what it is made of. */
function restorable(input: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const naming = new Set([
    'DBInstanceIdentifier', 'DBSnapshotIdentifier', 'TargetDBInstanceIdentifier', 'SourceDBInstanceIdentifier', 'SourceDbiResourceId', 'RestoreTime', 'UseLatestRestorableTime',
  ]);
  return Object.fromEntries(Object.entries(input).filter(([name, value]) => value !== undefined && !naming.has(name)));
}

function describeSnapshot({ identifier, arn, kind, instance, keyId, createdAt, copyOf, status, tags }: Snapshot): Record<string, unknown> {
  const { properties } = instance;
  return {
    DBSnapshotIdentifier: identifier,
    DBSnapshotArn: arn,
    DBInstanceIdentifier: instance.identifier,
    DbiResourceId: instance.resourceId,
    SnapshotCreateTime: createdAt,
    OriginalSnapshotCreateTime: createdAt,
    Engine: properties['Engine'],
    EngineVersion: properties['EngineVersion'],
    MasterUsername: properties['MasterUsername'],
    AllocatedStorage: Number(properties['AllocatedStorage'] ?? 0),
    Status: status,
    PercentProgress: status === 'available' ? 100 : 0,
    SnapshotType: kind,
    Encrypted: isTrue(properties['StorageEncrypted']),
    KmsKeyId: keyId,
    ...(copyOf !== undefined && { SourceDBSnapshotIdentifier: copyOf }),
    TagList: tags,
  };
}
