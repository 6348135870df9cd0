/** What a switchover and a failback have in common, told of either machine: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import type { Epoch } from '../../lib/lease/model.ts';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { executionOf, planned, request } from '../../simulation/scenes/moves.ts';
import { MoveWorld } from '../../simulation/worlds/move.ts';
import { alpha, away, beta, books, here } from '../../simulation/worlds/recovery.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const failoverThere = `arn:aws:states:${here}:111111111111:execution:baton-dev-failover:run-2`;

export const released = (world: MoveWorld): void => {
  for (const book of books) expect(world.lease(book).workflow).not.toHaveProperty('execution');
};
export const untouched = (world: MoveWorld): void => {
  for (const book of books) expect(world.lease(book)).toMatchObject({ home: away, epoch: 7, holder: world.instance(book, away), mode: 'open' });
  expect(world.database).toMatchObject({ replica: true, promotions: 0 });
  released(world);
};
const isThere = (world: MoveWorld): void => {
  for (const book of books) expect(world.lease(book)).toMatchObject({ home: here, holder: world.instance(book, here), mode: 'open' });
};

/** Before anything was changed: what fails there is refused. */
const first = ['Check the request', 'Look at the database of', 'Look whether the database of before'];
/** Until a book has changed hands. */
const before = ['Look whether the replica here streams', 'Look how far the replica here is behind'];
/** What a book lacks keeps it where it is. */
const ofOneBook = ['Ask the holder to hand over to this Region', 'Stop asking the holder', 'Halt the book for its move', 'Move the home of the book'];

