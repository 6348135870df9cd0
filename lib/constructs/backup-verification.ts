/**
 * The proof of backups: the machine that restores one and takes it down again, its functions, what says by the hour what the ledger is, and the alarm that no backup
 * was proved for too long. Each Region verifies what its own vault holds.
 */
import { ArnFormat, type CfnElement, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type * as ec2 from 'aws-cdk-lib/aws-ec2';
import { SubnetType } from 'aws-cdk-lib/aws-ec2';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { backupCheck, backupVerification, backupWatermark, venueFills } from '../contracts/verification.ts';
import type { Settings } from '../settings/index.ts';
import { verifyBackup } from '../workflows/backup-verification.ts';
import { Workflow } from '../workflows/workflow.ts';
import { ContractFunction, type MonitoredFunction } from './function.ts';
import { IsolatedNetwork, type IsolatedNetworkProps } from './isolated-network.ts';
import { retentionOf } from './log-retention.ts';
import { caFile } from './recovery-functions.ts';
import { arnInPolicies } from './replicated-secret.ts';
import { Schedule } from './schedule.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface BackupVerificationProps {
  readonly settings: Settings;
  /** This Region's zones. */
  readonly zones: readonly string[];
  readonly ports: { readonly database: number; readonly cache: number };
  readonly evidence: s3.IBucket;
  readonly reports: s3.IBucket;
  readonly topicArn: string;
  readonly vault: { readonly name: string; readonly arn: string; readonly key: kms.IKey };
  /** Where files of the cache go. */
  readonly cacheFiles: { readonly bucketName: string; readonly folder: string };
  readonly journalTable: dynamodb.ITableV2;
  readonly databaseInstanceIdentifier: string;
  readonly database: { readonly host: string; readonly port: string; readonly name: string };
  readonly databaseSecret: secretsmanager.ISecret;
  /** Encrypts the database, its backups and its secret. */
  readonly key: kms.IKey;
  readonly venueKey: kms.IKey;
  readonly books: readonly { readonly name: string; readonly venueSecret: secretsmanager.ISecret }[];
  readonly network: { readonly vpc: ec2.IVpc; readonly databaseClientSecurityGroup: ec2.ISecurityGroup; readonly venueClientSecurityGroup: ec2.ISecurityGroup };
  /** What a drill's shadow trader reaches from the isolated network beside what was restored. */
  readonly drill: IsolatedNetworkProps['drill'];
}

/** As in the secret of the database, and so in every backup. */
export const masterUser = 'baton';
/** Restore, checks and teardown, every wait to its limit and every call to its last attempt. */
const objectiveSeconds = 28_800;
const runbook = 'docs/runbooks/backup-verification.md';

