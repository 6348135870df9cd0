/**
 * CloudWatch: the metrics that were put, those that AWS's services put themselves, and the alarms. Each is judged every minute, and
 * at once when data of its metric comes in, for which AWS takes until the minute is over.
 */
import { AwsError, awsService, type ServiceModel, type World } from '../cloud/model.ts';
import { ruleOf, stateAt, type AlarmRule, type AlarmState } from './alarm-rule.ts';
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
  /** What a service of AWS measured, now or at another time. */
  readonly record: (measured: Omit<Metric, 'at'> & { readonly at?: Date }) => void;
  /** Each time that an alarm rang, and whom it told. */
  readonly rung: readonly Ringing[];
}
export interface Ringing {
  readonly region: string;
  readonly name: string;
  readonly told: readonly string[];
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
  readonly rule: AlarmRule;
  readonly at: Date;
  state: AlarmState;
  reason: string;
  stateAt: Date;
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
const judgedEveryMs = 60_000;
const actionsOf = { ALARM: 'AlarmActions', OK: 'OKActions', INSUFFICIENT_DATA: 'InsufficientDataActions' } as const;

export function monitoring(world: World, own: readonly OwnMetric[] = []): Monitoring {
  const metrics: Metric[] = [];
  const alarms: Alarm[] = [];
  const rung: Ringing[] = [];

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
    for (const each of value === undefined ? put : [...put, { at: world.now(), value }]) {
      const beginsMs = Math.floor(each.at.getTime() / (periodSeconds * 1000)) * periodSeconds * 1000;
      if (beginsMs >= from.getTime() && beginsMs < to.getTime()) grouped.set(beginsMs, [...(grouped.get(beginsMs) ?? []), each.value]);
    }
    return [...grouped].sort(([one], [other]) => one - other).map(([beginsMs, values]) => ({ at: new Date(beginsMs), values }));
  }

  function record(measured: Omit<Metric, 'at'> & { readonly at?: Date }): void {
    metrics.push({ at: world.now(), ...measured });
    for (const alarm of alarms) {
      const { rule, region } = alarm;
      if (region === measured.region && rule.namespace === measured.namespace && rule.metricName === measured.name) judgeBeside(alarm);
    }
  }

  function judgeBeside(alarm: Alarm): void {
    judge(alarm).catch((error: unknown) => world.log(`the alarm ${alarm.name} could not be judged`, { error: String(error) }));
  }

  async function judge(alarm: Alarm): Promise<void> {
    const { rule, region, state: before, at: made } = alarm;
    const now = world.now();
    const Dimensions = Object.entries(rule.dimensions).map(([Name, Value]) => ({ Name, Value }));
    const selection = { Namespace: rule.namespace, MetricName: rule.metricName, Dimensions };
    const from = new Date(now.getTime() - (rule.evaluationPeriods + 1) * rule.periodSeconds * 1000);
    const found = await periods(region, selection, rule.periodSeconds, from, new Date(now.getTime() + 1));
    const values = new Map(found.map(({ at, values: of }) => [at.getTime(), statistic(rule.statistic, of)]));
    const state = stateAt(rule, values, { nowMs: now.getTime(), madeMs: made.getTime(), before });
    const seen = [...values.values()].map(String).join(', ') || 'no data';
    // Another judgement may have come meanwhile.
    if (state !== alarm.state) await enter(alarm, state, `Threshold ${rule.threshold}, seen ${seen}.`);
  }

  async function enter(alarm: Alarm, state: AlarmState, reason: string): Promise<void> {
    const { name, arn, region, properties, state: before } = alarm;
    Object.assign(alarm, { state, reason, stateAt: world.now() });
    world.log(`alarm ${name}: ${state}`, { region, reason });
    const told: string[] = [];
    const Message = JSON.stringify({
      AlarmName: name, AlarmDescription: properties['AlarmDescription'], AWSAccountId: world.accountId, NewStateValue: state, NewStateReason: reason,
      StateChangeTime: alarm.stateAt.toISOString(), Region: region, AlarmArn: arn, OldStateValue: before,
    });
    if (`${(properties['ActionsEnabled'] as boolean | string | undefined) ?? true}` === 'true') {
      for (const action of (properties[actionsOf[state]] ?? []) as readonly string[]) {
        if (!action.includes(':sns:')) throw new AwsError('NotImplemented', `the action ${action} is not modelled; topics are`, { fault: 'server' });
        const input = { TopicArn: action, Subject: `${state}: "${name}"`.slice(0, 100), Message };
        await world.call({ service: 'sns', operation: 'Publish', region, caller: awsService('cloudwatch.amazonaws.com', arn), input });
        told.push(action);
      }
    }
    if (state === 'ALARM') rung.push({ region, name, told });
  }

