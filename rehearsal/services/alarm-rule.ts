/** How CloudWatch judges one alarm: by the periods that it looks back at, the statistic of each, and what a period without data counts for. */
import { AwsError } from '../cloud/model.ts';

export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';

export interface AlarmRule {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly periodSeconds: number;
  /** So many periods are looked at … */
  readonly evaluationPeriods: number;
  /** … and so many of them must be bad. */
  readonly datapointsToAlarm: number;
  readonly threshold: number;
  readonly isBad: (value: number) => boolean;
  readonly missing: 'missing' | 'breaching' | 'notBreaching' | 'ignore';
}

const comparisons: Readonly<Record<string, (value: number, threshold: number) => boolean>> = {
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
};

/** The properties of its resource, as templates write them: numbers may be texts. */
interface AlarmProperties {
  readonly Namespace?: string;
  readonly MetricName?: string;
  readonly Statistic?: string;
  readonly Dimensions?: ReadonlyArray<{ readonly Name: string; readonly Value: string }>;
  readonly ComparisonOperator?: string;
  readonly Threshold?: number | string;
  readonly Period?: number | string;
  readonly EvaluationPeriods?: number | string;
  readonly DatapointsToAlarm?: number | string;
  readonly TreatMissingData?: AlarmRule['missing'];
}

export function ruleOf(properties: AlarmProperties): AlarmRule {
  const { Namespace: namespace, MetricName: metricName, Statistic: statistic, Dimensions = [], ComparisonOperator: operator = '' } = properties;
  const compare = comparisons[operator];
  if (namespace === undefined || metricName === undefined || statistic === undefined || compare === undefined) {
    throw new AwsError('NotImplemented', 'alarms on one metric, one statistic and one threshold are modelled; expressions, percentiles and bands are not', { fault: 'server' });
  }
  const threshold = Number(properties.Threshold);
  const evaluationPeriods = Number(properties.EvaluationPeriods);
  return {
    namespace, metricName, statistic, threshold, evaluationPeriods,
    dimensions: Object.fromEntries(Dimensions.map(({ Name, Value }) => [Name, Value])),
    periodSeconds: Number(properties.Period),
    datapointsToAlarm: Number(properties.DatapointsToAlarm ?? evaluationPeriods),
    isBad: (value) => compare(value, threshold),
    missing: properties.TreatMissingData ?? 'missing',
  };
}

/**
 * The state at a moment. The period that has only begun counts when it has data; before the alarm was there, nothing was missing.
 *
 * @param values the statistic of each period that has data, by when it begins
 */
export function stateAt(
  { periodSeconds, evaluationPeriods, datapointsToAlarm, isBad, missing }: AlarmRule,
  values: ReadonlyMap<number, number>,
  { nowMs, madeMs, before }: { readonly nowMs: number; readonly madeMs: number; readonly before: AlarmState },
): AlarmState {
  const periodMs = periodSeconds * 1000;
  const begun = Math.floor(nowMs / periodMs) * periodMs;
  const last = values.has(begun) ? begun : begun - periodMs;
  const looked = Array.from({ length: evaluationPeriods }, (_, back) => last - back * periodMs);
  const known = looked.filter((beginsMs) => values.has(beginsMs));
  const gaps = looked.filter((beginsMs) => !values.has(beginsMs) && beginsMs >= madeMs).length;
  const bad = known.filter((beginsMs) => isBad(values.get(beginsMs) ?? 0)).length + (missing === 'breaching' ? gaps : 0);
  if (bad >= datapointsToAlarm) return 'ALARM';
  if (known.length > 0 || (missing === 'notBreaching' && gaps > 0)) return 'OK';
  return missing === 'missing' && gaps > 0 ? 'INSUFFICIENT_DATA' : before;
}
