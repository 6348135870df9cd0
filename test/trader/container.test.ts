/**
 * The trader as it ships – its bundle, in a process of its own, beside the guard's – on a real PostgreSQL, a real Redis, the
 * local AWS and the simulated venue: trading soon after its start, through a change of its key, gone cleanly, and its secrets nowhere to be read.
 */
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { buildContainer } from '../../containers/build.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { KeyRoster } from '../../lib/lease/key-roster.ts';
import { bybitKeyRefusals } from '../../lib/venues/key-refusals.ts';
import { startFront } from '../../rehearsal/cloud/front.ts';
import { AwsError, type ServiceModel } from '../../rehearsal/cloud/model.ts';
import { createWorld } from '../../rehearsal/cloud/world.ts';
import type { Child } from '../../rehearsal/processes/supervisor.ts';
import { startPostgres } from '../../rehearsal/processes/postgres.ts';
import { startRedis } from '../../rehearsal/processes/redis.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { judge } from '../../rehearsal/venue/judge.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { startVenue } from '../../rehearsal/venue/server.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { book, createTable } from './stage.ts';
import { until } from '../until.ts';

const site = useSite();
const region = 'us-east-1';
const canary = 'canary-7f3a';
const key = { apiKey: `${canary}-key`, secret: `${canary}-venue`, account: '1' };
const nextKey = { apiKey: `${canary}-next-key`, secret: `${canary}-next-venue`, account: '1' };
let keyVersion = 'v1';
const password = `${canary}-database`;
const authToken = `${canary}-redis`;
const secrets: Record<string, string> = {
  venue: JSON.stringify({ apiKey: key.apiKey, secret: key.secret }),
  database: JSON.stringify({ username: 'baton', password }),
  redis: authToken,
};

const secretsManager: ServiceModel = {
  service: 'secretsmanager',
  operations: {
    GetSecretValue: ({ SecretId }: { SecretId: string }) => {
      const SecretString = secrets[SecretId];
      if (SecretString === undefined) throw new AwsError('ResourceNotFoundException', 'no such secret');
      return { ARN: SecretId, Name: SecretId, SecretString, VersionId: keyVersion };
    },
  },
};

