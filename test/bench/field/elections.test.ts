/** How others decide who trades, as the field's bench runs them, with short times on a real Redis: each must do what it is known to do. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fieldTimings, type Election, type RedisTimings } from '../../../bench/field/election.ts';
import { FlagElection, flagOf, KubernetesElection, MutexElection, SetNxElection, type RedisElectionOptions } from '../../../bench/field/redis-elections.ts';
import type { BookName } from '../../../lib/lease/model.ts';
import { parseClientOrderId } from '../../../lib/trading/client-order-id.ts';
import { startRedis } from '../../../rehearsal/processes/redis.ts';
import { useSite } from '../../rehearsal/processes/site.ts';
import { until } from '../../until.ts';

const site = useSite();
const short: RedisTimings = {
  ...fieldTimings, ttlSeconds: 1, pollMs: 300, stoppedForMs: 60_000, flagPollMs: 50, leaseDurationMs: 800, renewDeadlineMs: 500, retryPeriodMs: 100,
};
const over = new AbortController();
const connections: Redis[] = [];
let redis: Redis;
let port = 0;
let books = 0;

beforeAll(async () => {
  const { supervisor, authority } = site;
  ({ port } = await startRedis({ supervisor, authority, directory: join(site.directory, 'redis'), authToken: 'token' }));
  redis = connection();
});
afterAll(() => {
  over.abort();
  for (const each of connections) each.disconnect();
});

function connection(): Redis {
  const made = new Redis({ host: '127.0.0.1', port, password: 'token', tls: { ca: readFileSync(site.authority.caFile, 'utf8') } });
  connections.push(made);
  return made;
}

/** Two for one book, each on a connection of its own. */
function pair(Kind: typeof SetNxElection | typeof MutexElection | typeof FlagElection | typeof KubernetesElection) {
  books += 1;
  const book = `e${books}` as BookName;
  const make = (me: string): Election => {
    const options: RedisElectionOptions = {
      redis: connection(), book, me, timings: short, random: () => 0, sinceBeginMs: () => performance.now(), signal: over.signal,
    };
    const election = new Kind(options);
    election.start(async () => undefined);
    return election;
  };
  return { book, make };
}

const tenureOf = (id: string | undefined): number | undefined => (id === undefined ? undefined : parseClientOrderId(id)?.epoch);

describe.each([['SET NX EX', SetNxElection], ['the library', MutexElection], ['Kubernetes', KubernetesElection]] as const)('%s', (_name, Kind) => {
  test('gives the book to one, and as planned to the other, whose tenure is a later one', async () => {
    const { make } = pair(Kind);
    const a = make('a1');
    await until('a holds', () => a.holds);
    const b = make('b2');
    const first = tenureOf(a.leave()?.id) ?? Infinity;
    expect([a.holds, b.holds, b.leave()]).toEqual([true, false, undefined]);
    a.handOver?.();
    await until('b holds', () => b.holds);
    expect(a.holds).toBe(false);
    expect(tenureOf(b.leave()?.id)).toBeGreaterThan(first);
  });
});

test('SET NX EX trades on while its store does not answer; Kubernetes stops by its own deadline', async () => {
  const setNx = pair(SetNxElection);
  const kubernetes = pair(KubernetesElection);
  const [a, k] = [setNx.make('a1'), kubernetes.make('a1')];
  await until('both hold', () => a.holds && k.holds);
  // What they ask is not refused: it is never answered.
  await redis.call('CLIENT', 'PAUSE', '2500', 'ALL');
  await until('Kubernetes has stopped', () => !k.holds);
  expect(a.holds).toBe(true);
});

test('flags are what somebody turned, for as long as nobody has looked again', async () => {
  const { book, make } = pair(FlagElection);
  await redis.set(flagOf(book, 'a'), 'on');
  const a = make('a1');
  const b = make('b2');
  await until('a trades', () => a.holds);
  expect(b.holds).toBe(false);
  await redis.set(flagOf(book, 'b'), 'on');
  await until('both trade', () => a.holds && b.holds);
  await redis.set(flagOf(book, 'a'), 'off');
  await until('b alone trades', () => !a.holds && b.holds);
});
