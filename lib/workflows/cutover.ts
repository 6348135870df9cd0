/**
 * The cutover of one book: start the new colour beside the old one, let the lease change hands, prove that the
 * new colour trades, bake it, and retire the old one. Until the hand-over the old colour is not touched; after
 * it, until the bake has passed, a failure hands the book back. Later failures leave everything running and
 * ask for a person.
 *
 * The two colours are called incoming and outgoing throughout: which of them is blue changes each time.
 */
import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { cutoverInspection, endings, leaseControl } from '../contracts/cutover.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { js, quoted, Workflow, type Answer, type Catches, type Jsonata } from './workflow.ts';

/** What the machine must know of a book, in its definition. */
export interface CutoverBook {
  readonly name: string;
  readonly serviceName: string;
  readonly templateFamily: string;
  readonly family: string;
  readonly subnetIds: readonly string[];
  readonly securityGroupIds: readonly string[];
  readonly liveParameterName: string;
}

export interface CutoverParts {
  readonly environment: string;
  readonly books: readonly CutoverBook[];
  readonly leaseControl: ContractFunction<typeof leaseControl>;
  readonly inspection: ContractFunction<typeof cutoverInspection>;
  readonly clusterName: string;
  /** The two containers of a task, by their names, and where their images come from. */
  readonly repositories: { readonly trader: Repository; readonly guard: Repository };
  readonly databaseInstanceIdentifier: string;
  readonly reportBucketName: string;
  readonly topicArn: string;
  readonly arns: CutoverArns;
  /** Leave to pass exactly the roles of the tasks to ECS. */
  readonly passRoles: iam.PolicyStatement;
  readonly limits: CutoverLimits;
}
interface Repository {
  readonly name: string;
  readonly uri: string;
}
/** What the machine's API calls are allowed on. */
export interface CutoverArns {
  readonly traderRepository: string;
  readonly guardRepository: string;
  readonly database: string;
  readonly snapshots: string;
  readonly taskDefinitions: readonly string[];
  readonly services: readonly string[];
  readonly taskSets: readonly string[];
  readonly liveParameters: readonly string[];
  readonly reports: string;
}
export interface CutoverLimits {
  readonly healthySeconds: number;
  readonly drainSeconds: number;
  readonly proveSeconds: number;
  readonly bakeSeconds: number;
  readonly rollbackWindowSeconds: number;
}

/** So many accepted orders are no accident. */
const acceptedOrdersToProve = 3;
const bakeLooksEverySeconds = 60;
/** A snapshot of 100 GB takes minutes, the first one of a database longer: it copies everything. */
const snapshotLimitSeconds = 1800;
/** Fargate pulls the image and starts the task; an empty zone may take its time. */
const provisioningLimitSeconds = 300;
/** Tasks get 120 s to stop, and the scheduler some for itself. */
const removalLimitSeconds = 300;
const pollSeconds = 1;
/** Slower where nobody waits for the second: an execution has room for 25,000 events. */
const slowPollSeconds = 5;
/** A quota of ECS. */
const taskSetsPerServiceMax = 5;

/** The errors that leave the branches of the preparation; the outer catch names them. */
const preparation = {
  snapshotLate: 'SnapshotNotAvailable',
  notRunning: 'TasksNotRunning',
  notHealthy: 'StandbysNotHealthy',
  leftoverStays: 'LeftoverNotRemoved',
} as const;

const book = js('$request.book');
const token = js('$plan.token');
const incoming = js('$plan.incoming');
const outgoing = js('$plan.outgoing');
const fresh = { book, token };

