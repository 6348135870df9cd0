/** The synthesized switchover, run by the engine. */
import { describe, expect, it } from 'vitest';
import { MoveWorld } from '../../simulation/worlds/move.ts';
import { executionOf, planned, request } from '../../simulation/scenes/moves.ts';
import { everyFaultOf, missingOf, plannedMoves } from './planned-moves.ts';

const coverage = await plannedMoves('switchover');

describe('a switchover to a Region that a failover has left', () => {
  it('is refused: a failback makes the replica first', async () => {
    const world = await MoveWorld.leftBehind();
    const { ending, cause } = await coverage.run(world, request, executionOf('switchover'));
    expect(ending).toBe('Refused');
    expect(cause).toMatch(/database of us-east-1 is available and no replica; .*To make a replica here first, start a failback/);
  });
});

await everyFaultOf(coverage, 'switchover', planned);

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(missingOf(coverage)).toEqual([]);
});
