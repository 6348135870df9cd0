/**
 * ElastiCache for Redis and Valkey: each replication group is one real Redis on this machine, with TLS and AUTH,
 * started when CloudFormation creates it. Its replicas in other zones are not started: nothing here needs them.
 */
import { join } from 'node:path';

import { AwsError, type OperationHandler, type ResourceHandler, type ServiceModel, type World } from '../cloud/model.ts';
import type { RunningServer } from '../processes/postgres.ts';
import { startRedis, type RedisOptions, type RedisServer } from '../processes/redis.ts';
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
  server: RedisServer;
  /** What AUTH takes, oldest first: one token, or two between ROTATE and SET. */
  tokens: readonly string[];
  /** While it is changed. */
  modifying?: { readonly strategy: Strategy; readonly token: string };
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

  const serverOf = (region: string, id: string, authToken: string): RedisOptions => ({
    supervisor, authority, directory: join(directory, `elasticache-${region}-${id}`), authToken,
  });

  function groupOf(region: string, id: string): Group {
    const group = groups.get(key(region, id));
    if (!group) throw new AwsError('ReplicationGroupNotFoundFault', `ReplicationGroup ${id} not found.`);
    return group;
  }

  /** Goes on after the call that asked for it. Whoever is connected stays; the next AUTH is judged by what is then. */
  async function changeToken(group: Group, { strategy, token }: { readonly strategy: Strategy; readonly token: string }): Promise<void> {
    await world.provision('elasticache-modification', group.region);
    // A third one would push out the oldest.
    const tokens = strategy === 'SET' ? [token] : [...group.tokens.filter((each) => each !== token).slice(-1), token];
    if (group.server.child.exit === undefined) await group.server.accept(tokens);
    group.tokens = tokens;
    delete group.modifying;
    world.log('the tokens of Redis were changed', { region: group.region, replicationGroup: group.id, strategy, accepted: tokens.length });
  }

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
    ModifyReplicationGroup({ ReplicationGroupId, AuthToken: token, AuthTokenUpdateStrategy: strategy = 'ROTATE', ApplyImmediately, ...more }: ModifyInput, { region }) {
      const group = groupOf(region, ReplicationGroupId);
      const unknown = Object.keys(more);
      if (token === undefined || unknown.length > 0 || !['ROTATE', 'SET'].includes(strategy) || ApplyImmediately !== true) {
        throw new AwsError('NotImplemented', `of ModifyReplicationGroup, another AuthToken by ROTATE or SET, applied immediately, is modelled; not ${unknown.join(', ') || 'this'}`, { fault: 'server' });
      }
      checkToken(token);
      if (statusOf(group) !== 'available') {
        throw new AwsError('InvalidReplicationGroupStateFault', `Replication group ${group.id} is not in available state.`);
      }
      if (strategy === 'SET' && (group.tokens.length < 2 || !group.tokens.includes(token))) {
        throw new AwsError('InvalidParameterCombinationException', 'The SET strategy is allowed only after ROTATE, for one of the tokens that are in use.');
      }
      group.modifying = { strategy, token };
      changeToken(group, group.modifying).catch((error: unknown) => {
        delete group.modifying;
        world.log(`ElastiCache could not change the token of ${group.id}`, { region, error: String(error) });
      });
      return { ReplicationGroup: describeGroup(group) };
    },
  };

  const resources: Record<string, ResourceHandler> = {
    'AWS::ElastiCache::ReplicationGroup': async ({ region, properties, generatedName }) => {
      const id = String(properties['ReplicationGroupId'] ?? generatedName).toLowerCase();
      checkGroup(id, properties);
      if (groups.has(key(region, id))) throw new AwsError('ReplicationGroupAlreadyExistsFault', `Replication group ${id} already exists.`);
      const token = String(properties['AuthToken']);
      const server = await startRedis(serverOf(region, id, token));
      world.log('Redis started', { region, replicationGroup: id, port: server.port });
      const arn = `arn:aws:elasticache:${region}:${world.accountId}:replicationgroup:${id}`;
      groups.set(key(region, id), { id, arn, region, properties, server, tokens: [token] });
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
          const { id, server, tokens } = group;
          group.server = await startRedis({ ...serverOf(region, id, tokens[0] ?? ''), port: server.port });
          if (tokens.length > 1) await group.server.accept(tokens);
        }),
      );
    },
    async close() {
      await Promise.all([...groups.values()].map(({ server }) => server.stop()));
    },
  };
}

function statusOf({ server, modifying }: Group): string {
  if (server.child.exit !== undefined) return 'create-failed';
  return modifying === undefined ? 'available' : 'modifying';
}

function describeGroup(group: Group): Record<string, unknown> {
  const { id, arn, properties, server, modifying } = group;
  const endpoint = { Address: server.host, Port: server.port };
  return {
    ReplicationGroupId: id,
    ARN: arn,
    Description: properties['ReplicationGroupDescription'],
    Status: statusOf(group),
    ...(modifying !== undefined && { PendingModifiedValues: { AuthTokenStatus: modifying.strategy === 'SET' ? 'SETTING' : 'ROTATING' } }),
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
