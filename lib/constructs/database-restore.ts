/**
 * The restore of the ledger's database for people: its machine, the function that restores and swaps, and the last net below it. What is restored stands in the ledger's own
 * network from the start, for no instance moves between networks when it gets the name; so the function that looks into backups is there once more.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IConstruct } from 'constructs';
import { credentialRotation } from '../contracts/credential-rotation.ts';
import { endings } from '../contracts/cutover.ts';
import { databaseRestore } from '../contracts/restore.ts';
import { backupCheck, backupWatermark, venueFills } from '../contracts/verification.ts';
import type { Settings } from '../settings/index.ts';
import type { FailoverParts } from '../workflows/failover.ts';
import { restoreDatabase } from '../workflows/restore-database.ts';
import { Workflow } from '../workflows/workflow.ts';
import { ContractFunction, functionByName, type MonitoredFunction } from './function.ts';
import { catchWhatIsLeft, releaseBooksOfTheExecution } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import { caFile } from './recovery-functions.ts';
import { arnInPolicies } from './replicated-secret.ts';
import { JudgedStateMachine } from './state-machine.ts';
import type { Switchover } from './switchover.ts';

export interface DatabaseRestoreProps {
  readonly settings: Settings;
  /** As this Region's failover has them. */
  readonly parts: FailoverParts;
  readonly switchover: Pick<Switchover, 'control' | 'other'>;
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  readonly network: { readonly vpc: ec2.IVpc; readonly databaseClientSecurityGroup: ec2.ISecurityGroup };
  readonly databaseName: string;
  readonly masterSecret: secretsmanager.ISecret;
  readonly key: kms.IKey;
  readonly evidence: s3.IBucket;
  readonly reports: s3.IBucket;
}

/** The restore and its checks, whoever has the books, two names, and the other Region's replica, all to their limits. */
const objectiveSeconds = 55_000;
const runbook = 'docs/runbooks/restore-database.md';

