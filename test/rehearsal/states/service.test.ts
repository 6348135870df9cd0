import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  DescribeExecutionCommand,
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  ListStateMachinesCommand,
  SFNClient,
  SendTaskFailureCommand,
  SendTaskHeartbeatCommand,
  SendTaskSuccessCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StopExecutionCommand,
  type DescribeExecutionOutput,
} from '@aws-sdk/client-sfn';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { AwsError, type BusEvent, type Call, type OperationHandler, type ServiceModel } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { lambdaModel } from '../../../rehearsal/services/lambda.ts';
import { statesModel } from '../../../rehearsal/services/states.ts';
import type { Json } from '../../../rehearsal/states/execution.ts';
import { exceptionName, memberName } from '../../../rehearsal/states/java-names.ts';
import { machine, task, type States } from './run.ts';

const region = 'us-east-1';
const roleArn = 'arn:aws:iam::111111111111:role/machine';

let directory: string;
let world: CloudWorld;
let front: Front;
let client: SFNClient;
let events: BusEvent[];
let calls: Call[];
/** What the services beside Step Functions and Lambda answer, by 'service:Operation'. */
let answers: Record<string, OperationHandler>;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'baton-states-'));
  await writeFile(
    path.join(directory, 'index.js'),
    `exports.handler = async (event) => {
      if (event.fail) throw Object.assign(new Error('no'), { name: 'BookBusy' });
      if (event.hang) await new Promise(() => {});
      return { got: event };
    };`,
  );
});
afterAll(() => rm(directory, { recursive: true }));

beforeEach(async () => {
  events = [];
  calls = [];
  answers = {};
  const scriptedModel = (service: string, operations: readonly string[]): ServiceModel => ({
    service,
    operations: Object.fromEntries(
      operations.map((operation) => [
        operation,
        (input: unknown, call: Call) => {
          calls.push(call);
          const answer = answers[`${service}:${operation}`];
          if (answer === undefined) throw new Error(`nothing was scripted for ${service}:${operation}`);
          return answer(input, call);
        },
      ]),
    ),
  });
  world = createWorld({
    seed: 3,
    accountId: '111111111111',
    regions: [region],
    services: (made) => [
      statesModel(made),
      lambdaModel(made, { assetDirectory: () => directory }),
      scriptedModel('ecs', ['DescribeTaskSets', 'CreateTaskSet']),
      scriptedModel('rds', ['CreateDBSnapshot', 'DescribeDBSnapshots']),
      scriptedModel('dynamodb', ['GetItem', 'UpdateItem']),
      scriptedModel('s3', ['PutObject', 'GetObject']),
      scriptedModel('sns', ['Publish']),
    ],
  });
  world.onBusEvent((event) => events.push(event));
  front = await startFront(world);
  client = new SFNClient({ region, endpoint: front.endpoint, credentials: world.operator.credentials });
  await world.model('lambda')?.resources?.['AWS::Lambda::Function']?.({
    type: 'AWS::Lambda::Function',
    logicalId: 'F',
    stackName: 's',
    region,
    generatedName: 'f',
    properties: {
      FunctionName: 'f',
      Runtime: 'nodejs24.x',
      Handler: 'index.handler',
      Timeout: 1,
      Code: { S3Key: 'x.zip' },
      Role: 'arn:aws:iam::111111111111:role/function',
    },
  });
});
afterEach(async () => {
  client.destroy();
  await world.close();
  await front.close();
});

async function create(states: States, name = 'm'): Promise<string> {
  const made = await world.model('states')?.resources?.['AWS::StepFunctions::StateMachine']?.({
    type: 'AWS::StepFunctions::StateMachine',
    logicalId: 'M',
    stackName: 's',
    region,
    generatedName: 's-M-0',
    properties: { StateMachineName: name, RoleArn: roleArn, DefinitionString: JSON.stringify(machine(states)) },
  });
  return made?.ref ?? '';
}

async function ended(executionArn: string): Promise<DescribeExecutionOutput> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(5)) {
    const seen = await client.send(new DescribeExecutionCommand({ executionArn }));
    if (seen.status !== 'RUNNING') return seen;
  }
  throw new Error('the execution did not end within 10 s');
}

