/**
 * The unplanned move of all books to this Region, with nothing needed from the one that is lost.
 *
 * Up to the first order it is a few short steps of one function and the tables' data plane: the request, the evidence, the books' locks, their
 * homes; the warm standbys do the rest. What AWS's control planes are needed for comes after that, side by side: full strength, the
 * database, the secrets, the facts that deployments read. None of it can take trading back, so there is nothing to roll back:
 * what cannot be done needs a person, and trading goes on meanwhile. Each step finds what was done already, so the way on from there is to start
 * another failover.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { databaseRecovery, recoveryControl } from '../contracts/recovery.ts';
import { tradingMoved } from '../contracts/trading-moved.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { checkTheRequest, typedRequest, whatWasTyped } from './blocks/typed-request.ts';
import { noted, nothing, pollSeconds, slowPollSeconds, timed, unlessRedriven } from './blocks/variables.ts';
import { js, quoted, type Catches, type Workflow } from './workflow.ts';

/** What the machine must know of a book, in its definition. */
export interface FailoverBook {
  readonly name: string;
  readonly serviceName: string;
  readonly liveParameterName: string;
  /** Its bot is not ready before the database here can be written. */
  readonly needsDatabase: boolean;
}

export interface FailoverParts extends EndingParts {
  readonly environment: string;
  /** This Region. */
  readonly region: string;
  readonly recovery: ContractFunction<typeof recoveryControl>;
  readonly database: ContractFunction<typeof databaseRecovery>;
  readonly books: readonly FailoverBook[];
  readonly clusterName: string;
  readonly databaseInstanceIdentifier: string;
  readonly backupRetentionDays: number;
  /** By their names: what must be rotated here from now on. */
  readonly secretNames: readonly string[];
  readonly rpoSeconds: number;
  readonly leaseMs: number;
  readonly arns: {
    readonly reports: string;
    readonly services: readonly string[];
    readonly taskSets: readonly string[];
    readonly liveParameters: readonly string[];
    readonly topologyParameters: readonly string[];
    readonly database: string;
    readonly secrets: readonly string[];
  };
}

export const metricNamespace = 'Baton/Recovery';

/** Beside the lease: what it takes to notice that the home moved, to reconcile and to send. */
const tradeAllowanceSeconds = 3;
/** Twice a lease for a standby of another release, and some for a venue that is slow. */
const tradeLimitSeconds = 60;
const scaleLimitSeconds = 300;
/** RDS says "several minutes or longer"; nothing that trades waits for it. */
const promotionLimitSeconds = 2700;
/** What is noticed late here is added to the way of the database; an execution has room for 25,000 events. */
const promotionPollSeconds = 3;
const ledgerLimitSeconds = 600;
/** The same here: the trader has mostly written what was missing by the first look, or by the second. */
const ledgerPollSeconds = 3;
const lagWindowMs = 600_000;

