/**
 * Pages when a trader says that its book's position is not what its own orders made it. The trader has stopped and its guard halts
 * the book by then; what is left is a person's work. The line in the log is what counts, not the halt: it is written even when the
 * lease table cannot be.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { page } from '../contracts/page.ts';

export interface PositionAlarmProps {
  /** `baton-<environment>`. */
  readonly prefix: string;
  readonly book: string;
  /** Where the book's containers log. */
  readonly logGroupName: string;
}

export class PositionAlarm extends Construct {
  readonly alarm: cloudwatch.Alarm;

  constructor(scope: Construct, id: string, { prefix, book, logGroupName }: PositionAlarmProps) {
    super(scope, id);
    const lines = new logs.MetricFilter(this, 'Lines', {
      logGroup: logs.LogGroup.fromLogGroupName(this, 'Log', logGroupName),
      filterName: `${prefix}-${book}-position-mismatch`,
      filterPattern: logs.FilterPattern.stringValue('$.severity', '=', page.severity),
      metricNamespace: 'Baton',
      metricName: `${prefix}-${book}-position-mismatch`,
      metricValue: '1',
    });
    this.alarm = lines.metric({ period: Duration.minutes(1), statistic: 'Sum' }).createAlarm(this, 'Alarm', {
      alarmName: `${prefix}-${book}-position-mismatch`,
      alarmDescription:
        `${page.severity}: book ${book} has stopped trading, because its position at the exchange is not what its own orders made it. ` +
        'Runbook: docs/runbooks/position-mismatch.md',
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
