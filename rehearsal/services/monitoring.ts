/** CloudWatch: the metrics that were put and the alarms that exist, as data; nothing here evaluates an alarm. */
import type { ServiceModel, World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';

export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly value: number | undefined;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly at: Date;
}
export interface Monitoring extends ServiceModel {
  readonly metrics: readonly Metric[];
}
interface Alarm {
  readonly region: string;
  readonly name: string;
  readonly arn: string;
  readonly properties: Record<string, unknown>;
  readonly at: Date;
}
interface DescribeAlarmsInput {
  readonly AlarmNames?: readonly string[];
  readonly AlarmNamePrefix?: string;
  readonly StateValue?: string;
  readonly MaxRecords?: number;
  readonly NextToken?: string;
}
interface ListMetricsInput {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly NextToken?: string;
}
interface MetricDatum {
  readonly MetricName: string;
  readonly Value?: number;
  readonly Dimensions?: ReadonlyArray<{ readonly Name: string; readonly Value: string }>;
}

const alarmPage = { usual: 50, max: 100 };
const metricPageMax = 500;

export function monitoring(world: World): Monitoring {
  const metrics: Metric[] = [];
  const alarms: Alarm[] = [];
  return {
    service: 'monitoring',
    metrics,
    operations: {
      PutMetricData: ({ Namespace, MetricData = [] }: { Namespace: string; MetricData?: readonly MetricDatum[] }) => {
        for (const { MetricName, Value, Dimensions = [] } of MetricData) {
          const dimensions = Object.fromEntries(Dimensions.map((dimension) => [dimension.Name, dimension.Value]));
          metrics.push({ namespace: Namespace, name: MetricName, value: Value, dimensions, at: world.now() });
        }
      },
      DescribeAlarms: ({ AlarmNames, AlarmNamePrefix = '', StateValue, MaxRecords, NextToken }: DescribeAlarmsInput, { region }) => {
        const chosen = alarms.filter(
          ({ region: home, name }) =>
            home === region && (AlarmNames?.includes(name) ?? true) && name.startsWith(AlarmNamePrefix) && (StateValue ?? unjudged) === unjudged,
        );
        const { elements, next } = pageOf(chosen, {
          token: NextToken, size: MaxRecords ?? alarmPage.usual, sizeMax: alarmPage.max, keyOf: ({ name }) => name, invalidToken: 'InvalidNextToken',
        });
        return { MetricAlarms: elements.map(describeAlarm), CompositeAlarms: [], NextToken: next };
      },
      /** Each metric that was ever put, once. */
      ListMetrics: ({ Namespace, MetricName, NextToken }: ListMetricsInput) => {
        const shown = metrics
          .filter(({ namespace, name }) => (Namespace ?? namespace) === namespace && (MetricName ?? name) === name)
          .map(({ namespace, name, dimensions }) => ({
            Namespace: namespace, MetricName: name, Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
          }));
        const distinct = [...new Map(shown.map((metric) => [JSON.stringify(metric), metric])).values()];
        const { elements, next } = pageOf(distinct, { token: NextToken, size: undefined, sizeMax: metricPageMax, keyOf: (metric) => JSON.stringify(metric) });
        return { Metrics: elements, NextToken: next };
      },
    },
    resources: {
      'AWS::CloudWatch::Alarm': ({ properties, generatedName, region }) => {
        const name = String(properties['AlarmName'] ?? generatedName);
        const arn = `arn:aws:cloudwatch:${region}:${world.accountId}:alarm:${name}`;
        alarms.push({ region, name, arn, properties, at: world.now() });
        return { ref: name, attributes: { Arn: arn } };
      },
    },
  };
}

/** No alarm is evaluated here, so none has ever had data. */
const unjudged = 'INSUFFICIENT_DATA';

function describeAlarm({ name, arn, properties, at }: Alarm): Record<string, unknown> {
  const number = (member: string): number | undefined => (properties[member] === undefined ? undefined : Number(properties[member]));
  return {
    AlarmName: name,
    AlarmArn: arn,
    AlarmDescription: properties['AlarmDescription'],
    ActionsEnabled: `${(properties['ActionsEnabled'] as boolean | string | undefined) ?? true}` === 'true',
    AlarmActions: properties['AlarmActions'] ?? [],
    OKActions: properties['OKActions'] ?? [],
    InsufficientDataActions: properties['InsufficientDataActions'] ?? [],
    AlarmConfigurationUpdatedTimestamp: at,
    StateValue: unjudged,
    StateReason: 'Unchecked: Initial alarm creation',
    StateUpdatedTimestamp: at,
    MetricName: properties['MetricName'],
    Namespace: properties['Namespace'],
    Statistic: properties['Statistic'],
    ExtendedStatistic: properties['ExtendedStatistic'],
    Dimensions: properties['Dimensions'] ?? [],
    Period: number('Period'),
    EvaluationPeriods: number('EvaluationPeriods'),
    DatapointsToAlarm: number('DatapointsToAlarm'),
    Threshold: number('Threshold'),
    ComparisonOperator: properties['ComparisonOperator'],
    TreatMissingData: properties['TreatMissingData'],
  };
}
