import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';

import { listenLocally } from '../../../rehearsal/processes/listen.ts';
import { Relay, type Destination } from '../../../rehearsal/processes/relay.ts';
import { until } from '../../until.ts';

const opened: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.close();
});

/** Says its name to whoever says anything. */
async function named(name: string): Promise<Destination> {
  const server: Server = createServer((socket) => socket.on('error', () => undefined).on('data', () => socket.write(name)));
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  opened.push({ close: () => { server.close(); for (const socket of sockets) socket.destroy(); } });
  return { host: '127.0.0.1', port: await listenLocally(server) };
}
async function relayTo(to?: Destination): Promise<Relay> {
  const relay = await Relay.open(to);
  opened.push(relay);
  return relay;
}
async function connected({ host, port }: Destination): Promise<Socket> {
  const socket = connect({ host, port });
  opened.push({ close: () => socket.destroy() });
  await once(socket, 'connect');
  return socket;
}
const ask = async (socket: Socket): Promise<string> => {
  socket.write('who?');
  return String((await once(socket, 'data'))[0]);
};

test('leads to one server, then to another at the same address; who was connected to the first finds out', async () => {
  const relay = await relayTo(await named('one'));
  const first = await connected(relay);
  expect(await ask(first)).toBe('one');
  relay.lead(await named('two'));
  await once(first, 'close');
  expect(await ask(await connected(relay))).toBe('two');
});

test('that leads nowhere ends whoever comes', async () => {
  const relay = await relayTo();
  await once(await connected(relay), 'close');
});

test('cut, it answers nothing and refuses nothing, to those who are there and to those who come; restored, they connect anew', async () => {
  const relay = await relayTo(await named('one'));
  const there = await connected(relay);
  expect(await ask(there)).toBe('one');
  relay.silence();
  const late = await connected(relay);
  const heard: string[] = [];
  for (const socket of [there, late]) {
    socket.on('data', () => heard.push('data')).on('close', () => heard.push('close'));
    socket.write('who?');
  }
  // Another pair of this machine has come and gone meanwhile.
  expect(await ask(await connected(await relayTo(await named('other'))))).toBe('other');
  expect(heard).toEqual([]);
  relay.restore();
  await Promise.all([once(there, 'close'), once(late, 'close')]);
  expect(await ask(await connected(relay))).toBe('one');
});

test('cut in one direction, it passes answers to what was asked before, and nothing that is asked', async () => {
  const asked: string[] = [];
  let answer: () => void = () => undefined;
  const server = createServer((socket) => socket.on('error', () => undefined).on('data', (data) => {
    asked.push(String(data));
    answer = () => socket.write('late');
  }));
  opened.push({ close: () => server.close() });
  const relay = await relayTo({ host: '127.0.0.1', port: await listenLocally(server) });
  const socket = await connected(relay);
  socket.write('before');
  await until('it was asked', () => asked.length === 1);
  relay.silence('requests');
  socket.write('after');
  answer();
  expect(String((await once(socket, 'data'))[0])).toBe('late');
  expect(asked).toEqual(['before']);
});
