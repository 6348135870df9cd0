/** What runs in a Region's network is seen from outside at the Region's fixed address, and at no other. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Egress } from '../../../rehearsal/processes/egress.ts';
import { listenLocally } from '../../../rehearsal/processes/listen.ts';

const outside = createServer((request, answer) => answer.end(request.socket.remoteAddress));
const addresses: Readonly<Record<string, string>> = { 'us-east-1': '127.113.0.1', 'us-west-2': '127.113.0.2' };
let egress: Egress;
beforeAll(async () => {
  const port = await listenLocally(outside);
  egress = new Egress({ 'https://api.venue.example': `http://127.0.0.1:${port}` }, async (region) => addresses[region]);
});
afterAll(async () => {
  await egress.close();
  outside.close();
  outside.closeAllConnections();
});

const seenFrom = async (region?: string): Promise<string> => {
  const { VENUE } = await egress.through(region, { VENUE: 'https://api.venue.example', OTHER: 'x' });
  return (await fetch(VENUE ?? '')).text();
};

test.each(Object.entries(addresses))('from %s: %s', async (region, address) => {
  expect(await seenFrom(region)).toBe(address);
});

test('outside of every network: an address that is none of ours', async () => {
  expect(Object.values(addresses)).not.toContain(await seenFrom());
});

test('what is not outside stays as it is', async () => {
  expect(await egress.through('us-east-1', { OTHER: 'x' })).toEqual({ OTHER: 'x' });
});

test('a Region without a NAT gateway reaches nothing', async () => {
  await expect(egress.through('eu-west-1', { VENUE: 'https://api.venue.example' })).rejects.toThrow(/eu-west-1 has no NAT gateway/);
});
