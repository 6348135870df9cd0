/**
 * The preflight, asked of the local AWS by unmodified clients: before a deployment, after it, and with each thing wrong
 * that it is there to find. The same system shows that nobody but a machine may change what runs.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { ECSClient, UpdateServicePrimaryTaskSetCommand } from '@aws-sdk/client-ecs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { stackPolicy } from '../../lib/constructs/stack-policy.ts';
import { type Images, preflight, type Result } from '../../lib/preflight/index.ts';
import { quotas } from '../../lib/preflight/quotas.ts';
import { loadSettings, type Settings } from '../../lib/settings/index.ts';
import { readAssembly } from '../../rehearsal/cloud/assembly.ts';
import { deploy } from '../../rehearsal/cloud/deploy.ts';
import { type Front, startFront } from '../../rehearsal/cloud/front.ts';
import { type CloudWorld, createWorld } from '../../rehearsal/cloud/world.ts';
import { createAuthority } from '../../rehearsal/processes/certificate.ts';
import { Supervisor } from '../../rehearsal/processes/supervisor.ts';
import { Egress } from '../../rehearsal/processes/egress.ts';
import { TaskLauncher } from '../../rehearsal/processes/tasks.ts';
import type { CostExplorer } from '../../rehearsal/services/cost-explorer.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { ecs } from '../../rehearsal/services/ecs.ts';
import type { Iam } from '../../rehearsal/services/iam.ts';
import { otherServices } from '../../rehearsal/services/index.ts';
import { until } from '../until.ts';
import { assemblyOf } from '../assemblies.ts';

const repository = path.resolve(import.meta.dirname, '../..');
const settings = loadSettings('production');
const venueSecret = 'secret-that-nobody-may-see';
const digest = `sha256:${'a'.repeat(64)}`;
const images: Images = { trader: digest, guard: digest };
const { home, standby, witness } = settings.regions;
const both = [home.name, standby.name];

const supervisor = new Supervisor();
let assemblyDirectory: string;
let world: CloudWorld;
let front: Front;
let before: readonly Result[];

beforeAll(async () => {
  const directory = await supervisor.temporaryDirectory('preflight');
  assemblyDirectory = assemblyOf('production').directory;
  const authority = createAuthority({ commonName: 'Baton preflight', now: new Date(), directory });
  const assets = readAssembly(assemblyDirectory);
  world = createWorld({
    seed: 11, accountId: settings.account, judged: true,
    regions: [...both, witness.name],
    services: (made) => {
      const launcher = new TaskLauncher({ supervisor, caFile: authority.caFile, endpoint: () => made.endpoint, portVariables: [] });
      const rest = otherServices(made, {
        servers: { supervisor, authority, directory }, caFile: authority.caFile, assetDirectory: (key) => assets.assetDirectory(key),
        onProgress: () => undefined,
        // Nobody here has a venue, and none of its functions is to look for one.
        egress: new Egress({ [settings.books[0]!.venueUrl]: 'http://127.0.0.1:9' }, async () => '127.0.0.1'),
      });
      return [dynamodb(made), ecs(made, { launcher, images: new Map() }), ...rest.models];
    },
  });
  front = await startFront(world);
  vi.stubEnv('AWS_ENDPOINT_URL', front.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', world.operator.credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', world.operator.credentials.secretAccessKey);
  before = await preflight(settings, {});
  // The order of docs/deploy.md, with its commands' calls.
  for (const region of both) await bootstrap(region);
  await deploy({ assemblyDirectory, world, front });
  const policy = readFileSync(path.join(assemblyDirectory, 'stack-policy.json'), 'utf8');
  for (const { stackName: StackName, region } of assets.stacks) {
    await operator('cloudformation', 'SetStackPolicy', { StackName, StackPolicyBody: policy }, region);
  }
  await putVenueKey(JSON.stringify({ apiKey: 'key', secret: venueSecret }));
  await operator('secretsmanager', 'PutSecretValue', {
    SecretId: 'baton-production/alpha/venue-management', SecretString: JSON.stringify({ apiKey: 'key', secret: venueSecret, subAccount: '5000001' }),
  });
  await putChannels();
  (world.model('ce') as CostExplorer).activate('CostCenter', 'Project', 'Owner', 'Environment', 'Book', 'aws:ecs:serviceName');
  await keepAddresses();
  for (const name of ['trader', 'guard']) {
    const image = { repositoryName: `baton-production/${name}`, imageDigest: digest, imageTag: 'first', imageManifest: '{}' };
    await operator('ecr', 'PutImage', image);
    const replicated = { repositoryName: image.repositoryName, imageIds: [{ imageDigest: digest }] };
    await until(`${name} to be replicated`, async () => operator('ecr', 'DescribeImages', replicated, standby.name).then(() => true, () => false));
  }
}, 360_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await world.close();
  await front.close();
  await supervisor.close();
});

function operator(service: string, operation: string, input: Record<string, unknown>, region = home.name): Promise<unknown> {
  return world.call({ service, operation, region, caller: world.operator.caller, input });
}

/** What `cdk bootstrap` leaves for the deployments to find. */
function bootstrap(region: string): Promise<unknown> {
  return operator('ssm', 'PutParameter', { Name: '/cdk-bootstrap/hnb659fds/version', Type: 'String', Value: '30', Overwrite: true }, region);
}

