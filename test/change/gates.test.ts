/** A closed gate refuses and says when to come back; a force passes it and is told. */
import { describe, expect, test } from 'vitest';
import { GateClosedError, passGates, type GatesQuestion } from '../../lib/change/gates.ts';

const wednesday = new Date('2026-11-25T20:00:00Z');
const thawed = JSON.stringify({ frozen: false });
const frozen = JSON.stringify({ frozen: true, reason: 'quarter end', by: 'grace' });
const force = { reason: 'the venue retires the old API tonight', approvedBy: 'grace' };
const usual: GatesQuestion = { book: 'alpha', calendar: 'always', freeze: thawed, now: wednesday };
const question = (changed: Partial<GatesQuestion>): GatesQuestion => ({ ...usual, ...changed });

test('open gates need no force, and one that is given forces nothing', () => {
  expect(passGates(question({}))).toEqual([]);
  expect(passGates(question({ force }))).toEqual([]);
});

describe('a closed gate', () => {
  test('names the next opening of the window', () => {
    expect(() => passGates(question({ calendar: 'cme-futures' }))).toThrow(
      /window of book 'alpha' \(cme-futures\) is closed at Wed 25 Nov 2026 14:00 .*opens next on Wed 25 Nov 2026 16:00 .*"force"/,
    );
  });
  test('names who froze changes, and why', () => {
    expect(() => passGates(question({ freeze: frozen }))).toThrow(/frozen by grace: quarter end\. Ask grace/);
    expect(() => passGates(question({ freeze: frozen }))).toThrow(GateClosedError);
  });
  const unreadable = ['', 'none', '{}', '{"frozen":"no"}', '{"frozen":true}', '{"frozen":true,"by":"x"}', '{"frozen":false,"until":1}'];
  test.each(unreadable)('is a freeze that cannot be read: %s', (freeze) => {
    expect(() => passGates(question({ freeze }))).toThrow(/cannot be read, which counts as a freeze/);
  });
  test('tells of both at once, so that one correction is enough', () => {
    expect(() => passGates(question({ calendar: 'cme-futures', freeze: frozen }))).toThrow(/window of book.*frozen by grace/);
  });
  test('is passed by force, and the force is told', () => {
    const passed = passGates(question({ calendar: 'cme-futures', freeze: frozen, force }));
    expect(passed).toHaveLength(2);
    expect(passed.join(' ')).toMatch(/window of book 'alpha'.*frozen by grace/);
  });
});
