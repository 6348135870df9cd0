/**
 * The gates of a change: the market's window, the freeze, and the people who must approve it. Nothing is locked while
 * people think; so the first two are looked at again when they have.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Jsonata, quoted, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { bare, noted } from './variables.ts';

/** People take minutes, and an execution has room for 25,000 events. */
const approvalPollSeconds = 20;

export function gates(
  w: Workflow,
  parts: CutoverParts,
  to: {
    readonly passed: sfn.IChainable;
    /** Its author sees it. */
    readonly refused: sfn.IChainable;
    /** Somebody was asked, and is told. */
    readonly refusedLate: sfn.IChainable;
  },
  /** What is asked for: the machine's word for it, its name for people's proofs, and the books that it changes. */
  change = { what: 'cutover', name: js('$states.context.Execution.Name'), books: js('[$request.book]') },
): sfn.IChainable {
  const { passed, refused, refusedLate } = to;

  /** The window and the freeze, at one moment. */
  const check = (moment: string, comment: string, next: sfn.IChainable, closed: sfn.IChainable): sfn.IChainable => {
    const judge = w.invoke(`Check the window and the freeze ${moment}`, parts.inspection, 'checkGates', {
      comment,
      input: { request: js('$request'), calendar: js('$book.deploymentWindow'), freeze: js('$freeze') },
      assign: (answer) => ({ forced: js(`[${bare(answer.forced)}]`) }),
      refused: { judge: `Are the window open and the freeze lifted ${moment}?`, next: closed },
      catches: { 'States.ALL': closed },
    });
    judge.next(next);
    return w.call(`Read the freeze ${moment}`, {
      comment: 'One command sets it and one lifts it, for every book at once.',
      service: 'ssm', action: 'GetParameter',
      parameters: { Name: parts.freezeParameterName },
      resources: [parts.arns.freezeParameter],
      assign: { freeze: js('$states.result.Parameter.Value') },
      catches: { 'States.ALL': closed },
    }).next(judge);
  };
  const checkAgain = check('once more', 'The market may have opened while people thought.', passed, refusedLate);

  const close = w.invoke('Close the approvals of this change', parts.approvals, 'look', {
    comment: 'From here on a word comes too late.',
    input: { execution: js('$states.context.Execution.Id'), last: true },
    assign: (answer) => ({ approvals: answer.state, approvedBy: js(`[${bare(answer.approvedBy)}]`), seen: answer.seen }),
    catches: { 'States.ALL': refusedLate },
  });
  close.next(w.choice('Was it approved in the last moment?', {
    comment: 'The table decides, by the order of its writes.',
    answers: [{ when: js("$approvals = 'approved'"), next: checkAgain, comment: 'It was.' }],
    otherwise: w.pass('Note that the approvals did not come', {
      comment: 'Kept for the ending.',
      assign: { why: js(`${quoted('It was not approved in time: ')} & $seen & '. Start again when the people are there.'`) },
    }).next(refusedLate),
  }));
  const look = w.invoke('Look who has approved the change', parts.approvals, 'look', {
    comment: 'Each is an identity of IAM that STS vouched for; what anybody typed does not count.',
    input: { execution: js('$states.context.Execution.Id'), last: false },
    assign: (answer) => ({ approvals: answer.state, approvedBy: js(`[${bare(answer.approvedBy)}]`), seen: answer.seen }),
    catches: { 'States.ALL': refusedLate },
  });
  const wait = w.poll({
    begin: 'Begin to wait for approvals', since: 'askedSince',
    ask: look,
    judge: 'Have enough people approved the change?',
    judgeComment: 'Different people, none of whom asked for it.',
    answers: [
      { when: js("$approvals = 'approved'"), next: checkAgain, comment: 'They have.', assign: noted('The change was approved.') },
      {
        when: js("$approvals = 'rejected'"), next: refusedLate, comment: 'One said no.',
        assign: { why: js('$seen') },
      },
    ],
    tooLate: { next: close, comment: 'The time is over.' },
    pause: 'Wait a while for people', everySeconds: approvalPollSeconds, limitSeconds: parts.limits.approvalSeconds,
  });
  const tell = w.call('Tell people whose approval is wanted', {
    comment: 'With the commands to paste; nothing in them is secret.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: parts.topicArn,
      Subject: js(`${quoted(`Baton: approval wanted for the ${change.what} of `)} & $request.book`),
      Message: js(`
        $requester & ' asks for ' & $string($approvalsRequired) & ' approvals within ${parts.limits.approvalSeconds / 60} minutes: ' &
        $string({
          'book': $request.book, 'images': $request.images, 'reason': $request.reason, 'change': $request.change,
          'force': $request.force, 'forced': $forced, 'execution': $states.context.Execution.Id
        }, true) & ${quoted('\n\n')} & $commands
      `),
    },
    resources: [parts.topicArn],
    catches: { 'States.ALL': refused },
  });
  tell.next(wait);
  const open = w.invoke('Open the approvals of this change', parts.approvals, 'open', {
    comment: 'Who asks is proved here, so that nobody approves what he asked for himself.',
    input: {
      execution: js('$states.context.Execution.Id'), name: change.name,
      startedAt: js('$states.context.Execution.StartTime'), proof: js("$exists($request.proof) ? $request.proof : ''"),
      books: change.books, images: js('$request.images'), within: js("$exists($request.within) ? $request.within : ''"),
      least: forItsCost(parts.limits.approvedAboveUsd),
    },
    assign: (answer) => ({
      approvalsRequired: answer.required, requester: answer.requester, approvedBy: js(`[${bare(answer.approvedBy)}]`), commands: answer.commands,
    }),
    refused: { judge: 'Was it proved who asks?', next: refused },
    catches: { 'States.ALL': refused },
  });
  open.next(w.choice('Does this change need approvals?', {
    comment: 'A setting of the environment: two in production. Those of a canary hold for its parts.',
    answers: [{ when: js('$approvalsRequired = 0'), next: passed, comment: 'It needs none, or has them.' }],
    otherwise: tell,
  }));
  return check('before anybody is asked', 'Nobody approves what could not be done anyway.', open, refused);
}

/** The parts of a canary were approved with it. */
function forItsCost(approvedAboveUsd: number | undefined): number | Jsonata {
  if (approvedAboveUsd === undefined) return 0;
  return js(`($usd := $request.change.costImpactUsdMonthly; $exists($usd) and $not($exists($request.within)) and $usd > ${approvedAboveUsd} ? 1 : 0)`);
}

/** What the endings report of it, before anything is known. */
export const gatesUnknown = { forced: [], approvedBy: [], requester: js("''") };
