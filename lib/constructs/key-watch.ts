/** The hourly look at the exchange keys of a Region, and an alarm for each way in which a key can stay half-done. */
import { Duration, Stack, Validations } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { keyRotation } from '../contracts/key-rotation.ts';
import { type KeyTrouble, keyWatch } from '../contracts/key-watch.ts';
import type { EnvironmentIn } from '../contracts/step.ts';
import type { Settings } from '../settings/index.ts';
import { functionArnOf, MonitoredFunction } from './function.ts';
import { retentionOf } from './log-retention.ts';
import { arnInPolicies } from './replicated-secret.ts';

export interface KeyWatchProps {
  readonly settings: Settings;
  /** By book. */
  readonly venueSecrets: ReadonlyMap<string, secretsmanager.ISecret>;
  readonly topicArn: string;
}

const runbook = 'docs/runbooks/exchange-keys.md';
/** A look that could not be taken is taken again an hour later. */
const silentHours = 3;
/** A trouble is said at every look, as long as it is there. */
const troubleHours = 2;

const impacts: Readonly<Record<KeyTrouble, string>> = {
  unrotated: 'An exchange key is not replaced any more: it grows old, and the venue may let it lapse.',
  unfinished: 'The rotation of an exchange key was begun and cannot be finished. The key of before goes on trading; until this is mended, no other one follows it.',
  unproved: 'A task does not use the current exchange key. It trades with the one before, which is not revoked while that is so.',
  unrevoked: 'An exchange key that was replaced still works after its grace: whoever has it can trade.',
  orphaned: 'The venue has exchange keys of ours that nothing uses, and they could not be deleted: whoever has one can trade.',
  broken: 'An exchange key may do more than trade, or is bound to other addresses than ours: a thief could move money, or a failover end at a refused login.',
  lapsing: 'An exchange key comes to its end, and with it the trading of its book.',
};

export class KeyWatch extends Construct {
  readonly function: MonitoredFunction;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, venueSecrets, topicArn }: KeyWatchProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const { environment: name, regions, keys } = settings;
    const prefix = `baton-${name}`;
    const other = stack.region === regions.first.name ? regions.second.name : regions.first.name;
    const books = settings.books.map((book) => book.name);
    const keyFunctionOf = (book: string): string => functionArnOf(this, keyRotation, `${prefix}-${book}`);
    const environment: EnvironmentIn<typeof keyWatch> = {
      BATON_ENVIRONMENT: name,
      BATON_BOOKS: books.join(','),
      BATON_REGION: stack.region,
      BATON_OTHER_REGION: other,
      BATON_KEY_FUNCTIONS: keyFunctionOf('*'),
      BATON_ROTATE_DAYS: String(keys.rotateDays),
      BATON_GRACE_HOURS: String(keys.graceHours),
      BATON_WARN_DAYS: keys.warnDays.join(','),
      BATON_TOPIC: topicArn,
    };
    this.function = new MonitoredFunction(this, 'Watch', {
      name: keyWatch.name, purpose: keyWatch.purpose, timeoutSeconds: keyWatch.timeoutSeconds, errorImpact: keyWatch.errorImpact, runbook,
      environment, prefix, logRetention: retentionOf(settings),
    });
    const allow = (actions: readonly string[], resources: readonly string[]): void => {
      this.function.function.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources: [...resources] }));
    };
    const parameter = (resourceName: string, region = stack.region): string => stack.formatArn({ service: 'ssm', resource: 'parameter', resourceName, region });
    const addresses = `baton/${name}/venue-addresses/${other}`;
    const told = books.map((book) => parameter(`baton/${name}/${book}/key-warnings`));
    // Whoever turns a rotation on must be allowed to call what rotates.
    allow(['lambda:InvokeFunction'], books.map(keyFunctionOf));
    allow(['secretsmanager:DescribeSecret', 'secretsmanager:RotateSecret'], [...venueSecrets.values()].map(arnInPolicies));
    allow(['ssm:GetParameter'], [parameter(addresses), parameter(addresses, other), ...told]);
    allow(['ssm:PutParameter'], [parameter(addresses), ...told]);
    for (const arn of [...venueSecrets.values()].map(arnInPolicies).filter((each) => each.endsWith('?'))) {
      Validations.of(this.function).acknowledge({ id: `AwsSolutions-IAM5[Resource::${arn}]`, reason: 'Secrets Manager ends each ARN with characters of its own.' });
    }
    new events.Rule(this, 'EveryHour', {
      ruleName: `${prefix}-key-watch`,
      description: 'Looks at the exchange keys',
      schedule: events.Schedule.rate(Duration.hours(1)),
      targets: [new targets.LambdaFunction(this.function.function, { retryAttempts: 2, maxEventAge: Duration.minutes(30) })],
    });
    this.alarms = [this.function.errorsAlarm, ...this.#alarmsOfTroubles(prefix), this.#alarmOfSilence(prefix)];
  }

  #alarmsOfTroubles(prefix: string): cloudwatch.Alarm[] {
    return (Object.keys(impacts) as KeyTrouble[]).map((trouble) =>
      this.#lines(prefix, trouble, 'yes').createAlarm(this, `${trouble}-Alarm`, {
        alarmName: `${prefix}-keys-${trouble}`,
        alarmDescription: `${impacts[trouble]} Runbook: ${runbook}`,
        threshold: 1,
        evaluationPeriods: troubleHours,
        datapointsToAlarm: 1,
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      }));
  }

  /** What is counted is that all could be looked at: a watch that says nothing is as bad as one that says the contrary. */
  #alarmOfSilence(prefix: string): cloudwatch.Alarm {
    return this.#lines(prefix, 'work', 'done').createAlarm(this, 'work-Alarm', {
      alarmName: `${prefix}-keys-unwatched`,
      alarmDescription: `${keyWatch.errorImpact} Runbook: ${runbook}`,
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: silentHours,
      treatMissingData: cloudwatch.TreatMissingData.BREACHING,
    });
  }

  #lines(prefix: string, field: KeyTrouble | 'work', value: string): cloudwatch.Metric {
    const metricName = `${prefix}-keys-${field}`;
    const filter = new logs.MetricFilter(this, `${field}-Lines`, {
      logGroup: this.function.function.logGroup,
      filterName: metricName,
      filterPattern: logs.FilterPattern.stringValue(`$.output.${field}`, '=', value),
      metricNamespace: 'Baton',
      metricName,
      metricValue: '1',
    });
    return filter.metric({ period: Duration.hours(1), statistic: 'Sum' });
  }
}
