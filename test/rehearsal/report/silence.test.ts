/** What is told of a broken promise: the right silence, and what was logged in it. */
import { expect, test } from 'vitest';
import type { Report } from '../../../rehearsal/report/report.ts';
import { longestSilence, whatWasLogged } from '../../../rehearsal/report/silence.ts';

const reportOf = (acceptedAtMs: readonly number[], refusedAtMs: readonly number[] = []): Report => {
  const order = (atMs: number, accepted: boolean) => ({ atMs, accepted, code: accepted ? 0 : 10002, epoch: 1, clientOrderId: null });
  const orders = [...acceptedAtMs.map((atMs) => order(atMs, true)), ...refusedAtMs.map((atMs) => order(atMs, false))];
  return { scenario: 'switchover', observed: { orders: orders.sort((a, b) => a.atMs - b.atMs) } } as unknown as Report;
};
const beganAtMs = Date.parse('2026-01-01T00:00:00Z');
const logged = (atMs: number, message: string): object => ({
  group: 'g', stream: 's', message: JSON.stringify({ time: new Date(beganAtMs + atMs).toISOString(), level: 'warn', message, epoch: 3 }),
});

test('a refused order ends no silence', () => {
  expect(longestSilence(reportOf([1000, 1200, 5000, 5100], [3000]))).toEqual({ fromMs: 1200, toMs: 5000 });
});

test('with fewer than two accepted orders there is none, and it is said', () => {
  expect(longestSilence(reportOf([1000]))).toBeUndefined();
  expect(whatWasLogged(reportOf([]), [], beganAtMs)).toEqual(['switchover: fewer than two orders were accepted']);
});

test('what guards and traders said in it is told in order; what was said elsewhere and by others is not', () => {
  const log = [
    { atMs: 3000, message: 'a model said' }, { group: 'g', stream: 's', message: '{"time": torn' },
    logged(4000, 'second'), logged(1000, 'shortly before'), logged(600, 'long before'), logged(5001, 'after'),
  ];
  expect(whatWasLogged(reportOf([1000, 1200, 5000]), log, beganAtMs)).toEqual([
    'switchover: no order was accepted from 1.2 s to 5.0 s; guards and traders said then:',
    '     1.0 s  warn shortly before {"epoch":3}',
    '     4.0 s  warn second {"epoch":3}',
  ]);
});

test('no more lines than a person reads', () => {
  const log = Array.from({ length: 40 }, (_, index) => logged(2000 + index, `line ${index}`));
  const told = whatWasLogged(reportOf([1000, 5000]), log, beganAtMs);
  expect(told).toHaveLength(32);
  expect(told.at(-1)).toBe('  … and 10 more');
});

test('what is said again and again is told once, with how often', () => {
  const log = [logged(2000, 'no database'), logged(2200, 'no database'), logged(2100, 'taken over'), logged(2400, 'no database')];
  expect(whatWasLogged(reportOf([1000, 5000]), log, beganAtMs).slice(1)).toEqual([
    '     2.0 s  warn no database {"epoch":3} (3 times)',
    '     2.1 s  warn taken over {"epoch":3}',
  ]);
});
