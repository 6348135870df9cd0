/** What a snapshot of the cache acts on: ElastiCache with one group, whose work is done at the third look. */
import { TaskFailure, type Json, type TaskContext } from '../../rehearsal/states/engine.ts';
import { World, type LeftOver } from './world.ts';

export const executionArn = 'arn:aws:states:us-east-1:111111111111:execution:baton-dev-cache-snapshot:run-1';

export class Caches extends World {
  /** By name: what is done with each, and for how many looks. */
  readonly snapshots = new Map<string, { doing: 'creating' | 'exporting' | undefined; looks: number }>();
  readonly exported: string[] = [];
  /** What never ends, and what ends badly. */
  stuck: 'creating' | 'exporting' | undefined;
  fails: 'creating' | 'exporting' | undefined;

  constructor() {
    super({ execution: executionArn, request: {} });
    // Its limit is half an hour.
    this.uncompressed = 60;
  }

  override kept(): unknown {
    return {};
  }

  override leftOver(): readonly LeftOver[] {
    return [...this.snapshots.keys()].map((name) => ({ what: 'a snapshot', name, by: 'the reaper' as const }));
  }

  override comesTrue(error: string, { SnapshotName = '' }: Record<string, Json>): boolean {
    if (error === 'ElastiCache.SnapshotNotFoundException') this.snapshots.delete(SnapshotName as string);
    else if (error === 'ElastiCache.SnapshotAlreadyExistsException') this.snapshots.set(SnapshotName as string, { doing: 'creating', looks: 0 });
    else return false;
    return true;
  }

  protected override api(what: string, args: Record<string, Json>, context?: TaskContext): unknown {
    const { SnapshotName = '', SourceSnapshotName = '', TargetBucket } = args as Record<string, string>;
    const snapshot = this.snapshots.get(SnapshotName || SourceSnapshotName);
    const [service, operation] = what.split(':');
    if (service !== 'elasticache') return super.api(what, args, context);
    if (operation === 'createSnapshot') return this.snapshots.set(SnapshotName, { doing: 'creating', looks: 0 }) && {};
    if (snapshot === undefined) throw new TaskFailure('ElastiCache.SnapshotNotFoundException', `${SnapshotName} not found`);
    switch (operation) {
      case 'describeSnapshots': {
        snapshot.looks += 1;
        const isOver = snapshot.looks > 2 && this.stuck !== snapshot.doing;
        const status = !isOver ? snapshot.doing : this.fails === snapshot.doing ? 'failed' : 'available';
        return { Snapshots: [{ SnapshotStatus: status }] };
      }
      case 'copySnapshot':
        Object.assign(snapshot, { doing: 'exporting', looks: 0 });
        this.exported.push(`${TargetBucket}/${SourceSnapshotName}`);
        return {};
      case 'deleteSnapshot':
        this.snapshots.delete(SnapshotName);
        return {};
      default:
        return super.api(what, args, context);
    }
  }
}
