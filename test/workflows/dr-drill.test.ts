/** The synthesized drill, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { shadowBook } from '../../lib/contracts/drill.ts';
import { regionOf } from '../../lib/lease/model.ts';
import { shadowFields } from '../../lib/workflows/dr-drill.ts';
import { TaskFailure, type Json } from '../../rehearsal/states/engine.ts';
import { scenarios, worldWith } from '../../simulation/scenes/dr-drill.ts';
import { DrillWorld, executionArn, images, request } from '../../simulation/worlds/drill.ts';
import { alpha, away, books, here } from '../../simulation/worlds/recovery.ts';
import { assemblyOf } from '../assemblies.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const { machines } = synthesizedMachines();
const coverage = new Coverage(machines.get('dr-drill')!);
const run = (world: DrillWorld, input: object = request) => coverage.run(world, input as never, executionArn);
const reportOf = (world: DrillWorld) => world.reports.get('drills/run-1.json');

/** As CloudFormation registers it and DescribeTaskDefinition shows it. */
function synthesizedTemplate(): Record<string, Json> {
  const file = path.join(assemblyOf('dev').directory, `baton-dev-verification-${here}.template.json`);
  const { Resources } = JSON.parse(readFileSync(file, 'utf8')) as { Resources: Record<string, { Type: string; Properties: Record<string, Json> }> };
  const found = Object.values(Resources).find(({ Type, Properties }) => Type === 'AWS::ECS::TaskDefinition' && Properties['Family'] === `baton-dev-${alpha}-drill-template`);
  return found!.Properties;
}

describe('a drill that is passed', () => {
  it('restores the newest backup, lets the live release take over a shadow book, measures it, signs it and leaves nothing', async () => {
    const world = await scenarios.healthy();
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.left()).toEqual([]);
    expect(world.calls.find(({ what }) => what === 'rds:restoreDBInstanceFromDBSnapshot')!.args).toMatchObject({
      DbSnapshotIdentifier: 'awsbackup:job-new', DbInstanceIdentifier: expect.stringMatching(/^baton-dev-drill-/) as string, PubliclyAccessible: false,
    });
    expect(world.signed()).toMatchObject({
      passed: true, why: '', leftOver: '', region: here, lost: away, book: alpha, release: images, slower: [],
      measures: { recoveryPointSeconds: 2700, ordersSeconds: 6, restoreSeconds: expect.any(Number) as number, ledgerSeconds: expect.any(Number) as number },
    });
    expect(reportOf(world)).toMatchObject({ outcome: 'succeeded', passed: true, requestedBy: 'ada', drilled: alpha, lost: away });
    expect(world.notices).toEqual(['Baton: drill of all books succeeded']);
  });

  it('loses the shadow book to nobody: somebody elsewhere held it until the decision, and its epoch only grew', async () => {
    const world = await scenarios.healthy();
    await run(world);
    const [held, taken] = [1, 2];
    expect(world.lease(shadowBook)).toMatchObject({ epoch: taken, home: here, mode: 'halted', resumedFrom: held - 1 });
    expect(regionOf(world.lease(shadowBook).holder!)).toBe(here);
    const lose = world.calls.findIndex(({ state }) => state === 'Let the holder elsewhere renew a last time');
    expect(world.calls[lose + 1]!.state).toBe('Move the home of the shadow book to this Region');
    // A second one goes on from there.
    const again = Object.assign(world, { events: [], task: undefined });
    expect((await run(again)).ending).toBe('Succeeded');
    expect(world.lease(shadowBook).epoch).toBe(4);
  });

  it('changes nothing of any real book but its lock, which it gives back', async () => {
    const world = await scenarios.healthy();
    const before = books.map((book) => world.lease(book));
    await run(world);
    const after = books.map((book) => world.lease(book));
    expect(after).toEqual(before.map((lease) => ({ ...lease, workflow: { token: 1 } })));
  });

  it('runs what was synthesized, with the release that is live and the database that was restored', async () => {
    const template = synthesizedTemplate();
    expect(Object.keys(template).filter((field) => field !== 'Tags').toSorted()).toEqual([...shadowFields].toSorted());
    const world = await DrillWorld.standing({ template });
    expect((await run(world)).ending).toBe('Succeeded');
    const { Family, ContainerDefinitions } = world.registered[0] as { Family: string; ContainerDefinitions: { Name: string; Image: string; EntryPoint?: string[]; Environment: { Name: string; Value: string }[] }[] };
    expect(Family).toBe(`baton-dev-${alpha}-drill`);
    expect(ContainerDefinitions.map(({ Name, Image }) => [Name, Image.split('@')[1]])).toEqual([['venue', images.guard], ['guard', images.guard], ['trader', images.trader]]);
    const variablesOf = (container: string): Record<string, string> =>
      Object.fromEntries(ContainerDefinitions.find(({ Name }) => Name === container)!.Environment.map(({ Name, Value }) => [Name, Value]));
    expect(variablesOf('guard')).toMatchObject({ BATON_BOOK: 'drill', BATON_VENUE_HOSTS: '127.0.0.1:9072', BATON_COLOUR: 'green', BATON_IMAGE_DIGEST: images.trader });
    expect(variablesOf('trader')).toMatchObject({ BATON_BOOK: 'drill', BATON_DATABASE_HOST: 'restored.example', BATON_DATABASE_PORT: '5432', BATON_REQUIRES: 'database' });
  });

  it('says what took longer than in the last six, and is passed all the same', async () => {
    const world = await scenarios.healthy();
    // The seventh was slower, and one that was not passed does not count.
    world.drilledBefore([{ ordersSeconds: 2 }, { ordersSeconds: 60, passed: false }, ...[2, 2.5, 2, 2, 2].map((ordersSeconds) => ({ ordersSeconds })), { ordersSeconds: 9 }]);
    expect((await run(world)).ending).toBe('Succeeded');
    expect(world.signed()).toMatchObject({ passed: true, slower: [expect.stringMatching(/^from the decision to the accepted orders: 6 s, in the last 6 drills 2\.5 s at most$/)] });
    expect(reportOf(world)).toMatchObject({ slower: [expect.stringMatching(/accepted orders/)] });
  });

  it('asks again to remove what AWS does not let go at once', async () => {
    const world = await worldWith({ removalsRefused: 1 })();
    expect((await run(world)).ending).toBe('Succeeded');
    expect([world.left(), world.removalsRefused]).toEqual([[], 0]);
  });

  it('finds what it restored in an earlier attempt', async () => {
    const world = await worldWith({ restored: { status: 'creating', looks: 0 } })();
    expect((await run(world)).ending).toBe('Succeeded');
  });
});

