/**
 * The ledger's database is put back to a moment. A new instance is restored beside the one in use, looked into as every backup is, and only if it is sound do the two
 * change names: the endpoint belongs to the name, so nothing that uses the database is told anything. The one before is closed and kept.
 *
 * Trading goes on from the journal; only books whose bot requires the database are halted, for as long as there is none. What the restored ledger lacks of orders,
 * whoever trades writes into it from the journal. At last the other Region gets a replica of it: until then a failover would find the ledger of before.
 *
 * Until the restored one has the name, every way out leads back to what was; also of an execution that was killed there, when it is redriven: it takes the books again, and
 * looks which of the renamings took effect. The books are taken for the swap alone: beside the hours of a restore everybody works, an
 * emergency rollback too, and whether the restored one still fits is asked again when the books are in hand.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { credentialRotation } from '../contracts/credential-rotation.ts';
import { endings } from '../contracts/cutover.ts';
import type { databaseRecovery, recoveryControl } from '../contracts/recovery.ts';
import type { databaseRestore } from '../contracts/restore.ts';
import type { otherRegion, switchoverControl } from '../contracts/switchover.ts';
import type { backupCheck, backupWatermark, venueFills } from '../contracts/verification.ts';
import type { InvokedFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { judgedLedger } from './blocks/judged-ledger.ts';
import { reprotection } from './blocks/reprotection.ts';
import { teardown } from './blocks/teardown.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { noted, nothing, pollSeconds, unlessRedriven } from './blocks/variables.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface RestoreDatabaseParts extends EndingParts {
  readonly environment: string;
  readonly region: string;
  readonly otherRegionName: string;
  readonly books: readonly { readonly name: string; readonly needsDatabase: boolean }[];
  readonly restore: InvokedFunction<typeof databaseRestore>;
  readonly recovery: InvokedFunction<typeof recoveryControl>;
  readonly database: InvokedFunction<typeof databaseRecovery>;
  readonly control: InvokedFunction<typeof switchoverControl>;
  readonly other: InvokedFunction<typeof otherRegion>;
  readonly credentials: InvokedFunction<typeof credentialRotation>;
  readonly watermark: InvokedFunction<typeof backupWatermark>;
  readonly check: InvokedFunction<typeof backupCheck>;
  readonly fills: InvokedFunction<typeof venueFills>;
  readonly arns: EndingParts['arns'] & {
    /** Of what this machine makes, and of nothing else. */
    readonly restored: string;
  };
}

/** As in a move between Regions. */
const stopLimitSeconds = 30;
/** Two names, about ten minutes each; AWS promises none. */
const swapLimitSeconds = 3600;
const renamePollSeconds = 10;
/** Its rounds are longer, and an execution has room for 25,000 events. */
const backPollSeconds = 30;
const completeLimitSeconds = 600;
/** A cutover with its bake, or a drill in the other Region, is over by then. */
const takeLimitSeconds = 7200;
const bookPollSeconds = 60;
/** Of a call on the way to the swap: what was begun there is undone. */
const leadsBack = 'This execution was redriven after it had taken the books: from here its way leads back.';

