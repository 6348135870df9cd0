/** Positions in the write-ahead log, as PostgreSQL writes them. */
import { expect, it } from 'vitest';
import { bytesBehind, bytesOf } from '../../lib/switchover/lsn.ts';

it.each([
  ['0/0', 0n],
  ['0/16B3748', 23_803_720n],
  ['16/B374D848', 97_500_059_720n],
  ['FFFFFFFF/FFFFFFFF', 2n ** 64n - 1n],
])('%s is so many bytes from the beginning', (lsn, bytes) => {
  expect(bytesOf(lsn)).toBe(bytes);
});

it('compares as numbers, not as text', () => {
  expect(bytesBehind('0/FFFFFF00', '1/0')).toBe(256);
  expect(bytesBehind('A/0', '9/FFFFFFFF')).toBe(0);
});

it.each(['', 'none', '0/', '0/123456789'])('refuses what is no position: %s', (text) => {
  expect(() => bytesOf(text)).toThrow(/not a position/);
});
