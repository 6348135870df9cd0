/** The rotation of a key in a world where every call can be the last, be repeated, or meet another one. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { rotationSteps } from '../../lib/key-rotation/rotation.ts';
import { Secret } from '../../lib/secret.ts';
import { keyName } from '../../lib/venues/keys/key-name.ts';
import { Crash, east, firstVersion, graceHours, personsKey, unusedSeconds, west, World, type WorldOptions } from './world.ts';

const v1 = 'v1'.padEnd(32, '1');
const v2 = 'v2'.padEnd(32, '2');
type Steps = ReturnType<typeof rotationSteps>;

async function rotate(steps: Steps, version: string): Promise<void> {
  await steps.create({ version, begins: true });
  await steps.set({ version });
  await steps.test({ version });
  await steps.finish({ version });
}

/** As the scheduler does, when the grace is over. */
async function revokeWhenDue(world: World, steps: Steps, version: string) {
  world.pass(graceHours * 3600 + unusedSeconds);
  const { revocation, at } = world.scheduled.get(version)!;
  world.scheduled.delete(version);
  return steps.revoke({ ...revocation, at: at.toISOString() });
}

/** What is promised in the end, whatever happened before. */
function expectOnly(world: World, version: string, region = east): void {
  expect(world.broken).toEqual([]);
  const current = world.current(region);
  expect(world.secrets.get(region)!.stages.current).toBe(version);
  expect([...world.keys.keys()].toSorted()).toEqual([current.apiKey, 'k-other'].toSorted());
  expect(world.tasks.filter((task) => task.region === region).every(({ apiKey }) => apiKey === current.apiKey)).toBe(true);
}

describe('a rotation', () => {
  test('makes, proves, promotes, waits for the roster, and revokes after the grace', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    expect(world.current()).toMatchObject({ name: keyName('alpha', v1), retires: [{ apiKey: 'k-person', version: firstVersion }] });
    expect(world.keys.has('k-person')).toBe(true);
    const { revocation, at } = world.scheduled.get(v1)!;
    expect(revocation.proof).toMatchObject({ version: v1, provedBy: ['one', 'two', 'three'] });
    expect(at.getTime() - Date.parse(revocation.proof.provedAt)).toBe(graceHours * 3_600_000);

    await expect(steps.revoke(revocation)).rejects.toThrow('may be used until');
    expect(await revokeWhenDue(world, steps, v1)).toEqual({ state: 'revoked', version: v1, deleted: ['k-pe… without a name'] });
    expectOnly(world, v1);
    expect([...world.keys.values()].map(({ name }) => name)).toContain(personsKey);
  });

  test('and the next one revokes what the first one made', async () => {
    const world = new World();
    const steps = world.steps();
    for (const version of [v1, v2]) {
      await rotate(steps, version);
      await revokeWhenDue(world, steps, version);
    }
    expectOnly(world, v2);
    expect(world.deleted).toEqual(['k-person', 'k1']);
  });

  test('every step may be repeated, and so may the revocation: twice is once', async () => {
    const world = new World();
    const steps = world.steps();
    for (const step of ['create', 'set', 'test', 'finish'] as const) {
      for (let time = 0; time < 2; time++) await steps[step]({ version: v1, ...(step === 'create' && { begins: true }) });
    }
    const { revocation } = world.scheduled.get(v1)!;
    await revokeWhenDue(world, steps, v1);
    expect(await steps.revoke(revocation)).toEqual({ state: 'revoked', version: v1, deleted: [] });
    await rotate(steps, v1);
    expectOnly(world, v1);
    expect(world.deleted).toEqual(['k-person']);
  });
});

/** How many calls a rotation with its revocation makes, when nothing goes wrong. */
async function callsOf(options: WorldOptions = {}): Promise<readonly string[]> {
  const world = new World(options);
  await rotate(world.steps(), v1);
  await revokeWhenDue(world, world.steps(), v1);
  return world.effects;
}

