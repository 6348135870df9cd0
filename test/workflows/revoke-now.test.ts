/** The synthesized revocation at once, run by the engine on the rotation's own steps: every ending, and every Catch, Retry and branch by name. */
import { describe, expect, it } from 'vitest';
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { firstVersion, personsKey } from '../../simulation/worlds/keys.ts';
import { execution as here, livingBook, request, scenarios } from '../../simulation/scenes/revoke-now.ts';
import { book, CutoverWorld, executionArn } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('revoke-now')!);
const run = (world: CutoverWorld, input: object = request, execution = here) => coverage.run(world, input as never, execution);

const keysOf = (world: CutoverWorld): string[] => [...world.keys.keys.values()].map(({ name }) => name);
const released = (world: CutoverWorld): void => expect(world.lease().workflow).not.toHaveProperty('execution');

describe('a revocation at once', () => {
  it('halts the book, replaces its key, sees the old one gone, and lets it trade again', async () => {
    const world = await scenarios.trading();
    expect(await run(world)).toMatchObject({ ending: 'Succeeded' });
    // Halted before anything was made at the venue, and until the old key was deleted.
    expect(world.keys.deleted).toEqual(['k-person']);
    expect(keysOf(world)).toEqual([personsKey, expect.stringMatching(/^baton[0-9a-f]{11}$/)]);
    const { stages } = world.keys.secrets.get('us-east-1')!;
    expect(stages).toMatchObject({ previous: firstVersion, pending: undefined });
    expect(world.keys.tasks.map(({ uses }) => uses)).toEqual(Array.from({ length: 3 }, () => stages.current));
    expect(world.lease()).toMatchObject({ mode: 'open', epoch: 9, halt: { reason: request.reason, by: 'ada' }, holder: world.instance('green', 1) });
    expect(world.keys.broken).toEqual([]);
    expect(world.reports.get(`revocations/${book}/run-1.json`)).toMatchObject({ outcome: 'succeeded', requestedBy: 'ada', wasHalted: false, version: stages.current, epochs: { before: 7, after: 9 } });
    expect(world.visited().indexOf('Halt the book for the revocation')).toBeLessThan(world.visited().indexOf('Make a new key at the venue'));
    released(world);
  });

  it('leaves a book halted that somebody had halted', async () => {
    const world = await scenarios.halted();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.keys.deleted).toEqual(['k-person']);
    expect(world.lease()).toMatchObject({ mode: 'halted', halt: { by: 'grace' } });
    released(world);
  });

  it('does not wait for a holder that is dead: its lease runs out', async () => {
    const world = await CutoverWorld.trading();
    world.onLook = () => world.lease().mode === 'open' && world.set({ epoch: 9 as Epoch, holder: world.instance('green', 1), heartbeat: 1 }, []);
    await run(world);
    expect(world.keys.deleted).toEqual(['k-person']);
  });

  it('pre-empts a cutover, and no move between Regions', async () => {
    const during = async (execution: string) => {
      const world = await scenarios.trading();
      await world.control.takeWorkflow(book, execution);
      return { world, ...(await run(world)) };
    };
    expect((await during(executionArn)).ending).toBe('Succeeded');
    const refused = await during(executionArn.replace('cutover', 'failover'));
    expect(refused).toMatchObject({ ending: 'Refused', cause: expect.stringMatching(/failover/) as string });
    expect(refused.world.lease().mode).toBe('open');
    expect(refused.world.keys.effects).toEqual([]);
  });

  it('gives a rotation up that has begun, and leaves nothing of it', async () => {
    const world = await scenarios.trading();
    const steps = world.keys.steps();
    await steps.create({ version: 'p'.repeat(32), begins: true });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(keysOf(world)).toHaveLength(2);
    expect(world.keys.broken).toEqual([]);
  });

  it('asks again when the venue did not answer, or still takes the old key', async () => {
    const world = await scenarios.trading();
    world.keys.surprises.set('create', 'late');
    let refusals = 0;
    world.faults.set('Delete the old key and see it refused', () => {
      refusals += 1;
      if (refusals > 2) return undefined;
      throw new TaskFailure('StillAcceptedError', '{"errorMessage":"the venue still accepts the old key","x":1}');
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(refusals).toBe(3);
    expect(keysOf(world)).toHaveLength(2);
  });

  it('waits while the function does another thing', async () => {
    const world = await scenarios.trading();
    let busy = 0;
    for (const state of ['Make a new key at the venue', 'Prove that the new key may trade', 'Give the new key to every task', 'Delete the old key and see it refused']) {
      let left = 5;
      world.faults.set(state, () => {
        if (left-- <= 0) return undefined;
        busy += 1;
        throw new TaskFailure('Lambda.TooManyRequestsException', 'Rate Exceeded.');
      });
    }
    expect((await run(world)).ending).toBe('Succeeded');
    expect(busy).toBe(20);
  });
});

describe('leaves the book halted, and calls a person,', () => {
  const halted = (world: CutoverWorld, cause: string, about: RegExp): void => {
    expect(cause).toMatch(about);
    expect(cause).toMatch(/The book is halted, and stays so/);
    expect(world.lease()).toMatchObject({ mode: 'halted', halt: { by: 'ada' } });
    expect(world.keys.broken).toEqual([]);
    released(world);
  };
  it('when the venue makes no key', async () => {
    const world = await scenarios.trading();
    world.keys = new (world.keys.constructor as typeof import('../../simulation/worlds/keys.ts').World)({ keysAtMost: 2 });
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    halted(world, cause, /limit/);
    expect(world.keys.deleted).toEqual([]);
  });
  it('when the management key is refused at our address', async () => {
    const world = await scenarios.trading();
    world.faults.set('Prove that the new key may trade', () => {
      throw new TaskFailure('KeyRefusedError', '{"errorMessage":"Unmatched IP","x":1}');
    });
    const { cause } = await run(world);
    halted(world, cause, /KeyRefusedError|Unmatched IP/);
  });
  it('when a task does not pick the new key up: the old one is not deleted', async () => {
    const world = await scenarios.trading();
    world.keys.stubborn = 'two';
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    halted(world, cause, /two/);
    expect(world.keys.deleted).toEqual([]);
  });
  it('when another version became current meanwhile', async () => {
    const world = await scenarios.trading();
    world.faults.set('Delete the old key and see it refused', () => ({ StatusCode: 200, Payload: { state: 'superseded', version: 'x'.repeat(32), deleted: [] } }));
    const { cause } = await run(world);
    halted(world, cause, /Another key became current/);
  });
});

describe('after it was opened', () => {
  it.each([
    ['nobody takes it', (world: CutoverWorld) => {
      const before = world.onLook;
      world.onLook = () => world.lease().mode === 'halted' && before(world);
    }, /nobody holds the book/],
    ['it is halted again', (world: CutoverWorld) => {
      const before = world.onLook;
      world.onLook = () => (world.lease().mode === 'open' ? void world.store.writeNow(haltOf(book, { reason: 'the position', by: 'somebody' })) : before(world));
    }, /halted again/],
  ] as const)('a person is called when %s', async (_, change, why) => {
    const world = await scenarios.trading();
    change(world);
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    expect(world.keys.deleted).toEqual(['k-person']);
  });

  it('a book that never traded stays closed until its first cutover', async () => {
    const world = livingBook(await CutoverWorld.new());
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a revocation that is refused changes nothing', () => {
  it.each([
    ['elsewhere', request, here.replace('us-east-1', 'us-west-2'), /The home of book 'alpha' is us-east-1, and this execution runs in us-west-2/],
    ['of a book that is not there', { ...request, book: 'nosuch' }, here, /no book 'nosuch'/],
    ['without a reason', { book, requestedBy: 'ada' }, here, /reason: /],
  ] as const)('%s', async (_, input, execution, why) => {
    const world = await scenarios.trading();
    const before = JSON.stringify(world.lease());
    const { ending, cause } = await run(world, input, execution);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(JSON.stringify(world.lease())).toBe(before);
    expect(world.keys.effects).toEqual([]);
  });
});

it('a redriven execution makes no key any more', async () => {
  const { definition } = { definition: synthesizedMachines().machines.get('revoke-now')! };
  const world = await scenarios.trading();
  const kept = { progress: {}, history: [] };
  world.faults.set('Make a new key at the venue', () => {
    throw new TaskFailure('VenueRefusedError', '{"errorMessage":"not now","x":1}');
  });
  const { error, startMs } = await world.run(definition, request, here, kept);
  expect(error).toBe('NeedsAPerson');
  world.faults.clear();
  const effects = world.keys.effects.length;
  await world.run(definition, request, here, { ...kept, redrive: { count: 1, startMs } });
  expect(world.keys.effects).toHaveLength(effects);
});

await coverage.everyFault({
  scenarios,
  input: () => request,
  execution: here,
  endingOf: (state, error) => {
    if (state.startsWith('Check ')) return 'Refused';
    if (state === 'Take the book for this execution') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
    return 'NeedsAPerson';
  },
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