async function runMachine(states: States, input: unknown = {}): Promise<DescribeExecutionOutput> {
  const stateMachineArn = await create(states);
  const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify(input) }));
  return ended(executionArn ?? '');
}

const sdkTask = (resource: string, args: Json, rest: object = {}): States => ({
  A: { Type: 'Task', Resource: `arn:aws:states:::${resource}`, Arguments: args, End: true, ...rest },
});
const waiting: States = { A: { Type: 'Wait', Seconds: 10, End: true } };

describe('through an unmodified client', () => {
  test('an execution from start to end: description, history, lists, events on the bus', async () => {
    const stateMachineArn = await create({ A: { Type: 'Pass', Output: '{% $states.context.Execution.Name %}', End: true } });
    expect(stateMachineArn).toBe('arn:aws:states:us-east-1:111111111111:stateMachine:m');
    const { executionArn = '' } = await client.send(new StartExecutionCommand({ stateMachineArn, name: 'one', input: '{"a": 1}' }));
    const described = await ended(executionArn);
    expect(described).toMatchObject({
      executionArn: 'arn:aws:states:us-east-1:111111111111:execution:m:one',
      stateMachineArn,
      name: 'one',
      status: 'SUCCEEDED',
      input: '{"a": 1}',
      output: '"one"',
    });
    expect(described.stopDate?.getTime()).toBeGreaterThanOrEqual(described.startDate?.getTime() ?? 0);

    const { events: history = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(history.map(({ type }) => type)).toEqual(['ExecutionStarted', 'PassStateEntered', 'PassStateExited', 'ExecutionSucceeded']);
    expect(history[0]?.executionStartedEventDetails?.roleArn).toBe(roleArn);
    const page = await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 3, reverseOrder: true }));
    expect(page.events?.map(({ id }) => id)).toEqual([4, 3, 2]);
    expect(
      (
        await client.send(new GetExecutionHistoryCommand({ executionArn, maxResults: 3, reverseOrder: true, nextToken: page.nextToken }))
      ).events?.map(({ id }) => id),
    ).toEqual([1]);

    expect((await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'SUCCEEDED' }))).executions).toMatchObject([
      { name: 'one', status: 'SUCCEEDED' },
    ]);
    expect((await client.send(new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING' }))).executions).toEqual([]);
    expect((await client.send(new ListStateMachinesCommand({}))).stateMachines).toMatchObject([{ name: 'm' }]);
    expect(JSON.parse((await client.send(new DescribeStateMachineCommand({ stateMachineArn }))).definition ?? '')).toHaveProperty(
      'StartAt',
      'A',
    );

    expect(
      events.map(({ source, detailType, resources, detail }) => [
        source,
        detailType,
        resources,
        detail.status,
        detail.name,
        detail.stopDate === null,
      ]),
    ).toEqual([
      ['aws.states', 'Step Functions Execution Status Change', [executionArn], 'RUNNING', 'one', true],
      ['aws.states', 'Step Functions Execution Status Change', [executionArn], 'SUCCEEDED', 'one', false],
    ]);
    expect(events[1]?.detail).toMatchObject({
      executionArn,
      stateMachineArn,
      input: '{"a": 1}',
      output: '"one"',
      startDate: described.startDate?.getTime(),
    });
  });

  test('a redrive goes on from what was stopped; what runs or succeeded is not redriven', async () => {
    const stateMachineArn = await create({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Wait', Seconds: 1, Next: 'C' }, C: { Type: 'Pass', Output: 'done', End: true } });
    const { executionArn } = await client.send(new StartExecutionCommand({ stateMachineArn, name: 'stopped' }));
    const redrive = (clientToken?: string) => client.send(new RedriveExecutionCommand({ executionArn, clientToken }));
    await expect(redrive()).rejects.toMatchObject({ name: 'ExecutionNotRedrivable', message: expect.stringContaining('RUNNING') as string });
    await client.send(new StopExecutionCommand({ executionArn }));
    expect(await ended(executionArn ?? '')).toMatchObject({ status: 'ABORTED', redriveCount: 0, redriveStatus: 'REDRIVABLE' });

    const { redriveDate } = await redrive('by-hand');
    expect(await redrive('by-hand')).toMatchObject({ redriveDate });
    expect(await ended(executionArn ?? '')).toMatchObject({
      status: 'SUCCEEDED', output: '"done"', redriveCount: 1, redriveDate, redriveStatus: 'NOT_REDRIVABLE',
    });
    const { events: history = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
    expect(history.map(({ type }) => type)).toEqual([
      'ExecutionStarted', 'PassStateEntered', 'PassStateExited', 'WaitStateEntered', 'ExecutionAborted',
      'ExecutionRedriven', 'WaitStateEntered', 'WaitStateExited', 'PassStateEntered', 'PassStateExited', 'ExecutionSucceeded',
    ]);
    expect(history[5]?.executionRedrivenEventDetails).toEqual({ redriveCount: 1 });
    expect(events.map(({ detail }) => [detail.status, detail.redriveCount])).toEqual([['RUNNING', 0], ['ABORTED', 0], ['RUNNING', 1], ['SUCCEEDED', 1]]);
    await expect(redrive()).rejects.toMatchObject({ name: 'ExecutionNotRedrivable', message: expect.stringContaining('SUCCEEDED') as string });
  });

  test('a start is idempotent by name and input while it runs', async () => {
    const stateMachineArn = await create(waiting);
    const start = (input: string) => client.send(new StartExecutionCommand({ stateMachineArn, name: 'same', input }));
    const first = await start('{}');
    expect(await start('{}')).toMatchObject({ executionArn: first.executionArn, startDate: first.startDate });
    await expect(start('{"other":1}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
    const { stopDate } = await client.send(
      new StopExecutionCommand({ executionArn: first.executionArn, error: 'Enough', cause: 'by hand' }),
    );
    expect(await ended(first.executionArn ?? '')).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'by hand', stopDate });
    expect(events.at(-1)?.detail).toMatchObject({ status: 'ABORTED' });
    await expect(start('{}')).rejects.toMatchObject({ name: 'ExecutionAlreadyExists' });
  });

  test('refusals', async () => {
    const stateMachineArn = await create(waiting);
    await expect(client.send(new StartExecutionCommand({ stateMachineArn: `${stateMachineArn}x` }))).rejects.toMatchObject({
      name: 'StateMachineDoesNotExist',
    });
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, input: '{' }))).rejects.toMatchObject({
      name: 'InvalidExecutionInput',
    });
    await expect(client.send(new StartExecutionCommand({ stateMachineArn, name: 'no spaces' }))).rejects.toMatchObject({
      name: 'InvalidName',
    });
    await expect(
      client.send(new DescribeExecutionCommand({ executionArn: 'arn:aws:states:us-east-1:111111111111:execution:m:none' })),
    ).rejects.toMatchObject({ name: 'ExecutionDoesNotExist' });
    await expect(create({ A: { Type: 'Pass', Next: 'B' } })).rejects.toMatchObject({ name: 'InvalidDefinition' });
    await expect(create(sdkTask('aws-sdk:ec2:describeInstances', {}))).rejects.toThrow(
      "uses 'arn:aws:states:::aws-sdk:ec2:describeInstances', which is not modelled",
    );
  });

  test('a task token is answered through the API', async () => {
    const stateMachineArn = await create({
      A: {
        Type: 'Task',
        Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
        Arguments: { FunctionName: 'f', Payload: { token: '{% $states.context.Task.Token %}' } },
        End: true,
      },
    });
    const tokenOf = async (executionArn: string): Promise<string> => {
      for (const deadline = Date.now() + 10_000; Date.now() < deadline; await delay(5)) {
        const { events: history = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
        const submitted = history.find(({ type }) => type === 'TaskSubmitted');
        if (submitted !== undefined)
          return JSON.parse(history.find(({ type }) => type === 'TaskScheduled')?.taskScheduledEventDetails?.parameters ?? '').Payload
            .token;
      }
      throw new Error('the task was not submitted within 10 s');
    };
    const one = (await client.send(new StartExecutionCommand({ stateMachineArn }))).executionArn ?? '';
    const taskToken = await tokenOf(one);
    await client.send(new SendTaskHeartbeatCommand({ taskToken }));
    await client.send(new SendTaskSuccessCommand({ taskToken, output: '{"by":"hand"}' }));
    expect(await ended(one)).toMatchObject({ status: 'SUCCEEDED', output: '{"by":"hand"}' });
    await expect(client.send(new SendTaskSuccessCommand({ taskToken, output: '{}' }))).rejects.toMatchObject({ name: 'TaskTimedOut' });
    await expect(client.send(new SendTaskSuccessCommand({ taskToken: 'unknown', output: '{}' }))).rejects.toMatchObject({
      name: 'InvalidToken',
    });
    const two = (await client.send(new StartExecutionCommand({ stateMachineArn }))).executionArn ?? '';
    await client.send(new SendTaskFailureCommand({ taskToken: await tokenOf(two), error: 'Refused', cause: 'no' }));
    expect(await ended(two)).toMatchObject({ status: 'FAILED', error: 'Refused', cause: 'no' });
  });
});

