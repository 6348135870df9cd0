/** What is there is listed and described as AWS does it, through the real clients: in pages, by filters, and no more than asked for. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { loadSdk, newClient, type SdkClient } from '../../../rehearsal/cloud/sdk-clients.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { cloudformation } from '../../../rehearsal/services/cloudformation.ts';
import { ec2 } from '../../../rehearsal/services/ec2.ts';
import { ecr } from '../../../rehearsal/services/ecr.ts';
import { events } from '../../../rehearsal/services/events.ts';
import { iam } from '../../../rehearsal/services/iam.ts';
import { kms } from '../../../rehearsal/services/kms.ts';
import { logs } from '../../../rehearsal/services/logs.ts';
import { monitoring } from '../../../rehearsal/services/monitoring.ts';
import { s3 } from '../../../rehearsal/services/s3.ts';
import { secretsmanager } from '../../../rehearsal/services/secretsmanager.ts';
import { sns } from '../../../rehearsal/services/sns.ts';
import { ssm } from '../../../rehearsal/services/ssm.ts';

let world: CloudWorld;
let front: Front;
let stacks: ReturnType<typeof cloudformation>;
let lines: ReturnType<typeof logs>;
const clients = new Map<string, SdkClient>();

beforeAll(async () => {
  world = createWorld({
    seed: 3, accountId: '111122223333', regions: ['us-east-1', 'us-west-2'],
    services: (inner) => [
      (stacks = cloudformation(inner)), ec2(inner), ecr(inner), events(inner), iam(inner), kms(inner), (lines = logs(inner)),
      monitoring(inner), s3(inner), secretsmanager(inner), sns(inner), ssm(inner),
    ],
  });
  front = await startFront(world);
});
afterAll(async () => {
  for (const client of clients.values()) client.destroy();
  await front.close();
  await world.close();
});

async function ask(service: string, operation: string, input: object = {}): Promise<Record<string, any>> {
  const sdk = await loadSdk(service);
  const client = clients.get(service) ?? newClient(sdk, service, { region: 'us-east-1', endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
  clients.set(service, client);
  const Command = sdk[`${operation}Command`] as new (value: unknown) => unknown;
  return client.send(new Command(input));
}

async function create(type: string, properties: Record<string, unknown>, region = 'us-east-1'): Promise<string> {
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  if (handler === undefined) throw new Error(`no model makes ${type}`);
  const name = `s-L-${world.uniqueId(6)}`;
  return (await handler({ type, logicalId: 'L', stackName: 's', region, generatedName: name, properties })).ref;
}

const names = (list: readonly any[], member: string): unknown[] => list.map((each) => each[member]);

test('the network: by id, by filter, and with what hangs on it', async () => {
  const vpc = await create('AWS::EC2::VPC', { CidrBlock: '10.0.0.0/16', Tags: [{ Key: 'Name', Value: 'one' }] });
  const other = await create('AWS::EC2::VPC', { CidrBlock: '10.1.0.0/16' });
  await create('AWS::EC2::VPC', { CidrBlock: '10.2.0.0/16' }, 'us-west-2');
  const subnet = await create('AWS::EC2::Subnet', { VpcId: vpc, CidrBlock: '10.0.1.0/24', AvailabilityZone: 'us-east-1a' });
  const group = await create('AWS::EC2::SecurityGroup', { VpcId: vpc, GroupDescription: 'traders', SecurityGroupEgress: [{ IpProtocol: 'tcp', FromPort: 443, ToPort: 443, CidrIp: '0.0.0.0/0' }] });
  await create('AWS::EC2::SecurityGroupIngress', { GroupId: group, IpProtocol: 'tcp', FromPort: '5432', ToPort: '5432', SourceSecurityGroupId: group });
  const table = await create('AWS::EC2::RouteTable', { VpcId: vpc });
  await create('AWS::EC2::Route', { RouteTableId: table, DestinationCidrBlock: '0.0.0.0/0', NatGatewayId: 'nat-1' });
  await create('AWS::EC2::SubnetRouteTableAssociation', { RouteTableId: table, SubnetId: subnet });

  expect(names((await ask('ec2', 'DescribeVpcs'))['Vpcs'], 'VpcId')).toEqual([vpc, other]);
  expect(names((await ask('ec2', 'DescribeVpcs', { Filters: [{ Name: 'tag:Name', Values: ['one'] }] }))['Vpcs'], 'VpcId')).toEqual([vpc]);
  expect((await ask('ec2', 'DescribeSubnets', { Filters: [{ Name: 'vpc-id', Values: [other] }] }))['Subnets'] ?? []).toEqual([]);
  expect((await ask('ec2', 'DescribeSecurityGroups', { GroupIds: [group] }))['SecurityGroups']).toMatchObject([{
    Description: 'traders',
    IpPermissions: [{ FromPort: 5432, UserIdGroupPairs: [{ GroupId: group }] }],
    IpPermissionsEgress: [{ ToPort: 443, IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
  }]);
  expect((await ask('ec2', 'DescribeRouteTables'))['RouteTables']).toMatchObject([{ Associations: [{ SubnetId: subnet }], Routes: [{ NatGatewayId: 'nat-1' }] }]);
  await expect(ask('ec2', 'DescribeSubnets', { SubnetIds: ['subnet-1'] })).rejects.toMatchObject({ name: 'InvalidSubnetID.NotFound' });
  await expect(ask('ec2', 'DescribeVpcs', { Filters: [{ Name: 'dhcp-options-id', Values: ['x'] }] })).rejects.toThrow("'dhcp-options-id' is not modelled");
  const page = await ask('ec2', 'DescribeVpcs', { MaxResults: 1 });
  expect(names((await ask('ec2', 'DescribeVpcs', { NextToken: page['NextToken'] }))['Vpcs'], 'VpcId')).toEqual([other]);
});

test('keys, by id, ARN and alias', async () => {
  const key = await create('AWS::KMS::Key', { Description: 'journal', EnableKeyRotation: true, KeyPolicy: { Version: '2012-10-17' } });
  await create('AWS::KMS::Alias', { AliasName: 'alias/journal', TargetKeyId: key });
  for (const KeyId of [key, `arn:aws:kms:us-east-1:111122223333:key/${key}`, 'alias/journal']) {
    expect((await ask('kms', 'DescribeKey', { KeyId }))['KeyMetadata']).toMatchObject({ KeyId: key, Description: 'journal', KeyState: 'Enabled' });
  }
  expect((await ask('kms', 'ListAliases', { KeyId: key }))['Aliases']).toMatchObject([{ AliasName: 'alias/journal', TargetKeyId: key }]);
  expect((await ask('kms', 'GetKeyRotationStatus', { KeyId: key }))['KeyRotationEnabled']).toBe(true);
  expect(JSON.parse((await ask('kms', 'GetKeyPolicy', { KeyId: key }))['Policy'])).toEqual({ Version: '2012-10-17' });
  await expect(ask('kms', 'DescribeKey', { KeyId: 'nobody' })).rejects.toMatchObject({ name: 'NotFoundException' });
});

test('stacks: while they are made, and what they hold then', async () => {
  const id = 'arn:aws:cloudformation:us-east-1:111122223333:stack/net/1';
  stacks.stackBegun({
    name: 'net', id, region: 'us-east-1', template: { Resources: {} }, description: 'the network', parameters: { Size: 'm' }, terminationProtection: true, createdAt: world.now(),
  });
  expect((await ask('cloudformation', 'DescribeStacks', { StackName: 'net' }))['Stacks']).toMatchObject([{ StackStatus: 'CREATE_IN_PROGRESS' }]);
  for (let index = 0; index < 130; index += 1) stacks.resourceCreated(id, { logicalId: `R${index}`, physicalId: `p-${index}`, type: 'AWS::EC2::Subnet' });
  stacks.stackCreated(id, [{ name: 'VpcId', value: 'vpc-1', description: undefined, exportName: 'net:vpc' }]);

  expect((await ask('cloudformation', 'DescribeStacks', { StackName: id }))['Stacks']).toMatchObject([{
    StackName: 'net', StackStatus: 'CREATE_COMPLETE', EnableTerminationProtection: true, Parameters: [{ ParameterKey: 'Size', ParameterValue: 'm' }],
    Outputs: [{ OutputKey: 'VpcId', OutputValue: 'vpc-1', ExportName: 'net:vpc' }],
  }]);
  expect((await ask('cloudformation', 'ListStacks', { StackStatusFilter: ['CREATE_FAILED'] }))['StackSummaries'] ?? []).toEqual([]);
  const page = await ask('cloudformation', 'ListStackResources', { StackName: 'net' });
  const rest = await ask('cloudformation', 'ListStackResources', { StackName: 'net', NextToken: page['NextToken'] });
  expect([page['StackResourceSummaries'].length, rest['StackResourceSummaries'].length, rest['NextToken']]).toEqual([100, 30, undefined]);
  expect((await ask('cloudformation', 'DescribeStackResources', { StackName: 'net' }))['StackResources']).toHaveLength(100);
  expect((await ask('cloudformation', 'DescribeStackResource', { StackName: 'net', LogicalResourceId: 'R7' }))['StackResourceDetail'].PhysicalResourceId).toBe('p-7');
  expect(JSON.parse((await ask('cloudformation', 'GetTemplate', { StackName: 'net' }))['TemplateBody'])).toEqual({ Resources: {} });
  expect((await ask('cloudformation', 'ListExports'))['Exports']).toMatchObject([{ Name: 'net:vpc', Value: 'vpc-1' }]);
  await expect(ask('cloudformation', 'DescribeStacks', { StackName: 'nobody' })).rejects.toThrow('Stack with id nobody does not exist');
});

test('roles: policies as documents in a URL', async () => {
  for (const name of ['a', 'b', 'c']) {
    await create('AWS::IAM::Role', { RoleName: name, AssumeRolePolicyDocument: { Version: '2012-10-17' }, Policies: [{ PolicyName: 'own', PolicyDocument: { Statement: [name] } }] });
  }
  const page = await ask('iam', 'ListRoles', { MaxItems: 2 });
  expect([page['IsTruncated'], ...names(page['Roles'], 'RoleName')]).toEqual([true, 'a', 'b']);
  expect(names((await ask('iam', 'ListRoles', { Marker: page['Marker'] }))['Roles'], 'RoleName')).toEqual(['c']);
  expect((await ask('iam', 'ListRolePolicies', { RoleName: 'c' }))['PolicyNames']).toEqual(['own']);
  const { PolicyDocument } = await ask('iam', 'GetRolePolicy', { RoleName: 'c', PolicyName: 'own' });
  expect(JSON.parse(decodeURIComponent(PolicyDocument))).toEqual({ Statement: ['c'] });
  await expect(ask('iam', 'GetRole', { RoleName: 'nobody' })).rejects.toMatchObject({ name: 'NoSuchEntityException' });
});

test('logs: the newest page first, a search over streams, an order by the last event', async () => {
  await create('AWS::Logs::LogGroup', { LogGroupName: '/x', RetentionInDays: 7 });
  const put = async (logStreamName: string, written: readonly [number, string][]): Promise<void> => {
    await ask('logs', 'CreateLogStream', { logGroupName: '/x', logStreamName });
    await ask('logs', 'PutLogEvents', { logGroupName: '/x', logStreamName, logEvents: written.map(([timestamp, message]) => ({ timestamp, message })) });
  };
  await put('a', [[1, 'epoch one'], [4, 'epoch two'], [5, 'else']]);
  await put('b', [[2, 'epoch three']]);
  const stream = { logGroupName: '/x', logStreamName: 'a', limit: 2 };
  const newest = await ask('logs', 'GetLogEvents', stream);
  expect(names(newest['events'], 'message')).toEqual(['epoch two', 'else']);
  expect(names((await ask('logs', 'GetLogEvents', { ...stream, nextToken: newest['nextBackwardToken'] }))['events'], 'message')).toEqual(['epoch one']);
  const found = await ask('logs', 'FilterLogEvents', { logGroupName: '/x', filterPattern: 'epoch', startTime: 2, limit: 1 });
  expect(found['events']).toMatchObject([{ logStreamName: 'b', message: 'epoch three' }]);
  expect((await ask('logs', 'FilterLogEvents', { logGroupName: '/x', filterPattern: 'epoch', startTime: 2, nextToken: found['nextToken'] }))['events']).toMatchObject([{ message: 'epoch two' }]);
  expect(names((await ask('logs', 'DescribeLogStreams', { logGroupName: '/x', orderBy: 'LastEventTime', descending: true }))['logStreams'], 'logStreamName')).toEqual(['a', 'b']);
  expect((await ask('logs', 'DescribeLogGroups'))['logGroups']).toMatchObject([{ logGroupName: '/x', retentionInDays: 7 }]);
  await expect(ask('logs', 'FilterLogEvents', { logGroupName: '/x', filterPattern: '{ $.a = 1 }' })).rejects.toThrow('is not modelled');
});

test('logs: lines with a text in a property are found, and counted as they come in', async () => {
  await create('AWS::Logs::LogGroup', { LogGroupName: '/y' });
  await ask('logs', 'CreateLogStream', { logGroupName: '/y', logStreamName: 'a' });
  const put = async (...messages: string[]): Promise<void> => {
    const logEvents = messages.map((message) => ({ timestamp: 1, message }));
    await ask('logs', 'PutLogEvents', { logGroupName: '/y', logStreamName: 'a', logEvents });
  };
  const filterPattern = '{ $.severity = "P0" }';
  const pages = '{"severity":"P0"}';
  await put(pages);
  const metric = (MetricName: string, MetricValue: string) => ({
    LogGroupName: '/y', FilterPattern: filterPattern, MetricTransformations: [{ MetricNamespace: 'Baton', MetricName, MetricValue }],
  });
  await create('AWS::Logs::MetricFilter', metric('pages', '1'));
  await expect(create('AWS::Logs::MetricFilter', metric('seconds', '$.seconds'))).rejects.toThrow("the pattern does not ask for '$.seconds'");
  await expect(create('AWS::Logs::MetricFilter', metric('tens', '10'))).rejects.toThrow('is not modelled');
  await create('AWS::Logs::MetricFilter', { ...metric('took', '$.output.seconds'), FilterPattern: '{ $.output.seconds = * }' });
  await put(pages, '{"severity":"P1"}', 'severity P0', 'null', '{"other":{"severity":"P0"}}');
  expect(names((await ask('logs', 'FilterLogEvents', { logGroupName: '/y', filterPattern }))['events'], 'message')).toEqual([pages, pages]);
  expect([lines.counted('Baton', 'pages'), lines.counted('Baton', 'other')]).toEqual([1, 0]);
  await put('{"output":{"seconds":1.5}}', '{"output":{"seconds":2}}', '{"output":{}}', 'seconds');
  expect(lines.counted('Baton', 'took')).toBe(3.5);
});

test('buckets and what shares a prefix', async () => {
  await create('AWS::S3::Bucket', { BucketName: 'one' });
  await create('AWS::S3::Bucket', { BucketName: 'two' }, 'us-west-2');
  for (const Key of ['a/1', 'a/2', 'b', 'c/d/1']) await ask('s3', 'PutObject', { Bucket: 'one', Key, Body: Key });
  expect(names((await ask('s3', 'ListBuckets'))['Buckets'], 'Name')).toEqual(['one', 'two']);
  expect((await ask('s3', 'GetBucketLocation', { Bucket: 'two' }))['LocationConstraint']).toBe('us-west-2');
  const page = await ask('s3', 'ListObjectsV2', { Bucket: 'one', Delimiter: '/', MaxKeys: 2 });
  expect([names(page['CommonPrefixes'], 'Prefix'), names(page['Contents'], 'Key')]).toEqual([['a/'], ['b']]);
  const rest = await ask('s3', 'ListObjectsV2', { Bucket: 'one', Delimiter: '/', ContinuationToken: page['NextContinuationToken'] });
  expect([names(rest['CommonPrefixes'], 'Prefix'), rest['IsTruncated']]).toEqual([['c/'], false]);
  expect(names((await ask('s3', 'ListObjectsV2', { Bucket: 'one', Delimiter: '/', Prefix: 'c/' }))['CommonPrefixes'], 'Prefix')).toEqual(['c/d/']);
});

test('parameters, secrets, topics, rules, alarms, metrics, images', async () => {
  for (const Name of ['/app/a', '/app/b/c', '/other']) await create('AWS::SSM::Parameter', { Name, Type: 'String', Value: Name });
  expect(names((await ask('ssm', 'GetParametersByPath', { Path: '/app' }))['Parameters'], 'Name')).toEqual(['/app/a']);
  expect(names((await ask('ssm', 'GetParametersByPath', { Path: '/app', Recursive: true }))['Parameters'], 'Value')).toEqual(['/app/a', '/app/b/c']);
  const described = (await ask('ssm', 'DescribeParameters', { ParameterFilters: [{ Key: 'Name', Option: 'BeginsWith', Values: ['/o'] }] }))['Parameters'];
  expect(described).toMatchObject([{ Name: '/other', Type: 'String' }]);
  expect(described[0]).not.toHaveProperty('Value');

  await create('AWS::SecretsManager::Secret', { Name: 'venue', SecretString: 'x' });
  expect((await ask('secretsmanager', 'ListSecrets', { Filters: [{ Key: 'name', Values: ['ven'] }] }))['SecretList']).toMatchObject([{ Name: 'venue' }]);
  expect((await ask('secretsmanager', 'ListSecretVersionIds', { SecretId: 'venue' }))['Versions']).toMatchObject([{ VersionStages: ['AWSCURRENT'] }]);

  const topic = await create('AWS::SNS::Topic', { TopicName: 'notices', Subscription: [{ Protocol: 'email', Endpoint: 'a@example.com' }] });
  for (const operation of ['ListSubscriptions', 'ListSubscriptionsByTopic']) {
    expect((await ask('sns', operation, { TopicArn: topic }))['Subscriptions']).toMatchObject([{ TopicArn: topic, Endpoint: 'a@example.com' }]);
  }
  expect((await ask('sns', 'GetTopicAttributes', { TopicArn: topic }))['Attributes'].SubscriptionsConfirmed).toBe('1');

  const Arn = 'arn:aws:lambda:us-east-1:111122223333:function:net';
  for (const Name of ['net', 'other']) await create('AWS::Events::Rule', { Name, Description: 'ends', EventPattern: { source: ['aws.states'] }, Targets: [{ Id: 'T', Arn }] });
  expect(names((await ask('events', 'ListRules', { NamePrefix: 'n' }))['Rules'], 'Name')).toEqual(['net']);
  expect((await ask('events', 'ListTargetsByRule', { Rule: 'net' }))['Targets']).toMatchObject([{ Id: 'T', Arn }]);
  expect((await ask('events', 'DescribeRule', { Name: 'net' }))['Description']).toBe('ends');
  await expect(ask('events', 'DescribeRule', { Name: 'nobody' })).rejects.toMatchObject({ name: 'ResourceNotFoundException' });

  await create('AWS::CloudWatch::Alarm', {
    AlarmName: 'gap', Threshold: '5', Period: 60, EvaluationPeriods: 1, Statistic: 'Sum', Namespace: 'Baton', MetricName: 'Gap', ComparisonOperator: 'GreaterThanThreshold',
  });
  expect((await ask('monitoring', 'DescribeAlarms', { AlarmNamePrefix: 'g' }))['MetricAlarms']).toMatchObject([{ AlarmName: 'gap', Threshold: 5, StateValue: 'INSUFFICIENT_DATA' }]);
  expect((await ask('monitoring', 'DescribeAlarms', { StateValue: 'ALARM' }))['MetricAlarms'] ?? []).toEqual([]);
  for (const Value of [1, 2]) await ask('monitoring', 'PutMetricData', { Namespace: 'Baton', MetricData: [{ MetricName: 'Gap', Value }] });
  expect((await ask('monitoring', 'ListMetrics', { Namespace: 'Baton' }))['Metrics']).toMatchObject([{ MetricName: 'Gap' }]);

  await create('AWS::ECR::Repository', { RepositoryName: 'trader' });
  const imageDigest = `sha256:${'a'.repeat(64)}`;
  for (const imageTag of ['v1', 'v2']) await ask('ecr', 'PutImage', { repositoryName: 'trader', imageManifest: '{}', imageDigest, imageTag });
  const images = await ask('ecr', 'ListImages', { repositoryName: 'trader', maxResults: 1 });
  expect(images['imageIds']).toEqual([{ imageDigest, imageTag: 'v1' }]);
  expect((await ask('ecr', 'ListImages', { repositoryName: 'trader', nextToken: images['nextToken'] }))['imageIds']).toEqual([{ imageDigest, imageTag: 'v2' }]);
});
