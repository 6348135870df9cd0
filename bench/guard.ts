/**
 * What the guard costs beside a bot that asks it by HTTP: how long a permit takes at a hundred a second, and what memory and
 * processor it needs at ten. The guard is the shipped bundle in a process of its own, holding its lease on the modelled table. Beside
 * the permit, in the same run and as often, what people use instead: a lock in Redis, asked before each order.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, createServer, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Redis } from 'ioredis';
import { buildContainer } from '../containers/build.ts';
import type { GuardEnvironment } from '../lib/contracts/task-environment.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import type { BookName } from '../lib/lease/model.ts';
import { createAuthority } from '../rehearsal/processes/certificate.ts';
import { freePort, listenLocally } from '../rehearsal/processes/listen.ts';
import { startRedis } from '../rehearsal/processes/redis.ts';
import { Supervisor } from '../rehearsal/processes/supervisor.ts';
import { until } from '../rehearsal/until.ts';
import { startLocalTable } from '../test/lease/local-table.ts';
import type { Bench } from './bench.ts';
import { rowOf } from './row.ts';
import { root, temporaryDirectory } from './subprocess.ts';

const book = 'alpha' as BookName;
const well = { venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true };
const reportEveryMs = 4000;
const authToken = 'bench';

export const guard: Bench = {
  name: 'guard',
  summary: 'The guard beside a bot that asks it by HTTP: latency, memory, processor.',
  async run({ quick, progress }) {
    await using running = await heldGuard();
    await using redis = await lockInRedis();
    const { permit, residentMb, processorMs } = running;
    // The first ones warm connection and compiler, on both sides.
    await paced(100, 200, permit);
    await paced(100, 200, redis.check);
    progress.note('warm');
    const seconds = quick ? 3 : 20;
    const permits = await paced(100, 100 * seconds, permit);
    const locks = await paced(100, 100 * seconds, redis.check);
    progress.note('100 a second');
    const memoryMb: number[] = [];
    const processorPercent: number[] = [];
    for (let span = 0; span < (quick ? 1 : 4); span += 1) {
      const [beganMs, beganProcessorMs] = [performance.now(), processorMs()];
      await paced(10, quick ? 30 : 150, permit);
      processorPercent.push(((processorMs() - beganProcessorMs) / (performance.now() - beganMs)) * 100);
      memoryMb.push(residentMb());
    }
    return [
      rowOf({
        name: 'permit by HTTP', what: 'A permit from the guard, at 100 a second', samples: permits, unit: 'ms', limit: { p99: 2 },
        beside: [{ what: 'a lock in Redis, asked by GET over TLS on this host', samples: locks }],
      }),
      rowOf({ name: 'guard: memory', what: 'Resident, while a bot asks for 10 permits a second', samples: memoryMb, unit: 'MB', limit: { max: 90 } }),
      rowOf({ name: 'guard: processor', what: 'Of one core, at 10 permits a second', samples: processorPercent, unit: '%', limit: { max: 2 } }),
    ];
  },
};

/** Calls so often, evenly, one after the other; answers how long each took, in ms. */
async function paced(perSecond: number, count: number, call: () => Promise<void>): Promise<readonly number[]> {
  const tookMs: number[] = [];
  const beganMs = performance.now();
  for (let each = 0; each < count; each += 1) {
    await delay(Math.max(0, beganMs + (each * 1000) / perSecond - performance.now()));
    const sentMs = performance.now();
    await call();
    tookMs.push(performance.now() - sentMs);
  }
  return tookMs;
}

interface HeldGuard extends AsyncDisposable {
  readonly permit: () => Promise<void>;
  readonly residentMb: () => number;
  readonly processorMs: () => number;
}

