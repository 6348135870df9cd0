/**
 * A backup is proved: restored into a network that leads nowhere, looked into with SQL, judged against what was counted before it was made, and torn down, whatever
 * happened. What was found is signed and kept. A backup that nobody has restored is a hope.
 *
 * Everything that it makes is named after the execution, so a repeat finds it and makes nothing twice. When the machine itself dies, the reaper finds what it
 * left by its tags.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { temporaryTags } from '../contracts/backups.ts';
import { endings } from '../contracts/cutover.ts';
import type { backupCheck, backupVerification, venueFills } from '../contracts/verification.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { partsMax } from '../verification/physical.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { noted, nothing } from './blocks/variables.ts';
import { js, quoted, type CatchTarget, type Jsonata, type Workflow } from './workflow.ts';

export interface BackupVerificationParts extends EndingParts {
  readonly control: ContractFunction<typeof backupVerification>;
  readonly check: ContractFunction<typeof backupCheck>;
  readonly fills: ContractFunction<typeof venueFills>;
  readonly instanceClass: string;
  readonly subnetGroupName: string;
  readonly securityGroupId: string;
  readonly arns: EndingParts['arns'] & {
    /** Of what this machine makes, and of nothing else. */
    readonly restored: string;
    readonly restoredCaches: string;
    readonly snapshots: string;
    /** What a restore takes beside: the subnets, and the groups that AWS has by default. */
    readonly surroundings: readonly string[];
  };
}

/** The new instance loads from the backup while it answers; AWS says of no time how long it may take. */
const restoreLimitSeconds = 3600;
const admitLimitSeconds = 900;
const answerLimitSeconds = 600;
const cacheLimitSeconds = 1800;
const removalLimitSeconds = 1800;
const removalAttempts = 15;
const everySeconds = 15;
const patientSeconds = 60;

