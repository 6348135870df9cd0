/**
 * The loss of the home Region, rehearsed where it would be survived: the newest backup is restored into a network that leads nowhere, the release that is live is
 * started there against a venue on paper, the home of a shadow book is lost, and the shadow trader takes the book over as any standby would. Every step is measured,
 * held against what it may take and against the drills before, signed and kept; what was made is removed, whatever happened.
 *
 * It has the locks of all books, so no deployment runs beside it; a failover takes them away and is held up by nothing. The books themselves it never touches: the
 * shadow book is another one, and what trades it can reach no venue. All that it makes carries its name: so the machine finds again what it began without an answer,
 * and when it dies itself, others find what it left.
 */
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import { type drillCheck, type drillControl, shadowBook } from '../contracts/drill.ts';
import type { recoveryControl } from '../contracts/recovery.ts';
import type { ContractFunction, InvokedFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { enterTheRestored, removeTheRestored, restoredAddress, restoreIntoIsolation, type IsolatedRestoreParts } from './blocks/isolated-restore.ts';
import { checkTheRequest, typedRequest } from './blocks/typed-request.ts';
import { acceptedOrdersToProve, nothing, pollSeconds, slowPollSeconds, timed } from './blocks/variables.ts';
import { js, quoted, type Jsonata, type Workflow } from './workflow.ts';

/** Where shadow tasks run, and nothing else. */
export interface ShadowCluster {
  readonly clusterName: string;
  readonly arns: {
    readonly tasks: string;
    /** What a list of them is allowed on: instances of the cluster of which Fargate has none. */
    readonly listed: string;
  };
}

export interface DrillParts extends EndingParts, IsolatedRestoreParts, ShadowCluster {
  readonly control: ContractFunction<typeof drillControl>;
  readonly check: ContractFunction<typeof drillCheck>;
  readonly recovery: InvokedFunction<typeof recoveryControl>;
  /** This Region. */
  readonly region: string;
  /** By book: the template of its shadow task, and the family of the revisions that drills register from it. */
  readonly templates: Readonly<Record<string, { readonly template: string; readonly family: string }>>;
  readonly subnetIds: readonly string[];
  readonly taskSecurityGroupId: string;
  readonly repositories: Readonly<Record<'trader' | 'guard', string>>;
  readonly passRoles: iam.PolicyStatement;
  readonly arns: EndingParts['arns'] & IsolatedRestoreParts['arns'] & ShadowCluster['arns'] & {
    /** Revisions of shadow tasks. */
    readonly definitions: readonly string[];
  };
}

/** Fargate, the image, and a trader that reconciles. */
const readyLimitSeconds = 600;
/** Twice a lease for a standby, and some for a venue that is slow. */
const tradeLimitSeconds = 60;
/** The ledger writes every second or so. */
const ledgerLimitSeconds = 120;
/** Tasks get 120 s to stop, and the scheduler some for itself. */
const stopLimitSeconds = 300;
/** ECS is eventually consistent, and a call that nobody answered may take effect late: until then an empty list says nothing. */
const unseenLimitSeconds = 120;

export function drDrill(w: Workflow, parts: DrillParts): sfn.IChainable {
  const { control, check, recovery, arns } = parts;
  const ending = endingsOf(w, parts, {
    what: 'drill', folder: 'drills', hasTheBook: true,
    succeeded: 'Were the Region lost now, this one would go on as it should.',
    facts: `
      'drilled': $drilled, 'lost': $lost, 'region': ${quoted(parts.region)}, 'images': $images, 'recoveryPoint': $recoveryPointArn, 'passed': $passed,
      'measures': $measures, 'slower': $slower, 'signedReport': $signedReport`,
  });
  const refused = w.fail('The drill was refused', { comment: 'Nothing was made.', error: endings.refused, cause: js('$why') });

  const conclude = w.choice('Was the drill passed?', {
    comment: 'What was left behind is for a person; what only took longer than ever is told.',
    answers: [{ when: js('$passed'), next: ending.succeeded, comment: 'It was.' }],
    otherwise: w.pass('Say what the drill lacked', {
      comment: 'The measures are in the report too.', assign: { why: js("'The drill was not passed: ' & $seen & '.' & $leftOver") },
    }).next(ending.needsAPerson),
  });
  const publish = w.invoke('Sign and keep what was measured', control, 'publish', {
    comment: 'Beside the report for people, in a place where nobody changes it.',
    input: {
      execution: js('$states.context.Execution.Id'), name: js('$name'), request: js('$drill'), book: js('$drilled'), lost: js('$lost'), images: js('$images'),
      recoveryPointArn: js('$recoveryPointArn'), createdAt: js('$createdAt'), begunAt: js('$begunAt'), answeredAt: js('$answeredAt'), newestCommitAt: js('$newestCommitAt'),
      startSeconds: perhaps('$startSeconds'), ordersSeconds: perhaps('$ordersSeconds'), ledgerSeconds: perhaps('$ledgerSeconds'), why: js('$why'), leftOver: js('$leftOver'),
    },
    assign: (answer) => ({
      passed: js(`${answer.verdict.slice(2, -2)} = 'passed'`), measures: answer.measures, slower: answer.slower, signedReport: answer.key, seen: answer.seen,
    }),
    catches: { 'States.ALL': ending.needsAPerson },
  });
  publish.next(conclude);

  // ── Taken down whatever happened: what cannot be removed is noted, and the rest goes on ──────────────────
  const databaseGone = removeTheRestored(w, arns.restored, publish);
  const tearDown = haltAndStop(w, parts, databaseGone);
  const failing = { 'States.ALL': tearDown };
  const failed = (comment: string, why: Jsonata | string): { readonly next: sfn.IChainable; readonly comment: string; readonly assign: Record<string, unknown> } =>
    ({ next: tearDown, comment, assign: { why } });

  // ── The loss ─────────────────────────────────────────────────────────────────────────────────────────────
  const proved = w.pass('Note that the ledger has the orders', {
    comment: 'From here on everything is only taken down.',
    assign: { ledgerSeconds: js("($toMillis($now()) - $tradedMs) / 1000"), ...timed('The restored ledger has the orders.', ledgerLimitSeconds) },
  });
  proved.next(tearDown);
  const written = w.poll({
    begin: 'Begin to wait for the ledger', since: 'ledgerSince',
    ask: w.invoke('Ask the restored ledger for the orders', check, 'written', {
      comment: 'From inside, where nothing else is reached.',
      input: { database: restoredAddress, epoch: js('$shadow.epoch + 1') },
      assign: (answer) => ({ orders: answer.orders }),
      catches: failing,
    }),
    judge: 'Does the restored ledger have the orders?', judgeComment: 'Whoever takes over wants to keep books.',
    answers: [{ when: js(`$orders >= ${acceptedOrdersToProve}`), next: proved, comment: 'It does.' }],
    tooLate: failed('It does not.', js(`'The restored ledger has ' & $string($orders) & ' orders of the shadow trader after ${ledgerLimitSeconds} s.'`)),
    pause: 'Wait a moment for the ledger', everySeconds: pollSeconds, limitSeconds: ledgerLimitSeconds,
  });
  const trading = w.pass('Note that the shadow trader trades', {
    comment: 'The time since the decision is what a failover would have taken.',
    assign: {
      tradedMs: js('$toMillis($now())'), ordersSeconds: js("($toMillis($now()) - $decidedMs) / 1000"),
      ...timed('The shadow trader took over and its orders were accepted.', tradeLimitSeconds),
    },
  }).next(written);
  const takesOver = w.poll({
    begin: 'Begin to wait for orders', since: 'ordersSince',
    ask: w.invoke('Look whether the shadow trader trades', recovery, 'tradingHere', {
      comment: 'As a failover looks at any book.',
      input: { book: shadowBook, token: js('$shadow.token'), region: parts.region, wanted: acceptedOrdersToProve },
      assign: (answer) => ({ sight: js(`{ 'state': ${answer.state.slice(2, -2)}, 'seen': ${answer.seen.slice(2, -2)} }`) }),
      catches: failing,
    }),
    judge: 'Does the shadow trader trade?', judgeComment: 'The lost lease has to run out first.',
    answers: [
      { when: js("$sight.state = 'trading'"), next: trading, comment: 'It does.' },
      { when: js("$sight.state = 'halted'"), ...failed('It halted.', js("'The shadow trader halted its book: ' & $sight.seen & '.'")) },
    ],
    tooLate: failed('It does not.', js(`'The shadow trader did not trade within ${tradeLimitSeconds} s: ' & $sight.seen & '.'`)),
    pause: 'Wait a moment for orders', everySeconds: pollSeconds, limitSeconds: tradeLimitSeconds,
  });
  const move = w.invoke('Move the home of the shadow book to this Region', recovery, 'moveHomes', {
    comment: 'The very step of a failover, and its function.',
    input: { books: [{ book: shadowBook, token: js('$shadow.token') }] as never, from: js('$lost'), to: parts.region },
    catches: failing,
  });
  move.next(takesOver);
  const lose = w.invoke('Let the holder elsewhere renew a last time', control, 'lose', {
    comment: 'From here it is silent; this is the moment of the decision.',
    input: { token: js('$shadow.token'), epoch: js('$shadow.epoch') },
    assign: () => ({ decidedMs: js('$toMillis($now())') }),
    catches: failing,
  });
  lose.next(move);

  // ── The warm standby ─────────────────────────────────────────────────────────────────────────────────────
  const warm = w.pass('Note that the shadow trader stands by', {
    comment: 'With the restored database behind it, as a bot that requires one.',
    assign: { startSeconds: js("($toMillis($now()) - $runMs) / 1000"), ...timed('The real image stands by.', readyLimitSeconds) },
  }).next(lose);
  const lookAtTask = w.call('Look at the shadow task', {
    comment: 'One that stopped will never stand by.',
    service: 'ecs', action: 'DescribeTasks', parameters: { Cluster: parts.clusterName, Tasks: [js('$task')] }, resources: [arns.tasks],
    assign: {
      taskSeen: js(`(
        $task := $states.result.Tasks[0];
        { 'status': $task.LastStatus, 'reason': $exists($task.StoppedReason) ? $task.StoppedReason : '' }
      )`),
    },
    catches: failing,
  });
  const lookAtTrader = w.invoke('Look whether the shadow trader stands by', control, 'ready', {
    comment: 'By what its guard says of it beside the lease.',
    input: { trader: js('$images.trader') },
    assign: (answer) => ({ sight: js(`{ 'state': ${answer.state.slice(2, -2)}, 'seen': ${answer.seen.slice(2, -2)} }`) }),
    catches: failing,
  });
  const standsBy = w.poll({
    begin: 'Begin to wait for the shadow trader', since: 'readySince', first: lookAtTask, ask: lookAtTask.next(lookAtTrader),
    judge: 'Does the shadow trader stand by?', judgeComment: 'It has read its secrets, reached the database and reconciled with the venue on paper.',
    answers: [
      { when: js("$sight.state = 'ready'"), next: warm, comment: 'It does.' },
      { when: js("$taskSeen.status = 'STOPPED'"), ...failed('It stopped.', js("'The shadow task stopped: ' & $taskSeen.reason & '.'")) },
    ],
    tooLate: failed('It does not.', js(`'The shadow trader did not stand by within ${readyLimitSeconds} s: ' & $sight.seen & '.'`)),
    pause: 'Wait a moment for the shadow trader', everySeconds: pollSeconds * 3, limitSeconds: readyLimitSeconds,
  });
  const run = w.call('Start the shadow task', {
    comment: 'The client token comes from the execution: a repeat finds the same task.',
    service: 'ecs', action: 'RunTask',
    parameters: {
      Cluster: parts.clusterName, TaskDefinition: js('$revision'), LaunchType: 'FARGATE',
      NetworkConfiguration: { AwsvpcConfiguration: { Subnets: parts.subnetIds, SecurityGroups: [parts.taskSecurityGroupId], AssignPublicIp: 'DISABLED' } },
      ClientToken: js("$substring($hash($states.context.Execution.Id & 'shadow', 'SHA-256'), 0, 32)"),
      // Whatever becomes of the answer: by this it is found again.
      StartedBy: js('$name'),
    },
    resources: arns.definitions,
    assign: { task: js('$states.result.Tasks[0].TaskArn'), tasks: js('[$states.result.Tasks.TaskArn]'), runMs: js('$toMillis($now())') },
    catches: failing,
  });
  run.next(standsBy);
  const register = w.call('Register the revision of the shadow task', {
    comment: 'The release that is live, and the database that was restored.',
    service: 'ecs', action: 'RegisterTaskDefinition', parameters: revisionOf(parts), resources: arns.definitions, statements: [parts.passRoles],
    // What is asked for next may be there from now on, whether or not anybody says so.
    assign: { revision: js('$states.result.TaskDefinition.TaskDefinitionArn'), runAskedMs: js('$toMillis($now())') },
    catches: failing,
  });
  register.next(run);
  const readTemplate = w.call('Read the template of the shadow task', {
    comment: 'The newest revision that a deployment registered.',
    service: 'ecs', action: 'DescribeTaskDefinition', parameters: { TaskDefinition: js('$lookup($templates, $drilled).template') },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: { template: js('$states.result.TaskDefinition'), ...timed('The restored database answers.', 3600) },
    catches: failing,
  });
  readTemplate.next(register);

  // ── The database ─────────────────────────────────────────────────────────────────────────────────────────
  const admit = w.invoke('Let the drill into what was restored', control, 'admit', {
    comment: 'With a password that opens this copy and nothing else.', input: { name: js('$name') }, catches: failing,
  });
  const ask = w.invoke('Ask the restored database a question', check, 'reach', {
    comment: 'Available is not enough: from here on somebody could go on from it.',
    input: { database: restoredAddress },
    assign: (answer) => ({ answeredAt: answer.answeredAt, newestCommitAt: answer.newestCommitAt }),
    catches: failing,
  });
  const restored = enterTheRestored(w, arns.restored, { admit, ask, answered: readTemplate, failed: tearDown });
  const restore = restoreIntoIsolation(w, parts, { begun: restored, failed: tearDown });
  const prepare = w.invoke('Give the shadow book to the Region that will be lost', control, 'prepare', {
    comment: 'A book of its own: nobody trades it between drills.',
    input: { execution: js('$states.context.Execution.Id'), lost: js('$lost') },
    assign: (answer) => ({ shadow: js(`{ 'token': ${answer.token.slice(2, -2)}, 'epoch': ${answer.epoch.slice(2, -2)} }`) }),
    catches: { 'States.ALL': publish },
  });
  prepare.next(restore);
  const take = w.invoke('Take the locks of all books', recovery, 'takeBooks', {
    comment: 'No deployment beside it; a failover takes them away.',
    input: { execution: js('$states.context.Execution.Id'), preempt: false },
    refused: { judge: 'Were the locks free?', next: refused },
    // It may have worked all the same: the ending gives back what is ours.
    catches: { 'States.ALL': ending.needsAPerson },
  });
  take.next(prepare);
  const typed = typedRequest(refused);
  const choose = w.invoke(checkTheRequest, control, 'choose', {
    ...typed,
    input: { ...typed.input, execution: js('$states.context.Execution.Id') },
    assign: (answer) => ({
      drill: answer.request, request: answer.request, standby: js(`${answer.region.slice(2, -2)} = 'standby'`), lost: answer.lost, name: answer.name, drilled: answer.book,
      images: answer.images, recoveryPointArn: answer.recoveryPointArn, snapshot: answer.snapshot, createdAt: answer.createdAt, begunAt: answer.begunAt,
    }),
    catches: { NoBackupError: ending.needsAPerson, 'States.ALL': refused },
  });
  choose.next(w.choice('Is this the Region that stands by?', {
    comment: 'Both have the schedule; which is home, only the leases know.',
    answers: [{ when: js('$standby'), next: take, comment: 'It is.' }],
    otherwise: w.succeed('The drill is left to the other Region', {
      comment: 'The books are at home here.', outputs: js("{ 'outcome': 'elsewhere', 'home': $lost }"),
    }),
  }));
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      templates: parts.templates, request: { requestedBy: nothing, reason: nothing }, drill: {}, drilled: nothing, standby: false, lost: nothing, name: nothing,
      images: {}, recoveryPointArn: nothing, snapshot: nothing, createdAt: nothing, begunAt: js('$states.context.Execution.StartTime'), answeredAt: nothing, newestCommitAt: nothing,
      database: nothing, status: nothing, task: nothing, tasks: [], tasksSeen: [], taskSeen: {}, sight: { state: nothing, seen: nothing }, shadow: { token: 0, epoch: 0 }, orders: 0,
      runAskedMs: 0, runMs: 0, decidedMs: 0, tradedMs: 0, startSeconds: -1, ordersSeconds: -1, ledgerSeconds: -1,
      passed: false, measures: {}, slower: [], signedReport: nothing, seen: nothing, leftOver: nothing,
      steps: [], stepSince: js('$toMillis($states.context.Execution.StartTime)'), why: nothing, taskLost: nothing, loose: nothing, outcome: nothing,
    },
  }).next(choose);
}