/** Returns the state that the machine starts at. */
export function cutover(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const { limits } = parts;
  const ending = endingsOf(w, parts);

  // ── Undo: before the hand-over, or once the book was handed back ─────────────────────────────────────────
  const removeIncoming = removal(w, parts, {
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
  const succeeded = ending.succeeded;
  const retire = removal(w, parts, {
    what: 'the old colour', key: 'outgoing', colour: outgoing,
    next: succeeded,
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

  const afterBake: Catches<'WorkflowPreemptedError'> = { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson };
  const recordLive = w.invoke('Record in the lease what is live', parts.leaseControl, 'recordLive', {
    comment: 'From here on the new colour is the truth; nothing later undoes it.',
    input: { ...fresh, imageDigest: js('$request.images.trader'), taskDefinition: js('$revision') },
    assign: () => noted('The new colour was recorded as live.'),
    catches: afterBake,
  });
  const publishLive = w.call('Record in the parameter what is live', {
    comment: 'A deployment reads it and refuses to run against another truth.',
    service: 'ssm', action: 'PutParameter',
    parameters: {
      Name: js('$book.liveParameterName'), Type: 'String', Overwrite: true,
      Value: js("$string({ 'imageDigest': $request.images.trader, 'taskDefinition': $revision })"),
    },
    resources: parts.arns.liveParameters,
    catches: { 'States.ALL': ending.needsAPerson },
  });
  const makePrimary = w.call('Make the new task set the primary one', {
    comment: 'Until now the old one was, so that an abandoned cutover leaves the service as it found it.',
    service: 'ecs', action: 'UpdateServicePrimaryTaskSet',
    parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), PrimaryTaskSet: js('$taskSet') },
    resources: parts.arns.services,
    catches: { 'States.ALL': ending.needsAPerson },
  });
  recordLive.next(publishLive);
  publishLive.next(makePrimary);
  makePrimary.next(w.choice('Is there an old colour to retire?', {
    comment: 'At the first cutover of a book there is none.',
    answers: [{ when: js('$plan.first'), next: succeeded, comment: 'The first cutover is done.' }],
    otherwise: keepWarm,
  }));

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
    done: recordLive,
  });

  const lookForOrders = w.invoke('Look for accepted orders of the new colour', parts.inspection, 'trading', {
    comment: 'Holding the lease is not trading: only the venue can say that an order was accepted.',
    input: { ...fresh, colour: incoming, newest: nothing, wanted: acceptedOrdersToProve },
    assign: (answer) => ({ trading: answer.state, epoch: answer.epoch, newest: answer.newest, seen: answer.seen }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': askBackIfPossible },
  });
  const prove = w.poll({
    begin: 'Begin to wait for accepted orders', since: 'provingSince',
    ask: lookForOrders,
    judge: 'Does the new colour trade?',
    judgeComment: 'The first moment at which the cutover can be called one.',
    answers: [
      {
        when: js("$trading = 'trading'"), next: bake, comment: 'The venue accepts its orders.',
        assign: noted('The venue accepts orders of the new colour.'),
      },
      {
        when: js("$trading = 'lost'"), next: askBackIfPossible, comment: 'The old colour has taken over again.',
        assign: { why: js("'The new colour lost the book before it traded: ' & $seen") },
      },
    ],
    tooLate: {
      next: askBackIfPossible, comment: 'It holds the book and does not trade.',
      assign: { why: js(`'The new colour had too few orders accepted within ${limits.proveSeconds} s: ' & $seen`) },
    },
    pause: 'Wait a moment for orders', everySeconds: pollSeconds, limitSeconds: limits.proveSeconds,
  });

  // ── Hand over ────────────────────────────────────────────────────────────────────────────────────────────
  const stopAsking = w.invoke('Stop asking the old colour for the book', parts.leaseControl, 'cancelDrain', {
    comment: 'Back to open, unless the book has changed hands meanwhile: the answer says who has it.',
    input: fresh,
    assign: (answer) => ({ holder: answer.holder }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': ending.needsAPerson },
  });
  stopAsking.next(w.choice('Who holds the book now?', {
    comment: 'A hand-over may have been written in the last moment, and is then as good as any.',
    answers: [
      { when: js('$holder = $plan.incoming'), next: prove, comment: 'It came late, but it came.' },
      { when: js('$holder and $holder = $plan.outgoing'), next: removeIncoming, comment: 'Nothing has changed: the new colour goes.' },
    ],
    otherwise: ending.needsAPerson,
  }));

  const lookForHolder = w.invoke('Look who holds the book', parts.inspection, 'handover', {
    comment: 'Held means that the new holder has renewed its own epoch.',
    input: { ...fresh, to: incoming, aboveEpoch: js('$plan.epoch') },
    assign: (answer) => ({ handover: answer.state, holder: answer.holder, epoch: answer.epoch }),
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': stopAsking },
  });
  const awaitHandover = w.poll({
    begin: 'Begin to wait for the hand-over', since: 'drainingSince',
    ask: lookForHolder,
    judge: 'Has the new colour taken the book?',
    judgeComment: 'The instances do this among themselves; the machine only watches.',
    answers: [
      {
        when: js("$handover = 'held'"), next: prove, comment: 'It holds and has renewed.',
        assign: noted('The new colour holds the book.'),
      },
      {
        when: js("$handover = 'declined'"), next: removeIncoming, comment: 'The holder saw no successor alive and ready.',
        assign: { why: 'The holder ended the drain itself: it saw no successor alive and ready.' },
      },
    ],
    tooLate: {
      next: stopAsking, comment: 'The drain took too long.',
      assign: { why: `The book did not change hands within ${limits.drainSeconds} s.` },
    },
    pause: 'Wait a moment for the hand-over', everySeconds: pollSeconds, limitSeconds: limits.drainSeconds,
  });
  const openBook = w.invoke('Open the book for its first trader', parts.leaseControl, 'openBook', {
    comment: 'Until now it was halted: nobody could take it.',
    input: fresh,
    assign: () => noted('The book was opened.'),
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  openBook.next(awaitHandover);
  const startDrain = w.invoke('Ask the holder to hand over', parts.leaseControl, 'startDrain', {
    comment: 'The holder stops permits, waits for every outcome, and names its successor itself.',
    input: { ...fresh, successor: incoming },
    assign: () => noted('The holder was asked to hand over.'),
    catches: { WorkflowPreemptedError: ending.preempted, LeaseConflictError: stopAsking, 'States.ALL': stopAsking },
  });
  startDrain.next(awaitHandover);

  // ── Prepare: the snapshot beside the new colour ──────────────────────────────────────────────────────────
  const prepare = w.parallel('Prepare the snapshot and the new colour', {
    comment: 'The old colour trades on and is not touched by anything in here.',
    branches: [snapshot(w, parts), bringUp(w, parts)],
    assign: {
      snapshot: js('$states.result[0].snapshot'),
      taskSet: js('$states.result[1].taskSet'),
      revision: js('$states.result[1].revision'),
      ...noted('The snapshot is available; the new colour is healthy and reconciled.'),
    },
    catches: { WorkflowPreemptedError: ending.preempted, 'States.ALL': removeIncoming },
  });
  prepare.next(w.choice('Is this the first cutover of the book?', {
    comment: 'Then there is no holder to ask.',
    answers: [{ when: js('$plan.first'), next: openBook, comment: 'Nobody has ever traded this book.' }],
    otherwise: startDrain,
  }));

  return admission(w, parts, { admitted: prepare, ...ending });
}

/** Refusals: up to here nothing was changed. */
function admission(
  w: Workflow,
  parts: CutoverParts,
  to: { readonly admitted: sfn.IChainable; readonly needsAPerson: sfn.IChainable },
): sfn.IChainable {
  const refused = w.fail('The cutover was refused', { comment: 'Nothing was changed.', error: endings.refused, cause: js('$why') });
  const books = Object.fromEntries(parts.books.map(({ name, ...resources }) => [name, resources]));

  const takeBook = w.invoke('Take the book for this execution', parts.leaseControl, 'takeBook', {
    comment: 'One workflow at a time: the token that this raises goes with every later write.',
    input: { book, execution: js('$states.context.Execution.Id') },
    assign: () => ({ plan: js('$states.result.Payload'), ...noted('The book was taken by this execution.') }),
    catches: {
      BookBusyError: refused, LeaseMissingError: refused, NotReadyForCutoverError: refused,
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
  const checkRequest = w.invoke('Check the request that was typed', parts.inspection, 'checkRequest', {
    comment: 'Every fault is named, with what was seen and what to do.',
    input: { request: js('$states.context.Execution.Input') },
    assign: (answer) => ({
      request: js('$states.result.Payload'),
      book: js(`$lookup($books, ${bare(answer.book)})`),
    }),
    catches: { RequestRefusedError: refused, 'States.ALL': refused },
  });
  const setOut = w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      books,
      // What an ending before the plan reports.
      plan: { first: false, token: 0, epoch: 0 }, epoch: 0, holder: null, steps: [],
      taskSet: nothing, revision: nothing, snapshot: nothing, newest: nothing, seen: nothing,
      why: nothing, loose: nothing, outcome: nothing,
    },
  });
  return setOut.next(checkRequest.next(
    image('Check that the registry has the image of the trader', 'trader').next(
      image('Check that the registry has the image of the guard', 'guard').next(takeBook),
    ),
  ));
}

/** A snapshot named after the execution: a repeat finds it there and waits for the same one. */
function snapshot(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const identifier = `baton-${parts.environment}-`;
  const snapshotId = js(`${quoted(identifier)} & $request.book & '-' & ${executionHash}`);
  const look = w.call('Look at the snapshot of the database', {
    comment: 'RDS makes it in the background.',
    service: 'rds', action: 'DescribeDBSnapshots',
    parameters: { DbSnapshotIdentifier: js('$snapshotId') },
    // AWS lists both as what this call may be allowed on, and does not say which one it judges.
    resources: [parts.arns.database, parts.arns.snapshots],
    assign: { snapshotStatus: js('$states.result.DbSnapshots[0].Status') },
  });
  const wait = w.poll({
    begin: 'Begin to wait for the snapshot', since: 'snapshotSince',
    ask: look,
    judge: 'Is the snapshot available?',
    judgeComment: 'A cutover changes no data; the snapshot is for what the new image may do later.',
    answers: [{
      when: js("$snapshotStatus = 'available'"), comment: 'It is there.',
      next: w.pass('Note the snapshot that was taken', { comment: 'The report names it.', outputs: js("{ 'snapshot': $snapshotId }") }),
    }],
    tooLate: {
      comment: 'It takes too long.',
      next: w.fail('The snapshot was not available in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.snapshotLate,
        cause: js(`'Snapshot ' & $snapshotId & ' is ' & $snapshotStatus & ' after ${snapshotLimitSeconds} s.'`),
      }),
    },
    pause: 'Wait a moment for the snapshot', everySeconds: slowPollSeconds, limitSeconds: snapshotLimitSeconds,
  });
  const create = w.call('Start a snapshot of the database', {
    comment: 'Beside bringing up the new colour, so that it costs no time.',
    service: 'rds', action: 'CreateDBSnapshot',
    parameters: { DbInstanceIdentifier: parts.databaseInstanceIdentifier, DbSnapshotIdentifier: js('$snapshotId') },
    resources: [parts.arns.database, parts.arns.snapshots],
    errors: ['Rds.DbSnapshotAlreadyExistsException'],
    catches: { 'Rds.DbSnapshotAlreadyExistsException': { quietly: wait } },
  });
  create.next(wait);
  return w.pass('Name the snapshot after this execution', {
    comment: 'The same execution always means the same snapshot.', assign: { snapshotId },
  }).next(create);
}

/** Registers the revision, starts the idle colour from it and waits until it could trade. */
function bringUp(w: Workflow, parts: CutoverParts): sfn.IChainable {
  const { limits } = parts;
  const lookAtStandbys = w.invoke('Look at the standbys of the new colour', parts.inspection, 'standbys', {
    comment: 'They say of themselves whether they are ready and reconciled; that their beat moves shows that they live.',
    input: {
      ...fresh, colour: incoming, region: js('$plan.home'), imageDigest: js('$request.images.trader'),
      tasks: js('$started.tasks'), sightings: js('$sightings'),
    },
    assign: (answer) => ({ standbysReady: answer.ready, missing: answer.missing, sightings: answer.sightings }),
  });
  const healthy = w.poll({
    begin: 'Begin to wait for healthy standbys', since: 'healthSince',
    ask: lookAtStandbys,
    judge: 'Are the standbys healthy and reconciled?',
    judgeComment: 'Both of them: a colour with one task is no better than the one it replaces.',
    answers: [{
      when: js('$standbysReady'), comment: 'All of them.',
      next: w.pass('Note what was started', {
        comment: 'For the outer machine.', outputs: js("{ 'taskSet': $started.taskSet, 'revision': $newRevision }"),
      }),
    }],
    tooLate: {
      comment: 'They are not.',
      next: w.fail('The standbys did not become healthy in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.notHealthy,
        cause: js(`'After ${limits.healthySeconds} s: ' & $missing`),
      }),
    },
    pause: 'Wait a moment for the standbys', everySeconds: pollSeconds, limitSeconds: limits.healthySeconds,
  });

  const lookAtTasks = w.call('Look whether the tasks of the new colour run', {
    comment: 'Fargate places them and pulls the images.',
    service: 'ecs', action: 'DescribeTaskSets',
    parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), TaskSets: [js('$startedTaskSet')] },
    resources: parts.arns.taskSets,
    assign: {
      started: js(`(
        $set := $states.result.TaskSets[0];
        { 'taskSet': $set.Id, 'tasks': $set.ComputedDesiredCount, 'running': $set.RunningCount }
      )`),
      sightings: {},
    },
  });
  const running = w.poll({
    begin: 'Begin to wait for running tasks', since: 'provisioningSince',
    ask: lookAtTasks,
    judge: 'Do all tasks of the new colour run?',
    judgeComment: 'The 60 s of health are counted from here: provisioning is the platform, not the bot.',
    answers: [{ when: js('$started.tasks > 0 and $started.running >= $started.tasks'), next: healthy, comment: 'They do.' }],
    tooLate: {
      comment: 'They do not.',
      next: w.fail('The tasks of the new colour did not start in time', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.notRunning,
        cause: js(`$string($started.running) & ' of ' & $string($started.tasks) & ' tasks run after ${provisioningLimitSeconds} s.'`),
      }),
    },
    pause: 'Wait a moment for the tasks', everySeconds: pollSeconds, limitSeconds: provisioningLimitSeconds,
  });
  const createTaskSet = w.call('Start the task set of the new colour', {
    comment: 'The client token comes from the execution: a repeat finds the same task set.',
    service: 'ecs', action: 'CreateTaskSet',
    parameters: {
      Cluster: parts.clusterName,
      Service: js('$book.serviceName'),
      ExternalId: incoming,
      TaskDefinition: js('$newRevision'),
      LaunchType: 'FARGATE',
      PlatformVersion: 'LATEST',
      NetworkConfiguration: {
        AwsvpcConfiguration: { Subnets: js('$book.subnetIds'), SecurityGroups: js('$book.securityGroupIds'), AssignPublicIp: 'DISABLED' },
      },
      Scale: { Value: 100, Unit: 'PERCENT' },
      ClientToken: js(executionHash),
    },
    resources: parts.arns.taskSets,
    assign: { startedTaskSet: js('$states.result.TaskSet.Id') },
  });
  const register = w.call('Register the revision that runs these images', {
    comment: 'The template with two images, the colour and the digest added: what was synthesized is what runs.',
    service: 'ecs', action: 'RegisterTaskDefinition',
    parameters: revisionOf(parts),
    resources: parts.arns.taskDefinitions,
    statements: [parts.passRoles],
    assign: { newRevision: js('$states.result.TaskDefinition.TaskDefinitionArn') },
  });
  const template = w.call('Read the template of the task', {
    comment: 'The newest revision that a deployment registered.',
    service: 'ecs', action: 'DescribeTaskDefinition',
    parameters: { TaskDefinition: js('$book.templateFamily') },
    // The API knows no resource to allow this on.
    resources: ['*'],
    assign: { template: js('$states.result.TaskDefinition') },
  });
  template.next(register);
  register.next(createTaskSet);
  createTaskSet.next(running);

  return removal(w, parts, {
    what: 'an earlier attempt', key: 'leftover', colour: incoming,
    next: template,
    tooLate: {
      comment: 'It does not stop.',
      next: w.fail('What an earlier attempt left could not be removed', {
        comment: 'The preparation fails; the old colour was not touched.', error: preparation.leftoverStays,
        cause: js(`'A task set of ' & $plan.incoming & ' is still there after ${removalLimitSeconds} s.'`),
      }),
    },
    catches: {},
  });
}

