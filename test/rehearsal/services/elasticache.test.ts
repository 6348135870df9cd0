import { readFileSync } from 'node:fs';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { elasticache, type ElastiCacheModel } from '../../../rehearsal/services/elasticache.ts';
import { s3 } from '../../../rehearsal/services/s3.ts';
import { until } from '../../until.ts';
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

beforeAll(async () => {
  const services = (made: CloudWorld) => [s3(made), (model = elasticache(made, { ...site, directory: site.directory }))];
  world = createWorld({ seed: 1, accountId: '111111111111', regions: [region], services, provisioningMs: () => 20 });
  await world.model('s3')?.resources?.['AWS::S3::Bucket']?.({ type: 'AWS::S3::Bucket', logicalId: 'Thing', stackName: 'test', region, generatedName: 'x', properties: { BucketName: 'exports' } });
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

describe('snapshots', () => {
  const call = async (operation: string, input: Record<string, unknown>): Promise<any> =>
    world.call({ service: 'elasticache', operation, region, caller: world.operator.caller, input });
  const connect = async (id: string): Promise<Redis> => {
    const { host = '', port = 0, caFile = '' } = model.servers(region).get(id) ?? {};
    const redis = new Redis({ host, port, password: AuthToken, tls: { ca: readFileSync(caFile) }, lazyConnect: true });
    await redis.connect();
    return redis;
  };
  const statusOf = async (SnapshotName: string): Promise<string> => (await call('DescribeSnapshots', { SnapshotName })).Snapshots[0].SnapshotStatus;
  const available = (name: string): Promise<unknown> => until(`${name} is available`, async () => (await statusOf(name)) === 'available');

  test('one is exported to a bucket; a group that begins with it has what was there then, and goes without a trace', async () => {
    await create({ ...properties, ReplicationGroupId: 'kept' });
    const redis = await connect('kept');
    await redis.set('bucket:alpha', '17');
    await call('CreateSnapshot', { SnapshotName: 'one', ReplicationGroupId: 'kept' });
    await expect(call('DeleteSnapshot', { SnapshotName: 'one' })).rejects.toMatchObject({ name: 'InvalidSnapshotStateFault' });
    await available('one');
    await redis.set('bucket:alpha', '18');
    redis.disconnect();
    await call('CopySnapshot', { SourceSnapshotName: 'one', TargetSnapshotName: 'exported', TargetBucket: 'exports' });
    await available('one');
    await call('DeleteSnapshot', { SnapshotName: 'one' });

    const made = { ReplicationGroupId: 'loaded', ...properties, SnapshotArns: ['arn:aws:s3:::exports/exported-0001.rdb'] };
    expect((await call('CreateReplicationGroup', made)).ReplicationGroup.Status).toBe('creating');
    await until('the group', async () => (await describeGroups('loaded')).ReplicationGroups[0].Status === 'available');
    const loaded = await connect('loaded');
    expect(await loaded.get('bucket:alpha')).toBe('17');
    loaded.disconnect();
    await call('DeleteReplicationGroup', { ReplicationGroupId: 'loaded' });
    await until('it is gone', () => !model.servers(region).has('loaded'));
    await expect(describeGroups('loaded')).rejects.toMatchObject({ name: 'ReplicationGroupNotFoundFault' });
  });

  test('the 21st of a day is refused', async () => {
    await create({ ...properties, ReplicationGroupId: 'busy' });
    for (let index = 0; index < 20; index += 1) {
      await call('CreateSnapshot', { SnapshotName: `busy-${index}`, ReplicationGroupId: 'busy' });
      await available(`busy-${index}`);
      await call('DeleteSnapshot', { SnapshotName: `busy-${index}` });
    }
    await expect(call('CreateSnapshot', { SnapshotName: 'busy-20', ReplicationGroupId: 'busy' })).rejects.toMatchObject({ name: 'SnapshotQuotaExceededFault' });
  });

  test('an export into a bucket that is not there fails', async () => {
    await call('CreateSnapshot', { SnapshotName: 'lost', ReplicationGroupId: 'kept' });
    await available('lost');
    await call('CopySnapshot', { SourceSnapshotName: 'lost', TargetSnapshotName: 'nowhere', TargetBucket: 'none' });
    await until('it failed', async () => (await statusOf('lost')) === 'failed');
  });
});
