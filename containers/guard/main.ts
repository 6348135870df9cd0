/**
 * Entry of the guard container. Everything ambient – environment, clocks, randomness, signals, standard output –
 * is read here and nowhere below.
 */
import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GuardEnvironment } from '../../lib/contracts/task-environment.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import { instanceId, type BookName, type MonotonicNs } from '../../lib/lease/model.ts';
import { venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import { readCurrent } from '../../lib/stored-secrets.ts';
import { guardApi } from './api.ts';
import { Guard, type Log } from './guard.ts';
import { OrderProxy } from './proxy.ts';
import { bybitTime } from './venue-clock.ts';
import { bybitProof, VenueKeys } from './venue-key.ts';

/** Clocks of two hosts may run apart by twice this: far beyond a crystal, enough for one that is being slewed. */
const driftPpm = 10_000;
/** The platform kills 120 s after SIGTERM. */
const terminateWithinMs = 100_000;
/** The trader may still be reading its last view. */
const lastWordMs = 200;

const log: Log = (level, message, fields = {}) => {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...fields })}\n`);
};

function readEnvironment(): GuardEnvironment {
  const parsed = GuardEnvironment.safeParse(process.env);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  log('error', `the guard cannot start: ${problems.join('; ')}. The task definition must set these variables.`);
  process.exit(1);
}

const environment = readEnvironment();
const region = environment.AWS_REGION;
const colour = environment.BATON_COLOUR;
const monotonicNs = (): MonotonicNs => process.hrtime.bigint() as MonotonicNs;

const after = (ms: number, callback: () => void): (() => void) => {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
};

const secrets = new SecretsManagerClient({ requestHandler: { connectionTimeout: 1000, requestTimeout: 2000, throwOnRequestTimeout: true } });

const guard = new Guard({
  identity: {
    book: environment.BATON_BOOK as BookName,
    // New at every start: orders of a former life may still be on their way.
    instance: instanceId(region, colour, randomBytes(6).toString('hex')),
    colour,
    region,
    imageDigest: environment.BATON_IMAGE_DIGEST,
    driftPpm,
    drainTimeoutMs: Number(environment.BATON_DRAIN_TIMEOUT_MS),
    venueUncertaintyMs: venueUncertaintyMaxMs,
    terminateWithinMs,
  },
  // One attempt: the protocol repeats what it must, and needs to know of each doubtful answer.
  store: new DynamoLeaseStore({ client: new DynamoDBClient({ maxAttempts: 1 }), tableName: environment.BATON_LEASE_TABLE }),
  venueTime: bybitTime(environment.BATON_VENUE_URL),
  venueKeys: new VenueKeys({
    read: () => readCurrent(secrets, environment.BATON_VENUE_SECRET_ARN),
    prove: bybitProof(environment.BATON_VENUE_URL),
    random: Math.random,
    after,
  }),
  monotonicNs,
  after,
  log,
});

function listen(server: Server, port: string): Server {
  server.on('error', (error) => {
    log('error', `the guard cannot listen on 127.0.0.1:${port}: ${error.message}. Is another process on that port?`);
    process.exit(1);
  });
  return server.listen(Number(port), '127.0.0.1');
}

const server = listen(guardApi(guard), environment.BATON_GUARD_PORT);
const { BATON_PROXY_PORT: proxyPort, BATON_PROXY_HOSTS: proxyHosts } = environment;
let proxy: OrderProxy | undefined;
if (proxyPort !== undefined && proxyHosts !== undefined && proxyHosts !== '') {
  proxy = new OrderProxy({ guard, hosts: new Set(proxyHosts.split(',')), monotonicNs, after, log });
  listen(proxy.server, proxyPort);
}
guard.start();

async function end(): Promise<void> {
  await guard.terminate();
  proxy?.close();
  server.close();
  setTimeout(() => process.exit(0), lastWordMs);
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void end();
  });
}
