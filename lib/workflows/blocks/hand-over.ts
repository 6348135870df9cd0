/** The book changes hands: the holder is asked, and the instances do it among themselves. */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { js, type Workflow } from '../workflow.ts';
import type { CutoverParts } from './parts.ts';
import { fresh, incoming, noted, pollSeconds } from './variables.ts';

export interface HandOver {
  /** Asks the holder. */
  readonly ask: sfn.IChainable;
  /** Only waits: nobody holds the book yet. */
  readonly awaitHolder: sfn.IChainable;
}

export function handOver(
  w: Workflow,
  parts: CutoverParts,
  to: {
    readonly held: sfn.IChainable;
    /** The old colour holds the book as before. */
    readonly kept: sfn.IChainable;
    readonly needsAPerson: sfn.IChainable;
    readonly preempted: sfn.IChainable;
  },
): HandOver {
  const { limits } = parts;
  const stopAsking = w.invoke('Stop asking the old colour for the book', parts.leaseControl, 'cancelDrain', {
    comment: 'Back to open, unless the book has changed hands meanwhile: the answer says who has it.',
    input: fresh,
    assign: (answer) => ({ holder: answer.holder }),
    catches: { WorkflowPreemptedError: to.preempted, 'States.ALL': to.needsAPerson },
  });
  stopAsking.next(w.choice('Who holds the book now?', {
    comment: 'A hand-over may have been written in the last moment, and is then as good as any.',
    answers: [
      { when: js('$holder = $plan.incoming'), next: to.held, comment: 'It came late, but it came.' },
      { when: js('$holder and $holder = $plan.outgoing'), next: to.kept, comment: 'Nothing has changed: the new colour goes.' },
    ],
    otherwise: to.needsAPerson,
  }));

  const lookForHolder = w.invoke('Look who holds the book', parts.inspection, 'handover', {
    comment: 'Held means that the new holder has renewed its own epoch.',
    input: { ...fresh, to: incoming, aboveEpoch: js('$plan.epoch'), drainedEpoch: js('$drainedEpoch') },
    assign: (answer) => ({ handover: answer.state, holder: answer.holder, epoch: answer.epoch }),
    catches: { WorkflowPreemptedError: to.preempted, 'States.ALL': stopAsking },
  });
  const awaitHolder = w.poll({
    begin: 'Begin to wait for the hand-over', since: 'drainingSince',
    ask: lookForHolder,
    judge: 'Has the new colour taken the book?',
    judgeComment: 'The instances do this among themselves; the machine only watches.',
    answers: [
      {
        when: js("$handover = 'held'"), next: to.held, comment: 'It holds and has renewed.',
        assign: noted('The new colour holds the book.'),
      },
      {
        when: js("$handover = 'declined'"), next: to.kept, comment: 'The holder saw no successor alive and ready.',
        assign: { why: 'The holder ended the drain itself: it saw no successor alive and ready.' },
      },
      {
        when: js("$handover = 'retaken'"), next: to.kept, comment: 'The old colour took it back by itself, when a lease had run out.',
        assign: {
          why: js(`
            'The old colour took the book by itself, in epoch ' & $string($epoch) & ', after it was asked for it in epoch ' &
            $string($drainedEpoch) &
            ': who had the book in between, the old holder or an instance of the new colour, died before it renewed.'
          `),
        },
      },
      {
        when: js("$handover = 'halted'"), next: to.needsAPerson, comment: 'Somebody halted it: only a resume lets anybody take it.',
        assign: { why: 'The book was halted while it was to change hands, and nobody can take it until it is resumed. Both colours run: resume it, and start again.' },
      },
    ],
    tooLate: {
      next: stopAsking, comment: 'The drain took too long.',
      assign: { why: `The book did not change hands within ${limits.drainSeconds} s.` },
    },
    pause: 'Wait a moment for the hand-over', everySeconds: pollSeconds, limitSeconds: limits.drainSeconds,
  });
  const startDrain = w.invoke('Ask the holder to hand over', parts.leaseControl, 'startDrain', {
    comment: 'The holder stops permits, waits for every outcome, and names its successor itself.',
    input: { ...fresh, successor: incoming },
    assign: (answer) => ({ drainedEpoch: answer.epoch, ...noted('The holder was asked to hand over.') }),
    catches: { WorkflowPreemptedError: to.preempted, LeaseConflictError: stopAsking, 'States.ALL': stopAsking },
  });
  startDrain.next(awaitHolder);
  return { ask: startDrain, awaitHolder };
}
