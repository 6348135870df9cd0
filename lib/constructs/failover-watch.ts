/** The automatic mode: asks every minute, in each Region, and acts only where the books are not at home. Made only where the settings turn it on. */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { failoverWatch } from '../contracts/failover-watch.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';

export interface FailoverWatchProps {
  readonly settings: Settings;
  readonly leaseTable: dynamodb.ITableV2;
  readonly journalTable: dynamodb.ITableV2;
  readonly machine: sfn.IStateMachine;
}

export class FailoverWatch extends Construct {
  readonly function: ContractFunction<typeof failoverWatch>;

  constructor(scope: Construct, id: string, { settings, leaseTable, journalTable, machine }: FailoverWatchProps) {
    super(scope, id);
    const { environment, recovery } = settings;
    const prefix = `baton-${environment}`;
    this.function = new ContractFunction(this, 'Watch', {
      contract: failoverWatch, prefix, logRetention: retentionOf(settings),
      environment: {
        BATON_ENVIRONMENT: environment,
        BATON_LEASE_TABLE: leaseTable.tableName,
        BATON_JOURNAL_TABLE: journalTable.tableName,
        BATON_BOOKS: settings.books.map(({ name }) => name).join(','),
        BATON_FAILOVER_MACHINE: machine.stateMachineArn,
        BATON_SILENT_LEASES: String(recovery.silentLeases),
        BATON_HOLD_DOWN_MINUTES: String(recovery.holdDownMinutes),
      },
    });
    const allow = (actions: string[], resource: string): void => {
      this.function.function.addToRolePolicy(new iam.PolicyStatement({ actions, resources: [resource] }));
    };
    const facts = Stack.of(this).formatArn({ service: 'ssm', resource: 'parameter', resourceName: `baton/${environment}/home-region/*` });
    allow(['dynamodb:GetItem', 'dynamodb:Query'], leaseTable.tableArn);
    allow(['dynamodb:Query'], journalTable.tableArn);
    allow(['ssm:GetParameter'], facts);
    allow(['states:StartExecution'], machine.stateMachineArn);
    Validations.of(this.function).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${facts}]`, reason: 'The fact is the name: which Region it names, only the lease tells.',
    });
    new events.Rule(this, 'EveryMinute', {
      ruleName: `${prefix}-failover-watch`,
      description: 'Whether the home Region is lost',
      schedule: events.Schedule.rate(Duration.minutes(1)),
      // The next one comes in a minute.
      targets: [new targets.LambdaFunction(this.function.function, { event: events.RuleTargetInput.fromObject({ step: 'look' }), retryAttempts: 0 })],
    });
  }
}