export class BackupVerification extends Construct {
  readonly machine: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];
  /** Drills restore into the same. */
  readonly isolated: IsolatedNetwork;
  readonly signingKey: kms.IKey;

  constructor(scope: Construct, id: string, props: BackupVerificationProps) {
    super(scope, id);
    const { settings, evidence, reports, topicArn } = props;
    const prefix = `baton-${settings.environment}`;
    const checkSecret = this.#checkSecret(prefix, props.key);
    const network = new IsolatedNetwork(this, 'Network', {
      settings, zones: props.zones, ports: props.ports, evidenceArn: evidence.bucketArn, journalTableArn: props.journalTable.tableArn, checkSecretArn: checkSecret.secretArn,
      drill: props.drill,
    });
    this.isolated = network;
    const signingKey = new kms.Key(this, 'SigningKey', {
      alias: `alias/${prefix}-verification`, description: `Baton ${settings.environment}: signs what verifications and drills found`,
      keySpec: kms.KeySpec.ECC_NIST_P256, keyUsage: kms.KeyUsage.SIGN_VERIFY, removalPolicy: RemovalPolicy.RETAIN,
    });
    this.signingKey = signingKey;
    const watermark = this.#watermark(props, prefix);
    const control = this.#control(props, prefix, { network, checkSecret, signingKey });
    const check = this.#check(props, prefix, { network, checkSecret });
    const fills = this.#fills(props, prefix);
    this.machine = this.#machine(props, prefix, { network, control, check, fills });
    const hourly = new Schedule(this, 'Watermarks', {
      name: `${prefix}-watermark`, description: 'What the ledger is, before each backup of it', expression: 'cron(55 * * * ? *)',
      target: { function: watermark.function }, input: { step: 'write' },
      missedImpact: 'The next backup has nothing newer that it can be compared with.', runbook,
    });
    const daily = new Schedule(this, 'Daily', {
      name: `${prefix}-backup-verification`, description: 'The newest backup is restored and looked into', expression: settings.verification.schedule, windowMinutes: 60,
      target: { machine: this.machine.machine }, input: { pick: 'newest', requestedBy: 'the schedule', reason: 'Backups are verified by the calendar.' },
      missedImpact: 'The newest backup was not verified today.', runbook,
    });
    this.alarms = [
      ...[watermark, control, check, fills].map(({ errorsAlarm }) => errorsAlarm), ...this.machine.alarms, hourly.alarm, daily.alarm, this.#overdue(settings, prefix, control),
    ];
    this.machine.machine.addToRolePolicy(new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [topicArn] }));
    this.#acknowledge(props, prefix, [control, check, fills], reports);
  }

  /** Opens what was restored, and nothing else: the function that reads it has no way to the ledger's own. */
  #checkSecret(prefix: string, key: kms.IKey): secretsmanager.ISecret {
    const secret = new secretsmanager.Secret(this, 'CheckSecret', {
      secretName: `${prefix}/verification`, description: 'What opens the copy that is being verified: made anew for each', encryptionKey: key,
      generateSecretString: { secretStringTemplate: JSON.stringify({ username: masterUser, token: 'none-yet' }), generateStringKey: 'password', excludePunctuation: true },
    });
    Validations.of(secret).acknowledge({ id: 'AwsSolutions-SMG4', reason: 'Each verification puts a new value there, which opens one copy and dies with it.' });
    return secret as secretsmanager.ISecret;
  }

  #watermark({ settings, evidence, database, databaseSecret, key, network }: BackupVerificationProps, prefix: string): ContractFunction<typeof backupWatermark> {
    const made = new ContractFunction(this, 'Watermark', {
      contract: backupWatermark, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_DATABASE_HOST: database.host, BATON_DATABASE_PORT: database.port, BATON_DATABASE_NAME: database.name,
        BATON_DATABASE_SECRET_ARN: databaseSecret.secretArn,
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
        NODE_EXTRA_CA_CERTS: caFile,
      },
      network: { vpc: network.vpc, subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.databaseClientSecurityGroup },
    });
    allow(made, ['secretsmanager:GetSecretValue'], [arnInPolicies(databaseSecret)]);
    allow(made, ['kms:Decrypt'], [key.keyArn]);
    allow(made, ['s3:PutObject'], [evidence.arnForObjects('watermarks/*')]);
    return made;
  }

  #control(
    { settings, evidence, vault, cacheFiles, databaseInstanceIdentifier, key }: BackupVerificationProps, prefix: string,
    { network, checkSecret, signingKey }: { readonly network: IsolatedNetwork; readonly checkSecret: secretsmanager.ISecret; readonly signingKey: kms.IKey },
  ): ContractFunction<typeof backupVerification> {
    const made = new ContractFunction(this, 'Control', {
      contract: backupVerification, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_VAULT: vault.name,
        BATON_DATABASE_ARN: this.#arn('rds', 'db', databaseInstanceIdentifier),
        BATON_DATABASE_USER: masterUser,
        BATON_CACHE_BUCKET: cacheFiles.bucketName,
        BATON_CACHE_FOLDER: cacheFiles.folder,
        BATON_CHECK_SECRET_ARN: checkSecret.secretArn,
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
        BATON_SIGNING_KEY_ARN: signingKey.keyArn,
        BATON_CACHE_NODE_TYPE: settings.cache.nodeType,
        BATON_CACHE_SUBNETS: network.cacheSubnetGroupName,
        BATON_CACHE_SECURITY_GROUP: network.restoredSecurityGroup.securityGroupId,
      },
    });
    const { partition } = Stack.of(this);
    allow(made, ['backup:ListRecoveryPointsByBackupVault'], [vault.arn]);
    allow(made, ['s3:ListBucket'], [evidence.bucketArn, `arn:${partition}:s3:::${cacheFiles.bucketName}`]);
    allow(made, ['s3:PutObject'], [evidence.arnForObjects('verifications/*')]);
    allow(made, ['secretsmanager:PutSecretValue', 'secretsmanager:GetSecretValue'], [checkSecret.secretArn]);
    allow(made, ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn]);
    allow(made, ['rds:ModifyDBInstance'], [this.#restored(prefix)]);
    allow(made, ['elasticache:AddTagsToResource'], [this.#restoredCaches(prefix)]);
    allow(made, ['elasticache:CreateReplicationGroup'], [this.#restoredCaches(prefix), this.#arn('elasticache', 'subnetgroup', network.cacheSubnetGroupName), this.#arn('elasticache', 'parametergroup', 'default.valkey7')]);
    allow(made, ['kms:Sign'], [signingKey.keyArn]);
    return made;
  }

  #check(
    { settings, evidence, journalTable, database, key }: BackupVerificationProps, prefix: string,
    { network, checkSecret }: { readonly network: IsolatedNetwork; readonly checkSecret: secretsmanager.ISecret },
  ): ContractFunction<typeof backupCheck> {
    const made = new ContractFunction(this, 'Check', {
      contract: backupCheck, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_DATABASE_NAME: database.name,
        BATON_CHECK_SECRET_ARN: checkSecret.secretArn,
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
        BATON_JOURNAL_TABLE: journalTable.tableName,
        BATON_STALE_MINUTES: String(settings.verification.staleMinutes),
        NODE_EXTRA_CA_CERTS: caFile,
      },
      network: { vpc: network.vpc as ec2.IVpc, subnets: { subnetType: SubnetType.PRIVATE_ISOLATED }, securityGroup: network.checkerSecurityGroup },
    });
    allow(made, ['secretsmanager:GetSecretValue'], [checkSecret.secretArn]);
    allow(made, ['kms:Decrypt'], [key.keyArn]);
    allow(made, ['s3:GetObject'], [evidence.arnForObjects('watermarks/*'), evidence.arnForObjects('venue-fills/*')]);
    allow(made, ['dynamodb:Query'], [journalTable.tableArn]);
    return made;
  }

  /** From the fixed addresses: the keys are bound to them. */
  #fills({ settings, evidence, books, venueKey, network }: BackupVerificationProps, prefix: string): ContractFunction<typeof venueFills> {
    const urlVariable = (name: string): string => `BATON_VENUE_URL_${name.toUpperCase()}`;
    const known = settings.books.map(({ name, symbol, venueUrl }) => ({ name, symbol, venueUrl, venueSecret: books.find((each) => each.name === name)?.venueSecret }));
    const of = Object.fromEntries(known.map(({ name, symbol, venueSecret }) => [name, { symbol, urlVariable: urlVariable(name), secretArn: venueSecret?.secretArn }]));
    const made = new ContractFunction(this, 'VenueFills', {
      contract: venueFills, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_BOOKS: Stack.of(this).toJsonString(of), BATON_EVIDENCE_BUCKET: evidence.bucketName,
        ...Object.fromEntries(known.map(({ name, venueUrl }) => [urlVariable(name), venueUrl])),
      },
      network: { vpc: network.vpc, subnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.venueClientSecurityGroup },
    });
    allow(made, ['secretsmanager:GetSecretValue'], books.map(({ venueSecret }) => arnInPolicies(venueSecret)));
    allow(made, ['kms:Decrypt'], [venueKey.keyArn]);
    allow(made, ['s3:PutObject'], [evidence.arnForObjects('venue-fills/*')]);
    return made;
  }

  #machine(
    { settings, reports, topicArn, vault, key }: BackupVerificationProps, prefix: string,
    { network, control, check, fills }: {
      readonly network: IsolatedNetwork; readonly control: ContractFunction<typeof backupVerification>;
      readonly check: ContractFunction<typeof backupCheck>; readonly fills: ContractFunction<typeof venueFills>;
    },
  ): JudgedStateMachine {
    const workflow = new Workflow(new Construct(this, 'States'));
    const start = verifyBackup(workflow, {
      control, check, fills, instanceClass: settings.database.instanceClass, subnetGroupName: network.databaseSubnets.subnetGroupName,
      securityGroupId: network.restoredSecurityGroup.securityGroupId, reportBucketName: reports.bucketName, topicArn,
      arns: {
        reports: reports.arnForObjects('backup-verifications/*'),
        restored: this.#restored(prefix),
        restoredCaches: this.#restoredCaches(prefix),
        snapshots: this.#arn('rds', 'snapshot', 'awsbackup:*'),
        surroundings: [this.#arn('rds', 'subgrp', `${prefix}-verification`), this.#arn('rds', 'pg', 'default.postgres17'), this.#arn('rds', 'og', 'default:postgres-17')],
      },
    });
    const machine = new JudgedStateMachine(this, 'Verification', {
      name: `${prefix}-backup-verification`,
      comment: 'Restores a backup into isolation, judges what is in it, and takes it down again.',
      start, declarations: workflow.declarations, endings: Object.values(endings), objectiveSeconds, logRetention: retentionOf(settings),
      failureImpact: 'The newest backup is not proved: whoever needed it now could not rely on it.',
      runbook,
    });
    // What RDS does with the key of a snapshot, on behalf of whoever restores it: a backup has that of its database, a copy that of its vault.
    machine.machine.addToRolePolicy(new iam.PolicyStatement({
      actions: ['kms:DescribeKey', 'kms:CreateGrant'], resources: [key.keyArn, vault.key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `rds.${Stack.of(this).region}.amazonaws.com` } },
    }));
    return machine;
  }

  /** Of what a function says of a verification, for graphs; and that one said so in time. */
  #overdue(settings: Settings, prefix: string, control: ContractFunction<typeof backupVerification>): cloudwatch.Alarm {
    const metric = (name: string, filterPattern: logs.IFilterPattern, metricValue: string): logs.MetricFilter =>
      new logs.MetricFilter(this, `${name}Lines`, {
        logGroup: control.function.logGroup, filterName: `${prefix}-backup-${name}`, filterPattern, metricNamespace: 'Baton', metricName: `${prefix}-backup-${name}`, metricValue,
      });
    metric('rto-seconds', logs.FilterPattern.literal('{ $.output.rtoSeconds = * }'), '$.output.rtoSeconds');
    metric('rpo-seconds', logs.FilterPattern.literal('{ $.output.rpoSeconds = * }'), '$.output.rpoSeconds');
    const { verifiedWithinHours } = settings.verification;
    return metric('verified', logs.FilterPattern.stringValue('$.output.verdict', '=', 'verified'), '1')
      .metric({ period: Duration.hours(1), statistic: 'Sum' })
      .createAlarm(this, 'OverdueAlarm', {
        alarmName: `${prefix}-backup-verification-overdue`,
        alarmDescription: `No backup was proved for ${verifiedWithinHours} hours: whoever needs one now restores on hope. Runbook: ${runbook}`,
        threshold: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: verifiedWithinHours,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
  }

  #restored(prefix: string): string {
    return this.#arn('rds', 'db', `${prefix}-verify-*`);
  }
  #restoredCaches(prefix: string): string {
    return this.#arn('elasticache', 'replicationgroup', `${prefix}-verify-*`);
  }

  #acknowledge(props: BackupVerificationProps, prefix: string, functions: readonly { readonly function: IConstruct }[], reports: s3.IBucket): void {
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    const wildcard = (resource: string, reason: string): void => Validations.of(this).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    wildcard('*', 'Traces and the delivery of logs know no resource.');
    for (const each of functions) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    for (const resource of [this.#restored(prefix), this.#restoredCaches(prefix)]) wildcard(resource, 'What is restored is named after the execution that verifies it.');
    wildcard(this.#arn('rds', 'snapshot', 'awsbackup:*'), 'AWS Backup names its snapshots after its jobs.');
    wildcard(reports.arnForObjects('backup-verifications/*'), 'Reports are named by their executions.');
    for (const folder of ['watermarks', 'verifications', 'venue-fills']) wildcard(`<${logicalId(props.evidence)}.Arn>/${folder}/*`, 'Evidence is named by times and executions.');
  }

  #arn(service: string, resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({ service, resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  }
}

function allow(target: MonitoredFunction, actions: string[], resources: string[]): void {
  target.function.addToRolePolicy(new iam.PolicyStatement({ actions, resources }));
}
