/** What a month cost, written when AWS has all of its figures: the third of the next month, as "most charges are final within days". */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { costReport } from '../contracts/cost-report.ts';
import { requiredTags } from '../contracts/tags.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';

export interface CostReportProps {
  readonly settings: Settings;
  readonly prefix: string;
  readonly reportsName: string;
  readonly people: sns.ITopic;
}

export class CostReport extends Construct {
  readonly function: ContractFunction<typeof costReport>;

  constructor(scope: Construct, id: string, { settings, prefix, reportsName, people }: CostReportProps) {
    super(scope, id);
    this.function = new ContractFunction(this, 'Function', {
      contract: costReport, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_ENVIRONMENT: settings.environment, BATON_REPORTS_BUCKET: reportsName, BATON_NOTICES_TOPIC: people.topicArn, BATON_TAGS: requiredTags.join(','),
      },
    });
    const { function: report } = this.function;
    const pages = s3.Bucket.fromBucketName(this, 'Reports', reportsName).arnForObjects('cost/*');
    const view = Stack.of(this).formatArn({ service: 'billing', region: '', resource: 'billingview', resourceName: 'primary' });
    report.addToRolePolicy(new iam.PolicyStatement({ actions: ['ce:GetCostAndUsage'], resources: [view] }));
    report.addToRolePolicy(new iam.PolicyStatement({ actions: ['s3:PutObject'], resources: [pages] }));
    report.addToRolePolicy(new iam.PolicyStatement({ actions: ['sns:Publish'], resources: [people.topicArn] }));
    Validations.of(this.function).acknowledge({ id: `AwsSolutions-IAM5[Resource::${pages}]`, reason: 'Pages are named by their months.' });
    new events.Rule(this, 'EveryMonth', {
      ruleName: `${prefix}-${costReport.name}`,
      description: 'Writes what the last month cost',
      schedule: events.Schedule.cron({ minute: '0', hour: '6', day: '3' }),
      targets: [new targets.LambdaFunction(report, { retryAttempts: 2, maxEventAge: Duration.hours(6) })],
    });
  }
}
