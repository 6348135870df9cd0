/** A line as the trader writes it raises the alarm, and the alarm says what it means and what to do. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { expect, test } from 'vitest';
import { PositionAlarm } from '../../lib/constructs/position-alarm.ts';
import { page } from '../../lib/contracts/page.ts';

interface Resource {
  readonly Properties: Readonly<Record<string, unknown>>;
}

function only(template: Template, type: string): Readonly<Record<string, unknown>> {
  const [found, ...others] = Object.values(template.findResources(type)) as Resource[];
  expect(others).toEqual([]);
  return found?.Properties ?? {};
}

test('a line that pages is counted, and one is enough', () => {
  const stack = new Stack(new App(), 'Test');
  void new PositionAlarm(stack, 'Position', { prefix: 'baton-dev', book: 'alpha', logGroupName: '/baton/dev/alpha' });
  const template = Template.fromStack(stack);
  const filter = only(template, 'AWS::Logs::MetricFilter');
  expect(filter).toMatchObject({ LogGroupName: '/baton/dev/alpha' });
  const [, field, value] = /^\{ \$\.(\w+) = "(\w+)" \}$/.exec(String(filter['FilterPattern'])) ?? [];
  const line = JSON.stringify({ time: '2026-11-21T00:00:00Z', level: 'error', message: 'x', ...page });
  expect((JSON.parse(line) as Record<string, unknown>)[field ?? '']).toBe(value);

  const alarm = only(template, 'AWS::CloudWatch::Alarm');
  const [transformation] = filter['MetricTransformations'] as { readonly MetricName: string; readonly MetricNamespace: string }[];
  expect(alarm).toMatchObject({
    MetricName: transformation?.MetricName, Namespace: transformation?.MetricNamespace,
    Threshold: 1, EvaluationPeriods: 1, ComparisonOperator: 'GreaterThanOrEqualToThreshold', Statistic: 'Sum',
  });
  const [, runbook] = /Runbook: (\S+)$/.exec(String(alarm['AlarmDescription'])) ?? [];
  expect(existsSync(join(import.meta.dirname, '../..', runbook ?? 'none'))).toBe(true);
});