  /** A value of now is one of the past soon. */
  async function keepOwn(): Promise<void> {
    for (const { region, rule: { namespace, metricName: name, dimensions } } of alarms) {
      const measured = own.find((each) => each.namespace === namespace && each.name === name);
      const value = measured && (await measured.value(region, dimensions[measured.dimension] ?? ''));
      if (value !== undefined) metrics.push({ region, namespace, name, value, dimensions, at: world.now() });
    }
  }

  async function judgeEveryMinute(): Promise<void> {
    for (;;) {
      await world.sleep(judgedEveryMs);
      await keepOwn();
      alarms.forEach(judgeBeside);
    }
  }

  return {
    service: 'monitoring',
    metrics,
    record,
    rung,
    operations: {
      PutMetricData: ({ Namespace, MetricData = [] }: { Namespace: string; MetricData?: readonly MetricDatum[] }, { region }) => {
        for (const { MetricName, Value, Dimensions = [] } of MetricData) {
          const dimensions = Object.fromEntries(Dimensions.map((dimension) => [dimension.Name, dimension.Value]));
          record({ region, namespace: Namespace, name: MetricName, value: Value, dimensions });
        }
      },
      DescribeAlarms: ({ AlarmNames, AlarmNamePrefix = '', StateValue, MaxRecords, NextToken }: DescribeAlarmsInput, { region }) => {
        const chosen = alarms.filter(
          ({ region: home, name, state }) =>
            home === region && (AlarmNames?.includes(name) ?? true) && name.startsWith(AlarmNamePrefix) && (StateValue ?? state) === state,
        );
        const { elements, next } = pageOf(chosen, {
          token: NextToken, size: MaxRecords ?? alarmPage.usual, sizeMax: alarmPage.max, keyOf: ({ name }) => name, invalidToken: 'InvalidNextToken',
        });
        return { MetricAlarms: elements.map(describeAlarm), CompositeAlarms: [], NextToken: next };
      },
      /** For tests: until the alarm is judged again. */
      SetAlarmState: async ({ AlarmName, StateValue, StateReason }: { AlarmName: string; StateValue: AlarmState; StateReason: string }, { region }) => {
        const alarm = alarms.find((each) => each.region === region && each.name === AlarmName);
        if (alarm === undefined) throw new AwsError('ResourceNotFoundException', `Alarm ${AlarmName} does not exist`);
        await enter(alarm, StateValue, StateReason);
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
        const at = world.now();
        alarms.push({
          region, name, arn, properties, at, rule: ruleOf(properties), state: 'INSUFFICIENT_DATA', reason: 'Unchecked: Initial alarm creation', stateAt: at,
        });
        // Until the world is closed.
        if (alarms.length === 1) judgeEveryMinute().catch(() => undefined);
        return { ref: name, attributes: { Arn: arn } };
      },
    },
  };
}

function statistic(name: string, values: readonly number[]): number {
  const sum = values.reduce((total, value) => total + value, 0);
  const found = { Sum: sum, Average: sum / values.length, Minimum: Math.min(...values), Maximum: Math.max(...values), SampleCount: values.length }[name];
  if (found === undefined) throw new AwsError('NotImplemented', `the statistic '${name}' is not modelled; sums, averages, extremes and counts are`, { fault: 'server' });
  return found;
}

function describeAlarm({ name, arn, properties, at, state, reason, stateAt: since }: Alarm): Record<string, unknown> {
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
    StateValue: state,
    StateReason: reason,
    StateUpdatedTimestamp: since,
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
