/** What keeps credentials from staying half-done: each way to stay so is seen, said by its name, and mended where it can be. */
import { beforeEach, describe, expect, it } from 'vitest';
import { CacheCredential } from '../../lib/data-credentials/cache-token.ts';
import { CredentialRefusedError } from '../../lib/data-credentials/errors.ts';
import { Rotation, type Credential } from '../../lib/data-credentials/rotation.ts';
import { keepUp, type Found, type WatchedSecret } from '../../lib/data-credentials/upkeep.ts';
import { Secret } from '../../lib/secret.ts';
import { MemorySecrets } from './memory-secrets.ts';

const hourMs = 3_600_000;
const patience = { unfinishedSeconds: 3600, retireSeconds: 3600 };
const allWell = { finished: 'yes', rotating: 'yes', accepted: 'yes', recent: 'yes', retired: 'yes', done: [], faults: [] };

/** Whatever it is that accepts passwords, beside Redis with its two tokens. */
class Target implements Credential {
  readonly accepted = new Set<string>();
  broken = false;
  away = false;
  #made = 0;

  next(): Secret {
    this.#made += 1;
    return new Secret(`password-${this.#made}`);
  }
  async set(pending: Secret): Promise<void> {
    if (this.broken) throw new Error('the database is away');
    this.accepted.add(pending.reveal());
  }
  async test(pending: Secret): Promise<void> {
    if (this.away) throw new Error('the database does not answer');
    if (!this.accepted.has(pending.reveal())) throw new CredentialRefusedError('refused');
  }
}

let nowMs: number;
let secrets: MemorySecrets;
let database: Target;
let tokens: string[];
let cacheBroken: boolean;
let isWritten: boolean;
let replicas: Set<string>;
let unrotated: Set<string>;
let turnOnFails: boolean;

beforeEach(() => {
  nowMs = 0;
  secrets = new MemorySecrets(() => new Date(nowMs));
  database = new Target();
  tokens = ['token-0'];
  [cacheBroken, isWritten, turnOnFails] = [false, true, false];
  [replicas, unrotated] = [new Set(), new Set()];
  secrets.create('login', new Secret('password-0'));
  secrets.create('cache', new Secret('token-0'));
  database.accepted.add('password-0');
});

const cache = new CacheCredential({
  accepts: async (token) => tokens.includes(token.reveal()),
  async modify(token, strategy) {
    if (cacheBroken) throw new Error('the group is being changed');
    tokens = strategy === 'SET' ? [token.reveal()] : [...tokens.slice(-1), token.reveal()];
  },
  newToken: () => `token-${nowMs}`,
});
const repairOf = (target: Target) => async (current: Secret): Promise<void> => target.set(current);

function look(): Promise<Found> {
  const watched: readonly WatchedSecret[] = [
    { name: 'login', target: 'database', credential: database, repair: repairOf(database) },
    { name: 'cache', target: 'cache', credential: cache, repair: async (current) => void (tokens = [current.reveal()]) },
  ];
  return keepUp(
    {
      secrets: watched, cache: { name: 'cache', credential: cache }, versions: secrets, rotateDays: 30, now: () => new Date(nowMs),
      rotation: new Rotation(secrets, (name) => (name === 'login' ? database : cache)),
      state: async (name) => ({ isPrimary: !replicas.has(name), rotates: !unrotated.has(name), changedAt: secrets.changedAt.get(name) ?? new Date(0), versions: secrets.versionsOf(name) }),
      async turnOn(name) {
        if (turnOnFails) throw new Error('AccessDenied');
        unrotated.delete(name);
      },
      databaseIsWritten: async () => isWritten,
    },
    patience,
  );
}

describe('a rotation that died', () => {
  it('is left alone while it may be under way, and finished when it is not', async () => {
    const { token } = secrets.begin('login');
    expect(await look()).toEqual(allWell);
    nowMs = hourMs;
    expect(await look()).toEqual({ ...allWell, done: ['finished the rotation of login that was left'] });
    expect(secrets.stagesOf('login', token)).toContain('AWSCURRENT');
    expect(await look()).toEqual(allWell);
  });

  it('that cannot be finished is said', async () => {
    secrets.begin('login');
    database.broken = true;
    nowMs = hourMs;
    expect(await look()).toMatchObject({ finished: 'no', accepted: 'yes', done: [], faults: [expect.stringContaining('the database is away')] });
  });

  it('of the token of Redis is finished, and the old token retired only later', async () => {
    secrets.begin('cache');
    nowMs = hourMs;
    expect((await look()).done).toEqual(['finished the rotation of cache that was left']);
    const current = secrets.valueOf('cache', 'AWSCURRENT')?.reveal();
    // It was made an hour ago, and is current only now.
    expect(tokens).toEqual(['token-0', current]);
    expect(await look()).toEqual(allWell);
    nowMs = 2 * hourMs;
    expect(await look()).toEqual({ ...allWell, done: ['retired the old token of Redis'] });
    expect(tokens).toEqual([current]);
  });
});