it('starts, trades under the lease, changes its key between two orders, drains at SIGTERM, and shows no secret', async () => {
  const { supervisor, authority, directory } = site;
  const venue = await startVenue({ seed: 3, keys: [key] });
  const world = createWorld({
    seed: 1,
    accountId: '111122223333',
    regions: [region],
    services: (inside) => [dynamodb(inside), secretsManager],
  });
  const front = await startFront(world);
  const credentials = world.credentialsFor('arn:aws:iam::111122223333:role/task');
  const client = new DynamoDBClient({ endpoint: front.endpoint, region, credentials });
  try {
    const [postgres, redis] = await Promise.all([
      startPostgres({
        supervisor,
        authority,
        directory: join(directory, 'pg'),
        masterUser: 'baton',
        masterPassword: password,
        database: 'baton',
      }),
      startRedis({ supervisor, authority, directory: join(directory, 'redis'), authToken }),
      createTable(world, 'lease', 'item'),
      createTable(world, 'journal', 'entry'),
      ...['guard', 'trader'].map(async (name) => {
        await mkdir(join(directory, name), { recursive: true });
        await buildContainer(name, join(directory, name));
      }),
    ]);
    const store = new DynamoLeaseStore({ client, tableName: 'lease' });
    const control = new LeaseControl(store);
    await control.createBook({ book, home: region, leaseMs: 3000 });
    const { token } = await control.takeWorkflow(book, 'test');
    await control.open(book, token);

    const lines: string[] = [];
    const port = String(await freePort());
    const shared = {
      AWS_REGION: region,
      AWS_ENDPOINT_URL: front.endpoint,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_SESSION_TOKEN: credentials.sessionToken ?? '',
      BATON_BOOK: book,
      BATON_VENUE: 'bybit',
      BATON_VENUE_URL: venue.url,
      BATON_GUARD_PORT: port,
      BATON_COLOUR: 'blue',
      BATON_IMAGE_DIGEST: 'sha256:1',
      NODE_EXTRA_CA_CERTS: redis.caFile,
    };
    const start = (name: string, env: Record<string, string>, args: readonly string[] = []) =>
      supervisor.spawn({
        name,
        command: process.execPath,
        args: [join(directory, name, 'main.mjs'), ...args],
        env: { ...shared, ...env },
        onLine: (line) => lines.push(line),
      });
    const orders = () => judge(venue.record, { book }).ordersAccepted;
    const guard = await start('guard', { BATON_LEASE_TABLE: 'lease', BATON_VENUE_SECRET_ARN: 'venue', BATON_DRAIN_TIMEOUT_MS: '20000' });
    const database = {
      BATON_DATABASE_HOST: '127.0.0.1',
      BATON_DATABASE_PORT: String(postgres.port),
      BATON_DATABASE_NAME: 'baton',
      BATON_DATABASE_SECRET_ARN: 'database',
    };
    const migration = await start('trader', database, ['migrate', 'expand']);
    expect((await migration.exited).code, lines.join('\n')).toBe(0);
    expect(lines.join('\n')).toContain('"ran":["0001-ledger","0002-ledger-marks","0003-watermarks","0004-ended-marks"]');
    const trader = await start('trader', {
      ...database,
      BATON_JOURNAL_TABLE: 'journal',
      BATON_SYMBOL: 'BTC/USDT',
      BATON_ORDERS_PER_SECOND: '10',
      BATON_CAPITAL: '100000',
      BATON_REDIS_HOST: '127.0.0.1',
      BATON_REDIS_PORT: String(redis.port),
      BATON_REDIS_SECRET_ARN: 'redis',
      BATON_REQUIRES: 'database',
    });
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text().catch(() => '');
    const children: readonly Child[] = [guard, trader];
    const alive = () => children.every((child) => child.exit === undefined) || dead(lines);

    await until('the first order', () => alive() && orders() > 0);
    await until('some orders', () => alive() && orders() >= 15);
    expect(await metrics()).toMatch(/trader_orders_accepted\S* \d+/);

    const roster = new KeyRoster({ store, book, monotonicMs: () => performance.now(), pause: (ms) => delay(ms) });
    expect(await roster.members()).toMatchObject([{ proved: 'v1', uses: 'v1' }]);
    venue.keys.add(nextKey);
    secrets['venue'] = JSON.stringify({ apiKey: nextKey.apiKey, secret: nextKey.secret });
    keyVersion = 'v2';
    await roster.announce('v2');
    const accepted = () => venue.record.filter((entry) => entry.path === createOrderPath && entry.accepted);
    await until('the roster: the new key is proved and used', async () => alive() && (await roster.members()).every((each) => each.proved === 'v2' && each.uses === 'v2'));
    expect(await roster.members()).toMatchObject([{ otherUsedMsAgo: expect.any(Number) as number }]);
    venue.keys.delete(key.apiKey);
    const before = orders();
    await until('orders without the old key', () => alive() && orders() >= before + 15);
    expect(new Set(accepted().slice(-15).map(({ apiKey }) => apiKey))).toEqual(new Set([nextKey.apiKey]));
    // Nobody was refused for a key, the old one's deletion included: nobody used it any more.
    expect(venue.record.filter(({ code }) => bybitKeyRefusals.has(String(code)))).toEqual([]);
    const gaps = accepted().map(({ decidedAtMs }, at, all) => decidedAtMs - (all[at - 1]?.decidedAtMs ?? decidedAtMs));
    expect(Math.max(...gaps)).toBeLessThan(2000);
    expect(await metrics()).toMatch(/baton_venue_key_info{of="used",version="v2"} 1/);
    const starts = await Promise.all(children.flatMap(({ pid }) => ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'utf8'))));
    expect(starts.join()).not.toContain(canary);

    for (const child of children) child.signal('SIGTERM');
    const exits = await Promise.all(children.map((child) => child.exited));
    expect(
      exits.map((exit) => exit.code),
      lines.slice(-20).join('\n'),
    ).toEqual([0, 0]);
    expect(judge(venue.record, { book })).toMatchObject({ duplicatesAccepted: 0, staleEpochAccepted: 0, lateRejected: 0 });
    expect((await control.read(book)).holder).toBeUndefined();
    expect(lines.join('\n')).not.toContain(canary);
    expect(lines.filter((line) => line.includes('"error"'))).toEqual([]);
  } finally {
    client.destroy();
    await front.close();
    await world.close();
    await venue.close();
  }
});

function dead(lines: readonly string[]): never {
  throw new Error(`a container ended early:\n${lines.slice(-20).join('\n')}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => {
    server.once('listening', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}
