/**
 * The bundled function, called by the local Secrets Manager and the local scheduler, on the simulated venue: what the steps' own tests
 * leave out is the way through the services, and the bundle.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bundles } from '../../lib/constructs/handler-bundles.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { instanceId, type BookName, type KeyReport } from '../../lib/lease/model.ts';
import { keyName } from '../../lib/venues/keys/key-name.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import type { CreatedResource } from '../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { iam } from '../../rehearsal/services/iam.ts';
import { scheduler, type SchedulerModel } from '../../rehearsal/services/scheduler.ts';
import { secretsmanager } from '../../rehearsal/services/secretsmanager.ts';
import { ssm } from '../../rehearsal/services/ssm.ts';
import { startVenue, type RunningVenue } from '../../rehearsal/venue/server.ts';
import { until } from '../until.ts';

const region = 'us-east-1';
const account = '111122223333';
const functionArn = `arn:aws:lambda:${region}:${account}:function:baton-test-alpha-key-rotation`;
const book = 'alpha' as BookName;
const version = '00000000-0000-4000-8000-000000000001';
const group = 'baton-test-keys';
const instance = instanceId(region, 'blue', 'one');

let world: CloudWorld;
let front: Front;
let venue: RunningVenue;
let schedules: SchedulerModel;
let store: DynamoLeaseStore;
let directory: string;
let handler: (event: unknown) => Promise<unknown>;
let beating: NodeJS.Timeout;
/** What the guard of the only task says; it follows what is announced. */
let report: KeyReport = {};
const failures: string[] = [];
const printed: string[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baton-key-rotation-'));
  venue = await startVenue({
    seed: 1,
    keys: [
      { apiKey: 'first', secret: 'the-first-secret', account: book },
      { apiKey: 'manager', secret: 'the-managers-secret', account: 'main', manages: true },
    ],
  });
  const Invoke = async ({ Payload }: { Payload: Uint8Array }): Promise<object> => {
    try {
      return { StatusCode: 200, Payload: Buffer.from(JSON.stringify((await handler(JSON.parse(Buffer.from(Payload).toString()))) ?? null)) };
    } catch (error) {
      failures.push(`${(error as Error).name}: ${(error as Error).message}`);
      return { StatusCode: 200, FunctionError: 'Unhandled', Payload: Buffer.from(JSON.stringify({ errorType: (error as Error).name })) };
    }
  };
  world = createWorld({
    seed: 3, accountId: account, regions: [region, 'us-west-2'],
    services: (inner) => [
      iam(inner), dynamodb(inner), secretsmanager(inner), ssm(inner), (schedules = scheduler(inner)), { service: 'lambda', operations: { Invoke } },
    ],
  });
  front = await startFront(world);
  await create('AWS::DynamoDB::GlobalTable', {
    TableName: 'lease', BillingMode: 'PAY_PER_REQUEST', MultiRegionConsistency: 'STRONG',
    KeySchema: [{ AttributeName: 'book', KeyType: 'HASH' }, { AttributeName: 'item', KeyType: 'RANGE' }],
    AttributeDefinitions: [{ AttributeName: 'book', AttributeType: 'S' }, { AttributeName: 'item', AttributeType: 'S' }],
    Replicas: [{ Region: region }, { Region: 'us-west-2' }], GlobalTableWitnesses: [{ Region: 'us-east-2' }],
  });
  await create('AWS::SecretsManager::Secret', { Name: 'alpha/venue', SecretString: JSON.stringify({ apiKey: 'first', secret: 'the-first-secret' }) });
  const management = { apiKey: 'manager', secret: 'the-managers-secret', subAccount: venue.keys.uidOf(book) };
  await create('AWS::SecretsManager::Secret', { Name: 'alpha/venue-management', SecretString: JSON.stringify(management) });
  await create('AWS::SSM::Parameter', { Name: '/here', Type: 'String', Value: '127.0.0.1' });
  await create('AWS::Scheduler::ScheduleGroup', { Name: group });
  const { ref: role } = await create('AWS::IAM::Role', {
    RoleName: 'revoker', AssumeRolePolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { Service: 'scheduler.amazonaws.com' } }] },
    Policies: [{ PolicyName: 'p', PolicyDocument: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 'lambda:InvokeFunction', Resource: functionArn }] } }],
  });

  const { accessKeyId, secretAccessKey } = world.operator.credentials;
  store = new DynamoLeaseStore({ client: new DynamoDBClient({ region, endpoint: front.endpoint, credentials: { accessKeyId, secretAccessKey } }), tableName: 'lease' });
  await new LeaseControl(store).createBook({ book, home: region, leaseMs: 5000 });
  let beat = 0;
  beating = setInterval(() => void keepBeating((beat += 1)), 200);

  for (const stream of [process.stdout, process.stderr]) vi.spyOn(stream, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
  for (const [name, value] of Object.entries({
    AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region, AWS_ENDPOINT_URL: front.endpoint,
    BATON_ENVIRONMENT: 'test', BATON_BOOK: book, BATON_VENUE: 'bybit', BATON_VENUE_URL: venue.url, BATON_SYMBOL: 'BTC/USDT', BATON_REGION: region,
    BATON_LEASE_TABLE: 'lease', BATON_VENUE_SECRET: 'alpha/venue', BATON_MANAGEMENT_SECRET: 'alpha/venue-management',
    BATON_ADDRESS_PARAMETERS: '/here,/there', BATON_GRACE_HOURS: '24', BATON_UNUSED_SECONDS: '3600', BATON_SCHEDULE_GROUP: group,
    BATON_REVOCATION_TARGET: functionArn, BATON_REVOCATION_ROLE: `arn:aws:iam::${account}:role/${role}`,
    BATON_REVOCATION_DEAD_LETTERS: `arn:aws:sqs:${region}:${account}:dead`,
  })) vi.stubEnv(name, value);
  await writeFile(join(directory, 'index.cjs'), bundles().get('key-rotation')!);
  ({ handler } = createRequire(import.meta.url)(join(directory, 'index.cjs')) as { handler: typeof handler });
});
afterAll(async () => {
  clearInterval(beating);
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await front?.close();
  await world?.close();
  await venue?.close();
  await rm(directory, { recursive: true, force: true });
});

