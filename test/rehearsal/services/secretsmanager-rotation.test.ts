/** The rotation of a secret as AWS documents it, through the real client: steps, repetitions, what a dead rotation leaves, and the labels. */
import {
  CancelRotateSecretCommand, DescribeSecretCommand, GetRandomPasswordCommand, GetSecretValueCommand, PutSecretValueCommand, RotateSecretCommand,
  SecretsManagerClient, TagResourceCommand, UntagResourceCommand, UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startFront, type Front } from '../../../rehearsal/cloud/front.ts';
import type { Call, CreatedResource } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { iam } from '../../../rehearsal/services/iam.ts';
import { secretsmanager, type SecretsManagerModel } from '../../../rehearsal/services/secretsmanager.ts';
import { until } from '../../until.ts';

const [east, west] = ['us-east-1', 'us-west-2'] as const;
const account = '111122223333';
const functionArn = `arn:aws:lambda:${east}:${account}:function:rotate`;
const token = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
const all = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];
interface StepEvent { readonly Step: string; readonly SecretId: string; readonly ClientRequestToken: string }

let world: CloudWorld;
let front: Front;
let client: SecretsManagerClient;
let model: SecretsManagerModel;
let called: StepEvent[] = [];
let rotate: (event: StepEvent) => Promise<void> = async () => undefined;
let secrets = 0;

beforeAll(async () => {
  const Invoke = async ({ Payload }: { Payload: Uint8Array }, call: Call): Promise<object> => {
    expect(call.caller).toMatchObject({ service: 'secretsmanager.amazonaws.com' });
    const event = JSON.parse(Buffer.from(Payload).toString()) as StepEvent;
    called.push(event);
    try {
      await rotate(event);
      return { StatusCode: 200 };
    } catch {
      return { StatusCode: 200, FunctionError: 'Unhandled' };
    }
  };
  world = createWorld({
    seed: 7, accountId: account, regions: [east, west], judged: true,
    services: (inner) => [iam(inner), (model = secretsmanager(inner)), { service: 'lambda', operations: { Invoke } }],
  });
  front = await startFront(world);
  client = new SecretsManagerClient({ region: east, endpoint: front.endpoint, credentials: world.operator.credentials, maxAttempts: 1 });
  const permission = { type: 'AWS::Lambda::Permission', logicalId: 'P', stackName: 's', region: east, generatedName: 'p' };
  const properties = { FunctionName: functionArn, Action: 'lambda:InvokeFunction', Principal: 'secretsmanager.amazonaws.com', SourceAccount: account };
  world.resourceCreated({ ...permission, properties }, { ref: 'p', attributes: {} });
});
afterAll(async () => {
  client.destroy();
  await front.close();
  await world.close();
});
beforeEach(() => {
  called = [];
  rotate = properly;
});

async function newSecret(properties: Record<string, unknown> = {}): Promise<string> {
  const handler = world.models().flatMap((each) => each.resources?.['AWS::SecretsManager::Secret'] ?? [])[0];
  const made = (await handler?.({
    type: 'AWS::SecretsManager::Secret', logicalId: 'L', stackName: 's', region: east, generatedName: `s-${world.uniqueId(6)}`,
    properties: { Name: `venue${secrets++}`, SecretString: 'old', ...properties },
  })) as CreatedResource;
  return made.ref;
}
/** As AWS's own templates do it. */
async function properly({ Step, SecretId, ClientRequestToken }: StepEvent): Promise<void> {
  if (Step === 'createSecret') await client.send(new PutSecretValueCommand({ SecretId, ClientRequestToken, SecretString: `new ${ClientRequestToken}`, VersionStages: ['AWSPENDING'] }));
  if (Step !== 'finishSecret') return;
  const { VersionIdsToStages = {} } = await client.send(new DescribeSecretCommand({ SecretId }));
  const RemoveFromVersionId = Object.keys(VersionIdsToStages).find((id) => VersionIdsToStages[id]?.includes('AWSCURRENT'));
  await client.send(new UpdateSecretVersionStageCommand({ SecretId, VersionStage: 'AWSCURRENT', MoveToVersionId: ClientRequestToken, RemoveFromVersionId }));
}
const start = (SecretId: string, n: number, more: object = {}): Promise<{ VersionId?: string | undefined }> =>
  client.send(new RotateSecretCommand({ SecretId, ClientRequestToken: token(n), RotationLambdaARN: functionArn, RotationRules: { AutomaticallyAfterDays: 90 }, ...more }));
