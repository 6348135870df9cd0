/**
 * RDS for PostgreSQL: each instance is a real server on this machine, a read replica in another Region one that streams
 * from it. Snapshots, automated backups and restored instances are in rds-snapshots.ts.
 */
import { AwsError, type OperationHandler, type ResourceHandler, type ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import type { PostgresServer } from '../processes/postgres.ts';
import type { Destination } from '../processes/relay.ts';
import { pageOf, type Page } from './pages.ts';
import { addressOf, InstanceLives, isTrue, type Instance, type ServerHostOptions, type Tag } from './rds-instances.ts';
import { snapshotOperations, type Snapshot } from './rds-snapshots.ts';

/** A running instance, for whoever looks at it or lets it go wrong. */
export interface RunningDatabase {
  /** Where its clients find it. */
  readonly endpoint: Destination;
  readonly server: PostgresServer;
}

export interface RdsModel extends ServiceModel {
  /** By instance identifier. */
  running(region: string): ReadonlyMap<string, RunningDatabase>;
  /** What CloudWatch is told: undefined for what is no replica. */
  replicaLagSeconds(region: string, identifier: string): Promise<number | undefined>;
  /** The stream of a replica is cut, and so many seconds are said to have passed since, until the answer is called. */
  letReplicaLag(region: string, identifier: string, seconds: number): () => void;
  /** Instances that are restored there stay `creating` until the answer is called. */
  holdRestores(region: string): () => void;
  /** The directory in which a snapshot's base backup is, `base.tar`; undefined where none is kept. */
  baseOf(region: string, snapshot: string): string | undefined;
  /** The archive of an instance's write-ahead log, a file for each segment; undefined where none is kept. */
  archiveOf(region: string, identifier: string): string | undefined;
  /** The automated backup of the day is made now; answers its directory. Undefined where none is kept. */
  backUpNow(region: string, identifier: string): Promise<string | undefined>;
  /** What was committed until now can be restored at once, without waiting for the five minutes. */
  archiveNow(region: string, identifier: string): Promise<void>;
}

interface Group {
  readonly name: string;
  readonly properties: Readonly<Record<string, any>>;
}

/** One Region's. */
interface Region {
  readonly instances: Map<string, Instance>;
  readonly snapshots: Map<string, Snapshot>;
  readonly subnetGroups: Map<string, Group>;
  readonly parameterGroups: Map<string, Group>;
}

interface DescribeInput {
  readonly Marker?: string;
  readonly MaxRecords?: number;
}
/** "Default: 100. Constraints: Minimum 20, maximum 100." */
const pageMax = 100;

/** "The default value is 1" where a promotion does not say for how many days backups are kept. */
const promotedRetentionDays = 1;
const retentionDaysMax = 35;

interface ReplicaInput extends Readonly<Record<string, unknown>> {
  readonly DBInstanceIdentifier: string;
  readonly SourceDBInstanceIdentifier: string;
}

export function rds(world: CloudWorld, host: ServerHostOptions): RdsModel {
  const lives = new InstanceLives(world, host);
  const regions = new Map<string, Region>();
  const inRegion = (name: string): Region => {
    const found = regions.get(name) ?? {
      instances: new Map<string, Instance>(),
      snapshots: new Map<string, Snapshot>(),
      subnetGroups: new Map<string, Group>(),
      parameterGroups: new Map<string, Group>(),
    };
    regions.set(name, found);
    return found;
  };
  const arn = (region: string, kind: 'db' | 'snapshot' | 'auto-backup', name: string): string => `arn:aws:rds:${region}:${world.accountId}:${kind}:${name}`;
  /** Identifiers are stored in lower case, and an ARN names as well as an identifier. */
  const identifierOf = (nameOrArn: string): string => (nameOrArn.split(':').at(-1) ?? nameOrArn).toLowerCase();

  function instanceOf(region: string, name: string): Instance {
    const found = inRegion(region).instances.get(identifierOf(name));
    if (!found) throw new AwsError('DBInstanceNotFoundFault', `DBInstance ${name} not found.`);
    return found;
  }

  const arnOf = ({ region, identifier }: Instance): string => arn(region, 'db', identifier);

  /** By identifier in this Region, by ARN in any. */
  function sourceOf(region: string, nameOrArn: string): Instance {
    return instanceOf(nameOrArn.startsWith('arn:') ? (nameOrArn.split(':')[3] ?? region) : region, nameOrArn);
  }

  function availableOf(region: string, name: string): Instance {
    const instance = instanceOf(region, name);
    if (statusOf(instance) !== 'available') {
      throw new AwsError('InvalidDBInstanceStateFault', `Database instance ${instance.identifier} is not in available state.`);
    }
    return instance;
  }

  function freeIdentifier(region: string, given: unknown): string {
    const identifier = checkIdentifier(given, 'DBInstanceIdentifier');
    if (inRegion(region).instances.has(identifier)) throw new AwsError('DBInstanceAlreadyExistsFault', 'DB instance already exists');
    return identifier;
  }

  /** A replica has engine, user and database of its source. */
  async function createdReplica(region: string, { DBInstanceIdentifier, ...given }: ReplicaInput): Promise<{ instance: Instance; source: Instance }> {
    const source = sourceOf(region, given.SourceDBInstanceIdentifier);
    const across = source.region !== region;
    if (statusOf(source) !== 'available') throw new AwsError('InvalidDBInstanceStateFault', `Source database instance ${source.identifier} is not available.`);
    if (retentionDaysOf(source) === 0) {
      throw new AwsError(
        'InvalidDBInstanceStateFault',
        'Automated backups are not enabled for this database instance. To enable automated backups, use ModifyDBInstance to set the backup retention period to a non-zero value.',
      );
    }
    if (across && isTrue(source.properties['StorageEncrypted']) && given['KmsKeyId'] === undefined) {
      throw new AwsError('InvalidParameterCombination', 'A read replica of an encrypted instance in another Region needs a KmsKeyId of its own Region.');
    }
    const { Engine, EngineVersion, MasterUsername, DBName, AllocatedStorage, StorageType, StorageEncrypted, DBInstanceClass } = source.properties;
    const inherited = { Engine, EngineVersion, MasterUsername, DBName, AllocatedStorage, StorageType, StorageEncrypted, DBInstanceClass };
    const identifier = freeIdentifier(region, DBInstanceIdentifier);
    const instance = await lives.created(region, identifier, { BackupRetentionPeriod: 0, ...inherited, ...given });
    inRegion(region).instances.set(identifier, instance);
    return { instance, source };
  }

  /** What goes on when the call was answered; where it fails, the instance stays as it is and the log says why. */
  function later(what: string, instance: Instance, work: () => Promise<void>): void {
    work().catch((error: unknown) => world.log(`RDS could not ${what} ${instance.identifier}`, { region: instance.region, error: String(error) }));
  }

  async function promote(instance: Instance, more: Readonly<Record<string, unknown>>): Promise<void> {
    await world.provision('rds-promotion', instance.region);
    await lives.promote(instance);
    instance.properties = { ...instance.properties, ...more };
    await lives.backups.begin(instance);
    instance.status = 'available';
  }

  async function modify(instance: Instance, { NewDBInstanceIdentifier, ...changes }: Readonly<Record<string, any>>): Promise<void> {
    if (Object.keys(changes).length > 0) {
      const hadBackups = retentionDaysOf(instance) > 0;
      await world.provision('rds-modification', instance.region);
      if (changes['MasterUserPassword'] !== undefined) await lives.setMasterPassword(instance, String(changes['MasterUserPassword']));
      instance.properties = { ...instance.properties, ...changes };
      if (!hadBackups && retentionDaysOf(instance) > 0) {
        instance.status = 'backing-up';
        await Promise.all([world.provision('rds-snapshot', instance.region), ...(instance.replication === undefined ? [lives.backups.begin(instance)] : [])]);
      }
      if (hadBackups && retentionDaysOf(instance) === 0) await lives.backups.end(instance, false);
    }
    if (NewDBInstanceIdentifier !== undefined) {
      instance.status = 'renaming';
      await world.provision('rds-rename', instance.region);
      const { instances } = inRegion(instance.region);
      instances.delete(instance.identifier);
      instances.set(NewDBInstanceIdentifier, instance);
      await lives.rename(instance, NewDBInstanceIdentifier);
    }
    instance.status = 'available';
  }

  async function describeInstance(instance: Instance): Promise<Record<string, unknown>> {
    const { replication, region } = instance;
    const replicas = [...regions.values()].flatMap(({ instances }) => [...instances.values()]).filter((each) => each.replication?.source === instance);
    const streaming = replication !== undefined && (await lives.isStreaming(instance));
    const nameFrom = (other: Instance): string => (other.region === region ? other.identifier : arnOf(other));
    return {
      ...describedOf(instance, arnOf(instance)),
      LatestRestorableTime: lives.backups.of(instance)?.latest,
      ReadReplicaDBInstanceIdentifiers: replicas.map(nameFrom),
      ...(replication !== undefined && {
        ReadReplicaSourceDBInstanceIdentifier: nameFrom(replication.source),
        StatusInfos: [{ StatusType: 'read replication', Normal: streaming, Status: streaming ? 'replicating' : 'error' }],
      }),
    };
  }

  async function remove(instance: Instance, keepBackups: boolean): Promise<void> {
    await world.provision('rds-deletion', instance.region);
    await lives.remove(instance, keepBackups);
    inRegion(instance.region).instances.delete(instance.identifier);
  }

  /** What may be tagged here. */
  function taggedOf(name: string): { tags: readonly Tag[] } {
    const [, , , region = '', , kind, ...rest] = name.split(':');
    const found = kind === 'db' ? inRegion(region).instances.get(rest.join(':')) : kind === 'snapshot' ? inRegion(region).snapshots.get(rest.join(':')) : undefined;
    if (found !== undefined) return found;
    if (kind === 'snapshot') throw new AwsError('DBSnapshotNotFoundFault', `DBSnapshot ${name} not found.`);
    throw new AwsError('DBInstanceNotFoundFault', `${name} not found: instances and snapshots are tagged here.`);
  }

  const held = new Map<string, PromiseWithResolvers<void>>();
  const backupOperations = snapshotOperations({
    world, lives, instanceOf, arn, freeIdentifier, checkIdentifier, describeInstance, statusOf, later,
    snapshots: (region) => inRegion(region).snapshots,
    instances: (region) => inRegion(region).instances,
    hasSubnetGroup: (region, name) => inRegion(region).subnetGroups.has(name.toLowerCase()),
    mayFinish: async (region) => held.get(region)?.promise,
  });

  const operations: Record<string, OperationHandler> = {
    async DescribeDBInstances(input, { region }) {
      const name: string | undefined = input.DBInstanceIdentifier;
      const found = name === undefined ? [...inRegion(region).instances.values()] : [instanceOf(region, name)];
      const { elements, next } = paged(found, input, ({ identifier }) => identifier);
      return { DBInstances: await Promise.all(elements.map(describeInstance)), Marker: next };
    },
    async CreateDBInstanceReadReplica(input: ReplicaInput, { region }) {
      const { instance, source } = await createdReplica(region, input);
      later('make the replica', instance, async () => {
        await Promise.all([lives.startReplica(instance, source), world.provision('rds-replica', instance.region)]);
        instance.status = 'available';
      });
      return { DBInstance: await describeInstance(instance) };
    },
    async PromoteReadReplica({ DBInstanceIdentifier, BackupRetentionPeriod = promotedRetentionDays, PreferredBackupWindow }, { region }) {
      const instance = availableOf(region, DBInstanceIdentifier);
      if (instance.replication === undefined) throw new AwsError('InvalidDBInstanceStateFault', `DB Instance ${instance.identifier} is not a read replica.`);
      checkRetention(BackupRetentionPeriod);
      instance.status = 'modifying';
      later('promote', instance, () => promote(instance, { BackupRetentionPeriod, ...(PreferredBackupWindow !== undefined && { PreferredBackupWindow }) }));
      return { DBInstance: await describeInstance(instance) };
    },
    /** At once only: the next maintenance window comes in no rehearsal. */
    async ModifyDBInstance({ DBInstanceIdentifier, ApplyImmediately, ...asked }: Record<string, any>, { region }) {
      const instance = availableOf(region, DBInstanceIdentifier);
      const changes = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
      const foreign = Object.keys(changes).find((member) => !modifiable.has(member));
      if (foreign !== undefined || ApplyImmediately !== true) {
        const what = foreign === undefined ? 'a modification in the next maintenance window' : `a modification of ${foreign}`;
        throw new AwsError('NotImplemented', `${what} is not modelled; ${[...modifiable].join(', ')} with ApplyImmediately are`, { fault: 'server' });
      }
      if (changes['BackupRetentionPeriod'] !== undefined) checkRetention(changes['BackupRetentionPeriod']);
      if (changes['NewDBInstanceIdentifier'] !== undefined) {
        changes['NewDBInstanceIdentifier'] = freeIdentifier(region, changes['NewDBInstanceIdentifier']);
      }
      instance.status = changes['MasterUserPassword'] === undefined ? 'modifying' : 'resetting-master-credentials';
      later('modify', instance, () => modify(instance, changes));
      return { DBInstance: await describeInstance(instance) };
    },
    DescribeDBSubnetGroups(input: DescribeInput & { DBSubnetGroupName?: string }, { region }) {
      const found = groupsOf(inRegion(region).subnetGroups, input.DBSubnetGroupName, 'DBSubnetGroupNotFoundFault', 'DB subnet group');
      const { elements, next } = paged(found, input, ({ name }) => name);
      return {
        Marker: next,
        DBSubnetGroups: elements.map(({ name, properties }) => ({
          DBSubnetGroupName: name,
          DBSubnetGroupDescription: properties['DBSubnetGroupDescription'],
          SubnetGroupStatus: 'Complete',
          Subnets: ((properties['SubnetIds'] ?? []) as readonly string[]).map((id) => ({ SubnetIdentifier: id, SubnetStatus: 'Active' })),
        })),
      };
    },
    DescribeDBParameterGroups(input: DescribeInput & { DBParameterGroupName?: string }, { region }) {
      const found = groupsOf(inRegion(region).parameterGroups, input.DBParameterGroupName, 'DBParameterGroupNotFound', 'DBParameterGroup');
      const { elements, next } = paged(found, input, ({ name }) => name);
      return {
        Marker: next,
        DBParameterGroups: elements.map(({ name, properties }) => ({
          DBParameterGroupName: name, DBParameterGroupFamily: properties['Family'], Description: properties['Description'],
        })),
      };
    },
    async DeleteDBInstance({ DBInstanceIdentifier, SkipFinalSnapshot = false, FinalDBSnapshotIdentifier, DeleteAutomatedBackups = true }, { region }) {
      const instance = instanceOf(region, DBInstanceIdentifier);
      if (instance.status === 'deleting') throw new AwsError('InvalidDBInstanceStateFault', `Instance ${instance.identifier} is already being deleted.`);
      if (isTrue(instance.properties['DeletionProtection'])) {
        throw new AwsError('InvalidParameterCombination', 'Cannot delete protected DB Instance, please disable deletion protection and try again.');
      }
      if (SkipFinalSnapshot !== true) {
        const what = FinalDBSnapshotIdentifier === undefined ? 'FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.' : 'a final snapshot is not modelled; skip it';
        throw new AwsError(FinalDBSnapshotIdentifier === undefined ? 'InvalidParameterCombination' : 'NotImplemented', what);
      }
      instance.status = 'deleting';
      later('delete', instance, () => remove(instance, DeleteAutomatedBackups === false));
      return { DBInstance: await describeInstance(instance) };
    },
    AddTagsToResource({ ResourceName, Tags }: { ResourceName: string; Tags: readonly Tag[] }) {
      const tagged = taggedOf(ResourceName);
      tagged.tags = [...tagged.tags.filter(({ Key }) => !Tags.some((tag) => tag.Key === Key)), ...Tags];
      return {};
    },
    RemoveTagsFromResource({ ResourceName, TagKeys }: { ResourceName: string; TagKeys: readonly string[] }) {
      const tagged = taggedOf(ResourceName);
      tagged.tags = tagged.tags.filter(({ Key }) => !TagKeys.includes(Key));
      return {};
    },
    ListTagsForResource: ({ ResourceName }: { ResourceName: string }) => ({ TagList: taggedOf(ResourceName).tags }),
    ...backupOperations,
  };

  const resources: Record<string, ResourceHandler> = {
    'AWS::RDS::DBInstance': async ({ region, properties, generatedName }) => {
      const DBInstanceIdentifier = String(properties['DBInstanceIdentifier'] ?? generatedName);
      const { instances } = inRegion(region);
      let instance: Instance;
      if (properties['SourceDBInstanceIdentifier'] === undefined) {
        const identifier = freeIdentifier(region, DBInstanceIdentifier);
        checkInstance(properties);
        instance = await lives.created(region, identifier, properties);
        instances.set(identifier, instance);
        await lives.startPrimary(instance);
        if (retentionDaysOf(instance) > 0) await lives.backups.begin(instance);
      } else {
        const created = await createdReplica(region, { ...(properties as ReplicaInput), DBInstanceIdentifier });
        instance = created.instance;
        await lives.startReplica(instance, created.source);
      }
      instance.status = 'available';
      return {
        ref: instance.identifier,
        attributes: {
          DBInstanceArn: arnOf(instance),
          DbiResourceId: instance.resourceId,
          'Endpoint.Address': instance.endpoint.host,
          'Endpoint.Port': String(instance.endpoint.port),
        },
      };
    },
    'AWS::RDS::DBSubnetGroup': ({ region, properties, generatedName }) => {
      const name = String(properties['DBSubnetGroupName'] ?? generatedName).toLowerCase();
      inRegion(region).subnetGroups.set(name, { name, properties });
      return { ref: name, attributes: {} };
    },
    'AWS::RDS::DBParameterGroup': ({ region, properties, generatedName }) => {
      const name = String(properties['DBParameterGroupName'] ?? generatedName).toLowerCase();
      inRegion(region).parameterGroups.set(name, { name, properties });
      return { ref: name, attributes: { DBParameterGroupName: name } };
    },
  };

  return {
    service: 'rds',
    operations,
    resources,
    running: (region) =>
      new Map([...inRegion(region).instances].flatMap(([identifier, { endpoint, server }]) => (server === undefined ? [] : [[identifier, { endpoint: addressOf(endpoint), server }]]))),
    async replicaLagSeconds(region, identifier) {
      const instance = inRegion(region).instances.get(identifierOf(identifier));
      return instance && lives.lagSeconds(instance);
    },
    letReplicaLag(region, identifier, seconds) {
      const { replication } = instanceOf(region, identifier);
      if (replication === undefined) throw new Error(`${identifier} in ${region} is no replica, so it cannot lag`);
      replication.link.silence();
      replication.furtherBehindSeconds = seconds;
      return () => {
        replication.furtherBehindSeconds = 0;
        replication.link.restore();
      };
    },
    holdRestores(region) {
      const restores = Promise.withResolvers<void>();
      held.set(region, restores);
      return () => {
        held.delete(region);
        restores.resolve();
      };
    },
    baseOf: (region, snapshot) => inRegion(region).snapshots.get(snapshot.toLowerCase())?.base,
    archiveOf: (region, identifier) => lives.backups.of(instanceOf(region, identifier))?.archive,
    async backUpNow(region, identifier) {
      const instance = instanceOf(region, identifier);
      await lives.backups.begin(instance);
      return lives.backups.of(instance)?.bases.at(-1)?.directory;
    },
    async archiveNow(region, identifier) {
      const continuous = lives.backups.of(instanceOf(region, identifier));
      if (continuous === undefined) throw new Error(`${identifier} in ${region} has no automated backups here`);
      await lives.backups.archiveNow(continuous);
    },
    linkChanged(one, other, linked) {
      for (const { region, replication } of [one, other].flatMap((each) => [...inRegion(each).instances.values()])) {
        if (replication === undefined || region === replication.source.region || ![one, other].includes(replication.source.region)) continue;
        if (linked) replication.link.restore();
        else replication.link.silence();
      }
    },
    async regionLost(region) {
      await Promise.all([...inRegion(region).instances.values()].map(async ({ server }) => server?.kill()));
    },
    async regionBack(region) {
      const ended = [...inRegion(region).instances.values()].filter(({ server }) => server?.child.exit !== undefined);
      await Promise.all(ended.map((instance) => lives.restart(instance)));
    },
    close: () => lives.close([...regions.values()].flatMap(({ instances }) => [...instances.values()])),
  };
}

/** What ModifyDBInstance changes here. */
const modifiable: ReadonlySet<string> = new Set([
  'NewDBInstanceIdentifier', 'DBInstanceClass', 'MultiAZ', 'BackupRetentionPeriod', 'PreferredBackupWindow', 'DeletionProtection', 'MasterUserPassword',
]);

const retentionDaysOf = ({ properties }: Instance): number => Number(properties['BackupRetentionPeriod'] ?? 1);
const statusOf = ({ status, server }: Instance): string => (status === 'available' && server?.child.exit ? 'failed' : status);

function checkRetention(days: unknown): void {
  if (typeof days === 'number' && Number.isInteger(days) && days >= 0 && days <= retentionDaysMax) return;
  throw new AwsError('InvalidParameterValue', `Invalid backup retention period: ${String(days)}. Must be from 0 to ${retentionDaysMax} days.`);
}

function paged<Element>(all: readonly Element[], { Marker, MaxRecords }: DescribeInput, keyOf: (element: Element) => string): Page<Element> {
  return pageOf(all, { token: Marker, size: MaxRecords, sizeMax: pageMax, keyOf, invalidToken: 'InvalidParameterValue' });
}

function groupsOf(groups: ReadonlyMap<string, Group>, name: string | undefined, errorName: string, what: string): readonly Group[] {
  if (name === undefined) return [...groups.values()];
  const found = groups.get(name.toLowerCase());
  if (!found) throw new AwsError(errorName, `${what} not found: ${name}`);
  return [found];
}

function describedOf(instance: Instance, DBInstanceArn: string): Record<string, unknown> {
  const { identifier, resourceId, properties, createdAt, endpoint } = instance;
  return {
    DBInstanceIdentifier: identifier,
    DBInstanceArn,
    DbiResourceId: resourceId,
    DBInstanceClass: properties['DBInstanceClass'],
    Engine: properties['Engine'],
    EngineVersion: properties['EngineVersion'],
    DBInstanceStatus: statusOf(instance),
    MasterUsername: properties['MasterUsername'],
    DBName: properties['DBName'] ?? 'postgres',
    ...(instance.status !== 'creating' && { Endpoint: { Address: endpoint.host, Port: endpoint.port } }),
    AllocatedStorage: Number(properties['AllocatedStorage'] ?? 0),
    StorageType: properties['StorageType'],
    StorageEncrypted: isTrue(properties['StorageEncrypted']),
    KmsKeyId: properties['KmsKeyId'],
    MultiAZ: isTrue(properties['MultiAZ']),
    DeletionProtection: isTrue(properties['DeletionProtection']),
    DBParameterGroups: [{ DBParameterGroupName: properties['DBParameterGroupName'] ?? 'default.postgres17', ParameterApplyStatus: 'in-sync' }],
    DBSubnetGroup: { DBSubnetGroupName: properties['DBSubnetGroupName'] ?? 'default' },
    VpcSecurityGroups: ((properties['VpcSecurityGroupIds'] ?? properties['VPCSecurityGroups'] ?? []) as readonly string[]).map((id) => ({ VpcSecurityGroupId: id, Status: 'active' })),
    BackupRetentionPeriod: retentionDaysOf(instance),
    InstanceCreateTime: createdAt,
    TagList: instance.tags,
  };
}

function checkIdentifier(value: unknown, member: string): string {
  const identifier = typeof value === 'string' ? value.toLowerCase() : '';
  if (!/^[a-z](?:-?[a-z0-9])*$/.test(identifier) || identifier.length > (member === 'DBInstanceIdentifier' ? 63 : 255)) {
    const rule = 'must begin with a letter; must contain only ASCII letters, digits, and hyphens';
    const ending = 'must not end with a hyphen or contain two consecutive hyphens';
    throw new AwsError('InvalidParameterValue', `The parameter ${member} is not a valid identifier. Identifiers ${rule}; and ${ending}.`);
  }
  return identifier;
}

function checkInstance(properties: Readonly<Record<string, unknown>>): void {
  const { Engine: engine, EngineVersion: version, MasterUsername: user, MasterUserPassword: password } = properties;
  if (engine !== 'postgres' || !String(version).startsWith('17')) {
    throw new AwsError(
      'InvalidParameterCombination',
      `Cannot find version ${String(version)} for ${String(engine)}: only PostgreSQL 17 is modelled here.`,
    );
  }
  if (typeof user !== 'string' || !/^[A-Za-z]\w{0,15}$/.test(user) || user === 'rdsadmin') {
    throw new AwsError(
      'InvalidParameterValue',
      `MasterUsername ${String(user)} cannot be used: it must be 1 to 16 letters, numbers or underscores and no reserved word.`,
    );
  }
  if (typeof password !== 'string' || !/^[\x21-\x7e]{8,128}$/.test(password) || /[/'"@]/.test(password)) {
    const rule = "Only printable ASCII characters besides '/', '@', '\"', ' ' may be used, 8 to 128 of them.";
    throw new AwsError('InvalidParameterValue', `The parameter MasterUserPassword is not a valid password. ${rule}`);
  }
}
