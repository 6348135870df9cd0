/** The shared limits on a real Redis, and without one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { RateLimit } from '../../lib/trading/rate-limit.ts';
import { startRedis } from '../../rehearsal/processes/redis.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';

const site = useSite();
const clients: Redis[] = [];
afterEach(() => clients.splice(0).forEach((each) => each.disconnect()));

function client(port: number, caFile?: string): Redis {
  const redis = new Redis({
    host: '127.0.0.1',
    port,
    password: 'token',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 200,
    ...(caFile !== undefined && { tls: { ca: readFileSync(caFile, 'utf8') } }),
  });
  redis.on('error', () => undefined);
  clients.push(redis);
  return redis;
}

/** How many of `wanted` orders it allows now. */
async function allowed(limit: RateLimit, wanted: number): Promise<number> {
  const answers = await Promise.all(Array.from({ length: wanted }, () => limit.order()));
  return answers.filter((answer) => answer.allowed).length;
}

it('is one limit for all tasks of a book, and falls to half for each when Redis goes', async () => {
  const server = await startRedis({
    supervisor: site.supervisor,
    authority: site.authority,
    directory: join(site.directory, 'redis'),
    authToken: 'token',
  });
  const redis = [client(server.port, server.caFile), client(server.port, server.caFile)] as const;
  await until('both connected', () => redis.every((each) => each.status === 'ready'));
  // Wider than the venue's own, so that a slow machine does not begin a second span.
  const orders = { count: 100, perSeconds: 10 };
  const [a, b] = redis.map((each) => new RateLimit({ redis: each, book: 'alpha', orders })) as [RateLimit, RateLimit];
  expect((await allowed(a, 60)) + (await allowed(b, 60))).toBe(100);
  const refused = await b.order();
  expect(refused).toMatchObject({ allowed: false });
  expect(refused.allowed || refused.retryAfterMs).toBeLessThanOrEqual(10_000);
  expect(await allowed(new RateLimit({ redis: redis[0], book: 'beta' }), 3)).toBe(3);
  // Requests have a limit of their own, and orders count towards it.
  expect(await a.request()).toEqual({ allowed: true });

  await server.kill();
  await until('the loss seen', () => redis.every((each) => each.status !== 'ready'));
  const beganMs = performance.now();
  expect([await allowed(a, 60), await allowed(b, 60)]).toEqual([50, 50]);
  expect(performance.now() - beganMs).toBeLessThan(1000);
});

it('goes by the requests when those are used up first', async () => {
  const limit = new RateLimit({ redis: client(1), book: 'alpha', requests: { count: 10, perSeconds: 60 } });
  for (let n = 0; n < 5; n++) expect(await limit.request()).toEqual({ allowed: true });
  expect(await limit.order()).toMatchObject({ allowed: false });
});
