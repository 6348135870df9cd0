/** The synthesized restore of the database, run by the engine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { haltOf } from '../../lib/lease/control.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { acceptDataLoss, request, scenarios, worldWith } from '../../simulation/scenes/restore-database.ts';
import { alpha, away, beta, books, here } from '../../simulation/worlds/recovery.ts';
import { ago, executionArn, inUse, masterPassword, RestoreWorld } from '../../simulation/worlds/restore.ts';
import { found } from '../../simulation/worlds/verification.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

type Before = (world: RestoreWorld) => unknown;
const coverage = new Coverage(synthesizedMachines('database-required').machines.get('restore-database')!);
const run = (world: RestoreWorld, input: object = request) => coverage.run(world, input as never, executionArn);
interface Told { readonly measured: Record<string, number | null>; readonly [fact: string]: unknown }
const report = (world: RestoreWorld): Told => world.reports.get('database-restores/run-1.json') as never;
const failing = (error = 'Unforeseen') => () => {
  throw new TaskFailure(error, 'it said so');
};

function released(world: RestoreWorld): void {
  for (const book of books) expect(world.lease(book).workflow.execution).toBeUndefined();
}
/** The database of before has its name and is written, nobody is halted, and nothing was left. */
function asBefore(world: RestoreWorld): void {
  expect(world.names(here)).toEqual([inUse]);
  expect(world.of(here, inUse)).toMatchObject({ id: 'db-1', status: 'available', readOnly: false });
  for (const book of books) expect(world.lease(book)).toMatchObject({ mode: 'open', home: here });
  released(world);
}
/** The restored one has the name, and the one before is kept, closed. */
function swapped(world: RestoreWorld): void {
  const aside = world.names(here).find((name) => name.startsWith('baton-dev-before-'))!;
  expect(world.names(here)).toEqual([inUse, aside]);
  expect(world.of(here, inUse)).toMatchObject({ id: 'db-3', readOnly: false, protected: true, tags: [] });
  expect(world.of(here, aside)).toMatchObject({ id: 'db-1', protected: true });
}

