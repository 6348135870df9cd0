/** The hourly look at the keys, on the rotation's own steps: what it finishes, what it says, and what it tells people once. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KeysSeen } from '../../lib/contracts/key-rotation.ts';
import { keyTroubles } from '../../lib/contracts/key-watch.ts';
import { dueWarning, isOverdue, lapseOf, type Told } from '../../lib/key-watch/lapse.ts';
import { watchSteps, type RotationRule } from '../../lib/key-watch/watch.ts';
import { east, graceHours, unusedSeconds, west, World } from '../../simulation/worlds/keys.ts';

const rotateDays = 90;
const warnDays = [30, 14, 7, 1];
const hour = 3600;
const version = 'v1'.padEnd(32, '1');
const here: RotationRule = { functionArn: 'arn:aws:lambda:us-east-1:111111111111:function:baton-dev-alpha-key-rotation', days: rotateDays };

/** A book of this world as its Region's watch has it. */
class Watched {
  readonly world: World;
  rule: RotationRule | undefined = here;
  told: Told | undefined;
  readonly notices: string[] = [];
  readonly looks: { -readonly [K in keyof KeysSeen]?: KeysSeen[K] } = {};
  addresses: () => Promise<string | undefined> = async () => undefined;

  constructor(world = new World()) {
    this.world = world;
  }

  async look(region = east) {
    const steps = this.world.steps(region);
    const watch = watchSteps({
      books: [{
        name: 'alpha',
        keys: { inspect: async (input) => ({ ...(await steps.inspect(input)), ...this.looks }), settle: (input) => steps.settle(input), sweep: (input) => steps.sweep(input) },
        async finish(begun) {
          for (const step of ['create', 'set', 'test', 'finish'] as const) await steps[step]({ version: begun });
        },
        rotation: {
          wanted: here,
          read: async () => this.rule,
          configure: async (rule) => void (this.rule = rule),
        },
        told: { read: async () => this.told, write: async (told) => void (this.told = told) },
      }],
      graceHours,
      warnDays,
      copyAddresses: () => this.addresses(),
      tell: async (subject) => void this.notices.push(subject),
      now: () => new Date(this.world.seconds * 1000),
    });
    const said = await watch.watch({});
    return { ...said, troubles: keyTroubles.filter((trouble) => said[trouble] === 'yes') };
  }
}

async function rotated(world: World): Promise<void> {
  const steps = world.steps();
  await steps.create({ version, begins: true });
  await steps.set({ version });
  await steps.test({ version });
  await steps.finish({ version });
}