export function failover(w: Workflow, parts: FailoverParts): sfn.IChainable {
  const leaseSeconds = parts.leaseMs / 1000;
  const waiting = parts.books.flatMap(({ name, needsDatabase }) => (needsDatabase ? [name] : []));
  // Of books that all wait for the database, no time to the first order is known by then.
  const isAnyFirst = waiting.length < parts.books.length;
  const ending = endingsOf(w, parts, {
    what: 'failover', folder: 'failovers', hasTheBook: true,
    succeeded: 'Every book trades here, and so does all that belongs to it.',
    facts: `
      'from': $from, 'to': ${quoted(parts.region)}, 'acceptDataLoss': $request.acceptDataLoss, 'force': $request.force,
      'evidence': $evidence, 'books': $trading,
      'measured': { 'rtoSeconds': $rtoSeconds, 'rpoSeconds': $database.rpoSeconds, 'ordersMissingBefore': $database.missingBefore,
        'ordersMissingAfter': $database.missingAfter },
      'limits': { 'rtoSeconds': ${leaseSeconds + tradeAllowanceSeconds}, 'rpoSeconds': ${parts.rpoSeconds} },
      'capacity': $capacity, 'database': $database, 'secrets': $secrets`,
  });
  const refused = w.fail('The failover was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });

  // ── After the first order: all that AWS's control planes are needed for, side by side ────────────────────
  const judgeAll = w.choice('Is everything that belongs to the books here?', {
    comment: 'What is not leaves a sentence in the reason.',
    answers: [{ when: js("$why = ''"), next: ending.succeeded, comment: 'Everything is.' }],
    otherwise: ending.needsAPerson,
  });
  const tellFigures = w.call('Tell the figures to the metrics', {
    comment: 'Where the objectives of recovery are watched from one move to the next.',
    service: 'cloudwatch', action: 'PutMetricData',
    parameters: {
      Namespace: metricNamespace,
      MetricData: js(`[
        ${isAnyFirst ? '' : '$rtoSeconds >= 0 ? '}{ 'MetricName': 'FailoverRtoSeconds', 'Unit': 'Seconds', 'Value': $rtoSeconds },
        $database.rpoSeconds >= 0 ? { 'MetricName': 'FailoverRpoSeconds', 'Unit': 'Seconds', 'Value': $database.rpoSeconds }
      ]`),
    },
    // The API knows no resource to allow this on.
    resources: ['*'],
    catches: { 'States.ALL': { into: 'loose', next: judgeAll } },
  });
  tellFigures.next(judgeAll);
  const bringOver = w.parallel('Bring over what belongs to the books', {
    comment: 'Trading goes on from the journal meanwhile, whatever becomes of any of it.',
    branches: [capacity(w, parts), database(w, parts, { waiting }), secrets(w, parts), homeFact(w, parts)],
    assign: {
      capacity: js('$states.result[0].books'),
      database: js('$states.result[1]'),
      ...(waiting.length > 0 && { trading: js('[$trading[$not(book in $states.result[1].late.book)], $states.result[1].late]') }),
      secrets: js('$states.result[2]'),
      steps: js('$append($steps, [$states.result.steps])'),
      why: js("$why & $join([$states.result[fault != ''].fault], ' ')"),
    },
    // Whatever can be foreseen ends in its branch, with words of its own.
    catches: { 'States.ALL': ending.needsAPerson },
  });
  bringOver.next(tellFigures);

  // ── Up to the first order ────────────────────────────────────────────────────────────────────────────────
  const waitForOrders = w.forEach('Wait until each book trades here', {
    comment: 'A warm standby takes the book when the last lease has run out, reconciles, and sends.',
    items: js(waiting.length === 0 ? '[$taken]' : `[$taken[$not(book in ${quotedAll(waiting)})]]`), itemsMax: parts.books.length,
    body: awaitOrders(w, parts),
    assign: {
      trading: js(waiting.length === 0 ? '[$states.result]' : `[$states.result, $taken[book in ${quotedAll(waiting)}].{
        'book': book, 'token': token, 'state': 'waiting', 'seen': 'its bot needs the database', 'epoch': 0, 'holder': '', 'colour': '',
        'epochBefore': epoch, 'holderBefore': holder, 'modeBefore': mode }]`),
      ...(isAnyFirst && { rtoSeconds: js("($toMillis($now()) - $toMillis($states.context.Execution.StartTime)) / 1000") }),
      why: js("$join([$states.result[state != 'trading' and $not(state = 'halted' and modeBefore = 'halted')].(book & ' does not trade here: ' & seen & '.')], ' ')"),
      ...timed('The first orders were accepted here.', leaseSeconds + tradeAllowanceSeconds),
    },
  });
  waitForOrders.next(w.pass(tradingMoved, { comment: 'Or will not: from here on control planes may be needed.' }).next(w.choice('Are the books still of this execution?', {
    comment: 'Another failover, from elsewhere, decides then.',
    answers: [{ when: js("'preempted' in $trading.state"), next: ending.preempted, comment: 'They were taken away.' }],
    otherwise: bringOver,
  })));

  const moveHomes = w.invoke('Move the homes of the books to this Region', parts.recovery, 'moveHomes', {
    comment: 'The fence: from here on the old holders are refused, and their leases run out.',
    input: { books: js('[$taken.{ "book": book, "token": token }]'), from: js('$from'), to: parts.region },
    assign: () => timed('The books are at home here.', 1),
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: ending.needsAPerson, LeaseMissingError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  moveHomes.next(waitForOrders);
  const take = w.invoke('Take the books from whoever has them', parts.recovery, 'takeBooks', {
    comment: 'From a cutover of the lost Region too: its next write is refused.',
    input: { execution: js('$states.context.Execution.Id'), preempt: true },
    keep: { redrives: js('$states.context.Execution.RedriveCount') },
    assign: (answer) => ({
      taken: answer.books, ...timed('The books were taken by this execution.', 1),
    }),
    refused: { judge: 'Were the books free to be taken?', next: refused },
    catches: {
      LeaseMissingError: refused,
      // It may have worked all the same: the ending gives back what is ours.
      'States.ALL': ending.needsAPerson,
    },
  });
  take.next(w.choice('Is any book at home elsewhere?', {
    comment: 'An earlier failover may have moved them and stopped at the database.',
    answers: [{ when: js("$from != ''"), next: moveHomes, comment: 'One is.' }],
    otherwise: waitForOrders,
  }));

  const judgeLoss = w.choice('Is it borne out that the Region is lost?', {
    comment: 'Whoever asks is one side; one more must say the same.',
    answers: [
      { when: js('$evidence.lost'), next: take, comment: 'It is.' },
      { when: js('$exists($request.force)'), next: take, comment: 'It is not, and two people want it all the same.', assign: noted('It was forced.') },
    ],
    otherwise: w.pass('Note that nothing bears the loss out', {
      comment: 'A Region that lives is left by a switchover, which loses nothing.',
      assign: {
        why: js(`
          'Nothing that can be seen from ${parts.region} bears out that ' & $from & ' is lost: ' & $evidence.seen & '.
          Nothing was changed. If it lives, start a switchover; if it must be left all the same, start again with force, approved by a second person.'
        `),
      },
    }).next(refused),
  });
  const gather = w.parallel('Gather the evidence', {
    comment: 'While the last lease runs out anyway.',
    branches: [recordDecision(w, parts), confirm(w, parts)],
    assign: {
      evidence: js('$states.result[1]'), loose: js('$states.result[0].loose'),
      ...timed('The evidence was gathered.', 3),
    },
    catches: { LeaseMissingError: refused, 'States.ALL': refused },
  });
  gather.next(judgeLoss);

  const movedBefore = w.pass('Note that the books were moved before', {
    comment: 'An earlier failover moved them and stopped at the database.', assign: noted('The books were at home here already.'),
  }).next(take);
  const lookAtDatabase = w.call('Look whether the database is written here', {
    comment: 'The books are at home here already: what may be left is the database.',
    service: 'ssm', action: 'GetParameter',
    parameters: { Name: `/baton/${parts.environment}/writing-database/${parts.region}` },
    resources: parts.arns.topologyParameters,
    errors: ['Ssm.ParameterNotFoundException'],
    catches: { 'Ssm.ParameterNotFoundException': { quietly: movedBefore }, 'States.ALL': refused },
  });
  lookAtDatabase.next(w.choice('Is it to be done again all the same?', {
    comment: 'Each step finds what was done; what an earlier one left is done then.',
    answers: [{ when: js('$exists($request.force)'), next: movedBefore, comment: 'Two people want it.' }],
    otherwise: w.pass('Note that nothing is left to fail over', {
      comment: 'It was started in the Region that is home, or twice.',
      assign: {
        why: `Every book is at home in ${parts.region} already, and its database is written. Nothing was changed. To leave ${parts.region}, start the machine in the
          other Region. If an earlier failover left something undone here, start again with force, approved by a second person.`.replaceAll(/\s*\n\s*/g, ' '),
      },
    }).next(refused),
  }));
  const check = w.invoke(checkTheRequest, parts.recovery, 'checkFailover', {
    ...typedRequest(refused),
    input: { request: whatWasTyped, execution: js('$states.context.Execution.Id') },
    assign: (answer) => ({ request: answer.request, from: answer.from, ...timed('The request was read.', 2) }),
    catches: { LeaseMissingError: refused, 'States.ALL': refused },
  });
  check.next(w.choice('Is there a book to be moved?', {
    comment: 'All of them, mostly.',
    answers: [{ when: js("$from != ''"), next: gather, comment: 'There is.' }],
    otherwise: lookAtDatabase,
  }));
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      places: Object.fromEntries(parts.books.map(({ name, serviceName, liveParameterName }) => [name, { serviceName, liveParameterName }])),
      request: {}, from: nothing, taken: [], trading: [], capacity: [], secrets: {}, evidence: {},
      database: { rpoSeconds: -1, missingBefore: -1, missingAfter: -1 }, rtoSeconds: -1,
      redrives: 0, steps: [], stepSince: js('$toMillis($states.context.Execution.StartTime)'), why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(check);
}

/** Who decided what and why, kept before anything is changed. It holds nothing up: the lease names the execution too. */
function recordDecision(w: Workflow, parts: FailoverParts): sfn.IChainable {
  const written = w.pass('Find the decision recorded', { comment: 'As the report will be.', outputs: js("{ 'loose': '' }") });
  return w.call('Record who decided what and why', {
    comment: 'Before anything is changed, in this Region.',
    service: 's3', action: 'PutObject',
    parameters: {
      Bucket: parts.reportBucketName,
      Key: js("'failovers/' & $states.context.Execution.Name & '-decision.json'"),
      Body: js("{ 'execution': $states.context.Execution.Id, 'decidedAt': $states.context.Execution.StartTime, 'from': $from, 'request': $request }"),
      ContentType: 'application/json',
    },
    resources: [parts.arns.reports],
    catches: {
      'States.ALL': {
        into: 'unrecorded',
        next: w.pass('Note that the decision was not recorded', { comment: 'It goes on all the same.', outputs: js("{ 'loose': ' The decision was not recorded: ' & $unrecorded }") }),
      },
    },
  }).next(written);
}

function confirm(w: Workflow, parts: FailoverParts): sfn.IChainable {
  return w.invoke('Look for signs of life in the home Region', parts.recovery, 'confirmLoss', {
    comment: 'Its leases, orders and instances, and whether the Region answers: two looks, two seconds apart.',
    input: { from: js('$from') },
  });
}

/**
 * Of one book. Whatever happens ends in an answer: another book may trade.
 * @param late how the names of the states end, where they are there twice
 */
export function awaitOrders(w: Workflow, parts: FailoverParts, late = ''): sfn.IChainable {
  const answer = (name: string, comment: string, state: string, seen: string): sfn.IChainable =>
    w.pass(name, {
      comment,
      outputs: js(`{ 'book': $one.book, 'token': $one.token, 'state': ${state}, 'seen': ${seen}, 'epoch': $heldEpoch, 'holder': $heldBy, 'colour': $heldColour,
        'epochBefore': $one.epoch, 'holderBefore': $one.holder, 'modeBefore': $one.mode }`),
    });
  const seenTrading = answer(`Note what became of the book${late}`, 'For the report, and for what follows.', '$tradingState', '$tradingSeen');
  const look = w.invoke(`Look for accepted orders from this Region${late}`, parts.recovery, 'tradingHere', {
    comment: 'Holding the lease is not trading: only the venue can say that an order was accepted.',
    input: { book: js('$one.book'), token: js('$one.token'), region: parts.region, wanted: 1 },
    assign: (seen) => ({ tradingState: seen.state, tradingSeen: seen.seen, heldEpoch: seen.epoch, heldBy: seen.holder, heldColour: seen.colour }),
    catches: {
      WorkflowPreemptedError: {
        into: 'lookFault',
        next: answer(`Note that a book was taken by another workflow${late}`, 'It decides from here on.', "'preempted'", '$lookFault'),
      },
      LeaseMissingError: { into: 'lookFault', next: answer(`Note that the book has no lease${late}`, 'Somebody removed it.', "'unknown'", '$lookFault') },
      'States.ALL': { into: 'lookFault', next: answer(`Note that the book could not be looked at${late}`, 'It may trade all the same.', "'unknown'", '$lookFault') },
    },
  });
  const wait = w.poll({
    begin: `Begin to wait for orders of the book${late}`, since: 'ordersSince',
    ask: look,
    judge: `Does the book trade here${late}?`,
    judgeComment: 'A halted one stays halted, and has moved all the same.',
    answers: [{ when: js("$tradingState != 'waiting'"), next: seenTrading, comment: 'It does, or it will not.' }],
    tooLate: { next: seenTrading, comment: 'Nobody here could take it, or the venue takes nothing from here.' },
    pause: `Wait a moment for orders of the book${late}`, everySeconds: pollSeconds, limitSeconds: tradeLimitSeconds,
  });
  return w.pass(`Set out to see a book trade${late}`, {
    comment: 'What its answer has when it could not be looked at.',
    assign: { one: js('$states.input'), tradingState: 'waiting', tradingSeen: nothing, heldEpoch: 0, heldBy: nothing, heldColour: nothing },
  }).next(wait);
}

/** Two tasks for each book, as home had; and the record of what is live, under the revision that it has here. */
export function capacity(w: Workflow, parts: FailoverParts): sfn.IChainable {
  const fact = (name: string, comment: string, fault: string): sfn.IChainable =>
    w.pass(name, { comment, outputs: js(`{ 'book': $one.book, 'taskSet': $set.id, 'taskDefinition': $set.taskDefinition, 'fault': ${fault} }`) });
  const failing: Catches<never> = {
    'States.ALL': { into: 'capacityFault', next: fact('Note what the book lacks here', 'It trades all the same, with what it has.', '$one.book & " is not at full strength or not recorded here: " & $capacityFault') },
  };
  const strong = fact('Note that the book is at full strength', 'Two tasks, and the truth is recorded.', "''");
  const place = '$lookup($places, $one.book)';
  const look = w.call('Look how many tasks of the book run', {
    comment: 'They come up in a minute.',
    service: 'ecs', action: 'DescribeServices',
    parameters: { Cluster: parts.clusterName, Services: [js(`${place}.serviceName`)] },
    resources: parts.arns.services,
    assign: { running: js('$states.result.Services[0].TaskSets[Id = $set.id].(RunningCount >= ComputedDesiredCount)') },
    catches: failing,
  });
  const wait = w.poll({
    begin: 'Begin to wait for the tasks of the book', since: 'scaleSince',
    ask: look,
    judge: 'Do all tasks of the book run?', judgeComment: 'One trades, one stands by.',
    answers: [{ when: js('$running = true'), next: strong, comment: 'They do.' }],
    tooLate: {
      comment: 'There may be no capacity: everybody else fails over too.',
      next: fact('Note that the tasks do not come up', 'The book trades on the one that it has.', `$one.book & ' has fewer tasks than it should after ${scaleLimitSeconds} s. Look at the events of its service.'`),
    },
    pause: 'Wait a moment for the tasks of the book', everySeconds: slowPollSeconds, limitSeconds: scaleLimitSeconds,
  });
  const publish = w.call('Record in the parameter here what is live', {
    comment: 'People and machines of this Region read it.',
    service: 'ssm', action: 'PutParameter',
    parameters: { Name: unlessRedriven(`${place}.liveParameterName`), Type: 'String', Overwrite: true, Value: js('$string($live)') },
    resources: parts.arns.liveParameters,
    catches: failing,
  });
  publish.next(wait);
  const record = w.invoke('Record in the lease the revision that is live here', parts.recovery, 'relocateLive', {
    comment: 'The other Region’s revision of the same name is none of ours.',
    input: { book: js('$one.book'), token: js('$one.token'), taskDefinition: js('$set.taskDefinition') },
    assign: () => ({ live: js('$states.result.Payload') }),
    catches: failing,
  });
  record.next(publish);
  const makePrimary = w.call('Make what trades the primary task set', {
    comment: 'So that whoever looks at the service sees what is live.',
    service: 'ecs', action: 'UpdateServicePrimaryTaskSet',
    parameters: { Cluster: parts.clusterName, Service: js(`${place}.serviceName`), PrimaryTaskSet: unlessRedriven('$set.id') },
    resources: parts.arns.services,
    catches: failing,
  });
  makePrimary.next(record);
  const scale = w.call('Scale the book to two tasks', {
    comment: 'The standby Region keeps one; never before the first order, for it needs a control plane.',
    service: 'ecs', action: 'UpdateTaskSet',
    parameters: { Cluster: parts.clusterName, Service: js(`${place}.serviceName`), TaskSet: unlessRedriven('$set.id'), Scale: { Unit: 'PERCENT', Value: 100 } },
    resources: parts.arns.taskSets,
    catches: failing,
  });
  scale.next(makePrimary);
  const find = w.call('Look what runs of the book here', {
    comment: 'The colour that trades; of a halted book, what runs.',
    service: 'ecs', action: 'DescribeServices',
    parameters: { Cluster: parts.clusterName, Services: [js(`${place}.serviceName`)] },
    resources: parts.arns.services,
    assign: {
      set: js(`(
        $sets := $states.result.Services[0].TaskSets[Status != 'DRAINING'];
        $trades := $sets[ExternalId = $one.colour]; $runs := $sets[RunningCount > 0];
        $chosen := $count($trades) > 0 ? $trades[0] : $count($runs) > 0 ? $runs[0];
        $exists($chosen) ? { 'id': $chosen.Id, 'taskDefinition': $chosen.TaskDefinition } : { 'id': '', 'taskDefinition': '' }
      )`),
    },
    catches: failing,
  });
  find.next(w.choice('Does anything of the book run here?', {
    comment: 'Nothing does before the first refresh of a standby.',
    answers: [{ when: js("$set.id != ''"), next: scale, comment: 'It does.' }],
    otherwise: fact('Note that nothing of the book runs here', 'The standby was never refreshed.', "$one.book & ' has no task here: refresh its standby, or start a cutover.'"),
  }));
  const setOut = w.pass('Set out to strengthen a book', {
    comment: 'As it was seen trading.',
    assign: { one: js('$states.input'), set: { id: nothing, taskDefinition: nothing } },
  });
  const report = (name: string, comment: string, outputs: string): sfn.IChainable => w.pass(name, { comment, outputs: js(outputs) });
  const all = w.forEach('Bring each book to full strength', {
    comment: 'What one lacks holds no other up.',
    items: js('[$trading]'), itemsMax: parts.books.length,
    body: setOut.next(find),
    assign: { strengthened: js('[$states.result]') },
  });
  all.next(w.pass('Sum up the strength of the books', {
    comment: 'For the report.',
    assign: timed('The books have two tasks each.', scaleLimitSeconds, { list: 'capacitySteps', since: 'capacitySince' }),
  }).next(report('Report the strength of the books', 'With what they lack.',
    "{ 'books': $strengthened, 'steps': $capacitySteps, 'fault': $join([$strengthened.fault[$ != '']], ' ') }")));
  return w.pass('Set out to strengthen the books', {
    comment: 'Beside the database.',
    assign: { capacitySteps: [], capacitySince: js('$toMillis($now())') },
  }).next(all);
}

/**
 * What the journal has and the replica has not is measured; then it becomes the database, and its ledger complete.
 * @param waiting the books that trade only then: they are waited for
 */
export function database(
  w: Workflow, parts: FailoverParts, { everySeconds = promotionPollSeconds, waiting = [] }: { readonly everySeconds?: number; readonly waiting?: readonly string[] } = {},
): sfn.IChainable {
  const hasLate = waiting.length > 0;
  const own = { list: 'databaseSteps', since: 'databaseSince' };
  const done = (name: string, comment: string, fault: string): sfn.IChainable =>
    w.pass(name, {
      comment,
      outputs: js(`{ 'promoted': $promoted, 'rpoSeconds': $round($lossSeconds, 3), 'missingBefore': $missingBefore, 'missingAfter': $missingAfter, 'seen': $lacking,
        'replicaLagSeconds': $replicaLag, 'promotionSeconds': $promotionSeconds, 'steps': $databaseSteps,
        ${hasLate ? "'late': $late, " : ''}'fault': ${fault}${hasLate ? ' & $lateFault' : ''} & ($zoneFault = '' ? '' : ' The database has one zone: ' & $zoneFault) }`),
    });
  const failed = done('Note what the database lacks', 'Trading goes on from the journal.',
    `'The database here is not what it should be: ' & $databaseFault & ' Trading goes on from the journal; when that is mended, start another failover.'`);
  const failing: Catches<never> = { 'States.ALL': { into: 'databaseFault', next: failed } };
  const asking = { ...failing, DatabaseUnreachableError: { into: 'databaseFault', next: failed } };
  /** Orders of those who traded before; of a book that does not trade here, all. */
  const before = js("[$trading.{ 'book': book, 'belowEpoch': state = 'trading' ? epoch : 0 }]");

  const complete = w.poll({
    begin: 'Begin to wait for the ledger to be complete', since: 'ledgerSince',
    ask: w.invoke('Look what the ledger still lacks', parts.database, 'completeness', {
      comment: 'Whoever trades a book writes what is missing, from the journal.',
      input: { books: js(`[${hasLate ? '$append($trading, $late)' : '$trading'}[state = 'trading'].{ 'book': book, 'belowEpoch': epoch }]`) },
      assign: (answer) => ({ missingAfter: answer.missing, lacking: answer.seen }),
      catches: asking,
    }),
    judge: 'Is the ledger complete?',
    judgeComment: 'Of every book that trades; a halted one completes its own when it is resumed.',
    answers: [{
      when: js('$missingAfter = 0'), comment: 'No acknowledged order is missing.',
      next: w.pass('Note that the ledger is complete', { comment: 'For the report.', assign: timed('The ledger is complete.', ledgerLimitSeconds, own) })
        .next(done('Report the database', 'It is written, and lacks nothing.', "''")),
    }],
    tooLate: {
      comment: 'Whoever trades does not get it written.',
      next: done('Note that the ledger is not complete', 'The journal has what is missing.',
        `'After ${ledgerLimitSeconds} s the ledger still lacks orders: ' & $lacking & '. The journal has them; look at the log of the trader.'`),
    },
    pause: 'Wait a moment for the ledger', everySeconds: ledgerPollSeconds, limitSeconds: ledgerLimitSeconds,
  });

  const record = topologyFact(w, parts, {
    fact: 'writing-database', is: 'the database is written', was: 'the database was written', left: 'In the Region that is left.', failing,
    done: hasLate ? awaitLate(w, parts, { waiting, own, next: complete }) : complete,
  });
  const readmit = w.invoke('Let the database be written', parts.database, 'readmit', {
    comment: 'It may have been closed when it was a source; a replica has that from there.',
    input: {},
    assign: () => ({ promoted: true, promotionSeconds: js('($toMillis($now()) - $promotionSince) / 1000'), ...timed('The database here takes writes.', promotionLimitSeconds, own) }),
    catches: { DatabaseInRecoveryError: { into: 'databaseFault', next: failed }, ...asking },
  });
  const strengthen = w.call('Give the database a second zone', {
    comment: 'A replica has one; the database works on while it is copied.',
    service: 'rds', action: 'ModifyDBInstance',
    parameters: { DbInstanceIdentifier: unlessRedriven(quoted(parts.databaseInstanceIdentifier)), MultiAZ: true, ApplyImmediately: true },
    resources: [parts.arns.database],
    errors: ['Rds.InvalidDbInstanceStateException'],
    // An earlier attempt is at work.
    catches: { 'Rds.InvalidDbInstanceStateException': { quietly: record }, 'States.ALL': { into: 'zoneFault', next: record } },
  });
  strengthen.next(record);
  readmit.next(strengthen);

  const describe = w.call('Look at the status of the database', {
    comment: 'It reboots on the way.',
    service: 'rds', action: 'DescribeDBInstances',
    parameters: { DbInstanceIdentifier: parts.databaseInstanceIdentifier },
    resources: [parts.arns.database],
    assign: {
      databaseStatus: js('$states.result.DbInstances[0].DbInstanceStatus'),
      isSourced: js(`$exists($states.result.DbInstances[0].${sourceMember}) ? $states.result.DbInstances[0].${sourceMember} != '' : false`),
    },
    catches: failing,
  });
  const busy = w.pass('Find that the database is busy', { comment: 'With the promotion, or with a backup, which must end first.' });
  busy.next(describe);
  const promote = w.call('Ask for the promotion of the replica', {
    comment: 'Each time: one that is under way refuses it, one that failed takes it.',
    service: 'rds', action: 'PromoteReadReplica',
    // Backups are on from the start; unsaid, they would be kept for a day.
    parameters: { DbInstanceIdentifier: unlessRedriven(quoted(parts.databaseInstanceIdentifier)), BackupRetentionPeriod: parts.backupRetentionDays },
    resources: [parts.arns.database],
    errors: ['Rds.InvalidDbInstanceStateException'],
    catches: { 'Rds.InvalidDbInstanceStateException': { quietly: busy }, ...failing },
  });
  promote.next(describe);
  const promoted = w.poll({
    begin: 'Begin to promote the replica', since: 'promotionSince',
    first: promote, ask: describe,
    judge: 'Is the replica a database of its own?',
    judgeComment: 'AWS promises no time for it.',
    answers: [{ when: js("$databaseStatus = 'available' and $not($isSourced)"), next: readmit, comment: 'It is, and has rebooted.' }],
    tooLate: {
      comment: 'Nothing that trades waits for it.',
      next: done('Note that the promotion does not end', 'Trading goes on from the journal.',
        `'The promotion of the database has not ended after ${promotionLimitSeconds} s; it is ' & $databaseStatus & '. Trading goes on from the journal. Look at the events of the database, then start another failover.'`),
    },
    pause: 'Wait a moment for the promotion', everySeconds, limitSeconds: promotionLimitSeconds,
  });

  const judgeLag = w.choice('Is no more lost than may be?', {
    comment: 'The recovery point objective, or what two people accept.',
    answers: [{
      when: js(`$lossSeconds <= $max([${parts.rpoSeconds}, $exists($request.acceptDataLoss) ? $request.acceptDataLoss.maxSeconds : 0])`), next: promoted,
      comment: 'Orders are not lost in any case: the journal has them.',
    }],
    otherwise: done('Note that more would be lost than may be', 'Once it is promoted, what it lacks is gone for good.',
      `'The replica lacks ' & $string($round($lossSeconds)) & ' s of what was written (' & $lacking & '), and ${parts.rpoSeconds} s may be lost: it was not promoted.
        Trading goes on from the journal. If the source comes back, the replica may yet catch up; if not, start another failover with acceptDataLoss
        { maxSeconds, reason, approvedBy }, approved by a second person.'`),
  });
  const withoutMetric = w.pass('Find no word of how far the replica was behind', {
    comment: 'Then the orders alone tell.', assign: { replicaLag: -1, lossSeconds: js('$spanSeconds') },
  });
  withoutMetric.next(judgeLag);
  const readLag = w.call('Read how far the replica was behind', {
    comment: 'It grows while nothing comes: what has passed since the last order is no loss.',
    service: 'cloudwatch', action: 'GetMetricStatistics',
    parameters: {
      Namespace: 'AWS/RDS', MetricName: 'ReplicaLag', Dimensions: [{ Name: 'DBInstanceIdentifier', Value: parts.databaseInstanceIdentifier }],
      StartTime: js(`$fromMillis($toMillis($now()) - ${lagWindowMs})`), EndTime: js('$fromMillis($toMillis($now()) + 60000)'),
      Period: 60, Statistics: ['Maximum'],
    },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: {
      replicaLag: js(`(${newestLag}; $exists($lag) ? $lag : -1)`),
      lossSeconds: js(`(${newestLag}; $quietSeconds = null ? $spanSeconds : $max([$spanSeconds, $exists($lag) ? $lag - $quietSeconds : 0]))`),
    },
    catches: { 'States.ALL': { quietly: withoutMetric } },
  });
  readLag.next(judgeLag);
  const look = w.invoke('Look what the replica lacks', parts.database, 'completeness', {
    comment: 'Of the orders that the venue accepted: how many, and how many seconds of them.',
    input: { books: before },
    assign: (answer) => ({
      missingBefore: answer.missing, spanSeconds: answer.spanSeconds, quietSeconds: answer.quietSeconds, lacking: answer.seen,
      ...timed('It was looked what the replica lacks.', 5, own),
    }),
    catches: asking,
  });
  look.next(readLag);
  const position = w.invoke('Look whether it is to be promoted', parts.database, 'position', {
    comment: 'An earlier failover may have done it.',
    input: {},
    assign: (answer) => ({ isReplica: answer.inRecovery }),
    catches: asking,
  });
  position.next(w.choice('Is the database here a replica?', {
    comment: 'A promotion is not taken back, and not repeated.',
    answers: [{ when: js('$isReplica'), next: look, comment: 'It is.' }],
    otherwise: readmit,
  }));
  return w.pass('Set out to bring the database over', {
    comment: 'Beside everything else: no order waits for it.',
    assign: {
      databaseSteps: [], databaseSince: js('$toMillis($now())'), promoted: false, promotionSince: js('$toMillis($now())'), promotionSeconds: 0,
      missingBefore: -1, missingAfter: -1, lossSeconds: -1, replicaLag: -1, spanSeconds: 0, quietSeconds: null, lacking: nothing, databaseStatus: nothing, zoneFault: nothing,
      isSourced: true, ...(hasLate && { late: [], lateFault: nothing }),
    },
  }).next(position);
}

/** The books whose bots need the database: their traders find it written, are ready, and take what nobody holds. */
function awaitLate(
  w: Workflow, parts: FailoverParts,
  { waiting, own, next }: { readonly waiting: readonly string[]; readonly own: Parameters<typeof timed>[2]; readonly next: sfn.IChainable },
): sfn.IChainable {
  return w.forEach('Wait until each book trades that needs the database', {
    comment: 'Its standby was warm, and not ready before.',
    items: js(`[$taken[book in ${quotedAll(waiting)}]]`), itemsMax: waiting.length,
    body: awaitOrders(w, parts, ', now that the database is here'),
    assign: {
      late: js('[$states.result]'),
      lateFault: js("$join([$states.result[state != 'trading' and $not(state = 'halted' and modeBefore = 'halted')].(' ' & book & ' does not trade here: ' & seen & '.')], '')"),
      ...timed('The books that need the database trade here.', tradeLimitSeconds, own),
    },
  }).next(next);
}

function quotedAll(names: readonly string[]): string {
  return `[${names.map(quoted).join(', ')}]`;
}

/** CloudWatch gives its points in no order. */
const newestLag = '$lag := $sort($states.result.Datapoints, function($one, $other) { $toMillis($one.Timestamp) < $toMillis($other.Timestamp) })[0].Maximum';

/** As the SDK of Java spells it. */
const sourceMember = 'ReadReplicaSourceDBInstanceIdentifier';

/** A replica of a secret is read-only: it becomes one of its own before anything here rotates it. */
export function secrets(w: Workflow, parts: FailoverParts): sfn.IChainable {
  const own = (name: string, comment: string, fault: string): sfn.IChainable =>
    w.pass(name, { comment, outputs: js(`{ 'secret': $secret, 'fault': ${fault} }`) });
  const failing: Catches<never> = {
    'States.ALL': {
      into: 'secretFault',
      next: own('Note that a secret is a replica still', 'It can be read, and not be rotated.', "'The secret ' & $secret & ' was not promoted: ' & $secretFault"),
    },
  };
  const done = own('Note that the secret is one of its own', 'It can be rotated here.', "''");
  const stop = w.call('Make the replica of a secret one of its own', {
    comment: 'Whatever became of its source.',
    service: 'secretsmanager', action: 'StopReplicationToReplica',
    parameters: { SecretId: unlessRedriven('$secret') },
    resources: parts.arns.secrets,
    catches: failing,
  });
  stop.next(done);
  const look = w.call('Look whether a secret is a replica', {
    comment: 'Not the second time.',
    service: 'secretsmanager', action: 'DescribeSecret',
    parameters: { SecretId: js('$secret') },
    resources: parts.arns.secrets,
    assign: { isReplicaSecret: js(`$exists($states.result.PrimaryRegion) ? $states.result.PrimaryRegion != ${quoted(parts.region)} : false`) },
    catches: failing,
  });
  look.next(w.choice('Is the secret a replica?', {
    comment: 'Of the Region that is lost.',
    answers: [{ when: js('$isReplicaSecret'), next: stop, comment: 'It is.' }],
    otherwise: done,
  }));
  const setOut = w.pass('Set out to promote a secret', { comment: 'By its name, which is the same in both Regions.', assign: { secret: js('$states.input') } });
  const all = w.forEach('Promote the replicas of the secrets', {
    comment: 'What one lacks holds no other up.',
    items: js(JSON.stringify(parts.secretNames)), itemsMax: parts.secretNames.length,
    body: setOut.next(look),
    assign: { promotedSecrets: js('[$states.result]') },
  });
  all.next(w.pass('Sum up the secrets', {
    comment: 'For the report.',
    assign: timed('The secrets are of their own.', 10, { list: 'secretSteps', since: 'secretSince' }),
  }).next(w.pass('Report the secrets', {
    comment: 'With what they lack.',
    outputs: js("{ 'secrets': $promotedSecrets, 'steps': $secretSteps, 'fault': $join([$promotedSecrets.fault[$ != '']], ' ') }"),
  })));
  return w.pass('Set out to promote the secrets', { comment: 'Before anything here rotates them.', assign: { secretSteps: [], secretSince: js('$toMillis($now())') } }).next(all);
}

/** One fact that deployments of this Region ask for, under the name of the Region of which it is true: there is one such parameter. */
function topologyFact(
  w: Workflow,
  parts: FailoverParts,
  { fact, is, was, left, done, failing }: {
    readonly fact: 'home-region' | 'writing-database';
    /** What the fact says, and said, as the names of the states end. */
    readonly is: string;
    readonly was: string;
    readonly left: string;
    readonly done: sfn.IChainable;
    readonly failing: Catches<never>;
  },
): sfn.IChainable {
  const forget = w.call(`Forget where ${was}`, {
    comment: 'Or a deployment with the old settings would be let in.',
    service: 'ssm', action: 'DeleteParameter',
    parameters: { Name: unlessRedriven(`'/baton/${parts.environment}/${fact}/' & $from`) },
    resources: parts.arns.topologyParameters,
    errors: ['Ssm.ParameterNotFoundException'],
    catches: { 'Ssm.ParameterNotFoundException': { quietly: done }, ...failing },
  });
  forget.next(done);
  const record = w.call(`Record where ${is}`, {
    comment: 'Deployments read it and refuse to run against another truth.',
    service: 'ssm', action: 'PutParameter',
    parameters: { Name: unlessRedriven(quoted(`/baton/${parts.environment}/${fact}/${parts.region}`)), Type: 'String', Overwrite: true, Value: parts.region },
    resources: parts.arns.topologyParameters,
    catches: failing,
  });
  return record.next(w.choice(`Is it known where ${was}?`, {
    comment: 'Not when an earlier failover moved the books: the watch of this Region puts that right.',
    answers: [{ when: js("$from != ''"), next: forget, comment: left }],
    otherwise: done,
  }));
}

/** What deployments of this Region ask: where home is. The other Region’s own watch puts its facts right when it is back. */
export function homeFact(w: Workflow, parts: FailoverParts): sfn.IChainable {
  const done = (name: string, comment: string, fault: string): sfn.IChainable =>
    w.pass(name, { comment, outputs: js(`{ 'steps': $factSteps, 'fault': ${fault} }`) });
  const failing: Catches<never> = {
    'States.ALL': { into: 'factFault', next: done('Note that the home was not recorded', 'Deployments with the new settings are refused.', "'The home was not recorded for deployments: ' & $factFault") },
  };
  const recorded = w.pass('Note that the home is recorded', {
    comment: 'For the report.', assign: timed('Deployments know the home.', 5, { list: 'factSteps', since: 'factSince' }),
  });
  recorded.next(done('Report the facts for deployments', 'With what they lack.', "''"));
  const record = topologyFact(w, parts, { fact: 'home-region', is: 'home is', was: 'home was', left: 'It is.', done: recorded, failing });
  return w.pass('Set out to record the facts for deployments', { comment: 'In this Region alone.', assign: { factSteps: [], factSince: js('$toMillis($now())') } }).next(record);
}