describe('a restore that succeeds', () => {
  it('restores beside, judges, swaps the names, completes the ledger and gives the other Region a replica', async () => {
    const world = await scenarios.healthy();
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    swapped(world);
    released(world);
    expect(world.passwords).toEqual([masterPassword]);
    expect(world.of(away, inUse)).toMatchObject({ source: world.of(here, inUse) });
    expect(world.names(away)).toHaveLength(2);
    for (const book of books) expect(world.lease(book).mode).toBe('open');
    expect(report(world)).toMatchObject({
      outcome: 'succeeded', requestedBy: 'ada', to: ago(30), verified: true, swapped: true, protected: true, setAside: expect.stringMatching(/^baton-dev-before-[0-9a-f]{8}$/) as string,
      measured: { rpoSeconds: 1800, rtoSeconds: expect.any(Number) as number, closedSeconds: expect.any(Number) as number, ordersFromTheJournal: 6 },
    });
    expect(report(world).measured['closedSeconds']).toBeLessThan(report(world).measured['rtoSeconds']!);
    expect(world.notices).toEqual(['Baton: restore of the database of all books succeeded']);
  });

  it('halts the book that requires the database, and no other, only while there is none', async () => {
    const world = await scenarios.healthy();
    const modes: string[][] = [];
    for (const state of ['Judge the restored ledger', 'Swap the names of the two databases', 'Look what the restored ledger lacks']) {
      world.faults.set(state, () => {
        modes.push([world.lease(alpha).mode, world.lease(beta).mode]);
        return undefined;
      });
    }
    await run(world);
    expect(modes[0]).toEqual(['open', 'open']);
    expect(new Set(modes.slice(1, -3).map((each) => each.join()))).toEqual(new Set(['open,halted']));
    expect(modes.at(-1)).toEqual(['open', 'open']);
  });

  it('leaves a book halted that somebody halted, and does not wait for its orders', async () => {
    const world = await scenarios.healthy();
    for (const book of books) {
      world.store.writeNow(haltOf(book, { reason: 'a person', by: 'ada' }));
      world.set(book, {}, ['holder']);
    }
    Object.assign(world, { completes: false });
    expect((await run(world)).ending).toBe('Succeeded');
    for (const book of books) expect(world.lease(book)).toMatchObject({ mode: 'halted', halt: { by: 'ada' } });
  });

  it('goes to the newest there is, and to a moment in another zone', async () => {
    const newest = await scenarios.healthy();
    expect((await run(newest, { ...request, to: 'newest' })).ending).toBe('Succeeded');
    expect(report(newest)).toMatchObject({ to: ago(3) });
    const zoned = await scenarios.healthy();
    expect((await run(zoned, { ...request, to: '2026-11-25T20:30:00+01:00' })).ending).toBe('Succeeded');
    expect(report(zoned)).toMatchObject({ to: '2026-11-25T19:30:00.000Z' });
  });

  it('goes behind a migration by force', async () => {
    const world = await scenarios.healthy();
    world.counted(5, ['0001-ledger', '0002-more']);
    expect((await run(world, { ...request, force: { reason: 'the release was rolled back', approvedBy: 'grace' } })).ending).toBe('Succeeded');
    swapped(world);
  });

  it('restores a database that can be neither counted nor closed: the name is taken from it all the same', async () => {
    const world = await worldWith({ countable: false })();
    world.faults.set('Close the database of before', failing('OtherRegionUnreachableError'));
    expect((await run(world)).ending).toBe('Succeeded');
    swapped(world);
  });

  it('finds its own work after an answer was lost', async () => {
    for (const state of ['Restore the database beside the one in use', 'Let the checker into what was restored', 'Swap the names of the two databases', 'Take all books for the swap', 'Confirm that the restored database still fits']) {
      const world = await scenarios.healthy();
      world.losesAnswerOf(state);
      expect({ state, ...(await run(world)) }).toEqual({ state, ending: 'Succeeded', cause: '' });
      swapped(world);
    }
  });
});

