/** The small services through their real clients: one file, for each of them is a few operations. */
import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import { CloudWatchLogsClient, CreateLogStreamCommand, GetLogEventsCommand, PutLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs';
import { DescribeImagesCommand, ECRClient, PutImageCommand } from '@aws-sdk/client-ecr';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeSecretCommand, GetSecretValueCommand, PutSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetParameterCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import type { Call, CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { ecr } from '../../../rehearsal/services/ecr.ts';
import { checkPattern, matches } from '../../../rehearsal/services/events-pattern.ts';
import { events } from '../../../rehearsal/services/events.ts';
import { iam, type Iam } from '../../../rehearsal/services/iam.ts';
import { logs, type Logs } from '../../../rehearsal/services/logs.ts';
import { monitoring, type Monitoring } from '../../../rehearsal/services/monitoring.ts';
import { s3 } from '../../../rehearsal/services/s3.ts';
import { secretsmanager } from '../../../rehearsal/services/secretsmanager.ts';
import { sns, type Sns } from '../../../rehearsal/services/sns.ts';
import { ssm } from '../../../rehearsal/services/ssm.ts';
import { sts } from '../../../rehearsal/services/sts.ts';

let world: CloudWorld;
let front: Front;
let topics: Sns;
let roles: Iam;
let logGroups: Logs;
let metrics: Monitoring;
let invoked: Array<{ call: Call; payload: string }> = [];
let failInvokes = 0;

beforeAll(async () => {
  const lambda = {
    service: 'lambda',
    operations: {
      Invoke: (input: { Payload: Uint8Array }, call: Call) => {
        if (failInvokes-- > 0) throw new Error('throttled');
        invoked.push({ call, payload: Buffer.from(input.Payload).toString() });
        return { StatusCode: 202 };
      },
    },
  };
  world = createWorld({
    seed: 9,
    accountId: '111122223333',
    regions: ['us-east-1'],
    services: (inner) => [
      (topics = sns(inner)),
      (roles = iam(inner)),
      (logGroups = logs(inner)),
      (metrics = monitoring(inner)),
      ecr(inner),
      events(inner),
      s3(inner),
      secretsmanager(inner),
      ssm(inner),
      sts(inner),
      lambda,
    ],
  });
  front = await startFront(world);
});
afterAll(async () => {
  await front.close();
  await world.close();
});

const config = () => ({ region: 'us-east-1', endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
const refusal = (error: unknown): string => `${(error as Error).name}: ${(error as Error).message}`;

async function create(type: string, properties: Record<string, unknown>): Promise<CreatedResource> {
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  if (!handler) throw new Error(`no handler for ${type}`);
  return handler({ type, logicalId: 'L', stackName: 's', region: 'us-east-1', generatedName: `s-L-${world.uniqueId(4)}`, properties });
}

test('S3: versions, listing, what is missing', async () => {
  await create('AWS::S3::Bucket', { BucketName: 'reports', VersioningConfiguration: { Status: 'Enabled' } });
  const client = new S3Client(config());
  const first = await client.send(
    new PutObjectCommand({ Bucket: 'reports', Key: 'a/one two.json', Body: '{"n":1}', ContentType: 'application/json' }),
  );
  await client.send(new PutObjectCommand({ Bucket: 'reports', Key: 'a/one two.json', Body: '{"n":2}' }));
  const newest = await client.send(new GetObjectCommand({ Bucket: 'reports', Key: 'a/one two.json' }));
  expect(await newest.Body?.transformToString()).toBe('{"n":2}');
  const old = await client.send(new GetObjectCommand({ Bucket: 'reports', Key: 'a/one two.json', VersionId: first.VersionId }));
  expect([await old.Body?.transformToString(), old.ContentType]).toEqual(['{"n":1}', 'application/json']);
  expect((await client.send(new ListObjectsV2Command({ Bucket: 'reports', Prefix: 'a/' }))).Contents?.map(({ Key }) => Key)).toEqual([
    'a/one two.json',
  ]);
  await expect(client.send(new GetObjectCommand({ Bucket: 'reports', Key: 'x' }))).rejects.toMatchObject({ name: 'NoSuchKey' });
  await expect(client.send(new GetObjectCommand({ Bucket: 'nobody', Key: 'x' }))).rejects.toMatchObject({ name: 'NoSuchBucket' });
  await expect(client.send(new HeadObjectCommand({ Bucket: 'reports', Key: 'x' }))).rejects.toMatchObject({ name: 'NotFound' });
});

test('SNS: published notices are kept', async () => {
  const { ref } = await create('AWS::SNS::Topic', { TopicName: 'notices' });
  const client = new SNSClient(config());
  const { MessageId } = await client.send(new PublishCommand({ TopicArn: ref, Subject: 'cutover', Message: 'done <&>' }));
  expect(topics.published).toMatchObject([{ topicArn: ref, messageId: MessageId, subject: 'cutover', message: 'done <&>' }]);
  await expect(client.send(new PublishCommand({ TopicArn: `${ref}x`, Message: 'm' }))).rejects.toMatchObject({ name: 'NotFoundException' });
  await expect(client.send(new PublishCommand({ TopicArn: ref, Subject: 'x'.repeat(101), Message: 'm' }))).rejects.toMatchObject({
    name: 'InvalidParameterException',
  });
});

test('SSM: versions, and overwriting only when asked', async () => {
  const client = new SSMClient(config());
  const put = (Overwrite: boolean) =>
    client.send(new PutParameterCommand({ Name: '/baton/x', Type: 'String', Value: String(Overwrite), Overwrite }));
  expect((await put(false)).Version).toBe(1);
  await expect(put(false)).rejects.toMatchObject({ name: 'ParameterAlreadyExists' });
  expect((await put(true)).Version).toBe(2);
  expect((await client.send(new GetParameterCommand({ Name: '/baton/x' }))).Parameter).toMatchObject({ Value: 'true', Version: 2 });
  await expect(client.send(new GetParameterCommand({ Name: '/nobody' }))).rejects.toMatchObject({ name: 'ParameterNotFound' });
});

test('Secrets Manager: stages move, a token repeats, passwords have every type', async () => {
  const { ref } = await create('AWS::SecretsManager::Secret', { Name: 'venue', GenerateSecretString: { PasswordLength: 20 } });
  const client = new SecretsManagerClient(config());
  const generated = (await client.send(new GetSecretValueCommand({ SecretId: 'venue' }))).SecretString ?? '';
  expect(generated).toHaveLength(20);
  for (const type of [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z0-9]/]) expect(generated).toMatch(type);
  const token = 'a'.repeat(32);
  const put = (SecretString: string) => client.send(new PutSecretValueCommand({ SecretId: ref, SecretString, ClientRequestToken: token }));
  await put('two');
  expect((await put('two')).VersionId).toBe(token);
  await expect(put('three')).rejects.toMatchObject({ name: 'ResourceExistsException' });
  const value = async (VersionStage: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId: 'venue', VersionStage }))).SecretString;
  expect([await value('AWSCURRENT'), await value('AWSPREVIOUS')]).toEqual(['two', generated]);
  await expect(value('AWSPENDING')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
  expect((await client.send(new DescribeSecretCommand({ SecretId: ref }))).VersionIdsToStages?.[token]).toEqual(['AWSCURRENT']);
});

test('ECR: images by digest, tags that do not move', async () => {
  await create('AWS::ECR::Repository', { RepositoryName: 'baton/trader', ImageTagMutability: 'IMMUTABLE' });
  const client = new ECRClient(config());
  const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
  const put = (imageDigest: string) =>
    client.send(new PutImageCommand({ repositoryName: 'baton/trader', imageManifest: '{}', imageDigest, imageTag: 'v1' }));
  await put(digest('a'));
  expect(await put(digest('b')).catch(refusal)).toContain('ImageTagAlreadyExistsException');
  const describe = (imageDigest: string, repositoryName = 'baton/trader') =>
    client.send(new DescribeImagesCommand({ repositoryName, imageIds: [{ imageDigest }] }));
  expect((await describe(digest('a'))).imageDetails).toMatchObject([{ imageDigest: digest('a'), imageTags: ['v1'] }]);
  expect(await describe(digest('c')).catch(refusal)).toContain(
    `ImageNotFoundException: The image with imageId {imageDigest:'${digest('c')}', imageTag:'null'} does not exist`,
  );
  expect(await describe(digest('a'), 'nobody').catch(refusal)).toContain('RepositoryNotFoundException');
});

test('STS tells a role from the operator', async () => {
  const roleArn = 'arn:aws:iam::111122223333:role/guard';
  const asRole = await new STSClient({ ...config(), credentials: world.credentialsFor(roleArn) }).send(new GetCallerIdentityCommand({}));
  expect([asRole.Account, asRole.Arn]).toEqual(['111122223333', 'arn:aws:sts::111122223333:assumed-role/guard/local']);
  expect((await new STSClient(config()).send(new GetCallerIdentityCommand({}))).Arn).toBe('arn:aws:iam::111122223333:user/operator');
});

test('logs and metrics are kept', async () => {
  await create('AWS::Logs::LogGroup', { LogGroupName: '/g' });
  const client = new CloudWatchLogsClient(config());
  const stream = { logGroupName: '/g', logStreamName: 's' };
  await expect(client.send(new PutLogEventsCommand({ ...stream, logEvents: [] }))).rejects.toMatchObject({
    name: 'ResourceNotFoundException',
  });
  await client.send(new CreateLogStreamCommand(stream));
  await client.send(
    new PutLogEventsCommand({
      ...stream,
      logEvents: [
        { timestamp: 1, message: 'one' },
        { timestamp: 2, message: 'two' },
      ],
    }),
  );
  const first = await client.send(new GetLogEventsCommand({ ...stream, limit: 1, startFromHead: true }));
  const second = await client.send(new GetLogEventsCommand({ ...stream, nextToken: first.nextForwardToken }));
  expect([first, second].flatMap(({ events: page }) => page?.map(({ message }) => message))).toEqual(['one', 'two']);
  expect([...logGroups.everything()].map(({ message }) => message)).toEqual(['one', 'two']);
  await new CloudWatchClient(config()).send(
    new PutMetricDataCommand({
      Namespace: 'Baton',
      MetricData: [{ MetricName: 'Gap', Value: 0.2, Dimensions: [{ Name: 'Book', Value: 'alpha' }] }],
    }),
  );
  expect(metrics.metrics).toMatchObject([{ namespace: 'Baton', name: 'Gap', value: 0.2, dimensions: { Book: 'alpha' } }]);
});

test('roles keep their policies', async () => {
  const { ref, attributes } = await create('AWS::IAM::Role', {
    AssumeRolePolicyDocument: {},
    Policies: [{ PolicyName: 'inline', PolicyDocument: { a: 1 } }],
  });
  await create('AWS::IAM::Policy', { PolicyName: 'attached', PolicyDocument: { b: 2 }, Roles: [ref] });
  expect([...(roles.roles.get(String(attributes['Arn']))?.policies ?? [])]).toEqual([['inline', { a: 1 }], ['attached', { b: 2 }]]);
});

test('EventBridge: a rule that matches invokes its target with the transformed event, again after a failure', async () => {
  const Arn = 'arn:aws:lambda:us-east-1:111122223333:function:net';
  const InputTransformer = {
    InputPathsMap: { status: '$.detail.status', all: '$.detail' },
    InputTemplate: '{"text":"ended <status>","status":<status>,"all":<all>}',
  };
  await create('AWS::Events::Rule', {
    Name: 'net',
    EventPattern: { source: ['aws.states'], detail: { status: ['FAILED', 'ABORTED'] } },
    Targets: [{ Id: 'T', Arn, InputTransformer }],
  });
  invoked = [];
  failInvokes = 1;
  const ended = (status: string) =>
    world.emit({ source: 'aws.states', detailType: 'x', region: 'us-east-1', resources: [], detail: { status } });
  ended('SUCCEEDED');
  ended('FAILED');
  await expect.poll(() => invoked.length).toBe(1);
  expect(JSON.parse(invoked[0]?.payload ?? '')).toEqual({ text: 'ended FAILED', status: 'FAILED', all: { status: 'FAILED' } });
  expect(invoked[0]?.call).toMatchObject({
    input: { FunctionName: Arn, InvocationType: 'Event' },
    caller: { accessKeyId: 'events.amazonaws.com' },
  });
  const answer = await new EventBridgeClient(config()).send(
    new PutEventsCommand({
      Entries: [
        { Source: 'aws.states', DetailType: 'x', Detail: '{}' },
        { Source: 'mine', DetailType: 'x', Detail: '{}' },
      ],
    }),
  );
  expect([answer.FailedEntryCount, answer.Entries?.[0]?.ErrorCode]).toEqual([1, 'NotAuthorizedForSourceException']);
  await expect(create('AWS::Events::Rule', { EventPattern: { a: [{ unheard: 1 }] } })).rejects.toThrow('Unrecognized match type unheard');
});

test.each([
  [{ a: ['x', 'y'] }, { a: 'y' }, true],
  [{ a: ['x'] }, { a: ['z', 'x'] }, true],
  [{ a: ['x'] }, {}, false],
  [{ a: { b: [{ prefix: 'x' }] } }, { a: { b: 'xy' } }, true],
  [{ a: [{ suffix: 'y' }] }, { a: 'xy' }, true],
  [{ a: [{ 'anything-but': ['x', 'y'] }] }, { a: 'z' }, true],
  [{ a: [{ 'anything-but': { prefix: 'x' } }] }, { a: 'xz' }, false],
  [{ a: [{ exists: false }] }, {}, true],
  [{ a: [{ exists: true }] }, {}, false],
  [{ a: [{ numeric: ['>', 1, '<=', 3] }] }, { a: 3 }, true],
  [{ a: [{ numeric: ['>', 1, '<=', 3] }] }, { a: 4 }, false],
  [{ a: [{ wildcard: 'x*z' }] }, { a: 'x.y.z' }, true],
  [{ a: [{ 'equals-ignore-case': 'ABC' }] }, { a: 'abc' }, true],
  [{ $or: [{ a: ['x'] }, { b: ['y'] }] }, { b: 'y' }, true],
  [{ a: [null] }, { a: null }, true],
])('pattern %j on %j: %s', (pattern, event, expected) => {
  checkPattern(pattern);
  expect(matches(pattern, event)).toBe(expected);
});
