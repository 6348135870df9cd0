/** What becomes of the things that run in a Region when it goes dark, and when it is back. */
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SSMClient, GetParameterCommand } from '@aws-sdk/client-ssm';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { elasticache, type ElastiCacheModel } from '../../../rehearsal/services/elasticache.ts';
import { lambdaModel } from '../../../rehearsal/services/lambda.ts';
import { ssm } from '../../../rehearsal/services/ssm.ts';
import { statesModel } from '../../../rehearsal/services/states.ts';
import { until } from '../../until.ts';
import { isAlive, useSite } from '../processes/site.ts';

const [east, west] = ['us-east-1', 'us-west-2'] as const;
const roleArn = 'arn:aws:iam::111111111111:role/any';
const AuthToken = 'abcdefgh!&#$^<>-';
/** Says who it is; or that it has begun, and hangs. */
const handlerSource = `exports.handler = async ({ begun }) => {
  if (begun) require('node:fs').writeFileSync(begun, '');
  if (begun) await new Promise(() => {});
  return process.pid;
};`;
const site = useSite();
let directory: string;
let world: CloudWorld;
let front: Front;
let caches: ElastiCacheModel;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baton-dark-'));
  await writeFile(join(directory, 'index.js'), handlerSource);
  world = createWorld({
    seed: 5, accountId: '111111111111', regions: [east, west],
    services: (made) => [
      (caches = elasticache(made, { ...site, directory: site.directory })), lambdaModel(made, { assetDirectory: () => directory }), ssm(made), statesModel(made),
    ],
  });
  front = await startFront(world);
  for (const region of [east, west]) {
    const Code = { S3Key: 'code' };
    await create(region, 'AWS::Lambda::Function', { FunctionName: 'pid', Runtime: 'nodejs24.x', Handler: 'index.handler', Role: roleArn, Code, Timeout: 60 });
    await call(region, 'ssm', 'PutParameter', { Name: '/where', Type: 'String', Value: region });
  }
});
afterAll(async () => {
  await front.close();
  await world.close();
  await rm(directory, { recursive: true });
});

async function create(region: string, type: string, properties: Record<string, unknown>): Promise<Record<string, unknown>> {
  const handler = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  if (!handler) throw new Error(`no handler for ${type}`);
  return (await handler({ type, logicalId: 'L', stackName: 's', region, generatedName: `s-L-${world.uniqueId(6)}`, properties })).attributes;
}
const call = async (region: string, service: string, operation: string, input: Record<string, unknown>): Promise<any> =>
  world.call({ service, operation, region, caller: world.operator.caller, input });
const invoke = async (region: string, event: object): Promise<{ failed: boolean; pid: number }> => {
  const answer = await call(region, 'lambda', 'Invoke', { FunctionName: 'pid', Payload: JSON.stringify(event) });
  return { failed: answer.FunctionError !== undefined, pid: Number(Buffer.from(answer.Payload).toString()) };
};

test('functions end with their Region, and those of the other go on', async () => {
  const [here, there] = [await invoke(east, {}), await invoke(west, {})];
  const begun = join(directory, 'begun');
  const hanging = invoke(east, { begun });
  await until('the function has begun', () => existsSync(begun));
  await world.darken(east);
  expect(isAlive(here.pid)).toBe(false);
  expect((await hanging).failed).toBe(true);
  expect((await invoke(west, {})).pid).toBe(there.pid);
  await world.relight(east);
  const again = await invoke(east, {});
  expect(again.failed).toBe(false);
  expect(again.pid).not.toBe(here.pid);
});

test('who asks a dark Region is not answered', async () => {
  const client = new SSMClient({
    region: east, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1, requestHandler: { requestTimeout: 300, throwOnRequestTimeout: true },
  });
  const ask = () => client.send(new GetParameterCommand({ Name: '/where' }));
  await world.darken(east);
  await expect(ask()).rejects.toMatchObject({ name: 'TimeoutError' });
  await world.relight(east);
  expect((await ask()).Parameter?.Value).toBe(east);
  client.destroy();
});

test('an execution stands still in the dark, between two states and within one, and goes on', async () => {
  const task = { Type: 'Task', Resource: 'arn:aws:states:::lambda:invoke', Arguments: { FunctionName: 'pid', Payload: {} }, End: true };
  const States = { Wait: { Type: 'Wait', Seconds: 1, Next: 'Task' }, Task: task };
  const DefinitionString = JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'Wait', States });
  const { Arn: stateMachineArn } = await create(east, 'AWS::StepFunctions::StateMachine', { StateMachineName: 'm', RoleArn: roleArn, DefinitionString });
  const { executionArn } = await call(east, 'states', 'StartExecution', { stateMachineArn });
  await world.darken(east);
  await world.sleep(1500);
  await world.relight(east);
  const entered = async (): Promise<readonly string[]> => {
    const { events } = await call(east, 'states', 'GetExecutionHistory', { executionArn });
    return (events as { type: string }[]).map(({ type }) => type);
  };
  expect(await entered()).not.toContain('TaskStateEntered');
  const status = async (): Promise<string> => (await call(east, 'states', 'DescribeExecution', { executionArn })).status;
  await until('the end of the execution', async () => (await status()) === 'SUCCEEDED');
});

test('a cache comes back empty, where it was', async () => {
  const group = { ReplicationGroupId: 'limits', ReplicationGroupDescription: 'limits', Engine: 'valkey', AuthToken, TransitEncryptionEnabled: true };
  const attributes = await create(east, 'AWS::ElastiCache::ReplicationGroup', group);
  const ca = readFileSync(caches.servers(east).get('limits')?.caFile ?? '');
  const ask = async <Answer>(question: (redis: Redis) => Promise<Answer>): Promise<Answer> => {
    const [host, port] = [String(attributes['PrimaryEndPoint.Address']), Number(attributes['PrimaryEndPoint.Port'])];
    const redis = new Redis({ host, port, password: AuthToken, tls: { ca }, lazyConnect: true });
    try {
      await redis.connect();
      return await question(redis);
    } finally {
      redis.disconnect();
    }
  };
  await ask((redis) => redis.set('bucket', '1'));
  await world.darken(east);
  expect(caches.servers(east).get('limits')?.child.exit).toBeDefined();
  await world.relight(east);
  expect(await ask((redis) => redis.get('bucket'))).toBeNull();
});
