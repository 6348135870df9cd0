/** The synthesized machine that stops what drills have left: every ending, and every Catch, Retry and branch of a Choice by name. */
import { expect, it } from 'vitest';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { scenarios } from '../../simulation/scenes/drill-leftovers.ts';
import { DrillTasks } from '../../simulation/worlds/drill-tasks.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('drill-leftovers')!);

it('a task that is older than any drill is stopped, and people are told; one of a drill of now is left alone', async () => {
  const world = await scenarios.left();
  expect((await coverage.run(world, {})).ending).toBe('Succeeded');
  expect([...world.running.keys()]).toEqual(['young']);
  expect(world.notices).toEqual(['Baton: a drill has left a task, which was stopped']);
});

it.each(['running', 'none'] as const)('where nothing is left nothing is stopped, and nobody is told: %s', async (scene) => {
  const world = await scenarios[scene]();
  const before = [...world.running.keys()];
  expect((await coverage.run(world, {})).ending).toBe('Succeeded');
  expect([[...world.running.keys()], world.notices]).toEqual([before, []]);
});

it('of very many ten are stopped, and the others in the hours after', async () => {
  const world = new DrillTasks(Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`task-${index}`, 5])));
  await coverage.run(world, {});
  expect(world.running.size).toBe(2);
  await coverage.run(world, {});
  expect(world.running.size).toBe(0);
});

it('one that cannot be stopped needs a person, and the next hour finds it again', async () => {
  const world = await scenarios.left();
  world.faults.set('Stop a task that was left', () => {
    throw new TaskFailure('Ecs.ServerException', 'not now');
  });
  const { ending, cause } = await coverage.run(world, {});
  expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringContaining('not now')]);
  world.faults.clear();
  expect((await coverage.run(world, {})).ending).toBe('Succeeded');
  expect([...world.running.keys()]).toEqual(['young']);
});

await coverage.everyFault({
  scenarios,
  input: () => ({}),
  beside: (error, world, args) => void world.comesTrue(error, args as never),
  endingOf: (_state, error, usually) => (error === 'Ecs.InvalidParameterException' ? usually : 'NeedsAPerson'),
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