async function heldGuard(): Promise<HeldGuard> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(temporaryDirectory());
  await buildContainer('guard', directory.path);
  const table = await startLocalTable({ dynamodbReadMs: 15, dynamodbWriteMs: 30 });
  opened.defer(() => table.close());
  const client = new DynamoDBClient({ endpoint: table.endpoint, region: table.region, credentials: table.credentials });
  opened.defer(() => client.destroy());
  const control = new LeaseControl(new DynamoLeaseStore({ client, tableName: table.tableName }));
  await control.createBook({ book, home: table.region, leaseMs: 5000 });
  await control.open(book, (await control.takeWorkflow(book, 'bench')).token);
  const venue = createServer((_request, response) => {
    const nowMs = Date.now();
    response.end(JSON.stringify({ retCode: 0, result: { timeNano: `${nowMs}000000` }, time: nowMs }));
  });
  const venuePort = await listenLocally(venue);
  opened.defer(() => {
    venue.closeAllConnections();
    venue.close();
  });
  const port = await freePort();
  const environment: GuardEnvironment = {
    BATON_BOOK: book, BATON_LEASE_TABLE: table.tableName, BATON_VENUE: 'bybit', BATON_VENUE_URL: `http://127.0.0.1:${venuePort}`,
    BATON_VENUE_SECRET_ARN: table.secretArn,
    BATON_GUARD_PORT: String(port), BATON_DRAIN_TIMEOUT_MS: '1000', BATON_COLOUR: 'blue', BATON_IMAGE_DIGEST: 'none', AWS_REGION: table.region,
  };
  const aws = {
    AWS_ENDPOINT_URL: table.endpoint, AWS_ACCESS_KEY_ID: table.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: table.credentials.secretAccessKey,
  };
  const child = spawn(process.execPath, [...nodeOptions(), join(directory.path, 'main.mjs')], { env: { ...environment, ...aws }, stdio: 'ignore' });
  const end = (): void => void child.kill('SIGKILL');
  process.once('exit', end);
  opened.defer(async () => {
    process.off('exit', end);
    if (child.exitCode !== null || child.signalCode !== null) return;
    end();
    await once(child, 'exit');
  });

  const agent = new Agent({ keepAlive: true });
  opened.defer(() => agent.destroy());
  const post = async (path: string, body = ''): Promise<number> => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const call = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers: { 'content-length': Buffer.byteLength(body) } });
    call.on('error', reject);
    call.on('response', (response) => response.resume().on('end', () => resolve(response.statusCode ?? 0)));
    call.end(body);
    return promise;
  };
  const report = (): Promise<number> => post('/v1/status', JSON.stringify(well));
  await until('the guard listens', 10_000, () => report().then((status) => status === 204, () => false));
  const reporting = setInterval(() => void report().catch(() => undefined), reportEveryMs);
  opened.defer(() => clearInterval(reporting));
  // It waits for one lease, to be sure that nobody has the book.
  await until('a permit', 15_000, async () => (await post('/v1/permits')) === 201);
  const kept = opened.move();
  return {
    permit: async () => {
      const status = await post('/v1/permits');
      if (status !== 201) throw new Error(`the guard refused a permit while it was measured: ${status}`);
    },
    residentMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) / 1024,
    processorMs: () => {
      // After the name, which may hold anything: user and system time are the 12th and 13th, in ticks of 10 ms.
      const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
      return (Number(fields[11]) + Number(fields[12])) * 10;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Those that the image starts with. */
function nodeOptions(): readonly string[] {
  const dockerfile = readFileSync(join(root, 'containers', 'guard', 'Dockerfile'), 'utf8');
  const entrypoint = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
  return entrypoint.slice(1, -1);
}

async function lockInRedis(): Promise<AsyncDisposable & { readonly check: () => Promise<void> }> {
  await using opened = new AsyncDisposableStack();
  const supervisor = new Supervisor();
  opened.defer(() => supervisor.close());
  const directory = await supervisor.temporaryDirectory('bench');
  const authority = createAuthority({ commonName: 'Baton bench', now: new Date(), directory });
  const { port, caFile } = await startRedis({ supervisor, authority, directory: join(directory, 'redis'), authToken });
  const redis = new Redis({ host: '127.0.0.1', port, password: authToken, tls: { ca: readFileSync(caFile, 'utf8') } });
  opened.defer(() => redis.disconnect());
  await redis.set('lock', 'me', 'PX', 600_000);
  const kept = opened.move();
  return {
    check: async () => {
      if ((await redis.get('lock')) !== 'me') throw new Error('the lock was lost while it was measured');
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