describe('a look', () => {
  test('has nothing to say of a book whose key is in order', async () => {
    const watched = new Watched();
    watched.looks.current = { version: 'v', name: '', createdAt: new Date(watched.world.seconds * 1000).toISOString(), expiresAt: null };
    expect(await watched.look()).toMatchObject({ work: 'done', troubles: [], faults: [] });
    expect(watched.notices).toEqual([]);
  });

  test('changes nothing where the book is not at home, and says nothing of it', async () => {
    const watched = new Watched();
    watched.rule = undefined;
    watched.looks.orphans = ['baton00000000000'];
    expect(await watched.look(west)).toMatchObject({ work: 'done', troubles: [] });
    expect(watched.rule).toBeUndefined();
    expect(watched.world.effects).not.toContain('delete');
  });

  test('lets a secret rotate that nothing rotates, as one that a failover has promoted', async () => {
    const watched = new Watched();
    watched.world.failOver();
    watched.rule = { ...here, functionArn: here.functionArn.replace('us-east-1', 'us-west-2') };
    expect((await watched.look(west)).seen).toEqual([expect.stringMatching(/rotated every 90 days from here/)]);
    expect(watched.rule).toEqual(here);
  });

  test('goes through the steps of a rotation that was left, and not of one that is under way', async () => {
    const watched = new Watched();
    await watched.world.steps().create({ version, begins: true });
    watched.world.pass(60);
    await watched.look();
    expect(watched.world.secrets.get(east)!.stages).toMatchObject({ pending: version });
    watched.world.pass(hour);
    expect(await watched.look()).toMatchObject({ troubles: [], seen: expect.arrayContaining([expect.stringMatching(/finished the rotation/)]) as string[] });
    expect(watched.world.secrets.get(east)!.stages).toMatchObject({ current: version, pending: undefined });
    expect(watched.world.broken).toEqual([]);
  });

  test('says that a rotation cannot be finished, while the key of before trades on', async () => {
    const watched = new Watched();
    await watched.world.steps().create({ version, begins: true });
    watched.world.pass(hour);
    watched.world.surprises.set('proveTrade', 'refused-permission');
    expect(await watched.look()).toMatchObject({ troubles: ['unfinished'], faults: [expect.stringMatching(/could not finish the rotation of alpha: KeyRefusedError/)] });
    expect(watched.world.broken).toEqual([]);
  });

  test('deletes a key that nothing has, and no other', async () => {
    const watched = new Watched();
    await rotated(watched.world);
    watched.world.keys.set('k-orphan', { apiKey: 'k-orphan', name: 'baton0123456789a', usableFromSeconds: 0, addresses: [] });
    expect((await watched.look()).seen.join()).toMatch(/deleted keys of alpha that nothing has: baton0123456789a/);
    expect(watched.world.deleted).toEqual(['k-orphan']);
  });

  test('says that an orphan could not be deleted', async () => {
    const watched = new Watched();
    watched.looks.orphans = ['baton0123456789a'];
    watched.world.surprises.set('see', 'throttled');
    const { troubles } = await new Promise<Awaited<ReturnType<Watched['look']>>>((resolve) => {
      // The look at the secret works, the sweep's does not.
      watched.world.before = async () => {
        if (watched.world.effects.filter((name) => name === 'see').length === 1) watched.world.surprises.delete('see');
        else watched.world.surprises.set('see', 'throttled');
      };
      void watched.look().then(resolve);
    });
    expect(troubles).toEqual(['orphaned']);
  });

  test('begins the grace when the last task has proved the key, and says so while one does not', async () => {
    const watched = new Watched();
    watched.world.stubborn = 'two';
    await expect(rotated(watched.world)).rejects.toThrow(/two/);
    expect((await watched.look()).troubles).toEqual([]);
    watched.world.pass(2 * hour);
    expect(await watched.look()).toMatchObject({ troubles: ['unproved'], faults: [expect.stringMatching(/not proved by: two/)] });
    expect([...watched.world.scheduled.keys()]).toEqual([]);
    watched.world.stubborn = '';
    expect((await watched.look()).troubles).toEqual([]);
    expect([...watched.world.scheduled.keys()]).toEqual([version]);
    expect(watched.world.deleted).toEqual([]);
  });

  test('says that an old key lives on after its grace', async () => {
    const watched = new Watched();
    await rotated(watched.world);
    watched.world.pass(graceHours * hour + unusedSeconds);
    expect((await watched.look()).troubles).toEqual([]);
    watched.world.pass(2 * hour);
    expect(await watched.look()).toMatchObject({ troubles: ['unrevoked'] });
    const { revocation, at } = watched.world.scheduled.get(version)!;
    await watched.world.steps().revoke({ ...revocation, at: at.toISOString() });
    expect((await watched.look()).troubles).toEqual([]);
  });

  test('says that a key may do more than it should', async () => {
    const watched = new Watched();
    watched.world.keys.get('k-person')!.addresses = [];
    expect(await watched.look()).toMatchObject({ troubles: expect.arrayContaining(['broken']) as string[] });
  });

  test('at nothing is none', async () => {
    const watched = new Watched();
    watched.world.surprises.set('see', 'throttled');
    await expect(watched.look()).rejects.toThrow(/could not look at the keys of alpha: ThrottlingException/);
  });

  test('of what cannot be looked at says so, and looks at the rest', async () => {
    const watched = new Watched();
    watched.addresses = async () => {
      throw new Error('no network');
    };
    const look = await watched.look();
    expect(look).toMatchObject({ work: 'failed', faults: expect.arrayContaining([expect.stringMatching(/addresses of the other Region: Error no network/)]) as string[] });
    expect(watched.world.effects.length).toBeGreaterThan(0);
  });
});

