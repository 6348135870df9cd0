import { expect, test } from 'vitest';

import { AwsError, RegionDarkError, type Call, type ServiceModel } from '../../../rehearsal/cloud/model.ts';
import { createWorld, WorldClosedError, type CloudWorld, type WorldOptions } from '../../../rehearsal/cloud/world.ts';

function worldOf(services: readonly ServiceModel[], options: Partial<WorldOptions> = {}): CloudWorld {
  return createWorld({ seed: 7, accountId: '111122223333', regions: ['us-east-1', 'us-west-2'], services: () => services, ...options });
}
const call = (world: CloudWorld, service: string, operation: string, region = 'us-east-1'): Call => ({
  service, operation, region, caller: world.callerFor('arn:aws:iam::111122223333:role/r'), input: {},
});

test('every call is recorded with its caller and its outcome', async () => {
  const refuse = (): never => {
    throw new AwsError('ConditionalCheckFailedException', 'no');
  };
  const world = worldOf([{ service: 'dynamodb', operations: { GetItem: () => ({}), PutItem: refuse } }], {
    latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 },
  });
  await world.call(call(world, 'dynamodb', 'GetItem'));
  await expect(world.call(call(world, 'dynamodb', 'PutItem'))).rejects.toThrow('no');
  await expect(world.call(call(world, 'dynamodb', 'Scan'))).rejects.toThrow('dynamodb:Scan is not modelled');
  await expect(world.call(call(world, 'sqs', 'SendMessage'))).rejects.toThrow('sqs:SendMessage is not modelled');
  await expect(world.call(call(world, 'dynamodb', 'GetItem', 'eu-west-1'))).rejects.toThrow("no Region 'eu-west-1'");
  expect(world.calls.map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
    'GetItem ok',
    'PutItem ConditionalCheckFailedException',
    'Scan NotImplemented',
    'SendMessage NotImplemented',
    'GetItem UnrecognizedClientException',
  ]);
  expect(new Set(world.calls.map(({ caller }) => caller.roleArn))).toEqual(new Set(['arn:aws:iam::111122223333:role/r']));
});

test('a call takes effect in the middle of its latency', async () => {
  let effectMs = 0;
  const world = worldOf([{ service: 'dynamodb', operations: { UpdateItem: () => void (effectMs = performance.now()) } }], {
    latencies: { dynamodbWriteMs: 80 },
  });
  const sentMs = performance.now();
  await world.call(call(world, 'dynamodb', 'UpdateItem'));
  const answeredMs = performance.now();
  expect(effectMs - sentMs).toBeGreaterThan(35);
  expect(answeredMs - effectMs).toBeGreaterThan(20);
  expect(answeredMs - sentMs).toBeGreaterThan(75);
});

test('a role has one key, other roles have others, and the same seed gives the same ids', () => {
  const [one, same, other] = [worldOf([]), worldOf([]), worldOf([], { seed: 8 })];
  expect(one.credentialsFor('a')).toEqual(one.credentialsFor('a'));
  expect(one.credentialsFor('a').accessKeyId).not.toBe(one.credentialsFor('b').accessKeyId);
  expect(one.callerByAccessKey(one.credentialsFor('a').accessKeyId)).toEqual(one.callerFor('a'));
  expect(one.callerByAccessKey('AKIAUNKNOWN')).toBeUndefined();
  const ids = [one, same, other].map((world) => world.uniqueId(40));
  expect(ids[0]).toBe(ids[1]);
  expect(ids[0]).not.toBe(ids[2]);
  expect(ids[0]).toMatch(/^[0-9a-f]{40}$/);
});

test('closing ends every wait and closes the models, twice without harm', async () => {
  let closed = 0;
  const world = worldOf([{ service: 'x', operations: {}, close: async () => void (closed += 1) }]);
  const waits = [world.sleep(60_000), world.provision('rds-snapshot', 'us-east-1')].map((wait) => wait.catch((error: unknown) => error));
  await world.close();
  for (const ended of await Promise.all(waits)) expect(ended).toBeInstanceOf(WorldClosedError);
  await world.close();
  expect(closed).toBe(2);
  await expect(world.provision('unheard-of', 'us-east-1')).rejects.toThrow("no provisioning delay is called 'unheard-of'");
});

test('two models of one service are refused', () => {
  expect(() => worldOf([{ service: 'x', operations: {} }, { service: 'x', operations: {} }])).toThrow("two models say that they are 'x'");
});

test('a dark Region answers nobody and hears no event; its models are told, and what waits for it goes on when it is back', async () => {
  const told: string[] = [];
  const model: ServiceModel = {
    service: 'x', operations: { Ask: () => ({}) },
    regionLost: async (region) => void told.push(`lost ${region}`), regionBack: async (region) => void told.push(`back ${region}`),
  };
  const world = worldOf([model]);
  const ask = (): Promise<unknown> => world.call({ service: 'x', operation: 'Ask', region: 'us-east-1', caller: world.operator.caller, input: {} });
  const events: string[] = [];
  world.onBusEvent(({ detailType }) => events.push(detailType));
  const emit = (detailType: string): void => world.emit({ source: 's', detailType, region: 'us-east-1', resources: [], detail: {} });
  await world.darken('us-east-1');
  await expect(ask()).rejects.toBeInstanceOf(RegionDarkError);
  emit('in the dark');
  let isBack = false;
  const back = world.whenBack('us-east-1').then(() => (isBack = true));
  await Promise.resolve();
  expect(isBack).toBe(false);
  await world.relight('us-east-1');
  await back;
  emit('afterwards');
  await expect(ask()).resolves.toEqual({});
  expect([told, events]).toEqual([['lost us-east-1', 'back us-east-1'], ['afterwards']]);
  await world.close();
});

test('without its control plane a Region refuses, but for DynamoDB', async () => {
  const services = ['x', 'dynamodb'].map((service): ServiceModel => ({ service, operations: { Ask: () => ({}) } }));
  const world = worldOf(services);
  const ask = (service: string): Promise<unknown> =>
    world.call({ service, operation: 'Ask', region: 'us-east-1', caller: world.operator.caller, input: {} });
  const restore = world.loseControlPlane('us-east-1');
  await expect(ask('x')).rejects.toMatchObject({ name: 'ServiceUnavailable', fault: 'server' });
  await expect(ask('dynamodb')).resolves.toEqual({});
  restore();
  await expect(ask('x')).resolves.toEqual({});
  await world.close();
});
