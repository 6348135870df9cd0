/**
 * The standby Region gets the release that is live at home: one warm instance of a book is started beside the one that stands by,
 * and that goes when the new one is ready and reconciled. At every moment one of them could take the book.
 *
 * It does not take the book: nothing that trades is changed, and no rollback or failover may wait for it. Each step that decides
 * asks the lease whether this release is still live and home still elsewhere; when it is not, the refresh gives way.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { standbyControl } from '../contracts/standby.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { bringUp } from './blocks/bring-up.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { asStandby } from './blocks/instances.ts';
import type { CutoverParts } from './blocks/parts.ts';
import { publishLive } from './blocks/record-live.ts';
import { removal } from './blocks/removal.ts';
import { lookWhatRuns } from './blocks/task-sets.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { bare, book, incoming, noted, nothing, outgoing } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

type FromTheCutover = Pick<CutoverParts, 'books' | 'clusterName' | 'repositories' | 'arns' | 'passRoles' | 'limits'>;
export interface RefreshStandbyParts extends FromTheCutover, EndingParts {
  readonly arns: CutoverParts['arns'];
  readonly control: ContractFunction<typeof standbyControl>;
}

/** Half of the two tasks that a service is set to. */
const standbyPercent = 50;
/** Replication to the other Region may take longer than a cutover: "most images replicate in less than 30 minutes". */
const replicated = { everySeconds: 30, times: 60 } as const;

export function refreshStandby(w: Workflow, parts: RefreshStandbyParts): sfn.IChainable {
  const ending = endingsOf(w, parts, {
    what: 'standby refresh', folder: 'standby-refreshes', hasTheBook: false,
    succeeded: 'The standby Region runs what was live at home when this began, or something newer decides.',
    facts: `
      'of': $plan.of, 'images': $request.images, 'home': $plan.home, 'outgoing': $plan.outgoing, 'incoming': $plan.incoming,
      'taskDefinition': $revision, 'taskSet': $taskSet`,
  });
  const refused = w.fail('The standby refresh was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const gaveWay = w.pass('Note that something newer decides', {
    comment: 'Another release is live by now, or the book has moved here: both are left as they are, for whoever comes next.',
    assign: noted('It gave way: another release is live by now, or the book has moved here.'),
  }).next(ending.succeeded);
  const failing = { 'States.ALL': ending.needsAPerson };
  const instances = asStandby(parts.control, { into: 'why', next: gaveWay });

  const removeIncoming = removal(w, parts, instances, {
    what: 'the new colour', key: 'incoming', colour: incoming, next: ending.needsAPerson,
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: js("$why & ' Its task set could not be removed.'") },
    },
    catches: failing,
  });
  const removeOutgoing = removal(w, parts, instances, {
    what: 'the old colour', key: 'outgoing', colour: outgoing, next: ending.succeeded,
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: 'The older standby could not be removed; the new one stands by.' },
    },
    catches: failing,
  });
  const makeSure = w.invoke('Look whether this release is still wanted', parts.control, 'stillWanted', {
    comment: 'What is removed next may trade, should the book have moved here.',
    input: { book, of: js('$plan.of') },
    refused: { judge: 'Is this release still wanted?', next: gaveWay },
    catches: failing,
  });
  makeSure.next(removeOutgoing);
  const publish = publishLive(w, parts, {
    recorded: w.choice('Was there an older standby?', {
      comment: 'Not before the first refresh.',
      answers: [{ when: js('$plan.outgoing != null'), next: makeSure, comment: 'There was: it has done its duty.' }],
      otherwise: ending.succeeded,
    }),
    needsAPerson: ending.needsAPerson, more: "'standbyOf': $plan.of",
  });
  const somethingNewer = w.fail('Something newer decides', {
    comment: 'The preparation ends; what it made is left to whoever comes next.', error: 'SupersededError', cause: js('$newer'),
  });
  const prepare = w.parallel('Prepare the new standby', {
    comment: 'The older one stands by as before.',
    branches: [bringUp(w, parts, asStandby(parts.control, { into: 'newer', next: somethingNewer }), { from: 'the newest template', scalePercent: standbyPercent })],
    assign: {
      taskSet: js('$states.result[0].taskSet'),
      revision: js('$states.result[0].revision'),
      ...noted('The new standby is healthy and reconciled.'),
    },
    catches: { SupersededError: gaveWay, 'States.ALL': removeIncoming },
  });
  prepare.next(publish);

  const image = (name: string, container: 'trader' | 'guard', next: sfn.IChainable): sfn.IChainable =>
    w.call(name, {
      comment: 'The registry at home has it; it is copied here in the background.',
      service: 'ecr', action: 'DescribeImages',
      parameters: { RepositoryName: parts.repositories[container].name, ImageIds: [{ ImageDigest: js(`$request.images.${container}`) }] },
      resources: [container === 'trader' ? parts.arns.traderRepository : parts.arns.guardRepository],
      errors: ['Ecr.ImageNotFoundException'],
      tooEarly: { error: 'Ecr.ImageNotFoundException', ...replicated },
      catches: { 'States.ALL': ending.needsAPerson },
    }).next(next);
  const plan = w.invoke('Decide what the standby is to run', parts.control, 'plan', {
    comment: 'Nothing was changed yet: what cannot be done is refused here.',
    input: { book, taskSets: js('$taskSets') },
    assign: (answer, whole) => ({ plan: whole, request: js(`$merge([$request, { 'images': ${bare(answer.images)} }])`) }),
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    refused: { judge: 'Is there a standby to refresh?', next: refused },
    catches: { LeaseMissingError: refused, 'States.ALL': refused },
  });
  plan.next(image('Wait until the image of the trader is here', 'trader', image('Wait until the image of the guard is here', 'guard', prepare)));
  const look = lookWhatRuns(w, parts, {
    comment: 'The primary task set is what stands by.', next: plan, refused,
    facts: "'id': Id, 'colour': ExternalId, 'status': Status",
  });
  const check = w.invoke(checkTheRequest, parts.control, 'checkRequest', {
    ...typedRequest(refused),
    assign: (answer, whole) => ({ request: whole, book: js(`$lookup($books, ${bare(answer.book)})`) }),
  });
  check.next(look);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      books: Object.fromEntries(parts.books.map(({ name, ...resources }) => [name, resources])),
      plan: { of: nothing, home: nothing }, redrives: 0, steps: [], taskSet: nothing, revision: nothing, why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}
