/**
 * A backup is restored under the name of an execution, `$name`, into a network that leads nowhere, waited for, and entered with a password that opens this copy
 * alone. Where it answers is in `$database`.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { temporaryTags } from '../../contracts/backups.ts';
import { js, quoted, type Jsonata, type Workflow } from '../workflow.ts';
import { teardown } from './teardown.ts';

/** The new instance loads from the backup while it answers; AWS says of no time how long it may take. */
const restoreLimitSeconds = 3600;
const admitLimitSeconds = 900;
const answerLimitSeconds = 600;
const everySeconds = 15;

export const restoredAddress = { host: js('$database.Address'), port: js('$database.Port') };

export interface IsolatedRestoreParts {
  readonly instanceClass: string;
  readonly subnetGroupName: string;
  readonly securityGroupId: string;
  readonly arns: {
    /** Of what this machine makes, and of nothing else. */
    readonly restored: string;
    readonly snapshots: string;
    /** What a restore takes beside: the subnets, and the groups that AWS has by default. */
    readonly surroundings: readonly string[];
  };
}

/** Begins to restore `$snapshot`; an earlier attempt may have begun already. */
export function restoreIntoIsolation(w: Workflow, parts: IsolatedRestoreParts, { begun, failed }: { readonly begun: sfn.IChainable; readonly failed: sfn.IChainable }): sfn.IChainable {
  const { arns } = parts;
  return w.call('Restore the backup into isolation', {
    comment: 'Subnets without a way out, and a name that no policy lets anybody write as the ledger.',
    service: 'rds', action: 'RestoreDBInstanceFromDBSnapshot',
    parameters: {
      DbInstanceIdentifier: js('$name'), DbSnapshotIdentifier: js('$snapshot'), DbInstanceClass: `db.${parts.instanceClass}`,
      DbSubnetGroupName: parts.subnetGroupName, VpcSecurityGroupIds: [parts.securityGroupId], MultiAZ: false, PubliclyAccessible: false, DeletionProtection: false,
      // A first backup of what is thrown away would be waited for.
      BackupRetentionPeriod: 0,
      Tags: [{ Key: temporaryTags.execution, Value: js('$states.context.Execution.Id') }, { Key: temporaryTags.madeAt, Value: js('$begunAt') }],
    },
    resources: [arns.restored, arns.snapshots, ...arns.surroundings],
    statements: [new iam.PolicyStatement({ actions: ['rds:AddTagsToResource'], resources: [arns.restored] })],
    errors: ['Rds.DbInstanceAlreadyExistsException'],
    catches: { 'Rds.DbInstanceAlreadyExistsException': { quietly: begun }, 'States.ALL': failed },
  }).next(begun);
}

/** Waits until it is there, gives it its password, and asks until it answers. */
export function enterTheRestored(w: Workflow, restored: string, { admit, ask, answered, failed }: {
  /** Gives what was restored the password that is known inside. */
  readonly admit: tasks.LambdaInvoke;
  /** Leaves in `$answeredAt` when it answered; an empty text while it does not. */
  readonly ask: sfn.INextable & sfn.IChainable;
  readonly answered: sfn.IChainable;
  /** The reason is in `$why`. */
  readonly failed: sfn.IChainable;
}): sfn.IChainable {
  const failing = { 'States.ALL': failed };
  const tooLate = (what: string): { next: sfn.IChainable; comment: string; assign: Record<string, unknown> } => ({
    next: failed, comment: 'It takes too long.', assign: { why: js(`${quoted(`${what}; it is `)} & $status & '.'`) },
  });
  const answers = w.poll({
    begin: 'Begin to wait for the first answer', since: 'answerSince', ask,
    judge: 'Did the restored database answer?', judgeComment: 'The time until here is the recovery time.',
    answers: [{ when: js("$answeredAt != ''"), next: answered, comment: 'It did.' }],
    tooLate: tooLate(`The restored database did not answer within ${answerLimitSeconds} s`),
    pause: 'Wait a moment for an answer', everySeconds, limitSeconds: answerLimitSeconds,
  });
  const available = (
    names: { readonly begin: string; readonly look: string; readonly judge: string; readonly pause: string; readonly late: string },
    since: string, limitSeconds: number, next: sfn.IChainable,
  ): sfn.IChainable =>
    w.poll({
      begin: names.begin, since,
      ask: w.call(names.look, {
        comment: 'RDS works in the background.', service: 'rds', action: 'DescribeDBInstances',
        parameters: { DbInstanceIdentifier: js('$name') }, resources: [restored],
        assign: { status: js('$states.result.DbInstances[0].DbInstanceStatus'), database: onceThere('$states.result.DbInstances[0].Endpoint') },
        catches: failing,
      }),
      judge: names.judge, judgeComment: 'Nothing is asked of it before.',
      answers: [
        { when: js("$status = 'available'"), next, comment: 'It is.' },
        {
          when: js("$status in ['failed', 'incompatible-restore', 'incompatible-parameters', 'inaccessible-encryption-credentials', 'storage-full']"),
          next: failed, comment: 'It will never be.',
          assign: { why: js("'What was restored is ' & $status & ': look at the events of RDS for ' & $name & '.'") },
        },
      ],
      tooLate: tooLate(names.late),
      pause: names.pause, everySeconds, limitSeconds,
    });
  const admitted = available({
    begin: 'Begin to wait for the password', look: 'Look whether the password is set', judge: 'Is the restored database available again?', pause: 'Wait a moment for the password',
    late: `The restored database did not take its password within ${admitLimitSeconds} s`,
  }, 'admitSince', admitLimitSeconds, answers);
  admit.next(admitted);
  return available({
    begin: 'Begin to wait for the restored database', look: 'Look at the restored database', judge: 'Is the restored database available?', pause: 'Wait a moment for the restored database',
    late: `The restored database was not available within ${restoreLimitSeconds} s`,
  }, 'restoreSince', restoreLimitSeconds, admit);
}

/** Whatever happened: what cannot be removed is said in `$leftOver`. */
export function removeTheRestored(w: Workflow, restored: string, next: sfn.IChainable): sfn.IChainable {
  return teardown(w, {
    what: 'restored database', key: 'database', next, gone: 'Rds.DbInstanceNotFoundException', tooEarly: 'Rds.InvalidDbInstanceStateException',
    service: 'rds', remove: 'DeleteDBInstance', look: 'DescribeDBInstances', resource: restored,
    parameters: { DbInstanceIdentifier: js('$name'), SkipFinalSnapshot: true, DeleteAutomatedBackups: true }, named: { DbInstanceIdentifier: js('$name') },
  });
}

/** What AWS does not say before it is there. */
export function onceThere(path: string): Jsonata {
  return js(`$exists(${path}) ? ${path} : ''`);
}
