import { afterAll, beforeAll, expect, test } from 'vitest';

import type { BusEvent } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld, type LogLine } from '../../../rehearsal/cloud/world.ts';
import type { BuiltImage } from '../../../rehearsal/processes/container-image.ts';
import { TaskLauncher } from '../../../rehearsal/processes/tasks.ts';
import { ecs, type EcsModel } from '../../../rehearsal/services/ecs.ts';
import { imageOf, useSite } from '../processes/site.ts';
import { until } from '../../until.ts';

const site = useSite();
const region = 'us-east-1';
const images = new Map<string, BuiltImage>();
const events: BusEvent[] = [];
const logged: Array<{ operation: string; input: any }> = [];
const worldLog: LogLine[] = [];
let world: CloudWorld;
let model: EcsModel;
let good: string;
let served = 0;

const listener = `process.on('SIGTERM', () => process.exit(0)); console.log('up ' + process.env.COLOUR, process.getuid());
setInterval(() => {}, 1000);`;

beforeAll(async () => {
  const built = await imageOf(site, 'bot', { files: { 'main.mjs': listener, 'probe.mjs': 'process.exit(0)' } });
  good = built.digest;
  images.set(good, built);
  world = createWorld({
    seed: 1,
    accountId: '111111111111',
    regions: [region],
    onLog: (line) => void worldLog.push(line),
    services: (made) => {
      const launcher = new TaskLauncher({
        supervisor: site.supervisor,
        endpoint: () => 'http://127.0.0.1:1',
        caFile: site.authority.caFile,
        portVariables: ['BATON_GUARD_PORT'],
      });
      model = ecs(made, { launcher, images });
      const record = (operation: string) => (input: unknown) => void logged.push({ operation, input });
      return [model, { service: 'logs', operations: { CreateLogStream: record('CreateLogStream'), PutLogEvents: record('PutLogEvents') } }];
    },
  });
  world.onBusEvent((event) => events.push(event));
  await create('AWS::ECS::Cluster', { ClusterName: 'baton-dev' });
});
afterAll(() => world?.close());

async function create(type: string, properties: Record<string, unknown>) {
  const handler = model.resources?.[type];
  if (!handler) throw new Error(`no handler for ${type}`);
  return handler({ type, logicalId: 'Thing', stackName: 'test', region, generatedName: 'test-Thing-1', properties });
}

// The shapes are the SDK's; the tests look at what they need.
async function call(operation: string, input: Record<string, unknown> = {}): Promise<any> {
  return world.call({ service: 'ecs', operation, region, caller: world.operator.caller, input: { cluster: 'baton-dev', ...input } });
}

const vpc = { awsvpcConfiguration: { subnets: ['subnet-1', 'subnet-2'], securityGroups: ['sg-1'] } };
const onFargate = { launchType: 'FARGATE', networkConfiguration: vpc };

function definition(family: string, digest: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    family,
    networkMode: 'awsvpc',
    requiresCompatibilities: ['FARGATE'],
    cpu: '1024',
    memory: '2048',
    taskRoleArn: 'arn:aws:iam::111111111111:role/task',
    executionRoleArn: 'arn:aws:iam::111111111111:role/execution',
    containerDefinitions: [
      {
        name: 'trader',
        image: `111111111111.dkr.ecr.us-east-1.amazonaws.com/baton-dev/trader@${digest}`,
        environment: [{ name: 'COLOUR', value: 'blue' }],
        user: '65533:65533',
        stopTimeout: 5,
        logConfiguration: { logDriver: 'awslogs', options: { 'awslogs-group': '/baton/dev/btc', 'awslogs-stream-prefix': 'trader' } },
        ...more,
      },
    ],
  };
}

/** A service of its own for each test, so that no test depends on another. */
async function service(): Promise<string> {
  const name = `baton-dev-book${(served += 1)}`;
  const { ref } = await create('AWS::ECS::Service', {
    ServiceName: name,
    Cluster: 'baton-dev',
    DesiredCount: 2,
    DeploymentController: { Type: 'EXTERNAL' },
  });
  expect(ref).toBe(`arn:aws:ecs:us-east-1:111111111111:service/baton-dev/${name}`);
  return name;
}

async function taskSet(
  name: string,
  digest: string,
  more: Record<string, unknown> = {},
  container: Record<string, unknown> = {},
): Promise<any> {
  await callPlain('RegisterTaskDefinition', definition(name, digest, container));
  const scale = { value: 100, unit: 'PERCENT' };
  return (
    await call('CreateTaskSet', { service: name, externalId: 'blue', taskDefinition: name, ...onFargate, scale, ...more })
  ).taskSet;
}

