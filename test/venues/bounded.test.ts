/** Every changing request carries its own end, whatever else is under way; what comes later, the venue refuses. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { bybit } from 'ccxt';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VenueClock } from '../../lib/contracts/guard-api.ts';
import {
  bounded,
  bybitExpiry,
  longestWindowMs,
  NeverSentError,
  shortestWindowMs,
  within,
  type Deadline,
} from '../../lib/venues/bounded.ts';
import { Secret } from '../../lib/secret.ts';
import { Bybit, classify } from '../../lib/venues/bybit.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { startVenue, type RunningVenue } from '../../rehearsal/venue/server.ts';

const key = { apiKey: 'key', secret: 'venue-secret', account: '1' };
const symbol = 'BTC/USDT';
const monotonicNs = () => process.hrtime.bigint();

function clockOf(offsetMs = 0): VenueClock {
  const nowNs = monotonicNs();
  return { offsetMs: Date.now() + offsetMs - Number(nowNs) / 1e6, uncertaintyMs: 1, driftPpm: 100, measuredAtNs: nowNs.toString() };
}

/** More than any clock of these tests is off by: then the deadline alone bounds. */
const margin = 5;

function deadlineIn(ms: number, offsetMs = 0): Deadline {
  return {
    expiresAtNs: (monotonicNs() + BigInt(Math.round((ms + margin) * 1e6))).toString(),
    venueDeadlineMs: Math.floor(Date.now() + offsetMs + ms),
  };
}

describe('signing', () => {
  const signing = (nowNs: () => bigint, clock: VenueClock | undefined) => {
    const exchange = new (bounded(bybit, bybitExpiry, { monotonicNs: nowNs, venueClock: () => clock }))({ apiKey: 'k', secret: 's' });
    const sign = (deadline: Deadline) =>
      within(deadline, async () => exchange.sign('v5/order/create', 'private', 'POST', { category: 'spot' }));
    return { exchange, sign };
  };
  const uncertaintyMs = 5;
  const clock = (offsetMs: number): VenueClock => ({ offsetMs, uncertaintyMs, driftPpm: 0, measuredAtNs: '0' });

  it('never lets time stamp and window exceed the deadline, by no clock set since the permit either; each call has its own', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: -100, max: 4000 }), { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0, max: 1e12, noNaN: true }),
        fc.constantFrom(0, -3000, -700, -1, 1, 700, 3000),
        async (remaining, offsetMs, stepMs) => {
          const nowNs = 5_000_000_000n;
          // The permits were given by the clock before the step.
          const { sign } = signing(() => nowNs, clock(offsetMs + stepMs));
          const venueNow = 5000 + offsetMs + stepMs;
          const results = await Promise.allSettled(
            remaining.map((ms) =>
              sign({
                expiresAtNs: (nowNs + BigInt(ms) * 1_000_000n).toString(),
                venueDeadlineMs: Math.floor(venueNow - stepMs + ms - uncertaintyMs),
              }),
            ),
          );
          results.forEach((result, index) => {
            const ms = (remaining[index] ?? 0) - uncertaintyMs + Math.min(0, -stepMs);
            if (result.status === 'rejected') {
              expect(result.reason).toBeInstanceOf(NeverSentError);
              expect(ms).toBeLessThanOrEqual(shortestWindowMs);
              return;
            }
            const headers = result.value.headers as Record<string, string>;
            const stamp = Number(headers['X-BAPI-TIMESTAMP']);
            const window = Number(headers['X-BAPI-RECV-WINDOW']);
            expect(stamp).toBe(Math.floor(venueNow));
            expect(stamp + window).toBeLessThanOrEqual(venueNow + ms + 1e-3);
            expect(window).toBeLessThanOrEqual(longestWindowMs);
            expect(window).toBeGreaterThanOrEqual(Math.min(longestWindowMs, Math.floor(ms) - 1));
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses to sign a change without a deadline, or before the venue's clock is known", async () => {
    const { exchange } = signing(monotonicNs, clockOf());
    expect(() => exchange.sign('v5/order/create', 'private', 'POST', {})).toThrow(NeverSentError);
    await expect(signing(monotonicNs, undefined).sign(deadlineIn(1000))).rejects.toThrow(/clock is not known/);
    expect(() => exchange.sign('v5/order/realtime', 'private', 'GET', {})).not.toThrow();
  });
});

