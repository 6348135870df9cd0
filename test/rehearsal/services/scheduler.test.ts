/** Schedules through the real client: when they come, with whose permissions, and what becomes of what nobody takes. */
import { CreateScheduleCommand, DeleteScheduleCommand, GetScheduleCommand, ListSchedulesCommand, SchedulerClient, UpdateScheduleCommand } from '@aws-sdk/client-scheduler';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { AwsError, type Call, type CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { iam } from '../../../rehearsal/services/iam.ts';
import { scheduler, type SchedulerModel } from '../../../rehearsal/services/scheduler.ts';
import { sqs, type Sqs } from '../../../rehearsal/services/sqs.ts';
import { until } from '../../until.ts';

const region = 'us-east-1';
const account = '111122223333';
const functionArn = `arn:aws:lambda:${region}:${account}:function:revoke`;
const machineArn = `arn:aws:states:${region}:${account}:stateMachine:drill`;
let world: CloudWorld;
let front: Front;
let client: SchedulerClient;
let schedules: SchedulerModel;
let queues: Sqs;
let roleArn = '';
let called: Call[] = [];
let refused = 0;

beforeAll(async () => {
  const heard = (_input: unknown, call: Call): Record<string, never> => {
    if (refused > 0) {
      refused -= 1;
      throw new AwsError('TooManyRequestsException', 'Rate Exceeded.');
    }
    called.push(call);
    return {};
  };
  world = createWorld({
    seed: 5, accountId: account, regions: [region], judged: true,
    services: (inner) => [
      iam(inner), (schedules = scheduler(inner)), (queues = sqs(inner)),
      { service: 'lambda', operations: { Invoke: heard } }, { service: 'states', operations: { StartExecution: heard } },
    ],
  });
  front = await startFront(world);
  client = new SchedulerClient({ region, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
  roleArn = await role('Scheduled', ['lambda:InvokeFunction', 'states:StartExecution', 'sqs:SendMessage']);
  await create('AWS::Scheduler::ScheduleGroup', { Name: 'keys' });
});
afterAll(async () => {
  client.destroy();
  await front.close();
  await world.close();
});
beforeEach(() => {
  called = [];
  refused = 0;
});

async function create(type: string, properties: Record<string, unknown>): Promise<CreatedResource> {
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  if (!handler) throw new Error(`no handler for ${type}`);
  const request = { type, logicalId: 'L', stackName: 's', region, generatedName: `s-L-${world.uniqueId(6)}`, properties };
  const made = await handler(request);
  world.resourceCreated(request, made);
  return made;
}
async function role(name: string, actions: readonly string[]): Promise<string> {
  const statement = (extra: object): object => ({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', ...extra }] });
  const { attributes } = await create('AWS::IAM::Role', {
    RoleName: name,
    AssumeRolePolicyDocument: statement({
      Action: 'sts:AssumeRole', Principal: { Service: 'scheduler.amazonaws.com' },
      Condition: { ArnEquals: { 'aws:SourceArn': `arn:aws:scheduler:${region}:${account}:schedule-group/keys` } },
    }),
    Policies: [{ PolicyName: 'p', PolicyDocument: statement({ Action: actions, Resource: '*' }) }],
  });
  return String(attributes['Arn']);
}

const tomorrow = (): string => `at(${new Date(Date.now() + 86_400_000).toISOString().slice(0, 19)})`;
const oneShot = (Name: string, more: object = {}): any => ({
  Name, GroupName: 'keys', ScheduleExpression: tomorrow(), FlexibleTimeWindow: { Mode: 'OFF' }, ActionAfterCompletion: 'DELETE',
  Target: { Arn: functionArn, RoleArn: roleArn, Input: '{"version":"v1"}' }, ...more,
});
const bodyOf = (call: Call | undefined): string => Buffer.from(call?.input['Payload'] as Uint8Array).toString();

test('a single time calls its target once with its input and the permissions of its role, and then is gone', async () => {
  const { ScheduleArn } = await client.send(new CreateScheduleCommand(oneShot('revoke-v1')));
  expect(await client.send(new GetScheduleCommand({ Name: 'revoke-v1', GroupName: 'keys' }))).toMatchObject({ Arn: ScheduleArn, State: 'ENABLED', ScheduleExpressionTimezone: 'UTC' });
  const at = schedules.nextTimeOf(region, 'revoke-v1', 'keys')?.getTime() ?? 0;
  expect(Math.abs(at - Date.now() - 86_400_000)).toBeLessThan(60_000);
  expect(called).toEqual([]);
  await schedules.comesDue(region, 'revoke-v1', 'keys');
  expect(called).toMatchObject([{ operation: 'Invoke', caller: { roleArn }, input: { FunctionName: functionArn, InvocationType: 'Event' } }]);
  expect(bodyOf(called[0])).toBe('{"version":"v1"}');
  await expect(client.send(new GetScheduleCommand({ Name: 'revoke-v1', GroupName: 'keys' }))).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
});

test('a name is taken once; the same client token is the same schedule; an update sets everything anew', async () => {
  const input = oneShot('taken', { ClientToken: 'one', Description: 'first' });
  const first = await client.send(new CreateScheduleCommand(input));
  expect((await client.send(new CreateScheduleCommand(input))).ScheduleArn).toBe(first.ScheduleArn);
  await expect(client.send(new CreateScheduleCommand({ ...input, ClientToken: 'two' }))).rejects.toMatchObject({ name: 'ConflictException' });
  const { Description: _gone, ...again } = oneShot('taken', { State: 'DISABLED' });
  await client.send(new UpdateScheduleCommand(again));
  expect((await client.send(new GetScheduleCommand({ Name: 'taken', GroupName: 'keys' }))).Description).toBeUndefined();
  expect(schedules.nextTimeOf(region, 'taken', 'keys')).toBeUndefined();
  await expect(schedules.comesDue(region, 'taken', 'keys')).rejects.toThrow('disabled');
  expect((await client.send(new ListSchedulesCommand({ GroupName: 'keys', NamePrefix: 'tak' }))).Schedules).toMatchObject([{ Name: 'taken', State: 'DISABLED' }]);
  await client.send(new DeleteScheduleCommand({ Name: 'taken', GroupName: 'keys' }));
  expect((await client.send(new ListSchedulesCommand({ GroupName: 'keys' }))).Schedules).toEqual([]);
});

test('what no schedule may be is refused', async () => {
  const refusal = (input: object): Promise<unknown> => client.send(new CreateScheduleCommand(oneShot('no', input))).catch((error: unknown) => (error as Error).name);
  expect(await refusal({ ScheduleExpression: 'at(2020-01-01T00:00:00)' })).toBe('ValidationException');
  expect(await refusal({ ScheduleExpression: 'cron(0 0 * * * *)' })).toBe('ValidationException');
  expect(await refusal({ ScheduleExpressionTimezone: 'Mars/Olympus' })).toBe('ValidationException');
  expect(await refusal({ FlexibleTimeWindow: { Mode: 'FLEXIBLE' } })).toBe('ValidationException');
  expect(await refusal({ GroupName: 'nobody' })).toBe('ResourceNotFoundException');
  expect(await refusal({ Target: { Arn: 'arn:aws:sqs:us-east-1:1:q', RoleArn: roleArn } })).toBe('ValidationException');
  // The role trusts the scheduler for the group of the keys alone.
  expect(await refusal({ GroupName: 'default' })).toBe('ValidationException');
});

test('a rate begins at once and goes on, for a state machine too', async () => {
  const Target = { Arn: machineArn, RoleArn: roleArn, Input: '{"why":"drill"}' };
  await create('AWS::Scheduler::Schedule', { ...oneShot('often'), ScheduleExpression: 'rate(1 minute)', Target });
  await until('it went on', () => called.length >= 2);
  expect(called[0]).toMatchObject({ operation: 'StartExecution', input: { stateMachineArn: machineArn, input: '{"why":"drill"}' } });
  await client.send(new DeleteScheduleCommand({ Name: 'often', GroupName: 'keys' }));
});

test('a target that refuses is tried again, as often as the schedule allows; what nobody takes goes to the queue', async () => {
  const { attributes, ref } = await create('AWS::SQS::Queue', { QueueName: 'left' });
  const Target = { Arn: functionArn, RoleArn: roleArn, Input: '{"n":1}', RetryPolicy: { MaximumRetryAttempts: 1 }, DeadLetterConfig: { Arn: attributes['Arn'] } };
  refused = 1;
  await client.send(new CreateScheduleCommand(oneShot('again', { Target })));
  await schedules.comesDue(region, 'again', 'keys');
  expect([called.length, queues.messages(String(attributes['Arn']))]).toEqual([1, []]);
  refused = 2;
  await client.send(new CreateScheduleCommand(oneShot('lost', { Target })));
  await schedules.comesDue(region, 'lost', 'keys');
  expect([called.length, queues.messages(String(attributes['Arn']))]).toEqual([1, ['{"n":1}']]);
  expect(ref).toBe(`https://sqs.${region}.amazonaws.com/${account}/left`);
});

test('a role that may not call the target calls nothing', async () => {
  const weak = await role('Weak', ['states:StartExecution']);
  await client.send(new CreateScheduleCommand(oneShot('weak', { Target: { Arn: functionArn, RoleArn: weak, RetryPolicy: { MaximumRetryAttempts: 0 } } })));
  await schedules.comesDue(region, 'weak', 'keys');
  expect(called).toEqual([]);
  expect(world.judge?.surprises).toContainEqual(expect.objectContaining({ role: 'Weak', action: 'lambda:InvokeFunction' }));
});
