/**
 * What keeps a drill from a real venue, layer by layer: the real guard as a process, pointed at a venue that is not its own, with the other two layers taken away. That
 * the layers are there is read off the templates in test/stacks/verification.test.ts; here each alone is enough. Without any the guard is let in, so the test can fail.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Egress } from '../../rehearsal/processes/egress.ts';
import { freePort } from '../../rehearsal/processes/listen.ts';
import { startVenue } from '../../rehearsal/venue/server.ts';
import { startLocalTable } from '../lease/local-table.ts';
import { until } from '../until.ts';

const guard = path.resolve(import.meta.dirname, '../../containers/guard/main.ts');
const realKey = { apiKey: 'real', secret: 'of-the-venue' };
const paperKey = { apiKey: 'on-paper', secret: 'of-the-drill' };
/** As the settings name a real venue. */
const realUrl = 'https://api.venue.example';
const paperHosts = '127.0.0.1:9072';
const outside = '127.0.0.1';

/** All three layers, or all but some: with the key of the real venue, a network that leads there, a guard that has no list. */
async function drilled(without: { readonly role?: true; readonly network?: true; readonly guard?: true }) {
  const venue = await startVenue({ seed: 1, keys: [{ ...realKey, account: 'alpha' }] });
  const table = await startLocalTable({ dynamodbReadMs: 0, dynamodbWriteMs: 0 });
  const egress = new Egress({ [realUrl]: venue.url }, async () => outside);
  await table.putKey(without.role === true ? realKey : paperKey);
  const environment = {
    BATON_BOOK: 'drill', BATON_LEASE_TABLE: table.tableName, BATON_VENUE: 'bybit', BATON_VENUE_URL: realUrl, BATON_VENUE_SECRET_ARN: table.secretArn,
    BATON_GUARD_PORT: String(await freePort()), BATON_DRAIN_TIMEOUT_MS: '1000', BATON_COLOUR: 'green', BATON_IMAGE_DIGEST: 'sha256:1', AWS_REGION: table.region,
    ...(without.guard !== true && { BATON_VENUE_HOSTS: paperHosts }),
  };
  const child = spawn(process.execPath, [guard], {
    env: {
      ...(await egress.through(table.region, environment, without.network === true)), PATH: process.env['PATH'] ?? '',
      AWS_ENDPOINT_URL: table.endpoint, AWS_ACCESS_KEY_ID: table.credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: table.credentials.secretAccessKey,
    },
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await egress.close();
    await venue.close();
    await table.close();
  });
  return {
    exited,
    says: (words: RegExp) => until(String(words), () => words.test(said)),
    heard: () => venue.record.length,
    acceptedAs: () => venue.record.filter(({ accepted, account }) => accepted && account !== undefined).map(({ account }) => account),
    said: () => said,
  };
}

test('without any of them the real venue lets it in', async () => {
  const { says, acceptedAs } = await drilled({ role: true, network: true, guard: true });
  await says(/the venue accepts the key: it is handed to the trader/);
  expect(acceptedAs()).toContain('alpha');
});

test('the role alone: the only key that it may read opens no real venue', async () => {
  const { says, acceptedAs, said } = await drilled({ network: true, guard: true });
  await says(/the venue refuses the key/);
  expect(acceptedAs()).toEqual([]);
  expect(said()).not.toMatch(/handed to the trader/);
});

test('the network alone: nothing that it sends reaches a real venue', async () => {
  const { says, heard, said } = await drilled({ role: true, guard: true });
  await says(/the venue did not tell its time/);
  expect(heard()).toBe(0);
  expect(said()).not.toMatch(/handed to the trader/);
});

test("the guard's list alone: it starts for no other venue", async () => {
  const { exited, heard, said } = await drilled({ role: true, network: true });
  expect(await exited).toBe(1);
  expect(said()).toMatch(/the guard cannot start: BATON_VENUE_HOSTS: \S+ is none of the venues of this guard, 127\.0\.0\.1:9072: it hands over no key and permits nothing there/);
  expect(heard()).toBe(0);
});
