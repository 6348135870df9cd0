/**
 * The bill, watched by AWS itself: a monthly budget with a notice at 80 % and at 100 % of what was spent and at 100 % of what
 * is forecast, and a notice of what is out of the ordinary. The budget is of the whole account, which an environment has to
 * itself: tasks carry no tags of ours, and a budget that does not see them would be one of the rest. AWS's figures are 8 to 12
 * hours old; so a function of ours estimates every hour what is burnt, from what is deployed and runs, and an alarm tells of an
 * hour that would break the month if it stayed.
 */
import { Duration, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as budgets from 'aws-cdk-lib/aws-budgets';
import * as ce from 'aws-cdk-lib/aws-ce';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { BudgetAlert } from '../lib/constructs/budget-alert.ts';
import { BudgetResponse } from '../lib/constructs/budget-response.ts';
import { CostReport } from '../lib/constructs/cost-report.ts';
import { MonitoredFunction } from '../lib/constructs/function.ts';
import { retentionOf } from '../lib/constructs/log-retention.ts';
import { MarketHours } from '../lib/constructs/market-hours.ts';
import { letReadTemplates, stacksInWords } from '../lib/constructs/read-templates.ts';
import { RightSizing } from '../lib/constructs/right-sizing.ts';
import { wholeBudgetName } from '../lib/contracts/budget-alert.ts';
import { costBurn } from '../lib/contracts/cost-burn.ts';
import type { EnvironmentIn } from '../lib/contracts/step.ts';
import { assumptions } from '../lib/cost/assumptions.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverStack } from './cutover.ts';
import type { DataStack } from './data.ts';
import type { NetworkStack } from './network.ts';

export interface CostStackProps extends StackProps {
  readonly settings: Settings;
  /** Of this Region. */
  readonly network: NetworkStack;
  readonly data: DataStack;
  readonly cutover: CutoverStack;
}

/** For so many hours together: a cutover runs two colours for less than one. */
const hoursAbove = 3;

/** In per cent of the budget. */
const thresholds = [
  { of: 'ACTUAL', percent: 80 },
  { of: 'ACTUAL', percent: 100 },
  { of: 'FORECASTED', percent: 100 },
] as const;

/** Who tells: Budgets, Cost Anomaly Detection, and the alarms below. */
const tellers = ['budgets.amazonaws.com', 'costalerts.amazonaws.com', 'cloudwatch.amazonaws.com'];

export class CostStack extends Stack {
  /** What AWS and our alarms say of the bill; the function that tells people hears it. */
  readonly topic: sns.Topic;
  /** People, by e-mail. */
  readonly people: sns.Topic;

  constructor(scope: Construct, id: string, { settings, network, data, cutover, ...props }: CostStackProps) {
    super(scope, id, props);
    const prefix = `baton-${settings.environment}`;
    this.topic = this.#topic('Notices', `${prefix}-cost`, settings, tellers);
    // An alarm of the function itself must not be told by that function.
    this.people = this.#topic('People', `${prefix}-cost-people`, settings, ['cloudwatch.amazonaws.com']);
    for (const address of settings.notifications.emails) this.people.addSubscription(new subscriptions.EmailSubscription(address));
    this.#budgets(settings);
    this.#anomalies(settings);
    this.#burn(settings);
    const alert = new BudgetAlert(this, 'Alert', { settings, prefix, logRetention: retentionOf(settings), heard: this.topic, people: this.people });
    const response = new BudgetResponse(this, 'Response', {
      settings, prefix, vpc: network.vpc, databaseInstanceIdentifier: data.databaseInstanceIdentifier, records: alert.table, people: this.people,
    });
    alert.letBegin(response.machine);
    const hours = new MarketHours(this, 'Hours', { settings, prefix, response: response.machine });
    const report = new CostReport(this, 'Report', { settings, prefix, reportsName: cutover.reportsName, people: this.people });
    const sizes = new RightSizing(this, 'Sizes', { settings, prefix, databaseInstanceIdentifier: data.databaseInstanceIdentifier, natGatewayIds: network.natGatewayIds, people: this.people });
    for (const each of [sizes.function.errorsAlarm, alert.function.errorsAlarm, report.function.errorsAlarm, hours.function.errorsAlarm, response.control.errorsAlarm, ...response.machine.alarms]) each.addAlarmAction(new SnsAction(this.people));
  }

  #topic(id: string, topicName: string, { environment }: Settings, from: readonly string[]): sns.Topic {
    const topic = new sns.Topic(this, id, { topicName, displayName: `Baton ${environment}: cost`, enforceSSL: true });
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: from.map((service) => new iam.ServicePrincipal(service)),
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    Validations.of(topic).acknowledge({
      id: 'AwsSolutions-SNS2',
      reason: 'It says how much of a budget is spent, and nothing of books; a key that these services may use costs more than what it would hide.',
    });
    return topic;
  }

  #budgets({ environment, tags, books, budget: { monthlyUsd, byTag } }: Settings): void {
    const whole = wholeBudgetName(environment);
    this.#budget('Monthly', whole, monthlyUsd);
    const ofAll = books.map(({ name }) => name);
    const valuesOf = { CostCenter: [tags.CostCenter], Project: [tags.Project], Owner: [tags.Owner], Book: ofAll } as const;
    for (const tag of ['CostCenter', 'Project', 'Owner', 'Book'] as const) {
      const usd = byTag[tag];
      if (usd === undefined) continue;
      for (const value of valuesOf[tag]) {
        // Tasks of task sets carry no tag of ours; ECS gives them the name of their service.
        const services = (tag === 'Book' ? [value] : ofAll).map((book) => `baton-${environment}-${book}`);
        this.#budget(`Monthly${tag}${value}`, `${whole}-${tag}-${value}`, usd, {
          or: [{ tags: { key: tag, values: [value] } }, { tags: { key: 'aws:ecs:serviceName', values: services } }],
        });
      }
    }
  }

  #budget(id: string, budgetName: string, monthlyUsd: number, filterExpression?: budgets.CfnBudget.ExpressionProperty): void {
    const subscribers = [{ subscriptionType: 'SNS', address: this.topic.topicArn }];
    new budgets.CfnBudget(this, id, {
      budget: {
        budgetName, budgetType: 'COST', timeUnit: 'MONTHLY', budgetLimit: { amount: monthlyUsd, unit: 'USD' },
        ...(filterExpression && { filterExpression, metrics: ['UnblendedCost'] }),
      },
      notificationsWithSubscribers: thresholds.map(({ of, percent }) => ({
        notification: { notificationType: of, comparisonOperator: 'GREATER_THAN', threshold: percent, thresholdType: 'PERCENTAGE' },
        subscribers,
      })),
    }).node.addDependency(this.topic);
  }

  #anomalies({ environment, budget: { anomalyUsd } }: Settings): void {
    const monitor = new ce.CfnAnomalyMonitor(this, 'Monitor', {
      monitorName: `baton-${environment}`,
      monitorType: 'CUSTOM',
      monitorSpecification: JSON.stringify({ Tags: { Key: 'Environment', Values: [environment] } }),
    });
    const subscription = new ce.CfnAnomalySubscription(this, 'Anomalies', {
      subscriptionName: `baton-${environment}`,
      // Of the frequencies, the only one that tells a topic.
      frequency: 'IMMEDIATE',
      monitorArnList: [monitor.attrMonitorArn],
      subscribers: [{ type: 'SNS', address: this.topic.topicArn }],
      thresholdExpression: JSON.stringify({
        Dimensions: { Key: 'ANOMALY_TOTAL_IMPACT_ABSOLUTE', MatchOptions: ['GREATER_THAN_OR_EQUAL'], Values: [String(anomalyUsd)] },
      }),
    });
    subscription.node.addDependency(this.topic);
  }

  #burn(settings: Settings): void {
    const prefix = `baton-${settings.environment}`;
    const services = settings.books.map(({ name }) => `${prefix}-${name}`);
    const { name, purpose, timeoutSeconds, errorImpact, runbook } = costBurn;
    const environment: EnvironmentIn<typeof costBurn> = {
      BATON_STACKS: stacksInWords(settings),
      BATON_CLUSTER: prefix,
      BATON_SERVICES: services.join(','),
    };
    const burn = new MonitoredFunction(this, 'Burn', {
      name, purpose, timeoutSeconds, errorImpact, runbook, environment, prefix, logRetention: retentionOf(settings),
    });
    letReadTemplates(burn, settings);
    const regions = [settings.regions.first.name, settings.regions.second.name];
    const running = regions.flatMap((region) => services.map((service) => this.formatArn({ service: 'ecs', region, resource: 'service', resourceName: `${prefix}/${service}` })));
    burn.function.addToRolePolicy(new iam.PolicyStatement({ actions: ['ecs:DescribeServices'], resources: running }));
    new events.Rule(this, 'EveryHour', {
      ruleName: `${prefix}-${name}`,
      description: 'Estimates what the environment costs an hour',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.LambdaFunction(burn.function, { retryAttempts: 2, maxEventAge: Duration.minutes(30) })],
    });

    const metricName = `${prefix}-usd-per-hour`;
    const line = new logs.MetricFilter(this, 'BurnLines', {
      logGroup: burn.function.logGroup,
      filterName: metricName,
      // A field whose value is taken must be in the pattern.
      filterPattern: logs.FilterPattern.literal('{ $.output.usdPerHour = * }'),
      metricNamespace: 'Baton',
      metricName,
      metricValue: '$.output.usdPerHour',
    });
    const perHourUsd = settings.budget.monthlyUsd / assumptions.hours.value;
    const alarm = line.metric({ period: Duration.hours(1), statistic: 'Maximum' }).createAlarm(this, 'BurnAlarm', {
      alarmName: `${prefix}-${name}`,
      alarmDescription: `The environment costs more an hour than its monthly budget has room for: if it stays so, the month costs more than ${settings.budget.monthlyUsd} USD. Runbook: ${runbook}`,
      threshold: Math.round(perHourUsd * 1000) / 1000,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: hoursAbove,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    for (const each of [alarm, burn.errorsAlarm]) each.addAlarmAction(new SnsAction(this.topic));
  }
}
