/**
 * The planned move of all books to this Region, with nothing lost: standbys that run what is live, and a replica that streams, come
 * first; then the holders hand over to instances here, one write for each book. What stays behind is completed and closed, the replica
 * here gets the rest of it and becomes the database, and the old home becomes the standby, with a replica of its own.
 *
 * Up to the hand-over nothing is changed, and a book that its holder keeps is left where it is. From there on the way is forward: each
 * step finds what was done already, so whatever stops it, the way on is to start it again.
 *
 * A failback is the same move home, and first makes the replica there that a failover has left it without.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { otherRegion, switchoverControl } from '../contracts/switchover.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { endingsOf } from './blocks/endings.ts';
import { reprotection } from './blocks/reprotection.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { nothing, pollSeconds, timed, unlessRedriven } from './blocks/variables.ts';
import { awaitOrders, capacity, database, homeFact, secrets, type FailoverParts } from './failover.ts';
import { js, quoted, type Workflow } from './workflow.ts';

export interface SwitchoverParts extends FailoverParts {
  readonly control: ContractFunction<typeof switchoverControl>;
  readonly other: ContractFunction<typeof otherRegion>;
  readonly otherRegionName: string;
  readonly drainSeconds: number;
}

/** Two beats of an instance, and some for one that just reconciles. */
const standbysLimitSeconds = 60;
/** A replica that streams is some megabytes behind at most; more is a backlog, for which nobody shall wait with a closed database. */
const behindBytesMax = 16 * 1024 * 1024;
const behindLimitSeconds = 60;
const stopLimitSeconds = 30;
/** Nobody waits for the second: what is written meanwhile is in the journal. */
const promotionPollSeconds = 10;
const flushLimitSeconds = 60;
const reachLimitSeconds = 120;
/** A snapshot, its copy and a restore: nobody waits for it but the report. */
const replicaBudgetSeconds = 7200;

