/**
 * The bill, watched by AWS itself: a monthly budget with a notice at 80 % and at 100 % of what was spent and at 100 % of what
 * is forecast, and a notice of what is out of the ordinary. The budget is of the whole account, which an environment has to
 * itself: tasks carry no tags of ours, and a budget that does not see them would be one of the rest. AWS's figures are 8 to 12
 * hours old, so this is for people who plan, not for anything that must stop at once.
 */
import { Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as budgets from 'aws-cdk-lib/aws-budgets';
import * as ce from 'aws-cdk-lib/aws-ce';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { Settings } from '../lib/settings/index.ts';

export interface CostStackProps extends StackProps {
  readonly settings: Settings;
}

/** In per cent of the budget. */
const thresholds = [
  { of: 'ACTUAL', percent: 80 },
  { of: 'ACTUAL', percent: 100 },
  { of: 'FORECASTED', percent: 100 },
] as const;

/** Who tells: Budgets, and Cost Anomaly Detection. */
const tellers = ['budgets.amazonaws.com', 'costalerts.amazonaws.com'];

export class CostStack extends Stack {
  readonly topic: sns.Topic;

  constructor(scope: Construct, id: string, { settings, ...props }: CostStackProps) {
    super(scope, id, props);
    this.topic = this.#topic(settings);
    this.#budget(settings);
    this.#anomalies(settings);
  }

  #topic({ environment, notifications }: Settings): sns.Topic {
    const topic = new sns.Topic(this, 'Notices', { topicName: `baton-${environment}-cost`, displayName: `Baton ${environment}: cost`, enforceSSL: true });
    topic.addToResourcePolicy(
      new iam.PolicyStatement({
        principals: tellers.map((service) => new iam.ServicePrincipal(service)),
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    for (const email of notifications.emails) topic.addSubscription(new subscriptions.EmailSubscription(email));
    Validations.of(topic).acknowledge({
      id: 'AwsSolutions-SNS2',
      reason: 'It says how much of a budget is spent, and nothing of books; a key that these services may use costs more than what it would hide.',
    });
    return topic;
  }

  #budget({ environment, budget: { monthlyUsd } }: Settings): void {
    const subscribers = [{ subscriptionType: 'SNS', address: this.topic.topicArn }];
    new budgets.CfnBudget(this, 'Monthly', {
      budget: {
        budgetName: `baton-${environment}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyUsd, unit: 'USD' },
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
}
