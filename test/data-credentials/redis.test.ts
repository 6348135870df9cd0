/** The token of a real Redis behind the local ElastiCache: added, tested, and the old one refused; what stands goes on. */
import { readFileSync } from 'node:fs';
import { ElastiCacheClient } from '@aws-sdk/client-elasticache';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CacheCredential, type Cache } from '../../lib/data-credentials/cache-token.ts';
import { cacheOf } from '../../lib/data-credentials/redis.ts';
import { Rotation } from '../../lib/data-credentials/rotation.ts';
import { Secret } from '../../lib/secret.ts';
import { startFront, type Front } from '../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { elasticache, type ElastiCacheModel } from '../../rehearsal/services/elasticache.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { MemorySecrets } from './memory-secrets.ts';

const site = useSite();
const region = 'us-east-1';
const group = 'baton-test';
let world: CloudWorld;
let front: Front;
let model: ElastiCacheModel;
let client: ElastiCacheClient;

beforeAll(async () => {
  world = createWorld({
    seed: 1, accountId: '111111111111', regions: [region], provisioningMs: () => 50, services: (made) => [(model = elasticache(made, { ...site, directory: site.directory }))],
  });
  front = await startFront(world);
  client = new ElastiCacheClient({ endpoint: front.endpoint, region, credentials: world.operator.credentials, maxAttempts: 1 });
});
afterAll(async () => {
  client?.destroy();
  await front?.close();
  await world?.close();
});

async function open(name: string, token: string): Promise<{ cache: Cache; modify: (input: Record<string, unknown>) => Promise<unknown>; redis: (token: string) => Redis }> {
  const type = 'AWS::ElastiCache::ReplicationGroup';
  const ReplicationGroupId = `${group}-${name}`;
  await model.resources![type]!({
    type, logicalId: 'Cache', stackName: 'test', region, generatedName: name, properties: { ReplicationGroupId, TransitEncryptionEnabled: true, AuthToken: token },
  });
  const { host, port, caFile } = model.servers(region).get(ReplicationGroupId)!;
  const ca = readFileSync(caFile, 'utf8');
  let made = 0;
  return {
    cache: cacheOf({
      client, groupId: ReplicationGroupId, address: { host, port, ca }, availableWithinMs: 5000, lookEveryMs: 20, newToken: () => `${name}-token-number-${(made += 1)}`,
    }),
    modify: (input) => world.call({ service: 'elasticache', operation: 'ModifyReplicationGroup', region, caller: world.operator.caller, input: { ReplicationGroupId, ...input } }),
    redis: (password) => {
      const redis = new Redis({ host, port, password, tls: { ca }, lazyConnect: true, retryStrategy: () => null });
      redis.on('error', () => undefined);
      return redis;
    },
  };
}

it('both are accepted from ROTATE to SET; who is connected stays; a repeat changes nothing', async () => {
  const { cache, redis } = await open('both', 'both-token-number-0');
  const secrets = new MemorySecrets();
  secrets.create('cache', new Secret('both-token-number-0'));
  const stands = redis('both-token-number-0');
  await stands.connect();
  const credential = new CacheCredential(cache);
  const rotation = new Rotation(secrets, () => credential);
  const step = secrets.begin('cache');
  await rotation.complete(step);
  await rotation.complete(step);
  const [old, now] = [new Secret('both-token-number-0'), new Secret('both-token-number-1')];
  expect(secrets.valueOf('cache', 'AWSCURRENT')?.reveal()).toBe(now.reveal());
  expect([await cache.accepts(old), await cache.accepts(now)]).toEqual([true, true]);
  expect(await credential.retire(old, now)).toBe(true);
  expect([await cache.accepts(old), await cache.accepts(now)]).toEqual([false, true]);
  expect(await credential.retire(old, now)).toBe(false);
  expect(await stands.ping()).toBe('PONG');
  stands.disconnect();
});

it('ElastiCache says what it does not do, and when', async () => {
  const { cache, modify } = await open('refuses', 'refuses-token-number-0');
  await expect(modify({ AuthToken: 'refuses-token-number-0', AuthTokenUpdateStrategy: 'SET', ApplyImmediately: true })).rejects.toMatchObject({
    name: 'InvalidParameterCombinationException',
  });
  await expect(modify({ AuthToken: 'short', ApplyImmediately: true })).rejects.toMatchObject({ name: 'InvalidParameterValueException' });
  await expect(modify({ AuthToken: 'refuses-token-number-1' })).rejects.toMatchObject({ name: 'NotImplemented' });
  await expect(modify({ NodeType: 'larger', ApplyImmediately: true })).rejects.toMatchObject({ name: 'NotImplemented' });
  await modify({ AuthToken: 'refuses-token-number-1', ApplyImmediately: true });
  await expect(modify({ AuthToken: 'refuses-token-number-2', ApplyImmediately: true })).rejects.toMatchObject({ name: 'InvalidReplicationGroupStateFault' });
  // Whoever waits gets it, and the oldest goes.
  await cache.modify(new Secret('refuses-token-number-2'), 'ROTATE');
  expect(await Promise.all([0, 1, 2].map((number) => cache.accepts(new Secret(`refuses-token-number-${number}`))))).toEqual([false, true, true]);
});

it('a Redis that is away says nothing about its token', async () => {
  const { cache } = await open('away', 'away-token-number-0');
  await model.servers(region).get(`${group}-away`)?.kill();
  await expect(cache.accepts(new Secret('away-token-number-0'))).rejects.toThrow();
});