describe('at the venue', () => {
  let venue: RunningVenue;
  beforeEach(async () => {
    venue = await startVenue({ seed: 1, keys: [key], stepEveryMs: 0, limits: { ordersPerSecond: 1000, requestsPer5Seconds: 5000 } });
  });
  afterEach(() => venue.close());

  const client = (offsetMs = 0) => {
    const clock = clockOf(offsetMs);
    return new Bybit({ url: venue.url, key: { version: 'v1', apiKey: new Secret(key.apiKey), secret: new Secret(key.secret) }, symbol, monotonicNs, venueClock: () => clock });
  };
  const order = (clientOrderId: string) => ({ clientOrderId, symbol, side: 'buy' as const, price: '59000', quantity: '0.001' });
  const sent = () => venue.record.filter((entry) => entry.path === createOrderPath);

  it('changes its key between two signatures, and says what the venue has against the one in use', async () => {
    const bybitClient = client();
    await bybitClient.warmUp();
    const signing = (version: string, { apiKey, secret }: { apiKey: string; secret: string }) => ({ version, apiKey: new Secret(apiKey), secret: new Secret(secret) });
    const looker = { apiKey: 'looker', secret: 'looker-secret', account: key.account, readOnly: true };
    const next = { apiKey: 'next', secret: 'next-secret', account: key.account };
    venue.keys.add(looker);
    venue.keys.add(next);
    // In the midst of orders: each is signed with one key or the other, and none is refused.
    const answers: Promise<{ kind: string }>[] = [];
    for (let n = 0; n < 20; n += 1) {
      answers.push(bybitClient.place(order(`k${n}`), deadlineIn(2000)));
      if (n === 10) bybitClient.useKey(signing('v2', next));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set((await Promise.all(answers)).map(({ kind }) => kind))).toEqual(new Set(['accepted']));
    expect(new Set(sent().map(({ apiKey }) => apiKey))).toEqual(new Set([key.apiKey, 'next']));
    expect(bybitClient.key).toEqual({ version: 'v2' });

    bybitClient.useKey(signing('v3', looker));
    expect((await bybitClient.place(order('refused'), deadlineIn(2000))).kind).toBe('rejected');
    expect(bybitClient.key).toEqual({ version: 'v3', refused: '10005 to an order' });
    // It may look; that it may not trade stays true.
    await bybitClient.position();
    expect(bybitClient.key.refused).toBe('10005 to an order');

    venue.keys.delete('next');
    bybitClient.useKey(signing('v2', next));
    await expect(bybitClient.position()).rejects.toThrow('10003');
    expect(bybitClient.key).toEqual({ version: 'v2', refused: '10003 to the wallet' });
    await bybitClient.touch();
    expect(bybitClient.key.refused).toBe('10003 to the wallet');
    venue.keys.add(next);
    await bybitClient.position();
    expect(bybitClient.key).toEqual({ version: 'v2' });
  });

  it('sends concurrent orders each with its own window', async () => {
    const bybitClient = client();
    await bybitClient.warmUp();
    const remaining = Array.from({ length: 40 }, (_, n) => 900 + n * 27);
    const deadlines = new Map(remaining.map((ms) => [`o${ms}`, deadlineIn(ms)]));
    const answers = await Promise.all([...deadlines].map(([id, deadline]) => bybitClient.place(order(id), deadline)));
    expect(answers.every((answer) => answer.kind === 'accepted')).toBe(true);
    for (const entry of sent()) {
      const end = (entry.timestampMs ?? 0) + (entry.windowMs ?? 0);
      const deadline = deadlines.get(entry.clientOrderId ?? '')?.venueDeadlineMs ?? 0;
      // Exactly the deadline, or the longest window when that is shorter.
      expect(end === deadline || entry.windowMs === longestWindowMs).toBe(true);
    }
    expect(new Set(sent().map((entry) => entry.windowMs)).size).toBeGreaterThan(30);
  });

  it('trades with a host clock that is wrong by an hour', async () => {
    venue.setClockOffset(3_600_000);
    const bybitClient = client(3_600_000);
    expect(await bybitClient.place(order('hour'), deadlineIn(2000, 3_600_000))).toMatchObject({ kind: 'accepted' });
    expect(await bybitClient.openOrders()).toHaveLength(1);
  });

  it('is refused when it arrives after its end, and sees that as expired', async () => {
    const bybitClient = client();
    await bybitClient.warmUp();
    venue.setFault({ arrivalDelayMs: 1200, paths: [createOrderPath] });
    expect(await bybitClient.place(order('late'), deadlineIn(1000))).toMatchObject({ kind: 'expired' });
    expect(sent()).toMatchObject([{ accepted: false, code: 10002 }]);
  });

  it('does not send what has no time left', async () => {
    const bybitClient = client();
    await bybitClient.warmUp();
    expect(await bybitClient.place(order('none'), deadlineIn(2))).toMatchObject({ kind: 'never-sent' });
    expect(sent()).toEqual([]);
  });

  it.each([
    ['cut', 'cut'],
    ['stalled', 'stalled'],
    ["a gateway's", 'bad-gateway'],
  ] as const)('takes a reply that is %s for a doubt, and finds the order', async (_what, reply) => {
    const bybitClient = client();
    await bybitClient.warmUp();
    venue.setFault({ reply, paths: [createOrderPath] });
    expect(await bybitClient.place(order('doubt'), deadlineIn(1000))).toMatchObject({ kind: 'ambiguous' });
    venue.clearFault();
    expect(await bybitClient.find('doubt')).toMatchObject({ clientOrderId: 'doubt', status: 'open' });
    expect(await bybitClient.find('other')).toBeUndefined();
    expect(sent()).toHaveLength(1);
  });

  it('refuses what a process sends that was paused past its lease between signing and sending', async () => {
    // The child signs, says so, and is stopped before a byte leaves.
    const child = spawn(process.execPath, ['--input-type=module', '-e', pausedSender], {
      env: { PATH: process.env['PATH'], URL: venue.url },
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: process.cwd(),
    });
    try {
      let output = '';
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
      while (!output.includes('signed')) await once(child.stdout, 'data');
      child.kill('SIGSTOP');
      await new Promise((resolve) => {
        setTimeout(resolve, 900);
      });
      child.kill('SIGCONT');
      await once(child, 'exit');
      expect(sent().map((entry) => [entry.clientOrderId, entry.accepted, entry.code])).toEqual([
        // With the bound; then, to show that the pause alone is no protection, with ccxt's usual window.
        ['bounded', false, 10002],
        ['unbounded', true, 0],
      ]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

const pausedSender = `
  import { bybit } from 'ccxt';
  import { bounded, bybitExpiry, within } from './lib/venues/bounded.ts';
  const monotonicNs = () => process.hrtime.bigint();
  const nowNs = monotonicNs();
  const clock = { offsetMs: Date.now() - Number(nowNs) / 1e6, uncertaintyMs: 1, driftPpm: 100, measuredAtNs: String(nowNs) };
  const login = { apiKey: 'key', secret: 'venue-secret' };
  const usual = { category: 'spot', symbol: 'BTCUSDT', side: 'Buy', orderType: 'Limit', price: '59000', qty: '0.001' };
  const order = (orderLinkId) => ({ ...usual, orderLinkId });
  const ours = new (bounded(bybit, bybitExpiry, { monotonicNs, venueClock: () => clock }))(login);
  const deadline = { expiresAtNs: String(monotonicNs() + 500000000n), venueDeadlineMs: Date.now() + 500 };
  const requests = [
    await within(deadline, async () => ours.sign('v5/order/create', 'private', 'POST', order('bounded'))),
    new bybit(login).sign('v5/order/create', 'private', 'POST', order('unbounded')),
  ];
  process.stdout.write('signed\\n');
  const until = performance.now() + 300;
  while (performance.now() < until);
  for (const { method, headers, body } of requests) await fetch(process.env.URL + '/v5/order/create', { method, headers, body });
`;

describe('what an error means', () => {
  const answered = (code: number | string) => new Error(`bybit {"retCode":${code},"retMsg":"words","result":{}}`);
  it.each([
    [10002, 'expired'],
    [10000, 'ambiguous'],
    [10016, 'ambiguous'],
    [-1, 'ambiguous'],
    [110079, 'ambiguous'],
    [170141, 'ambiguous'],
    [110072, 'ambiguous'],
    [110030, 'ambiguous'],
    [170001, 'ambiguous'],
    [170007, 'ambiguous'],
    [170032, 'ambiguous'],
    [170146, 'ambiguous'],
    [170147, 'ambiguous'],
    [10014, 'ambiguous'],
    [987654, 'ambiguous'],
    [110007, 'rejected'],
    [10003, 'rejected'],
    [10004, 'rejected'],
    [33004, 'rejected'],
    [10005, 'rejected'],
    [10010, 'rejected'],
    [10006, 'rejected'],
    [170131, 'rejected'],
  ])('code %s: %s', (code, kind) => {
    expect(classify(answered(code))).toMatchObject({ kind });
  });

  it('anything without a code of the venue is a doubt', () => {
    expect(classify(new Error('bybit POST fetch failed: socket hang up'))).toMatchObject({ kind: 'ambiguous' });
    expect(classify(new NeverSentError('no time'))).toMatchObject({ kind: 'never-sent' });
  });
});
