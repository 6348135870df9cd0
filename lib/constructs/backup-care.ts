/**
 * What looks after the backups of a Region: a function that is told of every recovery point that goes and keeps the configuration,
 * and a reaper for what verifications and restores could not tear down themselves.
 */
import { ArnFormat, type CfnElement, Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { backupCare, backupReaper, temporaryNames, temporaryTags } from '../contracts/backups.ts';
import type { FunctionContract } from '../contracts/step.ts';
import type { Settings } from '../settings/index.ts';
import { ContractFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { Schedule } from './schedule.ts';

export interface BackupCareProps {
  readonly settings: Settings;
  readonly vaultName: string;
  readonly bucket: s3.Bucket;
}

/** Longer than any verification or restore may take. */
const oldestHours = 8;
/** A function's environment has room for 4 KB, and something is in it beside. */
const settingsBytesMax = 3500;
const runbook = 'docs/runbooks/backups.md';

export class BackupCare extends Construct {
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, vaultName, bucket }: BackupCareProps) {
    super(scope, id);
    const prefix = `baton-${settings.environment}`;
    const stack = Stack.of(this);
    const common = { prefix, logRetention: retentionOf(settings) };
    // But for which Region is home: no template says that (docs/decisions/0006-the-home-region-is-the-name-of-a-parameter.md).
    const { home: _home, regions: { first, second, witness }, ...others } = settings;
    const written = JSON.stringify({ ...others, regions: { first, second, witness } });
    if (Buffer.byteLength(written) > settingsBytesMax) {
      throw new Error(`The settings of ${settings.environment} have ${Buffer.byteLength(written)} bytes, and their function has room for ${settingsBytesMax}: give them to it another way.`);
    }
    const care = new ContractFunction(this, 'Care', {
      ...common, contract: backupCare, environment: { BATON_BUCKET: bucket.bucketName, BATON_PREFIX: prefix, BATON_SETTINGS: written },
    });
    const machines = stack.formatArn({ service: 'states', resource: 'stateMachine', resourceName: `${prefix}-*`, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    allow(care, ['states:ListStateMachines'], ['*']);
    allow(care, ['states:DescribeStateMachine'], [machines]);
    allow(care, ['s3:PutObject'], [bucket.arnForObjects('configuration/*')]);
    acknowledge(care, {
      '*': 'To list machines knows no resource.',
      [machines]: 'Every machine of this installation, whatever stack has it.',
      [`<${stack.getLogicalId(bucket.node.defaultChild as CfnElement)}.Arn>/configuration/*`]: 'An object for each machine.',
    });
    const deleted = new events.Rule(this, 'Deleted', {
      ruleName: `${prefix}-backup-deleted`, description: 'A recovery point is gone: was its time over?',
      eventPattern: { source: ['aws.backup'], detailType: ['Recovery Point State Change'], detail: { backupVaultName: [vaultName], status: ['DELETED', 'EXPIRED'] } },
    });
    deleted.addTarget(new targets.LambdaFunction(care.function, {
      event: events.RuleTargetInput.fromObject({
        step: 'judgeDeletion', recoveryPoint: events.EventField.fromPath('$.detail.recoveryPointArn'), vault: events.EventField.fromPath('$.detail.backupVaultName'),
        deleteAt: events.EventField.fromPath('$.detail.calculatedLifecycle.deleteAt'), at: events.EventField.fromPath('$.time'),
      }),
      retryAttempts: 10, maxEventAge: Duration.hours(1),
    }));
    const changed = new events.Rule(this, 'Changed', {
      ruleName: `${prefix}-configuration-changed`, description: 'A stack was changed: its configuration is kept',
      eventPattern: {
        source: ['aws.cloudformation'], detailType: ['CloudFormation Stack Status Change'],
        detail: { 'stack-id': events.Match.wildcard(`*:stack/${prefix}-*`), 'status-details': { status: ['UPDATE_COMPLETE', 'UPDATE_ROLLBACK_COMPLETE'] } },
      },
    });
    const save = (because: string): Record<string, string> => ({ step: 'saveConfiguration', because });
    changed.addTarget(new targets.LambdaFunction(care.function, { event: events.RuleTargetInput.fromObject(save('a stack was changed')), retryAttempts: 10, maxEventAge: Duration.hours(1) }));
    const daily = new Schedule(this, 'Daily', {
      name: `${prefix}-configuration`, description: 'The settings and the machines into the bucket of the backups, once a day',
      expression: 'cron(40 5 * * ? *)', windowMinutes: 15, target: { function: care.function }, input: save('once a day'),
      missedImpact: 'The configuration of today is not kept; that of the last change is.', runbook,
    });

    const reaper = new ContractFunction(this, 'Reaper', { ...common, contract: backupReaper, environment: { BATON_PREFIX: prefix, BATON_OLDEST_HOURS: String(oldestHours) } });
    this.#letReap(reaper, prefix);
    const hourly = new Schedule(this, 'Hourly', {
      name: `${prefix}-backup-reaper`, description: 'What a verification, a restore or a drill has left behind is removed',
      expression: 'cron(20 * * * ? *)', windowMinutes: 15, target: { function: reaper.function }, input: { step: 'reap' },
      missedImpact: 'What a verification may have left behind was not looked for.', runbook,
    });
    this.alarms = [
      care.errorsAlarm, daily.alarm, reaper.errorsAlarm, hourly.alarm,
      counted(this, 'DeletedEarly', care, { field: 'deletion', value: 'early', prefix }, 'A backup was deleted before its time: what it held may be nowhere else. Somebody has, or had, rights that nobody should have.'),
      counted(this, 'Reaped', reaper, { field: 'work', value: 'reaped', prefix }, 'A verification or a restore has left something behind, which was removed now: its machine was killed, or could not tear it down.'),
      counted(this, 'NotReaped', reaper, { field: 'work', value: 'failed', prefix }, 'What a verification or a restore has left behind cannot be removed, and is paid for.'),
    ];
  }

  #letReap(reaper: ContractFunction<typeof backupReaper>, prefix: string): void {
    const arn = (service: string, resource: string, resourceName: string): string =>
      Stack.of(this).formatArn({ service, resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    /** What is temporary of each kind, by how it is named. */
    const kinds = [
      { service: 'rds', resource: 'db', list: 'DescribeDBInstances', remove: 'DeleteDBInstance', names: ['verify', 'restore', 'drill'] },
      { service: 'elasticache', resource: 'replicationgroup', list: 'DescribeReplicationGroups', remove: 'DeleteReplicationGroup', names: ['verify'] },
      { service: 'elasticache', resource: 'snapshot', list: 'DescribeSnapshots', remove: 'DeleteSnapshot', names: ['verify', 'cache'] },
    ] satisfies readonly { readonly names: readonly (typeof temporaryNames)[number][]; readonly [field: string]: unknown }[];
    for (const { service, resource, list, remove, names } of kinds) {
      const all = arn(service, resource, '*');
      const temporary = names.map((name) => arn(service, resource, `${prefix}-${name}-*`));
      allow(reaper, [`${service}:${list}`], [all]);
      reaper.function.addToRolePolicy(new iam.PolicyStatement({
        actions: [`${service}:${remove}`], resources: temporary,
        ...(service === 'rds' && { conditions: { Null: { [`aws:ResourceTag/${temporaryTags.execution}`]: 'false' } } }),
      }));
      acknowledge(reaper, {
        [all]: 'What is left behind is found among all: AWS knows no narrower list.',
        ...Object.fromEntries(temporary.map((each) => [each, 'What is temporary is named by the execution that made it.'])),
      });
    }
  }
}

/** An alarm for each line of a function's log that says so. */
function counted(
  scope: Construct, id: string, { function: { logGroup } }: ContractFunction<FunctionContract>,
  { field, value, prefix }: { readonly field: string; readonly value: string; readonly prefix: string }, impact: string,
): cloudwatch.Alarm {
  const name = `${prefix}-backups-${value}${field === 'work' ? '-leftovers' : ''}`;
  return new logs.MetricFilter(scope, `${id}Lines`, {
    logGroup, filterName: name, filterPattern: logs.FilterPattern.stringValue(`$.output.${field}`, '=', value), metricNamespace: 'Baton', metricName: name, metricValue: '1',
  }).metric({ period: Duration.minutes(1), statistic: 'Sum' }).createAlarm(scope, id, {
    alarmName: name, alarmDescription: `${impact} Runbook: ${runbook}`, threshold: 1, evaluationPeriods: 1, treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
  });
}

function allow(grantee: ContractFunction<FunctionContract>, actions: readonly string[], resources: readonly string[]): void {
  grantee.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources] }));
}

function acknowledge(of: Construct, reasons: Readonly<Record<string, string>>): void {
  for (const [resource, reason] of Object.entries(reasons)) Validations.of(of).acknowledge({ id: `AwsSolutions-IAM5[Resource::${resource}]`, reason });
}
