/** AWS Backup on databases: a plan's hour, copies to the other Region, restores, what is refused; each job by its role. */
import { afterAll, beforeAll, expect, test } from 'vitest';

import type { BusEvent } from '../../../rehearsal/cloud/model.ts';
import { createWorld, type CloudWorld } from '../../../rehearsal/cloud/world.ts';
import { backup, type BackupModel } from '../../../rehearsal/services/backup.ts';
import { rds, type RdsModel } from '../../../rehearsal/services/rds.ts';
import { until } from '../../until.ts';
import { useSite } from '../processes/site.ts';

const site = useSite();
const [east, west] = ['us-east-1', 'us-west-2'] as const;
const database = `arn:aws:rds:${east}:111111111111:db:baton-dev`;
const roleArn = 'arn:aws:iam::111111111111:role/backups';
const vaultArn = (region: string): string => `arn:aws:backup:${region}:111111111111:backup-vault:baton-dev`;
const measured: { name: string; region: string }[] = [];
const events: BusEvent[] = [];
let world: CloudWorld;
let databases: RdsModel;
let backups: BackupModel;

beforeAll(async () => {
  world = createWorld({
    seed: 1, accountId: '111111111111', regions: [east, west], provisioningMs: (seconds) => (seconds === 300 ? 1000 : 100),
    services: (made) => [(databases = rds(made, { ...site, directory: site.directory, keepsBackups: true })), (backups = backup(made, (each) => measured.push(each)))],
  });
  world.onBusEvent((event) => events.push(event));
  for (const region of [east, west]) {
    await create(region, 'backup', 'AWS::Backup::BackupVault', {
      BackupVaultName: 'baton-dev', EncryptionKeyArn: `alias/${region}`, ...(region === west && { LockConfiguration: { MinRetentionDays: 7, MaxRetentionDays: 35 } }),
    });
  }
  await create(east, 'rds', 'AWS::RDS::DBInstance', {
    DBInstanceIdentifier: 'baton-dev', Engine: 'postgres', EngineVersion: '17.6', MasterUsername: 'baton', MasterUserPassword: 'correct-horse-battery', DBName: 'trading',
    AllocatedStorage: '100', StorageEncrypted: true, BackupRetentionPeriod: 7, Tags: [{ Key: 'baton:written', Value: 'yes' }],
  });
  const BackupPlanId = await create(east, 'backup', 'AWS::Backup::BackupPlan', {
    BackupPlan: {
      BackupPlanName: 'baton-dev',
      BackupPlanRule: [
        { RuleName: 'hourly', TargetBackupVault: 'baton-dev', Lifecycle: { DeleteAfterDays: 7 }, CopyActions: [{ DestinationBackupVaultArn: vaultArn(west) }] },
        { RuleName: 'continuous', TargetBackupVault: 'baton-dev', Lifecycle: { DeleteAfterDays: 7 }, EnableContinuousBackup: true },
      ],
    },
  });
  const condition = (value: string): object => ({ StringEquals: [{ ConditionKey: 'aws:ResourceTag/baton:written', ConditionValue: value }] });
  for (const [SelectionName, Conditions] of [['written', condition('yes')], ['others', condition('no')]] as const) {
    await create(east, 'backup', 'AWS::Backup::BackupSelection', { BackupPlanId, BackupSelection: { SelectionName, IamRoleArn: roleArn, Resources: [database], Conditions } });
  }
});
afterAll(() => world?.close());

async function create(region: string, service: string, type: string, properties: Record<string, unknown>): Promise<string> {
  return (await world.model(service)?.resources?.[type]?.({ type, logicalId: 'Thing', stackName: 'test', region, generatedName: 'test-Thing-1', properties }))?.ref ?? '';
}
const call = async (operation: string, input: Record<string, unknown>, region: string = east): Promise<any> =>
  world.call({ service: 'backup', operation, region, caller: world.operator.caller, input });
const points = async (region: string): Promise<any[]> => (await call('ListRecoveryPointsByBackupVault', { BackupVaultName: 'baton-dev' }, region)).RecoveryPoints;
const ended = (BackupJobId: string): Promise<any> => until('the job has ended', async () => {
  const job = await call('DescribeBackupJob', { BackupJobId });
  return ['COMPLETED', 'FAILED'].includes(job.State) && job;
}, 180_000);

