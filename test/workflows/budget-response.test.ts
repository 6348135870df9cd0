/** The synthesized budget response, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { cluster, request as whole, ResearchWorld, spentClass, usualClass } from '../../simulation/worlds/research.ts';
import { inputOf, scenarios, undo } from '../../simulation/scenes/budget-response.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

// Staging's settings say what a spent budget makes of its database; dev's do not.
const coverage = new Coverage(synthesizedMachines(undefined, 'staging').machines.get('budget-response')!);

const night = { market: 'us-equities', reason: 'The market is closed.', requestedBy: 'market-hours' };
const morning = { ...night, undo: true };
const run = (world: ResearchWorld, input: object = whole) => coverage.run(world, input as never);
const stoppedBefore = async (): Promise<ResearchWorld> => {
  const world = new ResearchWorld();
  await run(world);
  return world;
};

describe('a spent budget', () => {
  it('stops what does not trade, shrinks the database, and says how to have it back', async () => {
    const world = new ResearchWorld();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.stopped).toEqual(['task/one', 'task/two', 'task/three']);
    expect(world.databaseClass).toBe(spentClass);
    expect(world.notices).toEqual(['Baton: the budget of 2026-11 is spent']);
    expect(world.record).toMatchObject({ database: { class: usualClass, causes: ['2026-11'] }, stopped: ['one', 'two', 'three'].map((name) => ({ arn: `task/${name}`, causes: ['2026-11'] })) });
  });

  it('stops nothing where nothing runs, and leaves a database that is small already', async () => {
    const world = new ResearchWorld([]);
    world.databaseClass = spentClass;
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.stopped).toEqual([]);
    expect(world.record).toEqual({ stopped: [] });
  });

  it('is undone: each task runs again as it was started, once, however often the undo is run', async () => {
    const world = await stoppedBefore();
    world.faults.set('Write down that it is done', () => {
      throw new TaskFailure('Unforeseen', 'it was interrupted');
    });
    expect((await run(world, undo)).ending).toBe('NeedsAPerson');
    world.faults.clear();
    expect((await run(world, undo)).ending).toBe('Succeeded');
    expect(world.ran.map(({ Overrides }) => (Overrides as { ContainerOverrides: { Command: string[] }[] }).ContainerOverrides[0]?.Command)).toEqual([['one'], ['two'], ['three']]);
    expect(world.ran[0]).toMatchObject({ Cluster: 'baton-staging-research', TaskDefinition: `${cluster}-backtest:1` });
    expect(world.databaseClass).toBe(usualClass);
    expect(world.record).toEqual({ stopped: [] });
    expect(world.notices.at(-1)).toBe('Baton: the budget of 2026-11 is acted on no more');
  });

  it.each([0, 1, 2])('interrupted after %i tasks and run again, it stops the rest, and its undo knows of all', async (calls) => {
    const world = new ResearchWorld();
    let done = 0;
    world.faults.set('Stop a task that does not trade', () => {
      if (done === calls) throw new TaskFailure('States.Timeout', 'killed');
      done += 1;
      return undefined;
    });
    expect((await run(world)).ending).toBe('NeedsAPerson');
    world.faults.clear();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.stopped.toSorted()).toEqual(['task/one', 'task/three', 'task/two']);
    expect((await run(world, undo)).ending).toBe('Succeeded');
    expect(world.ran).toHaveLength(3);
    expect(world.databaseClass).toBe(usualClass);
  });

  it('asks for a person when ECS has no room for a task, and runs the rest when it is undone again', async () => {
    const world = await stoppedBefore();
    let asked = 0;
    world.faults.set('Run a task again', () => {
      asked += 1;
      return asked === 2 ? { Failures: [{ Arn: 'task/two', Reason: 'RESOURCE:FARGATE' }] } : undefined;
    });
    const { ending, cause } = await run(world, undo);
    expect({ ending, cause }).toEqual({ ending: 'NeedsAPerson', cause: expect.stringContaining('RESOURCE:FARGATE') });
    expect(world.record.stopped).toHaveLength(3);
    expect((await run(world, undo)).ending).toBe('Succeeded');
    expect(world.ran).toHaveLength(3);
  });

  it('asks for a person when a task cannot be run', async () => {
    const world = await stoppedBefore();
    world.faults.set('Run a task again', () => {
      throw new TaskFailure('Ecs.ClientException', 'TaskDefinition is inactive');
    });
    expect((await run(world, undo)).ending).toBe('NeedsAPerson');
  });

  it('does not forget the size that the database had, whoever shrank it first', async () => {
    const world = await stoppedBefore();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.record.database?.class).toBe(usualClass);
  });

  it('waits for a database that is busy', async () => {
    const world = new ResearchWorld();
    let tries = 0;
    world.faults.set('Change the size of the database', () => {
      tries += 1;
      if (tries < 4) throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'backing-up');
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect([tries, world.databaseClass]).toEqual([4, spentClass]);
  });
});

describe('a closed market', () => {
  const recorders = ['one', 'us-equities-recorder/1', 'cme-futures-recorder/1', 'us-equities-recorder/2'];
  const running = ({ ran }: ResearchWorld): readonly string[] => ran.map(({ Overrides }) => (Overrides as { ContainerOverrides: { Command: string[] }[] }).ContainerOverrides[0]?.Command[0] ?? '');
  const closed = async (): Promise<ResearchWorld> => {
    const world = new ResearchWorld(recorders);
    expect((await run(world, night)).ending).toBe('Succeeded');
    return world;
  };

  it('stops what follows it, with the database, and tells nobody', async () => {
    const world = await closed();
    expect(world.stopped).toEqual(['task/us-equities-recorder/1', 'task/us-equities-recorder/2']);
    expect([world.databaseClass, world.notices]).toEqual([spentClass, []]);
  });

  it('starts it again when it opens', async () => {
    const world = await closed();
    expect((await run(world, morning)).ending).toBe('Succeeded');
    expect(running(world)).toEqual(['us-equities-recorder/1', 'us-equities-recorder/2']);
    expect([world.databaseClass, world.record, world.notices]).toEqual([usualClass, { stopped: [] }, []]);
  });

  it('of another market stops its own, and leaves the database', async () => {
    const world = new ResearchWorld(recorders);
    await run(world, { ...night, market: 'cme-futures' });
    expect([world.stopped, world.databaseClass]).toEqual([['task/cme-futures-recorder/1'], usualClass]);
  });

  it('that opens with nothing stopped changes nothing', async () => {
    const world = new ResearchWorld(recorders);
    expect((await run(world, morning)).ending).toBe('Succeeded');
    expect([world.ran, world.record, world.databaseClass]).toEqual([[], { stopped: [] }, usualClass]);
  });

  it('opens in a month that is spent: what the budget holds stays stopped until that is undone', async () => {
    const world = await closed();
    expect((await run(world)).ending).toBe('Succeeded');
    expect((await run(world, morning)).ending).toBe('Succeeded');
    expect([running(world), world.databaseClass]).toEqual([[], spentClass]);
    expect((await run(world, undo)).ending).toBe('Succeeded');
    expect(running(world).toSorted()).toEqual(recorders.toSorted());
    expect([world.databaseClass, world.record]).toEqual([usualClass, { stopped: [] }]);
  });

  it('closes in a month that is spent, and the budget is extended at night: what follows the market waits for the morning', async () => {
    const world = new ResearchWorld(recorders);
    await run(world);
    await run(world, night);
    expect((await run(world, undo)).ending).toBe('Succeeded');
    expect([running(world), world.databaseClass]).toEqual([['one', 'cme-futures-recorder/1'], spentClass]);
    expect((await run(world, morning)).ending).toBe('Succeeded');
    expect(running(world)).toHaveLength(4);
    expect([world.databaseClass, world.record]).toEqual([usualClass, { stopped: [] }]);
  });

  it('whose opening was interrupted is started by the next one', async () => {
    const world = await closed();
    world.faults.set('Run a task again', () => {
      throw new TaskFailure('Ecs.ClientException', 'no capacity provider');
    });
    expect((await run(world, morning)).ending).toBe('NeedsAPerson');
    world.faults.clear();
    expect((await run(world, morning)).ending).toBe('Succeeded');
    expect([running(world).length, world.record]).toEqual([2, { stopped: [] }]);
  });

  it('that closes while another execution writes looks again', async () => {
    const world = new ResearchWorld(recorders);
    world.changedBeforeWrites = 1;
    expect((await run(world, night)).ending).toBe('Succeeded');
    expect(world.record.stopped).toHaveLength(2);
  });
});

describe('a request that is refused', () => {
  it.each([{}, { ...whole, month: '2026-13' }, { ...whole, market: 'us-equities' }, { reason: 'either of them', requestedBy: 'ada' }, { ...night, market: 'nasdaq' }, { ...whole, reason: '' }, { ...whole, more: 1 }, 'now', null])('says what it must say: %j', async (input) => {
    const world = new ResearchWorld();
    const { ending, cause } = await run(world, input as never);
    expect({ ending, cause }).toEqual({ ending: 'Refused', cause: expect.stringContaining('Correct it and start again') });
    expect(world.record.stopped.length + world.stopped.length).toBe(0);
  });

  it('undoes nothing that was not done', async () => {
    const { ending, cause } = await run(new ResearchWorld(), undo);
    expect({ ending, cause }).toEqual({ ending: 'Refused', cause: expect.stringContaining('Nothing was stopped for the budget of 2026-11') });
  });
});

await coverage.everyFault({
  scenarios: { spent: scenarios.spent, undone: stoppedBefore },
  input: (scenario) => inputOf(scenario) as never,
  endingOf: (state, error, usually) =>
    error === 'refusal' ? 'Refused' : state === 'Stop a task that does not trade' && error === 'Ecs.InvalidParameterException' ? usually : 'NeedsAPerson',
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