describe('a drill that is not passed', () => {
  it.each([
    ['because the backup is never restored', { restoredAs: 'stuck' }, /was not available within 3600 s; it is creating/],
    ['because what was restored failed', { restoredAs: 'failed' }, /What was restored is failed/],
    ['because it never answers', { answersAfter: 1000 }, /did not answer within 600 s/],
    ['because the shadow trader is never ready', { standsBy: false }, /did not stand by within 600 s: no shadow trader has said anything of itself/],
    ['because the shadow task dies', { taskDies: 'Essential container in task exited' }, /The shadow task stopped: Essential container in task exited/],
    ['because nobody takes over', { takesOver: () => false }, /did not trade within 60 s: nobody in us-east-1 holds it/],
    ['because its orders do not reach the ledger', { ledgerHasOrders: false }, /The restored ledger has 0 orders of the shadow trader after 120 s/],
    ['because the newest commit is too old', { newestCommitAgeMinutes: 151 }, /the age of the newest commit in it: 9060 s, 9000 s at most/],
  ] as const)('%s: it says so, signs it and leaves nothing', async (_, more, why) => {
    const world = await worldWith(more)();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/The drill was not passed/);
    expect(cause).toMatch(why);
    expect(world.left()).toEqual([]);
    expect(world.signed()).toMatchObject({ passed: false, why: expect.stringMatching(why) as string });
    expect(world.notices).toEqual(['Baton: drill of all books needs-a-person']);
  });

  it('is one whose shadow trader halts its book', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Look whether the shadow trader trades', () => ({ StatusCode: 200, Payload: { state: 'halted', epoch: 2, holder: '', colour: '', seen: 'it is halted, by the guard: a position' } }));
    expect((await run(world)).cause).toMatch(/The shadow trader halted its book: it is halted, by the guard: a position/);
    expect(world.left()).toEqual([]);
  });

  it('gives up when RDS takes the password too late, and when what was restored fails under it', async () => {
    const late = await scenarios.healthy();
    late.faults.set('Look whether the password is set', () => {
      late.skippedMs += 1_000_000;
      return { DbInstances: [{ DbInstanceStatus: 'resetting-master-credentials', Endpoint: { Address: 'restored', Port: 5432 } }] };
    });
    expect((await run(late)).cause).toMatch(/did not take its password within 900 s/);
    const failed = await scenarios.healthy();
    failed.faults.set('Look whether the password is set', () => ({ DbInstances: [{ DbInstanceStatus: 'failed' }] }));
    expect((await run(failed)).cause).toMatch(/What was restored is failed/);
  });

  it('is none at all where there is no backup, and holds no lock', async () => {
    const world = await worldWith({ snapshots: [] })();
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringMatching(/holds no finished snapshot/)]);
    expect(world.visited()).not.toContain('Take the locks of all books');
  });
});

