/** What crosses from Region to Region: replicas of secrets, images, events; and what is measured and repeated in each. */
import { CloudWatchClient, GetMetricDataCommand, GetMetricStatisticsCommand, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import type { Call } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { ecr, type Ecr } from '../../../rehearsal/services/ecr.ts';
import { events, type Events } from '../../../rehearsal/services/events.ts';
import { kms } from '../../../rehearsal/services/kms.ts';
import { monitoring } from '../../../rehearsal/services/monitoring.ts';
import { s3 } from '../../../rehearsal/services/s3.ts';
import { secretsmanager } from '../../../rehearsal/services/secretsmanager.ts';
import { until } from '../../until.ts';

const [east, west] = ['us-east-1', 'us-west-2'] as const;
const accountId = '111122223333';
let world: CloudWorld;
let front: Front;
let registry: Ecr;
const called: Call[] = [];

beforeAll(async () => {
  const heard = (call: Call): void => void called.push(call);
  const lag = { namespace: 'AWS/RDS', name: 'ReplicaLag', dimension: 'DBInstanceIdentifier', value: async (region: string) => (region === west ? 42 : undefined) };
  world = createWorld({
    seed: 3, accountId, regions: [east, west], provisioningMs: () => 50,
    services: (inner) => [
      kms(inner), s3(inner), secretsmanager(inner), (registry = ecr(inner)), events(inner), monitoring(inner, [lag]),
      { service: 'lambda', operations: { Invoke: (_input, call) => heard(call) } },
      { service: 'states', operations: { StartExecution: (_input, call) => heard(call) } },
    ],
  });
  front = await startFront(world);
  await create(west, 'AWS::KMS::Key', {}, 'west-key');
  await create(west, 'AWS::KMS::Alias', { AliasName: 'alias/data', TargetKeyId: keyArn });
});
afterAll(async () => {
  await front.close();
  await world.close();
});

let keyArn = '';
async function create(region: string, type: string, properties: Record<string, unknown>, generatedName = `s-L-${world.uniqueId(6)}`): Promise<string> {
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  if (!handler) throw new Error(`no handler for ${type}`);
  const { ref, attributes } = await handler({ type, logicalId: 'L', stackName: 's', region, generatedName, properties });
  if (type === 'AWS::KMS::Key') keyArn = String(attributes['Arn']);
  return ref;
}
const call = async (service: string, operation: string, region: string, input: Record<string, unknown>): Promise<any> =>
  world.call({ service, operation, region, caller: world.operator.caller, input });
const secret = (operation: string, region: string, input: Record<string, unknown>): Promise<any> => call('secretsmanager', operation, region, input);
const valueOf = async (region: string, SecretId: string): Promise<string> => (await secret('GetSecretValue', region, { SecretId })).SecretString;

test('a replica of a secret has its values and its ARN but for the Region, its own key, and takes no value itself', async () => {
  const arn = await create(east, 'AWS::SecretsManager::Secret', { Name: 'venue', SecretString: 'one', ReplicaRegions: [{ Region: west, KmsKeyId: 'alias/data' }] });
  expect(await valueOf(west, 'venue')).toBe('one');
  await secret('PutSecretValue', east, { SecretId: 'venue', SecretString: 'two' });
  expect(await valueOf(west, arn.replace(east, west))).toBe('two');
  expect(await secret('DescribeSecret', west, { SecretId: 'venue' })).toMatchObject({ PrimaryRegion: east, KmsKeyId: keyArn, ARN: arn.replace(east, west) });
  expect(await secret('DescribeSecret', east, { SecretId: 'venue' })).toMatchObject({
    PrimaryRegion: east, ReplicationStatus: [{ Region: west, KmsKeyId: 'alias/data', Status: 'InSync' }],
  });
  await expect(secret('PutSecretValue', west, { SecretId: 'venue', SecretString: 'three' })).rejects.toMatchObject({ name: 'InvalidRequestException' });
});

test('a replica that is promoted is on its own, and can take the old primary as its replica', async () => {
  await create(east, 'AWS::SecretsManager::Secret', { Name: 'database', SecretString: 'one', ReplicaRegions: [{ Region: west }] });
  await secret('StopReplicationToReplica', west, { SecretId: 'database' });
  await secret('PutSecretValue', west, { SecretId: 'database', SecretString: 'two' });
  await secret('PutSecretValue', east, { SecretId: 'database', SecretString: 'old' });
  expect(await valueOf(west, 'database')).toBe('two');
  await expect(secret('StopReplicationToReplica', west, { SecretId: 'database' })).rejects.toMatchObject({ name: 'InvalidRequestException' });

  const there = await secret('ReplicateSecretToRegions', west, { SecretId: 'database', AddReplicaRegions: [{ Region: east }] });
  expect(there.ReplicationStatus).toMatchObject([{ Region: east, Status: 'Failed', StatusMessage: expect.stringContaining('already exists') as string }]);
  expect(await valueOf(east, 'database')).toBe('old');
  await secret('ReplicateSecretToRegions', west, { SecretId: 'database', AddReplicaRegions: [{ Region: east }], ForceOverwriteReplicaSecret: true });
  expect(await valueOf(east, 'database')).toBe('two');
  await secret('RemoveRegionsFromReplication', west, { SecretId: 'database', RemoveReplicaRegions: [east] });
  await expect(valueOf(east, 'database')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('a key that the other Region does not have is a failed replication', async () => {
  await create(east, 'AWS::SecretsManager::Secret', { Name: 'keyless', SecretString: 'one', ReplicaRegions: [{ Region: west, KmsKeyId: 'alias/none' }] });
  expect((await secret('DescribeSecret', east, { SecretId: 'keyless' })).ReplicationStatus).toMatchObject([{ Region: west, Status: 'Failed' }]);
  await expect(valueOf(west, 'keyless')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('what is pushed to a repository that is replicated arrives, and goes no further', async () => {
  const to = (Region: string) => ({ ReplicationConfiguration: { Rules: [{ Destinations: [{ Region, RegistryId: accountId }], RepositoryFilters: [{ Filter: 'baton/', FilterType: 'PREFIX_MATCH' }] }] } });
  await create(east, 'AWS::ECR::ReplicationConfiguration', to(west));
  await create(west, 'AWS::ECR::ReplicationConfiguration', to(east));
  for (const RepositoryName of ['baton/trader', 'other']) await create(east, 'AWS::ECR::Repository', { RepositoryName });
  const imageDigest = `sha256:${'a'.repeat(64)}`;
  for (const repositoryName of ['baton/trader', 'other']) await call('ecr', 'PutImage', east, { repositoryName, imageDigest, imageTag: 'v1' });
  expect(registry.has(west, 'baton/trader', imageDigest)).toBe(false);
  await until('the image in the other Region', () => registry.has(west, 'baton/trader', imageDigest));
  expect((await call('ecr', 'DescribeImages', west, { repositoryName: 'baton/trader' })).imageDetails).toMatchObject([{ imageDigest, imageTags: ['v1'] }]);
  await expect(call('ecr', 'DescribeImages', west, { repositoryName: 'other' })).rejects.toMatchObject({ name: 'RepositoryNotFoundException' });
});

test('what is written to a bucket that is replicated is copied, later, with its version; a copy goes no further', async () => {
  const versioned = { VersioningConfiguration: { Status: 'Enabled' } };
  const to = (name: string, Rule: object = {}) => ({
    ReplicationConfiguration: {
      Role: `arn:aws:iam::${accountId}:role/replication`,
      Rules: [{ Id: '0', Priority: 0, Status: 'Enabled', Destination: { Bucket: `arn:aws:s3:::${name}` }, Filter: { Prefix: '' }, DeleteMarkerReplication: { Status: 'Disabled' }, ...Rule }],
    },
  });
  await create(west, 'AWS::S3::Bucket', { BucketName: 'further', ...versioned });
  await create(west, 'AWS::S3::Bucket', { BucketName: 'copies', ...versioned, ...to('further') });
  await create(east, 'AWS::S3::Bucket', { BucketName: 'reports', ...versioned, ...to('copies') });
  await expect(create(east, 'AWS::S3::Bucket', { BucketName: 'plain', ...to('copies') })).rejects.toThrow(/Versioning must be 'Enabled'/);
  await expect(create(east, 'AWS::S3::Bucket', { BucketName: 'nowhere', ...versioned, ...to('nosuch') })).rejects.toMatchObject({ name: 'NoSuchBucket' });
  await expect(create(east, 'AWS::S3::Bucket', { BucketName: 'some', ...versioned, ...to('copies', { Filter: { Prefix: 'a/' } }) })).rejects.toThrow(/for every object, is modelled/);

  const { VersionId } = await call('s3', 'PutObject', east, { Bucket: 'reports', Key: 'failovers/one.json', Body: '{}' });
  const keys = async (Bucket: string): Promise<string[]> => (await call('s3', 'ListObjectsV2', west, { Bucket })).Contents.map(({ Key }: { Key: string }) => Key);
  expect(await keys('copies')).toEqual([]);
  await until('the copy', async () => (await keys('copies')).length === 1);
  expect(await call('s3', 'GetObject', west, { Bucket: 'copies', Key: 'failovers/one.json', VersionId })).toMatchObject({ Body: Buffer.from('{}'), VersionId });
  await call('s3', 'PutObject', east, { Bucket: 'reports', Key: 'failovers/two.json', Body: '{}' });
  await until('the next copy', async () => (await keys('copies')).length === 2);
  expect(await keys('further')).toEqual([]);
});

test('an event goes to the bus of another Region, keeps where it happened, starts a machine there, and goes no further', async () => {
  const bus = (region: string) => ({ Arn: `arn:aws:events:${region}:${accountId}:event-bus/default`, Id: 'Bus', RoleArn: `arn:aws:iam::${accountId}:role/events` });
  const machine = { Arn: `arn:aws:states:${west}:${accountId}:stateMachine:refresh`, Id: 'Machine', RoleArn: `arn:aws:iam::${accountId}:role/events`, InputPath: '$.detail' };
  const EventPattern = { source: ['baton'] };
  await create(east, 'AWS::Events::Rule', { EventPattern, Targets: [bus(west)] });
  await create(west, 'AWS::Events::Rule', { EventPattern, Targets: [bus(east), machine] });
  await create(east, 'AWS::Events::Rule', { EventPattern: { source: ['baton'], region: [west] }, Targets: [{ Arn: `arn:aws:lambda:${east}:${accountId}:function:echo`, Id: 'Echo' }] });
  called.splice(0);
  await call('events', 'PutEvents', east, { Entries: [{ Source: 'baton', DetailType: 'Cutover ended', Detail: '{"book":"alpha"}' }] });
  await until('the machine is started', () => called.length > 0);
  expect(called).toMatchObject([{ service: 'states', region: west, caller: { roleArn: machine.RoleArn }, input: { stateMachineArn: machine.Arn, input: '{"book":"alpha"}' } }]);
});

test('a rule with a rate calls its target as often, on the compressed clock; another schedule is refused', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    called.splice(0);
    const Targets = [{ Arn: `arn:aws:lambda:${west}:${accountId}:function:watch`, Id: 'Watch' }];
    await create(west, 'AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)', Targets });
    await create(west, 'AWS::Events::Rule', { ScheduleExpression: 'rate(1 minute)', State: 'DISABLED', Targets });
    vi.advanceTimersByTime(999);
    expect(called).toEqual([]);
    vi.advanceTimersByTime(2001);
  } finally {
    vi.useRealTimers();
  }
  await until('three calls', () => called.length === 3);
  const event = JSON.parse(Buffer.from(called[0]?.input['Payload'] as Uint8Array).toString()) as Record<string, unknown>;
  expect(event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event', region: west });
  await expect(create(west, 'AWS::Events::Rule', { ScheduleExpression: 'cron(0 12 * * *)' })).rejects.toThrow('not modelled');
});

test.each(['rate(1 hour)', 'cron(0 6 ? * MON *)', 'cron(0 6 1 * ? *)'])('a rule that comes seldom, %s, comes when somebody says so', async (ScheduleExpression) => {
  const Targets = [{ Arn: `arn:aws:lambda:${west}:${accountId}:function:watch`, Id: 'Watch' }];
  const name = `seldom-${world.uniqueId(6)}`;
  await create(west, 'AWS::Events::Rule', { Name: name, ScheduleExpression, Targets });
  await create(west, 'AWS::Events::Rule', { Name: `${name}-off`, ScheduleExpression, Targets, State: 'DISABLED' });
  const bus = world.model('events') as Events;
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  called.splice(0);
  try {
    vi.advanceTimersByTime(600_000);
    expect(called.filter(({ region }) => region === west)).toEqual([]);
  } finally {
    vi.useRealTimers();
  }
  bus.comesDue(west, name);
  bus.comesDue(west, `${name}-off`);
  await until('one call', () => called.length === 1);
  expect(called).toMatchObject([{ service: 'lambda', region: west, caller: { service: 'events.amazonaws.com' } }]);
});

test('metrics are read where they were put; those of a service are what it measures', async () => {
  const client = (region: string) => new CloudWatchClient({ region, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
  const [here, there] = [client(east), client(west)];
  const range = { StartTime: new Date(Date.now() - 600_000), EndTime: new Date(Date.now() + 60_000) };
  const Dimensions = [{ Name: 'Book', Value: 'alpha' }];
  await here.send(new PutMetricDataCommand({ Namespace: 'Baton', MetricData: [1, 3].map((Value) => ({ MetricName: 'Rto', Value, Dimensions })) }));
  const MetricStat = { Metric: { Namespace: 'Baton', MetricName: 'Rto', Dimensions }, Period: 3600, Stat: 'Maximum' };
  const asked = new GetMetricDataCommand({ ...range, StartTime: new Date(Date.now() - 7_200_000), MetricDataQueries: [{ Id: 'rto', MetricStat }] });
  expect((await here.send(asked)).MetricDataResults).toMatchObject([{ Id: 'rto', Values: [3] }]);
  expect((await there.send(asked)).MetricDataResults).toMatchObject([{ Id: 'rto', Values: [] }]);

  const lag = { Namespace: 'AWS/RDS', MetricName: 'ReplicaLag', Dimensions: [{ Name: 'DBInstanceIdentifier', Value: 'baton' }], Period: 60, Statistics: ['Average' as const] };
  expect((await there.send(new GetMetricStatisticsCommand({ ...range, ...lag }))).Datapoints).toMatchObject([{ Average: 42 }]);
  expect((await here.send(new GetMetricStatisticsCommand({ ...range, ...lag }))).Datapoints ?? []).toEqual([]);
  here.destroy();
  there.destroy();
});