function putVenueKey(SecretString: string): Promise<unknown> {
  return operator('secretsmanager', 'PutSecretValue', { SecretId: 'baton-production/alpha/venue', SecretString });
}

const routingKey = '0123456789abcdef0123456789abcdef';
const channels = { slackWebhookUrl: `https://hooks.slack.com/services/${venueSecret}`, pagerDutyEventsUrl: 'https://events.pagerduty.com/v2/enqueue', pagerDutyRoutingKey: routingKey };
function putChannels(value: Record<string, string> = channels): Promise<unknown> {
  return operator('secretsmanager', 'PutSecretValue', { SecretId: 'baton-production/cost-channels', SecretString: JSON.stringify(value) });
}

/** What the watch over the keys does in each Region, within the hour. */
async function keepAddresses(): Promise<void> {
  for (const [here, there] of [both, both.toReversed()] as const) {
    const Name = `/baton/production/venue-addresses/${there}`;
    const { Parameter } = (await operator('ssm', 'GetParameter', { Name }, there)) as { Parameter: { Value: string } };
    await operator('ssm', 'PutParameter', { Name, Type: 'String', Value: Parameter.Value }, here);
  }
}

const failures = (results: readonly Result[]): string[] =>
  results.filter(({ verdict }) => verdict === 'failed').map(({ name, seen }) => `${name}: ${seen}`);

function found(results: readonly Result[], name: string): Result {
  const result = results.find((candidate) => candidate.name.includes(name));
  if (result === undefined) throw new Error(`no check is called '…${name}…'`);
  return result;
}

/** The one check that fails, when one thing is not as it should be. */
async function only(wrong: Partial<Settings>, name: string, asked: Images = images): Promise<Result> {
  const results = await preflight({ ...settings, ...wrong }, asked);
  const result = found(results, name);
  expect(failures(results)).toEqual([`${result.name}: ${result.seen}`]);
  expect(result.todo).toMatch(/.{10,}/);
  return result;
}

/** That check alone fails by a second fact. The watch of the Region takes what is not so away each minute, and may come before the look. */
async function onlyBeside(fact: string, name: string): Promise<void> {
  const Name = `/baton/production/${fact}/${standby.name}`;
  await until(`the check to see ${Name} in time`, async () => {
    await operator('ssm', 'PutParameter', { Name, Type: 'String', Value: standby.name, Overwrite: true });
    const failed = failures(await preflight(settings, images));
    return failed.length === 1 && failed[0]?.includes(name) === true && failed[0].includes(Name);
  });
  await operator('ssm', 'DeleteParameter', { Name }).catch((error: Error) => expect(error.name).toBe('ParameterNotFound'));
}

test('before a deployment: what is missing fails, what comes later could not be checked', () => {
  expect(failures(before)).toEqual([
    'The CDK is bootstrapped in us-east-1: no bootstrap version in the parameter store',
    'The CDK is bootstrapped in us-west-2: no bootstrap version in the parameter store',
  ]);
  const early = before.filter(({ area }) => ['stacks', 'topology', 'tables', 'secrets', 'cache', 'service', 'notices'].includes(area));
  expect(early.length).toBeGreaterThan(20);
  for (const { verdict, seen, name } of early) expect([verdict, seen], name).toEqual(['could not', expect.stringContaining('is not deployed yet')]);
});

