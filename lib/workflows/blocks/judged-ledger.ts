/**
 * What was restored under the name of an execution, `$name`, is waited for, entered, and judged: every page is read, and the ledger in it is held against what was
 * counted before its moment, `$createdAt`, the journal and the venue. What was seen is in `$findings`; to judge them is the machine's.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { InvokedFunction } from '../../constructs/function.ts';
import type { backupCheck, venueFills } from '../../contracts/verification.ts';
import { partsMax } from '../../verification/physical.ts';
import { js, quoted, type Jsonata, type Workflow } from '../workflow.ts';
import { noted } from './variables.ts';

/** The new instance loads from the backup while it answers; AWS says of no time how long it may take. */
const restoreLimitSeconds = 3600;
const admitLimitSeconds = 900;
const answerLimitSeconds = 600;
const everySeconds = 15;

export function judgedLedger(
  w: Workflow,
  { check, fills, restored }: {
    readonly check: InvokedFunction<typeof backupCheck>;
    readonly fills: InvokedFunction<typeof venueFills>;
    /** The ARN of what this machine restores, and of nothing else. */
    readonly restored: string;
  },
  { admit, judged, failed }: {
    /** Gives what was restored the password that the checker knows. */
    readonly admit: tasks.LambdaInvoke;
    readonly judged: sfn.IChainable;
    /** The reason is in `$why`. */
    readonly failed: sfn.IChainable;
  },
): sfn.IChainable {
  const failing = { 'States.ALL': failed };
  const tooLate = (what: string): { next: sfn.IChainable; comment: string; assign: Record<string, unknown> } => ({
    next: failed, comment: 'It takes too long.', assign: { why: js(`${quoted(`${what}; it is `)} & $status & '.'`) },
  });

  const database = { host: js('$database.Address'), port: js('$database.Port') };
  const judge = w.invoke('Judge the restored ledger', check, 'judge', {
    comment: 'Against what was counted before the backup, the journal and the venue.',
    input: { database, createdAt: js('$createdAt'), watermarkKey: js('$watermarkKey'), venueFillsKey: js('$fillsKey') },
    assign: (answer) => ({
      findings: js(`$append($findings, ${answer.findings.slice(2, -2)})`), newestCommitAt: answer.newestCommitAt, ...noted('The ledger was judged.'),
    }),
    catches: failing,
  });
  judge.next(judged);
  const inspect = w.forEach('Inspect every page of what was restored', {
    comment: 'Each table in a call of its own, for one takes as long as a function may.',
    items: js('$parts'), itemsMax: partsMax,
    body: w.invoke('Inspect one table and its indexes', check, 'inspect', {
      comment: 'Every row is looked at, and every index held against its table.',
      input: { database, part: js('$states.input') },
    }),
    assign: { findings: js('$append($findings, $states.result.findings)'), ...noted('Every page was read.') },
    catches: failing,
  });
  inspect.next(judge);
  const collect = w.invoke('Ask the venue for its fills', fills, 'collect', {
    comment: 'By a function that is nowhere near what was restored.',
    input: { name: js('$name'), until: js('$createdAt') },
    assign: (answer) => ({ fillsKey: answer.key }),
    catches: failing,
  });
  collect.next(inspect);
  const answers = w.poll({
    begin: 'Begin to wait for the first answer', since: 'answerSince',
    ask: w.invoke('Ask the restored database a question', check, 'reach', {
      comment: 'Available is not enough: from here on somebody could go on from it.',
      input: { database },
      assign: (answer) => ({ answeredAt: answer.answeredAt, parts: answer.parts }),
      catches: failing,
    }),
    judge: 'Did the restored database answer?', judgeComment: 'The time until here is the recovery time.',
    answers: [{ when: js("$answeredAt != ''"), next: collect, comment: 'It did.' }],
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

/** What AWS does not say before it is there. */
export function onceThere(path: string): Jsonata {
  return js(`$exists(${path}) ? ${path} : ''`);
}
