/** The command as a person meets it; what it explores is run where spin and a C compiler are. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { explorations } from '../../model/explorations.ts';
import { explore, foundIn } from '../../model/run.ts';

const script = join(import.meta.dirname, '..', '..', 'model', 'run.ts');
const hasSpin = ['spin', 'cc'].every((tool) => spawnSync(tool, ['-V']).error === undefined);

async function run(args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<{ code: number; said: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, ...args], { env: { ...env, NO_COLOR: '1' } });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

test('where spin is missing it says what to install', async () => {
  expect(await run([], { ...process.env, PATH: '/nowhere' })).toEqual({
    code: 2, said: "'spin' is not on this machine: install spin and a C compiler, for example 'apt-get install spin gcc', and start again.\n",
  });
});

test('wrong usage is told, with another exit code than a violation', async () => {
  const { code, said } = await run(['--largest']);
  expect(code).toBe(2);
  expect(said).toContain("unknown option '--largest'");
});

test.each([
  ['State-vector 172 byte, depth reached 4606, errors: 1\n      393 states, stored\n', { states: 393, errors: 1, isWhole: true }],
  ['errors: 0\n 6.1587e+06 states, stored\n', { states: 6_158_700, errors: 0, isWhole: true }],
  ['error: max search depth too small\nerrors: 0\n 100 states, stored\n', { states: 100, errors: 0, isWhole: false }],
  ['Warning: Search not completed\nerrors: 0\n 100 states, stored\n', { states: 100, errors: 0, isWhole: false }],
])('what spin printed is read: %#', (printed, found) => {
  expect(foundIn(printed)).toEqual(found);
});

test('what it did not print is no success', () => {
  expect(foundIn('Killed')).toEqual({ states: Number.NaN, errors: Number.NaN, isWhole: false });
});

test('each exploration has a name of its own', () => {
  expect(new Set(explorations.map(({ name }) => name)).size).toBe(explorations.length);
});

test.runIf(hasSpin).each(explorations.filter(({ isCaught }) => isCaught))('$name: caught', async (exploration) => {
  expect((await explore(exploration, new AbortController().signal)).errors).toBeGreaterThan(0);
}, 360_000);

test.runIf(hasSpin)('without a fault the model holds to its end', async () => {
  const quiet = { name: 'no fault', defines: ['CONTROLS=0', 'CRASHES=0', 'DOUBTS=0'], isCaught: false, isLarger: false };
  expect(await explore(quiet, new AbortController().signal)).toMatchObject({ errors: 0, isWhole: true, states: 12_977 });
}, 360_000);
