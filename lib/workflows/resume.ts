/**
 * The end of a halt, with a reason: the book is opened, a standby takes it when it has waited a lease, and must have
 * orders accepted. It takes the book as other workflows do, so that it never resumes what another one keeps halted.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { openAgain, type OpenAgainParts } from './blocks/open-again.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { book, noted, nothing } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

export type ResumeParts = EndingParts & OpenAgainParts;

export function resume(w: Workflow, parts: ResumeParts): sfn.IChainable {
  const ending = endingsOf(w, parts, {
    what: 'resume', folder: 'resumes', hasTheBook: true,
    succeeded: 'The book trades again, or waits for its first cutover.',
    facts: `'halted': $plan.halted, 'epochs': { 'before': $plan.epoch, 'after': $epoch }`,
  });
  const refused = w.fail('The resume was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });

  const open = openAgain(w, parts, ending);
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
  const check = w.invoke(checkTheRequest, parts.operations, 'checkResume', {
    ...typedRequest(refused),
    assign: (_, whole) => ({ request: whole }),
  });
  check.next(take);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      plan: { token: 0, epoch: 0, halted: nothing }, epoch: 0, steps: [], seen: nothing, why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}