test('a Region that does not know the addresses of the other is named, and no failure: the copy comes within the hour', async () => {
  const Name = `/baton/production/venue-addresses/${standby.name}`;
  const { Parameter } = (await operator('ssm', 'GetParameter', { Name })) as { Parameter: { Value: string } };
  await operator('ssm', 'DeleteParameter', { Name });
  const { verdict, seen } = found(await preflight(settings, images), `${home.name} knows the addresses of both Regions`);
  expect([verdict, seen]).toEqual(['could not', `no ${Name}`]);
  await operator('ssm', 'PutParameter', { Name, Type: 'String', Value: Parameter.Value });
});

test('after the deployment in its order: nothing fails, and what nobody here can see is said', async () => {
  const results = await preflight(settings, images);
  expect(failures(results)).toEqual([]);
  expect(results.filter(({ verdict }) => verdict === 'could not').map(({ name }) => name)).toEqual([
    'Somebody is told by us-east-1: every address has confirmed its subscription',
    'Somebody is told by us-west-2: every address has confirmed its subscription',
    'Somebody has the notices of the bill that no channel took: every address has confirmed its subscription',
    "The venue's allow-list names the addresses of this installation",
    'The exchange key of alpha may trade, may not withdraw, and is of the right sub-account',
    'People may not change what runs',
  ]);
  expect(found(results, 'allow-list').seen).toMatch(/^us-east-1: 127\.113(\.\d+){2}, 127\.113(\.\d+){2}; us-west-2: 127\.113(\.\d+){2}, 127\.113(\.\d+){2}$/);
  for (const { verdict, todo } of results) expect(todo === undefined).toBe(verdict === 'ok');
});