describe('calls to services', () => {
  test('ECS: camel case in the API, Pascal case in the machine, both ways; the role makes the call', async () => {
    answers['ecs:CreateTaskSet'] = (input: unknown) => ({
      taskSet: {
        id: 'ts',
        createdAt: new Date('2026-01-02T03:04:05.000Z'),
        scale: { value: 100, unit: 'PERCENT' },
        tags: [],
        networkConfiguration: (input as { networkConfiguration: unknown }).networkConfiguration,
      },
    });
    const result = await runMachine(
      sdkTask('aws-sdk:ecs:createTaskSet', {
        Cluster: 'c',
        Service: 's',
        ExternalId: 'blue',
        TaskDefinition: 't:1',
        Scale: { Value: 100, Unit: 'PERCENT' },
        NetworkConfiguration: { AwsvpcConfiguration: { Subnets: ['a'] } },
      }),
    );
    expect(calls[0]?.input).toEqual({
      cluster: 'c',
      service: 's',
      externalId: 'blue',
      taskDefinition: 't:1',
      scale: { value: 100, unit: 'PERCENT' },
      networkConfiguration: { awsvpcConfiguration: { subnets: ['a'] } },
    });
    expect(calls[0]?.caller).toEqual(world.callerFor(roleArn));
    expect(JSON.parse(result.output ?? '')).toEqual({
      TaskSet: {
        Id: 'ts',
        CreatedAt: '2026-01-02T03:04:05Z',
        Scale: { Value: 100, Unit: 'PERCENT' },
        Tags: [],
        NetworkConfiguration: { AwsvpcConfiguration: { Subnets: ['a'] } },
      },
    });
  });

  const failures: { resource: string; args: Json; answer: string; thrown: AwsError; error: string }[] = [
    {
      resource: 'aws-sdk:ecs:describeTaskSets',
      args: { Cluster: 'c', Service: 's' },
      answer: 'ecs:DescribeTaskSets',
      thrown: new AwsError('ClusterNotFoundException', 'Cluster not found.'),
      error: 'Ecs.ClusterNotFoundException',
    },
    {
      resource: 'aws-sdk:ecs:describeTaskSets',
      args: { Cluster: 'c', Service: 's' },
      answer: 'ecs:DescribeTaskSets',
      thrown: new AwsError('ThrottlingException', 'Rate exceeded'),
      error: 'Ecs.EcsException',
    },
    {
      resource: 'aws-sdk:rds:createDBSnapshot',
      args: { DbInstanceIdentifier: 'd', DbSnapshotIdentifier: 's' },
      answer: 'rds:CreateDBSnapshot',
      thrown: new AwsError('DBSnapshotAlreadyExistsFault', 'exists'),
      error: 'Rds.DbSnapshotAlreadyExistsException',
    },
    {
      resource: 'aws-sdk:dynamodb:updateItem',
      args: { TableName: 't', Key: { book: { S: 'b' } } },
      answer: 'dynamodb:UpdateItem',
      thrown: new AwsError('ConditionalCheckFailedException', 'The conditional request failed'),
      error: 'DynamoDb.ConditionalCheckFailedException',
    },
    {
      resource: 'dynamodb:updateItem',
      args: { TableName: 't', Key: { book: { S: 'b' } } },
      answer: 'dynamodb:UpdateItem',
      thrown: new AwsError('ConditionalCheckFailedException', 'The conditional request failed'),
      error: 'DynamoDB.ConditionalCheckFailedException',
    },
    {
      resource: 'sns:publish',
      args: { TopicArn: 't', Message: 'm' },
      answer: 'sns:Publish',
      thrown: new AwsError('NotFoundException', 'Topic does not exist'),
      error: 'SNS.NotFoundException',
    },
    {
      resource: 'aws-sdk:sns:publish',
      args: { TopicArn: 't', Message: 'm' },
      answer: 'sns:Publish',
      thrown: new AwsError('AuthorizationErrorException', 'no'),
      error: 'Sns.AuthorizationErrorException',
    },
  ];
  test.each(failures)('$resource fails with $error', async ({ resource, args, answer, thrown, error }) => {
    answers[answer] = () => {
      throw thrown;
    };
    const result = await runMachine({
      ...sdkTask(resource, args, { Catch: [{ ErrorEquals: [error], Next: 'B', Output: 'caught' }] }),
      B: { Type: 'Succeed' },
    });
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: '"caught"' });
  });

  test('RDS: acronyms are words', async () => {
    answers['rds:DescribeDBSnapshots'] = () => ({
      DBSnapshots: [
        {
          DBSnapshotIdentifier: 's',
          Status: 'available',
          DBSnapshotArn: 'arn',
          IAMDatabaseAuthenticationEnabled: false,
          PercentProgress: 100,
        },
      ],
    });
    const result = await runMachine(sdkTask('aws-sdk:rds:describeDBSnapshots', { DbSnapshotIdentifier: 's' }));
    expect(calls[0]?.input).toEqual({ DBSnapshotIdentifier: 's' });
    expect(JSON.parse(result.output ?? '')).toEqual({
      DbSnapshots: [
        {
          DbSnapshotIdentifier: 's',
          Status: 'available',
          DbSnapshotArn: 'arn',
          IamDatabaseAuthenticationEnabled: false,
          PercentProgress: 100,
        },
      ],
    });
  });

  test('DynamoDB: attribute values have names of their own in the SDK integration', async () => {
    answers['dynamodb:GetItem'] = () => ({
      Item: { book: { S: 'b' }, on: { BOOL: true }, none: { NULL: true }, nested: { M: { list: { L: [{ N: '1' }] } } } },
    });
    expect(
      JSON.parse(
        (await runMachine(sdkTask('aws-sdk:dynamodb:getItem', { TableName: 't', Key: { book: { S: 'b' }, flag: { Bool: true } } })))
          .output ?? '',
      ),
    ).toEqual({
      Item: { book: { S: 'b' }, on: { Bool: true }, none: { Nul: true }, nested: { M: { list: { L: [{ N: '1' }] } } } },
    });
    expect(calls[0]?.input).toEqual({ TableName: 't', Key: { book: { S: 'b' }, flag: { BOOL: true } } });
    expect(
      JSON.parse((await runMachine(sdkTask('dynamodb:getItem', { TableName: 't', Key: { flag: { BOOL: true } } }))).output ?? '').Item.on,
    ).toEqual({ BOOL: true });
  });

  test('S3 and SNS: JSON becomes text', async () => {
    answers['s3:PutObject'] = () => ({ ETag: '"e"' });
    expect(
      JSON.parse((await runMachine(sdkTask('aws-sdk:s3:putObject', { Bucket: 'b', Key: 'k', Body: { report: [1] } }))).output ?? ''),
    ).toEqual({ ETag: '"e"' });
    expect(Buffer.from(calls[0]?.input.Body as Uint8Array).toString()).toBe('{"report":[1]}');
    await runMachine(sdkTask('aws-sdk:s3:putObject', { Bucket: 'b', Key: 'k', Body: 'text data' }));
    expect(Buffer.from(calls[1]?.input.Body as Uint8Array).toString()).toBe('"text data"');
    answers['sns:Publish'] = () => ({ MessageId: 'id' });
    expect((await runMachine(sdkTask('sns:publish', { TopicArn: 't', Message: { a: 1 } }))).output).toBe('{"MessageId":"id"}');
    expect(calls[2]?.input).toEqual({ TopicArn: 't', Message: '{"a":1}' });
  });

  test('a name that the service does not have ends the execution; no catcher hides it', async () => {
    const result = await runMachine({
      ...sdkTask('aws-sdk:ecs:describeTaskSets', { cluster: 'c' }, { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }] }),
      B: { Type: 'Succeed' },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(result.cause).toContain("'cluster' of Arguments is not supported by Step Functions; supported are Cluster");
  });

  test('an operation that nobody modelled ends the execution loudly', async () => {
    const result = await runMachine({
      ...sdkTask(
        'aws-sdk:ecs:deleteTaskSet',
        { Cluster: 'c', Service: 's', TaskSet: 't' },
        { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }] },
      ),
      B: { Type: 'Succeed' },
    });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    expect(result.cause).toContain('ecs:DeleteTaskSet is not modelled');
  });
});