describe('a rotation that is not turned on', () => {
  it('is turned on where the original is', async () => {
    unrotated.add('login');
    expect(await look()).toEqual({ ...allWell, done: ['turned on the rotation of login'] });
    expect(await look()).toEqual(allWell);
  });
  it('that cannot be is said', async () => {
    unrotated.add('login');
    turnOnFails = true;
    expect(await look()).toMatchObject({ rotating: 'no', accepted: 'yes' });
  });
  it('nor anything else is done where a replica is, or the database is not written', async () => {
    unrotated.add('login');
    secrets.begin('login');
    database.accepted.clear();
    nowMs = 100 * 24 * hourMs;
    replicas.add('login');
    replicas.add('cache');
    expect(await look()).toEqual(allWell);
    replicas.clear();
    isWritten = false;
    replicas.add('cache');
    expect(await look()).toEqual(allWell);
  });
});

describe('a login that is refused', () => {
  it('is made valid', async () => {
    database.accepted.clear();
    expect(await look()).toEqual({ ...allWell, done: ['made valid what login has'] });
    expect([...database.accepted]).toEqual(['password-0']);
  });
  it('and cannot be made valid is said', async () => {
    database.accepted.clear();
    database.broken = true;
    expect(await look()).toMatchObject({ accepted: 'no', finished: 'yes' });
  });
  it('is another thing than a database that does not answer: nothing is changed then', async () => {
    database.accepted.clear();
    database.away = true;
    expect(await look()).toMatchObject({ accepted: 'no', done: [] });
    expect(database.accepted.size).toBe(0);
  });
  it('of Redis is made valid too', async () => {
    tokens = ['another'];
    expect(await look()).toMatchObject({ accepted: 'yes', done: ['made valid what cache has'] });
    expect(tokens).toEqual(['token-0']);
  });
});

it('what is older than its days is said', async () => {
  nowMs = 32 * 24 * hourMs;
  expect(await look()).toMatchObject({ recent: 'yes' });
  nowMs += 1000;
  expect(await look()).toMatchObject({ recent: 'no', accepted: 'yes', faults: ['login is 32 days old, and is rotated every 30', 'cache is 32 days old, and is rotated every 30'] });
});

describe('the old token of Redis', () => {
  const rotated = async (): Promise<void> => {
    const step = secrets.begin('cache');
    await new Rotation(secrets, () => cache).complete(step);
  };
  it('works until everybody had time to read the new one', async () => {
    nowMs = 5;
    await rotated();
    nowMs = hourMs;
    expect(await look()).toEqual(allWell);
    expect(tokens).toEqual(['token-0', 'token-5']);
    nowMs = hourMs + 5;
    expect((await look()).done).toEqual(['retired the old token of Redis']);
    expect(tokens).toEqual(['token-5']);
  });
  it('that cannot be retired is said', async () => {
    nowMs = 5;
    await rotated();
    cacheBroken = true;
    nowMs = hourMs + 5;
    expect(await look()).toMatchObject({ retired: 'no', accepted: 'yes', finished: 'yes' });
  });
  it('is never retired for one that is refused', async () => {
    nowMs = 5;
    await rotated();
    await expect(cache.retire(new Secret('token-0'), new Secret('token-unknown'))).rejects.toMatchObject({ name: 'CredentialRefusedError' });
    expect(tokens).toContain('token-5');
  });
  it('and another is not added while Redis refuses the current one', async () => {
    tokens = ['another', 'yet another'];
    const step = secrets.begin('cache');
    await expect(new Rotation(secrets, () => cache).complete(step)).rejects.toMatchObject({ name: 'CredentialRefusedError' });
    expect(tokens).toEqual(['another', 'yet another']);
  });
});
