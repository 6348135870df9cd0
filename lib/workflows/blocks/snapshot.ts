/** A snapshot of the database before a change, and the wait until it is available. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, quoted, type Workflow } from '../workflow.ts';
import { preparation, type CutoverParts } from './parts.ts';
import { executionHash, slowPollSeconds } from './variables.ts';

/** A snapshot of 100 GB takes minutes, the first one of a database longer: it copies everything. */
const snapshotLimitSeconds = 1800;
/** The hourly backup may have the database: RDS makes one snapshot at a time. It is incremental, and a matter of minutes. */
const anotherIsMade = { everySeconds: 35, times: 8 } as const;

/** A snapshot named after the execution: a repeat finds it there and waits for the same one. */
export function snapshot(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const identifier = `baton-${parts.environment}-`;
  const snapshotId = js(`${quoted(identifier)} & $request.book & '-' & ${executionHash}`);
  const look = w.call('Look at the snapshot of the database', {
    comment: 'RDS makes it in the background.',
    service: 'rds', action: 'DescribeDBSnapshots',
    parameters: { DbSnapshotIdentifier: js('$snapshotId') },
    // AWS lists both as what this call may be allowed on, and does not say which one it judges.
    resources: [parts.arns.database, parts.arns.snapshots],
    assign: { snapshotStatus: js('$states.result.DbSnapshots[0].Status') },
  });
  const wait = w.poll({
    begin: 'Begin to wait for the snapshot', since: 'snapshotSince',
    ask: look,
    judge: 'Is the snapshot available?',
    judgeComment: 'A cutover changes no data; the snapshot is for what the new image may do later.',
    answers: [{
      when: js("$snapshotStatus = 'available'"), comment: 'It is there.',
      next: w.pass('Note the snapshot that was taken', { comment: 'The report names it.', outputs: js("{ 'snapshot': $snapshotId }") }),
    }, {
      when: js("$snapshotStatus = 'failed'"), comment: 'It will never be.',
      next: w.fail('The snapshot failed', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.snapshotFailed,
        cause: js("'Snapshot ' & $snapshotId & ' failed: look at the events of the database, then start again.'"),
      }),
    }],
    tooLate: {
      comment: 'It takes too long.',
      next: w.fail('The snapshot was not available in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.snapshotLate,
        cause: js(`'Snapshot ' & $snapshotId & ' is ' & $snapshotStatus & ' after ${snapshotLimitSeconds} s.'`),
      }),
    },
    pause: 'Wait a moment for the snapshot', everySeconds: slowPollSeconds, limitSeconds: snapshotLimitSeconds,
  });
  const create = w.call('Start a snapshot of the database', {
    comment: 'Beside bringing up the new colour, so that it costs no time.',
    service: 'rds', action: 'CreateDBSnapshot',
    parameters: { DbInstanceIdentifier: parts.databaseInstanceIdentifier, DbSnapshotIdentifier: js('$snapshotId') },
    resources: [parts.arns.database, parts.arns.snapshots],
    errors: ['Rds.DbSnapshotAlreadyExistsException', 'Rds.InvalidDbInstanceStateException'],
    tooEarly: { error: 'Rds.InvalidDbInstanceStateException', ...anotherIsMade },
    catches: { 'Rds.DbSnapshotAlreadyExistsException': { quietly: wait } },
  });
  create.next(wait);
  return w.pass('Name the snapshot after this execution', {
    comment: 'The same execution always means the same snapshot.', assign: { snapshotId },
  }).next(create);
}