async function create(type: string, properties: Record<string, unknown>): Promise<CreatedResource> {
  const maker = world.models().flatMap((model) => model.resources?.[type] ?? [])[0];
  const request = { type, logicalId: 'L', stackName: 's', region, generatedName: `s-L-${world.uniqueId(6)}`, properties };
  const made = (await maker?.(request)) as CreatedResource;
  world.resourceCreated(request, made);
  return made;
}

async function keepBeating(beat: number): Promise<void> {
  const { announcedKey } = await store.readAll(book);
  if (announcedKey !== undefined && announcedKey !== report.proved) report = { ...report, proved: announcedKey, uses: announcedKey, otherUsedMsAgo: 1000 };
  await store.register({ book, instance, colour: 'blue', region, imageDigest: 'sha256:1', ready: true, reconciled: true, beat, venueKey: report });
}

const operator = <Answer>(service: string, operation: string, input: object): Promise<Answer> =>
  world.call({ service, operation, region, caller: world.operator.caller, input: { ...input } }) as Promise<Answer>;
const codesOf = (apiKey: string): number[] => venue.record.filter((entry) => entry.apiKey === apiKey).map(({ code }) => code);
const rotate = (): Promise<unknown> =>
  operator('secretsmanager', 'RotateSecret', { SecretId: 'alpha/venue', ClientRequestToken: version, RotationLambdaARN: functionArn, RotationRules: { AutomaticallyAfterDays: 90 } });
