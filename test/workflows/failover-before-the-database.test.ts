/**
 * The synthesized failover of an environment in which one book's bot needs the database: the other one trades at once, and the
 * machine waits for this one when the database can be written.
 */
import { describe, expect, it } from 'vitest';
import { haltOf } from '../../lib/lease/control.ts';
import { lostWithABotThatWrites } from '../../simulation/scenes/failover.ts';
import { alpha, beta, books, executionArn, here, RecoveryWorld, request } from '../../simulation/worlds/recovery.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines('database-required').machines.get('failover')!);
const run = (world: RecoveryWorld): ReturnType<Coverage['run']> => coverage.run(world, request, executionArn);
const ofLateBooks = (state: string): boolean => state.includes('now that the database is here') || state.includes('needs the database');

interface Told { readonly books: readonly { readonly book: string; readonly state: string }[]; readonly steps: readonly { readonly what: string }[] }
const report = (world: RecoveryWorld): Told => world.reports.get('failovers/run-1.json') as never;

describe('a failover with a book that needs the database', () => {
  it('has the other book trade at once, and this one when the database is here; the ledger of both is complete', async () => {
    const world = await lostWithABotThatWrites();
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    for (const book of books) {
      expect(world.lease(book)).toMatchObject({ home: here, epoch: 8, holder: world.instance(book, here), live: { taskDefinition: `baton-dev-${book}:3` } });
      expect(world.taskSets.get(`baton-dev-${book}`)).toMatchObject([{ percent: 100, Status: 'PRIMARY' }]);
    }
    const order = world.visited();
    expect(order.indexOf('Trading has moved')).toBeLessThan(order.indexOf('Ask for the promotion of the replica'));
    expect(order.indexOf('Set out to see a book trade, now that the database is here')).toBeGreaterThan(order.indexOf('Let the database be written'));
    // Only what can trade was waited for.
    expect(order.filter((state) => state === 'Set out to see a book trade')).toHaveLength(1);
    const asked = world.calls.filter(({ state }) => state === 'Look what the ledger still lacks').map(({ args }) => (args['Payload'] as { books: { book: string }[] }).books);
    expect(asked[0]?.map(({ book }) => book)).toEqual([alpha, beta]);
    expect(report(world).books).toMatchObject([{ book: alpha, state: 'trading', epochBefore: 7 }, { book: beta, state: 'trading', epochBefore: 7 }]);
    expect(report(world).steps.map(({ what }) => what)).toContain('The books that need the database trade here.');
    expect(world.metrics).toEqual({ FailoverRtoSeconds: expect.any(Number) as number, FailoverRpoSeconds: 1 });
  });

  it('asks for a person when that book does not trade with a database either, and names it', async () => {
    const world = await lostWithABotThatWrites();
    world.takesOver = (book) => book !== beta;
    const { ending, cause } = await run(world);
    expect({ ending, cause }).toEqual({ ending: 'NeedsAPerson', cause: expect.stringContaining(`${beta} does not trade here: nobody in ${here} holds it`) as string });
    expect(world.database).toMatchObject({ replica: false, missing: 0 });
  });

  it('says that it does not trade when the replica may not be promoted', async () => {
    const world = Object.assign(await lostWithABotThatWrites(), { replicaLagSeconds: 629, spanSeconds: 420 });
    expect(await run(world)).toMatchObject({ ending: 'NeedsAPerson', cause: expect.stringContaining('was not promoted') as string });
    expect(report(world).books).toMatchObject([{ book: alpha, state: 'trading' }, { book: beta, state: 'waiting', seen: 'its bot needs the database' }]);
  });

  it('leaves it halted where it was halted', async () => {
    const world = await lostWithABotThatWrites();
    world.store.writeNow(haltOf(beta, { reason: 'orders that nobody understands', by: 'grace' }));
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    expect(world.lease(beta)).toMatchObject({ home: here, mode: 'halted' });
  });
});

const scenarios = { lost: lostWithABotThatWrites };
await coverage.everyFault({ scenarios, input: () => request, execution: executionArn, only: ofLateBooks, endingOf: () => 'NeedsAPerson' });

it('every Catch, Retry and branch of a Choice about that book was reached by one of these tests', () => {
  expect(coverage.missing(ofLateBooks)).toEqual([]);
});
