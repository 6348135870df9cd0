/**
 * `serve` as a person uses it: what it prints is pasted into clients, which look at everything that was deployed, start an
 * execution and press a button; Ctrl-C leaves nothing behind.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadSdk, newClient, type SdkClient, type SdkModule } from '../../../rehearsal/cloud/sdk-clients.ts';
import { chromiumRunsHere, openChromium } from '../../chromium.ts';
import { processesWith } from '../../processes-with.ts';
import { until } from '../../until.ts';

const root = dirname(dirname(dirname(import.meta.dirname)));
let child: ChildProcess;
let directory: string;
let printed = '';
let ended: Promise<number | null>;
/** What the `export` lines set. */
let exported: Record<string, string>;
const clients = new Map<string, { sdk: SdkModule; client: SdkClient }>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'baton-serve-'));
  // PostgreSQL runs as another user than root, who must be able to enter.
  await chmod(directory, 0o755);
  child = spawn(process.execPath, [join(root, 'rehearsal', 'cli.ts'), 'serve', '--env', 'dev', '--provisioning', 'typical'], {
    cwd: root, env: { ...process.env, TMPDIR: directory }, stdio: ['ignore', 'pipe', 'pipe'],
  });
  ended = new Promise((resolve) => child.once('close', resolve));
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (printed += String(chunk)));
  await Promise.race([
    until('the commands to be printed', () => printed.includes('Ctrl-C ends it'), 280_000),
    ended.then(() => Promise.reject(new Error(`it ended before it was up:\n${printed}`))),
  ]);
  const pairs = [...printed.matchAll(/^ +export (.*)$/gm)].flatMap(([, line = '']) => line.split(' ').map((pair) => pair.split('=', 2)));
  exported = Object.fromEntries(pairs) as Record<string, string>;
}, 300_000);
afterAll(async () => {
  child.kill('SIGKILL');
  for (const { client } of clients.values()) client.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** A line that was printed for a shell, from this word on. */
const line = (start: string): string => printed.split('\n').find((each) => each.trim().startsWith(start))?.trim() ?? '';

async function ask(service: string, operation: string, input: object = {}): Promise<Record<string, any>> {
  let known = clients.get(service);
  if (known === undefined) {
    const sdk = await loadSdk(service);
    const credentials = { accessKeyId: exported['AWS_ACCESS_KEY_ID'] ?? '', secretAccessKey: exported['AWS_SECRET_ACCESS_KEY'] ?? '' };
    const client = newClient(sdk, service, { region: exported['AWS_REGION'] ?? '', endpoint: exported['AWS_ENDPOINT_URL'] ?? '', credentials, maxAttempts: 1 });
    known = { sdk, client };
    clients.set(service, known);
  }
  const Command = known.sdk[`${operation}Command`] as new (value: unknown) => unknown;
  return known.client.send(new Command(input));
}

describe('the account as in the console', () => {
  const book = 'alpha';
  const cluster = 'baton-dev';
  const named = { cluster, service: `baton-dev-${book}` };
  const logGroupName = `/baton/dev/${book}`;
  const lease = { TableName: 'baton-dev-lease', Key: { book: { S: book }, item: { S: 'lease' } } };
  const machine = async (): Promise<string> =>
    (await ask('states', 'ListStateMachines'))['stateMachines'].map(({ stateMachineArn }: any) => stateMachineArn).find((arn: string) => arn.endsWith('-cutover'));
  const first = async (service: string, operation: string, list: string, input: object = {}): Promise<any> =>
    (await ask(service, operation, input))[list][0];
  const each = async (service: string, operation: string, list: string, member: string, input: object = {}): Promise<unknown[]> =>
    (await ask(service, operation, input))[list].map((element: any) => element[member]);

  test.each<[string, () => Promise<unknown>, unknown]>([
    ['who asks', async () => (await ask('sts', 'GetCallerIdentity'))['Arn'], expect.stringMatching(/^arn:aws:iam::\d{12}:user\/operator$/)],
    ['the machine', async () => (await ask('states', 'DescribeStateMachine', { stateMachineArn: await machine() }))['status'], 'ACTIVE'],
    ['executions', async () => each('states', 'ListExecutions', 'executions', 'status', { stateMachineArn: await machine() }), ['SUCCEEDED']],
    [
      'clusters', async () => (await ask('ecs', 'ListClusters'))['clusterArns'],
      expect.arrayContaining([cluster, `${cluster}-migrations`, `${cluster}-research`].map((name) => expect.stringMatching(`cluster/${name}$`))),
    ],
    ['what runs in one', () => each('ecs', 'DescribeClusters', 'clusters', 'runningTasksCount', { clusters: [cluster] }), [2]],
    ['services', () => each('ecs', 'DescribeServices', 'services', 'serviceName', { cluster, services: [named.service] }), [named.service]],
    ['task sets', () => each('ecs', 'DescribeTaskSets', 'taskSets', 'externalId', named), ['blue']],
    ['tasks', async () => each('ecs', 'DescribeTasks', 'tasks', 'lastStatus', { cluster, tasks: (await ask('ecs', 'ListTasks', named))['taskArns'] }), ['RUNNING', 'RUNNING']],
    ['families', async () => (await ask('ecs', 'ListTaskDefinitionFamilies'))['families'], expect.arrayContaining([named.service])],
    ['revisions', async () => (await ask('ecs', 'ListTaskDefinitions', { familyPrefix: named.service }))['taskDefinitionArns'].length, 1],
    ['tables', async () => (await ask('dynamodb', 'ListTables'))['TableNames'], expect.arrayContaining(['baton-dev-journal', 'baton-dev-lease'])],
    ['the lease', async () => (await ask('dynamodb', 'GetItem', lease))['Item'].mode.S, 'open'],
    ['functions', () => each('lambda', 'ListFunctions', 'Functions', 'FunctionName'), expect.arrayContaining(['baton-dev-lease-control'])],
    ['versions', () => each('lambda', 'ListVersionsByFunction', 'Versions', 'Version', { FunctionName: 'baton-dev-lease-control' }), ['$LATEST']],
    ['logs', () => each('logs', 'FilterLogEvents', 'events', 'message', { logGroupName, filterPattern: '"epoch"', limit: 1 }), [expect.stringContaining('epoch')]],
    ['secrets', () => each('secretsmanager', 'ListSecrets', 'SecretList', 'Name'), expect.arrayContaining(['baton-dev/cache'])],
    ['databases', () => each('rds', 'DescribeDBInstances', 'DBInstances', 'DBInstanceStatus'), ['available']],
    ['their subnets', () => each('rds', 'DescribeDBSubnetGroups', 'DBSubnetGroups', 'SubnetGroupStatus'), ['Complete', 'Complete']],
    ['snapshots', () => each('rds', 'DescribeDBSnapshots', 'DBSnapshots', 'Status'), ['available']],
    ['caches', () => each('elasticache', 'DescribeReplicationGroups', 'ReplicationGroups', 'Status'), ['available']],
    ['addresses for the venue', () => each('ec2', 'DescribeAddresses', 'Addresses', 'PublicIp'), expect.arrayContaining([expect.stringMatching(/^127\./)])],
    ['stacks', () => each('cloudformation', 'DescribeStacks', 'Stacks', 'StackStatus'), expect.arrayContaining(['CREATE_COMPLETE'])],
  ])('%s', async (_what, look, expected) => {
    expect(await look()).toEqual(expected);
  });

  test('the history comes in pages, forwards and backwards, and is the same', async () => {
    const { executionArn } = await first('states', 'ListExecutions', 'executions', { stateMachineArn: await machine() });
    const read = async (more: object): Promise<number[]> => {
      const ids: number[] = [];
      let nextToken: string | undefined;
      do {
        const page = await ask('states', 'GetExecutionHistory', { executionArn, nextToken, ...more });
        ids.push(...page['events'].map((event: any) => event.id));
        nextToken = page['nextToken'];
      } while (nextToken !== undefined);
      return ids;
    };
    const all = await read({ maxResults: 1000 });
    expect(all.length).toBeGreaterThan(20);
    expect(await read({ maxResults: 7 })).toEqual(all);
    expect(await read({ maxResults: 100, reverseOrder: true })).toEqual(all.toReversed());
  });

  test('the report of the cutover lies in its bucket, below a prefix that a listing shows', async () => {
    const { Buckets } = await ask('s3', 'ListBuckets', {});
    const { Name: Bucket } = Buckets.find(({ Name }: { Name: string }) => Name.startsWith('baton-dev-reports-'));
    expect((await ask('s3', 'ListObjectsV2', { Bucket, Delimiter: '/' }))['CommonPrefixes']).toEqual([{ Prefix: 'cutovers/' }]);
    const { Key } = await first('s3', 'ListObjectsV2', 'Contents', { Bucket, Prefix: `cutovers/${book}/` });
    const report = JSON.parse(await (await ask('s3', 'GetObject', { Bucket, Key }))['Body'].transformToString()) as { outcome: string };
    expect(report.outcome).toBe('succeeded');
  });

  test('an execution can be started; this one is refused in plain words and changes nothing', async () => {
    const { executionArn } = await ask('states', 'StartExecution', { stateMachineArn: await machine(), input: '{"book":"nobody"}' });
    const execution = await until('the end of the execution', async () => {
      const seen = await ask('states', 'DescribeExecution', { executionArn });
      return seen['status'] !== 'RUNNING' && seen;
    });
    expect([execution['status'], execution['error']]).toEqual(['FAILED', 'Refused']);
    const { Items } = await ask('dynamodb', 'Scan', { TableName: 'baton-dev-lease' });
    expect(Items.find((item: any) => item.item.S === 'lease').mode.S).toBe('open');
  });

  test.skipIf(!isHere('aws'))('the AWS CLI of this machine looks in with what was printed', () => {
    const command = "cloudwatch describe-alarms --alarm-names baton-dev-cutover-failed --query 'MetricAlarms[].MetricName' --output text";
    const { stdout, stderr } = shell(`aws --endpoint-url ${exported['AWS_ENDPOINT_URL']} ${command}`, exported);
    expect([stdout.trim(), stderr]).toEqual(['ExecutionsFailed', '']);
  });
});

describe('PostgreSQL and Redis', () => {
  test('the line for psql opens the ledger, over TLS that is verified', async () => {
    const [, password = '', connection = ''] = /^PGPASSWORD=(\S+) psql '([^']+)'$/.exec(line('PGPASSWORD')) ?? [];
    const named = Object.fromEntries(connection.split(' ').map((pair) => pair.split('='))) as Record<string, string>;
    expect(named['sslmode']).toBe('verify-full');
    const client = new Client({
      host: named['host'], port: Number(named['port']), database: named['dbname'], user: named['user'], password, ssl: { ca: await readFile(named['sslrootcert'] ?? '', 'utf8') },
    });
    await client.connect();
    expect((await client.query<{ ssl: boolean }>('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows).toEqual([{ ssl: true }]);
    await client.end();
  });

  test.skipIf(!isHere('psql'))('the psql of this machine takes the line as it is', () => {
    const { stdout, stderr } = shell(`${line('PGPASSWORD')} -Atc 'select current_user'`);
    expect([stdout.trim(), stderr]).toEqual(['baton', '']);
  });

  test('the line for redis-cli opens the cache', async () => {
    const [, password = '', port, caFile = ''] = /^REDISCLI_AUTH=(\S+) redis-cli -h 127.0.0.1 -p (\d+) --tls --cacert (\S+)$/.exec(line('REDISCLI_AUTH')) ?? [];
    const redis = new Redis({ host: '127.0.0.1', port: Number(port), password, tls: { ca: await readFile(caFile, 'utf8') }, lazyConnect: true, maxRetriesPerRequest: 0 });
    await redis.connect();
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
  });
});

describe('the page', () => {
  // npm has this Chromium for x64 alone.
  test.skipIf(!chromiumRunsHere)('in a real browser: what it shows moves, nothing is blocked, and a button kills the active task', async () => {
    const browser = await openChromium();
    try {
      const page = await browser.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(`${exported['AWS_ENDPOINT_URL']}/`);
      const live = page.locator('#live');
      const accepted = async (): Promise<number> => Number(/(\d+) accepted and/.exec((await live.textContent()) ?? '')?.[1]);
      const before = await accepted();
      await until('more accepted orders', async () => (await accepted()) > before + 5);
      const holder = ((await live.locator('tbody tr').first().locator('td').nth(1).textContent()) ?? '').trim();
      expect(holder).toMatch(/^us-east-1\/blue\/\w+$/);
      await page.getByRole('button', { name: 'Kill the active task' }).click();
      await live.getByText(`killed ${holder}`).waitFor();
      await live.getByText('Kill the active task: After the death of epoch 1').waitFor({ timeout: 40_000 });
      expect(await live.textContent()).toContain('no order of an old epoch, none twice, never two traders at once');
      // The page's own secrets stay in the terminal.
      expect(await page.content()).not.toContain(exported['AWS_SECRET_ACCESS_KEY']);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  }, 180_000);
});

test('Ctrl-C ends it with 0 and leaves no process and no file', async () => {
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect((await readdir(directory)).filter((name) => !/^(baton-cache|node-compile-cache)/.test(name))).toEqual([]);
  const left = await until('the end of every process', async () => ((await processesWith(directory)).length === 0 ? 'none' : undefined));
  expect(left).toBe('none');
});

function isHere(program: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

function shell(command: string, env: Record<string, string> = {}): { readonly stdout: string; readonly stderr: string } {
  return spawnSync('sh', ['-c', command], { encoding: 'utf8', env: { ...process.env, ...env } });
}