describe('a key that comes to its end', () => {
  const day = 86_400_000;
  const now = Date.UTC(2026, 5, 1);
  const seen = (more: { createdDaysAgo?: number; expiresInDays?: number; rotates?: boolean }): KeysSeen => ({
    book: 'alpha', venue: 'bybit', createsKeys: true, rotatesHere: true, isPrimary: true, rotationEnabled: more.rotates ?? true,
    current: {
      version, name: 'k', createdAt: more.createdDaysAgo === undefined ? null : new Date(now - more.createdDaysAgo * day).toISOString(),
      expiresAt: more.expiresInDays === undefined ? null : new Date(now + more.expiresInDays * day).toISOString(),
    },
    pending: null, tasks: 2, unprovedBy: [], retiring: [], revocationAt: null, orphans: [], faults: [],
  });
  const at = new Date(now);

  test.each([
    ['lives on where it is rotated and the venue lets it', { createdDaysAgo: 10 }, undefined],
    ['is replaced before the venue lets it lapse', { createdDaysAgo: 10, expiresInDays: 90 }, undefined],
    ['lapses before its rotation', { createdDaysAgo: 10, expiresInDays: 20 }, 20],
    ['lapses, for its rotation did not come', { createdDaysAgo: 95, expiresInDays: 5 }, 5],
    ['is of an age at which others are replaced', { createdDaysAgo: 80, rotates: false }, 10],
    ['lapses before that age', { createdDaysAgo: 80, expiresInDays: 3, rotates: false }, 3],
    ['is of unknown age', { rotates: false }, 0],
  ])('%s', (_, key, daysLeft) => {
    expect(lapseOf(seen(key), rotateDays, at)?.daysLeft).toBe(daysLeft);
  });

  test('is overdue when its rotation did not come', () => {
    expect([91, 93].map((createdDaysAgo) => isOverdue(seen({ createdDaysAgo }), rotateDays, at))).toEqual([false, true]);
  });

  test('is told at each threshold once, however often it is looked at', () => {
    // Sorted downwards: the days that are left at each look.
    fc.assert(fc.property(fc.array(fc.integer({ min: -5, max: 120 }), { minLength: 1, maxLength: 60 }), (days) => {
      let told: Told | undefined;
      const tellings = days.toSorted((one, other) => other - one).flatMap((daysLeft) => {
        const due = dueWarning({ daysLeft, why: '' }, version, told, warnDays);
        if (due === undefined) return [];
        told = { version, days: due };
        return [due];
      });
      const least = Math.min(...days);
      expect(new Set(tellings).size).toBe(tellings.length);
      expect(tellings.length > 0).toBe(least <= 30);
      if (tellings.length > 0) expect(tellings.at(-1)).toBe(Math.min(...[...warnDays, 0].filter((threshold) => least <= threshold)));
    }));
    expect(dueWarning({ daysLeft: 20, why: '' }, 'another', { version, days: 14 }, warnDays)).toBe(30);
  });

  test('is told to people with what to do, and rings while it lasts', async () => {
    const watched = new Watched();
    const inDays = (count: number): string => new Date(watched.world.seconds * 1000 + count * day + 60_000).toISOString();
    const notices: number[] = [];
    for (const left of [40, 30, 29, 14, 2, 1, 1, 0]) {
      watched.looks.current = { version, name: 'k', createdAt: new Date(watched.world.seconds * 1000 - day).toISOString(), expiresAt: inDays(left) };
      const { troubles } = await watched.look();
      expect(troubles.includes('lapsing')).toBe(left <= 30);
      notices.push(watched.notices.length);
    }
    expect(notices).toEqual([0, 1, 1, 2, 3, 4, 4, 5]);
    expect(watched.notices[1]).toBe('Baton: the exchange key of alpha has 14 days left');
  });
});
