/**
 * The failover's machine, for all books of the environment, and what catches executions that were killed. It runs in the Region that is
 * to become home and needs nothing of the other one; which that is, only the lease tells it.
 */
import { ArnFormat, type CfnElement, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { booksThatWrite, type Settings } from '../settings/index.ts';
import { failover, type FailoverBook, type FailoverParts } from '../workflows/failover.ts';
import { Workflow } from '../workflows/workflow.ts';
import { catchWhatIsLeft, releaseBooksOfTheExecution } from './last-net.ts';
import { retentionOf } from './log-retention.ts';
import type { RecoveryFunctions } from './recovery-functions.ts';
import { arnInPolicies } from './replicated-secret.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface FailoverProps {
  readonly settings: Settings;
  readonly functions: RecoveryFunctions;
  readonly books: readonly (Omit<FailoverBook, 'needsDatabase'> & { readonly liveParameterArn: string })[];
  readonly databaseInstanceIdentifier: string;
  /** Those that have a replica, by their names. */
  readonly secrets: Readonly<Record<string, secretsmanager.ISecret>>;
  readonly reports: s3.IBucket;
  readonly topicArn: string;
}

/** Every wait to its limit, the promotion's above all, and every call to its last attempt. */
const objectiveSeconds = 7200;

export class Failover extends Construct {
  readonly machine: JudgedStateMachine;
  /** For the planned moves, whose second half is the same. */
  readonly parts: FailoverParts;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: FailoverProps) {
    super(scope, id);
    const { settings, functions, books, databaseInstanceIdentifier, secrets, reports, topicArn } = props;
    const prefix = `baton-${settings.environment}`;
    const { region } = Stack.of(this);
    const services = books.map(({ serviceName }) => this.#arn('ecs', 'service', `${prefix}/${serviceName}`));
    const taskSets = books.map(({ serviceName }) => this.#arn('ecs', 'task-set', `${prefix}/${serviceName}/*`));
    const topologyParameters = ['home-region', 'writing-database'].map((fact) => this.#arn('ssm', 'parameter', `baton/${settings.environment}/${fact}/*`));
    const secretArns = Object.values(secrets).map(arnInPolicies);
    const workflow = new Workflow(new Construct(this, 'States'));
    this.parts = {
      environment: settings.environment,
      region,
      recovery: functions.control,
      database: functions.database,
      books: books.map(({ name, serviceName, liveParameterName }) => ({
        name, serviceName, liveParameterName, needsDatabase: booksThatWrite(settings).includes(name),
      })),
      clusterName: prefix,
      databaseInstanceIdentifier,
      backupRetentionDays: settings.database.retentionDays,
      secretNames: Object.keys(secrets),
      rpoSeconds: settings.recovery.rpoSeconds,
      leaseMs: settings.lease.leaseMs,
      reportBucketName: reports.bucketName,
      topicArn,
      arns: {
        reports: reports.arnForObjects('failovers/*'),
        services, taskSets, topologyParameters,
        liveParameters: books.map(({ liveParameterArn }) => liveParameterArn),
        database: this.#arn('rds', 'db', databaseInstanceIdentifier, ArnFormat.COLON_RESOURCE_NAME),
        secrets: secretArns,
      },
    };
    const start = failover(workflow, this.parts);
    this.machine = new JudgedStateMachine(this, 'Failover', {
      name: `${prefix}-failover`,
      comment: 'Moves every book to this Region when the one that is home is lost.',
      start,
      declarations: workflow.declarations,
      endings: Object.values(endings),
      objectiveSeconds,
      logRetention: retentionOf(settings),
      failureImpact: 'The books may not trade, or trade without a database: the report says which; whoever holds a lease goes on trading.',
      runbook: 'docs/runbooks/failover.md',
    });
    this.alarms = [functions.control.errorsAlarm, functions.database.errorsAlarm, ...this.machine.alarms];
    catchWhatIsLeft(this, {
      ruleName: `${prefix}-last-net-failover`, description: 'Failovers that ended without success may have left their locks',
      machines: [this.machine], giver: functions.control.function, event: releaseBooksOfTheExecution(),
    });

    const wildcard = (resource: string, reason: string): void =>
      Validations.of(this.machine).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    Validations.of(this.machine).acknowledge({
      id: 'Baton permissions::NamedResources', reason: 'PutMetricData takes a data set for metrics of OTLP alone; those of CloudWatch know no resource.',
    });
    wildcard('*', 'Traces, the delivery of logs, and the calls of CloudWatch about metrics know no resource.');
    for (const each of [functions.control, functions.database]) wildcard(`<${logicalId(each.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(reports.arnForObjects('failovers/*'), 'Reports are named by their executions.');
    for (const arn of taskSets) wildcard(arn, 'Task sets of one service: cutovers and refreshes make them.');
    for (const arn of topologyParameters) wildcard(arn, 'The fact is the name: which Region it names, only the lease tells.');
    for (const arn of secretArns.filter((each) => each.endsWith('?'))) wildcard(arn, 'Secrets Manager ends each ARN with characters of its own.');
  }

  #arn(service: string, resource: string, resourceName: string, arnFormat = ArnFormat.SLASH_RESOURCE_NAME): string {
    return Stack.of(this).formatArn({ service, resource, resourceName, arnFormat });
  }
}
