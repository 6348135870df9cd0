/** Tenures and grants from the writes of the lease table. */
import { expect, test } from 'vitest';
import { LeaseHistory } from '../../rehearsal/lease-history.ts';
import { monotonicMs } from '../../rehearsal/venue/record.ts';
import type { Item } from '../../rehearsal/services/dynamodb-values.ts';

function item(epoch: number, more: Record<string, string>, book = 'alpha'): Item {
  const texts = Object.entries({ book, item: 'lease', mode: 'open', home: 'us-east-1', grantId: 'g', ...more }).map(([name, value]) => [
    name,
    { S: value },
  ]);
  return {
    ...Object.fromEntries(texts),
    epoch: { N: String(epoch) },
    heartbeat: { N: '0' },
    leaseMs: { N: '5000' },
    workflow: { M: { token: { N: '1' } } },
  };
}
const blue = 'us-east-1/blue/a1';
const green = 'us-east-1/green/b2';

test('each new epoch ends the tenure before it, and says how it came about', () => {
  const history = new LeaseHistory({ book: 'alpha', beganMs: monotonicMs() });
  const created = item(0, { mode: 'halted' });
  const taken = item(1, { holder: blue });
  const draining = item(1, { holder: blue, mode: 'draining', successor: 'green' });
  const handedOver = item(2, { holder: green, grantId: `${blue}#7` });
  history.see({ before: undefined, after: created });
  history.see({ before: created, after: taken });
  history.see({ before: taken, after: draining });
  history.see({ before: draining, after: handedOver });
  history.see({ before: handedOver, after: item(3, {}) });
  expect(history.tenures.map(({ epoch, colour, region, reason }) => [epoch, colour, region, reason])).toEqual([
    [0, null, null, 'created'],
    [1, 'blue', 'us-east-1', 'taken over'],
    [2, 'green', 'us-east-1', 'handed over'],
    [3, null, null, 'given up'],
  ]);
  expect(history.tenures.slice(0, -1).every((tenure, index) => tenure.toMs === history.tenures[index + 1]?.fromMs)).toBe(true);
  expect(history.tenures.at(-1)?.toMs).toBeNull();
  expect(history.grants.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3]);
});

test('a successor that takes over in the middle of a drain was not handed the book', () => {
  const history = new LeaseHistory({ book: 'alpha', beganMs: monotonicMs() });
  history.see({ before: item(1, { holder: blue, mode: 'draining', successor: 'green' }), after: item(2, { holder: green, grantId: `${green}#1` }) });
  expect(history.tenures.map(({ reason }) => reason)).toEqual(['taken over']);
});

test('other books, registrations and renewals change nothing', () => {
  const history = new LeaseHistory({ book: 'alpha', beganMs: monotonicMs() });
  history.see({ before: undefined, after: item(5, {}, 'beta') });
  history.see({ before: undefined, after: { book: { S: 'alpha' }, item: { S: 'standby#x' } } });
  history.see({ before: item(4, { holder: blue }), after: item(4, { holder: blue }) });
  expect(history.tenures).toEqual([]);
});
