/** The command that runs all of it, as a person meets it: by its smallest part. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { byHand } from '../../simulation/mutants/by-hand.ts';
import { processesWith } from '../processes-with.ts';
import { until } from '../until.ts';

const root = join(import.meta.dirname, '..', '..');
const script = join(root, 'test', 'verify.ts');

async function verify(env: NodeJS.ProcessEnv, ...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { env: { ...process.env, NO_COLOR: '1', ...env } });
    return { code: 0, lines: stdout.trimEnd().split('\n') };
  } catch (error) {
    const { code, stdout, stderr } = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
    return { code, lines: (stdout + stderr).trimEnd().split('\n') };
  }
}

test('each part is told with what it found, its time and its verdict, and the last line counts them', async () => {
  const { code, lines } = await verify({}, '--only', 'seeds', '--seeds', '2');
  expect(code).toBe(0);
  expect(lines).toContainEqual(expect.stringMatching(/^seeds: 2 seeds of the whole system/));
  expect(lines).toContainEqual(expect.stringMatching(/^2 seeds from 1: 0 failed; /));
  expect(lines).toContainEqual(expect.stringMatching(/^✓ seeds +\d+\.\d min$/));
  expect(lines.at(-1)).toBe('1 passed, 0 failed');
}, 180_000);

test('a part that fails does, and is told again by a command of its own', async () => {
  const printed = byHand().find(({ name }) => name === 'the key is printed');
  const changed = { BATON_MUTANT: JSON.stringify(printed), NODE_OPTIONS: `--import ${join(root, 'simulation', 'mutants', 'load.ts')}` };
  const { code, lines } = await verify(changed, '--only', 'seeds', '--seeds', '1');
  expect(code).toBe(1);
  expect(lines).toContainEqual(expect.stringMatching(/^✗ seeds +\d+\.\d min {2}exit code 1: npm run verify -- --only seeds$/));
  expect(lines.at(-1)).toBe('0 passed, 1 failed');
}, 180_000);

test('a part that there is not is refused by name', async () => {
  const { code, lines } = await verify({}, '--only', 'weather');
  expect({ code, said: lines.join(' ') }).toEqual({ code: 2, said: expect.stringContaining('There are told, lease, seeds, sweep, mutants, model') as string });
});

test('a part for which this machine lacks a tool is said to be not run', async () => {
  const { code, lines } = await verify({ PATH: '/nowhere' }, '--only', 'model');
  expect(code).toBe(2);
  expect(lines).toContainEqual(expect.stringContaining("'spin' is not on this machine"));
  expect(lines).toEqual(expect.arrayContaining([expect.stringMatching(/^– model +\d+\.\d min {2}not run: /), '0 passed, 0 failed']));
});

test('interrupted, it leaves nothing', async () => {
  const mark = `verify-${process.pid}`;
  const child = spawn(process.execPath, [script, '--only', 'seeds', '--seeds', '1000'], { stdio: 'ignore', env: { ...process.env, BATON_TEST_MARK: mark } });
  try {
    // Itself, the part, and a worker at least.
    await until('the part is at work', async () => (await processesWith(mark)).length >= 3);
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    await until('nothing is left', async () => (await processesWith(mark)).length === 0);
  } finally {
    child.kill('SIGKILL');
  }
}, 270_000);