/**
 * Trading ends first, then every task of this drill. They are looked for by the drill's name, because the start of one may have had no answer; each round lists them,
 * looks at all that were ever seen, and stops one that is to run.
 */
function haltAndStop(w: Workflow, parts: DrillParts, next: sfn.IChainable): sfn.IChainable {
  const { control, arns, clusterName } = parts;
  const round = w.pass('Note what is known of the shadow tasks', { comment: 'What could not be asked in this round is asked in the next.' });
  const catches = { 'States.ALL': { into: 'taskLost', next: round } };
  const stop = w.call('Stop a shadow task', {
    comment: 'One in each round; there is hardly ever another.',
    service: 'ecs', action: 'StopTask',
    parameters: { Cluster: clusterName, Task: js("$tasksSeen[desired = 'RUNNING'][0].arn"), Reason: 'The drill is over' }, resources: [arns.tasks],
    catches,
  });
  stop.next(round);
  const look = w.call('Look which shadow tasks run', {
    comment: 'Those that are stopping are in no list.',
    service: 'ecs', action: 'DescribeTasks', parameters: { Cluster: clusterName, Tasks: js('$tasks') }, resources: [arns.tasks],
    assign: {
      tasksSeen: js(`
        $exists($states.result.Tasks)
          ? [$states.result.Tasks.{ 'arn': TaskArn, 'status': LastStatus, 'desired': DesiredStatus }]
          : $error('ECS says nothing of them.')
      `),
    },
    catches,
  });
  look.next(w.choice('Is a shadow task to be stopped?', {
    comment: 'Its guard gives the lease up before it ends.',
    answers: [{ when: js("$count($tasksSeen[desired = 'RUNNING']) > 0"), next: stop, comment: 'One is.' }],
    otherwise: round,
  }));
  const known = w.choice('Was a shadow task seen?', {
    comment: 'A drill may have ended before it started one.',
    answers: [{ when: js('$count($tasks) > 0'), next: look, comment: 'One was.' }],
    otherwise: round,
  });
  const list = w.call('List the shadow tasks of this drill', {
    comment: 'By what they were started with: also one whose start nobody answered.',
    service: 'ecs', action: 'ListTasks', parameters: { Cluster: clusterName, StartedBy: js('$name') }, resources: [arns.listed],
    assign: { tasks: js("$exists($states.result.TaskArns) ? [$distinct($append($tasks, $states.result.TaskArns))] : $error('ECS says nothing of them.')"), taskLost: nothing },
    // What is known all the same is stopped.
    catches: { 'States.ALL': { into: 'taskLost', next: known } },
  });
  list.next(known);
  const gone = w.poll({
    begin: 'Begin to stop the shadow tasks', since: 'stopSince', first: list, ask: round,
    judge: 'Is every shadow task stopped?', judgeComment: 'They have up to 120 s. One whose start had no answer may show late.',
    answers: [{
      when: js(`
        $taskLost = '' and $count($tasksSeen[status != 'STOPPED']) = 0
          and ($count($tasksSeen) > 0 or $runAskedMs = 0 or $toMillis($now()) - $runAskedMs >= ${unseenLimitSeconds * 1000})
      `),
      next, comment: 'None runs, and none will.',
    }],
    tooLate: {
      next: w.pass('Note that a shadow task is left', {
        comment: 'A person is told; it ends by itself when its venue closes.',
        assign: {
          leftOver: js(`
            $leftOver & ' The shadow task ' & ($count($tasks) > 0 ? $join($tasks, ', ') : 'that ' & $name & ' started') & ' is left, as far as is known: '
              & ($taskLost = '' ? 'it had not stopped within ${stopLimitSeconds} s' : $taskLost) & '.'
          `),
        },
      }).next(next),
      comment: 'It is not, or nobody says so.',
    },
    pause: 'Wait a moment for the shadow tasks', everySeconds: slowPollSeconds, limitSeconds: stopLimitSeconds,
  });
  const finish = w.invoke('Halt the shadow book', control, 'finish', {
    comment: 'Nobody trades it until the next drill.',
    input: { execution: js('$states.context.Execution.Id'), token: js('$shadow.token') },
    catches: {
      'States.ALL': {
        into: 'notHalted',
        next: w.pass('Note that the shadow book is not halted', {
          comment: 'Nobody trades it all the same, once its task has stopped.', assign: { leftOver: js("$leftOver & ' The shadow book is not halted: ' & $notHalted & '.'") },
        }).next(gone),
      },
    },
  });
  finish.next(gone);
  return finish;
}

