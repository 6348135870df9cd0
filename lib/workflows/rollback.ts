/**
 * The emergency rollback of one book: to what was live before, or to any earlier revision. Where a warm standby runs it
 * already, within a cutover's rollback window, that one takes the book at once, and the cutover is pre-empted; otherwise
 * the revision is started again beside what trades. What is left behind is removed as soon as the venue has accepted
 * orders of the other. No snapshot, no bake: whoever starts this wants something away.
 *
 * As everywhere, the incoming colour is called the new one here, although what it runs is older.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { bookOperations } from '../contracts/operations.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { bringUp } from './blocks/bring-up.ts';
import { endingsOf, type Endings } from './blocks/endings.ts';
import { handOver } from './blocks/hand-over.ts';
import { withTheToken } from './blocks/instances.ts';
import type { CutoverParts } from './blocks/parts.ts';
import { prove } from './blocks/prove.ts';
import { recordLive } from './blocks/record-live.ts';
import { removal } from './blocks/removal.ts';
import { lookWhatRuns } from './blocks/task-sets.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { bare, book, executionHash, incoming, noted, nothing, outgoing, unlessRedriven } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface RollbackParts extends CutoverParts {
  readonly operations: ContractFunction<typeof bookOperations>;
  /** The machine that puts the ledger's database back. */
  readonly restoreMachineArn: string;
}

/** An image older than so many registrations is asked for by its revision. */
const revisionsRead = 20;

