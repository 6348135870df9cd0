/** The Python bot of the guard's README, as it stands there: two of them, a hand-over between, and a venue that keeps what it gets. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { guardApi } from '../../containers/guard/api.ts';
import type { Guard } from '../../containers/guard/guard.ts';
import type { Colour } from '../../lib/lease/model.ts';
import { parseClientOrderId } from '../../lib/trading/client-order-id.ts';
import { listenLocally } from '../../rehearsal/processes/listen.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';
import { book, createBook, startGuard } from './local-guard.ts';

const site = useSite();
const drainTimeoutMs = 30_000;
const hasPython = spawnSync('python3', ['--version']).status === 0;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function example(): Promise<string> {
  const readme = await readFile(join(import.meta.dirname, '../../containers/guard/README.md'), 'utf8');
  const found = /```python\n([\s\S]*?)```/.exec(readme)?.[1];
  if (found === undefined) throw new Error("the guard's README has no Python example");
  return found;
}

it('is short and needs nothing but Python', async () => {
  const code = await example();
  expect(code.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(30);
  expect(code.match(/^import .*$/gm)).toEqual(['import http.client, json, os, threading, time, urllib.request']);
});

it.skipIf(!hasPython)('trades while its guard holds the lease, drains when told, and never beside another (needs python3)', async () => {
  const program = join(site.directory, 'bot.py');
  await writeFile(program, await example());
  const received: { readonly epoch: number; readonly id: string; readonly inTime: boolean; readonly at: number }[] = [];
  const venue = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => {
      const { id, deadlineMs } = JSON.parse(text) as { id: string; deadlineMs: number };
      received.push({ epoch: Number(parseClientOrderId(id)?.epoch), id, inTime: Date.now() < deadlineMs, at: performance.now() });
      response.end();
    });
  });
  const venuePort = await listenLocally(venue);
  cleanups.push(() => venue.close());

  const { store, control } = await createBook(2000);
  const start = async (colour: Colour): Promise<Guard> => {
    const guard = startGuard(store, colour, drainTimeoutMs);
    const server = guardApi(guard);
    const port = await listenLocally(server);
    const said: string[] = [];
    const bot = await site.supervisor.spawn({
      name: colour,
      command: 'python3',
      args: [program],
      env: { BATON_GUARD_PORT: String(port), BATON_VENUE_URL: `http://127.0.0.1:${venuePort}`, PATH: process.env['PATH'] ?? '' },
      onLine: (line) => said.push(line),
    });
    cleanups.push(async () => {
      bot.signal('SIGKILL');
      await bot.exited;
      await guard.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    });
    await until(`the ${colour} bot reports`, () => guard.health().reasons.length === 0 || (bot.exit !== undefined && fail(said)));
    return guard;
  };

  const blue = await start('blue');
  const { token } = await control.takeWorkflow(book, 'test');
  await control.open(book, token);
  await until('orders of epoch 1', () => received.filter(({ epoch }) => epoch === 1).length >= 10);
  await start('green');
  await until('green beats', async () => (await control.registrations(book)).some((one) => one.colour === 'green' && one.ready && one.beat > 3));
  await control.startDrain(book, token, 'green');
  await until('orders of epoch 2', () => received.filter(({ epoch }) => epoch === 2).length >= 10);

  expect(blue.view().state).toBe('standby');
  expect(received.map(({ epoch }) => epoch)).toEqual(received.map(({ epoch }) => epoch).toSorted((one, other) => one - other));
  expect(received.every(({ inTime }) => inTime)).toBe(true);
  expect(new Set(received.map(({ id }) => id)).size).toBe(received.length);
  // It gave its word for both lanes: without, the drain's time-out would have passed first.
  const gapMs = (received.find(({ epoch }) => epoch === 2)?.at ?? Infinity) - (received.findLast(({ epoch }) => epoch === 1)?.at ?? 0);
  expect(gapMs).toBeLessThan(drainTimeoutMs / 10);
});

function fail(said: readonly string[]): never {
  throw new Error(`the bot ended:\n${said.join('\n')}`);
}