describe('finds', () => {
  test('credentials of another account', async () => {
    const result = found(await preflight({ ...settings, account: '999999999999' }, images), 'The credentials are those');
    expect(result).toMatchObject({ verdict: 'failed', seen: 'account 333333333333, as arn:aws:iam::333333333333:user/operator' });
  });

  test('a quota that is too small, with the command that asks for more', async () => {
    const books = [...settings.books, { ...settings.books[0]!, name: 'beta' }];
    const result = found(await preflight({ ...settings, books }, images), 'Fargate');
    expect(result).toMatchObject({ verdict: 'failed', seen: '6 allowed, 10 needed' });
    expect(result.todo).toContain('--service-code fargate --quota-code L-3032A538 --desired-value 10 --region us-east-1');
  });

  test('a CDK bootstrap that is too old', async () => {
    const [Name, region] = ['/cdk-bootstrap/hnb659fds/version', standby.name];
    await operator('ssm', 'PutParameter', { Name, Value: '5', Overwrite: true }, region);
    expect((await only({}, 'bootstrapped in us-west-2')).seen).toBe('version 5, and 6 is needed');
    await bootstrap(region);
  });

  test.each([
    ['the placeholder of the deployment', JSON.stringify({ apiKey: 'not-yet-set', secret: venueSecret }), 'still the placeholder of the deployment'],
    ['half a key', JSON.stringify({ apiKey: 'key' }), 'its value has no secret'],
    ['a key that is no JSON', venueSecret, 'its value is no JSON'],
  ])('%s, and shows nothing of it', async (_, value, seen) => {
    await putVenueKey(value);
    const result = await only({}, 'The exchange key of alpha was put in');
    expect(result.seen).toBe(seen);
    expect(JSON.stringify(result)).not.toContain(venueSecret);
    await putVenueKey(JSON.stringify({ apiKey: 'key', secret: venueSecret }));
  });

  test.each([
    ['a placeholder of the deployment where Slack is', { slackWebhookUrl: 'not-yet-set' }, 'slackWebhookUrl is no address'],
    ['what the deployment made up where PagerDuty’s key is', { pagerDutyRoutingKey: "5}Q!d'w2~x0z=b,Yk8?a(r_T9[m^u:F1" }, 'pagerDutyRoutingKey is no integration key of 32 letters and digits'],
    ['no address of PagerDuty', { pagerDutyEventsUrl: '' }, 'pagerDutyEventsUrl is no address'],
  ])('%s, and shows nothing of it', async (_, wrong, seen) => {
    await putChannels({ ...channels, ...wrong });
    const result = await only({}, 'Slack and PagerDuty can be told of the bill');
    expect(result.seen).toBe(seen);
    expect(JSON.stringify(result)).not.toContain(venueSecret);
    const quiet = await preflight({ ...settings, notifications: { ...settings.notifications, slack: false, pagerDuty: false } }, images);
    expect(found(quiet, 'Slack and PagerDuty')).toMatchObject({ verdict: 'ok', seen: 'the settings have neither' });
    await putChannels();
  });

  test('tags that nobody has activated, which the account that pays may have', async () => {
    const costs = world.model('ce') as CostExplorer;
    costs.forget();
    const { verdict, seen } = found(await preflight(settings, images), 'The tags that split the bill');
    expect([verdict, seen]).toEqual(['could not', 'not active here: CostCenter, Project, Owner, Environment, Book, aws:ecs:serviceName']);
    costs.activate('CostCenter', 'Project', 'Owner', 'Environment', 'Book', 'aws:ecs:serviceName');
  });

  test('an image that was never pushed', async () => {
    const other = `sha256:${'b'.repeat(64)}`;
    expect((await only({}, "The guard's image", { ...images, guard: other })).seen).toBe(`no image ${other}`);
  });

  test('a stack policy that somebody loosened', async () => {
    const loose = JSON.stringify({ Statement: stackPolicy.Statement.slice(0, 1) });
    const StackName = 'baton-production-trading';
    await operator('cloudformation', 'SetStackPolicy', { StackName, StackPolicyBody: loose });
    expect((await only({}, `${StackName} in us-east-1 denies`)).seen).toBe('another policy');
    await operator('cloudformation', 'SetStackPolicy', { StackName, StackPolicyBody: JSON.stringify(stackPolicy) });
  });

  test('a home that the settings have and reality has not, in both Regions', async () => {
    const moved = { ...settings, home: standby.name, regions: { ...settings.regions, home: standby, standby: home } };
    const results = await preflight(moved, images);
    expect(found(results, 'The lease of alpha')).toMatchObject({ verdict: 'failed', seen: 'home us-east-1, halted, epoch 0' });
    for (const region of both) {
      expect(found(results, `The record of the home Region in ${region}`)).toMatchObject({ verdict: 'failed', seen: '/baton/production/home-region/us-east-1' });
    }
    const database = found(results, 'The database of the home Region');
    expect(database).toMatchObject({ verdict: 'failed', seen: 'a replica of arn:aws:rds:us-east-1:333333333333:db:baton-production' });
  });

  test('a record of the home beside the true one', async () => {
    await onlyBeside('home-region', 'The record of the home Region in us-east-1');
  });

  test('a record of another writing database', async () => {
    await onlyBeside('writing-database', 'The record of the writing database in us-east-1');
  });

  test('a record of what runs that the lease contradicts', async () => {
    const Name = '/baton/production/alpha/live';
    await operator('ssm', 'PutParameter', { Name, Value: digest, Overwrite: true });
    expect((await only({}, 'What is recorded as live')).seen).toBe(`recorded ${digest}, lease none`);
    await operator('ssm', 'PutParameter', { Name, Value: 'none', Overwrite: true });
  });

  test('somebody who has not confirmed, in either Region', async () => {
    const results = await preflight({ ...settings, notifications: { ...settings.notifications, emails: ['desk@example.com'] } }, images);
    const who = [...both.map((region) => `Somebody is told by ${region}`), 'Somebody has the notices of the bill that no channel took'];
    expect(failures(results)).toEqual(who.map((each) => `${each}: every address has confirmed its subscription: not confirmed: desk@example.com`));
  });
});

test('the page of the first deployment asks for the same quotas', () => {
  const page = readFileSync(path.join(repository, 'docs/deploy.md'), 'utf8');
  const rows = [...page.matchAll(/^ *\| (\w+) \| (L-\w+) \| ([^|]+) \| (\d+)/gm)].map(
    ([, service, code, name = '', needed]) => ({ service, code, name, needed: Number(needed) }),
  );
  expect(rows.map(({ service, code, needed }) => ({ service, code, needed }))).toEqual(
    quotas.map(({ service, code, needed }) => ({ service, code, needed: needed(settings) })),
  );
  for (const [index, { name }] of rows.entries()) expect(name).toContain(quotas[index]?.called);
});

