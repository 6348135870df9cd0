/** The key in the guard's memory, on a clock of the test's own: when it looks, what it hands over, and what it says of it to the roster. */
import { createServer } from 'node:http';
import * as fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { bybitProof, VenueKeys, type HeldKey } from '../../containers/guard/venue-key.ts';
import { Secret } from '../../lib/secret.ts';
import { listenLocally } from '../../rehearsal/processes/listen.ts';
import { startVenue } from '../../rehearsal/venue/server.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const minuteMs = 60_000;

/** A secret, a venue, and time that passes when the test says so. */
class Bench {
  nowMs = 0;
  current = 'v1';
  /** By version; what is not here is accepted. Undefined: no answer. */
  readonly venue = new Map<string, string | undefined>();
  unreadable = false;
  reads = 0;
  proofs = 0;
  changes = 0;
  readonly accepted = new Set<string>();
  readonly lines: string[] = [];
  #timers: { readonly atMs: number; readonly act: () => void }[] = [];
  readonly keys = new VenueKeys({
    read: async () => {
      this.reads += 1;
      if (this.unreadable) throw new Error('Secrets Manager does not answer');
      return { version: this.current, texts: new Map([['apiKey', new Secret(`canary-${this.current}`)]]) };
    },
    prove: async ({ version }) => {
      this.proofs += 1;
      if (!this.venue.has(version)) {
        this.accepted.add(version);
        return {};
      }
      const refused = this.venue.get(version);
      if (refused === undefined) throw new Error('the venue does not answer');
      return { refused };
    },
    random: () => 0.5,
    after: (ms, act) => {
      const timer = { atMs: this.nowMs + ms, act };
      this.#timers.push(timer);
      return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
    },
  });

  async start(): Promise<this> {
    this.keys.start({
      nowMs: () => this.nowMs, venueNowMs: () => this.nowMs, onChange: () => void (this.changes += 1),
      log: (level, message, fields) => void this.lines.push(JSON.stringify({ level, message, ...fields })),
    });
    await settled();
    return this;
  }

  async pass(ms: number): Promise<void> {
    await settled();
    const endMs = this.nowMs + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ atMs }) => atMs <= endMs).sort((one, other) => one.atMs - other.atMs);
      if (next === undefined) break;
      this.nowMs = next.atMs;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.act();
      await settled();
    }
    this.nowMs = endMs;
  }
}
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

test('the first key is handed over once the venue has accepted it', async () => {
  const bench = new Bench();
  bench.venue.set('v1', undefined);
  await bench.start();
  expect([bench.keys.offered, bench.keys.report]).toEqual([undefined, undefined]);
  bench.venue.delete('v1');
  await bench.pass(300);
  expect(bench.keys.offered?.version).toBe('v1');
  expect(bench.keys.report).toEqual({ proved: 'v1' });
  expect([bench.changes, bench.keys.proofAgeMs]).toEqual([1, 50]);
});

test('an announced version is looked for at once, proved, and only then replaces the one in use', async () => {
  const bench = await new Bench().start();
  bench.keys.traderSays({ version: 'v1' });
  bench.current = 'v2';
  bench.venue.set('v2', '10003');
  bench.keys.announced('v2');
  await settled();
  expect(bench.keys.offered?.version).toBe('v1');
  expect(bench.keys.report).toEqual({ proved: 'v1', uses: 'v1', refused: 'v2' });
  // A version that is not in use takes nobody's readiness.
  expect(bench.keys.problem).toBeUndefined();
  bench.venue.delete('v2');
  await bench.pass(600);
  expect(bench.keys.offered?.version).toBe('v2');
  await bench.pass(5000);
  bench.keys.traderSays({ version: 'v2' });
  await bench.pass(3000);
  expect(bench.keys.report).toEqual({ proved: 'v2', uses: 'v2', otherUsedMsAgo: 3000 });
  // Said again at each read of the table: it is looked for once.
  const { reads } = bench;
  for (let read = 0; read < 50; read += 1) bench.keys.announced('v2');
  await bench.pass(minuteMs);
  expect(bench.reads).toBe(reads);
});

test('a replica that has the version a moment later is asked again; an announcement that stays wrong becomes rare', async () => {
  const bench = await new Bench().start();
  bench.keys.announced('v2');
  await bench.pass(1000);
  bench.current = 'v2';
  await bench.pass(2000);
  expect(bench.keys.offered?.version).toBe('v2');
  bench.keys.announced('v9');
  await bench.pass(180 * minuteMs);
  expect(bench.keys.offered?.version).toBe('v2');
  expect(bench.reads).toBeLessThan(40);
});

test('without an announcement a new version is found within a quarter of an hour, and the one in use is proved again', async () => {
  const bench = await new Bench().start();
  bench.current = 'v2';
  await bench.pass(17 * minuteMs);
  expect(bench.keys.offered?.version).toBe('v2');
  const { proofs } = bench;
  await bench.pass(180 * minuteMs);
  expect(bench.proofs - proofs).toBeGreaterThanOrEqual(10);
  expect(bench.keys.proofAgeMs).toBeLessThanOrEqual(17 * minuteMs);
});

test('a key in use that the venue refuses is a problem until it is accepted again', async () => {
  const bench = await new Bench().start();
  bench.venue.set('v1', '33004');
  await bench.pass(17 * minuteMs);
  expect(bench.keys.problem).toContain('33004');
  expect(bench.keys.report).toMatchObject({ refused: 'v1' });
  bench.venue.delete('v1');
  await bench.pass(17 * minuteMs);
  expect(bench.keys.problem).toBeUndefined();
});

