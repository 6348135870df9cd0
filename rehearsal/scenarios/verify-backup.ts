/**
 * A backup is proved while a book trades: what the ledger is was counted before it, the real base backup is restored into a server of its own, looked into with SQL and
 * taken down again. With a fault, what is wrong is found and named. Trading notices nothing of it, and nothing is left in any case.
 */
import { rm } from 'node:fs/promises';
import { backupFaults, type BackupFault, type DamagedBackup } from '../faults/backups.ts';
import { atMost, exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersAround = 30;
/** Provisioning with what waits for it. */
const boundMs = 150_000;
/** As in any undisturbed minute of trading. */
const silenceLimitMs = 1500;
/** What the machine adds to what it waits for and to the checks. */
const overheadLimitSeconds = 10;
/** Where it waits for AWS, and where what was restored is looked into. */
const restoreAndChecks = /^(Look |Wait |Ask the restored database|Inspect every page|Judge the restored ledger|Read what is in the restored cache)/;

interface RecoveryPoint {
  readonly RecoveryPointArn: string;
  readonly Status: string;
}

export const verifyBackup: Scenario = {
  name: 'verify-backup',
  maintenance: true,
  summary: 'The newest backup is restored into isolation, judged with SQL against what was counted before it, and taken down.',
  promises: [
    'a healthy backup is verified, and whatever is wrong with one is found and named',
    'nothing is left of what was restored, however it ended',
    'no call was made that changes the database or the cache that are in use',
    `beside AWS’s own restore and the checks, the machine takes ${overheadLimitSeconds} s at most`,
    'trading notices nothing of it',
  ],
  faults: backupFaults,
  keepsBackups: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides what is found' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = backupFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    const sinceMs = stage.acceptedIn(() => true).at(-1) ?? 0;
    const snapshot = await backedUp(stage, fault);

    stage.progress.heading(`The backup is verified${fault === undefined ? '' : `, with ${fault.name}`}`);
    const injected = (await fault?.inject?.(stage, damaged(stage, snapshot))) ?? undefined;
    const overheadSeconds = watchOverhead(stage);
    const verified = await stage.recovery('backup-verification', stage.home, { pick: 'newest' });
    const overhead = overheadSeconds();
    await injected?.heal?.();
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    const expected = fault?.outcome ?? 'succeeded';
    const { verified: isVerified = false, rtoSeconds, rpoSeconds, findings = [] } = (verified.report ?? {}) as { verified?: boolean; rtoSeconds?: number; rpoSeconds?: number; findings?: unknown[] };
    const promises: PromiseKept[] = [
      opened,
      exactly('outcome', 'The verification ended as promised', endedAs(verified, expected), expected),
      ...(fault?.says === undefined ? [] : [exactly('found', 'What is wrong was', fault.says.test(verified.cause ?? '') ? 'found' : (verified.cause ?? 'not found'), 'found')]),
      ...((await injected?.promises()) ?? []),
      ...(expected === 'succeeded' ? [exactly('verified', 'The backup is', isVerified ? 'verified' : 'not verified', 'verified')] : []),
      ...(fault === undefined ? [atMost('overhead', 'The machine’s time beside AWS’s restore and the checks, uncompressed', overhead, overheadLimitSeconds, 's')] : []),
      exactly('left', 'Databases and caches that are left', (await leftOf(stage)).join(', ') || 'none', 'none'),
      exactly('untouched', 'Calls that change the database or the cache in use', touched(stage).join(', ') || 'none', 'none'),
      exactly('signed', 'Signed reports', await signedReports(stage), 1),
      atMost('silence', 'Longest time without an accepted order meanwhile', stage.longestSilenceMs(sinceMs), silenceLimitMs, 'ms'),
      exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
    ];
    return {
      outcome: verified.outcome, promises, steps: [...first.steps, ...verified.steps], modelledDurationMs: verified.modelledMs,
      figures: fault === undefined ? [
        { figure: `${findings.length}`, meaning: 'things that were looked at' },
        { figure: `${Math.round((rtoSeconds ?? 0) * 10) / 10} s`, meaning: 'from the start to the first answer, with the waiting for AWS compressed' },
        { figure: `${Math.round((rpoSeconds ?? 0) * 10) / 10} s`, meaning: 'old was the newest commit in it' },
      ] : [],
    };
  },
};

/** In real time, as all of it is but the waiting for AWS. */
function watchOverhead(stage: Stage): () => number {
  const since = monotonicMs();
  let enteredMs: number | undefined;
  let waitedMs = 0;
  const stop = stage.onWorkflow(({ kind, state }, { stateMachineArn }) => {
    if (!stateMachineArn.endsWith('-backup-verification') || !restoreAndChecks.test(state)) return;
    if (kind === 'entered') enteredMs = monotonicMs();
    if (enteredMs === undefined || !['exited', 'caught', 'failed'].includes(kind)) return;
    waitedMs += monotonicMs() - enteredMs;
    enteredMs = undefined;
  });
  return () => {
    stop();
    return Math.round(monotonicMs() - since - waitedMs) / 1000;
  };
}

