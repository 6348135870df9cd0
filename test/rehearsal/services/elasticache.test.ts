import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { elasticache, type ElastiCacheModel } from '../../../rehearsal/services/elasticache.ts';
import { useSite } from '../processes/site.ts';

const site = useSite();
const region = 'us-east-1';
const AuthToken = 'abcdefgh!&#$^<>-';
const properties = {
  ReplicationGroupDescription: 'limits',
  Engine: 'valkey',
  AuthToken,
  TransitEncryptionEnabled: true,
  AutomaticFailoverEnabled: true,
};
let world: CloudWorld;
let model: ElastiCacheModel;

beforeAll(() => {
  const services = (made: CloudWorld) => [(model = elasticache(made, { ...site, directory: site.directory }))];
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [region], services });
});
afterAll(() => world?.close());

async function create(given: Record<string, unknown>): Promise<CreatedResource> {
  const type = 'AWS::ElastiCache::ReplicationGroup';
  const handler = model.resources?.[type];
  if (!handler) throw new Error(`no handler for ${type}`);
  return handler({ type, logicalId: 'Thing', stackName: 'test', region, generatedName: 'test-Thing-1', properties: given });
}
const describeGroups = async (id: string): Promise<any> =>
  world.call({
    service: 'elasticache',
    operation: 'DescribeReplicationGroups',
    region,
    caller: world.operator.caller,
    input: { ReplicationGroupId: id },
  });

test('a replication group is a Redis that its endpoint and token lead to', async () => {
  const { ref, attributes } = await create({ ...properties, ReplicationGroupId: 'baton-dev' });
  const ca = readFileSync(model.servers(region).get('baton-dev')?.caFile ?? '');
  const host = String(attributes['PrimaryEndPoint.Address']);
  const port = Number(attributes['PrimaryEndPoint.Port']);
  const redis = new Redis({ host, port, password: AuthToken, tls: { ca }, lazyConnect: true });
  await redis.connect();
  expect(await redis.ping()).toBe('PONG');
  redis.disconnect();
  const { ReplicationGroups } = await describeGroups(ref);
  expect(ReplicationGroups[0]).toMatchObject({
    Status: 'available',
    AutomaticFailover: 'enabled',
    NodeGroups: [{ PrimaryEndpoint: { Address: host, Port: port } }],
  });
  expect(JSON.stringify(ReplicationGroups)).not.toContain(AuthToken);
  await expect(create({ ...properties, ReplicationGroupId: 'baton-dev' })).rejects.toMatchObject({
    name: 'ReplicationGroupAlreadyExistsFault',
  });
  await expect(describeGroups('none')).rejects.toMatchObject({ name: 'ReplicationGroupNotFoundFault' });
});

test.each([
  ['a group without TLS', { TransitEncryptionEnabled: false }],
  ['a group without a token', { AuthToken: undefined }],
  ['a token that ElastiCache does not take', { AuthToken: 'with@and/or-something' }],
  ['a short token', { AuthToken: 'short' }],
  ['a wrong name', { ReplicationGroupId: '1st' }],
])('%s is refused', async (_what, wrong) => {
  await expect(create({ ...properties, ReplicationGroupId: 'wrong', ...wrong })).rejects.toMatchObject({
    name: 'InvalidParameterValueException',
  });
});