describe('a restore that changes nothing', () => {
  it.each([
    ['because what was restored is not sound', { findings: [found('rows', false, 'fills has 0 of the 9 rows')] }, /is not sound, and was not swapped in: rows: fills has 0/],
    ['because nothing could be looked at', { findings: [found('rows', false, 'it could not be looked at: no')] }, /could not be looked at/],
    ['because it is never restored', { restoredAs: 'stuck' }, /was not available within 3600 s; it is creating/],
    ['because the log does not lead there', { restoredAs: 'incompatible-restore' }, /What was restored is incompatible-restore/],
    ['because the holder does not give the book up', { holdersStop: false }, new RegExp(`BookNotGivenUp ${beta}: `)],
    ['because the database of before keeps its name', { renames: (to: string) => !to.includes('-before-') }, /not swapped within 3600 s: baton-dev is renaming/],
  ] as const)('%s: the database of before is in use, and nothing is left', async (_, more, why) => {
    const world = await worldWith(more as Partial<RestoreWorld>)();
    // What keeps a name once may let go of it later.
    if ('renames' in more) world.faults.set('Give the name back to the database of before', () => {
      const before = world.of(here, inUse)!;
      delete before.pending;
      before.status = 'available';
      return undefined;
    });
    const { ending, cause } = await run(world);
    expect(cause).toMatch(why);
    expect(ending).toBe('RolledBack');
    asBefore(world);
    expect(world.of(away, inUse)).toMatchObject({ source: world.of(here, inUse) });
  });

  it('gives the name back that was taken, when the restored one cannot have it', async () => {
    const world = await scenarios.refused();
    expect(await run(world)).toEqual({ ending: 'RolledBack', cause: expect.stringMatching(/RDS refuses the name/) as string });
    expect(world.visited()).toContain('Give the name back to the database of before');
    asBefore(world);
  });

  it.each([
    ['to a moment before the window', { ...request, to: '2026-10-01T00:00:00Z' }, /outside of what can be restored: from 2026-11-18.* until 2026-11-25T19:57/],
    ['to a moment that has not come', { ...request, to: '2026-12-01T00:00:00Z' }, /outside of what can be restored/],
    ['to a moment without a zone', { ...request, to: '2026-11-25T19:30:00' }, /to: .*zone/],
    ['without the word of a second person', { ...request, acceptDataLoss: { ...acceptDataLoss, approvedBy: 'Ada' } }, /'acceptDataLoss' needs a second person/],
    ['without any', { to: 'newest', reason: 'rows were deleted', requestedBy: 'ada' }, /acceptDataLoss/],
  ])('is refused %s', async (_, input, why) => {
    const world = await scenarios.healthy();
    const { ending, cause } = await run(world, input);
    expect(cause).toMatch(why);
    expect(ending).toBe('Refused');
    expect(world.calls.map(({ what }) => what)).toEqual(['lambda:invoke']);
    asBefore(world);
  });

  it.each([
    ['in the Region that is not home', (world) => world.set(beta, { home: away }), new RegExp(`restored in the Region that is home.*${beta} in us-west-2`)],
    ['while the database is not available', (world) => void (world.of(here, inUse)!.status = 'backing-up'), /is backing-up, and only one that is available/],
    ['where a replica is in use', (world) => Object.assign(world.of(here, inUse)!, { source: world.of(away, inUse) }), /is a replica of/],
    ['where no backup leads anywhere', (world) => Object.assign(world, { window: undefined }), /no automated backup that leads anywhere/],
    ['behind a migration', (world) => world.counted(5, ['0001-ledger', '0002-more']), /schema has moved: then the migrations were 0001-ledger; now they are 0001-ledger, 0002-more/],
  ] as const satisfies readonly (readonly [string, Before, RegExp])[])('is refused %s', async (_, before, why) => {
    const world = await scenarios.healthy();
    before(world);
    const { ending, cause } = await run(world);
    expect(cause).toMatch(why);
    expect(ending).toBe('Refused');
    expect(world.names(here)).toEqual([inUse]);
    expect(world.visited()).not.toContain('Close the database of before');
  });
});

describe('a restore beside which somebody works', () => {
  const workflowOf = (world: RestoreWorld): (string | undefined)[] => books.map((book) => world.lease(book).workflow.execution);
  const takes = (world: RestoreWorld, book: typeof alpha, execution: string): void =>
    void world.store.writeNow({
      name: 'take-workflow', book, expects: [], set: { 'workflow.token': (world.lease(book).workflow.token + 1) as never, 'workflow.execution': execution },
    });
  const givesBack = (world: RestoreWorld, book: typeof alpha): void => void world.store.writeNow({ name: 'release-workflow', book, expects: [], remove: ['workflow.execution'] });
  const atJudge = async (happens: (world: RestoreWorld) => unknown): Promise<RestoreWorld> => {
    const world = await scenarios.healthy();
    world.faults.set('Judge the restored ledger', () => void happens(world));
    return world;
  };

  it('keeps nobody from a book until it swaps, and waits for who has one then: a rollback goes first', async () => {
    const world = await atJudge(() => {
      expect(workflowOf(world)).toEqual([undefined, undefined]);
      takes(world, beta, 'a rollback');
    });
    const seen: (string | undefined)[][] = [];
    world.faults.set('Take all books for the swap', () => {
      seen.push(workflowOf(world));
      if (seen.length === 5) givesBack(world, beta);
      return undefined;
    });
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    // None is kept from others while one is waited for.
    expect(seen).toEqual(Array.from({ length: 5 }, () => [undefined, 'a rollback']));
    expect(world.visited().filter((state) => state === 'Note who has a book')).toHaveLength(4);
    swapped(world);
    released(world);
  });

  it('gives up when a book is not free in time: the database of before is in use, and the book stays with who has it', async () => {
    const world = await atJudge(() => takes(world, alpha, 'a cutover that hangs'));
    world.faults.set('Take all books for the swap', () => void (world.skippedMs += 1_000_000));
    expect(await run(world)).toEqual({ ending: 'RolledBack', cause: expect.stringMatching(/is sound, and was not swapped in: for 7200 s the books were not free.*a cutover that hangs/) as string });
    expect(workflowOf(world)).toEqual(['a cutover that hangs', undefined]);
    givesBack(world, alpha);
    asBefore(world);
  });

  it.each([
    ['a release migrated the ledger', (world) => world.counted(5, ['0001-ledger', '0002-more']), /schema has moved: then the migrations were 0001-ledger; now they are 0001-ledger, 0002-more/],
    ['another restore was first', (world) => Object.assign(world.of(here, inUse)!, { id: 'db-9' }), /The database baton-dev was replaced since this restore began/],
    ['the database is a replica by now', (world) => Object.assign(world.of(here, inUse)!, { source: world.of(away, inUse) }), /baton-dev became a replica since/],
    ['the books moved', (world) => books.forEach((book) => world.set(book, { home: away })), new RegExp(`The books left ${here} \\(${alpha} in ${away}, ${beta} in ${away}\\) since`)],
  ] as const satisfies readonly (readonly [string, (world: RestoreWorld) => unknown, RegExp])[])('swaps nothing when %s meanwhile', async (_, meanwhile, why) => {
    const world = await atJudge(meanwhile);
    expect(await run(world)).toEqual({ ending: 'RolledBack', cause: expect.stringMatching(why) as string });
    expect(world.visited()).not.toContain('Close the database of before');
    expect(world.names(here)).toEqual([inUse]);
    released(world);
  });
});

