/** The trader's connection to a real Redis whose token changes as ElastiCache changes it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { openRedis, type TokenRedis } from '../../containers/trader/redis.ts';
import { Secret } from '../../lib/secret.ts';
import { startRedis, type RedisServer } from '../../rehearsal/processes/redis.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';

const site = useSite();
const [one, two, three] = ['first-token-0123456789', 'second-token-0123456789', 'third-token-0123456789'] as const;
let cache: TokenRedis | undefined;
afterEach(() => cache?.close());

function open(server: RedisServer, current: () => string, lookEveryMs: number, lines: string[]): TokenRedis {
  cache = openRedis({
    redis: {
      host: server.host, port: server.port, tls: { ca: readFileSync(server.caFile, 'utf8') }, enableOfflineQueue: false, maxRetriesPerRequest: 0,
      retryStrategy: () => 20,
    },
    token: new Secret(current()),
    readToken: async () => new Secret(current()),
    lookEveryMs: () => lookEveryMs,
    log: (_level, message) => lines.push(message),
  });
  cache.redis.on('error', () => undefined);
  return cache;
}

it('proves a new token by the connection that stands, and is not let go', async () => {
  const server = await startRedis({ ...site, directory: join(site.directory, 'redis-stands'), authToken: one });
  let current: string = one;
  const lines: string[] = [];
  const { redis } = open(server, () => current, 30, lines);
  let closed = 0;
  redis.on('close', () => (closed += 1));
  await until('a connection', () => redis.status === 'ready');
  await server.accept([one, two]);
  current = two;
  await until('the new token', () => lines.includes('the token of Redis has changed'));
  await server.accept([two]);
  expect([await redis.set('key', 'value'), await redis.get('key'), closed]).toEqual(['OK', 'value', 0]);
  // And it is the one that the next connection is made with.
  redis.disconnect(true);
  await until('a connection with the new token', () => closed === 1 && redis.status === 'ready');
  expect(await redis.get('key')).toBe('value');
});

it('reads again when Redis refuses what it has', async () => {
  const server = await startRedis({ ...site, directory: join(site.directory, 'redis-refuses'), authToken: one });
  let current: string = one;
  const lines: string[] = [];
  const { redis } = open(server, () => current, 3_600_000, lines);
  await until('a connection', () => redis.status === 'ready');
  await server.accept([three]);
  redis.disconnect(true);
  await until('a refusal', () => redis.status !== 'ready');
  current = three;
  await until('a connection with what is current', () => redis.status === 'ready');
  expect(await redis.set('key', 'value')).toBe('OK');
  expect(lines.filter((line) => line === 'the token of Redis has changed')).toHaveLength(1);
});
