/** The key as the trader gets it of its guard: the first, those that follow, and what fails on the way. */
import { expect, test } from 'vitest';
import type { LeaseView } from '../../lib/contracts/guard-api.ts';
import { HandedKey } from '../../lib/trading/handed-key.ts';
import type { SigningKey } from '../../lib/venues/venue.ts';

class Guard {
  view: LeaseView | undefined;
  version = 'v1';
  failures = 0;
  asked = 0;
  readonly #listeners = new Set<(view: LeaseView) => void>();

  onChange(listener: (view: LeaseView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
  async venueKey(): Promise<{ version: string; key: Record<string, string> }> {
    this.asked += 1;
    if (this.failures-- > 0) throw new Error('the guard is busy');
    return { version: this.version, key: { apiKey: `${this.version}-key`, secret: `${this.version}-secret`, name: 'baton' } };
  }
  say(venueKey?: string): void {
    this.view = {
      book: 'alpha', instance: 'us-east-1/blue/1', colour: 'blue', region: 'us-east-1', state: 'standby', epoch: null, drain: 0, lane: 1,
      validUntilNs: null, venueClock: null, ...(venueKey !== undefined && { venueKey }),
    };
    for (const listener of this.#listeners) listener(this.view);
  }
}
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

function follow(guard: Guard): { handed: HandedKey; used: string[]; lines: string[] } {
  const lines: string[] = [];
  const sleep = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const handed = new HandedKey({ source: guard, sleep, log: (_level, message, fields) => void lines.push(JSON.stringify([message, fields])) });
  return { handed, used: [], lines };
}
const shown = ({ version, apiKey, secret }: SigningKey): string => `${version} ${apiKey.reveal()} ${secret.reveal()}`;

test('waits for the first, asks once for each version, and follows to the newest', async () => {
  const guard = new Guard();
  const { handed, used, lines } = follow(guard);
  guard.say();
  await settled();
  expect(guard.asked).toBe(0);
  guard.say('v1');
  expect(shown(await handed.first())).toBe('v1 v1-key v1-secret');
  handed.follow((key) => used.push(shown(key)));
  for (let view = 0; view < 5; view += 1) guard.say('v1');
  await settled();
  expect(guard.asked).toBe(1);
  guard.version = 'v2';
  guard.say('v2');
  await settled();
  expect(used.at(-1)).toBe('v2 v2-key v2-secret');
  expect(lines.join()).not.toContain('-secret');
  handed.close();
  guard.version = 'v3';
  guard.say('v3');
  await settled();
  expect(guard.asked).toBe(2);
});

test('a guard that does not answer, or still gives the one before, is asked until the new one is here', async () => {
  const guard = new Guard();
  guard.failures = 3;
  guard.say('v1');
  const { handed, used } = follow(guard);
  await handed.first();
  expect(guard.asked).toBe(4);
  handed.follow((key) => used.push(key.version));
  guard.say('v2');
  await settled();
  expect(used).toEqual(['v1']);
  guard.version = 'v2';
  await settled();
  expect(used.at(-1)).toBe('v2');
  handed.close();
});
