/**
 * The function that tells people of the bill, with what it remembers and how it reaches them. What it could not tell, after its retries,
 * goes to the same people by e-mail as AWS wrote it.
 */
import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as destinations from 'aws-cdk-lib/aws-lambda-destinations';
import type * as logs from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import type * as sns from 'aws-cdk-lib/aws-sns';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { budgetAlert, type ChannelName } from '../contracts/budget-alert.ts';
import { requiredTags } from '../contracts/tags.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import type { JudgedStateMachine } from './state-machine.ts';

export interface BudgetAlertProps {
  readonly settings: Settings;
  readonly prefix: string;
  readonly logRetention: logs.RetentionDays;
  /** What AWS and our alarms tell of the bill. */
  readonly heard: sns.ITopic;
  /** E-mails. */
  readonly people: sns.ITopic;
}

export class BudgetAlert extends Construct {
  readonly function: ContractFunction<typeof budgetAlert>;
  /** What was told, and what was stopped. */
  readonly table: dynamodb.TableV2;

  constructor(scope: Construct, id: string, { settings, prefix, logRetention, heard, people }: BudgetAlertProps) {
    super(scope, id);
    const { environment, notifications } = settings;
    const table = (this.table = new dynamodb.TableV2(this, 'Told', {
      tableName: `${prefix}-cost-notices`,
      partitionKey: { name: 'notice', type: dynamodb.AttributeType.STRING },
      billing: dynamodb.Billing.onDemand(),
      // Lost, it would cost a notice told twice, and the undo of a month's response.
      removalPolicy: RemovalPolicy.DESTROY,
    }));
    Validations.of(table).acknowledge({
      id: 'AwsSolutions-DDB3', reason: 'It remembers which notices were told and which back-tests were stopped; without it people are told once more, and start these themselves.',
    });
    const secret = new secretsmanager.Secret(this, 'Channels', {
      secretName: `baton-${environment}/cost-channels`,
      description: 'Where Slack and PagerDuty are reached: { slackWebhookUrl, pagerDutyEventsUrl, pagerDutyRoutingKey }, put in by a person',
      generateSecretString: {
        secretStringTemplate: JSON.stringify({ slackWebhookUrl: 'not-yet-set', pagerDutyEventsUrl: 'https://events.pagerduty.com/v2/enqueue' }),
        generateStringKey: 'pagerDutyRoutingKey',
      },
    });
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4', reason: 'Slack and PagerDuty make these addresses on their side, and a person puts another one there.',
    });
    const channels: Readonly<Record<ChannelName, boolean>> = {
      pagerduty: notifications.pagerDuty, slack: notifications.slack, email: notifications.emails.length > 0,
    };
    this.function = new ContractFunction(this, 'Function', {
      contract: budgetAlert, prefix, logRetention,
      environment: {
        BATON_ENVIRONMENT: environment,
        BATON_NOTICES_TABLE: table.tableName,
        BATON_NOTICES_TOPIC: people.topicArn,
        BATON_CHANNELS_SECRET: secret.secretArn,
        BATON_CHANNELS: Object.entries(channels).flatMap(([name, has]) => (has ? [name] : [])).join(','),
        BATON_TAGS: requiredTags.join(','),
      },
    });
    const { function: alert } = this.function;
    alert.addToRolePolicy(new iam.PolicyStatement({
      actions: ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'], resources: [table.tableArn],
    }));
    alert.addToRolePolicy(new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [secret.secretArn] }));
    alert.addToRolePolicy(new iam.PolicyStatement({
      actions: ['ce:GetCostAndUsage'], resources: [Stack.of(this).formatArn({ service: 'billing', region: '', resource: 'billingview', resourceName: 'primary' })],
    }));
    // Its own minute, and as much again until another may take a notice over.
    alert.configureAsyncInvoke({ retryAttempts: 2, maxEventAge: Duration.hours(6), onFailure: new destinations.SnsDestination(people) });
    heard.addSubscription(new subscriptions.LambdaSubscription(alert));
  }

  /** A spent budget is acted on by this machine. */
  letBegin({ machine }: JudgedStateMachine): void {
    this.function.function.addEnvironment('BATON_RESPONSE_MACHINE', machine.stateMachineArn);
    this.function.function.addToRolePolicy(new iam.PolicyStatement({ actions: ['states:StartExecution'], resources: [machine.stateMachineArn] }));
  }
}
