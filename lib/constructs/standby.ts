/**
 * This Region as the standby of the other one: the machine that brings it to what is live, the watch that keeps it in agreement
 * with the lease, and the alarms of both. Each Region has it; which one is home at the moment, only the lease says.
 */
import { ArnFormat, type CfnElement, Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct, type IConstruct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import { databaseRecovery } from '../contracts/recovery.ts';
import { regionWatch } from '../contracts/region-watch.ts';
import { standbyControl } from '../contracts/standby.ts';
import type { EnvironmentIn } from '../contracts/step.ts';
import { booksThatWrite, type Settings } from '../settings/index.ts';
import { facts } from '../standby/watch.ts';
import type { CutoverParts } from '../workflows/blocks/parts.ts';
import { refreshStandby } from '../workflows/refresh-standby.ts';
import { Workflow } from '../workflows/workflow.ts';
import { ContractFunction, MonitoredFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface StandbyProps {
  readonly settings: Settings;
  readonly leaseTable: dynamodb.ITableV2;
  /** As this Region's cutover has them. */
  readonly parts: CutoverParts;
  readonly reports: s3.IBucket;
}

/** An image on its way, a leftover, provisioning, health, the old one's removal: every wait to its limit, every call to its last attempt. */
const objectiveSeconds = 7200;
/** A refresh takes some minutes; one that has to wait for an image may take longer, and people shall know by then. */
const staleMinutes = 15;
const faultyMinutes = 5;

export class Standby extends Construct {
  readonly refresh: JudgedStateMachine;
  readonly watch: MonitoredFunction;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: StandbyProps) {
    super(scope, id);
    const { settings, leaseTable, parts, reports } = props;
    const prefix = `baton-${settings.environment}`;
    const stack = Stack.of(this);
    const books = parts.books.map(({ name }) => name).join(',');
    const shared = { BATON_LEASE_TABLE: leaseTable.tableName, BATON_BOOKS: books, BATON_BOOKS_THAT_WRITE: booksThatWrite(settings).join(','), BATON_REGION: stack.region };

    const control = new ContractFunction(this, 'Control', {
      contract: standbyControl, prefix, logRetention: retentionOf(settings), environment: shared,
    });
    allow(control, ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:DeleteItem'], [leaseTable.tableArn]);
    const workflow = new Workflow(new Construct(this, 'RefreshStates'));
    const folder = 'standby-refreshes';
    this.refresh = new JudgedStateMachine(this, 'Refresh', {
      name: `${prefix}-refresh-standby`,
      comment: 'Starts in the standby Region what is live at home, and removes what stood by before.',
      start: refreshStandby(workflow, { ...parts, control, arns: { ...parts.arns, reports: reports.arnForObjects(`${folder}/*`) } }),
      declarations: workflow.declarations,
      endings: Object.values(endings),
      objectiveSeconds,
      logRetention: retentionOf(settings),
      failureImpact: 'The standby Region does not run what is live: a failover would bring back the older release.',
      runbook: 'docs/runbooks/standby.md',
    });
    this.#acknowledge(props, control, folder);

    const environment: EnvironmentIn<typeof regionWatch> = {
      ...shared,
      BATON_ENVIRONMENT: settings.environment,
      BATON_REGIONS: [settings.regions.first.name, settings.regions.second.name].join(','),
      BATON_REFRESH_MACHINE: this.refresh.machine.stateMachineArn,
      BATON_DATABASE: parts.databaseInstanceIdentifier,
      BATON_DATABASE_FUNCTION: `${prefix}-${databaseRecovery.name}`,
    };
    const { name, purpose, timeoutSeconds, errorImpact, runbook } = regionWatch;
    this.watch = new MonitoredFunction(this, 'Watch', {
      name, purpose, timeoutSeconds, errorImpact, runbook, environment, prefix, logRetention: retentionOf(settings),
    });
    const parameter = (resourceName: string): string => stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName });
    const factArns = facts.flatMap((fact) =>
      [settings.regions.first, settings.regions.second].map((region) => parameter(`baton/${settings.environment}/${fact}/${region.name}`)));
    allow(this.watch, ['dynamodb:GetItem', 'dynamodb:Query'], [leaseTable.tableArn]);
    allow(this.watch, ['ssm:GetParameters', 'ssm:PutParameter', 'ssm:DeleteParameter'], factArns);
    allow(this.watch, ['ssm:GetParameter'], parts.arns.liveParameters);
    allow(this.watch, ['rds:DescribeDBInstances', 'rds:AddTagsToResource'], [parts.arns.database]);
    allow(this.watch, ['lambda:InvokeFunction'], [stack.formatArn({
      service: 'lambda', resource: 'function', resourceName: `${prefix}-${databaseRecovery.name}`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    })]);
    allow(this.watch, ['states:StartExecution'], [this.refresh.machine.stateMachineArn]);
    this.#looks(settings, prefix);
    this.alarms = [control.errorsAlarm, this.watch.errorsAlarm, ...this.refresh.alarms, ...this.#whatTheWatchSays(prefix)];
  }

  /** Every minute; and at once when a change at home has ended, however it did. */
  #looks(settings: Settings, prefix: string): void {
    const stack = Stack.of(this);
    const { first, second } = settings.regions;
    const other = stack.region === first.name ? second.name : first.name;
    const look = new targets.LambdaFunction(this.watch.function, { retryAttempts: 2, maxEventAge: Duration.minutes(5) });
    new events.Rule(this, 'EveryMinute', {
      ruleName: `${prefix}-region-watch`,
      description: 'Keeps this Region in agreement with the lease',
      schedule: events.Schedule.rate(Duration.minutes(1)),
      targets: [look],
    });
    const changesOf = (region: string): events.EventPattern => ({
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: {
        stateMachineArn: ['cutover', 'rollback'].map((machine) =>
          stack.formatArn({ region, service: 'states', resource: 'stateMachine', resourceName: `${prefix}-${machine}`, arnFormat: ArnFormat.COLON_RESOURCE_NAME })),
        status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
      },
    });
    new events.Rule(this, 'ChangesHere', {
      ruleName: `${prefix}-changes`,
      description: 'What was changed here, the other Region has to follow',
      eventPattern: changesOf(stack.region),
      targets: [
        new targets.EventBus(events.EventBus.fromEventBusArn(
          this, 'OtherBus', stack.formatArn({ region: other, service: 'events', resource: 'event-bus', resourceName: 'default' }),
        )),
      ],
    });
    new events.Rule(this, 'ChangesThere', {
      ruleName: `${prefix}-changes-there`,
      description: 'What was changed in the other Region, this one has to follow',
      eventPattern: changesOf(other),
      targets: [look],
    });
  }

  /** What is counted is that all was well: a watch that says nothing is as bad as one that says the contrary. */
  #whatTheWatchSays(prefix: string): cloudwatch.Alarm[] {
    const unless = (field: 'standby' | 'work', wanted: string, named: string, minutes: number, impact: string): cloudwatch.Alarm =>
      new logs.MetricFilter(this, `${named}Lines`, {
        logGroup: this.watch.function.logGroup,
        filterName: `${prefix}-region-watch-${wanted}`,
        filterPattern: logs.FilterPattern.stringValue(`$.output.${field}`, '=', wanted),
        metricNamespace: 'Baton',
        metricName: `${prefix}-region-watch-${wanted}`,
        metricValue: '1',
      }).metric({ period: Duration.minutes(1), statistic: 'Sum' }).createAlarm(this, `${named}Alarm`, {
        alarmName: `${prefix}-region-watch-${named.toLowerCase()}`,
        alarmDescription: `${impact} Runbook: docs/runbooks/standby.md`,
        threshold: 1,
        comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        evaluationPeriods: minutes,
        treatMissingData: cloudwatch.TreatMissingData.BREACHING,
      });
    return [
      unless('standby', 'current', 'Stale', staleMinutes,
        'The standby of a book is not known to be ready with what is live: a failover would bring back the older release, or nobody.'),
      unless('work', 'done', 'Failed', faultyMinutes,
        'This Region is not kept in agreement with the lease: a deployment with old settings may pass, or a database that was left be written.'),
    ];
  }

  /** Every wildcard in the machine's role, each with its reason. */
  #acknowledge({ parts, reports }: StandbyProps, control: ContractFunction<typeof standbyControl>, folder: string): void {
    const wildcard = (resource: string, reason: string): void =>
      Validations.of(this.refresh).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
    const logicalId = (construct: IConstruct): string => Stack.of(this).getLogicalId(construct.node.defaultChild as CfnElement);
    wildcard('*', 'Traces, the delivery of logs, and DescribeTaskDefinition know no resource.');
    wildcard(`<${logicalId(control.function)}.Arn>:*`, 'The versions of one function.');
    wildcard(reports.arnForObjects(`${folder}/*`), 'Reports are named by their executions.');
    for (const arn of [...parts.arns.taskDefinitions, ...parts.arns.taskSets]) {
      wildcard(arn, 'Revisions of one family, and task sets of one service: the machine makes them.');
    }
  }
}

function allow(grantee: MonitoredFunction, actions: readonly string[], resources: readonly string[]): void {
  grantee.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources] }));
}
