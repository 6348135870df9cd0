/** The synthesized machine that takes the cache into the bucket: every ending, and every Catch, Retry and branch of a Choice by name. */
import { describe, expect, it } from 'vitest';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { runExecution, TaskFailure, type ExecutionResult, type Json, type ProgressEvent } from '../../rehearsal/states/engine.ts';
import { virtualClock } from '../../rehearsal/states/virtual-clock.ts';
import { Coverage, type World } from './coverage.ts';
import { synthesizedMachines, type Fault } from './cutover-world.ts';

const coverage = new Coverage(synthesizedMachines().machines.get('cache-snapshot')!);
const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-cache-snapshot:run-1';

/** ElastiCache with one group, whose work is done at the third look. */
class Caches implements World {
  readonly events: ProgressEvent[] = [];
  readonly faults = new Map<string, Fault>();
  /** By name: what is done with each, and for how many looks. */
  readonly snapshots = new Map<string, { doing: 'creating' | 'exporting' | undefined; looks: number }>();
  readonly exported: string[] = [];
  /** What never ends, and what ends badly. */
  stuck: 'creating' | 'exporting' | undefined;
  broken: 'creating' | 'exporting' | undefined;

  async run(definition: StateMachineDefinition, input: Json): Promise<ExecutionResult> {
    const { now, sleep } = virtualClock(Date.UTC(2026, 10, 25, 20));
    return runExecution({
      definition, input, clock: { now, sleep: (ms, signal) => sleep(ms * 60, signal) }, random: { number: () => 0.5, uuid: () => 'uuid' },
      context: { executionArn, executionName: 'run-1' },
      invoke: async (resource, args, context) => this.faults.get(context.state)?.(context, args) ?? this.#answer(resource.split(':').at(-1) ?? '', args as Record<string, string>),
      onEvent: (event) => this.events.push(event),
    });
  }

  visited(): string[] {
    return this.events.filter(({ kind }) => kind === 'entered').map(({ state }) => state);
  }

  #answer(operation: string, { SnapshotName = '', SourceSnapshotName = '', TargetBucket }: Record<string, string>): unknown {
    const snapshot = this.snapshots.get(SnapshotName || SourceSnapshotName);
    if (operation === 'createSnapshot') return this.snapshots.set(SnapshotName, { doing: 'creating', looks: 0 }) && {};
    if (snapshot === undefined) throw new TaskFailure('ElastiCache.SnapshotNotFoundException', `${SnapshotName} not found`);
    if (operation === 'describeSnapshots') {
      snapshot.looks += 1;
      const isOver = snapshot.looks > 2 && this.stuck !== snapshot.doing;
      const status = !isOver ? snapshot.doing : this.broken === snapshot.doing ? 'failed' : 'available';
      return { Snapshots: [{ SnapshotStatus: status }] };
    }
    if (operation === 'copySnapshot') {
      Object.assign(snapshot, { doing: 'exporting', looks: 0 });
      this.exported.push(`${TargetBucket}/${SourceSnapshotName}`);
    }
    if (operation === 'deleteSnapshot') this.snapshots.delete(SnapshotName);
    return {};
  }
}
const caches = async (more: Partial<Caches> = {}): Promise<Caches> => Object.assign(new Caches(), more);

describe('a snapshot of the cache', () => {
  it('is exported under its own name, and leaves nothing behind', async () => {
    const world = await caches();
    expect(await coverage.run(world, {})).toMatchObject({ ending: 'Succeeded' });
    expect(world.exported).toEqual([expect.stringMatching(/\/baton-dev-cache-2026-11-25-20-[0-9a-f]{8}$/)]);
    expect(world.snapshots.size).toBe(0);
  });

  it.each([['stuck', 'creating', 'was not taken within 1800 s'], ['stuck', 'exporting', 'was not exported within 1800 s'],
    ['broken', 'creating', 'failed to be taken'], ['broken', 'exporting', 'failed to be exported']] as const)('that is %s while %s is removed, and a person is told', async (how, doing, why) => {
    const world = await caches({ [how]: doing });
    const { ending, cause } = await coverage.run(world, {});
    expect({ ending, left: world.snapshots.size }).toEqual({ ending: 'NeedsAPerson', left: 0 });
    expect(cause).toContain(why);
  });
});

await coverage.everyFault({
  scenarios: { healthy: caches, broken: () => caches({ broken: 'exporting' }) },
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