const without = (input: Record<string, unknown>, member: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(input).filter(([key]) => key !== member));
const describeOne = async (name: string): Promise<any> => (await call('DescribeTaskSets', { service: name })).taskSets[0];
const tasksOf = (name: string) => model.tasks().filter((task) => task.serviceName === name);
const runningOf = (name: string) => tasksOf(name).filter(({ lastStatus }) => lastStatus === 'RUNNING');
const retire = (name: string, id: string) => call('DeleteTaskSet', { service: name, taskSet: id, force: true });

test('a task set runs the tasks of its service in different zones, tells the bus, and ends with its processes', async () => {
  const name = await service();
  expect((await call('DescribeServices', { services: [name] })).services[0]).toMatchObject({
    runningCount: 0,
    deploymentController: { type: 'EXTERNAL' },
  });
  const before = await taskSet(name, good);
  expect(before).toMatchObject({
    status: 'ACTIVE',
    computedDesiredCount: 2,
    runningCount: 0,
    pendingCount: 2,
    stabilityStatus: 'STABILIZING',
    externalId: 'blue',
  });

  await until('both tasks run', () => runningOf(name).length === 2);
  expect(await describeOne(name)).toMatchObject({ runningCount: 2, pendingCount: 0, stabilityStatus: 'STEADY_STATE' });
  expect(new Set(tasksOf(name).map(({ availabilityZone }) => availabilityZone)).size).toBe(2);
  const { taskArns } = await call('ListTasks', { serviceName: name });
  expect(taskArns).toHaveLength(2);
  const { tasks, failures } = await call('DescribeTasks', { tasks: [...taskArns, 'none'] });
  expect(tasks[0]).toMatchObject({ lastStatus: 'RUNNING', group: `service:${name}`, startedBy: before.id, healthStatus: 'UNKNOWN' });
  expect(failures).toEqual([{ arn: 'none', reason: 'MISSING' }]);
  const states = events.filter(({ resources }) => resources.includes(taskArns[0])).map(({ detail }) => detail['lastStatus']);
  expect(states).toEqual(['PROVISIONING', 'PENDING', 'RUNNING']);

  const printed = (arn: string): string[] =>
    logged
      .filter(({ operation, input }) => operation === 'PutLogEvents' && input.logStreamName === `trader/trader/${arn.split('/').at(-1)}`)
      .flatMap(({ input }) => input.logEvents.map((event: { message: string }) => event.message));
  for (const arn of taskArns) await until('its container has logged', () => printed(arn).length > 0);

  await expect(call('DeleteTaskSet', { service: name, taskSet: before.id })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  expect((await call('UpdateServicePrimaryTaskSet', { service: name, primaryTaskSet: before.taskSetArn })).taskSet.status).toBe('PRIMARY');
  expect((await retire(name, before.id)).taskSet.status).toBe('DRAINING');
  await until('its tasks ended', () => tasksOf(name).every(({ lastStatus }) => lastStatus === 'STOPPED'));
  expect(tasksOf(name).map(({ exitCodes, stopCode }) => [exitCodes['trader'], stopCode])).toEqual([
    [0, 'ServiceSchedulerInitiated'],
    [0, 'ServiceSchedulerInitiated'],
  ]);
  await expect.poll(async () => (await call('DescribeTaskSets', { service: name })).taskSets).toEqual([]);
  await expect(call('UpdateTaskSet', { service: name, taskSet: before.id, scale: { value: 0, unit: 'PERCENT' } })).rejects.toMatchObject({
    name: 'TaskSetNotFoundException',
  });
  expect(printed(taskArns[0])).toEqual([`up blue ${process.getuid?.() === 0 ? 65533 : process.getuid?.()}`]);
});

test('a task that dies is replaced, and one that is stopped by hand too', async () => {
  const name = await service();
  const set = await taskSet(name, good);
  await until('both tasks run', () => runningOf(name).length === 2);
  const [first, second] = tasksOf(name);
  await until('the first has spoken', () => (first?.lastLines.length ?? 0) > 0);
  first?.running?.kill();
  await until('it is seen as stopped', () => first?.lastStatus === 'STOPPED');
  expect(first).toMatchObject({
    stopCode: 'EssentialContainerExited',
    stoppedReason: 'Essential container in task exited',
    exitCodes: { trader: 137 },
  });
  await until('another runs in its place', () => runningOf(name).length === 2);
  expect(tasksOf(name)).toHaveLength(3);
  const id = first?.taskArn.split('/').at(-1)?.slice(0, 8);
  const stop = worldLog.find(({ message, fields }) => message === 'ECS task stopped' && fields?.['task'] === id);
  expect(stop?.fields).toMatchObject({
    reason: 'Essential container in task exited',
    lastLines: [expect.stringMatching(/^trader: up blue/)],
  });

  await call('StopTask', { task: second?.taskArn, reason: 'a test' });
  await until('another runs in its place', () => runningOf(name).length === 2 && tasksOf(name).length === 4);
  expect(second).toMatchObject({ stopCode: 'UserInitiated', stoppedReason: 'a test' });
  await retire(name, set.id);
  await until('its tasks ended', () => tasksOf(name).every(({ lastStatus }) => lastStatus === 'STOPPED'));
});

test('the scale of a task set is followed down and up', async () => {
  const name = await service();
  const set = await taskSet(name, good, { scale: { value: 50, unit: 'PERCENT' } });
  expect(set.computedDesiredCount).toBe(1);
  await until('one task runs', () => runningOf(name).length === 1);
  await call('UpdateTaskSet', { service: name, taskSet: set.id, scale: { value: 0, unit: 'PERCENT' } });
  await until('none runs', () => tasksOf(name).every(({ lastStatus }) => lastStatus === 'STOPPED'));
  expect(await describeOne(name)).toMatchObject({ computedDesiredCount: 0, runningCount: 0, stabilityStatus: 'STEADY_STATE' });
  await call('DeleteTaskSet', { service: name, taskSet: set.id });
  await expect.poll(async () => (await call('DescribeTaskSets', { service: name })).taskSets).toEqual([]);
});

test('steady means healthy, where there is a check; who fails it is replaced', async () => {
  const name = await service();
  const check = { command: ['CMD', 'node', '/app/probe.mjs'], interval: 0.2, timeout: 5, retries: 1 };
  const set = await taskSet(name, good, { scale: { value: 50, unit: 'PERCENT' } }, { healthCheck: check });
  await until('it runs', () => runningOf(name).length === 1);
  expect((await describeOne(name)).stabilityStatus).toBe('STABILIZING');
  await until('it is healthy', () => tasksOf(name)[0]?.running?.health === 'HEALTHY');
  expect((await describeOne(name)).stabilityStatus).toBe('STEADY_STATE');
  await retire(name, set.id);

  const other = await service();
  const ill = await taskSet(
    other,
    good,
    { scale: { value: 50, unit: 'PERCENT' } },
    { healthCheck: { ...check, command: ['CMD', 'node', '/app/none.mjs'] } },
  );
  await until('it was replaced', () => tasksOf(other).length > 1);
  expect(tasksOf(other)[0]).toMatchObject({ stopCode: 'ServiceSchedulerInitiated', stoppedReason: 'Task failed container health checks' });
  await retire(other, ill.id);
});

test('an image that nobody pushed cannot be pulled', async () => {
  const name = await service();
  const set = await taskSet(name, `sha256:${'0'.repeat(64)}`, { scale: { value: 50, unit: 'PERCENT' } });
  await until('it failed', () => tasksOf(name)[0]?.lastStatus === 'STOPPED');
  expect(tasksOf(name)[0]).toMatchObject({ stopCode: 'TaskFailedToStart' });
  expect(tasksOf(name)[0]?.stoppedReason).toMatch(/^CannotPullContainerError: .*baton-dev\/trader@sha256:0+: not found$/);
  await retire(name, set.id);
});

test('the same client token is the same task set, and starts nothing twice', async () => {
  const name = await service();
  const one = await taskSet(name, good, { clientToken: 'execution-1' });
  const two = await taskSet(name, good, { clientToken: 'execution-1' });
  expect(two.taskSetArn).toBe(one.taskSetArn);
  expect(tasksOf(name)).toHaveLength(2);
  await retire(name, one.id);
});

test('revisions: the family means the latest active one; what a template read back has too many is refused', async () => {
  const family = 'baton-dev-revisions';
  const first = await callPlain('RegisterTaskDefinition', { ...definition(family, good), tags: [{ key: 'Owner', value: 'desk' }] });
  expect(first.taskDefinition).toMatchObject({
    revision: 1,
    status: 'ACTIVE',
    taskDefinitionArn: `arn:aws:ecs:us-east-1:111111111111:task-definition/${family}:1`,
  });
  await callPlain('RegisterTaskDefinition', definition(family, good));
  expect((await callPlain('DescribeTaskDefinition', { taskDefinition: family })).taskDefinition.revision).toBe(2);
  const tagged = await callPlain('DescribeTaskDefinition', { taskDefinition: `${family}:1`, include: ['TAGS'] });
  expect(tagged.tags).toEqual([{ key: 'Owner', value: 'desk' }]);
  await callPlain('DeregisterTaskDefinition', { taskDefinition: `${family}:2` });
  expect((await callPlain('DescribeTaskDefinition', { taskDefinition: family })).taskDefinition.revision).toBe(1);
  await expect(callPlain('RegisterTaskDefinition', tagged.taskDefinition)).rejects.toMatchObject({
    name: 'ClientException',
    message: expect.stringMatching(/takes no .*taskDefinitionArn/),
  });
  const name = await service();
  await expect(call('CreateTaskSet', { service: name, taskDefinition: `${family}:2`, networkConfiguration: vpc })).rejects.toThrow(
    'TaskDefinition is inactive',
  );
});

test("the template's names become the API's; what the user named keeps its case", async () => {
  const made = await create('AWS::ECS::TaskDefinition', {
    Family: 'baton-dev-template',
    NetworkMode: 'awsvpc',
    ContainerDefinitions: [
      {
        Name: 'guard',
        Image: 'x',
        Environment: [{ Name: 'BATON_BOOK', Value: 'btc' }],
        LogConfiguration: { LogDriver: 'awslogs', Options: { Own: 'Value' } },
      },
    ],
    Tags: [{ Key: 'Owner', Value: 'desk' }],
  });
  expect(made.ref).toBe('arn:aws:ecs:us-east-1:111111111111:task-definition/baton-dev-template:1');
  const { taskDefinition, tags } = await callPlain('DescribeTaskDefinition', { taskDefinition: 'baton-dev-template', include: ['TAGS'] });
  expect(taskDefinition.containerDefinitions).toEqual([
    {
      name: 'guard',
      image: 'x',
      environment: [{ name: 'BATON_BOOK', value: 'btc' }],
      logConfiguration: { logDriver: 'awslogs', options: { Own: 'Value' } },
    },
  ]);
  expect(tags).toEqual([{ key: 'Owner', value: 'desk' }]);
});

test('task sets are listed by their service: DescribeTaskSets wants to be told which', async () => {
  const name = await service();
  const { id } = await taskSet(name, good);
  expect(id).toMatch(/^ecs-svc\/\d+$/);
  const asRole = (input: Record<string, unknown>) => {
    const caller = world.callerFor('arn:aws:iam::111111111111:role/machine');
    return world.call({ service: 'ecs', operation: 'DescribeTaskSets', region, caller, input: { cluster: 'baton-dev', service: name, ...input } });
  };
  await expect(asRole({})).rejects.toMatchObject({ name: 'InvalidParameterException', message: 'TaskSets cannot be empty.' });
  expect(await asRole({ taskSets: [id] })).toMatchObject({ taskSets: [{ id }], failures: [] });
  expect((await call('DescribeServices', { services: [name] })).services[0].taskSets).toMatchObject([{ id, externalId: 'blue' }]);
  await retire(name, id);
});

test.each([
  ['an unknown cluster', 'DescribeTaskSets', { cluster: 'none', service: 'x' }, 'ClusterNotFoundException'],
  ['an unknown service', 'CreateTaskSet', { service: 'none', taskDefinition: 'x' }, 'ServiceNotFoundException'],
  ['an unknown task', 'StopTask', { task: 'none' }, 'InvalidParameterException'],
  ['an unknown definition', 'DescribeTaskDefinition', { taskDefinition: 'none' }, 'ClientException'],
])('%s is refused in the words of AWS', async (_what, operation, input, name) => {
  await expect(call(operation, input)).rejects.toMatchObject({ name });
});

test('what an EXTERNAL service does not allow or needs is refused', async () => {
  const name = await service();
  await callPlain('RegisterTaskDefinition', definition('baton-dev-checks', good));
  const valid = { service: name, taskDefinition: 'baton-dev-checks', ...onFargate };
  await expect(call('CreateTaskSet', { ...valid, networkConfiguration: undefined })).rejects.toThrow(
    'Network Configuration must be provided',
  );
  await expect(call('CreateTaskSet', { ...valid, taskDefinition: 'none' })).rejects.toThrow('TaskDefinition not found.');
  await expect(call('CreateTaskSet', { ...valid, scale: { value: 150, unit: 'PERCENT' } })).rejects.toThrow('between 0 and 100');
  await expect(call('CreateTaskSet', { ...valid, clientToken: 'x'.repeat(37) })).rejects.toThrow('36 ASCII characters');
  await expect(call('CreateTaskSet', without(valid, 'launchType'))).rejects.toThrow('EC2 when not said');
  await expect(create('AWS::ECS::Service', { Cluster: 'baton-dev', DesiredCount: 1 })).rejects.toThrow('only EXTERNAL is');
  const external = { Cluster: 'baton-dev', DeploymentController: { Type: 'EXTERNAL' } };
  await expect(create('AWS::ECS::Service', { ...external, LaunchType: 'FARGATE', NetworkConfiguration: vpc })).rejects.toThrow(
    'LaunchType, NetworkConfiguration cannot be given to a service with the EXTERNAL controller',
  );
  const noCpu = without(definition('baton-dev-checks', good), 'cpu');
  await expect(callPlain('RegisterTaskDefinition', noCpu)).rejects.toThrow("Fargate requires that 'cpu' be defined");
  await expect(callPlain('RegisterTaskDefinition', definition('baton-dev-checks', good, { stopTimeout: 300 }))).rejects.toThrow(
    'at most 120 seconds',
  );
});

/** Without the cluster that most calls name. */
async function callPlain(operation: string, input: Record<string, unknown>): Promise<any> {
  return world.call({ service: 'ecs', operation, region, caller: world.operator.caller, input });
}

test('a task that is run by itself has the command it was given, ends with its exit code, and is run once for a client token', async () => {
  const image = await imageOf(site, 'job', { files: { 'main.mjs': "process.exit(process.argv[2] === 'seven' ? 7 : 0)" } });
  images.set(image.digest, image);
  await callPlain('RegisterTaskDefinition', definition('job', image.digest));
  const input = {
    taskDefinition: 'job', ...onFargate, clientToken: 'once', overrides: { containerOverrides: [{ name: 'trader', command: ['seven'] }] },
  };
  const { tasks, failures } = await call('RunTask', input);
  expect(failures).toEqual([]);
  expect(tasks).toMatchObject([{ group: 'family:job', lastStatus: 'PROVISIONING' }]);
  expect((await call('RunTask', input)).tasks).toMatchObject([{ taskArn: tasks[0].taskArn }]);
  const ended = await until('the task to end', async () => {
    const { tasks: [task] } = await call('DescribeTasks', { tasks: [tasks[0].taskArn] });
    return task.lastStatus === 'STOPPED' && task;
  });
  expect(ended).toMatchObject({ stopCode: 'EssentialContainerExited', containers: [{ name: 'trader', exitCode: 7 }] });
});

test('a task that is run by itself is found by what it was started with, until it is to stop', async () => {
  const startedBy = 'baton-dev-drill-1';
  await callPlain('RegisterTaskDefinition', definition('job', good));
  const { tasks: [task] } = await call('RunTask', { taskDefinition: 'job', ...onFargate, startedBy });
  expect(task).toMatchObject({ startedBy });
  expect(await call('ListTasks', { startedBy })).toMatchObject({ taskArns: [task.taskArn] });
  expect(await call('ListTasks', { startedBy: 'baton-dev-drill-2' })).toMatchObject({ taskArns: [] });
  await expect(call('ListTasks', { startedBy, desiredStatus: 'STOPPED' })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await call('StopTask', { task: task.taskArn });
  expect(await call('ListTasks', { startedBy })).toMatchObject({ taskArns: [] });
});

test.each([
  ['with a label that is none', { startedBy: 'arn:aws:states' }, 'InvalidParameterException'],
  ['of an unknown definition', { taskDefinition: 'nosuch' }, 'ClientException'],
  ['with an override for a stranger', { overrides: { containerOverrides: [{ name: 'x', command: [] }] } }, 'InvalidParameterException'],
  ['with an override that is not modelled', { overrides: { cpu: '256' } }, 'InvalidParameterException'],
])('a task %s is not run', async (_, more, name) => {
  await callPlain('RegisterTaskDefinition', definition('job', good));
  await expect(call('RunTask', { taskDefinition: 'job', ...onFargate, ...more })).rejects.toMatchObject({ name });
});
