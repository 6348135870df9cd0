/**
 * The forward proxy: ccxt, unmodified, trades through it by TLS on the simulated venue while the lease is held and no longer; and
 * what a tunnel does at the edges, on a lease whose every word is the test's.
 */
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import type { Guard } from '../../containers/guard/guard.ts';
import { GuardMetrics } from '../../containers/guard/metrics.ts';
import { OrderProxy } from '../../containers/guard/proxy.ts';
import type { Drained, LeaseView } from '../../lib/contracts/guard-api.ts';
import type { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import type { Colour, MonotonicNs } from '../../lib/lease/model.ts';
import { listenLocally } from '../../rehearsal/processes/listen.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { startVenue } from '../../rehearsal/venue/server.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';
import { after, book, createBook, monotonicNs, startGuard } from './local-guard.ts';

const region = 'us-east-1';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('for a bot that cannot be changed', () => {
  const site = useSite();

  function startReady(store: MemoryLeaseStore, colour: Colour): Guard {
    const guard = startGuard(store, colour, 20_000);
    guard.takeStatus({ venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true });
    cleanups.push(() => guard.terminate());
    return guard;
  }

  it('passes its orders while the lease is held, and none from the hand-over on', async () => {
    const key = { apiKey: 'key', secret: 'venue-secret', account: '1' };
    const venue = await startVenue({ seed: 1, keys: [key] });
    cleanups.push(() => venue.close());
    const { certificatePem, privateKeyPem } = site.authority.issue(['127.0.0.1']);
    const tls = createTlsServer({ cert: certificatePem, key: privateKeyPem }, (socket) => {
      const inside = connect(Number(new URL(venue.url).port), '127.0.0.1');
      socket.pipe(inside).pipe(socket);
      for (const [one, other] of [[socket, inside], [inside, socket]] as const) one.on('error', () => other.destroy());
    });
    const tlsPort = await listenLocally(tls);
    cleanups.push(() => tls.close());

    const { store, control } = await createBook(2000);
    const guard = startReady(store, 'blue');
    const proxy = new OrderProxy({ guard, hosts: new Set([`127.0.0.1:${tlsPort}`]), monotonicNs, after, log: () => undefined });
    const proxyPort = await listenLocally(proxy.server);
    cleanups.push(() => proxy.close());

    const said: string[] = [];
    const bot = await site.supervisor.spawn({
      name: 'bot',
      command: process.execPath,
      args: [
        join(import.meta.dirname, 'proxied-bot.ts'), `https://127.0.0.1:${tlsPort}`, `http://127.0.0.1:${proxyPort}`, key.apiKey, key.secret,
      ],
      env: { NODE_EXTRA_CA_CERTS: site.authority.caFile },
      onLine: (line) => said.push(line),
    });
    cleanups.push(() => bot.signal('SIGKILL'));
    const orders = () => venue.record.filter((entry) => entry.path === createOrderPath && entry.accepted);

    await until('a refusal before the lease is held', () => said.some((line) => line.startsWith('failed')));
    expect(orders()).toEqual([]);
    const { token } = await control.takeWorkflow(book, 'test');
    await control.open(book, token);
    await until('orders', () => orders().length >= 5);
    expect(await guard.metrics.expose()).toMatch(/baton_proxy_tunnels [1-9]/);
    expect(await guard.metrics.expose()).toMatch(/baton_proxy_refused_total\{reason="not-held"\} [1-9]/);

    const green = startReady(store, 'green');
    await until('green beats', async () => (await control.registrations(book)).some((one) => one.colour === 'green' && one.beat > 3));
    await control.startDrain(book, token, 'green');
    await until('the hand-over', () => green.view().state === 'held');
    const last = orders().at(-1)?.arrivedAtMs ?? Infinity;
    const heldMs = Number(monotonicNs()) / 1e6;
    const count = venue.record.length;
    const failed = said.length;
    await until('more refusals', () => said.length >= failed + 5);
    expect(said.slice(failed).every((line) => line.startsWith('failed'))).toBe(true);
    expect(venue.record.length).toBe(count);
    // Whatever was on the wire had its time before the next holder began.
    expect(heldMs - last).toBeGreaterThan(2000);
  });
});

describe('a tunnel', () => {
  interface Told {
    readonly proxy: OrderProxy;
    readonly port: number;
    readonly received: string[];
    readonly venuePort: number;
    readonly words: Drained[];
    say(change: Partial<LeaseView>): void;
    nowNs: bigint;
  }

  /** A lease whose words and clock are the test's, and a venue that keeps what it gets. */
  async function told(timers = after): Promise<Told> {
    const received: string[] = [];
    const sockets = new Set<Socket>();
    const venue: Server = createTcpServer((socket) => {
      sockets.add(socket);
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk.toString());
        socket.write('answer');
      });
      socket.on('error', () => undefined);
    });
    const venuePort = await listenLocally(venue);
    cleanups.push(() => {
      for (const socket of sockets) socket.destroy();
      venue.close();
    });
    let listener: (view: LeaseView) => void = () => undefined;
    let view: LeaseView = {
      book, instance: 'i', colour: 'blue', region, state: 'standby', epoch: null, validUntilNs: null, venueClock: null, drain: 0, lane: 7,
    };
    const words: Drained[] = [];
    const metrics = new GuardMetrics(() => {
      throw new Error('not read here');
    });
    const world = {
      nowNs: monotonicNs() as bigint, received, venuePort, words,
      say: (change: Partial<LeaseView>) => {
        view = { ...view, ...change };
        listener(view);
      },
    };
    const proxy = new OrderProxy({
      guard: {
        metrics,
        drained: (word) => words.push(word),
        follow: (next) => {
          listener = next;
          next(view);
          return () => undefined;
        },
      },
      hosts: new Set([`127.0.0.1:${venuePort}`, '127.0.0.1:1']),
      monotonicNs: () => world.nowNs as MonotonicNs, after: timers, log: () => undefined,
    });
    const port = await listenLocally(proxy.server);
    cleanups.push(() => proxy.close());
    return Object.assign(world, { proxy, port });
  }

  const held = (world: Told, forMs: number): void =>
    world.say({ state: 'held', epoch: 4, validUntilNs: String(world.nowNs + BigInt(forMs) * 1_000_000n) });

  async function ask(world: Told, target: string): Promise<{ socket: Socket; answer: () => string; closed: Promise<unknown> }> {
    const socket = connect(world.port, '127.0.0.1');
    cleanups.push(() => socket.destroy());
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
    });
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n\r\n`);
    await until('an answer', () => answer.includes('\r\n\r\n') || socket.destroyed);
    return { socket, answer: () => answer, closed };
  }
  const never = (): (() => void) => () => undefined;

  it('is refused for a host that is not named, without the lease, to a venue that is gone; and nothing but CONNECT is understood', async () => {
    const world = await told();
    const here = `127.0.0.1:${world.venuePort}`;
    expect((await ask(world, here)).answer()).toBe('');
    held(world, 60_000);
    expect((await ask(world, here)).answer()).toContain('200 Connection Established');
    for (const other of [`localhost:${world.venuePort}`, `127.0.0.1:${world.venuePort + 1}`, `x.127.0.0.1:${world.venuePort}`, '']) {
      expect((await ask(world, other)).answer(), other).toMatch(/403 Forbidden|400 Bad Request/);
    }
    expect((await ask(world, '127.0.0.1:1')).answer()).toBe('');
    const plain = await fetch(`http://127.0.0.1:${world.port}/`);
    expect(plain.status).toBe(405);
    world.say({ state: 'granted', epoch: 5, validUntilNs: null });
    expect((await ask(world, here)).answer()).toBe('');
    expect(world.received).toEqual([]);
  });

  it('passes bytes both ways, and is reset when its lease runs out', async () => {
    const world = await told();
    held(world, 300);
    const { socket, answer, closed } = await ask(world, `127.0.0.1:${world.venuePort}`);
    socket.write('an order');
    await until('the answer of the venue', () => answer().endsWith('answer'));
    world.nowNs += 300_000_000n;
    await closed;
    expect(world.received).toEqual(['an order']);
    held(world, 60_000);
    expect((await ask(world, `127.0.0.1:${world.venuePort}`)).answer()).toContain('200');
  });

  it('passes nothing after the end of its lease, though the process stood still and no timer went off', async () => {
    const world = await told(never);
    held(world, 1000);
    const { socket, closed } = await ask(world, `127.0.0.1:${world.venuePort}`);
    socket.write('in time');
    await until('the venue has it', () => world.received.length === 1);
    world.nowNs += 1_000_000_000n;
    socket.write('too late');
    await closed;
    expect(world.received).toEqual(['in time']);
  });

  it('is cut when a drain begins, and the word comes when nothing it passed can be on its way', async () => {
    const planned: { ms: number; callback: () => void }[] = [];
    const world = await told((ms, callback) => {
      planned.push({ ms, callback });
      return () => undefined;
    });
    held(world, 60_000);
    const { socket, closed } = await ask(world, `127.0.0.1:${world.venuePort}`);
    socket.write('an order');
    await until('the venue has it', () => world.received.length === 1);
    world.nowNs += 500_000_000n;
    planned.length = 0;
    world.say({ state: 'draining', drain: 3, validUntilNs: null });
    world.say({ state: 'draining', drain: 3 });
    await closed;
    expect(planned.map(({ ms }) => ms)).toEqual([2250 - 500]);
    expect(world.words).toEqual([]);
    planned[0]?.callback();
    expect(world.words).toEqual([{ epoch: 4, drain: 3, lane: 7 }]);
  });

  it('that nothing passed has nothing to wait for', async () => {
    const world = await told();
    held(world, 60_000);
    world.say({ state: 'draining', drain: 1, validUntilNs: null });
    await until('the word', () => world.words.length === 1);
  });
});
