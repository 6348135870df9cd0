/**
 * The cache as a file: a snapshot of this Region's Redis, exported to the bucket of the backups, and removed again, for ElastiCache
 * keeps its own daily ones. A cache is never the only copy of anything; a verification loads and reads it all the same.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { nothing, slowPollSeconds } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface CacheSnapshotParts {
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly replicationGroupId: string;
  readonly bucketName: string;
  readonly arns: { readonly group: string; readonly snapshots: string };
}

const snapshotLimitSeconds = 1800;
const exportLimitSeconds = 1800;

export function cacheSnapshot(w: Workflow, { prefix, replicationGroupId, bucketName, arns }: CacheSnapshotParts): sfn.IChainable {
  const failed = w.fail('The snapshot needs a person', {
    comment: 'What was made was removed, or is found by age.', error: endings.needsAPerson, cause: js('$why'),
  });
  const remove = (name: string, comment: string, next: sfn.IChainable, lost: sfn.IChainable): sfn.IChainable =>
    w.call(name, {
      comment, service: 'elasticache', action: 'DeleteSnapshot',
      parameters: { SnapshotName: js('$snapshot') }, resources: [arns.snapshots],
      errors: ['ElastiCache.SnapshotNotFoundException'],
      catches: { 'ElastiCache.SnapshotNotFoundException': { quietly: next }, 'States.ALL': lost },
    }).next(next);
  const clearUp = remove('Remove what was made of the snapshot', 'It may be half there.', failed, failed);
  const exported = remove('Remove the snapshot that was exported', 'The file in the bucket is what is kept.', w.succeed('The cache is in the bucket', {
    comment: 'As a file that any Redis loads.', outputs: js(`{ 'bucket': ${quoted(bucketName)}, 'key': $snapshot & '-0001.rdb' }`),
  }), failed);

  const waitUntil = (key: 'taken' | 'exported', limitSeconds: number, next: sfn.IChainable): sfn.IChainable =>
    w.poll({
      begin: `Begin to wait until it is ${key}`, since: `${key}Since`,
      ask: w.call(`Look whether the snapshot is ${key}`, {
        comment: 'ElastiCache works in the background.', service: 'elasticache', action: 'DescribeSnapshots',
        parameters: { SnapshotName: js('$snapshot') }, resources: [arns.snapshots],
        assign: { status: js('$states.result.Snapshots[0].SnapshotStatus') }, catches: { 'States.ALL': clearUp },
      }),
      judge: `Is the snapshot ${key}?`, judgeComment: 'Available means that nothing is done with it.',
      answers: [
        { when: js("$status = 'available'"), next, comment: 'It is.' },
        {
          when: js("$status = 'failed'"), next: clearUp, comment: 'It will never be.',
          assign: { why: js(`'The snapshot ' & $snapshot & ' failed to be ${key}: look at the events of ElastiCache, and at the policy of the bucket ${bucketName}.'`) },
        },
      ],
      tooLate: {
        next: clearUp, comment: 'It is not.', assign: { why: js(`'The snapshot ' & $snapshot & ' is ' & $status & ' and was not ${key} within ${limitSeconds} s.'`) },
      },
      pause: `Wait a moment until it is ${key}`, everySeconds: slowPollSeconds, limitSeconds,
    });
  const exporting = w.call('Export the snapshot to the bucket', {
    comment: 'ElastiCache writes the file itself.', service: 'elasticache', action: 'CopySnapshot',
    parameters: { SourceSnapshotName: js('$snapshot'), TargetSnapshotName: js('$snapshot'), TargetBucket: bucketName }, resources: [arns.snapshots],
    catches: { 'States.ALL': clearUp },
  });
  exporting.next(waitUntil('exported', exportLimitSeconds, exported));
  const taken = waitUntil('taken', snapshotLimitSeconds, exporting);
  const take = w.call('Take a snapshot of the cache', {
    comment: 'A repeat finds it there, and waits for the same one.', service: 'elasticache', action: 'CreateSnapshot',
    parameters: { ReplicationGroupId: replicationGroupId, SnapshotName: js('$snapshot') }, resources: [arns.group, arns.snapshots],
    errors: ['ElastiCache.SnapshotAlreadyExistsException'],
    catches: { 'ElastiCache.SnapshotAlreadyExistsException': { quietly: taken }, 'States.ALL': failed },
  });
  take.next(taken);
  return w.pass('Name the snapshot after its hour', {
    comment: 'And after this execution, which it belongs to alone.',
    assign: {
      snapshot: js(`
        ${quoted(`${prefix}-cache-`)} & $replace($substring($states.context.Execution.StartTime, 0, 13), 'T', '-')
        & '-' & $substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 8)`),
      status: nothing, why: nothing,
    },
  }).next(take);
}