/** Each time that a state was entered, from when books are halted until the restored database has the name. */
async function momentsOf(world: RestoreWorld): Promise<readonly (readonly [string, number])[]> {
  await run(world);
  const visited = world.visited();
  const counts = new Map<string, number>();
  return visited.slice(visited.indexOf('Set out to halt a book'), visited.findLastIndex((state) => /names?( of before)?$/.test(state))).map((state) => {
    counts.set(state, (counts.get(state) ?? 0) + 1);
    return [state, counts.get(state)!] as const;
  });
}
const moments = { healthy: await momentsOf(await scenarios.healthy()), refused: await momentsOf(await scenarios.refused()) };

describe('a restore that is stopped while the names change hands, gives the books back, and is redriven', () => {
  it.each(Object.entries(moments).flatMap(([scenario, each]) => each.map(([state, times]) => [scenario, state, times] as const)))(
    'takes them again and leaves one database with the name, in use by all: %s, “%s”, time %i', async (scenario, state, times) => {
      const world = Object.assign(await scenarios[scenario as 'healthy' | 'refused'](), { cut: { state, times } });
      const { ending } = await run(world);
      if (ending === 'Succeeded') {
        swapped(world);
        for (const book of books) expect(world.lease(book).mode).toBe('open');
        released(world);
      } else {
        expect(ending).toBe('RolledBack');
        asBefore(world);
      }
    });

  it('goes on where the restored one has got the name meanwhile', async () => {
    const meanwhile = (world: RestoreWorld): void => {
      // RDS ends what was begun.
      for (let look = 0; look < 4; look += 1) for (const each of world.instances) each.pending?.done();
    };
    const times = moments.healthy.findLast(([state]) => state === 'Swap the names of the two databases')![1];
    const world = await worldWith({ cut: { state: 'Swap the names of the two databases', times, meanwhile } })();
    expect((await run(world)).ending).toBe('Succeeded');
    swapped(world);
    for (const book of books) expect(world.lease(book).mode).toBe('open');
  });

  it('waits for who has a book by then', async () => {
    const world = await scenarios.cut();
    let looks = 0;
    const take = (execution: string): void => void world.store.writeNow({
      name: 'take-workflow', book: beta, expects: [], set: { 'workflow.token': (world.lease(beta).workflow.token + 1) as never, 'workflow.execution': execution },
    });
    world.cut = { ...world.cut!, meanwhile: () => take('a rollback') };
    world.faults.set('Take all books for the way back', () => {
      if ((looks += 1) === 5) world.store.writeNow({ name: 'release-workflow', book: beta, expects: [], remove: ['workflow.execution'] });
      return undefined;
    });
    expect((await run(world)).ending).toBe('RolledBack');
    expect(looks).toBe(5);
    asBefore(world);
  });

  it('leaves the databases as they are where the books have left', async () => {
    const world = await scenarios.cut();
    world.cut = { ...world.cut!, meanwhile: () => books.forEach((book) => world.set(book, { home: away })) };
    const { ending, cause } = await run(world);
    expect([ending, cause]).toEqual(['NeedsAPerson', expect.stringMatching(/The books have left us-east-1: the databases there are left as they are/)]);
    expect(world.visited()).not.toContain('Give the name back to the database of before');
    released(world);
  });
});