export function verifyBackup(w: Workflow, parts: BackupVerificationParts): sfn.IChainable {
  const { control, check, fills, arns } = parts;
  const ending = endingsOf(w, parts, {
    what: 'backup verification', folder: 'backup-verifications', hasTheBook: false,
    succeeded: 'The backup is what it is said to be: somebody who needs it can go on from it.',
    facts: `
      'recoveryPoint': $recoveryPointArn, 'createdAt': $createdAt, 'verified': $verified, 'rtoSeconds': $rtoSeconds, 'rpoSeconds': $rpoSeconds,
      'signedReport': $signedReport, 'findings': $findings`,
  });
  const refused = w.fail('The backup verification was refused', { comment: 'Nothing was made.', error: endings.refused, cause: js('$why') });

  const conclude = w.choice('Is the backup verified?', {
    comment: 'What could not be looked at is not verified, and what was left behind is for a person.',
    answers: [
      { when: js("$verified and $leftOver = ''"), next: ending.succeeded, comment: 'It is, and nothing is left.' },
      { when: js('$verified'), next: ending.needsAPerson, comment: 'It is, and something is left.', assign: { why: js("'The backup is verified.' & $leftOver") } },
    ],
    otherwise: w.pass('Say what the backup lacks', {
      comment: 'The findings are in the report too.', assign: { why: js("'The backup is not verified: ' & $seen & '.' & $leftOver") },
    }).next(ending.needsAPerson),
  });
  const publish = w.invoke('Sign and keep what was found', control, 'publish', {
    comment: 'Beside the report for people, in a place where nobody changes it.',
    input: {
      execution: js('$states.context.Execution.Id'), name: js('$name'), request: js('$verification'), recoveryPointArn: js('$recoveryPointArn'),
      createdAt: js('$createdAt'), begunAt: js('$begunAt'), answeredAt: js('$answeredAt'), newestCommitAt: js('$newestCommitAt'),
      findings: js('$findings'), why: js('$why'), leftOver: js('$leftOver'),
    },
    assign: (answer) => ({
      verified: js(`${answer.verdict.slice(2, -2)} = 'verified'`), rtoSeconds: answer.rtoSeconds, rpoSeconds: answer.rpoSeconds, signedReport: answer.key, seen: answer.seen,
    }),
    catches: { 'States.ALL': ending.needsAPerson },
  });
  publish.next(conclude);

  // Torn down whatever happened: what cannot be removed is noted, and the rest goes on.
  const databaseGone = removal(w, {
    what: 'restored database', key: 'database', next: publish, gone: 'Rds.DbInstanceNotFoundException', tooEarly: 'Rds.InvalidDbInstanceStateException',
    service: 'rds', remove: 'DeleteDBInstance', look: 'DescribeDBInstances', resource: arns.restored,
    parameters: { DbInstanceIdentifier: js('$name'), SkipFinalSnapshot: true, DeleteAutomatedBackups: true }, named: { DbInstanceIdentifier: js('$name') },
  });
  const tearDown = removal(w, {
    what: 'restored cache', key: 'cache', next: databaseGone, gone: 'ElastiCache.ReplicationGroupNotFoundException',
    tooEarly: 'ElastiCache.InvalidReplicationGroupStateException',
    service: 'elasticache', remove: 'DeleteReplicationGroup', look: 'DescribeReplicationGroups', resource: arns.restoredCaches,
    parameters: { ReplicationGroupId: js('$name') }, named: { ReplicationGroupId: js('$name') },
  });
  const failing = { 'States.ALL': tearDown };
  const tooLate = (what: string): { next: sfn.IChainable; comment: string; assign: Record<string, unknown> } => ({
    next: tearDown, comment: 'It takes too long.', assign: { why: js(`${quoted(`${what}; it is `)} & $status & '.'`) },
  });

  const readCache = w.invoke('Read what is in the restored cache', check, 'readCache', {
    comment: 'Nothing in it matters alone; that it can be read does.',
    input: { cache: { host: js('$cache.Address'), port: js('$cache.Port') } },
    assign: (answer) => ({ findings: js(`$append($findings, ${answer.findings.slice(2, -2)})`), ...noted('The cache was restored and read.') }),
    catches: failing,
  });
  readCache.next(tearDown);
  const cacheReady = w.poll({
    begin: 'Begin to wait for the restored cache', since: 'cacheSince',
    ask: w.call('Look at the restored cache', {
      comment: 'ElastiCache makes it in the background.', service: 'elasticache', action: 'DescribeReplicationGroups',
      parameters: { ReplicationGroupId: js('$name') }, resources: [arns.restoredCaches],
      assign: { status: js('$states.result.ReplicationGroups[0].Status'), cache: onceThere('$states.result.ReplicationGroups[0].NodeGroups[0].PrimaryEndpoint') },
      catches: failing,
    }),
    judge: 'Is the restored cache available?', judgeComment: 'It loads the snapshot before it is.',
    answers: [
      { when: js("$status = 'available'"), next: readCache, comment: 'It is.' },
      { when: js("$status = 'create-failed'"), next: tearDown, comment: 'It will never be.', assign: { why: 'The cache could not be restored: look at the events of ElastiCache.' } },
    ],
    tooLate: tooLate(`The cache was not restored within ${cacheLimitSeconds} s`),
    pause: 'Wait a while for the restored cache', everySeconds: patientSeconds, limitSeconds: cacheLimitSeconds,
  });
  const restoreCache = w.invoke('Restore the cache into isolation', control, 'restoreCache', {
    comment: 'After the database, so that nobody waits for it.',
    input: { name: js('$name'), cacheSnapshot: js('$cacheSnapshot'), execution: js('$states.context.Execution.Id'), madeAt: js('$begunAt') },
    catches: failing,
  });
  restoreCache.next(cacheReady);
  const hasCache = w.choice('Is there a snapshot of the cache?', {
    comment: 'It is taken on a schedule of its own.',
    answers: [{ when: js("$cacheSnapshot != ''"), next: restoreCache, comment: 'There is.' }],
    otherwise: w.pass('Note that the cache has no snapshot', {
      comment: 'Nothing in it matters alone, and yet somebody should know.',
      assign: { findings: js("$append($findings, [{ 'check': 'cache', 'ok': false, 'seen': 'there is no snapshot of it' }])") },
    }).next(tearDown),
  });

  const database = { host: js('$database.Address'), port: js('$database.Port') };
  const judge = w.invoke('Judge the restored ledger', check, 'judge', {
    comment: 'Against what was counted before the backup, the journal and the venue.',
    input: { database, createdAt: js('$createdAt'), watermarkKey: js('$watermarkKey'), venueFillsKey: js('$fillsKey') },
    assign: (answer) => ({
      findings: js(`$append($findings, ${answer.findings.slice(2, -2)})`), newestCommitAt: answer.newestCommitAt, ...noted('The ledger was judged.'),
    }),
    catches: failing,
  });
  judge.next(hasCache);
  const inspect = w.forEach('Inspect every page of what was restored', {
    comment: 'Each table in a call of its own, for one takes as long as a function may.',
    items: js('$parts'), itemsMax: partsMax,
    body: w.invoke('Inspect one table and its indexes', check, 'inspect', {
      comment: 'Every row is looked at, and every index held against its table.',
      input: { database, part: js('$states.input') },
    }),
    assign: { findings: js('$append($findings, $states.result.findings)'), ...noted('Every page was read.') },
    catches: failing,
  });
  inspect.next(judge);
  const collect = w.invoke('Ask the venue for its fills', fills, 'collect', {
    comment: 'By a function that is nowhere near what was restored.',
    input: { name: js('$name'), until: js('$createdAt') },
    assign: (answer) => ({ fillsKey: answer.key }),
    catches: failing,
  });
  collect.next(inspect);
  const answers = w.poll({
    begin: 'Begin to wait for the first answer', since: 'answerSince',
    ask: w.invoke('Ask the restored database a question', check, 'reach', {
      comment: 'Available is not enough: from here on somebody could go on from it.',
      input: { database },
      assign: (answer) => ({ answeredAt: answer.answeredAt, parts: answer.parts }),
      catches: failing,
    }),
    judge: 'Did the restored database answer?', judgeComment: 'The time until here is the recovery time.',
    answers: [{ when: js("$answeredAt != ''"), next: collect, comment: 'It did.' }],
    tooLate: tooLate(`The restored database did not answer within ${answerLimitSeconds} s`),
    pause: 'Wait a moment for an answer', everySeconds, limitSeconds: answerLimitSeconds,
  });
  const available = (
    names: { readonly begin: string; readonly look: string; readonly judge: string; readonly pause: string; readonly late: string },
    since: string, limitSeconds: number, next: sfn.IChainable,
  ): sfn.IChainable =>
    w.poll({
      begin: names.begin, since,
      ask: w.call(names.look, {
        comment: 'RDS works in the background.', service: 'rds', action: 'DescribeDBInstances',
        parameters: { DbInstanceIdentifier: js('$name') }, resources: [arns.restored],
        assign: { status: js('$states.result.DbInstances[0].DbInstanceStatus'), database: onceThere('$states.result.DbInstances[0].Endpoint') },
        catches: failing,
      }),
      judge: names.judge, judgeComment: 'Nothing is asked of it before.',
      answers: [
        { when: js("$status = 'available'"), next, comment: 'It is.' },
        {
          when: js("$status in ['failed', 'incompatible-restore', 'incompatible-parameters', 'inaccessible-encryption-credentials', 'storage-full']"),
          next: tearDown, comment: 'It will never be.',
          assign: { why: js("'What was restored is ' & $status & ': look at the events of RDS for ' & $name & '.'") },
        },
      ],
      tooLate: tooLate(names.late),
      pause: names.pause, everySeconds, limitSeconds,
    });
  const admitted = available({
    begin: 'Begin to wait for the password', look: 'Look whether the password is set', judge: 'Is the restored database available again?', pause: 'Wait a moment for the password',
    late: `The restored database did not take its password within ${admitLimitSeconds} s`,
  }, 'admitSince', admitLimitSeconds, answers);
  const admit = w.invoke('Let the checker into what was restored', control, 'admit', {
    comment: 'With a password that opens this copy and nothing else.',
    input: { name: js('$name') }, catches: failing,
  });
  admit.next(admitted);
  const restored = available({
    begin: 'Begin to wait for the restored database', look: 'Look at the restored database', judge: 'Is the restored database available?', pause: 'Wait a moment for the restored database',
    late: `The restored database was not available within ${restoreLimitSeconds} s`,
  }, 'restoreSince', restoreLimitSeconds, admit);
  const restore = w.call('Restore the backup into isolation', {
    comment: 'Subnets without a way out, and a name that no policy lets anybody write as the ledger.',
    service: 'rds', action: 'RestoreDBInstanceFromDBSnapshot',
    parameters: {
      DbInstanceIdentifier: js('$name'), DbSnapshotIdentifier: js('$snapshot'), DbInstanceClass: `db.${parts.instanceClass}`,
      DbSubnetGroupName: parts.subnetGroupName, VpcSecurityGroupIds: [parts.securityGroupId], MultiAZ: false, PubliclyAccessible: false, DeletionProtection: false,
      // A first backup of what is thrown away would be waited for.
      BackupRetentionPeriod: 0,
      Tags: [{ Key: temporaryTags.execution, Value: js('$states.context.Execution.Id') }, { Key: temporaryTags.madeAt, Value: js('$begunAt') }],
    },
    resources: [arns.restored, arns.snapshots, ...arns.surroundings],
    statements: [new iam.PolicyStatement({ actions: ['rds:AddTagsToResource'], resources: [arns.restored] })],
    errors: ['Rds.DbInstanceAlreadyExistsException'],
    catches: { 'Rds.DbInstanceAlreadyExistsException': { quietly: restored }, ...failing },
  });
  restore.next(restored);
  const choose = w.invoke('Choose the backup to verify', control, 'choose', {
    comment: 'With what was counted before it was made.',
    input: { request: js('$states.context.Execution.Input'), execution: js('$states.context.Execution.Id') },
    assign: (answer) => ({
      verification: answer.request, name: answer.name, recoveryPointArn: answer.recoveryPointArn, snapshot: answer.snapshot, createdAt: answer.createdAt,
      watermarkKey: answer.watermarkKey, cacheSnapshot: answer.cacheSnapshot, begunAt: answer.begunAt,
      request: js(`$merge([$request, ${answer.request.slice(2, -2)}])`),
    }),
    refused: { judge: 'Can this request be taken?', next: refused },
    catches: { NoBackupError: ending.needsAPerson, 'States.ALL': ending.needsAPerson },
  });
  choose.next(restore);
  return w.pass('Set out with what is known', {
    comment: 'Every variable has a value from the start, so that each ending can report.',
    assign: {
      request: { book: 'ledger', requestedBy: nothing, reason: nothing }, verification: nothing, name: nothing, recoveryPointArn: nothing, snapshot: nothing,
      createdAt: nothing, watermarkKey: nothing, cacheSnapshot: nothing, begunAt: nothing, answeredAt: nothing, newestCommitAt: nothing, fillsKey: nothing,
      database: nothing, cache: nothing, parts: [], findings: [], status: nothing, verified: false, rtoSeconds: nothing, rpoSeconds: nothing, signedReport: nothing,
      seen: nothing, leftOver: nothing, steps: [], why: nothing, loose: nothing, outcome: nothing,
    },
  }).next(choose);
}

