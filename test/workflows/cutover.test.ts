/** The synthesized cutover, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import * as ecr from '@aws-sdk/client-ecr';
import * as ecs from '@aws-sdk/client-ecs';
import * as rds from '@aws-sdk/client-rds';
import * as sns from '@aws-sdk/client-sns';
import * as ssm from '@aws-sdk/client-ssm';
import { describe, expect, it } from 'vitest';
import { dev } from '../../lib/settings/dev.ts';
import { migrationFields } from '../../lib/workflows/blocks/migration.ts';
import { revisionFields } from '../../lib/workflows/blocks/bring-up.ts';
import { TaskFailure, type ExecutionResult, type Json } from '../../rehearsal/states/engine.ts';
import { arnOf } from '../../simulation/worlds/desk.ts';
import { asked, scenarios, typed } from '../../simulation/scenes/cutover.ts';
import { book, canaryBook, CutoverWorld, executionArn, images, request } from '../../simulation/worlds/cutover.ts';
import { Coverage } from './coverage.ts';
import { synthesizedCutover } from './synthesized.ts';

const { definition, taskTemplate, migrationTemplate } = synthesizedCutover();
const coverage = new Coverage(definition);
const { tasks } = coverage;

async function run(
  world: CutoverWorld, input: Json = typed(world), onEnd: (end: ExecutionResult) => void = () => undefined, machine = definition,
): Promise<string> {
  const result = await world.run(machine, input);
  onEnd(result);
  coverage.see(world.events);
  if (result.error === 'States.Runtime' || result.error === 'States.QueryEvaluationError') throw new Error(result.cause);
  return result.status === 'SUCCEEDED' ? 'Succeeded' : (result.error ?? result.status);
}

type Scenario = keyof typeof scenarios;

const untouched = (world: CutoverWorld): void => {
  expect(world.lease()).toMatchObject({ epoch: 7, holder: world.instance('blue', 1), mode: 'open' });
  expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old']);
  expect(world.primary).toBe('ts-old');
};
const whyOf = (world: CutoverWorld): unknown => world.reports.get(`cutovers/${book}/run-1.json`)?.['why'];
const released = (world: CutoverWorld): void => expect(world.lease().workflow).not.toHaveProperty('execution');

describe('a cutover that succeeds', () => {
  it('replaces blue by green, records it, retires blue and gives the book back', async () => {
    const world = await scenarios.second();
    expect(await run(world)).toBe('Succeeded');
    expect(world.lease()).toMatchObject({
      epoch: 8,
      holder: world.instance('green', 1),
      mode: 'open',
      live: { imageDigest: images.trader, guardDigest: images.guard, taskDefinition: 'new:1' },
    });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
    expect(world.primary).toBe('ts-new');
    expect(JSON.parse(world.parameter!)).toEqual({ imageDigest: images.trader, guardDigest: images.guard, taskDefinition: 'new:1' });
    expect((await world.control.registrations(book)).map(({ colour }) => colour)).toEqual(['green', 'green']);
    expect(world.notices).toEqual([`Baton: cutover of ${book} succeeded`]);
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({
      outcome: 'succeeded', requestedBy: 'ada', reason: 'a new strategy', images, execution: executionArn, epochs: { before: 7, after: 8 },
      outgoing: 'blue', incoming: 'green', liveBefore: { imageDigest: 'sha256:old' }, taskDefinition: 'new:1', taskSet: 'ts-new',
    });
    expect((world.reports.get(`cutovers/${book}/run-1.json`) as { steps: { what: string }[] }).steps.map(({ what }) => what)).toEqual([
      'The book was taken by this execution.',
      'The snapshot is available; the new colour is healthy and reconciled.',
      'The holder was asked to hand over.',
      'The new colour holds the book.',
      'The venue accepts orders of the new colour.',
      'The new colour was recorded as live.',
    ]);
    released(world);
  });

  it('starts the task set from the template with both digests, the colour and nothing else changed', async () => {
    const world = await scenarios.second();
    await run(world);
    const registered = world.calls.find(({ state }) => state === 'Register the revision that runs these images')!.args;
    expect(registered).toMatchObject({
      Family: 'baton-dev-alpha',
      TaskRoleArn: 'task-role',
      Cpu: '1024',
      RequiresCompatibilities: ['FARGATE'],
      Volumes: [],
    });
    const [guard, trader] = registered['ContainerDefinitions'] as { Name: string; Image: string; Environment: unknown }[];
    expect(guard!.Image).toMatch(new RegExp(`@${images.guard}$`));
    expect(trader!.Image).toMatch(new RegExp(`@${images.trader}$`));
    for (const { Environment } of [guard!, trader!]) {
      expect(Environment).toEqual([
        { Name: 'BATON_BOOK', Value: book }, { Name: 'BATON_COLOUR', Value: 'green' }, { Name: 'BATON_IMAGE_DIGEST', Value: images.trader },
      ]);
    }
    const created = world.calls.find(({ what }) => what === 'ecs:createTaskSet')!.args;
    expect(created).toMatchObject({
      ExternalId: 'green',
      TaskDefinition: 'new:1',
      LaunchType: 'FARGATE',
      Scale: { Value: 100, Unit: 'PERCENT' },
    });
    expect(created['ClientToken']).toMatch(/^[0-9a-f]{32}$/);
  });

  it('copies every field that the synthesized templates have', () => {
    const copied: readonly string[] = revisionFields;
    const ofMigration: readonly string[] = migrationFields;
    expect(Object.keys(migrationTemplate)).toContain('ContainerDefinitions');
    expect(Object.keys(migrationTemplate).filter((field) => field !== 'Tags' && !ofMigration.includes(field))).toEqual([]);
    // Tags are for the bill and stay with the template.
    expect(Object.keys(taskTemplate).filter((field) => field !== 'Tags' && !copied.includes(field))).toEqual([]);
  });

  it('opens the book at its first cutover and has nothing to retire', async () => {
    const world = await scenarios.first();
    expect(await run(world)).toBe('Succeeded');
    expect(world.lease()).toMatchObject({
      epoch: 1,
      holder: world.instance('blue', 1),
      mode: 'open',
      live: { imageDigest: images.trader },
    });
    expect(world.primary).toBe('ts-new');
    released(world);
  });

  it('waits for two different people and reports who they were', async () => {
    const world = await scenarios.approved();
    expect(await run(world)).toBe('Succeeded');
    expect(world.notices[0]).toBe(`Baton: approval wanted for the cutover of ${book}`);
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({
      requester: arnOf('ada'), approvedBy: [arnOf('grace'), arnOf('edsger')], change: request.change, forced: [],
    });
    // Nothing is locked while people think.
    const order = world.visited();
    expect(order.indexOf('Take the book for this execution')).toBeGreaterThan(order.lastIndexOf('Look who has approved the change'));
  });

  it('goes on when the last approval comes in the moment the time is over', async () => {
    const world = await scenarios.unapproved();
    world.faults.set('Close the approvals of this change', () => {
      world.onAsked = (desk) => desk.decide('edsger', 'approve', 'run-1');
      return undefined;
    });
    expect(await run(world)).toBe('Succeeded');
  });

  it('expands the schema before it starts the new colour, and contracts it when the old one is gone', async () => {
    const world = await scenarios.contracts();
    expect(await run(world)).toBe('Succeeded');
    expect(world.migrations).toEqual(['migrate expand', 'migrate contract']);
    const order = world.visited();
    expect(order.lastIndexOf('Is the expansion of the schema done?')).toBeLessThan(order.indexOf('Start the task set of the new colour'));
    expect(order.indexOf('Run the contraction of the schema')).toBeGreaterThan(order.indexOf('Forget the registrations of the old colour'));
    expect(order.indexOf('Run the contraction of the schema')).toBeGreaterThan(order.indexOf('Record that the way back is closed'));
    expect(world.lease().contractedBy).toBe('new:1');
    const migrating = world.calls.find(({ what }) => what === 'ecs:runTask')!.args;
    expect(migrating).toMatchObject({ TaskDefinition: 'migration:1', LaunchType: 'FARGATE' });
    const registered = world.calls.find(({ state }) => state === 'Register the migration of these images')!.args;
    expect(registered['ContainerDefinitions']).toMatchObject([{ Image: expect.stringMatching(`@${images.trader}$`) as string }, {}]);
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({ migration: 'migration:1' });
  });

  it('runs no migration that a book does not have', async () => {
    const world = await scenarios.second();
    const without = JSON.parse(JSON.stringify(definition).replaceAll('"migrates":true', '"migrates":false')) as typeof definition;
    expect(await run(world, undefined, undefined, without)).toBe('Succeeded');
    expect(world.migrations).toEqual([]);
  });

  it('passes a freeze by force, and says what it passed', async () => {
    const world = await scenarios.second();
    world.freeze = JSON.stringify({ frozen: true, reason: 'quarter end', by: 'grace' });
    const force = { reason: 'the venue retires its API tonight', approvedBy: 'grace' };
    expect(await run(world, typed(world, { force }))).toBe('Succeeded');
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({
      force, forced: ['Changes are frozen by grace: quarter end.'], change: request.change,
    });
  });

  it('removes what an earlier attempt left of the idle colour first', async () => {
    const world = await scenarios.leftover();
    expect(await run(world)).toBe('Succeeded');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
  });

  it('goes on when the hand-over is written in the moment it stops asking', async () => {
    const world = await scenarios.lateDrain();
    world.faults.set('Stop asking the old colour for the book', () => {
      world.handOver('green');
      return undefined;
    });
    expect(await run(world)).toBe('Succeeded');
  });
});

it('waits for the hourly backup, beside which RDS begins no snapshot', async () => {
  const world = await scenarios.second();
  let refusals = 0;
  world.faults.set('Start a snapshot of the database', () => {
    if (refusals === 8) return undefined;
    refusals += 1;
    throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'Cannot create a snapshot because the database instance is not currently in the available state.');
  });
  expect(await run(world)).toBe('Succeeded');
  expect({ refusals, snapshots: world.snapshots.size }).toEqual({ refusals: 8, snapshots: 1 });
});

describe('a cutover that rolls back', () => {
  const cases: [Scenario, string, RegExp][] = [
    ['unhealthy', 'the standbys never get ready', /says that it is not ready/],
    ['snapshotStuck', 'the snapshot is never available', /creating after 1800 s/],
    ['snapshotFails', 'the snapshot fails', /Snapshot .* failed: look at the events/],
    ['tasksStuck', 'the tasks never run', /1 of 2 tasks run/],
    ['expansionStuck', 'the schema is never expanded', /expansion of the schema was not done within 240 s/],
    ['lateDrain', 'the old colour never hands over', /did not change hands within 120 s/],
  ];
  it.each(cases)('%s: removes the new colour and leaves the old one alone when %s', async (scenario, _, why) => {
    const world = await scenarios[scenario]();
    expect(await run(world)).toBe('RolledBack');
    untouched(world);
    released(world);
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({
      outcome: 'rolled-back',
      why: expect.stringMatching(why) as string,
    });
  });

  it('when the expansion fails, and says where its log is', async () => {
    const world = Object.assign(await scenarios.second(), { migrationExits: { 'migrate-expand': 1 } });
    expect(await run(world)).toBe('RolledBack');
    untouched(world);
    expect(world.reports.get(`cutovers/${book}/run-1.json`)).toMatchObject({
      why: expect.stringMatching(/exit code 1 \(Essential .*log stream migrate\/migrate\/migrate-expand says why/) as string,
    });
  });

  it('when the holder declines, because it sees no successor alive', async () => {
    const world = await scenarios.second();
    world.onDrain = () => world.set({ mode: 'open' }, ['successor']);
    expect(await run(world)).toBe('RolledBack');
    untouched(world);
    expect(whyOf(world)).toMatch(/ended the drain itself/);
  });

  it('when green dies between its grant and its first renewal, and says so', async () => {
    const world = await scenarios.second();
    world.onDrain = () => world.retake('blue');
    expect(await run(world)).toBe('RolledBack');
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1), mode: 'open', live: { imageDigest: 'sha256:old' } });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old']);
    expect(whyOf(world)).toMatch(/took the book by itself, in epoch 9, after it was asked for it in epoch 7:.*died before it renewed\.$/);
  });

  it('hands back to blue when green holds the book and does not trade', async () => {
    const world = await scenarios.stalled();
    expect(await run(world)).toBe('RolledBack');
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1), mode: 'open', live: { imageDigest: 'sha256:old' } });
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old']);
    expect(world.primary).toBe('ts-old');
    expect(world.notices).toEqual([`Baton: cutover of ${book} rolled-back`]);
    released(world);
  });

  it('when the old colour took over by itself before the new one traded', async () => {
    const world = await scenarios.second();
    world.trades = (colour) => colour === 'blue';
    world.faults.set('Look for accepted orders of the new colour', ({ retryCount }) => {
      if (retryCount === 0 && world.lease().epoch === 8) world.handOver('blue');
      return undefined;
    });
    expect(await run(world)).toBe('RolledBack');
    expect(world.lease()).toMatchObject({ epoch: 9, holder: world.instance('blue', 1) });
  });

  it('when green falls silent during the bake', async () => {
    const world = await scenarios.second();
    world.trades = (colour, looks) => colour === 'blue' || looks < 3;
    expect(await run(world)).toBe('RolledBack');
    expect(world.visited()).toContain('Note that the bake failed');
    expect(world.lease()).toMatchObject({ holder: world.instance('blue', 1) });
  });
});

describe('a cutover that needs a person', () => {
  const secondsIn = (world: CutoverWorld, state: string): number => {
    const [first, last] = [world.events.find((event) => event.state === state), world.events.at(-1)];
    return ((last?.atMs ?? 0) - (first?.atMs ?? 0)) / 1000;
  };

  it('at once, when somebody halts the book while it changes hands: nobody could resume it meanwhile', async () => {
    const world = await scenarios.haltedMeanwhile();
    expect(await run(world)).toBe('NeedsAPerson');
    expect(whyOf(world)).toMatch(/halted while it was to change hands.*until it is resumed/);
    expect(secondsIn(world, 'Look who holds the book')).toBeLessThan(2);
    expect(world.lease()).toMatchObject({ mode: 'halted', epoch: 8, live: { imageDigest: 'sha256:old' } });
    released(world);
  });

  it('at once, when somebody halts it while it is handed back', async () => {
    const world = await scenarios.haltedOnTheWayBack();
    expect(await run(world)).toBe('NeedsAPerson');
    expect(whyOf(world)).toMatch(/too few orders accepted.*halted while it was to be handed back/);
    expect(secondsIn(world, 'Look whether the old colour holds the book')).toBeLessThan(2);
    released(world);
  });

  it('leaves the first colour as it is when it does not trade: there is nobody to hand back to', async () => {
    const world = await scenarios.first();
    world.trades = () => false;
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-new']);
    expect(world.lease()).toMatchObject({ mode: 'open', holder: world.instance('blue', 1) });
    released(world);
  });

  it('when nobody takes the book', async () => {
    const world = await scenarios.first();
    world.onDrain = () => undefined;
    expect(await run(world)).toBe('NeedsAPerson');
  });

  it('when the book cannot be handed back: the holder declines', async () => {
    const world = await scenarios.stalled();
    world.onDrain = (_, to) => (to === 'green' ? world.handOver(to) : world.set({ mode: 'open' }, ['successor']));
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.taskSets).toHaveLength(2);
  });

  it('when the book cannot be handed back: blue dies with it, and green has it again', async () => {
    const world = await scenarios.stalled();
    world.onDrain = (_, to) => (to === 'green' ? world.handOver(to) : world.retake('green'));
    expect(await run(world)).toBe('NeedsAPerson');
    expect(whyOf(world)).toMatch(/taken by the new colour again/);
  });

  it('when the book cannot be handed back: nobody takes it', async () => {
    const world = await scenarios.stalled();
    world.onDrain = (_, to) => (to === 'green' ? world.handOver(to) : undefined);
    expect(await run(world)).toBe('NeedsAPerson');
  });

  it('when neither colour trades', async () => {
    const world = await scenarios.stalled();
    world.trades = () => false;
    expect(await run(world)).toBe('NeedsAPerson');
  });

  it('leaves a contraction that waits to the book whose canary it is: that one still runs the release before', async () => {
    const world = await scenarios.contracts();
    const set = structuredClone(definition) as { States: Record<string, { Assign?: { books?: Record<string, { contracts: boolean }> } }> };
    set.States['Set out with what is known']!.Assign!.books![book]!.contracts = false;
    expect(await world.run(set as unknown as typeof definition)).toMatchObject({ status: 'SUCCEEDED' });
    expect(world.migrations).toEqual(['migrate expand']);
    const books = (definition.States['Set out with what is known'] as { Assign?: { books?: unknown } }).Assign?.books;
    expect(books).toMatchObject({ [book]: { contracts: true }, [canaryBook]: { contracts: false } });
  });

  it('when the contraction fails: the new colour trades all the same', async () => {
    const world = Object.assign(await scenarios.second(), { migrationExits: { 'migrate-expand': 10, 'migrate-contract': 1 } });
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.lease()).toMatchObject({ holder: world.instance('green', 1), live: { imageDigest: images.trader } });
    released(world);
  });

  it('keeps blue when green does not outlive the rollback window', async () => {
    const world = await scenarios.second();
    world.trades = (_, looks) => looks < 4;
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.taskSets.map(({ Id }) => Id)).toEqual(['ts-old', 'ts-new']);
    released(world);
  });

  it('when the old colour does not stop', async () => {
    const world = await scenarios.second();
    world.taskSetsStop = false;
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.lease()).toMatchObject({ holder: world.instance('green', 1) });
  });

  it('when what an earlier attempt left does not stop', async () => {
    const world = await scenarios.leftover();
    world.taskSetsStop = false;
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.lease()).toMatchObject({ epoch: 7, holder: world.instance('blue', 1) });
  });

  it('writes nothing more once another workflow has taken the book', async () => {
    const world = await scenarios.second();
    world.faults.set('Look whether the new colour goes on trading', () => {
      world.preempt();
      return undefined;
    });
    expect(await run(world)).toBe('NeedsAPerson');
    expect(world.lease().workflow.execution).toBe('failover');
    expect(world.lease().live).toMatchObject({ imageDigest: 'sha256:old' });
    expect(world.taskSets).toHaveLength(2);
    expect(world.primary).toBe('ts-old');
  });
});

describe('a cutover that is refused', () => {
  const refusal = async (world: CutoverWorld, input?: Json): Promise<string> => {
    const before = JSON.stringify([world.lease(), world.taskSets]);
    let cause: string | undefined;
    expect(await run(world, input, (result) => (cause = result.cause))).toBe('Refused');
    expect(JSON.stringify([world.lease(), world.taskSets])).toBe(before);
    return cause ?? '';
  };

  it('names every fault of the input, what was seen and what to do', async () => {
    const cause = await refusal(await scenarios.second(), { ...request, images: { trader: 'latest', guard: images.guard }, reason: '' });
    expect(cause).toMatch(/images\.trader: .*\(seen: "latest"\)/);
    expect(cause).toMatch(/reason: .*\(seen: ""\)/);
    expect(cause).toMatch(/Correct it and start again/);
  });
  it('names the books there are', async () => {
    expect(await refusal(await scenarios.second(), { ...request, book: 'nosuch' })).toMatch(new RegExp(`no book 'nosuch'.*${book}`));
  });
  it('when the book has its home in another Region', async () => {
    const world = await scenarios.second();
    const elsewhere = executionArn.replace('us-east-1', 'us-west-2');
    const result = await world.run(definition, request, elsewhere);
    expect(result).toMatchObject({ error: 'Refused', cause: expect.stringMatching(/home is us-east-1, and this execution runs in us-west-2/) as string });
    untouched(world);
  });
  it('names the workflow that holds the book', async () => {
    const world = await scenarios.second();
    await world.control.takeWorkflow(book, 'arn:another');
    expect(await refusal(world)).toMatch(/arn:another/);
  });
  it('when the book is halted', async () => {
    const world = await scenarios.second();
    world.set({ mode: 'halted' });
    expect(await refusal(world)).toMatch(/halted.*Resume/);
  });
  it('while changes are frozen, and says by whom and why', async () => {
    const world = await scenarios.second();
    world.freeze = JSON.stringify({ frozen: true, reason: 'quarter end', by: 'grace' });
    expect(await refusal(world)).toMatch(/frozen by grace: quarter end/);
  });
  it('when the one who forces it approves it himself', async () => {
    const force = { reason: 'urgent', approvedBy: 'Ada' };
    expect(await refusal(await scenarios.second(), { ...request, force })).toMatch(/second person/);
  });
  it('when nobody proves who asks, and approvals are wanted', async () => {
    expect(await refusal(await scenarios.approved(), request)).toMatch(/need 2 approvals.*aws eks get-token/);
  });
  it('when the approvals do not come in time', async () => {
    const world = await scenarios.unapproved();
    expect(await refusal(world)).toMatch(/not approved in time: 1 of 2 approvals, by .*user\/grace/);
    expect(await world.desk().decide('edsger', 'approve', 'run-1')).toMatchObject({ accepted: false, message: /Too late/ });
  });
  it('when it costs more than a tenth of the budget and nobody approves that, also where no approval is asked for', async () => {
    const dear = (costImpactUsdMonthly: number) => ({ ...request, change: { ...request.change, costImpactUsdMonthly } });
    const tenthUsd = dev.budget.monthlyUsd / 10;
    const world = await scenarios.second();
    expect(await refusal(world, dear(tenthUsd + 0.01))).toMatch(/not approved in time: 0 of 1 approvals/);
    const cheap = await scenarios.second();
    await run(cheap, dear(tenthUsd));
    expect(cheap.visited()).not.toContain('Look who has approved the change');
  });
  it('is reported and told when people were asked, and left to its author when they were not', async () => {
    const at = `cutovers/${book}/run-1.json`;
    const rejected = await asked((desk) => desk.decide('edsger', 'reject', 'run-1'));
    const why = await refusal(rejected);
    const told = { outcome: 'refused', why, requester: arnOf('ada'), change: request.change, snapshot: '' };
    expect(rejected.reports.get(at)).toMatchObject(told);
    expect(rejected.notices).toEqual([`Baton: approval wanted for the cutover of ${book}`, `Baton: cutover of ${book} refused`]);
    const busy = await scenarios.second();
    await busy.control.takeWorkflow(book, 'arn:another');
    await refusal(busy);
    expect(busy.notices).toEqual([`Baton: cutover of ${book} refused`]);
    expect((await busy.control.read(book)).workflow.execution).toBe('arn:another');
    const frozen = await scenarios.approved();
    frozen.freeze = JSON.stringify({ frozen: true, reason: 'quarter end', by: 'grace' });
    await refusal(frozen);
    expect([frozen.reports.size, frozen.notices]).toEqual([0, []]);
  });
  it('when somebody rejects it, with the reason', async () => {
    const world = await asked((desk) => desk.decide('edsger', 'reject', 'run-1'));
    expect(await refusal(world)).toBe(`${arnOf('edsger')} rejected it: not now`);
  });
  it('when changes were frozen while people thought', async () => {
    const world = await scenarios.approved();
    world.faults.set('Look who has approved the change', () => {
      world.freeze = JSON.stringify({ frozen: true, reason: 'an incident', by: 'grace' });
      return undefined;
    });
    expect(await refusal(world)).toMatch(/once more: Changes are frozen by grace/);
  });
  it('when the registry does not have the image', async () => {
    const world = await scenarios.second();
    world.faults.set('Check that the registry has the image of the guard', () => {
      throw new TaskFailure('Ecr.ImageNotFoundException', 'The image does not exist');
    });
    expect(await refusal(world)).toMatch(/image of the guard: Ecr.ImageNotFoundException The image does not exist/);
  });
});

// ── Every Retry and Catch ────────────────────────────────────────────────────────────────────────────────────

/** Which scenario passes each task, and how it ends undisturbed. */
const usual: Record<Scenario, string> = {
  second: 'Succeeded',
  first: 'Succeeded',
  leftover: 'Succeeded',
  unhealthy: 'RolledBack',
  snapshotStuck: 'RolledBack',
  snapshotFails: 'RolledBack',
  tasksStuck: 'RolledBack',
  lateDrain: 'RolledBack',
  stalled: 'RolledBack',
  haltedMeanwhile: 'NeedsAPerson',
  haltedOnTheWayBack: 'NeedsAPerson',
  contracts: 'Succeeded',
  expansionStuck: 'RolledBack',
  contractionStuck: 'NeedsAPerson',
  approved: 'Succeeded',
  unapproved: 'Refused',
};
const passing = new Map<string, Scenario>();
const passingScenarios = [
  'second', 'first', 'leftover', 'unhealthy', 'lateDrain', 'stalled', 'contracts', 'expansionStuck', 'contractionStuck', 'approved', 'unapproved',
] as const;
for (const scenario of passingScenarios) {
  const world = await scenarios[scenario]();
  await run(world);
  for (const state of world.visited()) if (!passing.has(state)) passing.set(state, scenario);
}