test('what the trader is refused with its key is looked at at once, and counts until it says otherwise', async () => {
  const bench = await new Bench().start();
  bench.keys.traderSays({ version: 'v1' });
  const { reads } = bench;
  bench.keys.traderSays({ version: 'v1', refused: '10005 to an order' });
  await settled();
  expect(bench.reads).toBe(reads + 1);
  expect(bench.keys.problem).toContain('10005');
  bench.keys.traderSays({ version: 'v1', refused: '10005 to an order' });
  await settled();
  expect(bench.reads).toBe(reads + 1);
  bench.keys.traderSays({ version: 'v1' });
  expect([bench.keys.problem, bench.keys.report]).toEqual([undefined, { proved: 'v1', uses: 'v1' }]);
  // Of a key that is not handed out any more it says nothing.
  bench.current = 'v2';
  bench.keys.announced('v2');
  await settled();
  bench.keys.traderSays({ version: 'v1', refused: '10003 to the wallet' });
  expect(bench.keys.problem).toBeUndefined();
});

test('Secrets Manager that does not answer is asked again, is said once, and takes no key away', async () => {
  const bench = new Bench();
  bench.unreadable = true;
  await bench.start();
  await bench.pass(minuteMs);
  expect(bench.lines.filter((line) => line.includes('does not answer'))).toHaveLength(1);
  expect(bench.reads).toBeGreaterThan(10);
  bench.unreadable = false;
  await bench.pass(6000);
  expect(bench.keys.offered?.version).toBe('v1');
  bench.unreadable = true;
  await bench.pass(180 * minuteMs);
  expect([bench.keys.offered?.version, bench.keys.problem]).toEqual(['v1', undefined]);
});

test('after its end it asks nothing more, also when it was asking', async () => {
  const bench = await new Bench().start();
  bench.keys.announced('v2');
  bench.keys.close();
  await settled();
  const { reads } = bench;
  await bench.pass(180 * minuteMs);
  expect(bench.reads).toBe(reads);
});

test('whatever happens: what is handed over was accepted, and the current version is in the end', async () => {
  const moves = fc.oneof(
    fc.record({ do: fc.constant('rotate' as const), version: fc.integer({ min: 2, max: 5 }) }),
    fc.record({ do: fc.constant('announce' as const), version: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ do: fc.constant('venue' as const), version: fc.integer({ min: 1, max: 5 }), says: fc.constantFrom('fine', '10003', undefined) }),
    fc.record({ do: fc.constant('secrets' as const), fine: fc.boolean() }),
    fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(moves, { maxLength: 25 }), async (story) => {
      const bench = new Bench();
      await bench.start();
      for (const move of story) {
        if (move.do === 'rotate') bench.current = `v${move.version}`;
        if (move.do === 'announce') bench.keys.announced(`v${move.version}`);
        if (move.do === 'secrets') bench.unreadable = !move.fine;
        if (move.do === 'venue' && move.says === 'fine') bench.venue.delete(`v${move.version}`);
        if (move.do === 'venue' && move.says !== 'fine') bench.venue.set(`v${move.version}`, move.says);
        await bench.pass(move.do === 'pass' ? move.ms : 0);
        const { offered } = bench.keys;
        if (offered !== undefined) expect(bench.accepted).toContain(offered.version);
      }
      bench.unreadable = false;
      bench.venue.clear();
      await bench.pass(34 * minuteMs);
      expect(bench.keys.offered?.version).toBe(bench.current);
      expect(bench.lines.join()).not.toContain('canary');
    }),
    { numRuns: 100 },
  );
});

test('the proof is signed as Bybit wants it: accepted, refused with its code, or neither', async () => {
  const venue = await startVenue({ seed: 1, keys: [{ apiKey: 'mine', secret: 'mine-secret', account: '1' }, { apiKey: 'late', secret: 'late-secret', account: '1', expiresAtVenueMs: 1 }] });
  open.push(() => venue.close());
  const key = (apiKey: string, secret: string): HeldKey => ({ version: 'v', texts: new Map([['apiKey', new Secret(apiKey)], ['secret', new Secret(secret)]]) });
  const prove = bybitProof(venue.url);
  const ask = (held: HeldKey, nowMs = Date.now()): Promise<unknown> => prove(held, nowMs, AbortSignal.timeout(2000));
  expect(await ask(key('mine', 'mine-secret'))).toEqual({});
  expect(await ask(key('mine', 'another'))).toEqual({ refused: '10004' });
  expect(await ask(key('nobody', 'x'))).toEqual({ refused: '10003' });
  expect(await ask(key('late', 'late-secret'))).toEqual({ refused: '33004' });
  await expect(ask(key('mine', 'mine-secret'), Date.now() - 60_000)).rejects.toThrow('10002');
  await expect(ask({ version: 'v', texts: new Map([['apiKey', new Secret('mine')]]) })).rejects.toThrow('no secret');
  expect(venue.record.filter(({ apiKey }) => apiKey === 'mine').length).toBe(3);
});

test('a venue that answers nonsense, or far too much, has neither accepted nor refused', async () => {
  let body = '<html>';
  const server = createServer((_request, response) => void response.end(body));
  const port = await listenLocally(server);
  open.push(async () => {
    server.closeAllConnections();
    server.close();
  });
  const held: HeldKey = { version: 'v', texts: new Map([['apiKey', new Secret('canary-a')], ['secret', new Secret('canary-s')]]) };
  const ask = (): Promise<unknown> => bybitProof(`http://127.0.0.1:${port}`)(held, Date.now(), AbortSignal.timeout(2000)).catch((error: unknown) => String(error));
  expect(await ask()).toContain('neither accepted nor refused');
  body = 'x'.repeat(100_000);
  expect(await ask()).toContain('answered with more');
});
