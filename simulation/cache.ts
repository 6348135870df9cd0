/**
 * A small model of Redis: what the limiter and the breaker keep there for the tasks of a book in a Region. While it does not answer, each task
 * counts half of the limits by itself, as the real ones do.
 */
import type { Epoch } from '../lib/lease/model.ts';
import type { BreakerStore, StoredBreaker } from '../lib/trading/breaker.ts';
import { orderRate, requestRate, type Allowance, type Rate, type RateLimit } from '../lib/trading/rate-limit.ts';
import type { Reached } from './database.ts';

/** An order does not wait for a cache. */
const timeoutMs = 50;

/** So many in a window that begins with the first. */
class Window {
  readonly #rate: Rate;
  #count = 0;
  #endsMs = -Infinity;
  constructor(rate: Rate) {
    this.#rate = rate;
  }
  take(nowMs: number): Allowance {
    if (nowMs >= this.#endsMs) {
      this.#endsMs = nowMs + this.#rate.perSeconds * 1000;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count <= this.#rate.count ? { allowed: true } : { allowed: false, retryAfterMs: this.#endsMs - nowMs };
  }
}

export class ModelledCache {
  readonly orders: Window;
  readonly requests: Window;
  readonly #nowMs: () => number;
  #breaker: { readonly epoch: Epoch; readonly state: StoredBreaker; readonly atMs: number } | undefined;

  constructor(nowMs: () => number, { orders = orderRate, requests = requestRate }: { readonly orders?: Rate; readonly requests?: Rate } = {}) {
    this.#nowMs = nowMs;
    this.orders = new Window(orders);
    this.requests = new Window(requests);
  }

  take(window: 'orders' | 'requests'): Allowance {
    return this[window].take(this.#nowMs());
  }

  claim(epoch: Epoch): StoredBreaker | undefined {
    const { state = { kind: 'closed', failures: 0 } as const, atMs = 0, epoch: before = 0 } = this.#breaker ?? {};
    if (before < epoch) this.#breaker = { epoch, state, atMs };
    return state.kind === 'open' ? { kind: 'open', remainingMs: state.remainingMs - (this.#nowMs() - atMs) } : state;
  }

  write(epoch: Epoch, state: StoredBreaker): void {
    if (this.#breaker === undefined || this.#breaker.epoch <= epoch) this.#breaker = { epoch, state, atMs: this.#nowMs() };
  }
}

export function breakerStore(cache: ModelledCache, { process, host, network }: Reached): BreakerStore {
  const ask = <Answer>(serve: () => Answer): Promise<Answer> => network.ask(process, { host, service: 'cache' }, serve, AbortSignal.timeout(timeoutMs));
  return { claim: (epoch) => ask(() => cache.claim(epoch)), write: (epoch, state) => ask(() => cache.write(epoch, state)) };
}

const half = ({ count, perSeconds }: Rate): Rate => ({ count: Math.floor(count / 2), perSeconds });

export function sharedLimits(cache: ModelledCache, { process, host, network }: Reached): Pick<RateLimit, 'order' | 'request'> {
  const alone = { orders: new Window(half(orderRate)), requests: new Window(half(requestRate)) };
  const take = async (window: 'orders' | 'requests'): Promise<Allowance> => {
    try {
      return await network.ask(process, { host, service: 'cache' }, () => cache.take(window), AbortSignal.timeout(timeoutMs));
    } catch {
      return alone[window].take(process.monotonicMs());
    }
  };
  return {
    async order() {
      const [order, request] = await Promise.all([take('orders'), take('requests')]);
      return order.allowed ? request : order;
    },
    request: () => take('requests'),
  };
}