describe('Lambda tasks, in their own processes', () => {
  const invoke = (Payload: Json, rest: object = {}): States => ({
    A: { ...task, Arguments: { FunctionName: 'f', Payload }, End: true, ...rest },
  });

  test('the payload comes back parsed', async () => {
    expect(JSON.parse((await runMachine(invoke({ n: '{% $states.input.n %}' }), { n: 5 })).output ?? '')).toEqual({
      ExecutedVersion: '$LATEST',
      Payload: { got: { n: 5 } },
      StatusCode: 200,
    });
  });

  test('the type of a thrown error is the name that Catch compares, the payload is its cause', async () => {
    const result = await runMachine({
      ...invoke(
        { fail: true },
        { Catch: [{ ErrorEquals: ['BookBusy'], Next: 'B', Output: '{% $parse($states.errorOutput.Cause).errorMessage %}' }] },
      ),
      B: { Type: 'Succeed' },
    });
    expect(result).toMatchObject({ status: 'SUCCEEDED', output: '"no"' });
  });

  test("the function's own time-out, the state's, and a function that is not there", async () => {
    expect(await runMachine(invoke({ hang: true }))).toMatchObject({
      status: 'FAILED',
      error: 'Sandbox.Timedout',
      cause: expect.stringContaining('Task timed out after 1.00 seconds'),
    });
    expect(await runMachine({ A: { ...task, Arguments: { FunctionName: 'g' }, End: true } })).toMatchObject({
      status: 'FAILED',
      error: 'Lambda.ResourceNotFoundException',
    });
  });
});