export async function plannedMoves(what: 'switchover' | 'failback'): Promise<Coverage> {
  const coverage = new Coverage(synthesizedMachines().machines.get(what)!);
  const execution = executionOf(what);
  const run = (world: MoveWorld, input: object = request): ReturnType<Coverage['run']> => coverage.run(world, input as never, execution);
  const report = (world: MoveWorld): Record<string, unknown> & { steps: { what: string; budgetSeconds?: number; actualSeconds?: number }[] } =>
    world.reports.get(`${what}s/run-1.json`) as never;

  describe(`a ${what} that succeeds`, () => {
    it('moves every book and the database, and leaves the other Region as the standby', async () => {
      const world = await planned.moves();
      expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
      for (const book of books) {
        expect(world.lease(book)).toMatchObject({ home: here, epoch: 8, mode: 'open', holder: world.instance(book, here), live: { taskDefinition: `baton-dev-${book}:3` } });
        expect(world.taskSets.get(`baton-dev-${book}`)).toMatchObject([{ percent: 100, running: 2 }]);
      }
      expect(world.database).toMatchObject({ replica: false, promotions: 1, missing: 0, multiAz: true });
      const there = world.databases[away]!;
      expect(there.get('baton-dev')).toMatchObject({ of: here, status: 'available' });
      expect([...there].filter(([name]) => name.startsWith('baton-dev-before-')).map(([, { readOnly, of }]) => ({ readOnly, of }))).toEqual([{ readOnly: true, of: undefined }]);
      expect([...world.parameters.keys()].filter((name) => name.includes('region') || name.includes('writing')).toSorted()).toEqual([
        `/baton/dev/home-region/${here}`, `/baton/dev/writing-database/${here}`,
      ]);
      expect(new Set(world.secrets.values())).toEqual(new Set([here]));
      expect(report(world)).toMatchObject({
        outcome: 'succeeded', from: away, to: here, protected: true, moves: [{ book: alpha, way: 'hand-over', state: 'here' }, { book: beta, state: 'here' }],
      });
      for (const { what: told, budgetSeconds, actualSeconds } of report(world).steps) {
        expect({ told, measured: typeof budgetSeconds === 'number' && typeof actualSeconds === 'number' }).toEqual({ told, measured: true });
      }
      expect(world.notices).toEqual([`Baton: ${what} of all books succeeded`]);
      released(world);
    });

    it('changes hands before anything of the database is touched, closes the old one, and only then promotes', async () => {
      const world = await planned.moves();
      await run(world);
      const at = (state: string): number => world.visited().indexOf(state);
      const order = [
        'Look how far the replica here is behind', 'Look who could take the books here', 'Ask the holder to hand over to this Region', 'Look for accepted orders from this Region',
        'Look what the old home has not written yet', 'Close the database of the old home', 'Compare it with where the old home was closed', 'Ask for the promotion of the replica',
        'Give the books back before the replica is made', 'Set the database there aside', 'Make a replica there',
      ].map(at);
      expect(order).not.toContain(-1);
      expect(order).toEqual(order.toSorted((one, other) => one - other));
    });

    it('moves a halted book too, and leaves it halted', async () => {
      const world = await planned.halted();
      expect((await run(world)).ending).toBe('Succeeded');
      expect(world.lease(alpha)).toMatchObject({ home: here, mode: 'halted', halt: { by: 'ada' } });
      expect(world.lease(beta)).toMatchObject({ home: here, mode: 'open' });
    });

    it('halts a book that needs its database, and resumes it when that is here', async () => {
      const world = await planned.writes();
      expect((await run(world)).ending).toBe('Succeeded');
      expect(world.lease(alpha)).toMatchObject({ home: here, mode: 'open' });
      expect(world.visited().indexOf('Resume the books that were halted for the move')).toBeGreaterThan(world.visited().indexOf('Bring over what belongs to the books'));
    });

    it('goes on where an attempt before it stopped', async () => {
      for (const scenario of ['booksHere', 'databaseHere', 'unprotected', 'nameIsFree'] as const) {
        const world = await planned[scenario]();
        expect({ scenario, ...(await run(world)) }).toEqual({ scenario, ending: 'Succeeded', cause: '' });
        isThere(world);
        expect(world.database.replica).toBe(false);
        expect(world.databases[away]!.get('baton-dev')).toMatchObject({ of: here, status: 'available' });
      }
    });

    it('takes a hand-over that came in the last moment', async () => {
      const world = await planned.late();
      world.faults.set('Stop asking the holder for the book', () => {
        for (const book of books) if (world.lease(book).mode === 'draining') world.take(book, world.instance(book, here), 8 as Epoch);
        return undefined;
      });
      expect((await run(world)).ending).toBe('Succeeded');
      isThere(world);
    });

    it('does not wait for ever for the ledger of the old home: the journal has the rest', async () => {
      const world = await planned.ledgerStays();
      expect((await run(world)).ending).toBe('Succeeded');
      expect(report(world)).toMatchObject({ measured: { unwrittenAtIsolation: 2, ordersMissingAfter: 0 } });
    });
  });

  describe(`a ${what} that changes nothing`, () => {
    it.each([
      ['when no standby here is ready', { standbysReady: false }, /alpha: .*is not ready/],
      ['when the replica here does not stream', { streams: false }, /does not keep up: it does not stream/],
      ['when the replica here lags', { catchesUp: false, applied: 0, written: 20 * 1024 * 1024 }, /20971520 bytes behind/],
      ['when the replica here has just stopped', { catchesUp: false, applied: 0, written: 300 }, /300 bytes behind, and does not follow/],
      ['when the holders decline', { declines: () => true }, /alpha was not moved: its holder ended the drain itself/],
      ['when the holders do not hand over', { handsOver: () => false }, /alpha was not moved: home us-west-2, epoch 7/],
    ] as const)('rolls back %s', async (_, wrong, why) => {
      const world = Object.assign(await planned.moves(), wrong);
      const { ending, cause } = await run(world);
      expect(ending).toBe('RolledBack');
      expect(cause).toMatch(why);
      untouched(world);
    });

    it('resumes what it had halted when the holders do not stop', async () => {
      const world = await planned.holderDoesNotStop();
      expect((await run(world)).ending).toBe('RolledBack');
      untouched(world);
    });

    it.each([
      ['in the Region that is home', async () => {
        const world = await planned.databaseHere();
        for (const book of books) world.take(book, world.instance(book, here), 8 as Epoch);
        return world;
      }, request, /there is nothing to move. To leave us-east-1, start the machine in us-west-2/],
      ['while the other Region’s database is none to move from', async () => {
        const world = await planned.moves();
        world.databases[away]!.delete('baton-dev');
        Object.assign(world.database, { status: 'creating' });
        return world;
      }, request, /the database of us-east-1 is creating, a replica of .*; that of us-west-2 is missing/],
      ['while another workflow has a book', async () => {
        const world = await planned.moves();
        await world.control.takeWorkflow(beta, 'a cutover');
        return world;
      }, request, /a cutover/],
      ['when the input is wrong', planned.moves, { reason: 'x' }, /reason: .*requestedBy/],
    ] as const)('is refused %s', async (_, open, input, why) => {
      const world = await open();
      const seen = JSON.stringify(books.map((book) => ({ ...world.lease(book), workflow: null })));
      const { ending, cause } = await run(world, input);
      expect(ending).toBe('Refused');
      expect(cause).toMatch(why);
      expect(JSON.stringify(books.map((book) => ({ ...world.lease(book), workflow: null })))).toBe(seen);
    });
  });

  describe(`a ${what} that needs a person, while every book trades`, () => {
    it('when one book comes and another does not: the next attempt moves the rest', async () => {
      const world = await planned.partly();
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/alpha was not moved.*Start the machine again: it moves the rest/);
      expect(world.lease(beta)).toMatchObject({ home: here, mode: 'open' });
      released(world);
      world.handsOver = () => true;
      expect((await run(world)).ending).toBe('Succeeded');
    });

    it('when nobody has an order accepted here: the database stays where it is', async () => {
      const world = Object.assign(await planned.moves(), { trades: () => false });
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/alpha does not trade here/);
      expect(world.database.promotions).toBe(0);
      expect(world.databases[away]!.get('baton-dev')).toMatchObject({ readOnly: false });
    });

    it('when the database of the old home cannot be closed', async () => {
      const world = await planned.moves();
      world.faults.set('Close the database of the old home', () => {
        throw new TaskFailure('OtherRegionUnreachableError', JSON.stringify({ errorMessage: 'no route' }));
      });
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/The books trade in us-east-1; the ledger is still written in us-west-2. Start the machine again/);
      expect(world.database.promotions).toBe(0);
      isThere(world);
      world.faults.clear();
      expect((await run(world)).ending).toBe('Succeeded');
    });

    it('when the replica does not get everything in time: it is not promoted, and the next attempt goes on', async () => {
      const world = await planned.moves();
      world.faults.set('Close the database of the old home', () => {
        world.catchesUp = false;
        world.written += 512;
        return undefined;
      });
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/still lacks 512 bytes of it: it was not promoted, so nothing is lost/);
      expect(world.database.promotions).toBe(0);
      world.catchesUp = true;
      world.faults.clear();
      expect((await run(world)).ending).toBe('Succeeded');
    });

    it('when the promotion does not end', async () => {
      const world = Object.assign(await planned.moves(), { promotionLooks: 1e6 });
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(/promotion of the database has not ended/);
      isThere(world);
    });

    it.each([
      ['the old database keeps its name', { renames: false }, /not renamed within 1800 s/],
      ['the replica fails', { replicasCome: 'failed' }, /replica in us-west-2 is failed/],
      ['the replica does not come', { replicasCome: 'creating' }, /is creating after 7200 s/],
      ['secrets are not replicated', { secretsFail: 'the key is disabled' }, /not replicated to us-west-2: baton-dev\/database: the key is disabled/],
    ] as const)('when %s: it lacks nothing but a standby', async (_, wrong, why) => {
      const world = Object.assign(await planned.moves(), wrong);
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(why);
      expect(cause).toMatch(/Every book trades in us-east-1 and lacks nothing, but us-west-2 has no replica/);
      isThere(world);
      released(world);
    });

    it('when the new replica does not stream', async () => {
      const world = await planned.moves();
      world.faults.set('Make a replica there', () => {
        world.streams = false;
        return undefined;
      });
      expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/not sent what is written/) as string });
    });

    it('when another move promotes the new replica: it waits no longer', async () => {
      const world = await planned.moves();
      world.faults.set('Make a replica there', () => {
        Object.assign(world, { streams: false, replicaIsPromoted: true });
        return undefined;
      });
      expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/no replica any more: another move has promoted it/) as string });
      expect(world.visited()).not.toContain('Wait a while for the stream there');
    });

    it.each([
      ['Ask the holder to hand over to this Region', /Pre-empted/],
      ['Close the database of the old home', /Pre-empted/],
      ['Look for accepted orders from this Region', /Pre-empted/],
    ])('when a failover takes the books at “%s”: it writes nothing more', async (state, why) => {
      const world = await planned.moves();
      const preempt = (): undefined => {
        for (const book of books) {
          const { token } = world.lease(book).workflow;
          world.store.writeNow({
            name: 'take-workflow', book, expects: [], set: { 'workflow.token': (token + 1) as never, 'workflow.execution': failoverThere },
          });
        }
      };
      world.faults.set(state, preempt);
      const { ending, cause } = await run(world);
      expect(ending).toBe('NeedsAPerson');
      expect(cause).toMatch(why);
      for (const book of books) expect(world.lease(book).workflow.execution).toBe(failoverThere);
    });

    it('when it comes to itself after a failover has taken the books back: the database that is written is left alone', async () => {
      for (const [scenario, at] of [['moves', 'Look what the old home has not written yet'], ['unprotected', 'Look where the books are before what was left is closed']] as const) {
        const world = await planned[scenario]();
        world.faults.set(at, () => {
          for (const book of books) world.set(book, { home: away });
          return undefined;
        });
        expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/at home elsewhere by now: alpha in us-west-2/) as string });
        expect(world.databases[away]!.get('baton-dev')).toMatchObject({ readOnly: false });
      }
    });

    it('when the database to be set aside is written again: whoever writes it keeps its name', async () => {
      const world = await planned.moves();
      world.faults.set('Set the database there aside', () => {
        world.databases[away]!.get('baton-dev')!.readOnly = false;
        return undefined;
      });
      expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/it can be written, so it is in use/) as string });
      expect([...world.databases[away]!.keys()]).toEqual(['baton-dev']);
    });

    it('when nobody can be told of what worked', async () => {
      const world = Object.assign(await planned.moves(), { topicAnswers: false });
      expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringMatching(/Nobody was told/) as string });
    });
  });

  return coverage;
}