const revoke = (at?: string): Promise<unknown> =>
  handler({ step: 'revoke', proof: { version, provedBy: [instance], provedAt: '2026-01-01T00:00:00.000Z' }, ...(at !== undefined && { at }) });

test('no key is made while the addresses of one Region are not known', async () => {
  await expect(handler({ step: 'create', version, begins: true })).rejects.toThrow('the addresses of /there are not known here');
  expect(venue.keys.ofAccount(book)).toHaveLength(1);
  await create('AWS::SSM::Parameter', { Name: '/there', Type: 'String', Value: '203.0.113.7' });
});

test('Secrets Manager rotates the key; the roster proves it, and its revocation is scheduled with the proof', async () => {
  await rotate();
  await until('the key was rotated', async () => (await operator<{ LastRotatedDate?: Date }>('secretsmanager', 'DescribeSecret', { SecretId: 'alpha/venue' })).LastRotatedDate);
  expect(failures).toEqual([]);
  const { SecretString, VersionId } = await operator<{ SecretString: string; VersionId: string }>('secretsmanager', 'GetSecretValue', { SecretId: 'alpha/venue' });
  const stored = JSON.parse(SecretString) as { apiKey: string; name: string; retires: object[] };
  expect(VersionId).toBe(version);
  expect(stored).toMatchObject({ name: keyName(book, version), retires: [{ apiKey: 'first', name: '' }] });
  expect(venue.keys.ofAccount(book)).toMatchObject([{ apiKey: 'first' }, { apiKey: stored.apiKey, note: stored.name, ips: ['127.0.0.1', '203.0.113.7'] }]);

  const { Target, ScheduleExpression } = await operator<{ Target: { Input: string }; ScheduleExpression: string }>('scheduler', 'GetSchedule', { Name: `alpha-${version}`, GroupName: group });
  const input = JSON.parse(Target.Input) as { proof: { provedAt: string } };
  expect(input).toMatchObject({ step: 'revoke', proof: { version, provedBy: [instance] }, at: '<aws.scheduler.scheduled-time>' });
  const graceMs = Date.parse(`${/at\((.*)\)/.exec(ScheduleExpression)![1]}Z`) - Date.parse(input.proof.provedAt);
  expect(graceMs / 3_600_000).toBeCloseTo(24, 2);
  // Whoever goes on with it later finds it scheduled, and leaves its time as it is.
  const at = `${/at\((.*)\)/.exec(ScheduleExpression)![1]}.000Z`;
  expect(await handler({ step: 'settle' })).toMatchObject({ state: 'proved', version, unprovedBy: [], revocationAt: at });
  expect(await handler({ step: 'inspect' })).toMatchObject({
    rotatesHere: true, rotationEnabled: true, tasks: 1, unprovedBy: [], orphans: [], faults: [], retiring: ['firs… without a name'], pending: null,
    current: { version, name: stored.name },
  });
}, 180_000);

test('the scheduler revokes the old key, which is refused from then on; not before nobody has used it', async () => {
  await expect(revoke()).rejects.toMatchObject({ name: 'StillInUseError' });
  expect(codesOf('first')).not.toContain(10003);
  report = { ...report, otherUsedMsAgo: 2 * 3_600_000 };
  await until('that was said', async () => (await store.readAll(book)).registrations[0]?.venueKey?.otherUsedMsAgo === report.otherUsedMsAgo);
  await schedules.comesDue(region, `alpha-${version}`, group);
  await until('the old key is refused', () => codesOf('first').includes(10003));
  expect(venue.keys.ofAccount(book)).toMatchObject([{ note: keyName(book, version) }]);
  // Twice is once.
  expect(await revoke()).toEqual({ state: 'revoked', version, deleted: [] });
  expect(failures).toEqual([]);
}, 180_000);

test('no secret is printed, old or new', () => {
  expect(printed.join('')).toContain('"service":"key-rotation"');
  for (const { secret } of venue.keys.ever) expect(printed.join('')).not.toContain(secret);
});
