/**
 * The cutover: its state machine, the functions that decide for it, where it reports, whom it tells, and the
 * last net below it. One machine serves every book of the environment.
 */
import { ArnFormat, type CfnElement, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct, IConstruct } from 'constructs';
import { Canary } from '../lib/constructs/canary.ts';
import { ChangeGates } from '../lib/constructs/change-gates.ts';
import { ContractFunction, MonitoredFunction } from '../lib/constructs/function.ts';
import { catchWhatIsLeft } from '../lib/constructs/last-net.ts';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { PositionAlarm } from '../lib/constructs/position-alarm.ts';
import { JudgedStateMachine } from '../lib/constructs/state-machine.ts';
import { confirmHomeRegion, confirmWritingDatabase } from '../lib/constructs/topology.ts';
import { WaysBack } from '../lib/constructs/ways-back.ts';
import { cutoverInspection, endings, leaseControl } from '../lib/contracts/cutover.ts';
import { releaseWorkflow } from '../lib/contracts/release-workflow.ts';
import type { EnvironmentIn } from '../lib/contracts/step.ts';
import { noticesTopicOf, reportCopiesBucketName } from '../lib/contracts/stack-names.ts';
import { riseAtMost } from '../lib/cost/estimate.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverParts } from '../lib/workflows/blocks/parts.ts';
import { cutover } from '../lib/workflows/cutover.ts';
import { Workflow } from '../lib/workflows/workflow.ts';
import type { DataStack } from './data.ts';
import type { TradingStateStack } from './trading-state.ts';
import type { TradingStack } from './trading.ts';

export interface CutoverStackProps extends StackProps {
  readonly settings: Settings;
  readonly state: TradingStateStack;
  readonly data: DataStack;
  readonly trading: TradingStack;
}

/**
 * The longest that a cutover may take when everything goes as badly as its bounds allow: half an hour for the
 * snapshot, every wait to its limit, every call to its last attempt, and the way back. The settings of a book
 * that bakes longer move it.
 */
const objectiveBesideWaitsSeconds = 4320;

export class CutoverStack extends Stack {
  readonly machine: JudgedStateMachine;
  readonly reports: s3.Bucket;
  /** A plain name, known at synth. */
  readonly reportsName: string;
  readonly topic: sns.Topic;
  /** What the machine is made of, for others that do a part of its work. */
  readonly parts: CutoverParts;
  /** Gives back what a dead execution has. */
  readonly lastNet: MonitoredFunction;
  readonly #prefix: string;
  readonly #noticeKey: kms.Key;