/** What no test has reached, less what a failover's machine has under the same name: the second half is the same, and told by its test. */
export function missingOf(coverage: Coverage): readonly string[] {
  const told = new Set(new Coverage(synthesizedMachines().machines.get('failover')!).missing());
  return coverage.missing().filter((edge) => !told.has(edge));
}

/** Tests every Catch and Retry of every task, in what a planned move goes through. */
export async function everyFaultOf(coverage: Coverage, what: string, scenarios: Readonly<Record<string, () => Promise<MoveWorld>>>): Promise<void> {
  await coverage.everyFault({
    scenarios,
    input: () => request,
    execution: executionOf(what),
    endingOf: (state, error, usually) => {
      const begins = (words: readonly string[]): boolean => words.some((each) => state.startsWith(each));
      if (error === 'refusal' || begins(first)) return 'Refused';
      if (state === 'Take all books for this execution') return error === 'States.ALL' ? 'NeedsAPerson' : 'Refused';
      if (begins(before)) return 'RolledBack';
      // Whether the book stays is not known.
      if (error === 'States.ALL' && ['Stop asking the holder for the book', 'Move the home of the book'].includes(state)) return 'NeedsAPerson';
      // Of both books the one, or of one both.
      if (begins(ofOneBook)) return state.startsWith('Ask') || usually === 'RolledBack' ? 'RolledBack' : 'NeedsAPerson';
      if (state === 'Look who holds the book') return 'RolledBack';
      if (state === 'Look what the old home has not written yet') return usually;
      if (state === 'Ask for the promotion of the replica') return 'NeedsAPerson';
      if (['Rds.InvalidDbInstanceStateException', 'Ssm.ParameterNotFoundException'].includes(error)) return usually;
      if (state === 'Read how far the replica was behind') return usually;
      return 'NeedsAPerson';
    },
  });
}
