/** CloudWatch: the metrics that were put and the alarms that exist, as data; nothing here evaluates an alarm. */
import type { ServiceModel, World } from '../cloud/model.ts';

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
}
interface MetricDatum {
  readonly MetricName: string;
  readonly Value?: number;
  readonly Dimensions?: ReadonlyArray<{ readonly Name: string; readonly Value: string }>;
}

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
      DescribeAlarms: ({ AlarmNames }: { AlarmNames?: readonly string[] }, { region }) => ({
        MetricAlarms: alarms
          .filter((alarm) => alarm.region === region && (AlarmNames?.includes(alarm.name) ?? true))
          .map(({ name, arn, properties }) => ({
            AlarmName: name, AlarmArn: arn, AlarmDescription: properties['AlarmDescription'], StateValue: 'INSUFFICIENT_DATA',
          })),
        CompositeAlarms: [],
      }),
    },
    resources: {
      'AWS::CloudWatch::Alarm': ({ properties, generatedName, region }) => {
        const name = String(properties['AlarmName'] ?? generatedName);
        const arn = `arn:aws:cloudwatch:${region}:${world.accountId}:alarm:${name}`;
        alarms.push({ region, name, arn, properties });
        return { ref: name, attributes: { Arn: arn } };
      },
    },
  };
}