/** What an error that is caught leads to: a person, but for these. */
const endingOf = (state: string, error: string): string => {
  if (error === 'WorkflowPreemptedError') return 'NeedsAPerson';
  const gates = /^(Check|Read the freeze|Open the approvals|Tell people whose|Look who has approved|Close the approvals)/;
  if (gates.test(state)) return 'Refused';
  if (state === 'Take the book for this execution') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
  if (error === 'Rds.DbSnapshotAlreadyExistsException' || error === 'Ecs.TaskSetNotFoundException') return usual[passing.get(state)!];
  const handsBack = [
    'Ask the holder to hand over',
    'Look who holds the book',
    'Look for accepted orders of the new colour',
    'Look whether the new colour goes on trading',
  ];
  return handsBack.includes(state) ? 'RolledBack' : 'NeedsAPerson';
};

describe.each(tasks.map(({ state, definition: each }) => [state, each] as const))('%s', (state, each) => {
  const scenario = passing.get(state)!;

  it('is repeated after a passing fault', async () => {
    const world = await scenarios[scenario]();
    let failures = 0;
    world.faults.set(state, () => {
      if (failures > 0) return undefined;
      failures += 1;
      throw new TaskFailure(each.Retry![0]!.ErrorEquals[0]!, 'a passing fault');
    });
    expect(await run(world)).toBe(usual[scenario]);
    expect(failures).toBe(1);
  });

  const caught = (each.Catch ?? []).flatMap(({ ErrorEquals }) => ErrorEquals);
  it.each(caught)('ends as declared after %s', async (error) => {
    const world = await scenarios[scenario]();
    world.faults.set(state, (_, args) => {
      if (error === 'Ecs.TaskSetNotFoundException') {
        world.taskSets = world.taskSets.filter(({ Id }) => Id !== (args as { TaskSet: string }).TaskSet);
      }
      throw new TaskFailure(error === 'States.ALL' ? 'Unforeseen' : error, 'it said so');
    });
    expect(await run(world)).toBe(endingOf(state, error));
    if (state !== 'Give the book back for other workflows') released(world);
  });
});

