/** The end of a halt, seen: the book is opened, a standby takes it, and the venue accepts its orders. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { bookOperations } from '../../contracts/operations.ts';
import type { InvokedFunction } from '../../constructs/function.ts';
import { js, type Workflow } from '../workflow.ts';
import type { Endings } from './endings.ts';
import { acceptedOrdersToProve, fresh, noted, pollSeconds } from './variables.ts';

export interface OpenAgainParts {
  readonly operations: InvokedFunction<typeof bookOperations>;
  /** A lease for the standby's wait, and its look at the venue; generous. */
  readonly tradeLimitSeconds: number;
}

export function openAgain(w: Workflow, parts: OpenAgainParts, ending: Endings): sfn.IChainable {
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
  return open;
}
