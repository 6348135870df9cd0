import { chmod, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';

import { findRedis, RedisUnavailableError, startRedis } from '../../../rehearsal/processes/redis.ts';
import { useSite } from './site.ts';

const site = useSite();
const authToken = 'token with " and \\ and ü';

test('is Redis as ElastiCache offers it: TLS that verifies, AUTH, no other way in, nothing kept', async () => {
  const { supervisor, authority, directory } = site;
  const lines: string[] = [];
  const server = await startRedis({
    supervisor,
    authority,
    directory: join(directory, 'redis'),
    authToken,
    onLine: (line) => lines.push(line),
  });
  const tls = { ca: readFileSync(server.caFile, 'utf8') };
  const client = (options: object): Redis => {
    const redis = new Redis({
      host: server.host,
      port: server.port,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      ...options,
    });
    redis.on('error', () => undefined);
    return redis;
  };
  const good = client({ password: authToken, tls });
  await good.connect();
  expect(await good.set('key', 'value')).toBe('OK');
  expect(await good.get('key')).toBe('value');
  expect(readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8')).not.toContain('token');

  const closed: Array<[string, Redis]> = [
    ['no password', client({ tls })],
    ['a wrong password', client({ tls, password: 'wrong' })],
    ['no TLS', client({ password: authToken, connectTimeout: 2000 })],
  ];
  for (const [how, redis] of closed) {
    await expect(
      redis.connect().then(() => redis.get('key')),
      how,
    ).rejects.toThrow();
    redis.disconnect();
  }
  good.disconnect();
  await server.stop();
  expect(server.child.exit?.code).toBe(0);
});

test('the server that REDIS_BIN names is the one, or none is', async () => {
  const pretender = join(site.directory, 'pretender');
  await writeFile(pretender, '#!/bin/sh\necho I am a teapot\n');
  await chmod(pretender, 0o755);
  await expect(findRedis({ REDIS_BIN: pretender })).rejects.toThrow(RedisUnavailableError);
  await expect(findRedis({ REDIS_BIN: pretender })).rejects.toThrow(
    /REDIS_BIN: .*pretender is not a Redis server: it answers 'I am a teapot'/,
  );
  await expect(findRedis({ REDIS_BIN: '/no/such/server' })).rejects.toThrow(/apt install redis-server/);
});

test('a server on the path comes before anything that would have to be fetched', async () => {
  const server = join(site.directory, 'valkey-server');
  await writeFile(server, '#!/bin/sh\necho "Valkey server v=8.0.1 sha=0 bits=64"\n');
  await chmod(server, 0o755);
  expect(await findRedis({ PATH: `/nowhere:${site.directory}` })).toEqual({ command: server, origin: server });
});