export function rollback(w: Workflow, parts: RollbackParts): sfn.IChainable {
  const instances = withTheToken(parts);
  const ending = endingsOf(w, parts, {
    what: 'rollback', folder: 'rollbacks', hasTheBook: true,
    succeeded: 'The earlier release trades and is recorded, unless the book is halted; the one that went is gone.',
    rolledBack: 'Whatever traded before trades on: the earlier release could not take the book, and is gone.',
    facts: `
      'to': $request.to, 'force': $request.force, 'images': $request.images, 'halted': $plan.halted, 'preempted': $plan.preempts,
      'outgoing': $plan.outgoing, 'incoming': $plan.incoming, 'epochs': { 'before': $plan.epoch, 'after': $epoch },
      'liveBefore': $plan.live, 'target': $target, 'taskDefinition': $revision, 'taskSet': $taskSet, 'restore': $restore`,
  });
  const refused = w.fail('The rollback was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const failing = { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson };

  const removeIncoming = removal(w, parts, instances, {
    what: 'the new colour', key: 'incoming', colour: incoming, next: ending.rolledBack,
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: js("$why & ' Its task set could not be removed.'") },
    },
    catches: failing,
  });
  const removeOutgoing = removal(w, parts, instances, {
    what: 'the old colour', key: 'outgoing', colour: outgoing, next: putBack(w, parts, ending),
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: 'What was rolled back could not be removed; the earlier release trades.' },
    },
    catches: failing,
  });
  const record = recordLive(w, parts, { recorded: removeOutgoing, ...ending }, { isPrimary: js('$plan.primary'), takesAway: js('$not($plan.forward)') });
  const proveItTrades = prove(w, parts, {
    trading: record,
    // Not handed back: somebody wanted it away.
    silent: ending.needsAPerson,
    preempted: ending.preempted,
  });
  const change = handOver(w, parts, { held: proveItTrades, kept: removeIncoming, ...ending });

  const changeHands = w.choice('Is the book halted?', {
    comment: 'Then nobody trades, and nobody shall until it is resumed.',
    answers: [{ when: js('$plan.halted'), next: record, comment: 'What it runs when it is resumed is all that changes.' }],
    otherwise: change.ask,
  });
  const prepare = w.parallel('Prepare the colour to go back to', {
    comment: 'What trades, trades on.',
    branches: [bringUp(w, parts, instances, { from: 'what was read' })],
    assign: {
      taskSet: js('$states.result[0].taskSet'),
      revision: js('$states.result[0].revision'),
      ...noted('The earlier release is healthy and reconciled.'),
    },
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': removeIncoming },
  });
  prepare.next(changeHands);
  const isWarm = js("$plan.warm != ''");
  const take = w.invoke('Take the book for this execution', parts.operations, 'takeForRollback', {
    comment: 'From a cutover too: its next step finds the token raised, and leaves things alone.',
    input: { book, execution: js('$states.context.Execution.Id'), preempts: js('$plan.preempts') },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (answer) => ({
      plan: js(`$merge([$plan, { 'token': ${bare(answer.token)} }])`),
      ...noted('The book was taken by this execution.'),
    }),
    refused: { judge: 'Was the book free to be taken?', next: refused },
    catches: {
      LeaseMissingError: refused,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': ending.needsAPerson,
    },
  });
  take.next(w.choice('Can the warm standby take the book at once?', {
    comment: 'Everything else takes a minute or two.',
    answers: [{
      when: isWarm, next: changeHands, comment: 'It runs the revision and is ready.',
      assign: { taskSet: js('$plan.warm'), revision: js('$target') },
    }],
    otherwise: prepare,
  }));

  const image = (name: string, container: 'trader' | 'guard', next: sfn.IChainable): sfn.IChainable =>
    w.call(name, {
      comment: 'A registry keeps old images for a time only, and a task that cannot start would tell much later.',
      service: 'ecr', action: 'DescribeImages',
      parameters: { RepositoryName: parts.repositories[container].name, ImageIds: [{ ImageDigest: js(`$request.images.${container}`) }] },
      resources: [container === 'trader' ? parts.arns.traderRepository : parts.arns.guardRepository],
      errors: ['Ecr.ImageNotFoundException'],
      catches: { 'Ecr.ImageNotFoundException': refused, 'States.ALL': refused },
    }).next(next);
  const checkImages = image('Check that the registry still has the image of the trader', 'trader',
    image('Check that the registry still has the image of the guard', 'guard', take));

  const read = w.call('Read the revision to go back to', {
    comment: 'It runs again as it was, but for its colour.',
    service: 'ecs', action: 'DescribeTaskDefinition',
    parameters: { TaskDefinition: js('$target') },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: {
      template: js('$states.result.TaskDefinition'),
      request: js(`(
        $digest := function($container) { $substringAfter($states.result.TaskDefinition.ContainerDefinitions[Name = $container].Image, '@') };
        $merge([$request, { 'images': { 'trader': $digest('trader'), 'guard': $digest('guard') } }])
      )`),
    },
    catches: { 'States.ALL': refused },
  });
  read.next(w.choice('Is it a revision of this book?', {
    comment: 'Another book has other keys and another strategy.',
    answers: [
      { when: js('$template.Family != $book.family'), comment: 'It is of another family.', next: w.pass('Note that it is no revision of this book', {
        comment: 'Kept for the ending.',
        assign: { why: js("$target & ' is a revision of ' & $template.Family & '; those of this book are of ' & $book.family & '. Name one of them.'") },
      }).next(refused) },
      {
        when: js('$template.Revision < $plan.contracted'), comment: 'It may not be able to write the ledger any more.',
        next: w.pass('Note that the schema was contracted since', {
          comment: 'Kept for the ending.',
          assign: {
            why: js(`
              'After revision ' & $string($plan.contracted) & ' the schema was contracted: ' & $target & ' is older and may not be able to write
              the ledger, though its orders do not need it. Start a cutover with its images rebuilt for the schema, or this again with
              force: { reason, approvedBy }.'
            `),
          },
        }).next(refused),
      },
      { when: isWarm, comment: 'A warm standby needs no image.', next: take },
    ],
    otherwise: checkImages,
  }));

  const find = w.forEach('Read the image of each revision', {
    comment: 'A revision says in its definition what it runs.',
    items: js('[$revisions]'), itemsMax: revisionsRead,
    body: w.call('Read the image of a revision', {
      comment: 'The newest ones only.',
      service: 'ecs', action: 'DescribeTaskDefinition',
      parameters: { TaskDefinition: js('$states.input') },
      resources: ['*'],
      outputs: js(`{
        'arn': $states.result.TaskDefinition.TaskDefinitionArn,
        'image': $states.result.TaskDefinition.ContainerDefinitions[Name = 'trader'].Image
      }`),
    }),
    assign: {
      target: js("( $found := $states.result[$substringAfter(image, '@') = $request.to.imageDigest][0].arn; $exists($found) ? $found : '' )"),
    },
    catches: { 'States.ALL': refused },
  });
  find.next(w.choice('Is there a revision with this image?', {
    comment: 'Only what ran here once can be gone back to.',
    answers: [{ when: js("$target != ''"), next: read, comment: 'There is.' }],
    otherwise: w.pass('Note that no revision runs this image', {
      comment: 'Kept for the ending.',
      assign: {
        why: js(`
          'None of the newest ${revisionsRead} revisions of ' & $book.family & ' runs ' & $request.to.imageDigest & '. Name a revision
          (aws ecs list-task-definitions --family-prefix ' & $book.family & '), or start a cutover with that image.'
        `),
      },
    }).next(refused),
  }));
  const list = w.call('List the revisions of the book', {
    comment: 'The newest first; a cutover registers one each time.',
    service: 'ecs', action: 'ListTaskDefinitions',
    parameters: { FamilyPrefix: js('$book.family'), Status: 'ACTIVE', Sort: 'DESC', MaxResults: revisionsRead },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: { revisions: js('[$states.result.TaskDefinitionArns]') },
    catches: { 'States.ALL': refused },
  });
  list.next(find);

  const plan = w.invoke('Decide what to go back to', parts.operations, 'planRollback', {
    comment: 'Nothing was changed yet: what cannot be done is refused here.',
    input: { request: js('$request'), taskSets: js('$taskSets') },
    assign: (answer, whole) => ({ plan: whole, target: answer.target }),
    refused: { judge: 'Is there a way back?', next: refused },
    catches: { LeaseMissingError: refused, 'States.ALL': refused },
  });
  plan.next(w.choice('Is the revision to go back to known?', {
    comment: 'An image alone has to be looked for.',
    answers: [{ when: js("$target != ''"), next: read, comment: 'It was named, or it was live.' }],
    otherwise: list,
  }));
  const look = lookWhatRuns(w, parts, {
    comment: 'A warm standby may run it already.', next: plan, refused,
    facts: "'id': Id, 'colour': ExternalId, 'taskDefinition': TaskDefinition, 'status': Status, 'running': RunningCount",
  });
  const check = w.invoke(checkTheRequest, parts.operations, 'checkRollback', {
    ...typedRequest(refused),
    assign: (answer, whole) => ({ request: whole, book: js(`$lookup($books, ${bare(answer.book)})`) }),
  });
  check.next(look);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      books: Object.fromEntries(parts.books.map(({ name, ...resources }) => [name, resources])),
      plan: { token: 0, epoch: 0 }, redrives: 0, epoch: 0, drainedEpoch: 0, holder: null, steps: [], target: nothing,
      restore: nothing, taskSet: nothing, revision: nothing, newest: nothing, seen: nothing, why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}