export function restoreDatabase(w: Workflow, parts: RestoreDatabaseParts): sfn.IChainable {
  const { restore, control, recovery, arns, region: here, otherRegionName: there } = parts;
  const notTaken = w.fail('The restore of the database was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const ending = endingsOf(w, parts, {
    what: 'restore of the database', folder: 'database-restores', hasTheBook: true, refused: notTaken,
    succeeded: 'The ledger is the one of the moment that was asked for, with every order since, and the other Region has a replica of it.',
    rolledBack: 'The database of before is in use, as if nothing had been.',
    facts: `
      'to': $createdAt, 'verified': $verified, 'findings': $findings, 'swapped': $swapped, 'setAside': $swapped ? $aside : '', 'protected': $protected,
      'measured': {
        'rpoSeconds': $begunAt = '' ? null : ($toMillis($begunAt) - $toMillis($createdAt)) / 1000,
        'rtoSeconds': $openedAt = '' ? null : ($toMillis($openedAt) - $toMillis($begunAt)) / 1000,
        'closedSeconds': $openedAt = '' ? null : ($toMillis($openedAt) - $closedSince) / 1000,
        'ordersFromTheJournal': $lacking
      }`,
  });
  const held = js('[$taken.{ "book": book, "token": token }]');
  const swapping = { name: js('$name'), aside: js('$aside') };
  const preempted = (name: string, next: sfn.IChainable): sfn.IChainable =>
    w.pass(name, { comment: 'A failover decides now: nothing more is swapped.', assign: { preempted: true } }).next(next);

  // ── The way out: what was restored is removed ────────────────────────────────────────────────────────────
  const conclude = w.choice('How is the restore left?', {
    comment: 'The database of before is in use.',
    answers: [
      { when: js("$leftOver != ''"), next: ending.needsAPerson, comment: 'Something could not be removed.', assign: { why: js('$why & $leftOver') } },
      { when: js('$preempted'), next: ending.preempted, comment: 'Another workflow has the books.' },
      { when: js('$schemaMoved'), next: ending.refused(), comment: 'It was refused before anything was made.' },
    ],
    otherwise: ending.rolledBack,
  });
  const tearDown = teardown(w, {
    what: 'restored database', key: 'database', next: conclude, gone: 'Rds.DbInstanceNotFoundException', tooEarly: 'Rds.InvalidDbInstanceStateException',
    service: 'rds', remove: 'DeleteDBInstance', look: 'DescribeDBInstances', resource: arns.restored,
    parameters: { DbInstanceIdentifier: js('$name'), SkipFinalSnapshot: true, DeleteAutomatedBackups: true }, named: { DbInstanceIdentifier: js('$name') },
  });
  const resumeKept = w.invoke('Resume the books that were halted for nothing', control, 'resumeHalted', {
    comment: 'As if nothing had been.',
    input: { books: held, reason: js('$haltReason') },
    catches: { WorkflowPreemptedError: preempted('Note that the books were taken before they were resumed', tearDown), LeaseConflictError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  resumeKept.next(tearDown);
  const readmit = w.invoke('Open the database of before again', parts.database, 'readmit', {
    comment: 'It has its name, or never lost it.',
    input: {},
    catches: { DatabaseUnreachableError: ending.needsAPerson, DatabaseInRecoveryError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  readmit.next(resumeKept);

  // ── The other Region's replica follows the database that was set aside ───────────────────────────────────
  const protect = reprotection(w, parts, {
    replicaIn: there, key: 'there',
    done: w.pass('Note that the other Region stands by', { comment: 'With a replica of what is in use.', assign: { protected: true, ...noted('The other Region has a replica again.') } })
      .next(w.choice('Is everything in the ledger?', {
        comment: 'What is not leaves a sentence in the reason.',
        answers: [{ when: js("$why = ''"), next: ending.succeeded, comment: 'Everything is.' }],
        otherwise: ending.needsAPerson,
      })),
    failed: w.pass('Note that the other Region is no standby yet', {
      comment: 'Trading is fine; a failover now would find the ledger of before.',
      assign: { why: js(`$why & ${quoted(` The restored database is in use, and ${there} has no replica of it: see docs/runbooks/restore-database.md.`)}`) },
    }).next(ending.needsAPerson),
  });
  const release = w.invoke('Give the books back before the replica is made', recovery, 'releaseBooks', {
    comment: 'It may take hours, and changes nothing that trades.',
    input: { execution: js('$states.context.Execution.Id') },
    catches: { 'States.ALL': ending.needsAPerson },
  });
  release.next(protect);
  const complete = w.poll({
    begin: 'Begin to wait for the orders since', since: 'completeSince',
    ask: w.invoke('Look what the restored ledger lacks', parts.database, 'completeness', {
      comment: 'Whoever trades a book writes it from the journal.',
      input: { books: js("[$traded.{ 'book': $, 'belowEpoch': 0 }]") },
      assign: (answer) => ({ lacking: js(`$max([$lacking, ${answer.missing.slice(2, -2)}])`), missing: answer.missing, missingSeen: answer.seen }),
      catches: { DatabaseUnreachableError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
    }),
    judge: 'Has the restored ledger every order?', judgeComment: 'Halted books complete it when they are resumed.',
    answers: [{ when: js('$missing = 0'), next: release, comment: 'It has.', assign: noted('The restored ledger has every order since.') }],
    tooLate: {
      next: release, comment: 'It does not get them.',
      assign: { why: js(`'After ${completeLimitSeconds} s the restored ledger still lacks orders: ' & $missingSeen & '. Look at the logs of the traders.'`) },
    },
    pause: 'Wait a moment for the orders since', everySeconds: pollSeconds, limitSeconds: completeLimitSeconds,
  });
  const resume = w.invoke('Resume the books that were halted for the restore', control, 'resumeHalted', {
    comment: 'Those of this execution, and nobody else’s.',
    input: { books: held, reason: js('$haltReason') },
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  resume.next(complete);
  const open = w.invoke('Open the restored database to writes', parts.database, 'readmit', {
    comment: 'It may be of a moment at which it was closed.',
    input: {},
    assign: () => ({ openedAt: js('$now()'), ...noted('The restored database is in use.') }),
    catches: { DatabaseUnreachableError: ending.needsAPerson, DatabaseInRecoveryError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  open.next(resume);
  const logins = w.invoke('Give every role the login of now', parts.credentials, 'ensureRoles', {
    comment: 'It has the passwords of then.',
    input: {},
    catches: { LoginRefusedError: ending.needsAPerson, CredentialRefusedError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  logins.next(open);
  const isSwapped = w.pass('Note that the restored database has the name', { comment: 'From here on the way is forward.', assign: { swapped: true, ...noted('The names were swapped.') } });
  isSwapped.next(logins);

  // ── The names change hands ───────────────────────────────────────────────────────────────────────────────
  const whereTheNamesAre = w.pass('Note where the names are', { comment: 'What could not be asked in this round is asked in the next.' });
  const again = { into: 'swapSeen', next: whereTheNamesAre };
  const swapBack = w.invoke('Give the name back to the database of before', restore, 'swapBack', {
    comment: 'If it has lost it already.',
    input: { ...swapping, original: unlessRedriven('$original', leadsBack) },
    assign: (answer) => ({ swap: answer.state, swapSeen: answer.seen }),
    catches: { DatabasesUnreachableError: again, 'States.ALL': again },
  });
  swapBack.next(whereTheNamesAre);
  const takeAgain = w.invoke('Take all books for the way back', recovery, 'takeBooks', {
    comment: 'Whoever stopped the execution gave them back.',
    input: { execution: js('$states.context.Execution.Id'), preempt: false },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (answer) => ({ taken: answer.books, ...noted('The execution was redriven and took the books again.') }),
    refused: {
      judge: 'Are the books free for the way back?', into: 'swapSeen',
      next: w.pass('Note who has a book meanwhile', { comment: 'Whoever it is finishes first.', assign: { taken: [] } }).next(whereTheNamesAre),
    },
    catches: { LeaseMissingError: again, 'States.ALL': again },
  });
  takeAgain.next(w.choice('Are the books at home here still?', {
    comment: 'Where they are now, nobody waits for this database.',
    answers: [{ when: js(`$count($taken[home != ${quoted(here)}]) = 0`), next: swapBack, comment: 'They are.' }],
    otherwise: w.pass('Note that the books have left', {
      comment: 'A database that nobody uses is left as it is.', assign: { why: js(`$why & ${quoted(` The books have left ${here}: the databases there are left as they are.`)}`) },
    }).next(ending.needsAPerson),
  }));
  const goBack = w.poll({
    begin: 'Begin to give the name back', since: 'backSince',
    first: w.choice('Has this execution the books still?', {
      comment: 'One that was stopped has not, and goes on when it is redriven.',
      answers: [{ when: js('$states.context.Execution.RedriveCount = $redrives and $count($taken) > 0'), next: swapBack, comment: 'It has, or lost them to one that decides now.' }],
      otherwise: takeAgain,
    }),
    ask: whereTheNamesAre,
    judge: 'Has the database of before its name?', judgeComment: 'Or was it too late to go back?',
    answers: [
      { when: js("$swap = 'done'"), next: readmit, comment: 'It has.' },
      { when: js("$swap = 'swapped'"), next: isSwapped, comment: 'The restored one has it after all.', assign: { why: nothing } },
    ],
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not get it.',
      assign: { why: js("$why & ' The database of before did not get its name back: ' & $swapSeen & '. Trading goes on from the journal.'") },
    },
    pause: 'Wait a while for the name of before', everySeconds: backPollSeconds, limitSeconds: swapLimitSeconds,
  });
  const swap = w.poll({
    begin: 'Begin to swap the names', since: 'swapSince',
    ask: w.invoke('Swap the names of the two databases', restore, 'swap', {
      comment: 'One after the other; the endpoint belongs to the name.',
      input: { ...swapping, original: unlessRedriven('$original', leadsBack), books: held },
      assign: (answer) => ({ swap: answer.state, swapSeen: answer.seen }),
      catches: {
        WorkflowPreemptedError: preempted('Note that the books were taken before the swap', tearDown),
        DatabasesUnreachableError: goBack, LeaseMissingError: goBack, 'States.ALL': goBack,
      },
    }),
    judge: 'Has the restored database the name?', judgeComment: 'Then whoever connects finds it.',
    // One that was redriven asks again, and so comes to the books first.
    answers: [{ when: js("$swap = 'done' and $states.context.Execution.RedriveCount = $redrives"), next: isSwapped, comment: 'It has.' }],
    tooLate: {
      next: goBack, comment: 'It takes too long.',
      assign: { why: js(`'The names were not swapped within ${swapLimitSeconds} s: ' & $swapSeen & '.'`) },
    },
    pause: 'Wait a while for the names', everySeconds: renamePollSeconds, limitSeconds: swapLimitSeconds,
  });
  const close = w.invoke('Close the database of before', parts.other, 'isolate', {
    comment: 'Nobody writes what is about to be set aside.',
    input: { region: unlessRedriven(quoted(here), leadsBack) },
    assign: () => noted('The database of before was closed.'),
    catches: {
      // One that does not answer can be no ledger either; to rename it ends every connection.
      OtherRegionUnreachableError: {
        into: 'closing', next: w.pass('Note that the database of before does not answer', { comment: 'To be renamed cuts it off as well.', assign: noted('The database of before could not be closed; it does not answer.') }).next(swap),
      },
      'States.ALL': goBack,
    },
  });
  close.next(swap);

  const halt = w.forEach('Halt the books whose bot requires the database', {
    comment: 'The others trade on from the journal.',
    items: js("[$taken[$lookup($needing, book) and mode != 'halted']]"), itemsMax: parts.books.length,
    body: haltOne(w, parts),
    assign: { closedSince: js('$toMillis($now())'), ...noted('The books that require the database are halted.') },
    catches: { WorkflowPreemptedError: preempted('Note that the books were taken before they were halted', tearDown), 'States.ALL': goBack },
  });
  halt.next(close);

  // ── The books are taken, and the restored one still fits ─────────────────────────────────────────────────
  const counted = (name: string, comment: string, next: sfn.IChainable): sfn.IChainable =>
    w.invoke(name, parts.watermark, 'write', { comment, input: {}, catches: { DatabaseUnreachableError: { quietly: next }, 'States.ALL': { quietly: next } } }).next(next);
  const confirm = w.invoke('Confirm that the restored database still fits', restore, 'confirm', {
    comment: 'Since the restore began a release may have migrated, or the books have moved.',
    input: { request: js('$request'), original: js('$original'), watermarkKey: js('$watermarkKey'), books: held },
    refused: { judge: 'May the restored database take the place?', next: tearDown },
    catches: {
      WorkflowPreemptedError: preempted('Note that the books were taken before it was confirmed', tearDown),
      EvidenceUnreachableError: tearDown, DatabasesUnreachableError: tearDown, LeaseMissingError: tearDown, 'States.ALL': tearDown,
    },
  });
  confirm.next(halt);
  const busy = w.pass('Note who has a book', { comment: 'A rollback first of all.', assign: { taken: [] } });
  const takeThem = w.invoke('Take all books for the swap', recovery, 'takeBooks', {
    comment: 'From nobody: who has one finishes first.',
    input: { execution: js('$states.context.Execution.Id'), preempt: false },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (answer) => ({
      taken: answer.books, traded: js(`[${answer.books.slice(2, -2)}[mode != 'halted'].book]`), ...noted('The books were taken for the swap.'),
    }),
    refused: { judge: 'Are the books free to be taken?', next: busy, into: 'busy' },
    // It may have worked all the same: the ending gives back what is ours.
    catches: { LeaseMissingError: tearDown, 'States.ALL': tearDown },
  });
  const taken = w.poll({
    begin: 'Begin to wait for the books', since: 'takeSince', ask: sfn.Chain.custom(takeThem.startState, [...takeThem.endStates, busy], busy),
    judge: 'Has this execution the books?', judgeComment: 'All of them, or none.',
    answers: [{ when: js('$count($taken) > 0'), next: counted('Count the ledger before the swap', 'A release may have migrated it meanwhile.', confirm), comment: 'It has.' }],
    tooLate: {
      next: tearDown, comment: 'Somebody works on them for too long.',
      assign: { why: js(`'The restored database is sound, and was not swapped in: for ${takeLimitSeconds} s the books were not free. ' & $busy`) },
    },
    pause: 'Wait a while for the books', everySeconds: bookPollSeconds, limitSeconds: takeLimitSeconds,
  });

  // ── Beside what is in use: nobody notices ────────────────────────────────────────────────────────────────
  const isSound = w.choice('Is the restored database sound?', {
    comment: 'What could not be looked at is not.',
    answers: [{
      when: js('$count($findings) > 0 and $count($findings[$not(ok)]) = 0'), next: taken, comment: 'Everything that was looked at is.',
      assign: { verified: true, ...noted('The restored database was found sound.') },
    }],
    otherwise: w.pass('Say what is wrong with the restored database', {
      comment: 'The findings are in the report too.',
      assign: { why: js("'The restored database is not sound, and was not swapped in: ' & $join($findings[$not(ok)].(check & ': ' & seen), '; ') & '.'") },
    }).next(tearDown),
  });
  const admit = w.invoke('Let the checker into what was restored', restore, 'admit', {
    comment: 'It has the password of then, and is to have that of now.',
    input: { name: js('$name') },
    catches: { DatabasesUnreachableError: tearDown, 'States.ALL': tearDown },
  });
  const make = w.invoke('Restore the database beside the one in use', restore, 'restore', {
    comment: 'In the same shape; what is in use is only read, and nobody is kept from it.',
    input: {
      request: js('$request'), name: js('$name'), original: js('$original'), createdAt: js('$createdAt'), watermarkKey: js('$watermarkKey'),
      execution: js('$states.context.Execution.Id'), madeAt: js('$begunAt'),
    },
    refused: {
      judge: 'Can what trades write the schema of then?',
      next: w.pass('Note that the schema has moved', { comment: 'Nothing was made.', assign: { schemaMoved: true } }).next(conclude),
    },
    catches: { EvidenceUnreachableError: tearDown, DatabasesUnreachableError: tearDown, 'States.ALL': tearDown },
  });
  make.next(judgedLedger(w, { check: parts.check, fills: parts.fills, restored: arns.restored }, { admit, judged: isSound, failed: tearDown }));
  const count = counted('Count the ledger as it is now', 'What it was before, and which schema it has; one that cannot be counted is restored all the same.', make);
  const typed = typedRequest(notTaken);
  const check = w.invoke(checkTheRequest, restore, 'checkRestore', {
    ...typed,
    input: { ...typed.input, execution: js('$states.context.Execution.Id') },
    assign: (answer) => ({
      request: answer.request, begunAt: answer.begunAt, createdAt: answer.createdAt, name: answer.name, aside: answer.aside, original: answer.original, watermarkKey: answer.watermarkKey,
    }),
    catches: { EvidenceUnreachableError: notTaken, DatabasesUnreachableError: notTaken, LeaseMissingError: notTaken, ...typed.catches },
  });
  check.next(count);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      needing: Object.fromEntries(parts.books.map(({ name, needsDatabase }) => [name, needsDatabase])),
      request: {}, name: nothing, aside: nothing, original: nothing, begunAt: nothing, createdAt: nothing, watermarkKey: nothing, openedAt: nothing, closedSince: 0,
      taken: [], traded: [], busy: nothing, halting: nothing, closing: nothing, swap: nothing, swapSeen: nothing, swapped: false, schemaMoved: false, preempted: false, protected: false,
      verified: false, findings: [], parts: [], database: nothing, status: nothing, answeredAt: nothing, newestCommitAt: nothing, fillsKey: nothing,
      lacking: 0, missing: 0, missingSeen: nothing, leftOver: nothing, haltReason: js("'for the restore by ' & $states.context.Execution.Name"),
      redrives: 0, steps: [], why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}

/** One book that cannot be traded without the database. One that does not stop fails the whole. */
function haltOne(w: Workflow, { control }: RestoreDatabaseParts): sfn.IChainable {
  const ask: sfn.INextable & sfn.IChainable = w.invoke('Halt a book for the restore', control, 'halt', {
    comment: 'Until the restored database is in use, its bot could not trade.',
    input: { book: js('$one.book'), token: unlessRedriven('$one.token', leadsBack), reason: js('$haltReason') },
    assign: (seen) => ({ stopped: seen.state, stopSeen: seen.seen }),
  });
  const halting = w.poll({
    begin: 'Begin to halt a book', since: 'haltSince', ask,
    judge: 'Has its holder given the book up?', judgeComment: 'When everything that it sent has a known outcome.',
    answers: [{ when: js("$stopped = 'stopped'"), next: w.pass('Note that the book is halted', { comment: 'Nobody holds it.', outputs: js("{ 'book': $one.book }") }), comment: 'It has.' }],
    tooLate: {
      next: w.fail('The book was not given up in time', {
        comment: 'Nothing is swapped under a bot that needs the database.', error: 'BookNotGivenUp', cause: js("$one.book & ': ' & $stopSeen"),
      }),
      comment: 'It says nothing.',
    },
    pause: 'Wait a moment for the book to be given up', everySeconds: pollSeconds, limitSeconds: stopLimitSeconds,
  });
  return w.pass('Set out to halt a book', { comment: 'Those that are halted already stay so.', assign: { one: js('$states.input'), stopSeen: nothing } }).next(halting);
}
