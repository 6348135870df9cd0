/**
 * The hours of the backups come while a book trades: the database that is written is backed up, copied and kept for every moment in
 * between, its replica is not; the cache and the configuration are in the bucket; nobody can delete what is locked; and what a
 * verification that died left behind is found. Trading notices nothing of it.
 */
import { temporaryTags, writtenTag } from '../../lib/contracts/backups.ts';
import { atLeast, atMost, exactly } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { standbyRuns } from './two-regions.ts';

const ordersAround = 20;
/** Provisioning with what waits for it: a snapshot and its copy, a restore, an export. */
const awaitedBoundMs = 150_000;
/** As in any undisturbed minute of trading. */
const silenceLimitMs = 1500;
const hourMs = 3_600_000;

interface Tag {
  readonly Key: string;
  readonly Value: string;
}
interface RecoveryPoint {
  readonly RecoveryPointArn: string;
  readonly Status: string;
  readonly SourceBackupVaultArn?: string;
}

export const backups: Scenario = {
  name: 'backups',
  maintenance: true,
  summary: 'The hours of the backups come while a book trades; a verification that died has left a database behind.',
  promises: [
    'the database that is written is backed up, with a copy in the other Region; its replica is not',
    'the cache and the configuration are in the bucket',
    'what is locked cannot be deleted; what was left behind is found and removed, and people are told',
    'trading notices nothing of it',
  ],
  faults: [],
  bothRegions: true,
  keepsBackups: true,
  async run(stage): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    await standbyRuns(stage, stage.releases.first.trader.digest);
    const { home, standby, aws: { plans, schedules, databases, world } } = stage;
    const name = `baton-${stage.environment}`;
    const sinceMs = stage.acceptedIn(() => true).at(-1) ?? 0;

    stage.progress.heading('The hour of the backups comes');
    await until('each Region knows its database', awaitedBoundMs, async () => (await writtenIn(stage, home)) === writtenTag.yes && (await writtenIn(stage, standby)) === writtenTag.no);
    const begun = await plans.runRule(home, name, 'hourly');
    const ofReplica = await plans.runRule(standby, name, 'hourly');
    await plans.runRule(home, name, 'continuous');
    const held = await until('the backup and its copy', awaitedBoundMs, async () => {
      const [here, there] = await Promise.all([home, standby].map((region) => pointsIn(stage, region)));
      return here?.length === 2 && here.every(({ Status }) => Status !== 'CREATING') && there?.length === 1 && { here, there };
    });
    const snapshot = held.here.find(({ RecoveryPointArn }) => RecoveryPointArn.includes(':snapshot:'));
    const locked = await stage.operator('backup', 'DeleteRecoveryPoint', { BackupVaultName: name, RecoveryPointArn: snapshot?.RecoveryPointArn }).then(() => 'deleted', (error: Error) => error.name);

    stage.progress.heading('The hours of the cache and of the configuration come');
    await Promise.all([schedules.comesDue(home, `${name}-cache-snapshot`), schedules.comesDue(home, `${name}-configuration`)]);
    world.emit({
      source: 'aws.cloudformation', detailType: 'CloudFormation Stack Status Change', region: home, resources: [],
      detail: { 'stack-id': `arn:aws:cloudformation:${home}:${world.accountId}:stack/${name}-cutover/1`, 'status-details': { status: 'UPDATE_COMPLETE' } },
    });
    const cacheFile = await until('the cache in the bucket', awaitedBoundMs, async () => (await keysIn(stage, `${name}-cache-`))[0]);
    const kept = await until('the configuration in the bucket', awaitedBoundMs, async () => {
      const keys = await keysIn(stage, 'configuration/');
      return keys.includes(`configuration/machines/${name}-cutover.json`) && keys;
    });
    const left = await until('the snapshot of the cache to be removed', awaitedBoundMs, async () => {
      const { Snapshots } = await stage.operator<{ Snapshots: unknown[] }>('elasticache', 'DescribeSnapshots', {});
      return Snapshots.length === 0 && Snapshots;
    });

    stage.progress.heading('A verification that died left a database behind');
    const leftBehind = `${name}-verify-left`;
    const Tags: Tag[] = [{ Key: temporaryTags.execution, Value: 'of a test' }, { Key: temporaryTags.madeAt, Value: new Date(Date.now() - 9 * hourMs).toISOString() }];
    await stage.operator('rds', 'RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier: leftBehind, DBSnapshotIdentifier: snapshot?.RecoveryPointArn.split(':').slice(6).join(':'), Tags, BackupRetentionPeriod: 0 });
    const restored = await until('it is there', awaitedBoundMs, () => databases.running(home).get(leftBehind));
    const [rows] = await until('its rows', awaitedBoundMs, () => restored.server.ask<{ count: number }>('SELECT count(*)::int AS count FROM orders', [], 'baton').catch(() => undefined));
    await schedules.comesDue(home, `${name}-backup-reaper`);
    const gone = await until('it is removed', awaitedBoundMs, () => !databases.running(home).has(leftBehind) && 'removed');
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    return {
      outcome: 'succeeded',
      steps: first.steps,
      modelledDurationMs: first.modelledMs,
      promises: [
        opened,
        exactly('backed-up', 'Backups of the database that is written', begun.length, 1),
        exactly('replica', 'Backups of its replica', ofReplica.length, 0),
        exactly('copied', 'Copies in the other Region come from the vault at home', held.there.map(({ SourceBackupVaultArn = '' }) => SourceBackupVaultArn.split(':')[3]).join(), home),
        exactly('locked', 'Whoever deletes a locked backup gets', locked, stage.settings.backups.locked ? 'InvalidRequestException' : 'deleted'),
        atLeast('held', 'Orders in what is restored from the backup', rows?.count ?? 0, ordersAround, 'orders'),
        exactly('cache', 'The cache is in the bucket as a file', cacheFile.endsWith('-0001.rdb') ? 'a file' : cacheFile, 'a file'),
        exactly('snapshots', 'Snapshots of the cache left over', left.length, 0),
        exactly('settings', 'The settings are in the bucket', kept.includes('configuration/settings.json') ? 'kept' : 'missing', 'kept'),
        exactly('reaped', 'What a verification left behind was', gone, 'removed'),
        exactly('told', 'Alarms that rang for it', stage.ringings(`${name}-backups-reaped-leftovers`).length, 1),
        atMost('silence', 'Longest time without an accepted order meanwhile', stage.longestSilenceMs(sinceMs), silenceLimitMs, 'ms'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver('blue')).join(', ') || 'none', 'none'),
      ],
    };
  },
};

async function writtenIn(stage: Stage, region: string): Promise<string | undefined> {
  const { DBInstances } = await stage.operator<{ DBInstances: { TagList: Tag[] }[] }>('rds', 'DescribeDBInstances', { DBInstanceIdentifier: `baton-${stage.environment}` }, region);
  return DBInstances[0]?.TagList.find(({ Key }) => Key === writtenTag.key)?.Value;
}

async function pointsIn(stage: Stage, region: string): Promise<readonly RecoveryPoint[]> {
  const { RecoveryPoints } = await stage.operator<{ RecoveryPoints: RecoveryPoint[] }>('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: `baton-${stage.environment}` }, region);
  return RecoveryPoints;
}

async function keysIn(stage: Stage, Prefix: string): Promise<readonly string[]> {
  const Bucket = `baton-${stage.environment}-backups-${stage.settings.account}-${stage.home}`;
  const { Contents } = await stage.operator<{ Contents: { Key: string }[] }>('s3', 'ListObjectsV2', { Bucket, Prefix });
  return Contents.map(({ Key }) => Key);
}
