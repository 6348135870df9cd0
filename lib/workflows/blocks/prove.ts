/** The proof that a cutover is one: the venue accepts orders of the new colour. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { acceptedOrdersToProve, fresh, incoming, noted, nothing, pollSeconds } from './variables.ts';

export function prove(
  w: Workflow,
  parts: CutoverParts,
  to: { readonly trading: sfn.IChainable; readonly silent: sfn.IChainable; readonly preempted: sfn.IChainable },
): sfn.IChainable {
  const { limits } = parts;
  const lookForOrders = w.invoke('Look for accepted orders of the new colour', parts.inspection, 'trading', {
    comment: 'Holding the lease is not trading: only the venue can say that an order was accepted.',
    input: { ...fresh, colour: incoming, newest: nothing, wanted: acceptedOrdersToProve },
    assign: (answer) => ({ trading: answer.state, epoch: answer.epoch, newest: answer.newest, seen: answer.seen }),
    catches: { WorkflowPreemptedError: to.preempted, 'States.ALL': to.silent },
  });
  return w.poll({
    begin: 'Begin to wait for accepted orders', since: 'provingSince',
    ask: lookForOrders,
    judge: 'Does the new colour trade?',
    judgeComment: 'The first moment at which the cutover can be called one.',
    answers: [
      {
        when: js("$trading = 'trading'"), next: to.trading, comment: 'The venue accepts its orders.',
        assign: noted('The venue accepts orders of the new colour.'),
      },
      {
        when: js("$trading = 'lost'"), next: to.silent, comment: 'The old colour has taken over again.',
        assign: { why: js("'The new colour lost the book before it traded: ' & $seen") },
      },
    ],
    tooLate: {
      next: to.silent, comment: 'It holds the book and does not trade.',
      assign: { why: js(`'The new colour had too few orders accepted within ${limits.proveSeconds} s: ' & $seen`) },
    },
    pause: 'Wait a moment for orders', everySeconds: pollSeconds, limitSeconds: limits.proveSeconds,
  });
}
