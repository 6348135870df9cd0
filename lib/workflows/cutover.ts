/**
 * The cutover of one book: start the new colour beside the old one, let the lease change hands, prove that the
 * new colour trades, bake it, and retire the old one. Until the hand-over the old colour is not touched; after
 * it, until the bake has passed, a failure hands the book back. Later failures leave everything running and
 * ask for a person.
 *
 * The two colours are called incoming and outgoing throughout: which of them is blue changes each time.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { contractionsWait } from '../contracts/task-environment.ts';
import { bringUp } from './blocks/bring-up.ts';
import { endingsOf } from './blocks/endings.ts';
import { gates, gatesUnknown } from './blocks/gates.ts';
import { handBack } from './blocks/hand-back.ts';
import { handOver } from './blocks/hand-over.ts';
import { withTheToken } from './blocks/instances.ts';
import { preparation, type CutoverParts } from './blocks/parts.ts';
import { migration, registerMigration } from './blocks/migration.ts';
import { prove } from './blocks/prove.ts';
import { recordLive } from './blocks/record-live.ts';
import { removal } from './blocks/removal.ts';
import { snapshot } from './blocks/snapshot.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { bare, book, fresh, incoming, noted, nothing, outgoing } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

const bakeLooksEverySeconds = 60;

/** Returns the state that the machine starts at. */
export function cutover(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const { limits } = parts;
  const instances = withTheToken(parts);
  const refused = w.fail('The cutover was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const ending = endingsOf(w, parts, {
    what: 'cutover', folder: 'cutovers', hasTheBook: true, refused,
    succeeded: 'The new colour trades and is recorded; the old one is gone.',
    rolledBack: 'The old colour trades as before; the new one is gone.',
    facts: `
      'images': $request.images, 'change': $request.change, 'force': $request.force, 'forced': $forced,
      'requester': $requester, 'approvedBy': $approvedBy, 'first': $plan.first, 'outgoing': $plan.outgoing, 'incoming': $plan.incoming,
      'epochs': { 'before': $plan.epoch, 'after': $epoch }, 'liveBefore': $plan.live,
      'migration': $migration, 'taskDefinition': $revision, 'taskSet': $taskSet, 'snapshot': $snapshot`,
  });

  // ── Undo: before the hand-over, or once the book was handed back ─────────────────────────────────────────
  const removeIncoming = removal(w, parts, instances, {
    what: 'the new colour', key: 'incoming', colour: incoming,
    next: ending.rolledBack,
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: js("$why & ' Its task set could not be removed.'") },
    },
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });

  // ── Hand back ────────────────────────────────────────────────────────────────────────────────────────────
  const askBackIfPossible = handBack(w, parts, { handedBack: removeIncoming, ...ending });

  // ── Retire, record, bake, prove: written from the end, because each state names the next ─────────────────
  const contract = w.choice('Does a contraction of the schema wait?', {
    comment: 'It takes away what the old colour used: nobody needs it any more.',
    answers: [{
      when: js('$contractionsWait and $book.contracts'), comment: 'One waits, and no other book needs it.',
      next: w.invoke('Record that the way back is closed', parts.leaseControl, 'closeWayBack', {
        comment: 'Before it is: a rollback behind this revision takes force from here on.',
        input: { ...fresh, taskDefinition: js('$revision') },
        catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
      }).next(migration(w, parts, {
        command: 'contract', revision: '$migration',
        done: w.pass('Note that the schema was contracted', {
          comment: 'The way back to the old release is closed.', assign: noted('The schema was contracted.'),
        }).next(ending.succeeded),
        failed: w.pass('Note that the schema was not contracted', {
          comment: 'The new colour trades; what is left over harms nobody.', assign: { why: js("'The new colour trades. ' & $contractionFault") },
        }).next(ending.needsAPerson),
        catches: { 'States.ALL': ending.needsAPerson },
      })),
    }],
    otherwise: ending.succeeded,
  });
  const retire = removal(w, parts, instances, {
    what: 'the old colour', key: 'outgoing', colour: outgoing,
    next: contract,
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not stop.',
      assign: { why: 'The old colour could not be removed; the new one trades.' },
    },
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });

  const lookAfterWindow = w.invoke('Look whether the new colour still trades after the window', parts.inspection, 'trading', {
    comment: 'The old colour may be retired only while the other one holds the book: a warm standby takes over by itself.',
    input: { ...fresh, colour: incoming, newest: js('$newest'), wanted: 1 },
    assign: (answer) => ({ trading: answer.state, seen: answer.seen }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });
  lookAfterWindow.next(w.choice('Does the new colour still trade?', {
    comment: 'Whoever holds the book now must not be retired.',
    answers: [{ when: js("$trading = 'trading'"), next: retire, comment: 'It does: the old colour has done its duty.' }],
    otherwise: w.pass('Note that the new colour did not outlive the window', {
      comment: 'Both colours stay as they are; whichever holds the lease trades.',
      assign: { why: js("'After the bake the new colour stopped trading, and the old one was kept: ' & $seen") },
    }).next(ending.needsAPerson),
  }));
  const keepWarm = w.wait('Keep the old colour warm for the rollback window', {
    comment: 'It runs as a standby: should the new colour die, it takes the book within a lease.',
    seconds: limits.rollbackWindowSeconds,
  });
  keepWarm.next(lookAfterWindow);

  const recordIt = recordLive(w, parts, {
    recorded: w.choice('Is there an old colour to retire?', {
      comment: 'At the first cutover of a book there is none.',
      answers: [{ when: js('$plan.first'), next: contract, comment: 'The first cutover is all but done.' }],
      otherwise: keepWarm,
    }),
    ...ending,
  });

  const lookWhileBaking = w.invoke('Look whether the new colour goes on trading', parts.inspection, 'trading', {
    comment: 'New accepted orders since the last look are the proof.',
    input: { ...fresh, colour: incoming, newest: js('$newest'), wanted: 1 },
    assign: (answer) => ({ trading: answer.state, newest: answer.newest, seen: answer.seen }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': askBackIfPossible },
  });
  const bake = w.rounds({
    begin: 'Begin to bake the new colour',
    counter: 'bakeLooks',
    pause: 'Let the new colour bake for a minute',
    pauseSeconds: bakeLooksEverySeconds,
    ask: lookWhileBaking,
    judge: 'Did it trade through the minute?',
    judgeComment: 'Silence for a minute is a failure, whatever its cause.',
    answers: [],
    good: js("$trading = 'trading'"),
    bad: w.pass('Note that the bake failed', {
      comment: 'Kept for the report and the ending.',
      assign: { why: js("'The new colour stopped trading during the bake: ' & $seen") },
    }).next(askBackIfPossible),
    rounds: Math.max(1, Math.ceil(limits.bakeSeconds / bakeLooksEverySeconds)),
    done: recordIt,
  });

  const proveItTrades = prove(w, parts, { trading: bake, silent: askBackIfPossible, preempted: ending.preempted });

  // ── Hand over ────────────────────────────────────────────────────────────────────────────────────────────
  const change = handOver(w, parts, { held: proveItTrades, kept: removeIncoming, ...ending });
  const openBook = w.invoke('Open the book for its first trader', parts.leaseControl, 'openBook', {
    comment: 'Until now it was halted: nobody could take it.',
    input: fresh,
    assign: () => noted('The book was opened.'),
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  openBook.next(change.awaitHolder);

  // ── Prepare: the snapshot beside the new colour ──────────────────────────────────────────────────────────
  const prepare = w.parallel('Prepare the snapshot and the new colour', {
    comment: 'The old colour trades on and is not touched by anything in here.',
    branches: [snapshot(w, parts), migrateAndBringUp(w, parts)],
    assign: {
      snapshot: js('$states.result[0].snapshot'),
      taskSet: js('$states.result[1].taskSet'),
      revision: js('$states.result[1].revision'),
      contractionsWait: js('$states.result[1].contractionsWait'),
      migration: js('$states.result[1].migration'),
      ...noted('The snapshot is available; the new colour is healthy and reconciled.'),
    },
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': removeIncoming },
  });
  prepare.next(w.choice('Is this the first cutover of the book?', {
    comment: 'Then there is no holder to ask.',
    answers: [{ when: js('$plan.first'), next: openBook, comment: 'Nobody has ever traded this book.' }],
    otherwise: change.ask,
  }));

  return admission(w, parts, { admitted: prepare, refused, refusedLate: ending.refused(), needsAPerson: ending.needsAPerson });
}

/**
 * The schema first, so that the new colour finds what it was written for; what it finds besides is what the old colour
 * needs. Not after the snapshot but beside it: an expansion adds, and takes nothing that a snapshot could bring back.
 */
function migrateAndBringUp(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const start = bringUp(w, parts, withTheToken(parts), {
    from: 'the newest template', more: `'migration': $migrationRevision, 'contractionsWait': $expansion.code = ${contractionsWait}`,
  });
  const migrates = w.choice('Does this book migrate a schema?', {
    comment: 'A setting: an image that does not know the command would take it for something else.',
    answers: [{
      when: js('$book.migrates'), comment: 'It does.',
      next: registerMigration(w, parts, {
        registered: migration(w, parts, {
          command: 'expand', revision: '$migrationRevision', done: start,
          failed: w.fail('The schema could not be expanded', {
            comment: 'The preparation fails; the old colour works as before.', error: preparation.notMigrated, cause: js('$expansionFault'),
          }),
        }),
      }),
    }],
    otherwise: start,
  });
  return w.pass('Set out to bring up the new colour', {
    comment: 'Nothing has been migrated yet.', assign: { migrationRevision: nothing, expansion: { status: nothing, code: 0, reason: nothing } },
  }).next(migrates);
}

/** Refusals: up to here nothing was changed. */
function admission(
  w: Workflow,
  parts: CutoverParts,
  to: {
    readonly admitted: sfn.IChainable;
    readonly refused: sfn.IChainable;
    /** When people may have been asked already. */
    readonly refusedLate: sfn.IChainable;
    readonly needsAPerson: sfn.IChainable;
  },
): sfn.IChainable {
  const { refused, refusedLate } = to;
  const books = Object.fromEntries(parts.books.map(({ name, ...resources }) => [name, resources]));

  const takeBook = w.invoke('Take the book for this execution', parts.leaseControl, 'takeBook', {
    comment: 'One workflow at a time: the token that this raises goes with every later write.',
    input: { book, execution: js('$states.context.Execution.Id') },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (_, whole) => ({
      plan: whole, ...noted('The book was taken by this execution.'),
    }),
    refused: { judge: 'Was the book free to be taken?', next: refusedLate },
    catches: {
      LeaseMissingError: refusedLate,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': to.needsAPerson,
    },
  });
  takeBook.next(to.admitted);

  const image = (name: string, container: 'trader' | 'guard'): ReturnType<Workflow['call']> =>
    w.call(name, {
      comment: 'A digest that the registry does not have would be found out by a task that cannot start.',
      service: 'ecr', action: 'DescribeImages',
      parameters: { RepositoryName: parts.repositories[container].name, ImageIds: [{ ImageDigest: js(`$request.images.${container}`) }] },
      resources: [container === 'trader' ? parts.arns.traderRepository : parts.arns.guardRepository],
      errors: ['Ecr.ImageNotFoundException'],
      catches: { 'Ecr.ImageNotFoundException': refused, 'States.ALL': refused },
    });
  const checkRequest = w.invoke(checkTheRequest, parts.inspection, 'checkRequest', {
    ...typedRequest(refused),
    assign: (answer, whole) => ({
      request: whole,
      book: js(`$lookup($books, ${bare(answer.book)})`),
    }),
  });
  const setOut = w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      books,
      // What an ending before the plan reports.
      plan: { first: false, token: 0, epoch: 0 }, redrives: 0, epoch: 0, drainedEpoch: 0, holder: null, steps: [],
      taskSet: nothing, revision: nothing, migration: nothing, contractionsWait: false, snapshot: nothing, newest: nothing, seen: nothing,
      why: nothing, loose: nothing, outcome: nothing,
      ...gatesUnknown,
    },
  });
  return setOut.next(checkRequest.next(
    image('Check that the registry has the image of the trader', 'trader').next(
      image('Check that the registry has the image of the guard', 'guard').next(
        gates(w, parts, { passed: takeBook, refused, refusedLate }),
      ),
    ),
  ));
}