describe('a restore of which a table cannot be inspected', () => {
  it('leaves the database of before in use', async () => {
    const world = await scenarios.healthy();
    world.faults.set('Inspect one table and its indexes', failing());
    expect(await run(world)).toEqual({ ending: 'RolledBack', cause: expect.stringMatching(/Inspect every page of what was restored: Unforeseen it said so/) as string });
    asBefore(world);
  });
});

describe('a restore that needs a person', () => {
  it('when the name cannot be given back: trading goes on', async () => {
    const world = await worldWith({ renames: () => false })();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/not swapped within 3600 s.*did not get its name back: baton-dev is renaming.*Trading goes on from the journal/);
    expect(world.lease(alpha)).toMatchObject({ mode: 'open' });
    released(world);
  });

  it('goes on forward when the restored one got the name after all', async () => {
    const world = await scenarios.healthy();
    let swaps = 0;
    world.faults.set('Swap the names of the two databases', () => {
      swaps += 1;
      if (swaps < 6) return undefined;
      throw new TaskFailure('Unforeseen', 'it said so');
    });
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    expect(world.visited()).toContain('Give the name back to the database of before');
    swapped(world);
  });

  it('when the restored ledger does not get its orders, after the other Region got its replica', async () => {
    const world = await worldWith({ completes: false })();
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(/After 600 s the restored ledger still lacks orders: 9 accepted orders missing/);
    expect(world.of(away, inUse)).toMatchObject({ source: world.of(here, inUse) });
    swapped(world);
  });

  it.each([
    ['the replica fails', { replicasCome: 'failed' }, /replica in us-west-2 is failed/],
    ['the replica does not come', { replicasCome: 'stuck' }, /is creating after 7200 s/],
    ['the replica does not stream', { streams: false }, /not sent what is written/],
    ['a move has promoted the replica', { streams: false }, /no replica any more: another move has promoted it/],
    ['the old replica keeps its name', {}, /./],
    ['secrets are not replicated', { secretsFail: 'the key is disabled' }, /not replicated to us-west-2/],
  ] as const)('when %s: the restored database is in use all the same', async (what, more, why) => {
    const world = await worldWith(more)();
    if (what.includes('keeps its name')) world.faults.set('Set the database there aside', () => {
      world.skippedMs += 3_600_000;
      return { StatusCode: 200, Payload: { state: 'waiting', seen: 'baton-dev is modifying' } };
    });
    if (what.includes('promoted')) world.faults.set('Make a replica there', () => {
      world.replicaIsPromoted = true;
      return undefined;
    });
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    expect(cause).toMatch(/The restored database is in use, and us-west-2 has no replica of it/);
    swapped(world);
    released(world);
  });

  it.each(['Confirm that the restored database still fits', 'Halt a book for the restore', 'Swap the names of the two databases', 'Resume the books that were halted for nothing'])(
    'when a failover takes the books at “%s”: what was restored is removed, and nothing is swapped', async (state) => {
      const world = await worldWith(state.startsWith('Resume') ? { holdersStop: false } : {})();
      world.faults.set(state, () => {
        for (const book of books) {
          const { token } = world.lease(book).workflow;
          world.store.writeNow({ name: 'take-workflow', book, expects: [], set: { 'workflow.token': (token + 1) as never, 'workflow.execution': 'a failover' } });
        }
        return undefined;
      });
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/Pre-empted/);
      expect(world.names(here)).toEqual([inUse]);
      for (const book of books) expect(world.lease(book).workflow.execution).toBe('a failover');
    });

  it('when what was restored cannot be removed: it is named', async () => {
    const world = await scenarios.unsound();
    world.faults.set('Remove the restored database', failing());
    expect((await run(world)).cause).toMatch(/is not sound.*The restored database baton-dev-restore-\w{8} is left/);
  });

  it('when it is not gone in time', async () => {
    const world = await scenarios.unsound();
    world.faults.set('Look whether the restored database is gone', () => {
      world.skippedMs += 2_000_000;
      return { DbInstances: [{ DbInstanceStatus: 'deleting' }] };
    });
    expect((await run(world)).cause).toMatch(/it was not gone within 1800 s/);
  });

  it('asks again to remove what AWS does not let go at once', async () => {
    const world = await scenarios.unsound();
    let refusals = 0;
    world.faults.set('Remove the restored database', () => {
      if ((refusals += 1) > 1) return undefined;
      throw new TaskFailure('Rds.InvalidDbInstanceStateException', 'not now');
    });
    expect((await run(world)).ending).toBe('RolledBack');
    asBefore(world);
  });

  it('when nobody can be told', async () => {
    const world = await worldWith({ topicAnswers: false })();
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/Nobody was told/) as string });
    swapped(world);
  });

  it('when the password, or an answer, comes too late', async () => {
    const late = { DbInstances: [{ DbInstanceStatus: 'resetting-master-credentials', Endpoint: { Address: 'restored', Port: 5432 } }] };
    const world = await scenarios.healthy();
    world.faults.set('Look whether the password is set', () => {
      world.skippedMs += 1_000_000;
      return late;
    });
    expect((await run(world)).cause).toMatch(/did not take its password within 900 s/);
    asBefore(world);
    const failed = await scenarios.healthy();
    failed.faults.set('Look whether the password is set', () => ({ DbInstances: [{ DbInstanceStatus: 'failed' }] }));
    expect((await run(failed)).cause).toMatch(/What was restored is failed/);
    const silent = await scenarios.healthy();
    silent.faults.set('Ask the restored database a question', () => {
      silent.skippedMs += 100_000;
      return { StatusCode: 200, Payload: { answeredAt: '', parts: [] } };
    });
    expect((await run(silent)).cause).toMatch(/did not answer within 600 s/);
    asBefore(silent);
  });
});