export function switchover(w: Workflow, parts: SwitchoverParts, what: 'switchover' | 'failback' = 'switchover'): sfn.IChainable {
  const { region: here, otherRegionName: there } = parts;
  const ending = endingsOf(w, parts, {
    what, folder: `${what}s`, hasTheBook: true,
    succeeded: 'Every book trades here, nothing is lost, and the other Region stands by with a replica.',
    rolledBack: 'Every book trades where it did; nothing was moved.',
    facts: `
      'from': ${quoted(there)}, 'to': ${quoted(here)}, 'books': $trading, 'moves': $moved,
      'measured': { 'ordersMissingAfter': $database.missingAfter, 'unwrittenAtIsolation': $unwritten, 'isolatedAt': $isolatedLsn },
      'capacity': $capacity, 'database': $database, 'secrets': $secrets, 'protected': $protected`,
  });
  const refused = w.fail(`The ${what} was refused`, { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const failing = { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson };
  const held = js('[$taken.{ "book": book, "token": token }]');

  // ── The other Region becomes the standby ─────────────────────────────────────────────────────────────────
  const protect = reprotection(w, parts, {
    replicaIn: there, key: 'there',
    done: w.pass('Note that the other Region stands by', {
      comment: 'With a replica of its own, and replicas of the secrets.', assign: { protected: true, ...timed('The other Region has a replica again.', replicaBudgetSeconds) },
    }).next(ending.succeeded),
    failed: w.pass('Note that the other Region is no standby yet', {
      comment: 'Trading is fine; another loss now would find no replica.',
      assign: { why: js(`$why & ${quoted(` Every book trades in ${here} and lacks nothing, but ${there} has no replica of the database yet: start the machine again, here.`)}`) },
    }).next(ending.needsAPerson),
  });
  const release = w.invoke('Give the books back before the replica is made', parts.recovery, 'releaseBooks', {
    comment: 'It may take hours, and changes nothing that trades.',
    input: { execution: js('$states.context.Execution.Id') },
    catches: { 'States.ALL': ending.needsAPerson },
  });
  release.next(protect);
  const resume = w.invoke('Resume the books that were halted for the move', parts.control, 'resumeHalted', {
    comment: 'Those of this execution, and nobody else’s.',
    input: { books: held, reason: js('$haltReason') },
    catches: { ...failing, LeaseConflictError: ending.needsAPerson },
  });
  resume.next(w.choice('Is everything that belongs to the books here?', {
    comment: 'What is not leaves a sentence in the reason.',
    answers: [{ when: js("$why = ''"), next: release, comment: 'Everything is.' }],
    otherwise: ending.needsAPerson,
  }));

  // ── What belongs to the books comes after them ───────────────────────────────────────────────────────────
  const bringOver = w.parallel('Bring over what belongs to the books', {
    comment: 'Trading goes on from the journal meanwhile, whatever becomes of any of it.',
    branches: [capacity(w, parts), database(w, parts, { everySeconds: promotionPollSeconds }), secrets(w, parts), homeFact(w, parts)],
    assign: {
      capacity: js('$states.result[0].books'),
      database: js('$states.result[1]'),
      secrets: js('$states.result[2]'),
      steps: js('$append($steps, [$states.result.steps])'),
      stepSince: js('$toMillis($now())'),
      why: js("$why & $join([$states.result[fault != ''].fault], ' ')"),
    },
    catches: { 'States.ALL': ending.needsAPerson },
  });
  bringOver.next(resume);

  // ── The old home's database is completed and closed, and the replica here gets the rest of it ────────────
  const readApplied = w.invoke('Look how far the replica here has come', parts.database, 'position', {
    comment: 'What it received is not enough: it must be in the data.',
    input: {},
    assign: (answer) => ({ appliedLsn: answer.appliedLsn }),
    catches: { DatabaseUnreachableError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  const compare = w.invoke('Compare it with where the old home was closed', parts.other, 'reaches', {
    comment: 'Nothing that anybody committed there lies beyond.',
    input: { appliedLsn: js('$appliedLsn'), lsn: js('$isolatedLsn') },
    assign: (answer) => ({ reached: answer.reached, behindBytes: answer.bytes }),
    catches: { 'States.ALL': ending.needsAPerson },
  });
  readApplied.next(compare);
  const reach = w.poll({
    begin: 'Begin to wait for what the replica here lacks', since: 'reachSince',
    first: readApplied, ask: compare,
    judge: 'Has the replica everything?', judgeComment: 'Then nothing can be lost by its promotion.',
    answers: [{
      when: js('$reached'), next: bringOver, comment: 'Every byte.',
      assign: timed('The replica here has everything that was written.', reachLimitSeconds),
    }],
    tooLate: {
      next: ending.needsAPerson, comment: 'It does not come.',
      assign: {
        why: js(`
          'The books trade here. The database of ${there} is closed, and after ${reachLimitSeconds} s the replica here still lacks ' & $string($behindBytes) & ' bytes of it: it was
          not promoted, so nothing is lost. When it has caught up, start the machine again.'
        `),
      },
    },
    pause: 'Wait a moment for what the replica here lacks', everySeconds: pollSeconds, limitSeconds: reachLimitSeconds,
  });
  const isolate = w.invoke('Close the database of the old home', parts.other, 'isolate', {
    comment: 'From here on nobody writes it; where it ended is what the replica must have.',
    input: { region: unlessRedriven(quoted(there)) },
    assign: (answer) => ({ isolatedLsn: answer.lsn, ...timed('The database of the old home was closed.', 20) }),
    catches: {
      OtherRegionUnreachableError: w.pass('Note that the old home could not be closed', {
        comment: 'So it is not known to have nothing more, and the replica is not promoted.',
        assign: { why: js(`$why & ${quoted(` The books trade in ${here}; the ledger is still written in ${there}. Start the machine again; if ${there} is lost, a failover.`)}`) },
      }).next(ending.needsAPerson),
      'States.ALL': ending.needsAPerson,
    },
  });
  isolate.next(reach);
  const mayClose = stillHere(w, parts, { what: 'before the old home is closed', yes: isolate, no: ending.needsAPerson });
  const flushed = w.poll({
    begin: 'Begin to wait for the ledger of the old home', since: 'flushSince',
    ask: w.invoke('Look what the old home has not written yet', parts.other, 'completeness', {
      comment: 'Its traders write behind the order path.',
      input: { books: js("[$trading[state = 'trading'].{ 'book': book, 'belowEpoch': epoch }]") },
      assign: (answer) => ({ unwritten: answer.missing }),
      // What it lacks, the traders here write from the journal.
      catches: { 'States.ALL': { quietly: mayClose } },
    }),
    judge: 'Has the old home written everything?',
    judgeComment: 'Whatever it has not, the traders here write from the journal.',
    answers: [{ when: js('$unwritten = 0'), next: mayClose, comment: 'It has.', assign: timed('The ledger of the old home is complete.', flushLimitSeconds) }],
    tooLate: { next: mayClose, comment: 'The journal has what is missing.', assign: timed('The old home did not write its ledger to the end.', flushLimitSeconds) },
    pause: 'Wait a moment for the ledger of the old home', everySeconds: pollSeconds, limitSeconds: flushLimitSeconds,
  });

  // ── The books change hands ───────────────────────────────────────────────────────────────────────────────
  const waitForOrders = w.forEach('Wait until each book trades here', {
    comment: 'Holding the book is not trading.',
    items: js('[$taken]'), itemsMax: parts.books.length,
    body: awaitOrders(w, parts),
    assign: {
      trading: js('[$states.result]'),
      why: js("$join([$states.result[$not(state in ['trading', 'halted'])].(book & ' does not trade here: ' & seen & '.')], ' ')"),
      ...timed('The venue accepts orders from here.', 20),
    },
  });
  waitForOrders.next(w.choice('Does every book trade here?', {
    comment: 'A halted one stays halted, and has moved all the same.',
    answers: [
      { when: js("'preempted' in $trading.state"), next: ending.preempted, comment: 'They were taken away, by a failover most likely.' },
      { when: js("$why != ''"), next: ending.needsAPerson, comment: 'The ledger stays where it is while people look.' },
      { when: js('$needsDatabase'), next: flushed, comment: 'The database is to follow.' },
    ],
    otherwise: bringOver,
  }));
  const resumeKept = w.invoke('Resume the books that were halted and not moved', parts.control, 'resumeHalted', {
    comment: 'As if nothing had been.',
    input: { books: held, reason: js('$haltReason') },
    catches: { ...failing, LeaseConflictError: ending.needsAPerson },
  });
  resumeKept.next(ending.rolledBack);
  const move = w.forEach('Move each book to this Region', {
    comment: 'Side by side: no book waits for another.',
    items: js('[$moves]'), itemsMax: parts.books.length,
    body: moveOne(w, parts),
    assign: {
      moved: js('[$states.result]'),
      why: js(`$join([
        $states.result[state = 'kept'].(book & ' was not moved: ' & seen & '.'),
        $states.result[state = 'unclear'].(book & ' may still move, look at its lease: ' & seen & '.')
      ], ' ')`),
      ...timed('The books are at home here.', parts.drainSeconds),
    },
  });
  move.next(w.choice('Were the books moved?', {
    comment: 'All of them, mostly.',
    answers: [
      { when: js("$count($moved[state != 'here']) = 0"), next: waitForOrders, comment: 'All.' },
      { when: js("$count($moved[state = 'kept']) = $count($moved)"), next: resumeKept, comment: 'None: everything is as it was.' },
    ],
    otherwise: w.pass('Note that some books were moved and some were not', {
      comment: 'They trade wherever they are.',
      assign: { why: js(`$why & ${quoted(` The others trade in ${here}. Start the machine again: it moves the rest.`)}`) },
    }).next(ending.needsAPerson),
  }));

  // ── Preconditions: up to here nothing is changed but the locks ───────────────────────────────────────────
  const standbys = w.poll({
    begin: 'Begin to wait for standbys here', since: 'standbysSince',
    ask: w.invoke('Look who could take the books here', parts.control, 'successors', {
      comment: 'An instance for each, alive, ready and reconciled, with what is live.',
      input: { books: held, sightings: js('$sightings') },
      assign: (answer) => ({ standbysReady: answer.ready, missing: answer.missing, sightings: answer.sightings, moves: answer.moves }),
      catches: failing,
    }),
    judge: 'Is there a standby for each book?', judgeComment: 'The holder hands over to nobody else.',
    answers: [{ when: js('$standbysReady'), next: move, comment: 'There is.', assign: timed('There is a standby for each book.', standbysLimitSeconds) }],
    tooLate: {
      next: ending.rolledBack, comment: 'Nothing was moved.',
      assign: { why: js(`'No standby here can take the books: ' & $missing & '. See docs/runbooks/standby.md, then start again.'`) },
    },
    pause: 'Wait a moment for standbys here', everySeconds: pollSeconds, limitSeconds: standbysLimitSeconds,
  });
  const readReplica = w.invoke('Look whether the replica here streams', parts.database, 'position', {
    comment: 'And how much of it is in the data.',
    input: {},
    assign: (answer) => ({ streaming: answer.streaming, appliedLsn: answer.appliedLsn }),
    catches: { DatabaseUnreachableError: ending.rolledBack, 'States.ALL': ending.rolledBack },
  });
  const readBehind = w.invoke('Look how far the replica here is behind', parts.other, 'behind', {
    comment: 'In bytes of what the database of the old home has written.',
    input: { appliedLsn: js('$appliedLsn'), mark: js('$behindMark') },
    assign: (answer) => ({ behindBytes: answer.bytes, behindMark: answer.mark, follows: answer.follows }),
    catches: { OtherRegionUnreachableError: ending.rolledBack, 'States.ALL': ending.rolledBack },
  });
  readReplica.next(readBehind);
  const streams = w.poll({
    begin: 'Begin to look at the replica here', since: 'behindSince',
    first: readReplica, ask: readBehind,
    judge: 'Does the replica here keep up?', judgeComment: 'What it is behind is how long the ledger will be closed.',
    answers: [{
      when: js(`$streaming and $follows and $behindBytes <= ${behindBytesMax}`), next: standbys, comment: 'It does.',
      assign: timed('The replica here keeps up.', behindLimitSeconds),
    }],
    tooLate: {
      next: ending.rolledBack, comment: 'Nothing was moved.',
      assign: {
        why: js(`
          'The replica here does not keep up: it ' & ($streaming ? 'streams' : 'does not stream') & ', is ' & $string($behindBytes) & ' bytes behind, and ' & ($follows ? 'follows' : 'does not follow') & '. Look at the alarms of the replica; start again when it has caught up.'
        `),
      },
    },
    pause: 'Wait a moment for the replica to keep up', everySeconds: pollSeconds, limitSeconds: behindLimitSeconds,
  });
  const take = w.invoke('Take all books for this execution', parts.recovery, 'takeBooks', {
    comment: 'From nobody: whatever changes a book ends first.',
    input: { execution: js('$states.context.Execution.Id'), preempt: false },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (answer) => ({
      taken: answer.books, ...timed('The books were taken by this execution.', 5),
    }),
    refused: { judge: 'Were the books free to be taken?', next: refused },
    catches: {
      LeaseMissingError: refused,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': ending.needsAPerson,
    },
  });
  take.next(w.choice('Is the database to be moved as well?', {
    comment: 'An earlier attempt may have done it.',
    answers: [{ when: js('$needsDatabase'), next: streams, comment: 'It is.' }],
    otherwise: standbys,
  }));

  // ── What there is to do, by where the books and the databases are ────────────────────────────────────────
  const closeLeft = w.invoke('Close the database that was left', parts.other, 'isolate', {
    comment: 'It is about to give its name to a replica, and is kept.',
    input: { region: unlessRedriven(quoted(there)) },
    catches: { OtherRegionUnreachableError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  closeLeft.next(protect);
  const mayCloseLeft = stillHere(w, parts, { what: 'before what was left is closed', yes: closeLeft, no: ending.needsAPerson });
  const replicaHere = `$contains($here.source, ':${there}:')`;
  const replicaThere = `$contains($there.source, ':${here}:')`;
  const noteRefusal = (name: string, comment: string, why: string): sfn.IChainable => w.pass(name, { comment, assign: { why: js(why) } }).next(refused);
  const judge = w.choice('What is there to do?', {
    comment: 'By where the books and the databases are; each attempt goes on where the one before stopped.',
    answers: [
      {
        when: js(`${replicaHere} and $here.status = 'available'`), next: take, comment: 'A replica is here: the books and the database are to come.',
        assign: { needsDatabase: true },
      },
      { when: js(`${replicaThere} and $toMove > 0`), next: take, comment: 'The database is here, books are elsewhere.' },
      {
        when: js(`${replicaThere} and $there.status = 'available'`), comment: 'Everything is here.',
        next: noteRefusal('Note that there is nothing to move', 'It was started in the Region that is home.',
          quoted(`Every book is at home in ${here}, its database is written here, and ${there} has a replica of it: there is nothing to move. To leave ${here}, start the machine in ${there}.`)),
      },
      {
        when: js("$toMove = 0 and $here.source = '' and $here.status = 'available' and $there.source = '' and $there.status = 'available'"), next: mayCloseLeft,
        comment: 'Everything is here, and the other Region is no standby yet.',
        // Whatever its database has is older than what this Region took over.
        assign: { redrives: js('$states.context.Execution.RedriveCount') },
      },
      {
        when: js("$toMove = 0 and $here.source = '' and $here.status = 'available'"), next: protect, comment: 'The replica there is being made, or its name is free.',
        assign: { redrives: js('$states.context.Execution.RedriveCount') },
      },
      ...(what === 'switchover' ? [] : [{
        when: js("$atHomeHere = 0 and $there.source = '' and $there.status = 'available'"), comment: 'The old home has no replica yet.',
        next: makeReplicaHere(w, parts, { done: take, failed: ending.needsAPerson, refused }),
        assign: { needsDatabase: true },
      }]),
    ],
    otherwise: noteRefusal('Note what a move lacks', 'Nothing was changed.', `
      'There is no replica here to move to: the database of ${here} is ' & $here.status & ($here.source = '' ? ' and no replica' : ', a replica of ' & $here.source) &
      '; that of ${there} is ' & $there.status & ($there.source = '' ? ' and no replica' : ', a replica of ' & $there.source) & '; ' & $string($toMove) & ' of ${parts.books.length} books are in ${there}. ${
  what === 'switchover' ? 'To make a replica here first, start a failback.' : 'Wait until both are available; then start again.'}'`),
  });
  const lookThere = w.invoke('Look at the database of the other Region', parts.other, 'database', {
    comment: 'A planned move needs both Regions.',
    input: { region: there },
    assign: () => ({ there: js('$states.result.Payload') }),
    catches: { OtherRegionUnreachableError: refused, 'States.ALL': refused },
  });
  lookThere.next(judge);
  const lookHere = w.invoke('Look at the database of this Region', parts.other, 'database', {
    comment: 'A replica, or what one is made of.',
    input: { region: here },
    assign: () => ({ here: js('$states.result.Payload') }),
    catches: { OtherRegionUnreachableError: refused, 'States.ALL': refused },
  });
  lookHere.next(lookThere);
  const check = w.invoke(checkTheRequest, parts.control, 'checkRequest', {
    ...typedRequest(refused),
    assign: (answer) => ({ request: answer.request, toMove: answer.toMove, atHomeHere: answer.atHomeHere, ...timed('The request was read.', 5) }),
    catches: { LeaseMissingError: refused, 'States.ALL': refused },
  });
  check.next(lookHere);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      places: Object.fromEntries(parts.books.map(({ name, serviceName, liveParameterName }) => [name, { serviceName, liveParameterName }])),
      request: {}, from: there, toMove: 0, atHomeHere: 0, needsDatabase: false, taken: [], moves: [], moved: [], trading: [], sightings: {}, capacity: [], secrets: {},
      database: { missingAfter: -1 }, unwritten: -1, isolatedLsn: nothing, behindBytes: 0, behindMark: nothing, follows: false, protected: false,
      haltReason: js("'for its move by ' & $states.context.Execution.Name"),
      redrives: 0, steps: [], stepSince: js('$toMillis($states.context.Execution.StartTime)'), why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}

/**
 * The other Region's database is touched only while every book is at home here: an execution that was frozen with its Region, and comes to
 * itself when a failover has taken the books back, would close what they are written to.
 */
function stillHere(w: Workflow, parts: SwitchoverParts, { what, yes, no }: { readonly what: string; readonly yes: sfn.IChainable; readonly no: sfn.IChainable }): sfn.IChainable {
  const look = w.invoke(`Look where the books are ${what}`, parts.control, 'where', {
    comment: 'The lease says, in whatever Region.',
    input: {},
    assign: (answer) => ({ elsewhere: answer.elsewhere }),
    catches: { LeaseMissingError: no, 'States.ALL': no },
  });
  look.next(w.choice(`Are the books here ${what}?`, {
    comment: 'Nobody else moves them while this execution has them, but a failover.',
    answers: [{ when: js('$count($elsewhere) = 0'), next: yes, comment: 'All of them.' }],
    otherwise: w.pass(`Note that the books have left ${what}`, {
      comment: 'Another move decides.', assign: { why: js("'Books are at home elsewhere by now: ' & $join($elsewhere, ', ') & '. Nothing of that Region was touched.'") },
    }).next(no),
  }));
  return look;
}

/** The old home of a failover has the database of then, which nobody may write: it gives its name to a replica of today's. */
function makeReplicaHere(
  w: Workflow,
  parts: SwitchoverParts,
  to: { readonly done: sfn.IChainable; readonly failed: sfn.IChainable; readonly refused: sfn.IChainable },
): sfn.IChainable {
  const make = reprotection(w, parts, {
    replicaIn: parts.region, key: 'here',
    done: w.pass('Note that there is a replica here', { comment: 'The move itself can begin.', assign: timed('There is a replica here.', replicaBudgetSeconds) }).next(to.done),
    failed: to.failed,
  });
  const look = w.invoke('Look whether the database of before may be written', parts.database, 'position', {
    comment: 'The watch of this Region closes it when the books are elsewhere.',
    input: {},
    assign: (answer) => ({ isWritten: js(`$not(${answer.inRecovery.slice(2, -2)}) and $not(${answer.readOnly.slice(2, -2)})`) }),
    catches: { DatabaseUnreachableError: to.refused, 'States.ALL': to.refused },
  });
  look.next(w.choice('Is the database of before closed?', {
    comment: 'Somebody may write it who does not know better.',
    answers: [{
      when: js('$isWritten'), comment: 'It can be written.',
      next: w.pass('Note that the database of before can be written', {
        comment: 'Nothing was changed.',
        assign: { why: `The database of ${parts.region} can still be written, and no book is at home here. The watch of this Region closes it within a minute: see docs/runbooks/standby.md. Then start again.` },
      }).next(to.refused),
    }],
    otherwise: make,
  }));
  return w.choice('Is there a database of before?', {
    comment: 'Its name is free when an earlier attempt renamed it, and taken when it made the replica.',
    answers: [{ when: js("$here.status = 'available' and $here.source = ''"), next: look, comment: 'There is.', assign: { redrives: js('$states.context.Execution.RedriveCount') } }],
    otherwise: w.pass('Find an earlier attempt at a replica', { comment: 'It goes on from there.', assign: { redrives: js('$states.context.Execution.RedriveCount') } }).next(make),
  });
}

/** One book. Whatever happens ends in an answer, but for a workflow that takes the book away. */
function moveOne(w: Workflow, parts: SwitchoverParts): sfn.IChainable {
  const one = { book: js('$one.book'), token: js('$one.token') };
  const answer = (name: string, comment: string, state: 'here' | 'kept' | 'unclear'): sfn.IChainable =>
    w.pass(name, { comment, outputs: js(`{ 'book': $one.book, 'way': $one.way, 'state': '${state}', 'seen': $moveSeen, 'seconds': ($toMillis($now()) - $moveSince) / 1000 }`) });
  const isHere = answer('Note that the book is here', 'Its home is this Region.', 'here');
  const isKept = answer('Note that the book was kept', 'It trades where it did.', 'kept');
  const isUnclear = answer('Note that the book may still move', 'Nobody told whether its last write was made: this is not a book that was kept.', 'unclear');
  const kept = { 'States.ALL': { into: 'moveSeen', next: isKept } };
  const unclear = { 'States.ALL': { into: 'moveSeen', next: isUnclear } };

  const moveHome = w.invoke('Move the home of the book', parts.recovery, 'moveHomes', {
    comment: 'Nobody holds it: there is nothing to hand over.',
    input: { books: [one], from: parts.otherRegionName, to: parts.region },
    assign: () => ({ moveSeen: 'nobody held it' }),
    catches: { ...unclear, LeaseConflictError: { into: 'moveSeen', next: isKept } },
  });
  moveHome.next(isHere);
  const haltIt = w.poll({
    begin: 'Begin to halt the book for its move', since: 'haltSince',
    ask: w.invoke('Halt the book for its move', parts.control, 'halt', {
      comment: 'Its bot needs the database: until that is here, it could not trade.',
      input: { ...one, reason: js('$haltReason') },
      assign: (seen) => ({ halted: seen.state, moveSeen: seen.seen }),
      catches: kept,
    }),
    judge: 'Has the holder given the book up?', judgeComment: 'When everything that it sent has a known outcome.',
    answers: [{ when: js("$halted = 'stopped'"), next: moveHome, comment: 'It has.' }],
    tooLate: { next: isKept, comment: 'It says nothing: look at it before it is moved.' },
    pause: 'Wait a moment for the holder to stop', everySeconds: pollSeconds, limitSeconds: stopLimitSeconds,
  });
  const stopAsking = w.invoke('Stop asking the holder for the book', parts.control, 'cancelDrain', {
    comment: 'A hand-over may have been written in the last moment, and is as good as any.',
    input: one,
    assign: (seen) => ({ isHere: seen.isHere }),
    // What becomes of it is whoever's who took the book.
    catches: { ...unclear, WorkflowPreemptedError: { into: 'moveSeen', next: isKept } },
  });
  stopAsking.next(w.choice('Has the book come after all?', {
    comment: 'The lease says.',
    answers: [{ when: js('$isHere'), next: isHere, comment: 'It has.' }],
    otherwise: isKept,
  }));
  const awaitHolder = w.poll({
    begin: 'Begin to wait for the hand-over', since: 'drainingSince',
    ask: w.invoke('Look who holds the book', parts.control, 'handover', {
      comment: 'Held means that the new holder has renewed its own epoch.',
      input: one,
      assign: (seen) => ({ handover: seen.state, moveSeen: seen.seen }),
      catches: { 'States.ALL': { into: 'moveSeen', next: stopAsking } },
    }),
    judge: 'Has an instance here taken the book?', judgeComment: 'The instances do this among themselves; the machine only watches.',
    answers: [
      { when: js("$handover = 'held'"), next: isHere, comment: 'It holds and has renewed.' },
      {
        when: js("$handover = 'declined'"), next: isKept, comment: 'The holder saw no successor alive and ready.',
        assign: { moveSeen: js("'its holder ended the drain itself, or died and was followed there: ' & $moveSeen") },
      },
    ],
    tooLate: { next: stopAsking, comment: 'The drain took too long.' },
    pause: 'Wait a moment for the hand-over', everySeconds: pollSeconds, limitSeconds: parts.drainSeconds,
  });
  const startDrain = w.invoke('Ask the holder to hand over to this Region', parts.control, 'startDrain', {
    comment: 'To one instance by its name: nobody else of this Region may take it.',
    input: { ...one, successor: js('$one.successor') },
    catches: { ...kept, LeaseConflictError: { into: 'moveSeen', next: isKept }, 'States.ALL': { into: 'moveSeen', next: stopAsking } },
  });
  startDrain.next(awaitHolder);
  return w.pass('Set out to move a book', {
    comment: 'By the way that was found for it.',
    assign: { one: js('$states.input'), moveSeen: nothing, moveSince: js('$toMillis($now())') },
  }).next(w.choice('How is the book to be moved?', {
    comment: 'A halted one stays halted.',
    answers: [
      { when: js("$one.way = 'here'"), next: isHere, comment: 'It is here: an earlier attempt moved it.' },
      { when: js("$one.way = 'move'"), next: moveHome, comment: 'Nobody holds it.' },
      { when: js("$one.way = 'halt'"), next: haltIt, comment: 'Its bot waits for the database.' },
    ],
    otherwise: startDrain,
  }));
}
