/**
 * What was restored under the name of an execution, `$name`, is waited for, entered, and judged: every page is read, and the ledger in it is held against what was
 * counted before its moment, `$createdAt`, the journal and the venue. What was seen is in `$findings`; to judge them is the machine's.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import type { InvokedFunction } from '../../constructs/function.ts';
import type { backupCheck, venueFills } from '../../contracts/verification.ts';
import { partsMax } from '../../verification/physical.ts';
import { js, type Workflow } from '../workflow.ts';
import { enterTheRestored, restoredAddress } from './isolated-restore.ts';
import { noted } from './variables.ts';

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
  const database = restoredAddress;
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
  const ask = w.invoke('Ask the restored database a question', check, 'reach', {
    comment: 'Available is not enough: from here on somebody could go on from it.',
    input: { database },
    assign: (answer) => ({ answeredAt: answer.answeredAt, parts: answer.parts }),
    catches: failing,
  });
  return enterTheRestored(w, restored, { admit, ask, answered: collect, failed });
}
