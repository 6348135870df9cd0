/** How an execution ends. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../../contracts/cutover.ts';
import { js, quoted, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { book } from './variables.ts';

export interface Endings {
  readonly succeeded: sfn.IChainable;
  readonly rolledBack: sfn.IChainable;
  readonly needsAPerson: sfn.IChainable;
  readonly preempted: sfn.IChainable;
}

/** Report, tell, release, end. Whatever fails in here undoes nothing, and ends loudly. */
export function endingsOf(w: Workflow, parts: CutoverParts): Endings {
  const judge = w.choice('How did the cutover end?', {
    comment: 'Loose ends make any ending one that needs a person.',
    answers: [
      {
        when: js("$loose = '' and $outcome = 'succeeded'"), comment: 'Everything was done.',
        next: w.succeed('The cutover succeeded', { comment: 'The new colour trades, the old one is gone.', outputs: js('$summary') }),
      },
      {
        when: js("$loose = '' and $outcome = 'rolled-back'"), comment: 'The old colour trades as before.',
        next: w.fail('The cutover was rolled back', {
          comment: 'The old colour trades as before.', error: endings.rolledBack, cause: js('$why'),
        }),
      },
    ],
    otherwise: w.fail('The cutover needs a person', {
      comment: 'The runbook says what to look at.', error: endings.needsAPerson,
      cause: js("'The outcome is ' & $outcome & '. ' & $why & $loose"),
    }),
  });

  const gaveUp = (name: string, what: string, next: sfn.IChainable): sfn.IChainable =>
    w.pass(name, {
      comment: 'Undoes nothing, but the execution will not end as a success.',
      assign: { loose: js(`$loose & ${quoted(` ${what}: `)} & $why`) },
    }).next(next);

  const release = w.invoke('Give the book back for other workflows', parts.leaseControl, 'releaseBook', {
    comment: 'Does nothing where another workflow has taken it.',
    input: { book, execution: js('$states.context.Execution.Id') },
    catches: { 'States.ALL': gaveUp('Note that the book was not given back', 'The book was not given back', judge) },
  });
  release.next(judge);
  const tell = w.call('Tell people how the cutover ended', {
    comment: 'In every ending but a refusal, which its author sees at once.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: parts.topicArn,
      Subject: js("'Baton: cutover of ' & $request.book & ' ' & $outcome"),
      Message: js(`$string($summary, true) & ${quoted(`\n\nReport: s3://${parts.reportBucketName}/`)} & $reportKey & $loose`),
    },
    resources: [parts.topicArn],
    catches: { 'States.ALL': gaveUp('Note that nobody was told', 'Nobody was told', release) },
  });
  tell.next(release);
  const report = w.call('Write the report of the cutover', {
    comment: 'What happened, who asked for it and why: kept after the execution is forgotten.',
    service: 's3', action: 'PutObject',
    parameters: {
      Bucket: parts.reportBucketName,
      Key: js('$reportKey'),
      // As it is, and no text: the integration stores every Body as JSON, a text in quotation marks.
      Body: js('$summary'),
      ContentType: 'application/json',
    },
    resources: [parts.arns.reports],
    catches: { 'States.ALL': gaveUp('Note that the report was not written', 'The report was not written', tell) },
  });
  report.next(tell);
  const summarize = w.pass('Sum up what happened', {
    comment: 'The same facts for the report, the notice and the output.',
    assign: {
      reportKey: js("'cutovers/' & $request.book & '/' & $states.context.Execution.Name & '.json'"),
      summary: js(`{
        'workflow': 'cutover', 'outcome': $outcome, 'why': $why, 'book': $request.book,
        'requestedBy': $request.requestedBy, 'reason': $request.reason, 'images': $request.images,
        'execution': $states.context.Execution.Id, 'startedAt': $states.context.Execution.StartTime, 'endedAt': $now(),
        'first': $plan.first, 'outgoing': $plan.outgoing, 'incoming': $plan.incoming,
        'epochs': { 'before': $plan.epoch, 'after': $epoch }, 'liveBefore': $plan.live,
        'taskDefinition': $revision, 'taskSet': $taskSet, 'snapshot': $snapshot, 'steps': $steps
      }`),
    },
  });
  summarize.next(report);

  const end = (name: string, comment: string, outcome: string, more: Record<string, unknown> = {}): sfn.IChainable =>
    w.pass(name, { comment, assign: { outcome, ...more } }).next(summarize);
  return {
    succeeded: end('Note that the cutover succeeded', 'The new colour trades and is recorded.', 'succeeded'),
    rolledBack: end('Note that the cutover was rolled back', 'The old colour trades, the new one is gone.', 'rolled-back'),
    needsAPerson: end('Note that a person is needed', 'Nothing more is changed: whoever holds the lease trades on.', 'needs-a-person'),
    preempted: end('Note that another workflow took the book', 'It decides now; this execution writes nothing more.', 'needs-a-person', {
      why: js("'Pre-empted. ' & $why"),
    }),
  };
}
