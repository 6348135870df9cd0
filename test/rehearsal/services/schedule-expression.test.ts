/** When a schedule comes, in AWS's words: the examples of its page, and what the clocks do in spring and autumn. */
import { expect, test } from 'vitest';
import { nextTime, parseSchedule } from '../../../rehearsal/services/schedule-expression.ts';

function next(expression: string, after: string, zone = 'UTC'): string | undefined {
  const schedule = parseSchedule(expression);
  if (schedule === undefined) throw new Error(`no schedule: ${expression}`);
  return nextTime(schedule, new Date(after), zone)?.toISOString();
}

test.each([
  ['cron(15 10 * * ? *)', '2026-03-01T10:15:00Z', '2026-03-02T10:15:00.000Z'],
  ['cron(0 18 ? * MON-FRI *)', '2026-11-20T18:00:00Z', '2026-11-23T18:00:00.000Z'],
  ['cron(0/15 8-9 1,15 * ? *)', '2026-05-01T08:46:00Z', '2026-05-01T09:00:00.000Z'],
  ['cron(0/15 8-9 1,15 * ? *)', '2026-05-01T09:45:00Z', '2026-05-15T08:00:00.000Z'],
  ['cron(0 0 L * ? *)', '2026-02-01T00:00:00Z', '2026-02-28T00:00:00.000Z'],
  ['cron(15 10 ? * 6L 2026-2027)', '2026-10-31T00:00:00Z', '2026-11-27T10:15:00.000Z'],
  ['cron(0 4 ? JAN SUN#1 *)', '2026-02-01T00:00:00Z', '2027-01-03T04:00:00.000Z'],
  ['cron(0 0 29 FEB ? *)', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
  ['at(2026-11-20T13:00:00)', '2026-11-20T12:59:59Z', '2026-11-20T13:00:00.000Z'],
])('%s after %s', (expression, after, wanted) => {
  expect(next(expression, after)).toBe(wanted);
});

test('in a time zone: what the clocks skip does not come, what they repeat comes once', () => {
  const zone = 'America/New_York';
  expect(next('cron(30 2 * * ? *)', '2026-03-07T08:00:00Z', zone)).toBe('2026-03-09T06:30:00.000Z');
  const once = next('cron(30 1 * * ? *)', '2026-11-01T04:00:00Z', zone);
  expect(once).toBe('2026-11-01T05:30:00.000Z');
  expect(next('cron(30 1 * * ? *)', once ?? '', zone)).toBe('2026-11-02T06:30:00.000Z');
  expect(next('at(2026-07-01T09:00:00)', '2026-01-01T00:00:00Z', zone)).toBe('2026-07-01T13:00:00.000Z');
});

test('what is over, or never comes, has no next time', () => {
  expect(next('at(2026-11-20T13:00:00)', '2026-11-20T13:00:00Z')).toBeUndefined();
  expect(next('cron(0 0 31 FEB ? *)', '2026-01-01T00:00:00Z')).toBeUndefined();
  expect(next('cron(0 0 1 1 ? 2025)', '2026-01-01T00:00:00Z')).toBeUndefined();
});

test.each([
  'rate(0 minutes)', 'rate(5 weeks)', 'at(2026-13-01T00:00:00)', 'at(2026-01-01)', 'cron(0 0 * * * *)', 'cron(0 0 ? * ? *)', 'cron(60 0 * * ? *)',
  'cron(0 0 * * ?)', 'cron(0 5-3 * * ? *)', 'cron(0 0 ? * FUN *)', 'cron(0 0 15W * ? *)', 'every(1 minute)', '',
])('%s is no schedule', (expression) => {
  expect(parseSchedule(expression)).toBeUndefined();
});
