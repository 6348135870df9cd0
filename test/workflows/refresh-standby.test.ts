/** The synthesized refresh of the standby Region, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { execution, home, live, scenarios } from '../../simulation/scenes/refresh-standby.ts';
import { book, CutoverWorld, images, region } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const { machines } = synthesizedMachines();
const coverage = new Coverage(machines.get('refresh-standby')!);
const run = (world: CutoverWorld, input: object = { book }) => coverage.run(world, input as never, execution);
const reportOf = (world: CutoverWorld) => world.reports.get(`standby-refreshes/${book}/run-1.json`);

describe('a refresh that succeeds', () => {
  it('starts one warm instance of what is live, records it and then removes what stood by before', async () => {
    const world = await scenarios.second();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
    expect(world.primary).toBe('ts-new');
    expect(world.calls.find(({ what }) => what === 'ecs:createTaskSet')!.args).toMatchObject({
      ExternalId: 'green', TaskDefinition: 'new:1', Scale: { Value: 50, Unit: 'PERCENT' },
    });
    expect(JSON.parse(world.parameter!)).toEqual({
      imageDigest: images.trader, guardDigest: images.guard, taskDefinition: 'new:1', standbyOf: live.taskDefinition,
    });
    const order = world.visited();
    expect(order.indexOf('Delete a task set of the old colour')).toBeGreaterThan(order.indexOf('Make the new task set the primary one'));
    expect((await world.control.registrations(book)).map(({ colour }) => colour)).toEqual(['green', 'green']);
    expect(reportOf(world)).toMatchObject({
      outcome: 'succeeded', reason: 'The standby Region is to run what is live.', requestedBy: 'nobody named', of: live.taskDefinition, images, home,
    });
    expect(world.notices).toEqual([`Baton: standby refresh of ${book} succeeded`]);
  });

  it('takes no book: what trades is not touched, and no other workflow waits', async () => {
    const world = await scenarios.second();
    const before = world.lease();
    await world.control.takeWorkflow(book, 'a rollback');
    await run(world);
    expect(world.lease()).toEqual({ ...before, workflow: { token: 1, execution: 'a rollback' } });
  });

  it('starts the first standby of a book', async () => {
    const world = await scenarios.first();
    expect((await run(world, { book, reason: 'the first', requestedBy: 'ada' })).ending).toBe('Succeeded');
    expect(world.taskSets).toMatchObject([{ ExternalId: 'blue' }]);
    expect(reportOf(world)).toMatchObject({ reason: 'the first', requestedBy: 'ada' });
  });

  it('removes what an earlier attempt left, and keeps what stands by', async () => {
    const world = await scenarios.leftover();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
  });

  it('asks of a bot that needs the database no more than it can have beside a replica', async () => {
    const world = await scenarios.unhealthy();
    world.booksThatWrite.push(book);
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
  });

  it.each(['trader', 'guard'])('waits until the image of the %s is here', async (container) => {
    const world = await scenarios.second();
    let looks = 0;
    world.faults.set(`Wait until the image of the ${container} is here`, () => {
      looks += 1;
      if (looks > 40) return undefined;
      throw new TaskFailure('Ecr.ImageNotFoundException', 'The image does not exist');
    });
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a refresh that gives way', () => {
  it('leaves everything as it is when the book moves here while the new standby starts', async () => {
    const world = await scenarios.second();
    world.faults.set('Look at the standbys of the new colour', () => {
      world.set({ home: region });
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old', 'ts-new']);
    expect((reportOf(world) as { steps: { what: string }[] }).steps.map(({ what }) => what).join()).toMatch(/gave way/);
  });

  it('does not remove what may trade by now', async () => {
    const world = await scenarios.second();
    world.faults.set('Make the new task set the primary one', () => {
      world.set({ home: region });
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old', 'ts-new']);
  });

  it('leaves the work to a newer refresh when another release is live', async () => {
    const world = await scenarios.second();
    world.faults.set('Look at the standbys of the new colour', () => {
      world.set({ live: { ...live, taskDefinition: 'baton-dev-alpha:8' } });
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toContain('ts-old');
  });
});

describe('a refresh that fails asks for a person, and the older standby stands by', () => {
  it.each([
    ['when the new one does not become ready', scenarios.unhealthy, /After 60 s: 0 of 2 green instances are ready/],
    ['when its task does not start', scenarios.tasksStuck, /1 of 2 tasks run after 300 s/],
  ] as const)('%s', async (_, open, why) => {
    const world = await open();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old']);
    expect(world.parameter).toBeUndefined();
  });

  it('when an image does not come', async () => {
    const world = await scenarios.second();
    world.faults.set('Wait until the image of the trader is here', () => {
      throw new TaskFailure('Ecr.ImageNotFoundException', 'The image does not exist');
    });
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/Wait until the image of the trader is here: Ecr.ImageNotFoundException/);
  });

  it.each(['unhealthy', 'second', 'leftover'] as const)('when something does not stop (%s)', async (scenario) => {
    const world = await scenarios[scenario]();
    world.taskSetsStop = false;
    expect((await run(world)).ending).toBe('NeedsAPerson');
  });
});

describe('a refresh that is refused', () => {
  it.each([
    ['in the home Region', async () => {
      const world = await scenarios.second();
      world.set({ home: region });
      return world;
    }, { book }, /has its home in us-east-1: here its cutovers decide/],
    ['when nothing was ever live', () => CutoverWorld.new(), { book }, /has its home in us-east-1/],
    ['before the first cutover', async () => {
      const world = await CutoverWorld.new();
      world.set({ home });
      return world;
    }, { book }, /never had anything recorded as live: its first cutover, in us-west-2/],
    ['when there is no such book', scenarios.second, { book: 'nosuch' }, /no book 'nosuch'/],
    ['when the input is no refresh', scenarios.second, { book, force: true }, /has fields that nobody reads: force/],
  ] as const)('%s', async (_, open, input, why) => {
    const world = await open();
    const before = JSON.stringify([world.lease(), world.taskSets]);
    const { ending, cause } = await run(world, input);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(JSON.stringify([world.lease(), world.taskSets.map((set) => ({ ...set, looks: 9 }))])).toBe(before);
  });
});

await coverage.everyFault({
  scenarios,
  input: () => ({ book }),
  execution,
  beside: (error, world, args) => {
    if (error === 'Ecs.TaskSetNotFoundException') world.taskSets = world.taskSets.filter(({ Id }) => Id !== (args as { TaskSet: string }).TaskSet);
  },
  endingOf: (state, error, usually) => {
    if (error === 'refusal' && /^(Look at|Look whether|Forget)/.test(state)) return 'Succeeded';
    if (error === 'refusal' || ['Check ', 'Look what runs', 'Decide what'].some((words) => state.startsWith(words))) return 'Refused';
    return error === 'Ecs.TaskSetNotFoundException' ? usually : 'NeedsAPerson';
  },
});

describe('the preparation, and the Maps', () => {
  it.each([
    ['Look at the standbys of the new colour', 'second'],
    ['Delete a task set of the old colour', 'second'],
    ['Delete a task set of the new colour', 'unhealthy'],
  ] as const)('end as declared when %s fails as nobody expected', async (state, scenario) => {
    const world = await scenarios[scenario]();
    world.faults.set(state, () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect((await run(world)).ending).toBe('NeedsAPerson');
  });
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
