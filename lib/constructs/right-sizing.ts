/** The function that looks every Monday at what was measured of database, cache, tasks and gateways in two weeks. */
import { Duration, Fn, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { rightSizing } from '../contracts/right-sizing.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';

export interface RightSizingProps {
  readonly settings: Settings;
  readonly prefix: string;
  readonly databaseInstanceIdentifier: string;
  /** Of this Region. */
  readonly natGatewayIds: readonly string[];
  readonly people: sns.ITopic;
}

export class RightSizing extends Construct {
  readonly function: ContractFunction<typeof rightSizing>;

  constructor(scope: Construct, id: string, { settings, prefix, databaseInstanceIdentifier, natGatewayIds, people }: RightSizingProps) {
    super(scope, id);
    const { regions: { first, second }, database, cache } = settings;
    this.function = new ContractFunction(this, 'Function', {
      contract: rightSizing, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_ENVIRONMENT: settings.environment, BATON_REGIONS: [first.name, second.name].join(','), BATON_NOTICES_TOPIC: people.topicArn,
        BATON_DATABASE: databaseInstanceIdentifier, BATON_DATABASE_CLASS: database.instanceClass,
        BATON_CACHE: prefix, BATON_CACHE_NODE_TYPE: cache.nodeType, BATON_CACHE_NODES: String(cache.nodes),
        BATON_CLUSTER: prefix, BATON_BOOKS: JSON.stringify(settings.books.map(({ name, task }) => ({ name, ...task }))), BATON_NAT_GATEWAYS: Fn.join(',', [...natGatewayIds]),
      },
    });
    const { function: weekly } = this.function;
    weekly.addToRolePolicy(new iam.PolicyStatement({ actions: ['cloudwatch:GetMetricStatistics'], resources: ['*'] }));
    weekly.addToRolePolicy(new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [people.topicArn] }));
    Validations.of(this.function).acknowledge({ id: 'AwsSolutions-IAM5[Resource::*]', reason: 'cloudwatch:GetMetricStatistics takes no resource.' });
    new events.Rule(this, 'EveryWeek', {
      ruleName: `${prefix}-${rightSizing.name}`,
      description: 'Looks for what is too large or idle',
      schedule: events.Schedule.expression('cron(0 7 ? * MON *)'),
      targets: [new targets.LambdaFunction(weekly, { retryAttempts: 2, maxEventAge: Duration.hours(6) })],
    });
  }
}
