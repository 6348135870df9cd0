/** The breaker against its rule in words, its memory on a real Redis, and what it does to a trader at a venue that fails. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { Epoch } from '../../lib/lease/model.ts';
import {
  breakerAfter, breakerAt, closedBreaker, RedisBreakerStore, resultOf, usualBreaker, type BreakerResult, type BreakerState,
  type BreakerStore, type StoredBreaker,
} from '../../lib/trading/breaker.ts';
import { startRedis } from '../../rehearsal/processes/redis.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { breakerOf, startStage, ToldGuard } from '../trader/stage.ts';
import { until } from '../until.ts';

const epoch = (n: number) => n as Epoch;
const kinds = (results: readonly BreakerResult[], settings = usualBreaker) =>
  results.reduce<BreakerState>((state, result) => breakerAfter(state, result, 0, settings), closedBreaker).kind;

describe('the rule', () => {
  it('opens after five failures in a row, and not after five with a success between', () => {
    expect(kinds(['failure', 'failure', 'failure', 'failure'])).toBe('closed');
    expect(kinds(['failure', 'failure', 'failure', 'failure', 'failure'])).toBe('open');
    expect(kinds(['failure', 'failure', 'failure', 'failure', 'success', 'failure', 'failure'])).toBe('closed');
  });

  it('counts what says something of the venue, and a refusal as an answer', () => {
    const results = (wasInTime: boolean) =>
      (['accepted', 'rejected', 'expired', 'ambiguous', 'never-sent'] as const).map((kind) =>
        resultOf({ kind, reason: '', venueOrderId: '' }, wasInTime),
      );
    expect(results(false)).toEqual(['success', 'success', 'failure', 'failure', undefined]);
    // In time by our clock and refused for its time: the clocks disagree, the venue is well.
    expect(results(true)).toEqual(['success', 'success', undefined, 'failure', undefined]);
  });

  it('holds for every history: see the three sentences of its description', () => {
    const news = fc.record({ afterMs: fc.integer({ min: 0, max: 40_000 }), result: fc.constantFrom<BreakerResult>('success', 'failure') });
    fc.assert(
      fc.property(fc.array(news, { maxLength: 60 }), (history) => {
        let state: BreakerState = closedBreaker;
        let nowMs = 0;
        let failuresInARow = 0;
        let successesInARow = 0;
        let openedAtMs = -Infinity;
        for (const { afterMs, result } of history) {
          nowMs += afterMs;
          const before = breakerAt(state, nowMs);
          // Open for a minute, no longer and no shorter.
          expect(before.kind === 'open').toBe(nowMs < openedAtMs + usualBreaker.openMs);
          if (before.kind === 'open') {
            failuresInARow = 0;
            successesInARow = 0;
          } else if (result === 'failure') {
            failuresInARow += 1;
            successesInARow = 0;
          } else {
            successesInARow += 1;
            failuresInARow = 0;
          }
          state = breakerAfter(state, result, nowMs, usualBreaker);
          if (before.kind === 'closed') expect(state.kind === 'open').toBe(failuresInARow >= 5);
          if (before.kind === 'half-open') {
            expect(state.kind).toBe(result === 'failure' ? 'open' : successesInARow >= 2 ? 'closed' : 'half-open');
          }
          if (before.kind === 'open') expect(state).toEqual(before);
          if (state.kind === 'open' && before.kind !== 'open') {
            openedAtMs = nowMs;
            failuresInARow = 0;
            successesInARow = 0;
          }
          // What came before the half-open state counts for nothing in it.
          if (state.kind === 'closed' && before.kind === 'half-open') failuresInARow = 0;
        }
      }),
    );
  });
});

describe('its memory in Redis', () => {
  const site = useSite();
  const clients: Redis[] = [];
  afterEach(() => clients.splice(0).forEach((each) => each.disconnect()));

  async function server() {
    return startRedis({
      supervisor: site.supervisor, authority: site.authority, directory: join(site.directory, 'redis'), authToken: 'token',
    });
  }

  async function storeOn({ port, caFile }: { port: number; caFile: string }): Promise<RedisBreakerStore> {
    const redis = new Redis({
      host: '127.0.0.1', port, password: 'token', tls: { ca: readFileSync(caFile, 'utf8') },
      enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: 200,
    });
    redis.on('error', () => undefined);
    clients.push(redis);
    await until('connected', () => redis.status === 'ready');
    return new RedisBreakerStore({ redis, book: 'alpha' });
  }

  it('gives the next holder what the last one left, and an older epoch overwrites nothing; without Redis the own count goes on', async () => {
    const redis = await server();
    const [mine, theirs] = [await storeOn(redis), await storeOn(redis)];
    expect(await theirs.claim(epoch(4))).toEqual(closedBreaker);
    for (const state of [{ kind: 'closed', failures: 3 }, { kind: 'half-open', successes: 1 }] satisfies StoredBreaker[]) {
      await mine.write(epoch(4), state);
      expect(await theirs.claim(epoch(4))).toEqual(state);
    }
    await mine.write(epoch(4), { kind: 'open', remainingMs: 60_000 });
    const opened = await theirs.claim(epoch(4));
    expect(opened).toMatchObject({ kind: 'open' });
    expect(opened?.kind === 'open' && opened.remainingMs).toBeGreaterThan(50_000);
    expect(opened?.kind === 'open' && opened.remainingMs).toBeLessThanOrEqual(60_000);

    // A successor begins from it; a write of its predecessor that comes late changes nothing.
    const successor = breakerOf(theirs);
    await successor.takeOver(epoch(5));
    expect(successor.state.kind).toBe('open');
    expect(successor.waitMs()).toBeGreaterThan(50_000);
    await theirs.write(epoch(5), { kind: 'closed', failures: 1 });
    await mine.write(epoch(4), { kind: 'open', remainingMs: 60_000 });
    expect(await mine.claim(epoch(4))).toEqual({ kind: 'closed', failures: 1 });

    // Nor does one of a holder that wakes too late, when its successor had nothing to write: to be granted the book is enough.
    await breakerOf(theirs).takeOver(epoch(6));
    await mine.write(epoch(5), { kind: 'open', remainingMs: 60_000 });
    const third = breakerOf(mine);
    await third.takeOver(epoch(7));
    expect(third.state).toEqual({ kind: 'closed', failures: 1 });

    await redis.kill();
    const alone = breakerOf(mine);
    const beganMs = performance.now();
    await alone.takeOver(epoch(8));
    for (let n = 0; n < 5; n++) alone.begin()('failure');
    expect(alone.state.kind).toBe('open');
    expect(performance.now() - beganMs).toBeLessThan(1000);
  });
});

describe('a trader at a venue that fails', () => {
  it('sends five, then none for the time that it is open, then one at a time; it looks and cancels all the while', async () => {
    const stage = await startStage();
    try {
      const written: StoredBreaker[] = [];
      const store: BreakerStore = {
        claim: async () => undefined,
        write: async (_epoch, state) => void written.push(state),
      };
      const changes: string[] = [];
      const openMs = 4000;
      const breaker = breakerOf(store, { settings: { ...usualBreaker, openMs }, onChange: ({ kind }) => changes.push(kind) });
      const began: string[] = [];
      const begin = breaker.begin.bind(breaker);
      breaker.begin = () => {
        began.push(breaker.state.kind);
        return begin();
      };
      const guard = new ToldGuard();
      stage.trader(guard, { ordersPerSecond: 20, breaker }).start();
      await until('a standby that is ready', () => guard.statuses.at(-1)?.ready === true);
      const arrivals = () => stage.venue.record.filter((entry) => entry.path === createOrderPath);
      guard.say('held', 1);
      await until('orders', () => arrivals().length >= 3);
      stage.venue.setFault({ reply: 'bad-gateway', paths: [createOrderPath] });
      await until('the opening', () => changes.includes('open'));
      const opened = performance.now();
      const reads = stage.venue.record.length;
      await until('looks at the venue while it is open', () => stage.venue.record.length > reads + 2);
      expect(breaker.state.kind).toBe('open');
      stage.venue.clearFault();
      await until('the closing', () => changes.at(-1) === 'closed');
      expect(performance.now() - opened).toBeGreaterThan(openMs * 0.9);
      expect(changes).toEqual(['open', 'half-open', 'closed']);
      const closedAt = arrivals().length;
      await until('orders as usual', () => arrivals().length > closedAt + 3);
      // Those that had begun when it opened may still arrive; none begins before it ends.
      expect([...new Set(began)]).toEqual(['closed', 'half-open']);
      expect(arrivals().length).toBeLessThanOrEqual(began.length);
      const kept = written.map((state) => ('failures' in state ? `${state.failures} failed` : state.kind));
      expect([...new Set(kept)]).toEqual(['1 failed', '2 failed', '3 failed', '4 failed', 'open', 'half-open', '0 failed']);
      await until('the gauge', () => guard.statuses.at(-1)?.gauges?.['trader_breaker_openings'] === 1);
    } finally {
      await stage.close();
    }
  });
});
