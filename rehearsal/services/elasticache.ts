/**
 * ElastiCache for Redis and Valkey: each replication group is one real Redis on this machine, with TLS and AUTH,
 * started when CloudFormation creates it. Its replicas in other zones are not started: nothing here needs them.
 */
import { join } from 'node:path';

import { AwsError, type OperationHandler, type ResourceHandler, type ServiceModel, type World } from '../cloud/model.ts';
import type { RunningServer } from '../processes/postgres.ts';
import { startRedis, type RedisOptions } from '../processes/redis.ts';
import { pageOf } from './pages.ts';
import type { ServerHostOptions } from './rds-instances.ts';

export interface ElastiCacheModel extends ServiceModel {
  /** The running servers by replication group; for faults. */
  servers(region: string): ReadonlyMap<string, RunningServer>;
}

interface Group {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly properties: Readonly<Record<string, any>>;
  server: RunningServer;
}

const pageMax = 100;

export function elasticache(world: World, { supervisor, authority, directory }: ServerHostOptions): ElastiCacheModel {
  const groups = new Map<string, Group>();
  const key = (region: string, id: string): string => `${region}/${id.toLowerCase()}`;
  const inRegion = (region: string): Group[] => [...groups.values()].filter((group) => group.region === region);

  const serverOf = (region: string, id: string, properties: Group['properties']): RedisOptions => ({
    supervisor, authority, directory: join(directory, `elasticache-${region}-${id}`), authToken: properties['AuthToken'] as string,
  });

  const operations: Record<string, OperationHandler> = {
    DescribeReplicationGroups(input, { region }) {
      const id: string | undefined = input.ReplicationGroupId;
      if (id === undefined) {
        const { elements, next } = pageOf(inRegion(region), {
          token: input.Marker, size: input.MaxRecords, sizeMax: pageMax, keyOf: (group) => group.id, invalidToken: 'InvalidParameterValueException',
        });
        return { ReplicationGroups: elements.map(describeGroup), Marker: next };
      }
      const group = groups.get(key(region, id));
      if (!group) throw new AwsError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
      return { ReplicationGroups: [describeGroup(group)] };
    },
  };

  const resources: Record<string, ResourceHandler> = {
    'AWS::ElastiCache::ReplicationGroup': async ({ region, properties, generatedName }) => {
      const id = String(properties['ReplicationGroupId'] ?? generatedName).toLowerCase();
      checkGroup(id, properties);
      if (groups.has(key(region, id))) throw new AwsError('ReplicationGroupAlreadyExistsFault', `Replication group ${id} already exists.`);
      const server = await startRedis(serverOf(region, id, properties));
      world.log('Redis started', { region, replicationGroup: id, port: server.port });
      const arn = `arn:aws:elasticache:${region}:${world.accountId}:replicationgroup:${id}`;
      groups.set(key(region, id), { id, arn, region, properties, server });
      const port = String(server.port);
      return {
        ref: id,
        attributes: {
          'PrimaryEndPoint.Address': server.host,
          'PrimaryEndPoint.Port': port,
          'ReaderEndPoint.Address': server.host,
          'ReaderEndPoint.Port': port,
        },
      };
    },
    'AWS::ElastiCache::SubnetGroup': ({ properties, generatedName }) => ({
      ref: String(properties['CacheSubnetGroupName'] ?? generatedName).toLowerCase(),
      attributes: {},
    }),
    'AWS::ElastiCache::ParameterGroup': ({ properties, generatedName }) => {
      const name = String(properties['CacheParameterGroupName'] ?? generatedName).toLowerCase();
      return { ref: name, attributes: { CacheParameterGroupName: name } };
    },
  };

  return {
    service: 'elasticache',
    operations,
    resources,
    servers: (region) => new Map(inRegion(region).map(({ id, server }) => [id, server])),
    async regionLost(region) {
      await Promise.all(inRegion(region).map(({ server }) => server.kill()));
    },
    /** Empty, and where it was. */
    async regionBack(region) {
      const ended = inRegion(region).filter(({ server }) => server.child.exit !== undefined);
      await Promise.all(
        ended.map(async (group) => {
          group.server = await startRedis({ ...serverOf(region, group.id, group.properties), port: group.server.port });
        }),
      );
    },
    async close() {
      await Promise.all([...groups.values()].map(({ server }) => server.stop()));
    },
  };
}

function describeGroup({ id, arn, properties, server }: Group): Record<string, unknown> {
  const endpoint = { Address: server.host, Port: server.port };
  return {
    ReplicationGroupId: id,
    ARN: arn,
    Description: properties['ReplicationGroupDescription'],
    Status: server.child.exit ? 'create-failed' : 'available',
    NodeGroups: [{ NodeGroupId: '0001', Status: 'available', PrimaryEndpoint: endpoint, ReaderEndpoint: endpoint }],
    AutomaticFailover: isTrue(properties['AutomaticFailoverEnabled']) ? 'enabled' : 'disabled',
    MultiAZ: isTrue(properties['MultiAZEnabled']) ? 'enabled' : 'disabled',
    ClusterEnabled: false,
    CacheNodeType: properties['CacheNodeType'],
    AuthTokenEnabled: true,
    TransitEncryptionEnabled: true,
    AtRestEncryptionEnabled: isTrue(properties['AtRestEncryptionEnabled']),
    Engine: properties['Engine'] ?? 'redis',
  };
}

const isTrue = (value: unknown): boolean => value === true || value === 'true';

function checkGroup(id: string, properties: Readonly<Record<string, unknown>>): void {
  const refuse = (message: string): never => {
    throw new AwsError('InvalidParameterValueException', message);
  };
  if (!/^[a-z](?:-?[a-z0-9]){0,39}$/.test(id) || id.length > 40) {
    refuse(`The parameter ReplicationGroupId is not a valid identifier: ${id}. It must be 1 to 40 letters, digits and single hyphens.`);
  }
  const token = properties['AuthToken'];
  if (!isTrue(properties['TransitEncryptionEnabled']) || token === undefined) {
    refuse(`${id}: a replication group without TransitEncryptionEnabled and AuthToken is not modelled.`);
  }
  if (typeof token !== 'string' || !/^[A-Za-z0-9!&#$^<>-]{16,128}$/.test(token)) {
    refuse('Invalid AuthToken provided: it must be 16 to 128 letters, digits and the characters ! & # $ ^ < > -.');
  }
}