/** Crashes where it is told, repeats everything as often as it must, and ends when all is done. */
async function rotateThroughCrashes(world: World, crashes: readonly { at: number; after: boolean }[], versions: readonly string[]): Promise<void> {
  const pending = [...crashes];
  let version = versions[0]!;
  const later = versions.slice(1);
  for (;;) {
    world.crash = pending[0];
    try {
      await rotate(world.steps(), version);
      if (world.scheduled.has(version)) await revokeWhenDue(world, world.steps(), version);
      else await world.steps().settle({});
      if (world.scheduled.has(version)) await revokeWhenDue(world, world.steps(), version);
      return;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      pending.shift();
      world.crash = undefined;
      world.pass(5);
      version = later.shift() ?? version;
    }
  }
}

describe('a crash', () => {
  test.each([
    ['and the same version again', [v1], 0],
    ['and another version after the one that is left AWSPENDING', [v1, v2], 0],
    ['at a venue that forgets for half a minute what it has made', [v1], 30],
  ])('at every call, before and after it took effect, %s', async (_name, versions, forgetsForSeconds) => {
    const calls = await callsOf({ forgetsForSeconds });
    expect(calls.length).toBeGreaterThan(30);
    for (let at = 1; at <= calls.length; at++) {
      for (const after of [false, true]) {
        const world = new World({ forgetsForSeconds });
        await rotateThroughCrashes(world, [{ at, after }], versions);
        // A key that the venue has forgotten appears when its rotation is over: the next look has it.
        world.pass(forgetsForSeconds);
        await world.steps().sweep({});
        expectOnly(world, world.secrets.get(east)!.stages.current);
      }
    }
  });

  test('three times, anywhere', async () => {
    const length = (await callsOf()).length;
    const crash = fc.record({ at: fc.integer({ min: 1, max: 4 * length }), after: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(fc.array(crash, { minLength: 2, maxLength: 3 }), fc.boolean(), async (crashes, anew) => {
        const world = new World();
        const inOrder = crashes.toSorted((one, other) => one.at - other.at).filter(({ at }, index, all) => at !== all[index - 1]?.at);
        await rotateThroughCrashes(world, inOrder, anew ? [v1, v2] : [v1]);
        expectOnly(world, world.secrets.get(east)!.stages.current);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a Region that is home no more', () => {
  const irrevocable = new Set(['create', 'promote', 'delete']);
  /** What may stand between the last look at home and what cannot be taken back: nothing that waits for others. */
  const atOnce = new Set(['read', 'proveRead']);

  test('makes, promotes and deletes nothing, whenever it ceased to be, but what it was about to do', async () => {
    const { length } = await callsOf();
    let refused = 0;
    for (let at = 1; at <= length; at++) {
      const world = new World();
      world.before = async (call) => {
        if (call === at) world.home = west;
      };
      try {
        await rotate(world.steps(), v1);
        await revokeWhenDue(world, world.steps(), v1);
      } catch (error) {
        expect(['NotHomeError', 'NotProvedYetError']).toContain((error as Error).name);
        refused += 1;
      }
      const since = world.effects.slice(at - 1);
      const done = since.findIndex((call) => irrevocable.has(call));
      if (done >= 0) expect({ at, between: since.slice(0, done).filter((call) => !atOnce.has(call)) }).toEqual({ at, between: [] });
      expect(since.slice(done + 1).filter((call) => call === 'create' || call === 'promote')).toEqual([]);
    }
    expect(refused).toBeGreaterThan(20);
  });

  test('gives no version up, whose key it cannot find any more', async () => {
    const world = new World();
    const steps = world.steps();
    await steps.create({ version: v1, begins: true });
    world.keys.delete('k1');
    world.before = async () => {
      if (world.effects.at(-1) === 'list') world.home = west;
    };
    await expect(steps.set({ version: v1 })).rejects.toMatchObject({ name: 'NotHomeError' });
    expect(world.home).toBe(west);
    expect(world.effects).not.toContain('dropPending');
  });
});

describe('a venue that', () => {
  test('answers after the time-out leaves an orphan, which is found', async () => {
    const world = new World();
    const steps = world.steps();
    world.surprises.set('create', 'late');
    await expect(steps.create({ version: v1, begins: true })).rejects.toThrow('no answer');
    for (const make of world.underWay) make();
    expect(world.ours()).toEqual(['k1']);
    await steps.create({ version: v1, begins: true });
    expect(world.deleted).toEqual(['k1']);
    await rotate(steps, v1);
    expect(world.ours()).toEqual([world.current().apiKey]);
  });

  test.each(['test', 'revoke'] as const)('answers while the next attempt is under way leaves an orphan, which its %s finds', async (step) => {
    const world = new World();
    const steps = world.steps();
    world.surprises.set('create', 'late');
    await expect(steps.create({ version: v1, begins: true })).rejects.toThrow('no answer');
    await steps.create({ version: v1, begins: true });
    const made = world.current().apiKey;
    if (step === 'test') for (const make of world.underWay) make();
    await steps.test({ version: v1 });
    expect(world.ours()).toHaveLength(1);
    await steps.finish({ version: v1 });
    if (step === 'revoke') for (const make of world.underWay) make();
    await revokeWhenDue(world, steps, v1);
    expectOnly(world, v1);
    expect(world.deleted).toContain(made);
  });

  test('answers so late that the next attempt is over leaves an orphan for the watch', async () => {
    const world = new World();
    const steps = world.steps();
    world.surprises.set('create', 'late');
    await expect(steps.create({ version: v1, begins: true })).rejects.toThrow('no answer');
    await rotate(steps, v1);
    for (const make of world.underWay) make();
    expect((await steps.inspect({})).orphans).toEqual([keyName('alpha', v1)]);
    expect(await steps.sweep({})).toEqual({ deleted: [keyName('alpha', v1)] });
    expect(world.ours()).toEqual([world.current().apiKey]);
  });

  test('has reached its limit of keys refuses the new one, and the old one trades on', async () => {
    const world = new World({ keysAtMost: 2 });
    await expect(world.steps().create({ version: v1, begins: true })).rejects.toMatchObject({ name: 'KeyLimitError' });
    expect(world.secrets.get(east)!.stages.pending).toBeUndefined();
    expectOnlyFirst(world);
  });

  test('refuses the address says so at once, and nothing is promoted', async () => {
    const world = new World();
    const steps = world.steps();
    await steps.create({ version: v1, begins: true });
    world.surprises.set('proveRead', 'refused-address');
    await expect(steps.set({ version: v1 })).rejects.toMatchObject({ name: 'KeyRefusedError', refusal: 'address' });
    expect(world.effects).not.toContain('pause');
    expectOnlyFirst(world);
  });

  test('refuses to trade with the key has it not promoted', async () => {
    const world = new World();
    const steps = world.steps();
    world.surprises.set('proveTrade', 'refused-permission');
    await expect(rotate(steps, v1)).rejects.toMatchObject({ name: 'KeyRefusedError', refusal: 'permission' });
    expectOnlyFirst(world);
  });

  test('binds the key to other addresses, or to none, has it refused by the policy', async () => {
    const world = new World();
    const steps = world.steps();
    await steps.create({ version: v1, begins: true });
    world.keys.get('k1')!.addresses = [];
    await expect(steps.test({ version: v1 })).rejects.toThrow(/bound to no address instead of 203\.0\.113\.1, 203\.0\.113\.2/);
    expectOnlyFirst(world);
  });

  test('has lost the new key has its version given up; the next rotation begins anew', async () => {
    const world = new World();
    const steps = world.steps();
    await steps.create({ version: v1, begins: true });
    world.keys.delete('k1');
    // Whoever skips the steps before it promotes nothing that does not work.
    await expect(steps.finish({ version: v1 })).rejects.toMatchObject({ name: 'KeyLostError' });
    await steps.create({ version: v1, begins: true });
    world.secrets.get(east)!.stages.pending = v1;
    await expect(steps.set({ version: v1 })).rejects.toMatchObject({ name: 'KeyLostError' });
    await expect(steps.create({ version: v1 })).rejects.toMatchObject({ name: 'NoPendingVersionError' });
    await rotate(steps, v2);
    await revokeWhenDue(world, steps, v2);
    expectOnly(world, v2);
  });
});

function expectOnlyFirst(world: World): void {
  expect(world.broken).toEqual([]);
  expect(world.secrets.get(east)!.stages.current).toBe(firstVersion);
  expect(world.keys.has('k-person')).toBe(true);
}

describe('the old key stays', () => {
  test('while one task does not pick the new one up', async () => {
    const world = new World();
    world.stubborn = 'two';
    const steps = world.steps();
    await expect(rotate(steps, v1)).rejects.toThrow(/not proved by every task: not yet by two/);
    expect(world.scheduled.size).toBe(0);
    expect(await steps.settle({})).toMatchObject({ state: 'waiting', unprovedBy: ['two'], proof: null, revocationAt: null });
    expect(await steps.inspect({})).toMatchObject({ current: { version: v1 }, unprovedBy: ['two'], tasks: 3, retiring: ['k-pe… without a name'] });
    // And with a proof of another time.
    const proof = { version: v1, provedBy: ['one', 'two', 'three'], provedAt: new Date(0).toISOString() };
    await expect(steps.revoke({ proof })).rejects.toMatchObject({ name: 'NotProvedYetError' });
    expect(world.deleted).toEqual([]);
    world.tasks.splice(1, 1);
    expect(await steps.settle({})).toMatchObject({ state: 'proved' });
    await revokeWhenDue(world, steps, v1);
    expectOnly(world, v1);
  });

  test('while one task does not say which key its trader signs with', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    world.stubborn = 'three';
    delete world.tasks[2]?.uses;
    expect(await steps.settle({})).toMatchObject({ state: 'waiting', unprovedBy: ['three'] });
    const proof = { version: v1, provedBy: ['one', 'two', 'three'], provedAt: new Date(0).toISOString() };
    await expect(steps.revoke({ proof })).rejects.toMatchObject({ name: 'NotProvedYetError' });
    expect(world.deleted).toEqual([]);
  });

  test('while no task lives', async () => {
    const world = new World();
    world.tasks.length = 0;
    await expect(rotate(world.steps(), v1)).rejects.toThrow('no task of it lives');
    expect(world.scheduled.size).toBe(0);
  });

  test('while somebody signs with it', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    world.pass(graceHours * 3600 + unusedSeconds);
    world.tasks[0]!.otherUsedAtSeconds = world.seconds - unusedSeconds + 60;
    const { revocation } = world.scheduled.get(v1)!;
    await expect(steps.revoke(revocation)).rejects.toThrow(/used within 3600 s by one/);
    expect(world.deleted).toEqual([]);
    // A person who has stopped the book may not wait for that.
    await steps.revoke({ ...revocation, withoutGrace: { reason: 'it was published', approvedBy: 'ada' } });
    expectOnly(world, v1);
  });

  test('when another version became current meanwhile: that one has a revocation of its own', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    const { revocation } = world.scheduled.get(v1)!;
    await rotate(steps, v2);
    world.pass(2 * graceHours * 3600);
    expect(await steps.revoke(revocation)).toEqual({ state: 'superseded', version: v1, deleted: [] });
    expect(world.deleted).toEqual([]);
    await revokeWhenDue(world, steps, v2);
    expectOnly(world, v2);
  });

  test('when the new one does not work any more', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    world.keys.delete(world.current().apiKey);
    await expect(revokeWhenDue(world, steps, v1)).rejects.toMatchObject({ name: 'KeyRefusedError' });
    expect(world.keys.has('k-person')).toBe(true);
  });

  test('when another rotation begins at any call of its revocation, and one task does not follow', async () => {
    const { length } = await callsOf();
    let superseded = 0;
    for (let at = 1; at <= length; at++) {
      const world = new World();
      const steps = world.steps();
      await rotate(steps, v1);
      const begun = world.effects.length;
      world.before = async (call) => {
        if (call !== begun + at) return;
        world.before = undefined;
        world.stubborn = 'two';
        await expect(rotate(world.steps(), v2)).rejects.toMatchObject({ name: 'NotProvedYetError' });
      };
      const answer = await revokeWhenDue(world, steps, v1).catch((error: Error) => ({ state: error.name }));
      if (answer.state === 'superseded' || answer.state === 'NotProvedYetError') superseded += 1;
      expect(world.broken).toEqual([]);
    }
    expect(superseded).toBeGreaterThan(3);
  });

  test('for the venue, which says that it deleted it: that is looked at, and said', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    world.surprises.set('delete', 'not-done');
    await expect(revokeWhenDue(world, steps, v1)).rejects.toThrow(/still accepts the old key k-pe… without a name of alpha/);
  });

  test('when a person moves the stage back: then what they left is retired instead', async () => {
    const world = new World();
    const steps = world.steps();
    await rotate(steps, v1);
    Object.assign(world.secrets.get(east)!.stages, { current: firstVersion, previous: v1 });
    Object.assign(world.secrets.get(west)!.stages, { current: firstVersion, previous: v1 });
    expect(await steps.sweep({})).toEqual({ deleted: [] });
    expect(await steps.settle({})).toMatchObject({ state: 'proved', version: firstVersion });
    await revokeWhenDue(world, steps, firstVersion);
    expectOnly(world, firstVersion);
  });
});

describe('a venue whose keys people make', () => {
  test('has the key that a person put in proved, promoted and waited for; the old one is gone once they deleted it', async () => {
    const world = new World({ byHand: true });
    const steps = world.steps();
    await expect(steps.create({ version: v1, begins: true })).rejects.toThrow(`put the new one under version ${v1}, staged AWSPENDING`);
    world.keys.set('k-new', { apiKey: 'k-new', name: 'made by ada', usableFromSeconds: 0, addresses: [] });
    const own = world.secrets.get(east)!;
    for (const { values, stages } of world.secrets.values()) {
      values.set(v1, { apiKey: 'k-new', secret: new Secret('s'), name: '', retires: [] });
      stages.pending = v1;
    }
    await rotate(steps, v1);
    expect(own.stages).toMatchObject({ current: v1, previous: firstVersion });
    await expect(revokeWhenDue(world, steps, v1)).rejects.toThrow(/still accepts the old key .* Delete it in the pages of the venue/);
    expect((await steps.inspect({})).retiring).toEqual(['k-pe… without a name']);

    world.keys.delete('k-person');
    const { proof } = await steps.settle({});
    expect(await steps.revoke({ proof: proof!, withoutGrace: { reason: 'deleted by hand', approvedBy: 'ada' } })).toMatchObject({ state: 'revoked' });
    expect(await steps.inspect({})).toMatchObject({ retiring: [], orphans: [], faults: [], createsKeys: false });
    expect(world.effects).not.toContain('list');
    expectOnly(world, v1);
  });
});

describe('two at once', () => {
  test('of the same version, in any order of their calls: nothing is broken, and the next attempt ends it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const world = new World({ gate: (name) => scheduler.schedule(Promise.resolve(), name) });
        const runs = [rotate(world.steps(), v1), rotate(world.steps(), v1)];
        await scheduler.waitFor(Promise.allSettled(runs));
        expect(world.broken).toEqual([]);
        // The key of neither was lost: the same version goes on.
        await scheduler.waitFor(rotate(world.steps(), v1));
        await scheduler.waitFor(revokeWhenDue(world, world.steps(), v1));
        expectOnly(world, v1);
      }),
      { numRuns: 150 },
    );
  });

  test('revocations, in any order of their calls', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const world = new World({ gate: (name) => scheduler.schedule(Promise.resolve(), name) });
        await scheduler.waitFor(rotate(world.steps(), v1));
        world.pass(graceHours * 3600 + unusedSeconds);
        const { revocation } = world.scheduled.get(v1)!;
        await scheduler.waitFor(Promise.all([world.steps().revoke(revocation), world.steps().revoke(revocation)]));
        expectOnly(world, v1);
      }),
      { numRuns: 50 },
    );
  });

  test('Regions: the one that is not home refuses, with nothing changed', async () => {
    const world = new World();
    await expect(rotate(world.steps(west), v1)).rejects.toMatchObject({ name: 'NotHomeError' });
    world.home = west;
    await expect(rotate(world.steps(east), v1)).rejects.toThrow("alpha's home is us-west-2, not us-east-1");
    await expect(rotate(world.steps(west), v1)).rejects.toThrow(/a replica in us-west-2: promote it/);
    expect([...world.keys.keys()]).toEqual(['k-person', 'k-other']);
    expect(world.effects).not.toContain('create');
  });

  test('Regions: home moves before any call of the one, and the other rotates before that call goes on', async () => {
    const { length } = await callsOf();
    for (let at = 1; at <= length; at++) {
      const world = new World();
      // Something to sweep, so that it lists and deletes.
      world.keys.set('k-orphan', { apiKey: 'k-orphan', name: keyName('alpha', 'dead'), usableFromSeconds: 0, addresses: [] });
      world.before = async (call) => {
        if (call !== at) return;
        world.before = undefined;
        world.failOver();
        world.tasks.splice(0, 2);
        await rotate(world.steps(west), v2);
      };
      await rotate(world.steps(east), v1).catch(() => undefined);
      await world.steps(east).sweep({}).catch(() => undefined);
      expect(world.broken).toEqual([]);
    }
  });

  test('Regions, home moving at every call of the one while both go on in any order', async () => {
    const { length } = await callsOf();
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.integer({ min: 0, max: length }), async (scheduler, movesAt) => {
        let calls = 0;
        let moved: (() => void) | undefined;
        const hasMoved = new Promise<void>((resolve) => {
          moved = resolve;
        });
        const world = new World({
          gate: (name) => {
            if (calls++ === movesAt) {
              world.failOver();
              moved?.();
            }
            return scheduler.schedule(Promise.resolve(), name);
          },
        });
        const inEast = rotate(world.steps(east), v1).catch(() => undefined);
        const inWest = Promise.race([hasMoved, inEast]).then(() => (world.home === west ? rotate(world.steps(west), v2).catch(() => undefined) : undefined));
        await scheduler.waitFor(Promise.all([inEast, inWest]));
        expect(world.broken).toEqual([]);
        if (world.home === east) world.failOver();
        // What is left of the lost Region does not live; the next rotation ends it.
        world.tasks.splice(0, 2);
        const v3 = 'v3'.padEnd(32, '3');
        await scheduler.waitFor(rotate(world.steps(west), v3));
        await scheduler.waitFor(revokeWhenDue(world, world.steps(west), v3));
        expectOnly(world, v3, west);
      }),
      { numRuns: 200 },
    );
  });
});

test('Secrets Manager throttles: the step fails and is repeated', async () => {
  for (const call of ['see', 'write'] as const) {
    const world = new World();
    const steps = world.steps();
    world.surprises.set(call, 'throttled');
    await expect(rotate(steps, v1)).rejects.toThrow('Rate exceeded');
    expectOnlyFirst(world);
    await rotate(steps, v1);
    await revokeWhenDue(world, steps, v1);
    expectOnly(world, v1);
  }
});