describe('a shadow task whose start nobody answered', () => {
  const unanswered = new TaskFailure('States.Timeout', 'nobody answered');
  const startOf = (world: DrillWorld): void => void (world.task ??= { status: 'PENDING', looks: 0, startedBy: nameOf(world) });
  const nameOf = (world: DrillWorld): string => world.calls.find(({ what }) => what === 'ecs:runTask')!.args['StartedBy'] as string;

  it('is found by the name of the drill and stopped', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Start the shadow task', () => {
      startOf(world);
      throw unanswered;
    });
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringMatching(/Start the shadow task: States.Timeout nobody answered/)]);
    expect(world.calls.filter(({ what }) => what === 'ecs:stopTask')).toHaveLength(1);
    expect(nameOf(world)).toMatch(/^[\w/-]{1,128}$/);
    expect([world.left(), world.signed()?.leftOver]).toEqual([[], '']);
  });

  it('is found when it shows late: an empty list right after the call says nothing', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Start the shadow task', () => {
      throw unanswered;
    });
    let looks = 0;
    world.faults.set('List the shadow tasks of this drill', () => {
      looks += 1;
      if (looks === 4) startOf(world);
      return undefined;
    });
    await run(world);
    expect(world.task?.status).toBe('STOPPED');
    expect(world.left()).toEqual([]);
  });

  it('was none: so much is believed two minutes after the call, and not waited for where no call was made', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Start the shadow task', () => {
      throw unanswered;
    });
    await run(world);
    const at = (state: string): number => world.events.find((event) => event.kind === 'entered' && event.state === state)!.atMs;
    const last = world.events.findLast(({ state }) => state === 'Is every shadow task stopped?')!.atMs;
    expect(last - at('Start the shadow task')).toBeGreaterThanOrEqual(120_000);
    expect([world.left(), world.signed()?.leftOver]).toEqual([[], '']);
    const before = await scenarios.stuck();
    await run(before);
    expect(before.visited().filter((state) => state === 'List the shadow tasks of this drill')).toHaveLength(1);
  });

  it("is told apart from another drill's, which runs on", async () => {
    const world = await worldWith({ task: { status: 'RUNNING', looks: 0, startedBy: 'baton-dev-drill-other' } })();
    world.faults.set('Start the shadow task', () => {
      throw unanswered;
    });
    await run(world);
    expect(world.task?.status).toBe('RUNNING');
  });
});

describe('what cannot be removed', () => {
  it('is a task that cannot be listed: what is known of it is stopped, and a person is told', async () => {
    const world = await scenarios.healthy();
    world.faults.set('List the shadow tasks of this drill', () => {
      throw new TaskFailure('Ecs.ServerException', 'not now');
    });
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringMatching(/The shadow task \S+ is left, as far as is known: List the shadow tasks of this drill: Ecs.ServerException not now/)]);
    expect(world.task?.status).toBe('STOPPED');
  });

  it('is named: the task that does not stop, and the rest is removed', async () => {
    const world = await worldWith({ taskStops: false })();
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringMatching(/The shadow task \S+ is left, as far as is known: it had not stopped within 300 s/)]);
    expect(world.restored).toBeUndefined();
    expect(world.signed()).toMatchObject({ passed: false, leftOver: expect.stringContaining('shadow task') as string });
  });

  it('is waited for no longer than its limit: the database', async () => {
    const world = await worldWith({ removes: false })();
    expect((await run(world)).cause).toMatch(/The restored database baton-dev-drill-\w+ is left: it was not gone within 1800 s/);
  });
});

