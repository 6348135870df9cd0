/** The way back after a hand-over: the old colour, which runs, trades again. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { acceptedOrdersToProve, fresh, noted, nothing, outgoing, pollSeconds } from './variables.ts';

/** Gives the book back to the old colour, which ran as a warm standby all the while. */
export function handBack(
  w: Workflow,
  parts: CutoverParts,
  to: { readonly handedBack: sfn.IChainable; readonly needsAPerson: sfn.IChainable; readonly preempted: sfn.IChainable },
): sfn.IChainable {
  const { limits } = parts;
  const failing = { WorkflowPreemptedError: to.preempted, 'States.ALL': to.needsAPerson };

  const lookForOrders = w.invoke('Look for accepted orders of the old colour', parts.inspection, 'trading', {
    comment: 'Handed back is not enough: it must trade.',
    input: { ...fresh, colour: outgoing, newest: nothing, wanted: acceptedOrdersToProve },
    assign: (answer) => ({ trading: answer.state, epoch: answer.epoch, seen: answer.seen }),
    catches: failing,
  });
  const prove = w.poll({
    begin: 'Begin to wait for orders of the old colour', since: 'provingBackSince',
    ask: lookForOrders,
    judge: 'Does the old colour trade again?', judgeComment: 'Only then may the new one go.',
    answers: [{
      when: js("$trading = 'trading'"), next: to.handedBack, comment: 'It does.',
      assign: noted('The venue accepts orders of the old colour again.'),
    }],
    tooLate: {
      next: to.needsAPerson, comment: 'Neither colour trades.',
      assign: { why: js(`$why & ' Handed back, the old colour had too few orders accepted within ${limits.proveSeconds} s: ' & $seen`) },
    },
    pause: 'Wait a moment for orders of the old colour', everySeconds: pollSeconds, limitSeconds: limits.proveSeconds,
  });
  const lookForHolder = w.invoke('Look whether the old colour holds the book', parts.inspection, 'handover', {
    comment: 'A dead holder cannot hand over: then the old colour takes the book when the lease has run out.',
    input: { ...fresh, to: outgoing, aboveEpoch: js('$plan.epoch'), drainedEpoch: js('$drainedEpoch') },
    assign: (answer) => ({ handover: answer.state, holder: answer.holder, epoch: answer.epoch }),
    catches: failing,
  });
  const awaitHandover = w.poll({
    begin: 'Begin to wait for the old colour', since: 'drainingBackSince',
    ask: lookForHolder,
    judge: 'Has the old colour taken the book back?', judgeComment: 'By hand-over, or by take-over when the new colour is dead.',
    answers: [
      {
        when: js("$handover = 'held'"), next: prove, comment: 'It holds and has renewed.',
        assign: noted('The old colour holds the book again.'),
      },
      {
        when: js("$handover = 'declined'"), next: to.needsAPerson, comment: 'The holder saw no old instance alive and ready.',
        assign: { why: js("$why & ' It could not be handed back: the holder saw no instance of the old colour alive and ready.'") },
      },
      {
        when: js("$handover = 'retaken'"), next: to.needsAPerson, comment: 'An instance of the old colour had it, and is gone.',
        assign: { why: js("$why & ' Handed back, it was taken by the new colour again: who had it in between died before it renewed.'") },
      },
      {
        when: js("$handover = 'halted'"), next: to.needsAPerson, comment: 'Somebody halted it: only a resume lets anybody take it.',
        assign: { why: js("$why & ' It was halted while it was to be handed back, and nobody can take it until it is resumed. Both colours run.'") },
      },
    ],
    tooLate: {
      next: to.needsAPerson, comment: 'It does not come back.',
      assign: { why: js(`$why & ' It was not handed back within ${limits.drainSeconds} s.'`) },
    },
    pause: 'Wait a moment for the old colour', everySeconds: pollSeconds, limitSeconds: limits.drainSeconds,
  });
  const ask = w.invoke('Ask the new colour to hand back', parts.leaseControl, 'startDrain', {
    comment: 'The same hand-over, the other way.',
    input: { ...fresh, successor: outgoing },
    assign: (answer) => ({ drainedEpoch: answer.epoch, ...noted('The new colour was asked to hand back.') }),
    catches: { ...failing, LeaseConflictError: to.needsAPerson },
  });
  ask.next(awaitHandover);
  return w.choice('Is there an old colour to hand back to?', {
    comment: 'At the first cutover of a book there is none: the new colour is left as it is.',
    answers: [{ when: js('$plan.first'), next: to.needsAPerson, comment: 'Nobody else can trade this book.' }],
    otherwise: ask,
  });
}