const beforeTheSwap = [
  'Restore the database', 'Look at the restored', 'Let the checker', 'Look whether the password', 'Ask the restored', 'Ask the venue', 'Inspect', 'Judge', 'Take all books', 'Confirm', 'Halt a book',
];
await coverage.everyFault({
  scenarios,
  input: () => request,
  execution: executionArn,
  beside: (error, world, args) => {
    // One that is waited for takes its limit at once.
    const { step } = (args as { readonly Payload?: { readonly step?: string } }).Payload ?? {};
    if (error === 'refusal' || step === 'swapBack' || (step === 'takeBooks' && world.cut !== undefined)) world.skippedMs += 1_000_000;
    if (error === 'Rds.DbInstanceNotFoundException') world.instances.splice(world.instances.findIndex(({ name }) => name.includes('-restore-')), 1);
  },
  endingOf: (state, error, usually) => {
    if (state === 'Take all books for the way back') return 'NeedsAPerson';
    if (error === 'refusal') return /^(Take all books|Confirm)/.test(state) ? 'RolledBack' : 'Refused';
    if (state === 'Check the request that was typed') return 'Refused';
    if (state.startsWith('Count the ledger') || error === 'Rds.DbInstanceNotFoundException') return usually;
    if (state === 'Close the database of before') return error === 'States.ALL' ? 'RolledBack' : usually;
    if (error === 'WorkflowPreemptedError') return 'NeedsAPerson';
    if (state === 'Swap the names of the two databases' || beforeTheSwap.some((words) => state.startsWith(words))) return 'RolledBack';
    return 'NeedsAPerson';
  },
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
