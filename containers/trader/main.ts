/**
 * The trader container's entry: environment, secrets and clocks come in here, and a trader goes on from them. With the command
 * `migrate expand` or `migrate contract` it changes the schema instead and ends.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { TraderEnvironment } from '../../lib/contracts/task-environment.ts';
import { connectToDatabase } from '../../lib/database-client.ts';
import type { BookName, MonotonicNs } from '../../lib/lease/model.ts';
import { PermitSource } from '../../lib/lease/permit-source.ts';
import { HandedKey } from '../../lib/trading/handed-key.ts';
import { Breaker, RedisBreakerStore } from '../../lib/trading/breaker.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import { quotingFor } from '../../lib/trading/quoting.ts';
import { RateLimit } from '../../lib/trading/rate-limit.ts';
import { Trader, type Clock, type Log } from '../../lib/trading/trader.ts';
import { Bybit } from '../../lib/venues/bybit.ts';
import { runMigrations } from './migrate.ts';
import { checkSchema } from './migrations/run.ts';
import { openRedis } from './redis.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { readText } from '../../lib/stored-secrets.ts';

/** The guard drains on the same SIGTERM; the platform kills 120 s after it. */
const goneAfterSigtermMs = 110_000;
const flushLedgerMs = 3000;
/** An order does not wait for a cache: after this the limiter counts by itself. */
const redisTimeoutMs = 50;
/** The old token is refused an hour after a new one is current; tasks do not all look at once. */
const lookAtTokenMs = { least: 180_000, most: 300_000 };
const databaseTimeoutMs = 5000;