/** What AWS does not say before it is there. */
function onceThere(path: string): Jsonata {
  return js(`$exists(${path}) ? ${path} : ''`);
}

/** Removes what has the name of this verification and waits until it is gone; what was never made is gone already. */
function removal(w: Workflow, { what, key, next, gone, tooEarly, service, remove, look, resource, parameters, named }: {
  readonly what: string;
  readonly key: string;
  readonly next: sfn.IChainable;
  /** The errors that say so. */
  readonly gone: string;
  readonly tooEarly: string;
  readonly service: string;
  readonly remove: string;
  readonly look: string;
  readonly resource: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly named: Readonly<Record<string, unknown>>;
}): sfn.IChainable {
  const lost = `${key}Lost`;
  const left = w.pass(`Note that the ${what} is left`, {
    comment: 'The reaper tries again later; a person is told.',
    assign: { leftOver: js(`$leftOver & ${quoted(` The ${what} `)} & $name & ' is left: ' & $${lost} & '.'`) },
  }).next(next);
  const catches: Record<string, CatchTarget> = { [gone]: { quietly: next }, 'States.ALL': { into: lost, next: left } };
  const wait = w.poll({
    begin: `Begin to wait until the ${what} is gone`, since: `${key}GoneSince`,
    ask: w.call(`Look whether the ${what} is gone`, {
      comment: 'It is when nobody knows it any more.', service, action: look, parameters: named, resources: [resource], errors: [gone], catches,
    }),
    judge: `Has the ${what} been there too long?`, judgeComment: 'Once more, and then a person.',
    answers: [],
    tooLate: { next: left, comment: 'It has.', assign: { [lost]: `it was not gone within ${removalLimitSeconds} s` } },
    pause: `Wait a while until the ${what} is gone`, everySeconds: patientSeconds, limitSeconds: removalLimitSeconds,
  });
  return w.call(`Remove the ${what}`, {
    comment: 'Whatever happened before.', service, action: remove, parameters, resources: [resource],
    errors: [gone, tooEarly], tooEarly: { error: tooEarly, everySeconds: patientSeconds, times: removalAttempts }, catches,
  }).next(wait);
}
