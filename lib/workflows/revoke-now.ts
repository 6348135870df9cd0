/**
 * An exchange key that others may have is replaced at once: the book is halted, a new key is made and proved by every task, the old one
 * is deleted and seen to be refused, and the book trades again. The steps are those of a rotation, without its grace. Whatever fails on
 * the way leaves the book halted, and asks for a person.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { keyRotation } from '../contracts/key-rotation.ts';
import type { InvokedFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { openAgain, type OpenAgainParts } from './blocks/open-again.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { book, executionHash, fresh, noted, nothing, pollSeconds, unlessRedriven } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface RevokeNowParts extends EndingParts, OpenAgainParts {
  /** Of the book that the request names. */
  readonly keys: InvokedFunction<typeof keyRotation>;
}

/** Longer than a lease and the drain that a holder may need to know all its outcomes. */
const stopLimitSeconds = 20;

export function revokeNow(w: Workflow, parts: RevokeNowParts): sfn.IChainable {
  const { keys, operations } = parts;
  const ending = endingsOf(w, parts, {
    what: 'revocation', folder: 'revocations', hasTheBook: true,
    succeeded: 'The old key is refused by the venue, and the book trades with a new one, or is as halted as it was before.',
    facts: `'epochs': { 'before': $plan.epoch, 'after': $epoch }, 'version': $version, 'key': $key, 'deleted': $deleted, 'wasHalted': $plan.halted`,
  });
  const refused = w.fail('The revocation was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const halted = w.pass('Note that the book stays halted', {
    comment: 'Nobody trades with a key that others may have: a person decides.',
    assign: { why: js(`$why & ${quoted(' The book is halted, and stays so. The old key may still be accepted: look at the venue.')}`) },
  }).next(ending.needsAPerson);
  const catches = { WorkflowPreemptedError: ending.preempted, 'States.ALL': halted };

  const reopen = w.choice('Was it halted before already?', {
    comment: 'Who halted it had another reason.',
    answers: [{ when: js('$plan.halted'), next: ending.succeeded, comment: 'It was: a resume is its own decision.', assign: noted('The book stays as halted as it was.') }],
    otherwise: openAgain(w, parts, ending),
  });
  const revoke = w.invoke('Delete the old key and see it refused', keys, 'revoke', {
    comment: 'At once: a person has said why there is no grace.',
    input: {
      proof: js('$proof'),
      withoutGrace: { reason: js('$request.reason'), approvedBy: unlessRedriven('$request.requestedBy') },
    },
    assign: (answer) => ({ deleted: js(`[${answer.deleted.slice(2, -2)}]`), revoked: answer.state, ...noted('The old key was deleted, and is refused.') }),
    whileBusy: true,
    catches: { 'States.ALL': halted },
  });
  revoke.next(w.choice('Was the old key revoked?', {
    comment: 'Only the newest version may revoke those before it.',
    answers: [{ when: js("$revoked = 'revoked'"), next: reopen, comment: 'It was.' }],
    otherwise: w.pass('Note that another rotation was faster', {
      comment: 'Its key trades, and its own revocation follows after the grace.',
      assign: { why: 'Another key became current meanwhile, and the old ones were not deleted. Start again.' },
    }).next(halted),
  }));
  const finish = w.invoke('Give the new key to every task', keys, 'finish', {
    comment: 'It is promoted, and each task has a request of its own accepted with it.',
    input: { version: unlessRedriven('$version') },
    assign: (answer) => ({ proof: answer.proof, ...noted('Every task has proved the new key.') }),
    whileBusy: true,
    catches: { 'States.ALL': halted },
  });
  finish.next(revoke);
  const test = w.invoke('Prove that the new key may trade', keys, 'test', {
    comment: 'And no more than that.',
    input: { version: unlessRedriven('$version') },
    assign: () => noted('The new key was proved.'),
    whileBusy: true,
    catches: { 'States.ALL': halted },
  });
  test.next(finish);
  const create = w.invoke('Make a new key at the venue', keys, 'create', {
    comment: 'Named after this execution, so that a repeat finds it. What another rotation had begun is given up.',
    input: { version: unlessRedriven('$version'), begins: true },
    assign: (answer) => ({ key: answer.name, ...noted('A new key was made.') }),
    whileBusy: true,
    catches: { 'States.ALL': halted },
  });
  create.next(test);

  const look = w.invoke('Look whether the holder has stopped', operations, 'stopped', {
    comment: 'It gives the book up when everything that it sent has a known outcome.',
    input: fresh,
    assign: (answer) => ({ holder: answer.holder }),
    catches,
  });
  const stopping = w.poll({
    begin: 'Begin to wait for the holder to stop', since: 'stoppingSince',
    ask: look,
    judge: 'Has the holder stopped trading?',
    judgeComment: 'It sends nothing new from its next renewal on.',
    answers: [{ when: js("$holder = ''"), next: create, comment: 'It has.', assign: noted('Nobody holds the book.') }],
    tooLate: {
      next: create, comment: 'It is dead or cut off: its lease has run out, and it cannot trade.',
      assign: noted('The holder said nothing; its lease has run out.'),
    },
    pause: 'Wait a moment for the holder to stop', everySeconds: pollSeconds, limitSeconds: stopLimitSeconds,
  });
  const halt = w.invoke('Halt the book for the revocation', operations, 'haltBook', {
    comment: 'Whoever has the key can trade beside us: what comes now is not mixed with that.',
    input: { ...fresh, reason: js('$request.reason'), by: js('$request.requestedBy') },
    assign: (answer) => ({ epoch: answer.epoch, ...noted('The book was halted.') }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });
  halt.next(stopping);
  const take = w.invoke('Take the book for this execution', operations, 'takeToRevoke', {
    comment: 'A cutover that has it is pre-empted; a move between Regions is not.',
    input: { book, execution: js('$states.context.Execution.Id') },
    assign: (_, whole) => ({ plan: whole, ...noted('The book was taken by this execution.') }),
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    refused: { judge: 'Was the book free to be taken?', next: refused },
    catches: {
      LeaseMissingError: refused,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': ending.needsAPerson,
    },
  });
  take.next(halt);
  const check = w.invoke(checkTheRequest, operations, 'checkKeyRequest', {
    ...typedRequest(refused),
    assign: (_, whole) => ({ request: whole }),
  });
  check.next(take);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      plan: { token: 0, epoch: 0, halted: false }, redrives: 0, epoch: 0, version: js(executionHash), key: nothing, deleted: [], steps: [], seen: nothing,
      why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}