const log: Log = (level, message, fields = {}) => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, container: 'trader', ...fields })}\n`);
};

const clock: Clock = {
  monotonicNs: () => process.hrtime.bigint(),
  sleep: async (ms, signal) => {
    try {
      await delay(Math.ceil(ms), undefined, signal && { signal });
    } catch (error) {
      if (!signal?.aborted) throw error;
    }
  },
};

async function trade(): Promise<number> {
  const environment = readEnvironment();
  const permits = new PermitSource({
    port: Number(environment.BATON_GUARD_PORT),
    monotonicNs: () => process.hrtime.bigint() as MonotonicNs,
  });
  const guardHeard = permits.start();
  const secrets = new SecretsManagerClient({});
  log('info', "waits until the guard has a key that the venue accepts");
  const handed = new HandedKey({ source: permits, sleep: clock.sleep, log });
  const [venueKey, redisToken] = await Promise.all([
    handed.first(),
    readText(secrets, environment.BATON_REDIS_SECRET_ARN),
  ]);

  const cache = openRedis({
    redis: {
      host: environment.BATON_REDIS_HOST,
      port: Number(environment.BATON_REDIS_PORT),
      tls: {},
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      commandTimeout: redisTimeoutMs,
      retryStrategy: (attempt) => Math.min(100 * attempt, 2000),
    },
    token: redisToken,
    readToken: () => readText(secrets, environment.BATON_REDIS_SECRET_ARN),
    lookEveryMs: () => lookAtTokenMs.least + Math.random() * (lookAtTokenMs.most - lookAtTokenMs.least),
    log,
  });
  const { redis } = cache;
  const databaseLogin = new StoredLogin(secrets, environment.BATON_DATABASE_SECRET_ARN);
  const ledger = new Ledger({
    book: environment.BATON_BOOK,
    connect: () =>
      connectToDatabase(environment, databaseLogin, {
        connectionTimeoutMillis: databaseTimeoutMs,
        query_timeout: databaseTimeoutMs,
        keepAlive: true,
        application_name: `baton-${environment.BATON_BOOK}`,
      }),
    checkSchema: (client) => checkSchema(client),
    log: (message, fields) => log('warn', message, fields),
    onChange: () => trader.statusChanged(),
  });
  const venue = new Bybit({
    url: environment.BATON_VENUE_URL,
    symbol: environment.BATON_SYMBOL,
    key: venueKey,
    onKey: () => trader.statusChanged(),
    monotonicNs: clock.monotonicNs,
    venueClock: () => permits.view?.venueClock ?? undefined,
  });
  const trader = new Trader({
    book: environment.BATON_BOOK as BookName,
    symbol: environment.BATON_SYMBOL,
    ordersPerSecond: Number(environment.BATON_ORDERS_PER_SECOND),
    requiresDatabase: environment.BATON_REQUIRES.split(',').includes('database'),
    quoting: quotingFor(Number(environment.BATON_CAPITAL)),
    permits,
    venue,
    journal: new Journal({
      client: new DynamoDBClient({
        maxAttempts: 3,
        requestHandler: { connectionTimeout: 500, requestTimeout: 700, throwOnRequestTimeout: true },
      }),
      tableName: environment.BATON_JOURNAL_TABLE,
      writer: { id: randomUUID(), nowMs: Date.now },
    }),
    limits: new RateLimit({ redis, book: environment.BATON_BOOK }),
    breaker: new Breaker({
      store: new RedisBreakerStore({ redis, book: environment.BATON_BOOK }),
      monotonicMs: () => Number(clock.monotonicNs()) / 1e6,
      onChange: (state, before) =>
        log(state.kind === 'closed' ? 'info' : 'warn', `circuit breaker ${before.kind} → ${state.kind}`, {
          newOrders: { open: 'none', 'half-open': 'one at a time', closed: 'as usual' }[state.kind],
        }),
    }),
    ledger,
    redisReachable: () => redis.status === 'ready',
    clock,
    log,
  });
  redis.on('error', (error: Error) => log('warn', 'Redis cannot be reached; each task keeps to half the limits', { error: error.message }));
  redis.on('ready', () => trader.statusChanged());
  redis.on('close', () => trader.statusChanged());

  ledger.start();
  await guardHeard;
  trader.start();
  handed.follow((key) => venue.useKey(key));
  log('info', 'started', {
    book: environment.BATON_BOOK,
    image: environment.BATON_IMAGE_DIGEST,
    sinceProcessStartMs: Math.round(performance.now()),
  });

  await new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve);
  });
  log('info', 'SIGTERM: waiting until the guard has given up the lease');
  await leaseGone(permits);
  await trader.close();
  await Promise.race([ledger.close(), clock.sleep(flushLedgerMs)]);
  cache.close();
  handed.close();
  await permits.close();
  log('info', 'stopped', { unwrittenRows: ledger.queuedRows });
  return 0;
}

function readEnvironment(): TraderEnvironment {
  const parsed = TraderEnvironment.safeParse(process.env);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`the environment is not complete: ${problems.join('; ')}. The task definition must set these variables`);
}

/** The guard got the same signal: it asks for a drain if it holds the lease, and then holds it no more. */
async function leaseGone(permits: PermitSource): Promise<void> {
  const untilNs = clock.monotonicNs() + BigInt(goneAfterSigtermMs) * 1_000_000n;
  while (clock.monotonicNs() < untilNs) {
    const view = permits.view;
    if (view === undefined || view.state === 'standby' || view.state === 'stopped') return;
    // A guard that is gone says nothing more; what it last said runs out by itself.
    const runsOut = view.validUntilNs === null ? undefined : BigInt(view.validUntilNs);
    if (runsOut !== undefined && runsOut < clock.monotonicNs()) return;
    await clock.sleep(50);
  }
}

const commands: Readonly<Record<string, () => Promise<number>>> = {
  trade,
  'migrate expand': () => runMigrations('expansion', log),
  'migrate contract': () => runMigrations('contraction', log),
};
const asked = process.argv.slice(2).join(' ') || 'trade';
const command = Object.hasOwn(commands, asked) ? commands[asked] : undefined;
const unknown = (): Promise<number> => Promise.reject(new Error(`there is no command '${asked}': ${Object.keys(commands).join(', ')}`));

(command ?? unknown)().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    log('error', 'this cannot run', { error: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  },
);