test('the hour of a plan makes one recovery point of what its tags select, and a copy of it in the other Region', async () => {
  const begun = await backups.runRule(east, 'baton-dev', 'hourly');
  expect(begun).toHaveLength(1);
  const job = await ended(begun[0] ?? '');
  expect(job).toMatchObject({ State: 'COMPLETED', ResourceArn: database, RecoveryPointArn: `arn:aws:rds:${east}:111111111111:snapshot:awsbackup:job-${job.BackupJobId}` });
  const [copy] = await until('the copy', async () => { const there = await points(west); return there.length === 1 && there; });
  expect(copy).toMatchObject({ Status: 'COMPLETED', SourceBackupVaultArn: vaultArn(east), ResourceArn: database });
  expect((await call('ListCopyJobs', {})).CopyJobs).toMatchObject([{ State: 'COMPLETED', DestinationBackupVaultArn: vaultArn(west) }]);
  expect(measured.map(({ name }) => name)).toEqual(['NumberOfBackupJobsCompleted', 'NumberOfCopyJobsCompleted']);
  expect(events.filter(({ detailType }) => detailType === 'Backup Job State Change').map(({ detail }) => detail['state'])).toEqual(['CREATED', 'COMPLETED']);
});

test('a recovery point is restored by its metadata, a continuous one to a moment; what was made is a database', async () => {
  await ended((await backups.runRule(east, 'baton-dev', 'continuous'))[0] ?? '');
  await databases.archiveNow(east, 'baton-dev');
  const all = await points(east);
  expect(all.map(({ RecoveryPointArn }) => RecoveryPointArn.split(':').slice(5, 7).join(':'))).toEqual(['recovery-point:continuous', 'snapshot:awsbackup']);
  for (const [index, { RecoveryPointArn }] of all.entries()) {
    const { RestoreMetadata } = await call('GetRecoveryPointRestoreMetadata', { BackupVaultName: 'baton-dev', RecoveryPointArn });
    const Metadata = { ...RestoreMetadata, DBInstanceIdentifier: `restored-${index}` };
    const { RestoreJobId } = await call('StartRestoreJob', { RecoveryPointArn, Metadata, IamRoleArn: roleArn });
    const job = await until('the restore', async () => {
      const seen = await call('DescribeRestoreJob', { RestoreJobId });
      return ['COMPLETED', 'FAILED'].includes(seen.Status) && seen;
    }, 180_000);
    expect(job).toMatchObject({ Status: 'COMPLETED', CreatedResourceArn: database.replace('baton-dev', `restored-${index}`) });
    expect(databases.running(east).has(`restored-${index}`)).toBe(true);
  }
});

test('a job that cannot be done fails, says why, and leaves no recovery point', async () => {
  const before = await points(east);
  const { BackupJobId } = await call('StartBackupJob', { BackupVaultName: 'baton-dev', ResourceArn: `${database}-gone`, IamRoleArn: roleArn });
  expect(await ended(BackupJobId)).toMatchObject({ State: 'FAILED', StatusMessage: 'DBInstance baton-dev-gone not found.' });
  expect(await points(east)).toEqual(before);
  expect(measured.at(-1)).toMatchObject({ name: 'NumberOfBackupJobsFailed', region: east });
});

test('what is deleted goes, and is told; what a locked vault has does not go', async () => {
  const locked = (await points(west))[0]?.RecoveryPointArn;
  await expect(call('DeleteRecoveryPoint', { BackupVaultName: 'baton-dev', RecoveryPointArn: locked }, west)).rejects.toMatchObject({ name: 'InvalidRequestException' });
  const { RecoveryPointArn } = (await points(east)).at(-1);
  await call('DeleteRecoveryPoint', { BackupVaultName: 'baton-dev', RecoveryPointArn });
  expect((await points(east)).map((point) => point.RecoveryPointArn)).not.toContain(RecoveryPointArn);
  expect(events.at(-1)).toMatchObject({ detailType: 'Recovery Point State Change', detail: { status: 'DELETED', recoveryPointArn: RecoveryPointArn } });
});

test.each([
  ['StartBackupJob', { BackupVaultName: 'none', ResourceArn: database, IamRoleArn: roleArn }, 'ResourceNotFoundException'],
  ['DescribeRecoveryPoint', { BackupVaultName: 'baton-dev', RecoveryPointArn: 'arn:aws:rds::1:snapshot:x' }, 'ResourceNotFoundException'],
])('%s %j is refused with %s', async (operation, input, name) => {
  await expect(call(operation, input)).rejects.toMatchObject({ name });
});

test('a rule that is continuous without an end is refused', async () => {
  const BackupPlan = { BackupPlanName: 'x', BackupPlanRule: [{ RuleName: 'r', TargetBackupVault: 'baton-dev', EnableContinuousBackup: true }] };
  await expect(create(east, 'backup', 'AWS::Backup::BackupPlan', { BackupPlan })).rejects.toThrow('Lifecycle must be specified');
});
