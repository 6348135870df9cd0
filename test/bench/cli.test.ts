/** The command: what it lists, and what it says to wrong usage. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../../bench/subprocess.ts';

const bench = (...args: string[]) => spawnSync(process.execPath, [join(root, 'bench', 'cli.ts'), ...args], { encoding: 'utf8', timeout: 120_000 });

test('lists the benches, for programs too', () => {
  const { status, stdout } = bench('--list', '--json');
  expect(status).toBe(0);
  expect((JSON.parse(stdout) as { name: string }[]).map(({ name }) => name).toSorted()).toEqual(
    ['bundles', 'checksums', 'failover', 'false-alarms', 'field', 'guard', 'handover', 'permit', 'rehearsal', 'simulation', 'synth', 'takeover'],
  );
});

test('names the benches there are when asked for another', () => {
  const { status, stderr } = bench('handovers');
  expect(status).toBe(2);
  expect(stderr).toContain("no bench 'handovers'; there are: permit, bundles");
});
