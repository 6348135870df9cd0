/** The synthesized rollback, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { parseRestore } from '../../lib/restore/request.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { bad, digests, execution, family, good, inputOf, putBack, request, scenarios, stillWarm } from '../../simulation/scenes/rollback.ts';
import { book, CutoverWorld, executionArn as cutoverArn, images } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('rollback')!);
const force = { reason: 'the earlier release is worse', approvedBy: 'grace' };
const tookAway = { previous: { ...good, takenAway: true } };
const contracted = { contractedBy: bad.taskDefinition };

const run = (world: CutoverWorld, input: object = request): ReturnType<Coverage['run']> => coverage.run(world, input as never, execution);
const released = (world: CutoverWorld): void => expect(world.lease().workflow).not.toHaveProperty('execution');
const report = (world: CutoverWorld): unknown => world.reports.get(`rollbacks/${book}/run-1.json`);

describe('a rollback to a warm colour', () => {
  it('takes the book from the cutover that keeps it warm, and starts nothing', async () => {
    const world = await scenarios.warm();
    const { token } = world.lease().workflow;
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1), mode: 'open', live: good, previous: { ...bad, takenAway: true } });
    expect(world.lease().workflow.token).toBe(token + 1);
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-good']);
    expect(world.primary).toBe('ts-good');
    expect(JSON.parse(world.parameter!)).toEqual(good);
    expect(world.calls.map(({ what }) => what)).not.toContain('ecs:createTaskSet');
    expect(report(world)).toMatchObject({
      outcome: 'succeeded', to: 'previous', preempted: cutoverArn, epochs: { before: 8, after: 9 }, liveBefore: bad, target: good.taskDefinition,
    });
    expect(world.notices).toEqual([`Baton: rollback of ${book} succeeded`]);
    released(world);
  });

  it('during the bake goes to what is still recorded as live, which is the primary task set still', async () => {
    const world = await scenarios.baking();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1), live: good });
    expect(world.calls.map(({ what }) => what)).not.toContain('ecs:updateServicePrimaryTaskSet');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-good']);
  });

  it('leaves the pre-empted cutover nothing to write', async () => {
    const world = await scenarios.warm();
    const { token } = world.lease().workflow;
    await run(world);
    await expect(world.control.recordLive(world.lease().book, token, bad)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    expect((await world.control.releaseWorkflow(world.lease().book, cutoverArn)).released).toBe(false);
  });

  it('is removed when it dies between its grant and its first renewal', async () => {
    const world = await scenarios.warm();
    world.onDrain = () => world.retake('green');
    const { ending, cause } = await run(world);
    expect(ending).toBe('RolledBack');
    expect(cause).toMatch(/died before it renewed/);
    expect(world.lease()).toMatchObject({ epoch: 10, holder: world.instance('green', 1), live: bad });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-bad']);
    released(world);
  });

  it('is removed when the holder sees none of it alive: nothing else has changed', async () => {
    const world = await scenarios.warm();
    world.onDrain = () => world.set({ mode: 'open' }, ['successor']);
    expect((await run(world)).ending).toBe('RolledBack');
    expect(world.lease()).toMatchObject({ epoch: 8, holder: world.instance('green', 1), live: bad });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-bad']);
    released(world);
  });
});

describe('a rollback to a cold revision', () => {
  it('registers it again for the other colour, with the images that it had and nothing added twice', async () => {
    const world = await scenarios.cold();
    expect((await run(world)).ending).toBe('Succeeded');
    const registered = world.calls.find(({ what }) => what === 'ecs:registerTaskDefinition')!.args;
    expect(registered['Family']).toBe(family);
    for (const { Name, Image, Environment } of registered['ContainerDefinitions'] as { Name: string; Image: string; Environment: unknown }[]) {
      expect(Image.endsWith(`@${Name === 'trader' ? digests.good : images.guard}`)).toBe(true);
      expect(Environment).toEqual([
        { Name: 'BATON_BOOK', Value: book }, { Name: 'BATON_COLOUR', Value: 'blue' }, { Name: 'BATON_IMAGE_DIGEST', Value: digests.good },
      ]);
    }
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1), live: { imageDigest: digests.good, taskDefinition: 'new:1' } });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
    released(world);
  });

  it.each([
    ['a revision', { taskDefinition: `${family}:1` }],
    ['its ARN', { taskDefinition: `arn:aws:ecs:us-east-1:111111111111:task-definition/${family}:1` }],
    ['an image', { imageDigest: digests.first }],
  ])('goes to one that is named by %s', async (_, to) => {
    const world = await scenarios.byImage();
    world.revisions.set(`arn:aws:ecs:us-east-1:111111111111:task-definition/${family}:1`, digests.first);
    world.faults.set('Read the revision to go back to', (_context, args) => {
      (args as Record<string, unknown>)['TaskDefinition'] = `${family}:1`;
      return undefined;
    });
    expect((await run(world, { ...request, to })).ending).toBe('Succeeded');
    expect(world.lease().live).toMatchObject({ imageDigest: digests.first });
  });

  it('replaces what a halted book runs, and leaves it halted', async () => {
    const world = await scenarios.halted();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ mode: 'halted', epoch: 9, live: { imageDigest: digests.good } });
    expect(world.lease()).not.toHaveProperty('holder');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
    released(world);
  });

  it.each([
    ['its tasks never run', { tasksRun: false }, /1 of 2 tasks run/],
    ['the holder never hands over', { onDrain: () => undefined }, /did not change hands/],
  ] as const)('leaves what trades alone when %s', async (_, broken, why) => {
    const world = Object.assign(await scenarios.cold(), broken);
    const { ending, cause } = await run(world);
    expect(ending).toBe('RolledBack');
    expect(cause).toMatch(why);
    expect(world.lease()).toMatchObject({ epoch: 8, holder: world.instance('green', 1), mode: 'open', live: bad });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-bad']);
    released(world);
  });

  it('needs a person at once when somebody halts the book while it changes hands', async () => {
    const world = await scenarios.haltedMeanwhile();
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/halted while it was to change hands/) as string });
    released(world);
  });

  it('leaves what trades alone when its standbys run something else', async () => {
    const world = await scenarios.unhealthy();
    expect(await run(world)).toMatchObject({ ending: 'RolledBack', cause: expect.stringMatching(/runs sha256:333.* instead of sha256:222/) as string });
  });

  it('goes on when the hand-over is written in the moment it stops asking', async () => {
    const world = await scenarios.lateDrain();
    world.faults.set('Stop asking the old colour for the book', () => {
      world.handOver('blue');
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a rollback that puts the database back', () => {
  it('begins the restore once the earlier release trades, and does not wait for it', async () => {
    const world = await scenarios.putBack();
    expect((await run(world, { ...request, ...putBack })).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ live: { imageDigest: digests.good }, mode: 'open' });
    const { args } = world.calls.find(({ what }) => what === 'sfn:startExecution')!;
    expect(args['StateMachineArn']).toMatch(/:stateMachine:baton-dev-restore-database$/);
    expect(parseRestore(JSON.parse(args['Input'] as string))).toEqual({
      to: putBack.restoreDatabaseTo, reason: request.reason, requestedBy: request.requestedBy, acceptDataLoss: putBack.acceptDataLoss, force: putBack.acceptDataLoss,
    });
    expect(report(world)).toMatchObject({ outcome: 'succeeded', restore: args['Name'] });
    released(world);
  });

  it('says so when the restore cannot be begun: the earlier release trades', async () => {
    const world = await scenarios.putBack();
    world.faults.set('Start the restore of the database', () => {
      throw new TaskFailure('Sfn.StateMachineDoesNotExistException', 'there is none');
    });
    const { ending, cause } = await run(world, { ...request, ...putBack });
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/there is none\. The earlier release trades\. The database was not put back: start restore-database by hand/);
    expect(world.lease()).toMatchObject({ mode: 'open' });
    released(world);
  });
});

describe('a rollback by force', () => {
  it('brings back what a rollback took away, and what goes is not taken away by that', async () => {
    const world = await scenarios.warm();
    world.set(tookAway);
    expect((await run(world, { ...request, force })).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ holder: world.instance('blue', 1), live: good });
    expect(world.lease().previous).toEqual(bad);
    expect(report(world)).toMatchObject({ outcome: 'succeeded', force });
  });

  it('goes behind a contraction of the schema', async () => {
    const world = await scenarios.cold();
    world.set(contracted);
    expect((await run(world, { ...request, force })).ending).toBe('Succeeded');
    expect(world.lease()).toMatchObject({ live: { imageDigest: digests.good }, previous: { ...bad, takenAway: true } });
  });

  it('is not needed by a revision that is no older than the contraction', async () => {
    const world = await scenarios.cold();
    world.set({ contractedBy: good.taskDefinition });
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a rollback that needs a person', () => {
  it('does not hand back to what somebody wanted away: neither colour is removed', async () => {
    const world = await scenarios.warm();
    world.trades = () => false;
    expect((await run(world)).ending).toBe('NeedsAPerson');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-bad', 'ts-good']);
    released(world);
  });
  it('when what goes takes over again', async () => {
    const world = await scenarios.warm();
    world.trades = () => false;
    world.faults.set('Look for accepted orders of the new colour', () => {
      if (world.lease().epoch === 9) world.handOver('green');
      return undefined;
    });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/lost the book/) as string });
  });
  it('when nobody holds the book after the drain', async () => {
    const world = await scenarios.lateDrain();
    world.set({ grantId: `${world.instance('green', 1)}#1` }, ['holder']);
    expect((await run(world)).ending).toBe('NeedsAPerson');
  });
  it.each(['warm', 'leftover', 'lateDrain'] as const)('when task sets do not stop: %s', async (scenario) => {
    const world = Object.assign(await scenarios[scenario](), { taskSetsStop: false });
    expect((await run(world)).ending).toBe('NeedsAPerson');
    released(world);
  });
  it('writes nothing more once another workflow has taken the book', async () => {
    const world = await scenarios.cold();
    world.faults.set('Look at the standbys of the new colour', () => {
      world.preempt();
      return undefined;
    });
    expect((await run(world)).ending).toBe('NeedsAPerson');
    expect(world.lease()).toMatchObject({ live: bad, workflow: { execution: 'failover' } });
  });
});

describe('a rollback that is refused', () => {
  const unlike = (change: (world: CutoverWorld) => unknown, from: () => Promise<CutoverWorld> = scenarios.cold) => async () => {
    const world = await from();
    await change(world);
    return world;
  };
  it.each([
    ['when nothing was ever recorded as live', () => CutoverWorld.new(), request, /nothing to go back to/],
    ['when there was one release only', unlike((world) => world.set({}, ['previous'])), request, /had one release only/],
    ['when another workflow than a cutover has the book', unlike((world) => world.control.takeWorkflow(book, 'arn:failover')), request, /arn:failover/],
    ['while a cutover has not handed over', unlike((world) => world.control.takeWorkflow(book, cutoverArn)), request, /has not handed it over/],
    ['while a drain of a dead workflow has not ended', unlike((world) => world.set({ mode: 'draining' })), request, /last net ends the drain/],
    ['when the one before took over by itself', unlike((world) => world.handOver('blue'), stillWarm), request, /is back already: blue holds it/],
    ['when that revision trades already', scenarios.cold, { ...request, to: { taskDefinition: bad.taskDefinition } }, /runs baton-dev-alpha:3 already/],
    ['when no revision runs the image', scenarios.cold, { ...request, to: { imageDigest: images.trader } }, /None of the newest 20 revisions/],
    ['when it would bring back what a rollback took away', unlike((world) => world.set(tookAway)), request, /took baton-dev-alpha:2 away.*force: /],
    ['when that is named by its image', unlike((world) => world.set(tookAway)), { ...request, to: { imageDigest: digests.good } }, /took baton-dev-alpha:2 away/],
    ['when the schema was contracted since', unlike((world) => world.set(contracted)), request, /After revision 3 the schema was contracted: baton-dev-alpha:2 is older.*force: /],
    ['when the force has no reason', scenarios.cold, { ...request, force: { approvedBy: 'grace' } }, /force\.reason/],
    ['when it is a revision of another book', unlike((world) => world.revisions.set('baton-dev-other:1', digests.first)),
      { ...request, to: { taskDefinition: 'baton-dev-other:1' } }, /is a revision of baton-dev-other; those of this book are of baton-dev-alpha/],
    ['when a database is to be restored as well, and nobody gives anything up', scenarios.cold, { ...request, restoreDatabaseTo: '2026-11-20T10:00:00Z' },
      /restoreDatabaseTo and acceptDataLoss go together/],
    ['when something is given up for nothing', scenarios.cold, { ...request, acceptDataLoss: putBack.acceptDataLoss }, /restoreDatabaseTo and acceptDataLoss go together/],
    ['when nobody else gives it up', scenarios.cold, { ...request, ...putBack, acceptDataLoss: { ...putBack.acceptDataLoss, approvedBy: request.requestedBy } }, /'acceptDataLoss' needs a second person/],
    ['when the input is no rollback', scenarios.cold, { ...request, to: 'yesterday' }, /to: .*Correct it and start again/],
    ['when there is no such book', scenarios.cold, { ...request, book: 'nosuch' }, /no book 'nosuch'/],
    ['when the registry lost the image', unlike((world) => world.faults.set('Check that the registry still has the image of the trader', () => {
      throw new TaskFailure('Ecr.ImageNotFoundException', 'The image does not exist');
    })), request, /still has the image of the trader: Ecr.ImageNotFoundException/],
  ] as const)('%s', async (_, open, input, why) => {
    const world = await open();
    const before = JSON.stringify([world.lease(), world.taskSets.map(({ Id }) => Id)]);
    const { ending, cause } = await run(world, input);
    expect(ending).toBe('Refused');
    expect(cause).toMatch(why);
    expect(JSON.stringify([world.lease(), world.taskSets.map(({ Id }) => Id)])).toBe(before);
  });
});

await coverage.everyFault({
  scenarios,
  input: inputOf,
  execution,
  beside: (error, world, args) => {
    if (error === 'Ecs.TaskSetNotFoundException') world.taskSets = world.taskSets.filter(({ Id }) => Id !== (args as { TaskSet: string }).TaskSet);
  },
  endingOf: (state, error, usually) => {
    if (error === 'WorkflowPreemptedError') return 'NeedsAPerson';
    const before = ['Check ', 'Look what runs', 'Decide what', 'List the', 'Read the revision', 'Read the image of each'];
    if (before.some((words) => state.startsWith(words))) return 'Refused';
    if (state === 'Take the book for this execution') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
    if (['Ecs.TaskSetNotFoundException', 'Sfn.ExecutionAlreadyExistsException'].includes(error)) return usually;
    return ['Ask the holder to hand over', 'Look who holds the book'].includes(state) ? 'RolledBack' : 'NeedsAPerson';
  },
});

describe('the preparation, and the Maps', () => {
  it.each([
    ['Look at the standbys of the new colour', 'cold', 'RolledBack'],
    ['Read the image of a revision', 'byImage', 'Refused'],
    ['Delete a task set of the old colour', 'cold', 'NeedsAPerson'],
    ['Delete a task set of the new colour', 'unhealthy', 'NeedsAPerson'],
  ] as const)('end as declared when %s fails as nobody expected', async (state, scenario, ending) => {
    const world = await scenarios[scenario]();
    world.faults.set(state, () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect((await run(world, inputOf(scenario))).ending).toBe(ending);
  });
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
