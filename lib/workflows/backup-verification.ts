/**
 * A backup is proved: restored into a network that leads nowhere, looked into with SQL, judged against what was counted before it was made, and torn down, whatever
 * happened. What was found is signed and kept. A backup that nobody has restored is a hope.
 *
 * Everything that it makes is named after the execution, so a repeat finds it and makes nothing twice. When the machine itself dies, the reaper finds what it
 * left by its tags.
 */
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { endings } from '../contracts/cutover.ts';
import type { backupCheck, backupVerification, venueFills } from '../contracts/verification.ts';
import type { ContractFunction } from '../constructs/function.ts';
import { endingsOf, type EndingParts } from './blocks/endings.ts';
import { onceThere, removeTheRestored, restoreIntoIsolation, type IsolatedRestoreParts } from './blocks/isolated-restore.ts';
import { judgedLedger } from './blocks/judged-ledger.ts';
import { teardown } from './blocks/teardown.ts';
import { noted, nothing } from './blocks/variables.ts';
import { js, type Workflow } from './workflow.ts';

export interface BackupVerificationParts extends EndingParts, IsolatedRestoreParts {
  readonly control: ContractFunction<typeof backupVerification>;
  readonly check: ContractFunction<typeof backupCheck>;
  readonly fills: ContractFunction<typeof venueFills>;
  readonly arns: EndingParts['arns'] & IsolatedRestoreParts['arns'] & { readonly restoredCaches: string };
}

const cacheLimitSeconds = 1800;
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
  const databaseGone = removeTheRestored(w, arns.restored, publish);
  const tearDown = teardown(w, {
    what: 'restored cache', key: 'cache', next: databaseGone, gone: 'ElastiCache.ReplicationGroupNotFoundException',
    tooEarly: 'ElastiCache.InvalidReplicationGroupStateException',
    service: 'elasticache', remove: 'DeleteReplicationGroup', look: 'DescribeReplicationGroups', resource: arns.restoredCaches,
    parameters: { ReplicationGroupId: js('$name') }, named: { ReplicationGroupId: js('$name') },
  });
  const failing = { 'States.ALL': tearDown };

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
    tooLate: {
      next: tearDown, comment: 'It takes too long.', assign: { why: js(`'The cache was not restored within ${cacheLimitSeconds} s; it is ' & $status & '.'`) },
    },
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

  const admit = w.invoke('Let the checker into what was restored', control, 'admit', {
    comment: 'With a password that opens this copy and nothing else.',
    input: { name: js('$name') }, catches: failing,
  });
  const restored = judgedLedger(w, { check, fills, restored: arns.restored }, { admit, judged: hasCache, failed: tearDown });
  const restore = restoreIntoIsolation(w, parts, { begun: restored, failed: tearDown });
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