test('names are taken apart as the Java SDK does it', () => {
  const members = {
    DBSnapshotIdentifier: 'DbSnapshotIdentifier',
    taskDefinitionArn: 'TaskDefinitionArn',
    IAMDatabaseAuthenticationEnabled: 'IamDatabaseAuthenticationEnabled',
    SSESpecification: 'SseSpecification',
    SS: 'Ss',
    BOOL: 'Bool',
    NULL: 'Nul',
    VpcId: 'VpcId',
    awsvpcConfiguration: 'AwsvpcConfiguration',
    ETag: 'ETag',
    ACL: 'Acl',
    ipv6CidrBlock: 'Ipv6CidrBlock',
    MultiAZ: 'MultiAZ',
    NewDBInstanceIdentifier: 'NewDBInstanceIdentifier',
    PerformanceInsightsKMSKeyId: 'PerformanceInsightsKMSKeyId',
  };
  expect(Object.fromEntries(Object.keys(members).map((name) => [name, memberName(name)]))).toEqual(members);
  const errors = {
    DBSnapshotNotFoundFault: 'DbSnapshotNotFoundException',
    ClusterNotFoundException: 'ClusterNotFoundException',
    NoSuchKey: 'NoSuchKeyException',
    KMSAccessDeniedException: 'KmsAccessDeniedException',
  };
  expect(Object.fromEntries(Object.keys(errors).map((name) => [name, exceptionName(name)]))).toEqual(errors);
});
