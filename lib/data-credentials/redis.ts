/** The Redis of this Region: what it accepts is asked of itself, what it is to accept of ElastiCache. */
import { setTimeout as pause } from 'node:timers/promises';
import {
  DescribeReplicationGroupsCommand, InvalidReplicationGroupStateFault, ModifyReplicationGroupCommand, type ElastiCacheClient,
} from '@aws-sdk/client-elasticache';
import { Redis } from 'ioredis';
import type { Secret } from '../secret.ts';
import type { Cache } from './cache-token.ts';

/** ElastiCache is changing the group: whoever asked repeats the step. */
export class CacheBusyError extends Error {
  override readonly name = 'CacheBusyError';
}

export interface CacheAddress {
  readonly host: string;
  readonly port: number;
  /** Beside those that this process trusts. */
  readonly ca?: string;
}

export interface CacheOptions {
  readonly client: ElastiCacheClient;
  readonly groupId: string;
  readonly address: CacheAddress;
  readonly newToken: () => string;
  /** For the change of a token; within the time of the function. */
  readonly availableWithinMs: number;
  readonly lookEveryMs: number;
}

const answerWithinMs = 5000;

export function cacheOf({ client, groupId, address, newToken, availableWithinMs, lookEveryMs }: CacheOptions): Cache {
  async function available(): Promise<void> {
    for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
      const { ReplicationGroups: [group] = [] } = await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: groupId }));
      if (group?.Status === 'available') return;
      if (waitedMs >= availableWithinMs) throw new CacheBusyError(`the replication group ${groupId} is ${group?.Status ?? 'gone'} after ${availableWithinMs / 1000} s`);
      await pause(lookEveryMs);
    }
  }
  return {
    newToken,
    accepts: (token) => accepts(address, token),
    async modify(token, strategy) {
      await available();
      try {
        await client.send(
          new ModifyReplicationGroupCommand({
            ReplicationGroupId: groupId, AuthToken: token.reveal(), AuthTokenUpdateStrategy: strategy, ApplyImmediately: true,
          }),
        );
      } catch (error) {
        if (!(error instanceof InvalidReplicationGroupStateFault)) throw error;
        throw new CacheBusyError(`the replication group ${groupId} is being changed by somebody else`, { cause: error });
      }
      await available();
    },
  };
}

/** Throws where Redis does not answer: that says nothing about the token. */
async function accepts({ host, port, ca }: CacheAddress, token: Secret): Promise<boolean> {
  const redis = new Redis({
    host, port, tls: ca === undefined ? {} : { ca }, password: token.reveal(), lazyConnect: true, connectTimeout: answerWithinMs, commandTimeout: answerWithinMs, maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // The client ends the connection after a refusal, and then only says that it is closed.
  let refused = false;
  redis.on('error', (error: Error) => (refused ||= error.message.startsWith('WRONGPASS')));
  try {
    await redis.connect();
    await redis.ping();
    return true;
  } catch (error) {
    if (refused) return false;
    throw error;
  } finally {
    redis.disconnect();
  }
}