/** The fields that a template has: a test compares them with the synthesized one, so that none is lost. */
export const revisionFields = [
  'Family', 'TaskRoleArn', 'ExecutionRoleArn', 'NetworkMode', 'ContainerDefinitions', 'Volumes', 'RequiresCompatibilities',
  'Cpu', 'Memory', 'RuntimePlatform',
] as const;

function revisionOf({ repositories }: CutoverParts): Record<(typeof revisionFields)[number], unknown> {
  const image = (container: 'trader' | 'guard'): string =>
    `${quoted(container)}: ${quoted(`${repositories[container].uri}@`)} & $request.images.${container}`;
  return {
    Family: js('$book.family'),
    TaskRoleArn: js('$template.TaskRoleArn'),
    ExecutionRoleArn: js('$template.ExecutionRoleArn'),
    NetworkMode: js('$template.NetworkMode'),
    ContainerDefinitions: js(`(
      $images := { ${image('trader')}, ${image('guard')} };
      $added := [
        { 'Name': 'BATON_COLOUR', 'Value': $plan.incoming },
        { 'Name': 'BATON_IMAGE_DIGEST', 'Value': $request.images.trader }
      ];
      [$template.ContainerDefinitions.$merge([$, { 'Image': $lookup($images, Name), 'Environment': $append(Environment, $added) }])]
    )`),
    Volumes: js('[$template.Volumes]'),
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

/** Gives the book back to the old colour, which ran as a warm standby all the while. */
function handBack(
  w: Workflow,
  parts: CutoverParts,
  to: { readonly handedBack: sfn.IChainable; readonly needsAPerson: sfn.IChainable; readonly preempted: sfn.IChainable },
): sfn.IChainable {
  const { limits } = parts;
  const failing = { WorkflowPreemptedError: to.preempted, 'States.ALL': to.needsAPerson };

  const lookForOrders = w.invoke('Look for accepted orders of the old colour', parts.inspection, 'trading', {
    comment: 'Handed back is not enough: it must trade.',
    input: { ...fresh, colour: outgoing, newest: nothing, wanted: acceptedOrdersToProve },
    assign: (answer) => ({ trading: answer.state, epoch: answer.epoch, seen: answer.seen }),
    catches: failing,
  });
  const prove = w.poll({
    begin: 'Begin to wait for orders of the old colour', since: 'provingBackSince',
    ask: lookForOrders,
    judge: 'Does the old colour trade again?', judgeComment: 'Only then may the new one go.',
    answers: [{
      when: js("$trading = 'trading'"), next: to.handedBack, comment: 'It does.',
      assign: noted('The venue accepts orders of the old colour again.'),
    }],
    tooLate: {
      next: to.needsAPerson, comment: 'Neither colour trades.',
      assign: { why: js(`$why & ' Handed back, the old colour had too few orders accepted within ${limits.proveSeconds} s: ' & $seen`) },
    },
    pause: 'Wait a moment for orders of the old colour', everySeconds: pollSeconds, limitSeconds: limits.proveSeconds,
  });
  const lookForHolder = w.invoke('Look whether the old colour holds the book', parts.inspection, 'handover', {
    comment: 'A dead holder cannot hand over: then the old colour takes the book when the lease has run out.',
    input: { ...fresh, to: outgoing, aboveEpoch: js('$plan.epoch') },
    assign: (answer) => ({ handover: answer.state, holder: answer.holder, epoch: answer.epoch }),
    catches: failing,
  });
  const awaitHandover = w.poll({
    begin: 'Begin to wait for the old colour', since: 'drainingBackSince',
    ask: lookForHolder,
    judge: 'Has the old colour taken the book back?', judgeComment: 'By hand-over, or by take-over when the new colour is dead.',
    answers: [
      {
        when: js("$handover = 'held'"), next: prove, comment: 'It holds and has renewed.',
        assign: noted('The old colour holds the book again.'),
      },
      {
        when: js("$handover = 'declined'"), next: to.needsAPerson, comment: 'The holder saw no old instance alive and ready.',
        assign: { why: js("$why & ' It could not be handed back: the holder saw no instance of the old colour alive and ready.'") },
      },
    ],
    tooLate: {
      next: to.needsAPerson, comment: 'It does not come back.',
      assign: { why: js(`$why & ' It was not handed back within ${limits.drainSeconds} s.'`) },
    },
    pause: 'Wait a moment for the old colour', everySeconds: pollSeconds, limitSeconds: limits.drainSeconds,
  });
  const ask = w.invoke('Ask the new colour to hand back', parts.leaseControl, 'startDrain', {
    comment: 'The same hand-over, the other way.',
    input: { ...fresh, successor: outgoing },
    assign: () => noted('The new colour was asked to hand back.'),
    catches: { ...failing, LeaseConflictError: to.needsAPerson },
  });
  ask.next(awaitHandover);
  return w.choice('Is there an old colour to hand back to?', {
    comment: 'At the first cutover of a book there is none: the new colour is left as it is.',
    answers: [{ when: js('$plan.first'), next: to.needsAPerson, comment: 'Nobody else can trade this book.' }],
    otherwise: ask,
  });
}

/** Deletes a colour's task sets, waits until they are gone and forgets what their instances said of themselves. */
function removal(
  w: Workflow,
  parts: CutoverParts,
  options: {
    /** As it stands in the states' names. */
    readonly what: string;
    readonly key: string;
    readonly colour: Jsonata;
    readonly next: sfn.IChainable;
    readonly tooLate: Omit<Answer, 'when'>;
    readonly catches: Catches<'WorkflowPreemptedError'>;
  },
): sfn.IChainable {
  const { what, key, colour, catches } = options;
  const all = catches['States.ALL'];
  const onFailure: Catches<never> = all === undefined ? {} : { 'States.ALL': all };
  const found = `${key}Found`;
  const forget = w.invoke(`Forget the registrations of ${what}`, parts.leaseControl, 'forgetColour', {
    comment: 'A stopped instance cannot do it itself when it was killed.',
    input: { ...fresh, colour },
    catches,
  });
  forget.next(options.next);
  const remove = w.forEach(`Delete each task set of ${what}`, {
    comment: 'Those already stopping are left to it.',
    items: js(`[$${found}[Status != 'DRAINING']]`),
    itemsMax: taskSetsPerServiceMax,
    body: w.call(`Delete a task set of ${what}`, {
      comment: 'By force: scaling it down first would only take longer.',
      service: 'ecs', action: 'DeleteTaskSet',
      parameters: { Cluster: parts.clusterName, Service: js('$book.serviceName'), TaskSet: js('$states.input.Id'), Force: true },
      resources: parts.arns.taskSets,
      errors: ['Ecs.TaskSetNotFoundException'],
      catches: {
        'Ecs.TaskSetNotFoundException': {
          quietly: w.pass(`Find that a task set of ${what} is gone`, { comment: 'An earlier attempt deleted it.' }),
        },
      },
    }),
    catches: onFailure,
  });
  const look = w.call(`Look for task sets of ${what}`, {
    comment: 'By their colour, so that one of an earlier execution is found as well.',
    // Not DescribeTaskSets, which wants to be told which: “TaskSets cannot be empty.”
    service: 'ecs', action: 'DescribeServices',
    parameters: { Cluster: parts.clusterName, Services: [js('$book.serviceName')] },
    resources: parts.arns.services,
    assign: { [found]: js(`[$states.result.Services[0].TaskSets[ExternalId = ${bare(colour)}].{ 'Id': Id, 'Status': Status }]`) },
    catches: onFailure,
  });
  return w.poll({
    begin: `Begin to remove ${what}`, since: `${key}Since`,
    ask: look,
    judge: `Are all task sets of ${what} gone?`, judgeComment: 'Their tasks have up to 120 s to stop.',
    answers: [{ when: js(`$count($${found}) = 0`), next: forget, comment: 'None is left.' }],
    tooLate: options.tooLate,
    meanwhile: remove,
    pause: `Wait a moment for ${what} to stop`, everySeconds: slowPollSeconds, limitSeconds: removalLimitSeconds,
  });
}

interface Endings {
  readonly succeeded: sfn.IChainable;
  readonly rolledBack: sfn.IChainable;
  readonly needsAPerson: sfn.IChainable;
  readonly preempted: sfn.IChainable;
}

/** Report, tell, release, end. Whatever fails in here undoes nothing, and ends loudly. */
function endingsOf(w: Workflow, parts: CutoverParts): Endings {
  const judge = w.choice('How did the cutover end?', {
    comment: 'Loose ends make any ending one that needs a person.',
    answers: [
      {
        when: js("$loose = '' and $outcome = 'succeeded'"), comment: 'Everything was done.',
        next: w.succeed('The cutover succeeded', { comment: 'The new colour trades, the old one is gone.', outputs: js('$summary') }),
      },
      {
        when: js("$loose = '' and $outcome = 'rolled-back'"), comment: 'The old colour trades as before.',
        next: w.fail('The cutover was rolled back', {
          comment: 'The old colour trades as before.', error: endings.rolledBack, cause: js('$why'),
        }),
      },
    ],
    otherwise: w.fail('The cutover needs a person', {
      comment: 'The runbook says what to look at.', error: endings.needsAPerson,
      cause: js("'The outcome is ' & $outcome & '. ' & $why & $loose"),
    }),
  });

  const gaveUp = (name: string, what: string, next: sfn.IChainable): sfn.IChainable =>
    w.pass(name, {
      comment: 'Undoes nothing, but the execution will not end as a success.',
      assign: { loose: js(`$loose & ${quoted(` ${what}: `)} & $why`) },
    }).next(next);

  const release = w.invoke('Give the book back for other workflows', parts.leaseControl, 'releaseBook', {
    comment: 'Does nothing where another workflow has taken it.',
    input: { book, execution: js('$states.context.Execution.Id') },
    catches: { 'States.ALL': gaveUp('Note that the book was not given back', 'The book was not given back', judge) },
  });
  release.next(judge);
  const tell = w.call('Tell people how the cutover ended', {
    comment: 'In every ending but a refusal, which its author sees at once.',
    service: 'sns', action: 'Publish',
    parameters: {
      TopicArn: parts.topicArn,
      Subject: js("'Baton: cutover of ' & $request.book & ' ' & $outcome"),
      Message: js(`$string($summary, true) & ${quoted(`\n\nReport: s3://${parts.reportBucketName}/`)} & $reportKey & $loose`),
    },
    resources: [parts.topicArn],
    catches: { 'States.ALL': gaveUp('Note that nobody was told', 'Nobody was told', release) },
  });
  tell.next(release);
  const report = w.call('Write the report of the cutover', {
    comment: 'What happened, who asked for it and why: kept after the execution is forgotten.',
    service: 's3', action: 'PutObject',
    parameters: {
      Bucket: parts.reportBucketName,
      Key: js('$reportKey'),
      // As it is, and no text: the integration stores every Body as JSON, a text in quotation marks.
      Body: js('$summary'),
      ContentType: 'application/json',
    },
    resources: [parts.arns.reports],
    catches: { 'States.ALL': gaveUp('Note that the report was not written', 'The report was not written', tell) },
  });
  report.next(tell);
  const summarize = w.pass('Sum up what happened', {
    comment: 'The same facts for the report, the notice and the output.',
    assign: {
      reportKey: js("'cutovers/' & $request.book & '/' & $states.context.Execution.Name & '.json'"),
      summary: js(`{
        'workflow': 'cutover', 'outcome': $outcome, 'why': $why, 'book': $request.book,
        'requestedBy': $request.requestedBy, 'reason': $request.reason, 'images': $request.images,
        'execution': $states.context.Execution.Id, 'startedAt': $states.context.Execution.StartTime, 'endedAt': $now(),
        'first': $plan.first, 'outgoing': $plan.outgoing, 'incoming': $plan.incoming,
        'epochs': { 'before': $plan.epoch, 'after': $epoch }, 'liveBefore': $plan.live,
        'taskDefinition': $revision, 'taskSet': $taskSet, 'snapshot': $snapshot, 'steps': $steps
      }`),
    },
  });
  summarize.next(report);

  const end = (name: string, comment: string, outcome: string, more: Record<string, unknown> = {}): sfn.IChainable =>
    w.pass(name, { comment, assign: { outcome, ...more } }).next(summarize);
  return {
    succeeded: end('Note that the cutover succeeded', 'The new colour trades and is recorded.', 'succeeded'),
    rolledBack: end('Note that the cutover was rolled back', 'The old colour trades, the new one is gone.', 'rolled-back'),
    needsAPerson: end('Note that a person is needed', 'Nothing more is changed: whoever holds the lease trades on.', 'needs-a-person'),
    preempted: end('Note that another workflow took the book', 'It decides now; this execution writes nothing more.', 'needs-a-person', {
      why: js("'Pre-empted. ' & $why"),
    }),
  };
}

/** Empty text, in the form that every validator of the language takes. */
const nothing = js("''");

/** Stable over every repeat of the execution, and short enough for a client token. */
const executionHash = "$substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 32)";

/** One more line of the report. */
function noted(what: string): { readonly steps: Jsonata } {
  return { steps: js(`$append($steps, [{ 'what': ${quoted(what)}, 'at': $now() }])`) };
}

/** An expression without its delimiters, to stand inside another. */
function bare(expression: Jsonata): string {
  return expression.slice(2, -2).trim();
}
