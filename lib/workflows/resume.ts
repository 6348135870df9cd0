/**
 * The end of a halt, with a reason: the book is opened, a standby takes it when it has waited a lease, and must have
 * orders accepted. It takes the book as other workflows do, so that it never resumes what another one keeps halted.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { bookOperations } from '../contracts/operations.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { acceptedOrdersToProve, book, fresh, noted, nothing, pollSeconds } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

export interface ResumeParts extends EndingParts {
  readonly operations: ContractFunction<typeof bookOperations>;
  /** A lease for the standby's wait, and its look at the venue; generous. */
  readonly tradeLimitSeconds: number;
}

export function resume(w: Workflow, parts: ResumeParts): sfn.IChainable {
  const ending = endingsOf(w, parts, {
    what: 'resume', folder: 'resumes', hasTheBook: true,
    succeeded: 'The book trades again, or waits for its first cutover.',
    facts: `'halted': $plan.halted, 'epochs': { 'before': $plan.epoch, 'after': $epoch }`,
  });
  const refused = w.fail('The resume was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });

  const look = w.invoke('Look whether the book trades again', parts.operations, 'tradesAgain', {
    comment: 'A holder is not enough: the venue must have accepted its orders.',
    input: { ...fresh, wanted: acceptedOrdersToProve },
    assign: (answer) => ({ trading: answer.state, epoch: answer.epoch, seen: answer.seen }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });
  const prove = w.poll({
    begin: 'Begin to wait for accepted orders', since: 'provingSince',
    ask: look,
    judge: 'Does the book trade again?',
    judgeComment: 'Whichever standby was first.',
    answers: [
      {
        when: js("$trading = 'trading'"), next: ending.succeeded, comment: 'It does.',
        assign: noted('The venue accepts orders again.'),
      },
      {
        when: js("$trading = 'halted'"), next: ending.needsAPerson, comment: 'Somebody, or the trader itself, halted it again.',
        assign: { why: js("'It did not stay open: ' & $seen & '.'") },
      },
    ],
    tooLate: {
      next: ending.needsAPerson, comment: 'It is open and nobody trades it.',
      assign: { why: js(`'The book is open, but too few orders were accepted within ${parts.tradeLimitSeconds} s: ' & $seen & '.'`) },
    },
    pause: 'Wait a moment for orders', everySeconds: pollSeconds, limitSeconds: parts.tradeLimitSeconds,
  });
  const open = w.invoke('Open the book again', parts.operations, 'resume', {
    comment: 'The one write that ends a halt.',
    input: fresh,
    assign: (answer) => ({ open: answer.open, ...noted('The halt was ended.') }),
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  open.next(w.choice('Can anybody trade it now?', {
    comment: 'A book that never traded stays closed until its first cutover.',
    answers: [{ when: js('$open'), next: prove, comment: 'A standby takes it within a lease.' }],
    otherwise: ending.succeeded,
  }));
  const take = w.invoke('Take the halted book for this execution', parts.operations, 'takeHalted', {
    comment: 'Whoever keeps it halted for a purpose has it, and is not disturbed.',
    input: { book, execution: js('$states.context.Execution.Id') },
    assign: (_, whole) => ({ plan: whole, ...noted('The book was taken by this execution.') }),
    refused: { judge: 'Was the book halted, and free to be taken?', next: refused },
    catches: {
      LeaseMissingError: refused,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': ending.needsAPerson,
    },
  });
  take.next(open);
  const check = w.invoke('Check the request that was typed', parts.operations, 'checkResume', {
    comment: 'Every fault is named, with what was seen and what to do.',
    input: { request: js('$states.context.Execution.Input') },
    assign: (_, whole) => ({ request: whole }),
    refused: { judge: 'Is the request in order?', next: refused },
    catches: { 'States.ALL': refused },
  });
  check.next(take);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      plan: { token: 0, epoch: 0, halted: nothing }, epoch: 0, steps: [], seen: nothing, why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}
