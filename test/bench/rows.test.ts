/** The figures of the benches: percentiles, limits, ratios, and the page that is committed. */
import { array, assert, double, property } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { benches } from '../../bench/index.ts';
import { measure, noneOf, rowOf } from '../../bench/row.ts';
import { line, merged, missed, page } from '../../bench/table.ts';

const oneTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

describe('percentiles', () => {
  test('are those of the samples, in whatever order they came', () => {
    expect(measure(oneTo(101).reverse())).toEqual({ min: 1, median: 51, p95: 96, p99: 100, max: 101, n: 101 });
  });

  test('lie on the line between two samples', () => {
    expect(measure([10, 20])).toEqual({ min: 10, median: 15, p95: 19.5, p99: 19.9, max: 20, n: 2 });
  });

  test('of one sample are that sample', () => {
    expect(measure([7])).toEqual({ min: 7, median: 7, p95: 7, p99: 7, max: 7, n: 1 });
  });

  test('need a sample', () => {
    expect(() => measure([])).toThrow(/nothing was measured/);
  });

  test('are in order and within the samples', () => {
    assert(
      property(array(double({ noNaN: true, min: 1e-9, max: 1e9 }), { minLength: 1 }), (samples) => {
        const { min, median, p95, p99, max, n } = measure(samples);
        expect([min, max, n]).toEqual([Math.min(...samples), Math.max(...samples), samples.length]);
        expect(min <= median && median <= p95 && p95 <= p99 && p99 <= max).toBe(true);
      }),
    );
  });
});

describe('a row', () => {
  const slow = rowOf({
    name: 'handover', what: 'A gap', samples: [100, 200, 300], unit: 'ms', limit: { median: 200, p95: 250 }, beside: [{ what: 'A restart', samples: [5000, 6000, 7000] }],
  });

  test('is met when every limit is', () => {
    expect(rowOf({ name: 'a', what: '', samples: [1, 2, 3], unit: 'ms', limit: { median: 2, max: 3 } }).met).toBe(true);
    expect(slow.met).toBe(false);
  });

  test('without a limit is met', () => {
    expect(rowOf({ name: 'a', what: '', samples: [1], unit: 'ms' })).toEqual({ name: 'a', what: '', measured: measure([1]), unit: 'ms', met: true, beside: [] });
  });

  test('of what must not happen allows none', () => {
    expect([noneOf('stale', '', 0).met, noneOf('stale', '', 1).met]).toEqual([true, false]);
  });

  test('says how many times ours the other is', () => {
    expect(slow.beside).toEqual([{ what: 'A restart', median: 6000, ratio: 30 }]);
  });

  test('says which limit was missed, and only that', () => {
    expect(missed(slow)).toBe('handover: p95 290 ms, limit 250 ms');
  });

  test('reads as a line', () => {
    expect(line(slow)).toContain('median 200 ms  p95 290  100–300  n 3');
    expect(line(slow)).toContain('A restart: 6000 ms, 30 ×');
  });
});

describe('the page', () => {
  const circumstances = { date: '2026-11-21', machine: '2 cores of a processor', node: '24.0.0', commit: 'abc1234', command: 'npm run bench -- --write', load: '0.1 before, 0.2 after' };
  const later = { ...circumstances, date: '2026-11-22', commit: 'def5678', command: 'npm run bench -- handover --write' };
  const permit = rowOf({ name: 'permit', what: 'A | check', samples: [0.4], unit: 'µs', limit: { median: 5 } });
  const stale = noneOf('stale', 'Orders of an old epoch', 2);
  const gaps = rowOf({ name: 'gaps', what: 'Gaps', samples: [100, 200, 300], unit: 'ms' });

  test('says what was measured, where and how, each row of its own run', () => {
    const text = page([{ bench: 'permit', row: permit, circumstances }, { bench: 'handover', row: stale, circumstances: later }, { bench: 'handover', row: gaps, circumstances: later }]);
    for (const said of [...Object.values(circumstances), ...Object.values(later)]) expect(text).toContain(said);
    expect(text).toContain('| permit | A \\| check | 0.400 µs |  |  |  | 1 | median ≤ 5 µs | yes |  | 2026-11-21, abc1234 |');
    expect(text).toContain('| stale | Orders of an old epoch | 2 |  |  |  | 1 | max ≤ 0 | **no** |  | 2026-11-22, def5678 |');
    expect(text).toContain('| gaps | Gaps | 200 ms | 290 ms | 298 ms | 100–300 | 3 |  |  |  | 2026-11-22, def5678 |');
  });

  test('keeps what was not measured anew, in the order of the benches', () => {
    const before = [{ bench: 'handover', row: stale, circumstances }, { bench: 'permit', row: permit, circumstances }, { bench: 'gone', row: gaps, circumstances }];
    const news = [{ bench: 'handover', row: gaps, circumstances: later }];
    expect(merged(before, news, ['permit', 'handover'])).toEqual([before[1], news[0]]);
  });
});

test('every bench has a name of its own and says what it does', () => {
  expect(new Set(benches.map((bench) => bench.name)).size).toBe(benches.length);
  for (const { name, summary } of benches) expect([name, summary]).toEqual([expect.stringMatching(/^[a-z-]+$/), expect.stringMatching(/\.$/)]);
});