const described = (SecretId: string) => client.send(new DescribeSecretCommand({ SecretId }));
const valueAt = async (SecretId: string, VersionStage: string): Promise<string | undefined> =>
  client.send(new GetSecretValueCommand({ SecretId, VersionStage })).then(({ SecretString }) => SecretString, () => undefined);
const steps = (): string[] => called.map(({ Step }) => Step);

test('the four steps in their order, with the token as the new version; the old value stays as the previous one', async () => {
  const arn = await newSecret();
  rotate = async (event) => {
    if (event.Step === 'createSecret') expect(await valueAt(arn, 'AWSPENDING')).toBeUndefined();
    await properly(event);
  };
  expect((await start(arn, 1)).VersionId).toBe(token(1));
  await until('it went on', async () => (await described(arn)).LastRotatedDate !== undefined);
  expect(called).toEqual(all.map((Step) => ({ Step, SecretId: arn, ClientRequestToken: token(1) })));
  expect([await valueAt(arn, 'AWSCURRENT'), await valueAt(arn, 'AWSPREVIOUS')]).toEqual([`new ${token(1)}`, 'old']);
  const shown = await described(arn);
  expect(shown).toMatchObject({ RotationEnabled: true, RotationLambdaARN: functionArn, RotationRules: { AutomaticallyAfterDays: 90 } });
  expect(Math.round(((shown.NextRotationDate?.getTime() ?? 0) - Date.now()) / 86_400_000)).toBe(90);
  // The same token again is the same rotation.
  await start(arn, 1);
  await start(arn, 2);
  await until('it went on', async () => (await valueAt(arn, 'AWSCURRENT')) === `new ${token(2)}`);
  expect(called.filter(({ ClientRequestToken }) => ClientRequestToken === token(1))).toHaveLength(4);
});

test('a step that fails is tried again from the first one, with the same token', async () => {
  const arn = await newSecret();
  let failures = 1;
  rotate = async (event) => {
    if (event.Step === 'testSecret' && failures-- > 0) throw new Error('not yet');
    await properly(event);
  };
  await start(arn, 1);
  await until('it went on', async () => (await described(arn)).LastRotatedDate !== undefined);
  expect(steps()).toEqual([...all.slice(0, 3), ...all]);
  expect(new Set(called.map(({ ClientRequestToken }) => ClientRequestToken))).toEqual(new Set([token(1)]));
});

test('what a dead rotation leaves stands in the way of the next one until its label is taken away', async () => {
  const arn = await newSecret();
  rotate = async ({ Step }) => {
    if (Step === 'createSecret') throw new Error('venue is down');
  };
  await start(arn, 1);
  await until('it went on', () => called.length > 0);
  await expect(start(arn, 2)).rejects.toMatchObject({ name: 'InvalidRequestException', message: "A previous rotation isn't complete. That rotation will be reattempted." });
  expect(model.rotateDue(east, new Date(Date.now() + 91 * 86_400_000))).not.toContain(arn);
  expect((await client.send(new CancelRotateSecretCommand({ SecretId: arn }))).VersionId).toBe(token(1));
  expect((await described(arn)).RotationEnabled).toBe(false);
  await expect(start(arn, 2)).rejects.toMatchObject({ name: 'InvalidRequestException' });
  await client.send(new UpdateSecretVersionStageCommand({ SecretId: arn, VersionStage: 'AWSPENDING', RemoveFromVersionId: token(1) }));
  rotate = properly;
  await start(arn, 2);
  await until('it went on', async () => (await valueAt(arn, 'AWSCURRENT')) === `new ${token(2)}`);
});

test('a rotation that ends with its label elsewhere is not over', async () => {
  const arn = await newSecret();
  rotate = (event) => (event.Step === 'finishSecret' ? Promise.resolve() : properly(event));
  await start(arn, 1);
  await until('it went on', () => called.length > 4);
  expect((await described(arn)).LastRotatedDate).toBeUndefined();
  await client.send(new CancelRotateSecretCommand({ SecretId: arn }));
});