/** The ledger may be put back as well: that is about all books, takes hours, and reports for itself, so it is begun and not waited for. It waits for this book, before it swaps. */
function putBack(w: Workflow, { restoreMachineArn }: RollbackParts, ending: Endings): sfn.IChainable {
  const name = `'rollback-' & ${executionHash}`;
  const begun = w.pass('Note that the restore of the database was begun', {
    comment: 'It tells people itself how it ends.', assign: { restore: js(name), ...noted('The restore of the database was begun.') },
  }).next(ending.succeeded);
  const notBegun = w.pass('Note that the database is not put back', {
    comment: 'The earlier release trades.',
    assign: { why: js(`$why & ${quoted('. The earlier release trades. The database was not put back: start restore-database by hand, see docs/runbooks/restore-database.md.')}`) },
  }).next(ending.needsAPerson);
  const start = w.call('Start the restore of the database', {
    comment: 'Under a name made of this execution: started twice, it is the same one.',
    service: 'sfn', action: 'StartExecution', iamAction: 'states:StartExecution',
    parameters: {
      StateMachineArn: restoreMachineArn, Name: unlessRedriven(name),
      // What trades again is of then, so the schema of then is what it writes.
      Input: js(`$string({
        'to': $request.restoreDatabaseTo, 'reason': $request.reason, 'requestedBy': $request.requestedBy,
        'acceptDataLoss': $request.acceptDataLoss, 'force': $request.acceptDataLoss
      })`),
    },
    resources: [restoreMachineArn],
    errors: ['Sfn.ExecutionAlreadyExistsException'],
    catches: { 'Sfn.ExecutionAlreadyExistsException': { quietly: begun }, 'States.ALL': notBegun },
  });
  start.next(begun);
  return w.choice('Is the database to be put back as well?', {
    comment: 'A rollback by itself changes no data.',
    answers: [{ when: js('$exists($request.restoreDatabaseTo)'), next: start, comment: 'It is.' }],
    otherwise: ending.succeeded,
  });
}
