/**
 * How others decide who trades, on one Redis: as they are written down or shipped, with the timings that go with them. None of them has an
 * expiry that reaches the venue: an order has Bybit's usual window.
 */
import type { Redis } from 'ioredis';
import { Mutex, TimeoutError } from 'redis-semaphore';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { Election, Leave, RedisTimings } from './election.ts';

/** Bybit's own, which clients leave as it is. */
const usualWindowMs = 5000;

export interface RedisElectionOptions {
  readonly redis: Redis;
  readonly book: BookName;
  /** Who this is, unlike anybody else. */
  readonly me: string;
  readonly timings: RedisTimings;
  /** From 0 to below 1. */
  readonly random: () => number;
  /** Since the bench began, of all its processes alike: numbers the tenures in the order in which they begin. */
  readonly sinceBeginMs: () => number;
  /** What fails after it is aborted fails because its connection is closed. */
  readonly signal: AbortSignal;
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));

/** Holds a tenure, or none; each order is one of it. */
abstract class Tenant implements Election {
  protected readonly options: RedisElectionOptions;
  #tenure: number | undefined;
  #sent = 0;
  protected settled: () => Promise<void> = async () => undefined;

  constructor(options: RedisElectionOptions) {
    this.options = options;
  }

  start(settled: () => Promise<void>): void {
    this.settled = settled;
    this.run().catch((error: unknown) => {
      if (!this.options.signal.aborted) throw error;
    });
  }

  get holds(): boolean {
    return this.#tenure !== undefined;
  }

