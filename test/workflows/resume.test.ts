/** The synthesized resume, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { haltOf } from '../../lib/lease/control.ts';
import { halted, request } from '../../simulation/scenes/resume.ts';
import { book, CutoverWorld } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('resume')!);

const released = (world: CutoverWorld): void => expect(world.lease().workflow).not.toHaveProperty('execution');

describe('a resume', () => {
  it('opens the book and ends when the venue accepts orders again', async () => {
    const world = await halted.afterTrading();
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ mode: 'open', epoch: 9, resumedFrom: 8, holder: world.instance('green', 1) });
    expect(world.reports.get(`resumes/${book}/run-1.json`)).toMatchObject({
      outcome: 'succeeded', requestedBy: 'grace', halted: 'by ada: orders that nobody understands', epochs: { before: 8, after: 9 },
    });
    released(world);
  });

  it('of a book that never traded leaves it to its first cutover', async () => {
    const world = await halted.beforeTheFirstCutover();
    expect((await coverage.run(world, request)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ mode: 'halted', epoch: 0 });
    expect(world.lease()).not.toHaveProperty('halt');
    released(world);
  });

  it('asks for a person when nobody takes the book', async () => {
    const world = await halted.afterTrading();
    world.onLook = () => undefined;
    expect(await coverage.run(world, request)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/nobody holds the book/) as string });
    released(world);
  });

  it('asks for a person when a holder has no order accepted', async () => {
    const world = await halted.afterTrading();
    world.trades = () => false;
    expect((await coverage.run(world, request)).ending).toBe('NeedsAPerson');
  });

  it('asks for a person when it is halted again at once', async () => {
    const world = await halted.afterTrading();
    world.onLook = () => void world.store.writeNow(haltOf(book, { reason: 'the position', by: 'us-east-1/green/i1' }));
    expect(await coverage.run(world, request)).toMatchObject({
      ending: 'NeedsAPerson', cause: expect.stringMatching(/halted again, by us-east-1\/green\/i1: the position/) as string,
    });
    expect(world.lease().mode).toBe('halted');
  });
});

describe('a resume that is refused', () => {
  it.each([
    ['when the book is not halted', () => CutoverWorld.trading(), /is not halted: it is open/],
    ['when nobody halted it, and it has never traded', () => CutoverWorld.new(), /first cutover opens it/],
    ['when another workflow keeps it halted', async () => {
      const world = await halted.afterTrading();
      await world.control.takeWorkflow(book, 'a restore');
      return world;
    }, /a restore/],
  ] as const)('%s', async (_, open, why) => {
    const world = await open();
    const before = JSON.stringify(world.lease());
    const { ending, cause } = await coverage.run(world, request);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(JSON.stringify(world.lease())).toBe(before);
  });

  it('names every fault of the input', async () => {
    const { ending, cause } = await coverage.run(await halted.afterTrading(), { book: 'nosuch', reason: 'x' });
    expect(ending).toBe('Refused');
    expect(cause).toMatch(/reason: .*requestedBy/);
  });
});

await coverage.everyFault({
  scenarios: halted,
  input: () => request,
  endingOf: (state, error) => {
    if (state.startsWith('Check ')) return 'Refused';
    if (state === 'Take the halted book for this execution') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
    return 'NeedsAPerson';
  },
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
