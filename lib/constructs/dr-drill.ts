/**
 * The drill: the machine that rehearses the loss of the home Region in this one, its functions, the task that trades on paper, the schedule, and the alarm that none
 * was passed for too long. Both Regions have it; it does nothing where the books are at home.
 */
import { ArnFormat, type CfnElement, Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { SubnetType, type IVpc } from 'aws-cdk-lib/aws-ec2';
import type * as ecr from 'aws-cdk-lib/aws-ecr';
import * as ecs from 'aws-cdk-lib/aws-ecs';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { drillCheck, drillControl, type Objectives, shadowBook } from '../contracts/drill.ts';
import { recoveryControl } from '../contracts/recovery.ts';
import type { BookSettings, Settings } from '../settings/index.ts';
import { drDrill, type ShadowCluster } from '../workflows/dr-drill.ts';
import { Workflow } from '../workflows/workflow.ts';
import { masterUser } from './backup-verification.ts';
import { ContractFunction, functionByName, type MonitoredFunction } from './function.ts';
import type { IsolatedNetwork } from './isolated-network.ts';
import { catchWhatIsLeft, releaseBooksOfTheExecution } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import { caFile } from './recovery-functions.ts';
import { Schedule } from './schedule.ts';
import type { ShadowBook } from './shadow-book.ts';
import { JudgedStateMachine } from './state-machine.ts';
import { TradingTaskTemplate } from './trading-task.ts';

export interface DrDrillProps {
  readonly settings: Settings;
  readonly shadow: ShadowBook;
  readonly network: IsolatedNetwork;
  readonly signingKey: kms.IKey;
  readonly evidence: s3.IBucket;
  readonly reports: s3.IBucket;
  readonly topicArn: string;
  readonly vault: { readonly name: string; readonly arn: string; readonly key: kms.IKey };
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  readonly repositories: Readonly<Record<'trader' | 'guard', ecr.IRepository>>;
  readonly databaseInstanceIdentifier: string;
  readonly databaseName: string;
  readonly databasePort: number;
  /** Encrypts the database, its backups and the shadow book's secrets. */
  readonly key: kms.IKey;
  /** Gives back the locks of an execution that was killed. */
  readonly releaser: lambda.IFunction;
}

const guardPort = 9070;
const venuePort = 9072;
/** The venue on paper: beside the guard, on the task's own loopback. */
const paperHost = `127.0.0.1:${venuePort}`;
/** Longer than any drill needs its task. */
const openMinutes = 60;
/** Restore, start, orders and teardown, every wait to its limit and every call to its last attempt. */
const objectiveSeconds = 28_800;
/** Beside the lease, as of a failover. */
const tradeAllowanceSeconds = 3;
const runbook = 'docs/runbooks/dr-drill.md';

export class DrDrill extends Construct {
  readonly machine: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];
  readonly shadows: ShadowCluster;

  constructor(scope: Construct, id: string, props: DrDrillProps) {
    super(scope, id);
    const { settings } = props;
    const prefix = `baton-${settings.environment}`;
    const clusterName = `${prefix}-drills`;
    const inCluster = (resource: string): string => this.#arn('ecs', resource, `${clusterName}/*`, ArnFormat.SLASH_RESOURCE_NAME);
    this.shadows = { clusterName, arns: { tasks: inCluster('task'), listed: inCluster('container-instance') } };
    const cluster = new ecs.Cluster(this, 'Cluster', {
      clusterName, vpc: props.network.vpc as IVpc, containerInsightsV2: ecs.ContainerInsights.ENABLED,
    });
    const tasks = new Map(settings.books.map((book) => [book.name, this.#task(props, prefix, book)]));
    const control = this.#control(props, prefix);
    const check = this.#check(props, prefix);
    this.machine = this.#machine(props, prefix, { cluster, tasks, control, check });
    const monthly = new Schedule(this, 'Monthly', {
      name: `${prefix}-dr-drill`, description: 'The loss of the home Region is rehearsed in the other one', expression: settings.drill.schedule, target: { machine: this.machine.machine },
      input: { book: 'in-turn', requestedBy: 'the schedule', reason: 'Drills are made by the calendar.', skipAtHome: true },
      missedImpact: 'The drill of this month was not made.', runbook,
    });
    const daily = new Schedule(this, 'Daily', {
      name: `${prefix}-drill-age`, description: 'How long ago a drill was passed', expression: 'cron(30 6 * * ? *)', windowMinutes: 60, target: { function: control.function }, input: { step: 'age' },
      missedImpact: 'Nobody looked today how long ago a drill was passed.', runbook,
    });
    this.alarms = [control.errorsAlarm, check.errorsAlarm, ...this.machine.alarms, monthly.alarm, daily.alarm, this.#overdue(settings, prefix, control)];
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-drill`, description: 'Drills that ended without success may have left their locks',
      machines: [this.machine], giver: props.releaser, event: releaseBooksOfTheExecution(),
    });
    this.#acknowledge(props, prefix, [control, check]);
  }

  /** The real image as it trades, but for its book, its venue, its database and its secrets. */
  #task({ settings, shadow, leaseTable, journalTable, repositories, key, databaseName, databasePort }: DrDrillProps, prefix: string, book: BookSettings): TradingTaskTemplate {
    return new TradingTaskTemplate(this, `Task-${book.name}`, {
      family: `${prefix}-${book.name}-drill-template`, book: shadowBook, size: book.task, leaseTable, journalTable,
      secrets: [{ secret: shadow.venueSecret, key }, { secret: shadow.databaseSecret, key }],
      guardRepository: repositories.guard, traderRepository: repositories.trader, logGroup: shadow.logGroup,
      paperVenue: { BATON_VENUE_PORT: String(venuePort), BATON_VENUE_SECRET_ARN: shadow.venueSecret.secretArn, BATON_OPEN_MINUTES: String(openMinutes) },
      guard: {
        BATON_BOOK: shadowBook, BATON_LEASE_TABLE: leaseTable.tableName, BATON_VENUE: book.venue, BATON_VENUE_URL: `http://${paperHost}`, BATON_VENUE_HOSTS: paperHost,
        BATON_VENUE_SECRET_ARN: shadow.venueSecret.secretArn, BATON_GUARD_PORT: String(guardPort), BATON_DRAIN_TIMEOUT_MS: String(settings.lease.leaseMs),
      },
      trader: {
        BATON_BOOK: shadowBook, BATON_GUARD_PORT: String(guardPort), BATON_JOURNAL_TABLE: journalTable.tableName, BATON_VENUE: book.venue, BATON_VENUE_URL: `http://${paperHost}`,
        BATON_SYMBOL: book.symbol, BATON_ORDERS_PER_SECOND: String(book.ordersPerSecond), BATON_CAPITAL: String(book.capital),
        // Known when it is restored.
        BATON_DATABASE_HOST: 'restored', BATON_DATABASE_PORT: String(databasePort), BATON_DATABASE_NAME: databaseName, BATON_DATABASE_SECRET_ARN: shadow.databaseSecret.secretArn,
        // None: the other Region's begins empty, and a trader goes on without. Nobody listens there.
        BATON_REDIS_HOST: '127.0.0.1', BATON_REDIS_PORT: '1', BATON_REDIS_SECRET_ARN: shadow.databaseSecret.secretArn,
        // Whatever the book itself requires: the drill wants to see that the restored database can be written.
        BATON_REQUIRES: 'database',
      },
    });
  }

  #control(props: DrDrillProps, prefix: string): ContractFunction<typeof drillControl> {
    const { settings, shadow, evidence, vault, leaseTable, signingKey, key, databaseInstanceIdentifier } = props;
    const { drill, lease, books } = settings;
    const objectives: Objectives = {
      restoreSeconds: drill.restoreMinutes * 60, recoveryPointSeconds: drill.recoveryPointMinutes * 60, ordersSeconds: lease.leaseMs / 1000 + tradeAllowanceSeconds,
    };
    const made = new ContractFunction(this, 'Control', {
      contract: drillControl, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_INSTALLATION: prefix,
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_BOOKS: books.map(({ name }) => name).join(','),
        BATON_LEASE_MS: String(lease.leaseMs),
        BATON_REGION: Stack.of(this).region,
        BATON_VAULT: vault.name,
        BATON_DATABASE_ARN: this.#arn('rds', 'db', databaseInstanceIdentifier),
        BATON_DATABASE_USER: masterUser,
        BATON_DATABASE_SECRET_ARN: shadow.databaseSecret.secretArn,
        BATON_EVIDENCE_BUCKET: evidence.bucketName,
        BATON_SIGNING_KEY_ARN: signingKey.keyArn,
        BATON_OBJECTIVES: JSON.stringify(objectives),
        BATON_PASSED_WITHIN_DAYS: String(drill.passedWithinDays),
      },
    });
    const ofBooks = (names: readonly string[]): Record<string, Record<string, unknown>> =>
      ({ 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [...names] }, Null: { 'dynamodb:LeadingKeys': 'false' } });
    // Of the books it reads where they are at home and what is live; it writes the shadow alone.
    made.function.addToRolePolicy(new iam.PolicyStatement({
      actions: ['dynamodb:GetItem'], resources: [leaseTable.tableArn], conditions: ofBooks([shadowBook, ...books.map(({ name }) => name)]),
    }));
    made.function.addToRolePolicy(new iam.PolicyStatement({
      actions: ['dynamodb:Query', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'], resources: [leaseTable.tableArn], conditions: ofBooks([shadowBook]),
    }));
    allow(made, ['backup:ListRecoveryPointsByBackupVault'], [vault.arn]);
    allow(made, ['s3:ListBucket'], [evidence.bucketArn]);
    allow(made, ['s3:GetObject', 's3:PutObject'], [evidence.arnForObjects('drills/*')]);
    allow(made, ['secretsmanager:PutSecretValue'], [shadow.databaseSecret.secretArn]);
    allow(made, ['kms:Decrypt', 'kms:GenerateDataKey'], [key.keyArn]);
    allow(made, ['rds:ModifyDBInstance'], [this.#restored(prefix)]);
    allow(made, ['kms:Sign'], [signingKey.keyArn]);
    return made;
  }

  #check({ settings, shadow, network, databaseName, key }: DrDrillProps, prefix: string): ContractFunction<typeof drillCheck> {
    const made = new ContractFunction(this, 'Check', {
      contract: drillCheck, prefix, logRetention: retentionOf(settings),
      environment: { BATON_DATABASE_NAME: databaseName, BATON_DATABASE_SECRET_ARN: shadow.databaseSecret.secretArn, NODE_EXTRA_CA_CERTS: caFile },
      network: { vpc: network.vpc as IVpc, subnets: { subnetType: SubnetType.PRIVATE_ISOLATED }, securityGroup: network.checkerSecurityGroup },
    });
    allow(made, ['secretsmanager:GetSecretValue'], [shadow.databaseSecret.secretArn]);
    allow(made, ['kms:Decrypt'], [key.keyArn]);
    return made;
  }

  #machine(
    { settings, network, reports, topicArn, vault, key, repositories }: DrDrillProps, prefix: string,
    { cluster, tasks, control, check }: {
      readonly cluster: ecs.Cluster; readonly tasks: ReadonlyMap<string, TradingTaskTemplate>;
      readonly control: ContractFunction<typeof drillControl>; readonly check: ContractFunction<typeof drillCheck>;
    },
  ): JudgedStateMachine {
    const workflow = new Workflow(new Construct(this, 'States'));
    const books = [...tasks.keys()];
    const start = drDrill(workflow, {
      control, check, recovery: functionByName(this, recoveryControl, prefix), region: Stack.of(this).region,
      templates: Object.fromEntries(books.map((book) => [book, { template: `${prefix}-${book}-drill-template`, family: `${prefix}-${book}-drill` }])),
      clusterName: this.shadows.clusterName, subnetIds: network.vpc.isolatedSubnets.map(({ subnetId }) => subnetId), taskSecurityGroupId: network.shadowSecurityGroup.securityGroupId,
      repositories: { trader: repositories.trader.repositoryUri, guard: repositories.guard.repositoryUri },
      passRoles: new iam.PolicyStatement({
        actions: ['iam:PassRole'], resources: [...tasks.values()].flatMap(({ taskRole, executionRole }) => [taskRole.roleArn, executionRole.roleArn]),
        conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
      }),
      instanceClass: settings.database.instanceClass, subnetGroupName: network.databaseSubnets.subnetGroupName, securityGroupId: network.restoredSecurityGroup.securityGroupId,
      reportBucketName: reports.bucketName, topicArn,
      arns: {
        reports: reports.arnForObjects('drills/*'), restored: this.#restored(prefix), snapshots: this.#snapshots(),
        surroundings: [this.#arn('rds', 'subgrp', `${prefix}-verification`), this.#arn('rds', 'pg', 'default.postgres17'), this.#arn('rds', 'og', 'default:postgres-17')],
        definitions: books.map((book) => this.#definitions(prefix, book)), ...this.shadows.arns,
      },
    });
    const machine = new JudgedStateMachine(this, 'Drill', {
      name: `${prefix}-dr-drill`,
      comment: 'Rehearses the loss of the home Region with a shadow book that trades on paper.',
      start, declarations: workflow.declarations, endings: Object.values(endings), objectiveSeconds, logRetention: retentionOf(settings),
      failureImpact: 'Nobody knows whether this Region would go on if the other one were lost; nothing that trades is touched.',
      runbook,
    });
    // What RDS does with the key of a snapshot, on behalf of whoever restores it: a backup has that of its database, a copy that of its vault.
    machine.machine.addToRolePolicy(new iam.PolicyStatement({
      actions: ['kms:DescribeKey', 'kms:CreateGrant'], resources: [key.keyArn, vault.key.keyArn],
      conditions: { StringEquals: { 'kms:ViaService': `rds.${Stack.of(this).region}.amazonaws.com` } },
    }));
    machine.node.addDependency(cluster);
    return machine;
  }

  /** Of what the function says of a drill, for graphs; and of its daily look. */
  #overdue(settings: Settings, prefix: string, control: ContractFunction<typeof drillControl>): cloudwatch.Alarm {
    const metric = (name: string, filterPattern: logs.IFilterPattern, metricValue: string): logs.MetricFilter =>
      new logs.MetricFilter(this, `${name}Lines`, {
        logGroup: control.function.logGroup, filterName: `${prefix}-drill-${name}`, filterPattern, metricNamespace: 'Baton', metricName: `${prefix}-drill-${name}`, metricValue,
      });
    for (const name of ['restore', 'recoveryPoint', 'orders', 'total']) {
      const words = name.replace(/[A-Z]/, (letter) => `-${letter.toLowerCase()}`);
      metric(`${words}-seconds`, logs.FilterPattern.literal(`{ $.output.measures.${name}Seconds = * }`), `$.output.measures.${name}Seconds`);
    }
    return metric('overdue', logs.FilterPattern.stringValue('$.output.state', '=', 'overdue'), '1')
      .metric({ period: Duration.minutes(1), statistic: 'Sum' })
      .createAlarm(this, 'OverdueAlarm', {
        alarmName: `${prefix}-drill-overdue`,
        alarmDescription: `No drill was passed in this Region for ${settings.drill.passedWithinDays} days: nobody knows whether it would go on if the other one were lost. Runbook: ${runbook}`,
        threshold: 1, evaluationPeriods: 1, treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
  }

  #restored(prefix: string): string {
    return this.#arn('rds', 'db', `${prefix}-drill-*`);
  }
  #snapshots(): string {
    return this.#arn('rds', 'snapshot', 'awsbackup:*');
  }
  #definitions(prefix: string, book: string): string {
    return this.#arn('ecs', 'task-definition', `${prefix}-${book}-drill:*`, ArnFormat.SLASH_RESOURCE_NAME);
  }

  #acknowledge({ settings, evidence, reports }: DrDrillProps, prefix: string, functions: readonly { readonly function: IConstruct }[]): void {
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    const wildcard = (resource: string, reason: string): void => Validations.of(this).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    wildcard('*', 'Traces, the delivery of logs and the reading of a task definition know no resource.');
    for (const each of functions) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(this.#restored(prefix), 'What is restored is named after the execution that drills.');
    wildcard(this.#snapshots(), 'AWS Backup names its snapshots after its jobs.');
    for (const { name } of settings.books) wildcard(this.#definitions(prefix, name), 'Each drill registers a revision of its own.');
    for (const each of Object.values(this.shadows.arns)) wildcard(each, 'Nothing but shadow tasks runs in this cluster.');
    wildcard(reports.arnForObjects('drills/*'), 'Reports are named by their executions.');
    wildcard(`<${logicalId(evidence)}.Arn>/drills/*`, 'Signed reports are named by times and executions.');
  }

  #arn(service: string, resource: string, resourceName: string, arnFormat = ArnFormat.COLON_RESOURCE_NAME): string {
    return Stack.of(this).formatArn({ service, resource, resourceName, arnFormat });
  }
}

function allow(target: MonitoredFunction, actions: string[], resources: string[]): void {
  target.function.addToRolePolicy(new iam.PolicyStatement({ actions, resources }));
}
