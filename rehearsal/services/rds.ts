/**
 * RDS for PostgreSQL: each instance is a real server on this machine, started when CloudFormation creates it.
 * A snapshot is a state here that becomes `available`; what it holds is a later matter.
 */
import { join } from 'node:path';

import { AwsError, type OperationHandler, type ResourceHandler, type ServiceModel, type World } from '../cloud/model.ts';
import type { CertificateAuthority } from '../processes/certificate.ts';
import { startPostgres, type RunningServer } from '../processes/postgres.ts';
import { pageOf, type Page } from './pages.ts';
import type { Supervisor } from '../processes/supervisor.ts';

export interface ServerHostOptions {
  readonly supervisor: Supervisor;
  readonly authority: CertificateAuthority;
  /** Holds what the servers keep; one directory for each is made in it. */
  readonly directory: string;
}

export interface RdsModel extends ServiceModel {
  /** The running servers by instance identifier; for faults. */
  servers(region: string): ReadonlyMap<string, RunningServer>;
}

interface Instance {
  readonly identifier: string;
  readonly arn: string;
  readonly resourceId: string;
  readonly properties: Readonly<Record<string, any>>;
  readonly createdAt: Date;
  readonly server: RunningServer;
}

interface Snapshot {
  readonly identifier: string;
  readonly arn: string;
  readonly instance: Instance;
  readonly createdAt: Date;
  readonly tags: unknown;
  status: 'creating' | 'available';
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

/** The quota "Manual DB instance snapshots". */
const manualSnapshotsPerRegion = 100;

export function rds(world: World, { supervisor, authority, directory }: ServerHostOptions): RdsModel {
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
  const arn = (region: string, kind: 'db' | 'snapshot', name: string): string => `arn:aws:rds:${region}:${world.accountId}:${kind}:${name}`;
  /** Identifiers are stored in lower case, and an ARN names as well as an identifier. */
  const identifierOf = (nameOrArn: string): string => (nameOrArn.split(':').at(-1) ?? nameOrArn).toLowerCase();

  function instanceOf(region: string, name: string): Instance {
    const found = inRegion(region).instances.get(identifierOf(name));
    if (!found) throw new AwsError('DBInstanceNotFoundFault', `DBInstance ${name} not found.`);
    return found;
  }

  function snapshotOf(region: string, name: string): Snapshot {
    const found = inRegion(region).snapshots.get(identifierOf(name));
    if (!found) throw new AwsError('DBSnapshotNotFoundFault', `DBSnapshot ${name} not found.`);
    return found;
  }

  async function complete(snapshot: Snapshot): Promise<void> {
    try {
      await world.provision('rds-snapshot');
      snapshot.status = 'available';
    } catch {
      // The world closed meanwhile: it stays as it is.
    }
  }

  const operations: Record<string, OperationHandler> = {
    DescribeDBInstances(input, { region }) {
      const name: string | undefined = input.DBInstanceIdentifier;
      const found = name === undefined ? [...inRegion(region).instances.values()] : [instanceOf(region, name)];
      const { elements, next } = paged(found, input, ({ identifier }) => identifier);
      return { DBInstances: elements.map(describeInstance), Marker: next };
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
    CreateDBSnapshot(input, { region }) {
      const { instances, snapshots } = inRegion(region);
      const identifier = checkIdentifier(input.DBSnapshotIdentifier, 'DBSnapshotIdentifier');
      const instance = instances.get(identifierOf(input.DBInstanceIdentifier));
      if (!instance) throw new AwsError('DBInstanceNotFoundFault', `DBInstance ${input.DBInstanceIdentifier} not found.`);
      if (snapshots.has(identifier)) {
        throw new AwsError(
          'DBSnapshotAlreadyExistsFault',
          `Cannot create the snapshot because a snapshot with the identifier ${identifier} already exists.`,
        );
      }
      if (snapshots.size >= manualSnapshotsPerRegion) {
        throw new AwsError('SnapshotQuotaExceededFault', 'Cannot create more than 100 manual snapshots');
      }
      const snapshot: Snapshot = {
        identifier,
        arn: arn(region, 'snapshot', identifier),
        instance,
        createdAt: world.now(),
        tags: input.Tags ?? [],
        status: 'creating',
      };
      snapshots.set(identifier, snapshot);
      void complete(snapshot);
      return { DBSnapshot: describeSnapshot(snapshot) };
    },
    DescribeDBSnapshots(input, { region }) {
      const name: string | undefined = input.DBSnapshotIdentifier;
      if (name !== undefined) return { DBSnapshots: [describeSnapshot(snapshotOf(region, name))] };
      checkKind(input.SnapshotType);
      const ofInstance: string | undefined = input.DBInstanceIdentifier;
      const found = [...inRegion(region).snapshots.values()].filter(
        ({ instance }) => ofInstance === undefined || instance.identifier === identifierOf(ofInstance),
      );
      const { elements, next } = paged(found, input, ({ identifier }) => identifier);
      return { DBSnapshots: elements.map(describeSnapshot), Marker: next };
    },
    DeleteDBSnapshot(input, { region }) {
      const snapshot = snapshotOf(region, input.DBSnapshotIdentifier);
      if (snapshot.status !== 'available') {
        throw new AwsError(
          'InvalidDBSnapshotStateFault',
          `Cannot delete the snapshot because it is not currently in the available or failed state.`,
        );
      }
      inRegion(region).snapshots.delete(snapshot.identifier);
      return { DBSnapshot: { ...describeSnapshot(snapshot), Status: 'deleted' } };
    },
  };

  const resources: Record<string, ResourceHandler> = {
    'AWS::RDS::DBInstance': async ({ region, properties, generatedName }) => {
      const identifier = checkIdentifier(properties['DBInstanceIdentifier'] ?? generatedName, 'DBInstanceIdentifier');
      const { instances } = inRegion(region);
      if (instances.has(identifier)) throw new AwsError('DBInstanceAlreadyExistsFault', 'DB instance already exists');
      checkInstance(properties);
      const server = await startPostgres({
        supervisor,
        authority,
        directory: join(directory, `rds-${region}-${identifier}`),
        masterUser: properties['MasterUsername'],
        masterPassword: properties['MasterUserPassword'],
        database: properties['DBName'] ?? 'postgres',
      });
      world.log('PostgreSQL started', { region, instance: identifier, port: server.port });
      const instance: Instance = {
        identifier,
        arn: arn(region, 'db', identifier),
        resourceId: `db-${world.uniqueId(26).toUpperCase()}`,
        properties,
        createdAt: world.now(),
        server,
      };
      instances.set(identifier, instance);
      return {
        ref: identifier,
        attributes: {
          DBInstanceArn: instance.arn,
          DbiResourceId: instance.resourceId,
          'Endpoint.Address': server.host,
          'Endpoint.Port': String(server.port),
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
    servers: (region) => new Map([...inRegion(region).instances].map(([identifier, { server }]) => [identifier, server])),
    async close() {
      const all = [...regions.values()].flatMap(({ instances }) => [...instances.values()]);
      await Promise.all(all.map(({ server }) => server.stop()));
    },
  };
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

/** Only a person or a machine makes snapshots here. */
function checkKind(kind: string | undefined): void {
  if (kind === undefined || kind === 'manual') return;
  throw new AwsError('NotImplemented', `snapshots of the type '${kind}' are not modelled; manual ones are`, { fault: 'server' });
}

function describeInstance({ identifier, arn, resourceId, properties, createdAt, server }: Instance): Record<string, unknown> {
  return {
    DBInstanceIdentifier: identifier,
    DBInstanceArn: arn,
    DbiResourceId: resourceId,
    DBInstanceClass: properties['DBInstanceClass'],
    Engine: properties['Engine'],
    EngineVersion: properties['EngineVersion'],
    DBInstanceStatus: server.child.exit ? 'failed' : 'available',
    MasterUsername: properties['MasterUsername'],
    DBName: properties['DBName'] ?? 'postgres',
    Endpoint: { Address: server.host, Port: server.port },
    AllocatedStorage: Number(properties['AllocatedStorage'] ?? 0),
    StorageType: properties['StorageType'],
    StorageEncrypted: isTrue(properties['StorageEncrypted']),
    MultiAZ: isTrue(properties['MultiAZ']),
    DeletionProtection: isTrue(properties['DeletionProtection']),
    BackupRetentionPeriod: Number(properties['BackupRetentionPeriod'] ?? 1),
    InstanceCreateTime: createdAt,
  };
}

function describeSnapshot({ identifier, arn, instance, createdAt, status, tags }: Snapshot): Record<string, unknown> {
  return {
    DBSnapshotIdentifier: identifier,
    DBSnapshotArn: arn,
    DBInstanceIdentifier: instance.identifier,
    SnapshotCreateTime: createdAt,
    Engine: instance.properties['Engine'],
    EngineVersion: instance.properties['EngineVersion'],
    AllocatedStorage: Number(instance.properties['AllocatedStorage'] ?? 0),
    Status: status,
    PercentProgress: status === 'available' ? 100 : 0,
    SnapshotType: 'manual',
    Encrypted: isTrue(instance.properties['StorageEncrypted']),
    TagList: tags,
  };
}

const isTrue = (value: unknown): boolean => value === true || value === 'true';

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
