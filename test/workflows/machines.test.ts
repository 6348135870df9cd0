/** No machine without tests of its own: each has a file that asks, last, for every Catch, Retry and branch that was not reached. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { synthesizedMachines } from './synthesized.ts';

const { machines } = synthesizedMachines();
const folder = import.meta.dirname;
const lastTest = "it('every Catch, Retry and branch of a Choice was reached by one of these tests'";

it('there are the machines that are known', () => {
  expect([...machines.keys()].toSorted()).toEqual([
    'backup-verification', 'budget-response', 'cache-snapshot', 'canary', 'cutover', 'dr-drill', 'drill-leftovers', 'failback', 'failover', 'halt', 'refresh-standby', 'replace-key', 'restore-database', 'resume',
    'revoke-now', 'rollback', 'switchover',
  ]);
});

it.each([...machines.keys()])('%s has a test file, and that asks for what it did not reach', (machine) => {
  const file = join(folder, `${machine}.test.ts`);
  expect(existsSync(file) && readFileSync(file, 'utf8').includes(lastTest)).toBe(true);
});