describe('who is excluded', () => {
  it('is a drill, while a deployment has one of the books: nothing is made, and the other locks are given back', async () => {
    const world = await scenarios.healthy();
    const cutover = executionArn.replace('dr-drill', 'cutover');
    await world.control.takeWorkflow(books.at(-1)!, cutover);
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['Refused', expect.stringContaining(cutover)]);
    expect(books.map((book) => world.lease(book).workflow.execution)).toEqual([...books.slice(1).map(() => undefined), cutover]);
    expect(world.visited()).not.toContain('Restore the backup into isolation');
  });

  it('is a deployment, while a drill runs; a failover takes the books away and the drill cleans up', async () => {
    const world = await scenarios.healthy();
    let busy: unknown;
    world.faults.set('Start the shadow task', () => {
      busy ??= world.control.takeWorkflow(alpha, executionArn.replace('dr-drill', 'cutover')).catch((error: unknown) => error);
      return undefined;
    });
    let failover: Promise<unknown> | undefined;
    world.faults.set('Ask the restored ledger for the orders', () => {
      failover ??= Promise.all(books.map((book) => world.control.takeWorkflow(book, executionArn.replace('dr-drill', 'failover'), () => true)));
      return undefined;
    });
    expect((await run(world)).ending).toBe('Succeeded');
    expect(await busy).toMatchObject({ name: 'BookBusyError' });
    await failover;
    // They are the failover's: the drill gives back nothing of it.
    expect(world.left()).toEqual(books.map((book) => `lock of ${book}`));
  });
});

describe('a request', () => {
  it.each([
    ['of a book that is none', { ...request, book: 'gamma' }, /There is no book 'gamma'/],
    ['with more than anybody reads', { ...request, force: true }, /has fields that nobody reads: force/],
  ])('is refused %s, and nothing is made', async (_, input, why) => {
    const world = await scenarios.healthy();
    const { ending, cause } = await run(world, input);
    expect([ending, cause]).toEqual(['Refused', expect.stringMatching(why)]);
    expect(world.calls.map(({ what }) => what)).toEqual(['lambda:invoke']);
  });

  it('of the schedule does nothing where the books are at home; of a person it is refused there', async () => {
    const world = await scenarios.healthy();
    for (const book of books) world.set(book, { home: here });
    expect((await run(world, { ...request, book: 'in-turn', skipAtHome: true })).ending).toBe('Succeeded');
    expect(world.calls.map(({ what }) => what)).toEqual(['lambda:invoke']);
    expect((await run(world)).cause).toMatch(/is at home in us-east-1: a drill takes that Region for lost/);
  });

  it('of a book that was never cut over is refused', async () => {
    const world = await scenarios.healthy();
    world.store.writeNow({ name: 'renew', book: alpha, expects: [], remove: ['live'] });
    expect((await run(world)).cause).toMatch(/was never cut over/);
  });
});

await coverage.everyFault({
  scenarios,
  input: () => request,
  execution: executionArn,
  beside: (error, world) => {
    if (error === 'Rds.DbInstanceNotFoundException') world.restored = undefined;
    if (error === 'Rds.DbInstanceAlreadyExistsException') world.restored = { status: 'creating', looks: 0 };
  },
  endingOf: (state, error, usually) => {
    if (error === 'refusal') return 'Refused';
    if (/NotFoundException|AlreadyExistsException/.test(error)) return usually;
    return state === 'Check the request that was typed' && error !== 'NoBackupError' ? 'Refused' : 'NeedsAPerson';
  },
});

it('a lock that cannot be given back, a report that cannot be written and nobody who is told are loose ends', async () => {
  const world = await scenarios.healthy();
  world.faults.set('Tell people how the drill ended', () => {
    throw new TaskFailure('Unforeseen', 'it said so');
  });
  expect((await run(world)).cause).toMatch(/Nobody was told/);
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