/** What was not come to is below zero here, and null for whoever reads it. */
function perhaps(variable: string): Jsonata {
  return js(`${variable} >= 0 ? ${variable} : null`);
}

/** The fields that a template has: a test compares them with the synthesized one, so that none is lost. */
export const shadowFields = [
  'Family', 'TaskRoleArn', 'ExecutionRoleArn', 'NetworkMode', 'ContainerDefinitions', 'RequiresCompatibilities', 'Cpu', 'Memory', 'RuntimePlatform',
] as const;

function revisionOf({ repositories }: DrillParts): Record<(typeof shadowFields)[number], unknown> {
  return {
    Family: js('$lookup($templates, $drilled).family'),
    TaskRoleArn: js('$template.TaskRoleArn'),
    ExecutionRoleArn: js('$template.ExecutionRoleArn'),
    NetworkMode: js('$template.NetworkMode'),
    ContainerDefinitions: js(`(
      $ours := ${quoted(`${repositories.guard}@`)} & $images.guard;
      $uris := { 'guard': $ours, 'venue': $ours, 'trader': ${quoted(`${repositories.trader}@`)} & $images.trader };
      $added := {
        'guard': [{ 'Name': 'BATON_COLOUR', 'Value': 'green' }, { 'Name': 'BATON_IMAGE_DIGEST', 'Value': $images.trader }],
        'venue': [],
        'trader': [{ 'Name': 'BATON_DATABASE_HOST', 'Value': $database.Address }, { 'Name': 'BATON_DATABASE_PORT', 'Value': $string($database.Port) },
          { 'Name': 'BATON_IMAGE_DIGEST', 'Value': $images.trader }]
      };
      [$template.ContainerDefinitions.(
        $own := $lookup($added, Name);
        $merge([$, { 'Image': $lookup($uris, Name), 'Environment': [Environment[$not(Name in $own.Name)], $own] }])
      )]
    )`),
    RequiresCompatibilities: js('[$template.RequiresCompatibilities]'),
    Cpu: js('$template.Cpu'),
    Memory: js('$template.Memory'),
    RuntimePlatform: js(`
      $exists($template.RuntimePlatform)
        ? $template.RuntimePlatform
        : { 'CpuArchitecture': 'X86_64', 'OperatingSystemFamily': 'LINUX' }
    `),
  };
}
