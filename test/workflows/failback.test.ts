/** The synthesized failback, run by the engine: as a switchover, after it has made the replica that a failover left this Region without. */
import { describe, expect, it } from 'vitest';
import { MoveWorld } from '../../simulation/worlds/move.ts';
import { executionOf, left, planned, request } from '../../simulation/scenes/moves.ts';
import { away, books, here } from '../../simulation/worlds/recovery.ts';
import { everyFaultOf, missingOf, plannedMoves } from './planned-moves.ts';

const coverage = await plannedMoves('failback');
const run = (world: MoveWorld): ReturnType<typeof coverage.run> => coverage.run(world, request, executionOf('failback'));

describe('a failback after a failover', () => {
  it.each(['leftBehind', 'nameIsFreeHere'] as const)('makes a replica here, keeps what was here, and moves everything home (%s)', async (scenario) => {
    const world = await left[scenario]();
    expect(await run(world)).toEqual({ ending: 'Succeeded', cause: '' });
    for (const book of books) expect(world.lease(book)).toMatchObject({ home: here, mode: 'open', holder: world.instance(book, here) });
    expect(world.database).toMatchObject({ replica: false, promotions: 1 });
    expect([...world.databases[here]!.keys()].filter((name) => name.startsWith('baton-dev-before-'))).toHaveLength(1);
    expect(world.databases[away]!.get('baton-dev')).toMatchObject({ of: here });
    // Nothing is locked while RDS copies for hours.
    expect(world.visited().indexOf('Take all books for this execution')).toBeGreaterThan(world.visited().indexOf('Replicate the secrets here'));
  });

  it('is refused while the database that was left can still be written', async () => {
    const world = await MoveWorld.leftBehind();
    world.database.readOnly = false;
    expect(await run(world)).toMatchObject({ ending: 'Refused', cause: expect.stringMatching(/can still be written, and no book is at home here/) as string });
    expect(world.visited()).not.toContain('Set the database here aside');
  });

  it.each([
    ['what was here keeps its name', { renames: false }, /database in us-east-1 was not renamed/],
    ['the replica fails', { replicasCome: 'failed' }, /replica in us-east-1 is failed/],
    ['the replica does not come', { replicasCome: 'creating' }, /replica in us-east-1 is creating after 7200 s/],
    ['the replica does not stream', { streams: false }, /replica in us-east-1 is there and is not sent/],
    ['another move has promoted the replica', { streams: false, replicaIsPromoted: true }, /us-east-1 is no replica any more: another move has promoted it/],
    ['secrets are not replicated', { secretsFail: 'the key is disabled' }, /not replicated to us-east-1/],
  ] as const)('asks for a person when %s, and no book has moved', async (_, wrong, why) => {
    const world = Object.assign(await MoveWorld.leftBehind(), wrong);
    const { ending, cause } = await run(world);
    expect(ending).toBe('NeedsAPerson');
    expect(cause).toMatch(why);
    for (const book of books) expect(world.lease(book)).toMatchObject({ home: away, epoch: 7, mode: 'open' });
  });
});

await everyFaultOf(coverage, 'failback', { ...planned, ...left });

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(missingOf(coverage)).toEqual([]);
});
