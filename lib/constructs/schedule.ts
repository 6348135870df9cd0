/** A schedule that calls a function or a machine, with a role of its own; what could not be delivered waits in a queue, and an alarm says so. */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as scheduler from 'aws-cdk-lib/aws-scheduler';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export interface ScheduleProps {
  readonly name: string;
  readonly description: string;
  /** As EventBridge Scheduler writes it, in UTC. */
  readonly expression: string;
  /** Over how many minutes its time may be spread: where nothing hangs on the minute, AWS spreads the load. */
  readonly windowMinutes?: number;
  readonly target: { readonly function: lambda.IFunction } | { readonly machine: sfn.IStateMachine };
  readonly input: Readonly<Record<string, unknown>>;
  /** What it means that the target was not called, as a sentence. */
  readonly missedImpact: string;
  readonly runbook: string;
}

const retries = 3;
const retryWithin = Duration.hours(1);

export class Schedule extends Construct {
  readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, props: ScheduleProps) {
    super(scope, id);
    const { name, description, expression, windowMinutes, target, input } = props;
    const missed = new sqs.Queue(this, 'Missed', { queueName: `${name}-missed`, encryption: sqs.QueueEncryption.SQS_MANAGED, enforceSSL: true, retentionPeriod: Duration.days(14) });
    Validations.of(missed).acknowledge({ id: 'AwsSolutions-SQS3', reason: 'It is the dead-letter queue itself, of a schedule.' });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('scheduler.amazonaws.com', { conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } } }),
      description: `Role of the schedule ${name}`,
    });
    const [action, arn] = 'function' in target ? (['lambda:InvokeFunction', target.function.functionArn] as const) : (['states:StartExecution', target.machine.stateMachineArn] as const);
    role.addToPolicy(new iam.PolicyStatement({ actions: [action], resources: [arn] }));
    role.addToPolicy(new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [missed.queueArn] }));
    const schedule = new scheduler.CfnSchedule(this, 'Schedule', {
      name, description, scheduleExpression: expression, scheduleExpressionTimezone: 'UTC',
      flexibleTimeWindow: windowMinutes === undefined ? { mode: 'OFF' } : { mode: 'FLEXIBLE', maximumWindowInMinutes: windowMinutes },
      target: {
        arn, roleArn: role.roleArn, input: JSON.stringify(input), deadLetterConfig: { arn: missed.queueArn },
        retryPolicy: { maximumRetryAttempts: retries, maximumEventAgeInSeconds: retryWithin.toSeconds() },
      },
    });
    // The role's policy is a resource of its own: without it the first call would be refused.
    schedule.node.addDependency(role);
    this.alarm = missed.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: 'Maximum' }).createAlarm(this, 'MissedAlarm', {
      alarmName: `${name}-missed`,
      alarmDescription: `${props.missedImpact} Runbook: ${props.runbook}`,
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
