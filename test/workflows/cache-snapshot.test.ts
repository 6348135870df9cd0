/** The synthesized machine that takes the cache into the bucket: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import { TaskFailure } from '../../rehearsal/states/engine.ts';
import { Caches } from '../../simulation/worlds/caches.ts';
import { Coverage } from './coverage.ts';
import { synthesizedMachines } from './synthesized.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('cache-snapshot')!);

const caches = async (more: Partial<Caches> = {}): Promise<Caches> => Object.assign(new Caches(), more);

describe('a snapshot of the cache', () => {
  it('is exported under its own name, and leaves nothing behind', async () => {
    const world = await caches();
    expect(await coverage.run(world, {})).toMatchObject({ ending: 'Succeeded' });
    expect(world.exported).toEqual([expect.stringMatching(/\/baton-dev-cache-2026-11-25-20-[0-9a-f]{8}$/)]);
    expect(world.snapshots.size).toBe(0);
  });

  it.each([['stuck', 'creating', 'was not taken within 1800 s'], ['stuck', 'exporting', 'was not exported within 1800 s'],
    ['fails', 'creating', 'failed to be taken'], ['fails', 'exporting', 'failed to be exported']] as const)('that is %s while %s is removed, and a person is told', async (how, doing, why) => {
    const world = await caches({ [how]: doing });
    const { ending, cause } = await coverage.run(world, {});
    expect({ ending, left: world.snapshots.size }).toEqual({ ending: 'NeedsAPerson', left: 0 });
    expect(cause).toContain(why);
  });
});

await coverage.everyFault({
  scenarios: { healthy: caches, fails: () => caches({ fails: 'exporting' }) },
  input: () => ({}),
  endingOf: (_state, error, usually) => {
    if (error === 'ElastiCache.SnapshotAlreadyExistsException') return 'NeedsAPerson';
    return error === 'ElastiCache.SnapshotNotFoundException' ? usually : 'NeedsAPerson';
  },
});

it('a repeat waits for the snapshot that is there', async () => {
  const world = await caches();
  world.faults.set('Take a snapshot of the cache', (_context, args) => {
    world.snapshots.set((args as { SnapshotName: string }).SnapshotName, { doing: 'creating', looks: 0 });
    throw new TaskFailure('ElastiCache.SnapshotAlreadyExistsException', 'it is there');
  });
  expect((await coverage.run(world, {})).ending).toBe('Succeeded');
});

it('every Catch, Retry and branch of a Choice was reached by one of these tests', () => {
  expect(coverage.missing()).toEqual([]);
});
