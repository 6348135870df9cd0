/** How an execution ends: report, tell, release, end. Whatever fails in here undoes nothing, and ends loudly. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings, type leaseControl } from '../../contracts/cutover.ts';
import type { recoveryControl } from '../../contracts/recovery.ts';
import type { InvokedFunction } from '../../constructs/function.ts';
import { js, quoted, type Workflow } from '../workflow.ts';
import { book } from './variables.ts';

export interface Endings {
  readonly succeeded: sfn.IChainable;
  readonly rolledBack: sfn.IChainable;
  readonly needsAPerson: sfn.IChainable;
  readonly preempted: sfn.IChainable;
  /** Once others than its author may wait for the outcome; only where the words have it. */
  readonly refused: () => sfn.IChainable;
}

export interface EndingParts {
  /** Gives back the one book that the execution has. */
  readonly leaseControl?: InvokedFunction<typeof leaseControl>;
  /** Gives back all books, where the execution is about the installation and not about one. */
  readonly recovery?: InvokedFunction<typeof recoveryControl>;
  readonly reportBucketName: string;
  readonly topicArn: string;
  /** Where this machine's reports go. */
  readonly arns: { readonly reports: string };
}

export interface EndingWords {
  /** As it stands in the states' names: `cutover`. */
  readonly what: string;
  /** Of the reports in the bucket. */
  readonly folder: string;
  readonly succeeded: string;
  /** Absent where there is nothing to roll back. */
  readonly rolledBack?: string;
  /** The end of a refusal, where one can come when people were asked already. */
  readonly refused?: sfn.IChainable;
  /** Whether the execution has taken what it is about, and so has to give it back. */
  readonly hasTheBook: boolean;
  /** What the report says beside what every report says: fields of a JSONata object. */
  readonly facts: string;
}

export function endingsOf(w: Workflow, parts: EndingParts, words: EndingWords): Endings {
  const { what, folder } = words;
  const judge = w.choice(`How did the ${what} end?`, {
    comment: 'Loose ends make any ending one that needs a person.',
    answers: [
      {
        when: js("$loose = '' and $outcome = 'succeeded'"), comment: 'Everything was done.',
        next: w.succeed(`The ${what} succeeded`, { comment: words.succeeded, outputs: js('$summary') }),
      },
      ...(words.rolledBack === undefined ? [] : [{
        when: js("$loose = '' and $outcome = 'rolled-back'"), comment: words.rolledBack,
        next: w.fail(`The ${what} was rolled back`, { comment: words.rolledBack, error: endings.rolledBack, cause: js('$why') }),
      }]),
      ...(words.refused === undefined ? [] : [{
        when: js("$loose = '' and $outcome = 'refused'"), comment: 'Nothing was changed.', next: words.refused,
      }]),
    ],
    otherwise: w.fail(`The ${what} needs a person`, {
      comment: 'The runbook says what to look at.', error: endings.needsAPerson,
      cause: js("'The outcome is ' & $outcome & '. ' & $why & $loose"),
    }),
  });

  const gaveUp = (name: string, lost: string, next: sfn.IChainable): sfn.IChainable =>
    w.pass(name, {
      comment: 'Undoes nothing, but the execution will not end as a success.',
      assign: { loose: js(`$loose & ${quoted(` ${lost}: `)} & $why`) },
    }).next(next);

  const { recovery, leaseControl: control } = parts;
  const giveBack = (): sfn.IChainable => {
    if (recovery !== undefined) {
      const release = w.invoke('Give the books back for other workflows', recovery, 'releaseBooks', {
        comment: 'Leaves alone what another workflow has taken.',
        input: { execution: js('$states.context.Execution.Id') },
        catches: { 'States.ALL': gaveUp('Note that the books were not given back', 'The books were not given back', judge) },
      });
      return release.next(judge);
    }
    if (control === undefined) throw new Error(`The ${what} has its book, and nothing that gives it back. Hand leaseControl or recovery over.`);
    const release = w.invoke('Give the book back for other workflows', control, 'releaseBook', {
      comment: 'Does nothing where another workflow has taken it.',
      input: { book, execution: js('$states.context.Execution.Id') },
      catches: { 'States.ALL': gaveUp('Note that the book was not given back', 'The book was not given back', judge) },
    });
    return release.next(judge);
  };
  const [about, path] = recovery === undefined ? ['$request.book', "$request.book & '/' & "] : ["'all books'", ''];
  const told = words.hasTheBook ? giveBack() : judge;
  const tell = w.call(`Tell people how the ${what} ended`, {
    comment: 'In every ending but a refusal at once, which its author sees.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: parts.topicArn,
      Subject: js(`${quoted(`Baton: ${what} of `)} & ${about} & ' ' & $outcome`),
      Message: js(`$string($summary, true) & ${quoted(`\n\nReport: s3://${parts.reportBucketName}/`)} & $reportKey & $loose`),
    },
    resources: [parts.topicArn],
    catches: { 'States.ALL': gaveUp('Note that nobody was told', 'Nobody was told', told) },
  });
  tell.next(told);
  const report = w.call(`Write the report of the ${what}`, {
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
      reportKey: js(`${quoted(`${folder}/`)} & ${path}$states.context.Execution.Name & '.json'`),
      summary: js(`{
        'workflow': ${quoted(what)}, 'outcome': $outcome, 'why': $why, 'book': ${about},
        'requestedBy': $request.requestedBy, 'reason': $request.reason,
        'execution': $states.context.Execution.Id, 'startedAt': $states.context.Execution.StartTime, 'endedAt': $now(),
        ${words.facts},
        'steps': $steps
      }`),
    },
  });
  summarize.next(report);

  // Made when first asked for: a state that nothing leads to does not belong into a machine.
  const made = new Map<string, sfn.IChainable>();
  const end = (name: string, comment: string, outcome: string, more: Record<string, unknown> = {}): sfn.IChainable => {
    const known = made.get(name) ?? w.pass(name, { comment, assign: { outcome, ...more } }).next(summarize);
    made.set(name, known);
    return known;
  };
  return {
    get succeeded() {
      return end(`Note that the ${what} succeeded`, words.succeeded, 'succeeded');
    },
    get rolledBack() {
      return end(`Note that the ${what} was rolled back`, words.rolledBack ?? '', 'rolled-back');
    },
    refused() {
      return end(`Note that the ${what} was refused`, 'Nothing was changed; those who were asked, and the records, are told.', 'refused');
    },
    get needsAPerson() {
      return end('Note that a person is needed', 'Nothing more is changed: whoever holds the lease trades on.', 'needs-a-person');
    },
    get preempted() {
      return end('Note that another workflow took the book', 'It decides now; this execution writes nothing more.', 'needs-a-person', {
        why: js("'Pre-empted. ' & $why"),
      });
    },
  };
}