test('one that is to wait is only tested, and rotates when it is due', async () => {
  const arn = await newSecret();
  await start(arn, 1, { RotateImmediately: false, RotationRules: { ScheduleExpression: 'rate(90 days)' } });
  await until('it went on', async () => called.length === 1 && Object.keys((await described(arn)).VersionIdsToStages ?? {}).length === 1);
  expect([steps(), await valueAt(arn, 'AWSCURRENT')]).toEqual([['testSecret'], 'old']);
  expect(model.rotateDue(east, new Date(Date.now() + 88 * 86_400_000)).includes(arn)).toBe(false);
  expect(model.rotateDue(east, new Date(Date.now() + 91 * 86_400_000))).toContain(arn);
  await until('it went on', async () => (await valueAt(arn, 'AWSPREVIOUS')) === 'old');
});

test('no rotation without a function that may be called, without rules that hold, or of a replica', async () => {
  const arn = await newSecret({ ReplicaRegions: [{ Region: west }] });
  const name = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'fine', (error: unknown) => (error as Error).name);
  expect(await name(client.send(new RotateSecretCommand({ SecretId: arn })))).toBe('InvalidRequestException');
  expect(await name(start(arn, 1, { RotationLambdaARN: functionArn.replace('rotate', 'closed') }))).toBe('AccessDeniedException');
  for (const RotationRules of [
    { AutomaticallyAfterDays: 0 }, { AutomaticallyAfterDays: 9, ScheduleExpression: 'rate(9 days)' }, { ScheduleExpression: 'rate(3 hours)' },
    { ScheduleExpression: 'cron(0 22 * * ? *)', Duration: '3h' }, { ScheduleExpression: 'at(2030-01-01T00:00:00)' },
  ]) expect(await name(start(arn, 1, { RotationRules }))).toBe('InvalidParameterException');
  const there = { service: 'secretsmanager', operation: 'RotateSecret', region: west, caller: world.operator.caller };
  await expect(world.call({ ...there, input: { SecretId: arn.replace(east, west), RotationLambdaARN: functionArn } })).rejects.toThrow('replica secret');
  expect(called.filter(({ SecretId }) => SecretId === arn)).toEqual([]);
});

test('a label goes from where it is known to be, AWSCURRENT leaves AWSPREVIOUS, and replicas follow', async () => {
  const arn = await newSecret({ ReplicaRegions: [{ Region: west }] });
  const [before = ''] = Object.keys((await described(arn)).VersionIdsToStages ?? {});
  await client.send(new PutSecretValueCommand({ SecretId: arn, SecretString: 'next', ClientRequestToken: token(3), VersionStages: ['READY'] }));
  const move = (input: object): Promise<unknown> => client.send(new UpdateSecretVersionStageCommand({ SecretId: arn, VersionStage: 'AWSCURRENT', ...input }));
  await expect(move({ MoveToVersionId: token(3) })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(move({ MoveToVersionId: token(3), RemoveFromVersionId: token(3) })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await expect(move({ RemoveFromVersionId: before })).rejects.toMatchObject({ name: 'InvalidParameterException' });
  await move({ MoveToVersionId: token(3), RemoveFromVersionId: before });
  expect((await described(arn)).VersionIdsToStages).toEqual({ [before]: ['AWSPREVIOUS'], [token(3)]: ['READY', 'AWSCURRENT'] });
  const there = await world.call({ service: 'secretsmanager', operation: 'GetSecretValue', region: west, caller: world.operator.caller, input: { SecretId: arn.replace(east, west) } });
  expect(there).toMatchObject({ SecretString: 'next', VersionId: token(3) });
});

test('tags are set, replaced and taken away; random passwords are as asked for', async () => {
  const arn = await newSecret();
  await client.send(new TagResourceCommand({ SecretId: arn, Tags: [{ Key: 'key', Value: 'a' }, { Key: 'other', Value: 'b' }] }));
  await client.send(new TagResourceCommand({ SecretId: arn, Tags: [{ Key: 'key', Value: 'c' }] }));
  await client.send(new UntagResourceCommand({ SecretId: arn, TagKeys: ['other'] }));
  expect((await described(arn)).Tags).toEqual([{ Key: 'key', Value: 'c' }]);
  const { RandomPassword = '' } = await client.send(new GetRandomPasswordCommand({ PasswordLength: 40, ExcludePunctuation: true }));
  expect(RandomPassword).toMatch(/^[a-zA-Z0-9]{40}$/);
});
