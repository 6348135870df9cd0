/** The modelled Redis and a real one hear the same words from the breaker and the limits, and answer alike. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Epoch } from '../../lib/lease/model.ts';
import { RedisBreakerStore, type BreakerStore, type StoredBreaker } from '../../lib/trading/breaker.ts';
import { RateLimit, type Allowance } from '../../lib/trading/rate-limit.ts';
import { startRedis } from '../../rehearsal/processes/redis.ts';
import { seeded } from '../../rehearsal/seeded.ts';
import { breakerStore, ModelledCache, sharedLimits } from '../../simulation/cache.ts';
import type { Reached } from '../../simulation/database.ts';
import { Network } from '../../simulation/network.ts';
import { VirtualTime } from '../../simulation/virtual-time.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';

const site = useSite();
const openForMs = 3_000_000;
/** Between the words to one and those to the other. */
const apartMs = 60_000;
let redis: Redis;

beforeAll(async () => {
  const { supervisor, authority } = site;
  const server = await startRedis({ supervisor, authority, directory: join(site.directory, 'redis'), authToken: 'token' });
  redis = new Redis({ host: '127.0.0.1', port: server.port, password: 'token', tls: { ca: readFileSync(server.caFile, 'utf8') } });
  redis.on('error', () => undefined);
  await until('it is connected', () => redis.status === 'ready');
});
afterAll(() => redis.disconnect());

/** The model as tasks reach it, and what lets the time go by in which it answers. */
function modelled(rates?: ConstructorParameters<typeof ModelledCache>[1]) {
  const time = new VirtualTime({ random: seeded(1), wakeLagMsMax: 0 });
  const network = new Network({ time, random: seeded(1), latencyMs: {} });
  const cache = new ModelledCache(() => time.nowMs, rates);
  const reached: Reached = { process: time.process('trader', { driftPpm: 0 }), host: 'task', network };
  const answered = async <Answer>(asked: Promise<Answer>): Promise<Answer> => {
    // Longer than a task waits for it, shorter than any window.
    await time.runUntil(time.nowMs + 200, () => false);
    return asked;
  };
  return { cache, network, reached, answered };
}

type Word = { readonly epoch: number } & ({ readonly says: 'claim' } | { readonly says: 'write'; readonly state: StoredBreaker });
const states: fc.Arbitrary<StoredBreaker> = fc.oneof(
  fc.integer({ min: 0, max: 4 }).map((failures) => ({ kind: 'closed' as const, failures })),
  fc.integer({ min: 0, max: 1 }).map((successes) => ({ kind: 'half-open' as const, successes })),
  fc.constant({ kind: 'open' as const, remainingMs: openForMs }),
);
const words: fc.Arbitrary<Word> = fc.oneof(
  fc.record({ epoch: fc.integer({ min: 1, max: 5 }), says: fc.constant('claim' as const) }),
  fc.record({ epoch: fc.integer({ min: 1, max: 5 }), says: fc.constant('write' as const), state: states }),
);

/** What each claim is answered. */
async function heard(store: BreakerStore, said: readonly Word[], answered: <Answer>(asked: Promise<Answer>) => Promise<Answer>): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const word of said) {
    const epoch = word.epoch as Epoch;
    if (word.says === 'write') await answered(store.write(epoch, word.state));
    else answers.push(roughly(await answered(store.claim(epoch))));
  }
  return answers;
}

/** What is left of an opening depends on when it is asked for. */
function roughly(state: StoredBreaker | undefined): unknown {
  if (state?.kind !== 'open') return state;
  expect(state.remainingMs).toBeGreaterThan(openForMs - apartMs);
  expect(state.remainingMs).toBeLessThanOrEqual(openForMs);
  return 'open';
}

test('the breaker finds what the newest epoch left, whatever is said in which order', async () => {
  let book = 0;
  await fc.assert(fc.asyncProperty(fc.array(words, { minLength: 1, maxLength: 12 }), async (said) => {
    const { cache, reached, answered } = modelled();
    const real = new RedisBreakerStore({ redis, book: `b${(book += 1)}` });
    expect(await heard(breakerStore(cache, reached), said, answered)).toEqual(await heard(real, said, (asked) => asked));
  }), { numRuns: 200 });
}, 180_000);

describe('the limits', () => {
  /** Wider than any test lasts. */
  const rates = { orders: { count: 20, perSeconds: 60 }, requests: { count: 30, perSeconds: 60 } };
  type Limits = Pick<RateLimit, 'order' | 'request'>;
  const allowed = (answers: readonly Allowance[]): readonly boolean[] => answers.map((answer) => answer.allowed);
  const each = (limits: Limits): readonly (() => Promise<Allowance>)[] => [
    ...Array.from({ length: 25 }, () => () => limits.order()),
    ...Array.from({ length: 10 }, () => () => limits.request()),
  ];

  test('are counted alike: orders by themselves, and as requests too', async () => {
    const { cache, reached, answered } = modelled(rates);
    const real: Allowance[] = [];
    const said: Allowance[] = [];
    // One after the other: two that are under way may arrive in any order.
    for (const ask of each(new RateLimit({ redis, book: 'limits', ...rates }))) real.push(await ask());
    for (const ask of each(sharedLimits(cache, reached))) said.push(await answered(ask()));
    expect(allowed(real).filter((is) => is)).toHaveLength(20 + 5);
    expect(allowed(said)).toEqual(allowed(real));
  });

  test('fall to half for each task where it does not answer', async () => {
    const { cache, network, reached, answered } = modelled();
    network.disturb({ service: 'cache' }, { requests: true }, 1000);
    const away = new Redis({ lazyConnect: true });
    away.on('error', () => undefined);
    // All at once: it is a second's limit.
    const real = await Promise.all(each(new RateLimit({ redis: away, book: 'limits' })).map((ask) => ask()));
    const said = await answered(Promise.all(each(sharedLimits(cache, reached)).map((ask) => ask())));
    expect(allowed(real).filter((is) => is)).toHaveLength(10 + 10);
    expect(allowed(said)).toEqual(allowed(real));
  });
});
