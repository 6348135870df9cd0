/**
 * The venue's limits, shared by the book's tasks through Redis, because they trade one account: 20 orders in a second, and 600
 * requests in five from one address, which the tasks behind one NAT gateway share too. While Redis is gone each task keeps to
 * half of them by itself, for the other may be doing the same.
 */
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

export interface Rate {
  readonly count: number;
  readonly perSeconds: number;
}
export const orderRate: Rate = { count: 20, perSeconds: 1 };
export const requestRate: Rate = { count: 600, perSeconds: 5 };

export type Allowance = { readonly allowed: true } | { readonly allowed: false; readonly retryAfterMs: number };

export class RateLimit {
  readonly #orders: RateLimiterRedis;
  readonly #requests: RateLimiterRedis;
  readonly #book: string;

  constructor({ redis, book, orders = orderRate, requests = requestRate }: { redis: Redis; book: string; orders?: Rate; requests?: Rate }) {
    this.#book = book;
    this.#orders = limiter(redis, 'orders', orders);
    this.#requests = limiter(redis, 'requests', requests);
  }

  /** For an order: it counts as a request too. */
  async order(): Promise<Allowance> {
    const [order, request] = await Promise.all([this.#take(this.#orders), this.#take(this.#requests)]);
    return order.allowed ? request : order;
  }

  /** For any other request. */
  request(): Promise<Allowance> {
    return this.#take(this.#requests);
  }

  async #take(limited: RateLimiterRedis): Promise<Allowance> {
    try {
      await limited.consume(this.#book);
      return { allowed: true };
    } catch (refusal) {
      if (refusal instanceof RateLimiterRes) return { allowed: false, retryAfterMs: refusal.msBeforeNext };
      throw refusal;
    }
  }
}

function limiter(redis: Redis, what: string, { count, perSeconds }: Rate): RateLimiterRedis {
  const keyPrefix = `baton:${what}`;
  return new RateLimiterRedis({
    storeClient: redis,
    keyPrefix,
    points: count,
    duration: perSeconds,
    // Straight to the insurance when the connection is not ready: an order must not wait for a cache.
    rejectIfRedisNotReady: true,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix, points: Math.floor(count / 2), duration: perSeconds }),
  });
}
