/**
 * The trader's connection to Redis, whose token changes: it is read every few minutes, and at once when Redis has refused it or let go of the connection. A
 * connection that stands proves a new token by it, so that it never rests on one that will be refused.
 */
import { Redis, type RedisOptions } from 'ioredis';
import type { Secret } from '../../lib/secret.ts';
import type { Log } from '../../lib/trading/trader.ts';

export interface TokenRedisOptions {
  /** But for its password. */
  readonly redis: Omit<RedisOptions, 'replyMapping'>;
  readonly token: Secret;
  readonly readToken: () => Promise<Secret>;
  /** Between two looks at what is current. */
  readonly lookEveryMs: () => number;
  readonly log: Log;
}

export interface TokenRedis {
  readonly redis: Redis;
  close(): void;
}

export function openRedis({ redis: options, token, readToken, lookEveryMs, log }: TokenRedisOptions): TokenRedis {
  let current = token;
  let isReading = false;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const redis = new Redis({ ...options, password: token.reveal() });

  /** From now on connections are made with what is current. */
  async function look(): Promise<void> {
    if (isReading || closed) return;
    isReading = true;
    try {
      const read = await readToken();
      if (read.reveal() === current.reveal()) return;
      current = read;
      redis.options.password = read.reveal();
      log('info', 'the token of Redis has changed');
      if (redis.status === 'ready') await redis.auth(read.reveal());
    } catch (error) {
      log('warn', 'the token of Redis could not be read, or is not accepted yet', { error: error instanceof Error ? error.message : String(error) });
    } finally {
      isReading = false;
    }
  }
  function lookLater(): void {
    timer = setTimeout(() => void look().finally(() => closed || lookLater()), lookEveryMs());
    timer.unref();
  }

  redis.on('close', () => void look());
  lookLater();
  return {
    redis,
    close() {
      closed = true;
      clearTimeout(timer);
      redis.disconnect();
    },
  };
}
