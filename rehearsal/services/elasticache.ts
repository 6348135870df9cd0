/**
 * ElastiCache for Redis and Valkey: each replication group is one real Redis on this machine, with TLS and AUTH,
 * started when CloudFormation creates it. Its replicas in other zones are not started: nothing here needs them.
 */
import { join } from 'node:path';

import { AwsError, type OperationHandler, type ResourceHandler, type ServiceModel, type World } from '../cloud/model.ts';
import type { RunningServer } from '../processes/postgres.ts';
import { startRedis, type RedisOptions, type RedisServer } from '../processes/redis.ts';
import { removeTree } from '../processes/remove-tree.ts';
import { CacheSnapshots } from './elasticache-snapshots.ts';
import { pageOf } from './pages.ts';
import type { ServerHostOptions } from './rds-instances.ts';

export interface ElastiCacheModel extends ServiceModel {
  /** The running servers by replication group; for faults. */
  servers(region: string): ReadonlyMap<string, RunningServer>;
}

export interface Group {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly properties: Readonly<Record<string, any>>;
  /** Absent while it is made. */
  server?: RedisServer;
  deleting?: boolean;
  /** What AUTH takes, the newest last: one token, or two between ROTATE and SET. */
  tokens: readonly [string, ...string[]];
  /** While they are changed. */
  modifying?: Strategy;
}
type Strategy = 'ROTATE' | 'SET';
interface ModifyInput extends Readonly<Record<string, unknown>> {
  readonly ReplicationGroupId: string;
  readonly AuthToken?: string;
  readonly AuthTokenUpdateStrategy?: Strategy;
  readonly ApplyImmediately?: boolean;
}

const pageMax = 100;