  leave(): Leave | undefined {
    if (this.#tenure === undefined) return undefined;
    this.#sent += 1;
    const id = clientOrderId({ book: this.options.book, epoch: this.#tenure as Epoch, sequence: this.#sent });
    return { id, sign: () => ({ timestampMs: Date.now(), windowMs: usualWindowMs }) };
  }

  protected begin(): void {
    this.#tenure ??= Math.floor(this.options.sinceBeginMs());
  }

  protected end(): void {
    this.#tenure = undefined;
  }

  protected abstract run(): Promise<void>;
}

/** `SET NX EX`; the holder looks whether it is still its own and makes it last longer, the others try again. A cutover stops the one that trades, and sleeps. */
export class SetNxElection extends Tenant {
  #stoppedUntilMs = -Infinity;

  protected async run(): Promise<void> {
    const { redis, book, me, random, timings: { ttlSeconds, pollMs } } = this.options;
    const key = `leader:${book}`;
    await sleep(random() * pollMs);
    for (;;) {
      if (performance.now() >= this.#stoppedUntilMs) {
        if (!this.holds) {
          if ((await redis.set(key, me, 'EX', ttlSeconds, 'NX')) === 'OK') this.begin();
        } else if ((await redis.get(key)) === me) {
          await redis.expire(key, ttlSeconds);
        } else {
          this.end();
        }
      }
      await sleep(pollMs);
    }
  }

  handOver(): void {
    this.#stoppedUntilMs = performance.now() + this.options.timings.stoppedForMs;
    this.end();
  }
}

/** The lock of the library, with what it does when nothing is said: it waits by asking every 10 ms, and refreshes itself. */
export class MutexElection extends Tenant {
  #ended = Promise.withResolvers<'lost' | 'given'>();

  protected async run(): Promise<void> {
    const { redis, book, timings: { stoppedForMs } } = this.options;
    for (;;) {
      const ended = Promise.withResolvers<'lost' | 'given'>();
      const mutex = new Mutex(redis, book, {
        onLockLost: () => {
          this.end();
          ended.resolve('lost');
        },
      });
      try {
        await mutex.acquire();
      } catch (error) {
        if (!(error instanceof TimeoutError)) throw error;
        continue;
      }
      this.#ended = ended;
      this.begin();
      if ((await ended.promise) === 'lost') continue;
      await this.settled();
      await mutex.release();
      await sleep(stoppedForMs);
    }
  }

  handOver(): void {
    this.end();
    this.#ended.resolve('given');
  }
}

/** A switch for each side, which every worker reads now and then. Somebody else turns it. */
export class FlagElection extends Tenant {
  protected async run(): Promise<void> {
    const { redis, book, me, random, timings: { flagPollMs } } = this.options;
    await sleep(random() * flagPollMs);
    for (;;) {
      if ((await redis.get(flagOf(book, sideOf(me)))) === 'on') this.begin();
      else this.end();
      await sleep(flagPollMs);
    }
  }
}

export const flagOf = (book: string, side: string): string => `active:${book}:${side}`;
const sideOf = (me: string): string => me.slice(0, 1);

interface Record {
  readonly holder: string;
  /** Of its writing; nobody compares it with a clock. */
  readonly renewal: number;
  readonly leaseDurationMs: number;
}

const compareAndSet = "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[1], ARGV[2]) return 1 end return 0";
/** client-go's: a retry comes after one period to 2.2 of them. */
const jitterFactor = 1.2;

/** client-go's leader election with the timings of Kubernetes' own controllers, on a record that is compared and set; it gives the record up when it is told to end. */
export class KubernetesElection extends Tenant {
  #leaving = false;
  #stoppedUntilMs = -Infinity;

  protected async run(): Promise<void> {
    const { redis, book, me, random, timings } = this.options;
    const key = `election:${book}`;
    let observed: string | null = null;
    let observedAtMs = -Infinity;
    let renewals = 0;
    let renewedAtMs = -Infinity;
    const text = (holder: string, leaseDurationMs: number): string =>
      JSON.stringify({ holder, renewal: (renewals += 1), leaseDurationMs } satisfies Record);
    const see = (raw: string | null): void => {
      if (raw === observed) return;
      observed = raw;
      observedAtMs = performance.now();
    };
    const tryAcquireOrRenew = async (): Promise<boolean> => {
      see(await redis.get(key));
      const record = observed === null ? undefined : (JSON.parse(observed) as Record);
      const isOurs = record?.holder === me;
      if (record !== undefined && !isOurs && record.holder !== '' && performance.now() < observedAtMs + record.leaseDurationMs) return false;
      const next = text(me, timings.leaseDurationMs);
      const done = observed === null
        ? (await redis.set(key, next, 'NX')) === 'OK'
        : (await redis.eval(compareAndSet, 1, key, observed, next)) === 1;
      if (done) see(next);
      return done;
    };
    /** As the deadline of the context does: whatever is still awaited then is too late. */
    const within = (attempt: Promise<boolean>, untilMs: number): Promise<boolean> =>
      Promise.race([attempt.catch(() => false), sleep(Math.max(0, untilMs - performance.now())).then(() => false)]);
    await sleep(random() * timings.retryPeriodMs);
    for (;;) {
      if (!this.holds) {
        if (performance.now() >= this.#stoppedUntilMs && (await tryAcquireOrRenew().catch(() => false))) {
          renewedAtMs = performance.now();
          this.begin();
        }
        await sleep(timings.retryPeriodMs * (this.holds ? 1 : 1 + random() * jitterFactor));
        continue;
      }
      if (this.#leaving) {
        this.#leaving = false;
        this.end();
        await this.settled();
        if (observed !== null) await redis.eval(compareAndSet, 1, key, observed, text('', 1000));
        this.#stoppedUntilMs = performance.now() + timings.stoppedForMs;
        continue;
      }
      const untilMs = renewedAtMs + timings.renewDeadlineMs;
      if (await within(tryAcquireOrRenew(), untilMs)) renewedAtMs = performance.now();
      else if (performance.now() >= untilMs) this.end();
      await this.#pause(timings.retryPeriodMs);
    }
  }

  #wake: () => void = () => undefined;

  async #pause(ms: number): Promise<void> {
    await Promise.race([sleep(ms), new Promise<void>((resolve) => {
      this.#wake = resolve;
    })]);
  }

  handOver(): void {
    this.#leaving = true;
    this.#wake();
  }
}