  constructor(scope: Construct, id: string, { settings, state, data, trading, ...props }: CutoverStackProps) {
    super(scope, id, props);
    confirmHomeRegion(this, settings);
    confirmWritingDatabase(this, settings);
    const prefix = `baton-${settings.environment}`;
    this.#prefix = prefix;
    const logRetention = retentionOf(settings);
    this.#noticeKey = this.#key(settings);
    this.topic = this.#topic(settings);
    this.reportsName = `${prefix}-reports-${this.account}-${this.region}`;
    this.reports = this.#reports(settings);

    const control = new ContractFunction(this, 'LeaseControl', {
      contract: leaseControl, prefix, logRetention,
      environment: { BATON_LEASE_TABLE: state.leaseTable.tableName },
    });
    allow(control, state.leaseTable, ['GetItem', 'UpdateItem', 'Query', 'DeleteItem']);
    const inspection = new ContractFunction(this, 'Inspection', {
      contract: cutoverInspection, prefix, logRetention,
      environment: {
        BATON_LEASE_TABLE: state.leaseTable.tableName,
        BATON_JOURNAL_TABLE: state.journalTable.tableName,
        BATON_BOOKS: trading.books.map(({ name }) => name).join(','),
      },
    });
    allow(inspection, state.leaseTable, ['GetItem', 'Query']);
    allow(inspection, state.journalTable, ['Query']);

    const approvalSeconds = settings.approvals.withinMinutes * 60;
    const machineName = `${prefix}-cutover`;
    const gates = new ChangeGates(this, 'Gates', { settings, prefix, logRetention });

    this.parts = {
      environment: settings.environment,
      books: trading.books.map((book) => ({
        name: book.name,
        serviceName: book.serviceName,
        templateFamily: book.templateFamily,
        family: book.family,
        migrates: book.migrates,
        contracts: !settings.books.some(({ canary }) => canary === book.name),
        migrationTemplateFamily: book.migrationTemplateFamily,
        migrationFamily: book.migrationFamily,
        subnetIds: book.subnetIds,
        securityGroupIds: book.securityGroupIds,
        liveParameterName: book.liveParameterName,
        deploymentWindow: book.deploymentWindow,
      })),
      leaseControl: control,
      inspection,
      approvals: gates.approvals,
      freezeParameterName: gates.freezeParameterName,
      clusterName: trading.cluster.clusterName,
      migrationClusterName: trading.migrationCluster.clusterName,
      repositories: {
        trader: { name: trading.traderRepository.repositoryName, uri: trading.traderRepository.repositoryUri },
        guard: { name: trading.guardRepository.repositoryName, uri: trading.guardRepository.repositoryUri },
      },
      databaseInstanceIdentifier: data.databaseInstanceIdentifier,
      reportBucketName: this.reports.bucketName,
      topicArn: this.topic.topicArn,
      arns: {
        traderRepository: trading.traderRepository.repositoryArn,
        guardRepository: trading.guardRepository.repositoryArn,
        database: this.#arn('rds', 'db', data.databaseInstanceIdentifier, ArnFormat.COLON_RESOURCE_NAME),
        snapshots: this.#arn('rds', 'snapshot', `${prefix}-*`, ArnFormat.COLON_RESOURCE_NAME),
        taskDefinitions: trading.books.map(({ family }) => this.#arn('ecs', 'task-definition', `${family}:*`)),
        migrationDefinitions: trading.books.map(({ migrationFamily }) => this.#arn('ecs', 'task-definition', `${migrationFamily}:*`)),
        migrationTasks: this.#arn('ecs', 'task', `${prefix}-migrations/*`),
        services: trading.books.map(({ serviceName }) => this.#arn('ecs', 'service', `${prefix}/${serviceName}`)),
        taskSets: trading.books.map(({ serviceName }) => this.#arn('ecs', 'task-set', `${prefix}/${serviceName}/*`)),
        liveParameters: trading.books.map(({ liveParameterArn }) => liveParameterArn),
        freezeParameter: gates.freezeParameterArn,
        reports: this.reports.arnForObjects('cutovers/*'),
      },
      passRoles: passing(trading.books.flatMap(({ taskRole, executionRole }) => [taskRole, executionRole])),
      passMigrationRoles: passing(
        trading.books.flatMap(({ migrationTaskRole, migrationExecutionRole }) => [migrationTaskRole, migrationExecutionRole]),
      ),
      limits: {
        ...settings.cutover, approvalSeconds,
        approvedAboveUsd: settings.approvals.approvers.length > 0 ? riseAtMost * settings.budget.monthlyUsd : undefined,
      },
    };
    const { parts } = this;
    const workflow = new Workflow(this);
    const start = cutover(workflow, parts);
    const { bakeSeconds, drainSeconds, healthySeconds, proveSeconds, rollbackWindowSeconds } = settings.cutover;
    const waitsSeconds = approvalSeconds + healthySeconds + 2 * (drainSeconds + proveSeconds) + 2 * bakeSeconds + rollbackWindowSeconds;
    this.machine = new JudgedStateMachine(this, 'Cutover', {
      name: machineName,
      comment: 'Replaces the traders of one book by new ones without a moment in which both, or for long neither, can trade.',
      start,
      declarations: workflow.declarations,
      endings: Object.values(endings),
      objectiveSeconds: objectiveBesideWaitsSeconds + waitsSeconds,
      logRetention,
      failureImpact: 'The new image does not trade, or a person must decide; whoever holds the lease goes on trading.',
      runbook: 'docs/runbooks/cutover.md',
    });
    this.letPublish(this.machine.machine);

    const net = this.#lastNet(prefix, settings, state);
    this.lastNet = net;
    const waysBack = new WaysBack(this, 'WaysBack', {
      settings, prefix, leaseTable: state.leaseTable, journalTable: state.journalTable, parts, reports: this.reports, lastNet: net,
    });
    for (const { machine } of waysBack.machines) this.letPublish(machine);
    for (const alarm of waysBack.alarms) this.announce(alarm);
    const canaries = canariesOf(settings);
    if (Object.keys(canaries).length > 0) {
      const machines = { cutover: this.machine, rollback: waysBack.rollback, halt: waysBack.halt };
      const canary = new Canary(this, 'Canary', { settings, prefix, canaries, parts, reports: this.reports, machines });
      this.letPublish(canary.machine.machine);
      for (const alarm of canary.machine.alarms) this.announce(alarm);
    }
    for (const { name, logGroupName } of trading.books) {
      this.announce(new PositionAlarm(this, `Position-${name}`, { prefix, book: name, logGroupName }).alarm);
    }
    const functions = [control, inspection, gates.approvals];
    for (const each of [...functions, gates.decisions, net]) this.announce(each.errorsAlarm);
    for (const alarm of this.machine.alarms) this.announce(alarm);
    this.#acknowledge(trading, functions);
  }

  /** Where reports stay: they say who asked for what and why, long after the execution is forgotten. A copy outlives the Region. */
  #reports(settings: Settings): s3.Bucket {
    const { first, second } = settings.regions;
    const other = this.region === first.name ? second : first;
    const destination = s3.Bucket.fromBucketName(this, 'ReportCopies', reportCopiesBucketName(settings, other.name));
    const bucket = new s3.Bucket(this, 'Reports', {
      bucketName: this.reportsName,
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      replicationRules: [{ destination }],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Reports, written by the machines: CloudTrail records who reads them, and access logs would need a bucket of their own.',
    });
    for (const objects of [`<${this.getLogicalId(bucket.node.defaultChild as CfnElement)}.Arn>/*`, `${destination.bucketArn}/*`]) {
      Validations.of(bucket).acknowledge({ id: `AwsSolutions-IAM5[Resource::${objects}]`, reason: 'S3 copies every report, by any name.' });
    }
    return bucket;
  }

  #key(settings: Settings): kms.Key {
    const key = new kms.Key(this, 'NoticeKey', {
      description: `Baton ${settings.environment}: notices about workflows`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    // An alarm that cannot encrypt its notice is silent.
    key.addToResourcePolicy(this.#forAlarms(['kms:Decrypt', 'kms:GenerateDataKey*'], '*'));
    return key;
  }

  #topic(settings: Settings): sns.Topic {
    const topic = new sns.Topic(this, 'Notices', {
      topicName: noticesTopicOf(settings),
      displayName: `Baton ${settings.environment}`,
      masterKey: this.#noticeKey,
      enforceSSL: true,
    });
    // Not the CDK's grant: it would let the alarms of every account in, here and at the key.
    topic.addToResourcePolicy(this.#forAlarms(['sns:Publish'], topic.topicArn));
    for (const email of settings.notifications.emails) topic.addSubscription(new subscriptions.EmailSubscription(email));
    return topic;
  }

  /** What the alarms of this account may do, and those of no other. */
  #forAlarms(actions: string[], resource: string): iam.PolicyStatement {
    return new iam.PolicyStatement({
      principals: [new iam.ServicePrincipal('cloudwatch.amazonaws.com')],
      actions,
      resources: [resource],
      conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
    });
  }

  /** Runs for each execution that did not succeed; acts only for those that left something. */
  #lastNet(prefix: string, settings: Settings, state: TradingStateStack): MonitoredFunction {
    const { name, purpose, timeoutSeconds, errorImpact, runbook } = releaseWorkflow;
    const environment: EnvironmentIn<typeof releaseWorkflow> = {
      BATON_LEASE_TABLE: state.leaseTable.tableName,
      BATON_TOPIC_ARN: this.topic.topicArn,
    };
    const net = new MonitoredFunction(this, 'LastNet', {
      name, purpose, timeoutSeconds, errorImpact, runbook, environment, prefix, logRetention: retentionOf(settings),
    });
    allow(net, state.leaseTable, ['GetItem', 'UpdateItem']);
    this.letPublish(net.function);
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net`, description: 'Executions that ended without success may have left a lock or a drain',
      machines: [this.machine], giver: net.function,
    });
    return net;
  }

  /** People hear of it. */
  announce(alarm: cloudwatch.Alarm): void {
    alarm.addAlarmAction(new SnsAction(this.topic));
  }

  /** Lets it tell people, without the wildcard of the CDK's own grant. */
  letPublish(grantee: iam.IGrantable): void {
    grantee.grantPrincipal.addToPrincipalPolicy(new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [this.topic.topicArn] }));
    grantee.grantPrincipal.addToPrincipalPolicy(
      new iam.PolicyStatement({ actions: ['kms:Decrypt', 'kms:GenerateDataKey'], resources: [this.#noticeKey.keyArn] }),
    );
  }

  /** Every wildcard in the machine's role, each with its reason. */
  #acknowledge(trading: TradingStack, functions: readonly MonitoredFunction[]): void {
    const wildcard = (resource: string, reason: string): void => {
      Validations.of(this.machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    };
    wildcard('*', 'Traces, the delivery of logs and DescribeTaskDefinition know no resource.');
    const logicalId = (construct: IConstruct): string => this.getLogicalId(construct.node.defaultChild as CfnElement);
    for (const each of functions) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(`<${logicalId(this.reports)}.Arn>/cutovers/*`, 'Reports are named by their executions.');
    const snapshots = this.#arn('rds', 'snapshot', `${this.#prefix}-*`, ArnFormat.COLON_RESOURCE_NAME);
    wildcard(snapshots, 'Snapshots are named by their executions.');
    const migrationTasks = this.#arn('ecs', 'task', `${this.#prefix}-migrations/*`);
    wildcard(migrationTasks, 'ECS names the task that migrates; it is looked at and, when late, stopped.');
    for (const { family, migrationFamily, serviceName } of trading.books) {
      wildcard(this.#arn('ecs', 'task-definition', `${family}:*`), 'Revisions of one family: the cutover makes them.');
      wildcard(this.#arn('ecs', 'task-definition', `${migrationFamily}:*`), 'Revisions of one family: the cutover makes them.');
      wildcard(this.#arn('ecs', 'task-set', `${this.#prefix}/${serviceName}/*`), 'Task sets of one service: the cutover makes them.');
    }
  }

  #arn(service: string, resource: string, resourceName: string, arnFormat = ArnFormat.SLASH_RESOURCE_NAME): string {
    return this.formatArn({ service, resource, resourceName, arnFormat });
  }
}

/** The canary of each book that has one. */
function canariesOf({ books }: Settings): Readonly<Record<string, { readonly book: string; readonly capital: number }>> {
  return Object.fromEntries(books.flatMap((book) => {
    const canary = books.find(({ name }) => name === book.canary);
    return canary === undefined ? [] : [[book.name, { book: canary.name, capital: canary.capital }]];
  }));
}

/** Leave to give exactly these roles to tasks of ECS. */
function passing(roles: readonly iam.IRole[]): iam.PolicyStatement {
  return new iam.PolicyStatement({
    actions: ['iam:PassRole'],
    resources: roles.map(({ roleArn }) => roleArn),
    conditions: { StringEquals: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } },
  });
}

function allow(target: MonitoredFunction, table: dynamodb.ITableV2, operations: readonly string[]): void {
  target.function.addToRolePolicy(
    new iam.PolicyStatement({ actions: operations.map((operation) => `dynamodb:${operation}`), resources: [table.tableArn] }),
  );
}