export function elasticache(world: World, { supervisor, authority, directory }: ServerHostOptions): ElastiCacheModel {
  const groups = new Map<string, Group>();
  const key = (region: string, id: string): string => `${region}/${id.toLowerCase()}`;
  const inRegion = (region: string): Group[] => [...groups.values()].filter((group) => group.region === region);

  const directoryOf = (region: string, id: string): string => join(directory, `elasticache-${region}-${id}`);
  const serverOf = ({ region, id, tokens: [authToken] }: Group): RedisOptions => ({ supervisor, authority, directory: directoryOf(region, id), authToken });
  const arnOf = (region: string, id: string): string => `arn:aws:elasticache:${region}:${world.accountId}:replicationgroup:${id}`;

  function groupOf(region: string, id: string): Group {
    const found = groups.get(key(region, id));
    if (!found) throw new AwsError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
    return found;
  }

  function added(region: string, id: string, properties: Group['properties']): Group {
    checkGroup(id, properties);
    if (groups.has(key(region, id))) throw new AwsError('ReplicationGroupAlreadyExistsFault', `Replication group ${id} already exists.`);
    const group: Group = { id, arn: arnOf(region, id), region, properties, tokens: [properties['AuthToken'] as string] };
    groups.set(key(region, id), group);
    return group;
  }

  /** Goes on after the call that asked for it. Whoever is connected stays; the next AUTH is judged by what is then. */
  async function changeToken(group: Group, token: string, strategy: Strategy): Promise<void> {
    await world.provision('elasticache-modification', group.region);
    // A third one pushes out the oldest.
    const kept = group.tokens.findLast((each) => each !== token);
    group.tokens = strategy === 'SET' || kept === undefined ? [token] : [kept, token];
    if (group.server?.child.exit === undefined) await group.server?.accept(group.tokens);
    world.log('the tokens of Redis were changed', { region: group.region, replicationGroup: group.id, strategy, accepted: group.tokens.length });
  }

  const snapshots = new CacheSnapshots(world, { directory, groupOf });

  const operations: Record<string, OperationHandler> = {
    DescribeReplicationGroups(input, { region }) {
      const id: string | undefined = input.ReplicationGroupId;
      if (id === undefined) {
        const { elements, next } = pageOf(inRegion(region), {
          token: input.Marker, size: input.MaxRecords, sizeMax: pageMax, keyOf: (group) => group.id, invalidToken: 'InvalidParameterValueException',
        });
        return { ReplicationGroups: elements.map(describeGroup), Marker: next };
      }
      return { ReplicationGroups: [describeGroup(groupOf(region, id))] };
    },
    /** With what a snapshot has, of this account or in a bucket: an empty one is made by CloudFormation only. */
    async CreateReplicationGroup(input, { region }) {
      const from = await snapshots.contentsFor(region, input);
      const group = added(region, String(input.ReplicationGroupId).toLowerCase(), input);
      const made = async (): Promise<void> => {
        const [server] = await Promise.all([startRedis({ ...serverOf(group), from }), world.provision('elasticache-group', region)]);
        if (group.deleting === true) await server.kill();
        else group.server = server;
      };
      made().catch((error: unknown) => world.log('ElastiCache could not make a group', { region, replicationGroup: group.id, error: String(error) }));
      return { ReplicationGroup: describeGroup(group) };
    },
    ModifyReplicationGroup({ ReplicationGroupId, AuthToken: token, AuthTokenUpdateStrategy: strategy = 'ROTATE', ApplyImmediately, ...more }: ModifyInput, { region }) {
      const group = groupOf(region, ReplicationGroupId);
      const unknown = Object.keys(more);
      if (token === undefined || unknown.length > 0 || !['ROTATE', 'SET'].includes(strategy) || ApplyImmediately !== true) {
        throw new AwsError('NotImplemented', `of ModifyReplicationGroup another AuthToken is modelled, by ROTATE or SET, applied immediately; not ${unknown.join(', ') || 'this'}`, { fault: 'server' });
      }
      checkToken(token);
      if (statusOf(group) !== 'available') throw new AwsError('InvalidReplicationGroupStateFault', `Replication group ${group.id} is not in available state.`);
      if (strategy === 'SET' && (group.tokens.length < 2 || !group.tokens.includes(token))) {
        throw new AwsError('InvalidParameterCombinationException', 'The SET strategy is allowed only after ROTATE, for one of the tokens that are in use.');
      }
      group.modifying = strategy;
      changeToken(group, token, strategy)
        .catch((error: unknown) => world.log('ElastiCache could not change a token', { region, replicationGroup: group.id, error: String(error) }))
        .finally(() => delete group.modifying);
      return { ReplicationGroup: describeGroup(group) };
    },
    DeleteReplicationGroup({ ReplicationGroupId }, { region }) {
      const group = groupOf(region, ReplicationGroupId);
      if (group.deleting === true) throw new AwsError('InvalidReplicationGroupStateFault', `Replication group ${group.id} is being deleted.`);
      group.deleting = true;
      const gone = async (): Promise<void> => {
        await world.provision('elasticache-deletion', region);
        await group.server?.stop();
        removeTree(directoryOf(region, group.id));
        groups.delete(key(region, group.id));
      };
      gone().catch((error: unknown) => world.log('ElastiCache could not delete a group', { region, replicationGroup: group.id, error: String(error) }));
      return { ReplicationGroup: describeGroup(group) };
    },
    ...snapshots.operations,
  };

  const resources: Record<string, ResourceHandler> = {
    'AWS::ElastiCache::ReplicationGroup': async ({ region, properties, generatedName }) => {
      const group = added(region, String(properties['ReplicationGroupId'] ?? generatedName).toLowerCase(), properties);
      const server = await startRedis(serverOf(group));
      group.server = server;
      world.log('Redis started', { region, replicationGroup: group.id, port: server.port });
      const { id } = group;
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
    servers: (region) => new Map(inRegion(region).flatMap(({ id, server }) => (server === undefined ? [] : [[id, server] as const]))),
    async regionLost(region) {
      await Promise.all(inRegion(region).map(async ({ server }) => server?.kill()));
    },
    /** Empty, and where it was. */
    async regionBack(region) {
      const ended = inRegion(region).flatMap((group) => (group.server?.child.exit === undefined ? [] : [{ group, port: group.server.port }]));
      await Promise.all(
        ended.map(async ({ group, port }) => {
          group.server = await startRedis({ ...serverOf(group), port });
          await group.server.accept(group.tokens);
        }),
      );
    },
    async close() {
      await Promise.all([...groups.values()].map(async ({ server }) => server?.stop()));
    },
  };
}

function statusOf({ server, deleting, modifying }: Group): string {
  if (deleting === true) return 'deleting';
  if (server === undefined) return 'creating';
  if (server.child.exit) return 'create-failed';
  return modifying === undefined ? 'available' : 'modifying';
}

function describeGroup(group: Group): Record<string, unknown> {
  const { id, arn, properties, server, modifying } = group;
  const endpoint = server && { Address: server.host, Port: server.port };
  return {
    ReplicationGroupId: id,
    ARN: arn,
    Description: properties['ReplicationGroupDescription'],
    Status: statusOf(group),
    ...(modifying !== undefined && { PendingModifiedValues: { AuthTokenStatus: modifying === 'SET' ? 'SETTING' : 'ROTATING' } }),
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
  checkToken(token);
}

function checkToken(token: unknown): void {
  if (typeof token === 'string' && /^[A-Za-z0-9!&#$^<>-]{16,128}$/.test(token)) return;
  throw new AwsError('InvalidParameterValueException', 'Invalid AuthToken provided: it must be 16 to 128 letters, digits and the characters ! & # $ ^ < > -.');
}
