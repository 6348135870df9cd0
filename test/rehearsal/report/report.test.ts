/** The lines that a person reads, and what makes a promise held. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { atLeast, atMost, exactly, held, neverBroken, render, type Report, type Trading } from '../../../rehearsal/report/report.ts';

const clean: Trading = {
  ordersSent: 10,
  ordersAccepted: 10,
  duplicatesAccepted: 0,
  staleEpochAccepted: 0,
  lateRejected: 0,
  maxGapMs: 150,
  overlapMs: 0,
};

function report(trading: Trading): Report {
  return {
    scenario: 'cutover', summary: 'For the test.', seed: 7, faults: ['a-fault'], outcome: 'succeeded', promises: neverBroken(trading), figures: [], trading, lease: [], steps: [],
    durationMs: 1500, modelledDurationMs: 90_000, unusedGrants: [],
    observed: { orders: [], handovers: [], injected: [], executions: [], machines: {}, compressed: [] },
  };
}

describe('promises', () => {
  test('figures are held against their limits, the limit itself included', () => {
    expect([atMost('a', '', 5, 5, 'ms').held, atMost('a', '', 5.01, 5, 'ms').held]).toEqual([true, false]);
    expect([atLeast('a', '', 5, 5, '').held, atLeast('a', '', 4, 5, '').held]).toEqual([true, false]);
    expect([exactly('a', '', 'none', 'none').held, exactly('a', '', 1, 0).held]).toEqual([true, false]);
  });

  test.each(['duplicatesAccepted', 'staleEpochAccepted', 'overlapMs'] as const)('one %s breaks the report', (figure) => {
    expect(held(report(clean))).toBe(true);
    expect(held(report({ ...clean, [figure]: 1 }))).toBe(false);
  });
});

describe('the rendered report', () => {
  test('names scenario, faults, outcome and seed, and every promise with what was measured', () => {
    const text = stripVTControlCharacters(render(report(clean)));
    expect(text).toContain('cutover with a-fault: succeeded, every promise held');
    expect(text).toContain('Two traders never both had orders accepted  0 ms (limit 0 ms)');
    expect(text).toContain('10 of 10 orders accepted');
    expect(text).toContain('1.5 s here, the workflow 90.0 s uncompressed, seed 7');
  });

  test('a broken promise cannot be overlooked', () => {
    const text = stripVTControlCharacters(render(report({ ...clean, staleEpochAccepted: 2 })));
    expect(text).toContain('A PROMISE WAS BROKEN');
    expect(text).toMatch(/✗ No order of an old epoch was accepted\s+2 \(limit 0\)/);
  });
});