test('what the credentials may not read could not be checked', async () => {
  const role = [...(world.model('iam') as Iam).roles.values()].find(({ name }) => name.includes('CreateBook'));
  const { accessKeyId, secretAccessKey, sessionToken } = world.credentialsFor(role?.arn ?? '');
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', sessionToken ?? '');
  try {
    const result = found(await preflight(settings, images), 'The exchange key of alpha was put in');
    expect(result).toMatchObject({ verdict: 'could not', todo: 'Run it again with credentials that may read this.' });
    expect(result.seen).toContain('is not authorized to perform: secretsmanager:GetSecretValue');
  } finally {
    vi.stubEnv('AWS_ACCESS_KEY_ID', world.operator.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', world.operator.credentials.secretAccessKey);
    vi.stubEnv('AWS_SESSION_TOKEN', undefined);
  }
});

test('no role but a machine’s changes what runs: its boundary refuses it', async () => {
  const roles = [...(world.model('iam') as Iam).roles.values()];
  const bounded = roles.filter(({ trust }) => !JSON.stringify(trust).includes('states.amazonaws.com'));
  expect(bounded.length).toBeGreaterThan(5);
  for (const { arn } of bounded) {
    const client = new ECSClient({ region: settings.regions.home.name, credentials: world.credentialsFor(arn), maxAttempts: 1 });
    const asked = { cluster: 'baton-production', service: 'baton-production-alpha', primaryTaskSet: 'ecs-svc/1' };
    await expect(client.send(new UpdateServicePrimaryTaskSetCommand(asked)), arn).rejects.toThrow(
      /not authorized to perform: ecs:UpdateServicePrimaryTaskSet .* with an explicit deny in a permissions boundary/,
    );
    client.destroy();
  }
});

test('a deployment after the database moved is refused before it changes anything', async () => {
  const Name = '/baton/production/writing-database/us-east-1';
  await operator('ssm', 'DeleteParameter', { Name });
  await expect(deploy({ assemblyDirectory, world, front, only: ({ artifactId }) => artifactId === 'baton-production-trading-us-east-1' })).rejects.toThrow(
    `stack 'baton-production-trading': Unable to fetch parameters [${Name}] from parameter store`,
  );
  await operator('ssm', 'PutParameter', { Name, Type: 'String', Value: 'us-east-1' });
});

describe('the command', () => {
  const command = async (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> => {
    try {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, ['bin/preflight.ts', ...args], { cwd: repository, env: process.env });
      return { code: 0, stdout, stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, stdout, stderr };
    }
  };

  test('says it in words and ends with 0 when nothing failed', async () => {
    const { code, stdout } = await command('--env', 'production', '--trader', digest, '--guard', digest);
    expect(stdout).toMatch(/✓ baton-production-trading in us-west-2 is protected from termination: on\n/);
    expect(stdout).toMatch(/\n\d+ ok, 0 failed, 6 could not be checked\n$/);
    expect(stdout).not.toContain(venueSecret);
    expect(code).toBe(0);
  });

  test('says it to machines and ends with 1 when something failed', async () => {
    const { code, stdout } = await command('--env', 'production', '--json', '--trader', `sha256:${'c'.repeat(64)}`);
    const { environment, results } = JSON.parse(stdout) as { environment: string; results: Result[] };
    expect(environment).toBe('production');
    expect(results.filter(({ verdict }) => verdict === 'failed').map(({ name }) => name)).toEqual([
      "The trader's image for the cutover is in baton-production/trader of both Regions",
    ]);
    expect(code).toBe(1);
  });

  test('ends with 2 when it could not even ask', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIANOBODY');
    const unknown = await command('--env', 'production');
    vi.stubEnv('AWS_ACCESS_KEY_ID', world.operator.credentials.accessKeyId);
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toMatch(/^AWS does not answer to these credentials .* Log in to account 333333333333/);
    expect(await command('--env', 'nowhere')).toMatchObject({ code: 2, stderr: expect.stringContaining("no environment 'nowhere'") });
    expect(await command()).toMatchObject({ code: 2 });
  });
});

describe('finds at last, for nothing here makes it good again', () => {
  test('a secret that the standby Region has not', async () => {
    await operator('secretsmanager', 'StopReplicationToReplica', { SecretId: 'baton-production/alpha/venue' }, standby.name);
    await putVenueKey(JSON.stringify({ apiKey: 'new', secret: venueSecret }));
    expect((await only({}, 'baton-production/alpha/venue is the same')).seen).toMatch(/^version \S+ in us-east-1, \S+ in us-west-2$/);
  });

  test('a database that no longer follows', async () => {
    await operator('rds', 'PromoteReadReplica', { DBInstanceIdentifier: 'baton-production' }, standby.name);
    const asked = async () => found(await preflight(settings, images), 'of the standby Region follows');
    await until('the preflight to see it', async () => (await asked()).seen === 'a database of its own, available');
    expect((await asked()).verdict).toBe('failed');
  });
});
