/**
 * Two alarms for the replication between the Regions, the same in both, for which database is the replica changes: the one
 * speaks where the database follows, the other where it is written.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Settings } from '../settings/index.ts';

export interface ReplicaAlarmsProps {
  readonly settings: Settings;
  readonly databaseInstanceIdentifier: string;
}

/** Of the source's storage, what it may keep of its log for a replica that does not take it. */
const keptLogShare = 0.1;
const gb = 1024 ** 3;

export class ReplicaAlarms extends Construct {
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, databaseInstanceIdentifier }: ReplicaAlarmsProps) {
    super(scope, id);
    const { rpoSeconds } = settings.recovery;
    const alarm = (name: 'Lag' | 'KeptLog', metricName: string, threshold: number, impact: string): cloudwatch.Alarm =>
      new cloudwatch.Metric({
        namespace: 'AWS/RDS', metricName, dimensionsMap: { DBInstanceIdentifier: databaseInstanceIdentifier },
        statistic: 'Maximum', period: Duration.minutes(1),
      }).createAlarm(this, name, {
        alarmName: `baton-${settings.environment}-replica-${name === 'Lag' ? 'lag' : 'kept-log'}`,
        alarmDescription: `${impact} Runbook: docs/runbooks/replication.md`,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        threshold,
        // A source without transactions lets the lag rise to five minutes until it begins a new segment of its log.
        evaluationPeriods: 3,
        // The metric is there on its one side only.
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      });
    this.alarms = [
      alarm(
        'Lag', 'ReplicaLag', rpoSeconds,
        `The replica of the database is more than ${rpoSeconds} s behind, or no longer follows: a failover now would stop before it ` +
          'promotes it, and ask a person. Trading is not affected.',
      ),
      alarm(
        'KeptLog', 'OldestReplicationSlotLag', settings.database.allocatedGb * gb * keptLogShare,
        'The database keeps its log for a replica that does not take it: when its storage is full, the ledger stops. Trading goes on.',
      ),
    ];
  }
}