/** The ledger is counted, then the database backed up, then the cache exported, each by what does it in the cloud; answers the snapshot. */
async function backedUp(stage: Stage, fault: BackupFault | undefined): Promise<string> {
  const { home, aws: { schedules } } = stage;
  const name = `baton-${stage.environment}`;
  stage.progress.heading('The ledger is counted and backed up');
  if (fault?.withoutWatermark !== true) await schedules.comesDue(home, `${name}-watermark`);
  if (fault?.withoutWatermark !== true) await until('the watermark', boundMs, async () => (await keysIn(stage, 'evidence', 'watermarks/')).length > 0);
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  const roles = await stage.operator<{ Roles: { Arn: string; RoleName: string }[] }>('iam', 'ListRoles', {});
  const role = roles.Roles.find(({ RoleName }) => /backups-Database/.test(RoleName));
  await stage.operator('backup', 'StartBackupJob', {
    BackupVaultName: name, ResourceArn: `arn:aws:rds:${home}:${stage.settings.account}:db:${name}`, IamRoleArn: role?.Arn,
  });
  await schedules.comesDue(home, `${name}-cache-snapshot`);
  const point = await until('the backup', boundMs, async () => {
    const { RecoveryPoints } = await stage.operator<{ RecoveryPoints: RecoveryPoint[] }>('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: name });
    return RecoveryPoints.find(({ Status }) => Status === 'COMPLETED');
  });
  await until('the cache in the bucket', boundMs, async () => (await keysIn(stage, 'backups', `${name}-cache-`)).length > 0);
  return point.RecoveryPointArn.split(':').slice(6).join(':');
}

/** The base backup behind a snapshot, for a fault to damage. */
function damaged(stage: Stage, snapshot: string): DamagedBackup {
  const { home, aws: { databases } } = stage;
  const directory = databases.baseOf(home, snapshot) ?? '';
  return {
    directory,
    fileOf: async (relation) => {
      const [found] = (await databases.running(home).get(`baton-${stage.environment}`)?.server.ask<{ path: string }>('SELECT pg_relation_filepath($1) AS path', [relation], 'baton')) ?? [];
      return found?.path ?? '';
    },
    change: async (sql) => {
      const DBInstanceIdentifier = `baton-${stage.environment}-damaged`;
      await stage.operator('rds', 'RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier, DBSnapshotIdentifier: snapshot, BackupRetentionPeriod: 0 });
      const { server } = await until('the backup to be changed', boundMs, () => databases.running(home).get(DBInstanceIdentifier));
      await server.ask(sql, undefined, 'baton');
      await rm(directory, { recursive: true });
      await server.backUp(directory);
      await until('the instance to be available', boundMs, async () => (await statusOf(stage, DBInstanceIdentifier)) === 'available');
      await stage.operator('rds', 'DeleteDBInstance', { DBInstanceIdentifier, SkipFinalSnapshot: true });
      await until('the instance to be gone', boundMs, async () => (await statusOf(stage, DBInstanceIdentifier)) === 'gone');
    },
  };
}

async function statusOf(stage: Stage, DBInstanceIdentifier: string): Promise<string> {
  const found = await stage.operator<{ DBInstances: { DBInstanceStatus: string }[] }>('rds', 'DescribeDBInstances', { DBInstanceIdentifier }).catch(() => undefined);
  return found?.DBInstances[0]?.DBInstanceStatus ?? 'gone';
}

async function leftOf(stage: Stage): Promise<readonly string[]> {
  const [{ DBInstances }, { ReplicationGroups }] = await Promise.all([
    stage.operator<{ DBInstances: { DBInstanceIdentifier: string }[] }>('rds', 'DescribeDBInstances', {}),
    stage.operator<{ ReplicationGroups: { ReplicationGroupId: string }[] }>('elasticache', 'DescribeReplicationGroups', {}),
  ]);
  const names = [...DBInstances.map(({ DBInstanceIdentifier }) => DBInstanceIdentifier), ...ReplicationGroups.map(({ ReplicationGroupId }) => ReplicationGroupId)];
  return names.filter((name) => name !== `baton-${stage.environment}`);
}

/** By the roles of the verification, as the policies judged them: on the very names of what is in use, and more than to look. */
function touched(stage: Stage): readonly string[] {
  const inUse = new RegExp(`:(db|replicationgroup):baton-${stage.environment}$`);
  return stage.permissions.recorded
    .filter(({ roleArn = '', action, resource }) => /verification/i.test(roleArn) && inUse.test(resource) && !/:(Describe|List|Get)/.test(action))
    .map(({ action }) => action);
}

async function signedReports(stage: Stage): Promise<number> {
  return (await keysIn(stage, 'evidence', 'verifications/')).filter((key) => key.endsWith('.signature.json')).length;
}

async function keysIn(stage: Stage, bucket: 'backups' | 'evidence', Prefix: string): Promise<readonly string[]> {
  const Bucket = `baton-${stage.environment}-${bucket}-${stage.settings.account}-${stage.home}`;
  const { Contents } = await stage.operator<{ Contents: { Key: string }[] }>('s3', 'ListObjectsV2', { Bucket, Prefix });
  return Contents.map(({ Key }) => Key);
}
