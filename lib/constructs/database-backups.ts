/**
 * AWS Backup of this Region's database: a vault with a key of its own, a snapshot every hour with a copy in the other Region, and
 * the log for every moment in between. Both Regions have it. Only a database that is written is taken: a backup that runs keeps a
 * replica from being promoted, and the watch over each Region says by a tag which database is which.
 */
import { ArnFormat, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as backup from 'aws-cdk-lib/aws-backup';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { writtenTag } from '../contracts/backups.ts';
import type { Settings } from '../settings/index.ts';

export interface DatabaseBackupsProps {
  readonly settings: Settings;
  readonly databaseInstanceIdentifier: string;
  /** Encrypts the database: whoever copies a snapshot of it reads with this. */
  readonly databaseKey: kms.IKey;
}

/** Of the vault and the plan, the same in both Regions. */
export const backupsNameOf = ({ environment }: Pick<Settings, 'environment'>): string => `baton-${environment}`;

/** Until a lock can be taken back no more: time to see that it is meant. */
const lockChangeableDays = 7;
/** RDS snapshots are incremental; one of a large database that is new takes hours. */
const startWindowMinutes = 60;
const completionWindowMinutes = 180;

export class DatabaseBackups extends Construct {
  readonly vaultName: string;
  readonly vaultArn: string;
  readonly key: kms.Key;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, databaseInstanceIdentifier, databaseKey }: DatabaseBackupsProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { first, second } = settings.regions;
    const other = stack.region === first.name ? second.name : first.name;
    const name = backupsNameOf(settings);
    const { retentionDays } = settings.database;
    const vaultArnIn = (region: string): string =>
      stack.formatArn({ region, service: 'backup', resource: 'backup-vault', resourceName: name, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    this.vaultName = name;
    this.vaultArn = vaultArnIn(stack.region);

    this.key = new kms.Key(this, 'Key', {
      alias: `alias/baton-${settings.environment}-backups`,
      description: `Baton ${settings.environment}: backups`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    const vault = new backup.CfnBackupVault(this, 'Vault', {
      backupVaultName: name,
      encryptionKeyArn: this.key.keyArn,
      // Compliance mode: once it cannot be changed any more, nobody shortens what is kept, AWS and root included.
      ...(settings.backups.locked && {
        lockConfiguration: { minRetentionDays: retentionDays, maxRetentionDays: 35, changeableForDays: lockChangeableDays },
      }),
      // Where there is no lock, too: what has a lifecycle ends by it.
      accessPolicy: {
        Version: '2012-10-17',
        Statement: [{
          Effect: 'Deny', Principal: { AWS: '*' }, Resource: '*',
          Action: ['backup:DeleteRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle', 'backup:DisassociateRecoveryPoint', 'backup:PutBackupVaultAccessPolicy'],
        }],
      },
    });
    vault.applyRemovalPolicy(RemovalPolicy.RETAIN);

    const plan = new backup.CfnBackupPlan(this, 'Plan', {
      backupPlan: {
        backupPlanName: name,
        backupPlanRule: [
          {
            ruleName: 'hourly', targetBackupVault: name, scheduleExpression: 'cron(0 * * * ? *)', startWindowMinutes, completionWindowMinutes,
            lifecycle: { deleteAfterDays: retentionDays },
            copyActions: [{ destinationBackupVaultArn: vaultArnIn(other), lifecycle: { deleteAfterDays: retentionDays } }],
          },
          {
            // One recovery point, which grows: the instance's own automated backups, whose retention is the same.
            ruleName: 'continuous', targetBackupVault: name, scheduleExpression: 'cron(30 7 * * ? *)', startWindowMinutes, completionWindowMinutes,
            enableContinuousBackup: true, lifecycle: { deleteAfterDays: retentionDays },
          },
        ],
      },
    });
    plan.addResourceDependency(vault);
    const arn = (resource: string, resourceName: string, region = stack.region): string =>
      stack.formatArn({ region, service: 'rds', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    const database = arn('db', databaseInstanceIdentifier);
    const role = this.#role({ database, snapshots: [stack.region, other].map((region) => arn('snapshot', 'awsbackup:*', region)), databaseKey, other });
    const selection = new backup.CfnBackupSelection(this, 'Selection', {
      backupPlanId: plan.attrBackupPlanId,
      backupSelection: {
        selectionName: 'written', iamRoleArn: role.roleArn, resources: [database],
        conditions: { StringEquals: [{ ConditionKey: `aws:ResourceTag/${writtenTag.key}`, ConditionValue: writtenTag.yes }] },
      },
    });
    selection.node.addDependency(role);
    const impact = 'Until the next one succeeds, what was written since the last cannot be restored from a snapshot';
    this.alarms = [
      this.#alarm('Backup', `${impact}; the log may still reach further.`),
      this.#alarm('Copy', `${impact} in the other Region, should this one be lost.`),
    ];
  }

  #alarm(kind: 'Backup' | 'Copy', impact: string): cloudwatch.Alarm {
    return new cloudwatch.Metric({
      namespace: 'AWS/Backup', metricName: `NumberOf${kind}JobsFailed`, dimensionsMap: { BackupVaultName: this.vaultName }, period: Duration.minutes(5), statistic: 'Sum',
    }).createAlarm(this, `${kind}Failed`, {
      alarmName: `${this.vaultName}-${kind.toLowerCase()}-job-failed`,
      alarmDescription: `A ${kind.toLowerCase()} job of the database failed. ${impact} Runbook: docs/runbooks/backups.md`,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }

  /** What AWS's own policy for it has, for this database and its snapshots alone. */
  #role({ database, snapshots, databaseKey, other }: { readonly database: string; readonly snapshots: readonly string[]; readonly databaseKey: kms.IKey; readonly other: string }): iam.Role {
    const stack = Stack.of(this);
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('backup.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': stack.account } } }),
      description: 'Role with which AWS Backup backs up and copies the database',
    });
    const allow = (actions: readonly string[], resources: readonly string[], conditions?: Record<string, Record<string, string | string[]>>): void =>
      void role.addToPolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions && { conditions }) }));
    allow(['rds:DescribeDBInstances', 'rds:ListTagsForResource', 'rds:ModifyDBInstance'], [database]);
    allow(['rds:CreateDBSnapshot'], [database, ...snapshots]);
    allow(['rds:DescribeDBSnapshots', 'rds:ListTagsForResource', 'rds:CopyDBSnapshot', 'rds:DeleteDBSnapshot'], snapshots);
    const keys = stack.formatArn({ region: other, service: 'kms', resource: 'key', resourceName: '*' });
    allow(['kms:DescribeKey', 'kms:CreateGrant', 'kms:Decrypt', 'kms:GenerateDataKey'], [databaseKey.keyArn, this.key.keyArn]);
    allow(['kms:DescribeKey', 'kms:CreateGrant', 'kms:Decrypt', 'kms:GenerateDataKey'], [keys], { StringEquals: { 'kms:ViaService': `rds.${other}.amazonaws.com` } });
    for (const each of snapshots) {
      Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${each}]`, reason: 'AWS Backup names its snapshots after its jobs.' });
    }
    Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${keys}]`, reason: "Through RDS alone, for copies into the other Region's vault, whose key has no name that is known here." });
    return role;
  }
}
