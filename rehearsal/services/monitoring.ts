/** CloudWatch: the metrics that were put, those that AWS's services put themselves, and the alarms, as data; nothing here evaluates an alarm. */
import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';
import { pageOf } from './pages.ts';

export interface Metric {
  readonly region: string;
  readonly namespace: string;
  readonly name: string;
  readonly value: number | undefined;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly at: Date;
}
export interface Monitoring extends ServiceModel {
  readonly metrics: readonly Metric[];
}
/** What a service of AWS measures by itself; undefined when there is nothing to measure. */
export interface OwnMetric {
  readonly namespace: string;
  readonly name: string;
  /** The name of the dimension that says of what. */
  readonly dimension: string;
  readonly value: (region: string, of: string) => Promise<number | undefined>;
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

interface Selection {
  readonly Namespace: string;
  readonly MetricName: string;
  readonly Dimensions?: MetricDatum['Dimensions'];
}
interface StatisticsInput extends Selection {
  readonly StartTime: Date;
  readonly EndTime: Date;
  readonly Period: number;
  readonly Statistics?: readonly string[];
}
interface DataInput {
  readonly StartTime: Date;
  readonly EndTime: Date;
  readonly ScanBy?: 'TimestampDescending' | 'TimestampAscending';
  readonly MetricDataQueries: ReadonlyArray<{
    readonly Id: string;
    readonly Label?: string;
    readonly MetricStat?: { readonly Metric: Selection; readonly Period: number; readonly Stat: string };
  }>;
}

const alarmPage = { usual: 50, max: 100 };
const metricPageMax = 500;

export function monitoring(world: World, own: readonly OwnMetric[] = []): Monitoring {
  const metrics: Metric[] = [];
  const alarms: Alarm[] = [];

  /** The values of each period by its beginning, the oldest first. */
  async function periods(region: string, { Namespace, MetricName, Dimensions = [] }: Selection, periodSeconds: number, from: Date, to: Date) {
    const wanted = Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value]));
    const names = Object.keys(wanted);
    const measured = own.find(({ namespace, name, dimension }) => namespace === Namespace && name === MetricName && names.length === 1 && names[0] === dimension);
    const value = await measured?.value(region, wanted[measured.dimension] ?? '');
    const put = metrics
      .filter((each) => each.region === region && each.namespace === Namespace && each.name === MetricName)
      .filter(({ dimensions }) => Object.keys(dimensions).length === names.length && names.every((name) => dimensions[name] === wanted[name]))
      .flatMap((each) => (each.value === undefined ? [] : [{ at: each.at, value: each.value }]));
    const grouped = new Map<number, number[]>();
    for (const each of value === undefined ? put : [{ at: world.now(), value }]) {
      const beginsMs = Math.floor(each.at.getTime() / (periodSeconds * 1000)) * periodSeconds * 1000;
      if (beginsMs >= from.getTime() && beginsMs < to.getTime()) grouped.set(beginsMs, [...(grouped.get(beginsMs) ?? []), each.value]);
    }
    return [...grouped].sort(([one], [other]) => one - other).map(([beginsMs, values]) => ({ at: new Date(beginsMs), values }));
  }

  return {
    service: 'monitoring',
    metrics,
    operations: {
      PutMetricData: ({ Namespace, MetricData = [] }: { Namespace: string; MetricData?: readonly MetricDatum[] }, { region }) => {
        for (const { MetricName, Value, Dimensions = [] } of MetricData) {
          const dimensions = Object.fromEntries(Dimensions.map((dimension) => [dimension.Name, dimension.Value]));
          metrics.push({ region, namespace: Namespace, name: MetricName, value: Value, dimensions, at: world.now() });
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
      GetMetricStatistics: async ({ StartTime, EndTime, Period, Statistics = [], ...selection }: StatisticsInput, { region }) => {
        const found = await periods(region, selection, Period, StartTime, EndTime);
        const shown = found.map(({ at, values }) => ({ Timestamp: at, ...Object.fromEntries(Statistics.map((name) => [name, statistic(name, values)])) }));
        return { Label: selection.MetricName, Datapoints: shown };
      },
      /** The newest first when not said. */
      GetMetricData: async ({ StartTime, EndTime, ScanBy, MetricDataQueries }: DataInput, { region }) => ({
        MetricDataResults: await Promise.all(
          MetricDataQueries.map(async ({ Id, Label, MetricStat }) => {
            if (MetricStat === undefined) throw new AwsError('NotImplemented', 'expressions of metrics are not modelled; MetricStat is', { fault: 'server' });
            const { Metric: selection, Period, Stat } = MetricStat;
            const found = await periods(region, selection, Period, StartTime, EndTime);
            const ordered = ScanBy === 'TimestampAscending' ? found : found.toReversed();
            return {
              Id, Label: Label ?? selection.MetricName, StatusCode: 'Complete',
              Timestamps: ordered.map(({ at }) => at), Values: ordered.map(({ values }) => statistic(Stat, values)),
            };
          }),
        ),
      }),
      /** Each metric that was ever put, once. */
      ListMetrics: ({ Namespace, MetricName, NextToken }: ListMetricsInput, { region }) => {
        const shown = metrics
          .filter((each) => each.region === region)
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

function statistic(name: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const found = { Sum: sum, Average: sum / values.length, Minimum: Math.min(...values), Maximum: Math.max(...values), SampleCount: values.length }[name];
  if (found === undefined) throw new AwsError('NotImplemented', `the statistic '${name}' is not modelled; sums, averages, extremes and counts are`, { fault: 'server' });
  return found;
}

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
