/** What is told again alone when it broke beside others, and what is not forgiven. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { atMost, exactly } from '../../../rehearsal/report/report.ts';
import { canaryStory } from './canary.ts';
import { expectHeldBesideOthers, toTellAgain } from './ending.ts';
import { nameOf, tours, type Leg } from './tours/tours.ts';

const gap = atMost('gap', 'Orders went on through it all', 9000, 1000, 'ms');

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'baton-noted-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

test('a limit of time is said and noted, by a name that is found again', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  const noted = place();
  const names = [canaryStory, ...Object.values(tours).flat().map((leg: Leg) => nameOf(leg))];
  for (const name of names) await expectHeldBesideOthers(name, Promise.resolve({ broken: [gap], seen: ['  the table did not answer'] }), noted);
  expect(toTellAgain(noted).toSorted()).toEqual(names.toSorted());
  expect(said.mock.calls[0]?.[0]).toContain('Orders went on through it all: 9000 ms (limit 1000 ms)\n  the table did not answer');
});

test('what could not go on is said and noted; what was judged wrong is not forgiven', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  const noted = place();
  await expectHeldBesideOthers(canaryStory, Promise.reject(new Error('the table did not answer')), noted);
  expect(toTellAgain(noted)).toEqual([canaryStory]);
  expect(said.mock.calls[0]?.[0]).toMatch(/could not go on: the table did not answer/);
  const judged = (async () => {
    expect('a grant that nobody used').toBe('none');
    return { broken: [], seen: [] };
  })();
  await expect(expectHeldBesideOthers('judged', judged, noted)).rejects.toThrow('a grant that nobody used');
  expect(toTellAgain(noted)).toEqual([canaryStory]);
});

test('what held is not noted', async () => {
  const noted = place();
  await expectHeldBesideOthers(canaryStory, Promise.resolve({ broken: [], seen: [] }), noted);
  expect(toTellAgain(noted)).toEqual([]);
  expect(toTellAgain(join(noted, 'nothing was noted'))).toEqual([]);
});

test.each(['no-stale-order', 'no-duplicate', 'no-overlap', 'none-after', 'nobody-traded', 'zombie-orders', 'ledger', 'untold', 'lost-rows', 'no-secret', 'permitted', 'untouched'])(
  '%s is not forgiven, beside whatever else', async (id) => {
    const noted = place();
    const telling = Promise.resolve({ broken: [gap, exactly(id, 'What never may be', 1, 0)], seen: [] });
    await expect(expectHeldBesideOthers(canaryStory, telling, noted)).rejects.toThrow(canaryStory);
    expect(toTellAgain(noted)).toEqual([]);
  },
);