export class DatabaseRestore extends Construct {
  readonly machine: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: DatabaseRestoreProps) {
    super(scope, id);
    const { settings, parts, switchover, reports } = props;
    const prefix = `baton-${settings.environment}`;
    const { region } = Stack.of(this);
    const { first, second } = settings.regions;
    const restore = this.#restore(props, prefix);
    const check = this.#check(props, prefix);
    const restored = this.#arn('db', `${prefix}-restore-*`);
    const folder = reports.arnForObjects('database-restores/*');
    const workflow = new Workflow(new Construct(this, 'States'));
    const start = restoreDatabase(workflow, {
      environment: settings.environment, region, otherRegionName: region === first.name ? second.name : first.name,
      books: parts.books, restore, check, recovery: parts.recovery, database: parts.database, control: switchover.control, other: switchover.other,
      credentials: functionByName(this, credentialRotation, prefix), watermark: functionByName(this, backupWatermark, prefix), fills: functionByName(this, venueFills, prefix),
      reportBucketName: parts.reportBucketName, topicArn: parts.topicArn, arns: { reports: folder, restored },
    });
    this.machine = new JudgedStateMachine(this, 'Restore', {
      name: `${prefix}-restore-database`,
      comment: 'Puts the ledger’s database back to a moment: restores it beside the one in use, looks into it, and swaps the two.',
      start, declarations: workflow.declarations, endings: Object.values(endings), objectiveSeconds, logRetention: retentionOf(settings),
      failureImpact: 'The ledger was not put back, or the other Region has no replica of it: the report says which. Trading goes on, but for books whose bot requires the database.',
      runbook,
    });
    this.alarms = [restore.errorsAlarm, check.errorsAlarm, ...this.machine.alarms];
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-restore`, description: 'Restores of the database that ended without success may have left their locks',
      machines: [this.machine], giver: parts.recovery.function, event: releaseBooksOfTheExecution(),
    });
    this.#acknowledge([restore, check, parts.recovery, parts.database, switchover.control, switchover.other], {
      restored, folder, inputs: ['watermarks/*', 'venue-fills/*'].map((pattern) => props.evidence.arnForObjects(pattern)),
    });
  }

  #restore({ settings, leaseTable, masterSecret, key, evidence, parts }: DatabaseRestoreProps, prefix: string): ContractFunction<typeof databaseRestore> {
    const made = new ContractFunction(this, 'Databases', {
      contract: databaseRestore, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_REGION: Stack.of(this).region,
        BATON_DATABASE: parts.databaseInstanceIdentifier,
        BATON_DATABASE_SECRET_ARN: masterSecret.secretArn,
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_BOOKS: settings.books.map(({ name }) => name).join(','),
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
      },
    });
    const inUse = this.#arn('db', parts.databaseInstanceIdentifier);
    const [restored, before] = ['restore', 'before'].map((what) => this.#arn('db', `${prefix}-${what}-*`)) as [string, string];
    const groups = ['subgrp', 'pg', 'og'].map((kind) => this.#arn(kind, '*'));
    allow(made, ['dynamodb:GetItem'], [leaseTable.tableArn]);
    allow(made, ['s3:ListBucket'], [evidence.bucketArn]);
    allow(made, ['s3:GetObject'], [evidence.arnForObjects('watermarks/*')]);
    allow(made, ['secretsmanager:GetSecretValue'], [arnInPolicies(masterSecret)]);
    allow(made, ['kms:Decrypt'], [key.keyArn]);
    allow(made, ['rds:DescribeDBInstances', 'rds:ModifyDBInstance'], [inUse, restored, before]);
    allow(made, ['rds:DescribeDBInstanceAutomatedBackups'], [inUse]);
    allow(made, ['rds:RestoreDBInstanceToPointInTime'], [inUse, restored, ...groups]);
    allow(made, ['rds:AddTagsToResource', 'rds:RemoveTagsFromResource'], [restored]);
    made.function.addToRolePolicy(new iam.PolicyStatement({
      actions: ['kms:CreateGrant', 'kms:DescribeKey'], resources: [key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `rds.${Stack.of(this).region}.amazonaws.com` } },
    }));
    const wildcard = (resource: string, reason: string): void => Validations.of(made).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    wildcard(restored, 'What is restored is named by the execution that does it.');
    wildcard(before, 'A database that is set aside is named by the execution that did it.');
    for (const group of groups) wildcard(group, 'The groups of the database whose place the restored one takes, whatever they are by then.');
    return made;
  }

  /** The function that looks into restored backups, where it reaches what is restored beside the ledger. */
  #check({ settings, journalTable, masterSecret, key, evidence, network, databaseName }: DatabaseRestoreProps, prefix: string): ContractFunction<typeof backupCheck> {
    const made = new ContractFunction(this, 'Check', {
      contract: backupCheck, prefix, logRetention: retentionOf(settings),
      as: {
        name: 'restore-check', purpose: 'Looks into the database that was restored beside the one in use, before they are swapped', runbook,
        errorImpact: 'No restored database is swapped in; the one in use, and trading, go on.',
      },
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_DATABASE_NAME: databaseName,
        BATON_CHECK_SECRET_ARN: masterSecret.secretArn,
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
        BATON_JOURNAL_TABLE: journalTable.tableName,
        BATON_STALE_MINUTES: String(settings.verification.staleMinutes),
        NODE_EXTRA_CA_CERTS: caFile,
      },
      network: { vpc: network.vpc, subnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS }, securityGroup: network.databaseClientSecurityGroup },
    });
    allow(made, ['secretsmanager:GetSecretValue'], [arnInPolicies(masterSecret)]);
    allow(made, ['kms:Decrypt'], [key.keyArn]);
    allow(made, ['s3:GetObject'], [evidence.arnForObjects('watermarks/*'), evidence.arnForObjects('venue-fills/*')]);
    allow(made, ['dynamodb:Query'], [journalTable.tableArn]);
    return made;
  }

  #acknowledge(functions: readonly { readonly function: IConstruct }[], { restored, folder, inputs }: { readonly restored: string; readonly folder: string; readonly inputs: readonly string[] }): void {
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    const wildcard = (resource: string, reason: string): void => Validations.of(this).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    wildcard('*', 'Traces and the delivery of logs know no resource.');
    for (const each of functions) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(restored, 'What is restored is named by the execution that does it.');
    wildcard(folder, 'Reports are named by their executions.');
    for (const input of inputs) wildcard(input, 'Evidence is named by times and executions.');
  }

  #arn(resource: string, resourceName: string): string {
    return Stack.of(this).formatArn({ service: 'rds', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  }
}

function allow(target: MonitoredFunction, actions: string[], resources: string[]): void {
  target.function.addToRolePolicy(new iam.PolicyStatement({ actions, resources }));
}