describe('the preparation', () => {
  it.each([
    ['WorkflowPreemptedError', 'NeedsAPerson'],
    ['Unforeseen', 'RolledBack'],
  ])('ends as declared after %s within', async (error, ending) => {
    const world = await scenarios.second();
    world.faults.set('Look at the standbys of the new colour', () => {
      throw new TaskFailure(error, 'it said so');
    });
    expect(await run(world)).toBe(ending);
  });
});

describe.each([
  ['Delete a task set of the old colour', 'second', 'NeedsAPerson'],
  ['Delete a task set of the new colour', 'unhealthy', 'NeedsAPerson'],
] as const)('%s', (state, scenario, ending) => {
  it('fails its Map with what nobody expected', async () => {
    const world = await scenarios[scenario]();
    world.faults.set(state, () => {
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect(await run(world)).toBe(ending);
  });
});

// The last test: it judges the ones before it.
it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});

it('names only errors that the SDK of the service has', () => {
  // The two that Step Functions itself adds to each service: a lost connection, and a refusal without a name.
  const own = /^(\w+)\.(SdkClientException|\1Exception)$/;
  const names = new Set(
    tasks.flatMap(({ definition: each }) => [...(each.Retry ?? []), ...(each.Catch ?? [])].flatMap(({ ErrorEquals }) => ErrorEquals)),
  );
  const ofApis = [...names].filter((name) => /^[A-Z]\w+\.\w+$/.test(name) && !/^(States|Lambda|Sandbox|Runtime)\./.test(name) && !own.test(name));
  expect(ofApis.toSorted()).toEqual(['Ecr.ImageNotFoundException', 'Ecs.TaskSetNotFoundException', 'Rds.DbSnapshotAlreadyExistsException', 'Rds.InvalidDbInstanceStateException', 'Sns.ThrottledException', 'Ssm.ThrottlingException']);
  expect(sns).toHaveProperty('ThrottledException');
  expect(ssm).toHaveProperty('ThrottlingException');
  expect(ecr).toHaveProperty('ImageNotFoundException');
  expect(ecs).toHaveProperty('TaskSetNotFoundException');
  // The Java SDK, whose names Step Functions takes, ends the API's DBSnapshotAlreadyExistsFault in Exception.
  expect(rds).toHaveProperty('DBSnapshotAlreadyExistsFault');
  expect(rds).toHaveProperty('InvalidDBInstanceStateFault');
});
