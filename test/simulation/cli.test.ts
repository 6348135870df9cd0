/** The command as a person meets it, each time in a process of its own: a run takes this one's time and randomness away. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { processesWith } from '../processes-with.ts';
import { until } from '../until.ts';

const script = join(import.meta.dirname, '..', '..', 'simulation', 'cli.ts');

async function simulate(...args: readonly string[]): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const told = ({ stdout }: { readonly stdout: string }): readonly string[] => stdout.trimEnd().split('\n');
  try {
    return { code: 0, lines: told(await promisify(execFile)(process.execPath, [script, ...args], { env: { ...process.env, NO_COLOR: '1' } })) };
  } catch (error) {
    const failed = error as { readonly code: number; readonly stdout: string; readonly stderr: string };
    return { code: failed.code, lines: told({ stdout: failed.stdout + failed.stderr }) };
  }
}

test('the same seed gives the same trace, byte by byte, and its hash is the last line', async () => {
  const [one, again, other] = await Promise.all([simulate('--seed', '9', '--trace'), simulate('--seed', '9', '--trace'), simulate('--seed', '10')]);
  expect(one.code).toBe(0);
  expect(one.lines.at(-1)).toMatch(/^[0-9a-f]{64}$/);
  expect(one.lines.length).toBeGreaterThan(400);
  expect(again).toEqual(one);
  expect(other.lines.at(-1)).not.toBe(one.lines.at(-1));
}, 180_000);

test('many seeds hold, trading goes on through their faults, and where it stopped is kept', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-simulate-'));
  try {
    const at = join(directory, 'next-seed');
    await writeFile(at, '4');
    const { code, lines } = await simulate('--seed', '1', '--seeds', '9', '--workers', '2', '--resume', at);
    expect(lines.at(-1)).toMatch(/^6 seeds from 4: 0 failed; /);
    expect(code).toBe(0);
    const [, accepted, epochs] = /([\d,]+) orders accepted in (\d+) epochs/.exec(lines.at(-1) ?? '') ?? [];
    expect(Number(accepted)).toBeGreaterThan(6 * 30);
    expect(Number(epochs)).toBeGreaterThan(6);
    expect(await readFile(at, 'utf8')).toBe('10');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 180_000);

test('a night that was killed is gone on with, and the next one begins where it ended', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-simulate-'));
  const at = join(directory, 'night');
  const night = (seeds: number): string[] => ['--nightly', '--seeds', String(seeds), '--workers', '2', '--resume', at];
  const child = spawn(process.execPath, [script, ...night(10_000)], { stdio: 'ignore' });
  try {
    const reached = (): number => (existsSync(at) ? Number(readFileSync(at, 'utf8')) : 0);
    await until('some seeds are done', () => reached() > 2, 180_000);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const from = reached();
    const last = from + 2;
    const second = await simulate(...night(last));
    expect(second.lines.at(-1)).toMatch(new RegExp(`^3 seeds from ${from}: 0 failed; `));
    expect([second.code, reached()]).toEqual([0, last + 1]);
    const third = await simulate(...night(last), '--minutes', '0.0001');
    expect(third.lines.at(-1)).toMatch(new RegExp(`^\\d+ seeds from ${last + 1}: 0 failed; `));
  } finally {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
}, 540_000);

test('a situation makes its faults again and again, and the command to see it again names it', async () => {
  const { code, lines } = await simulate('--seed', '3', '--situation', 'machines meet', '--trace');
  expect(code).toBe(0);
  expect(lines.filter((line) => / fault: \{"kind":"(?:drain|halt-for|move-home|kill-machine|resume)"/.test(line)).length).toBeGreaterThan(15);
  const wrong = await simulate('--seed', '3', '--situation', 'another');
  expect([wrong.code, wrong.lines.join('\n')]).toEqual([2, expect.stringContaining('machines meet')]);
}, 180_000);

test('wrong usage has an exit code of its own', async () => {
  const { code, lines } = await simulate('--seeds', 'many');
  expect(code).toBe(2);
  expect(lines.join('\n')).toContain('a number above 0 is wanted');
});

test('what keeps it from its start ends as a crash, not as a broken invariant, and says what to do', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-simulate-'));
  try {
    const cache = join(directory, `baton-cache-${process.getuid!()}`);
    await mkdir(cache);
    await chmod(cache, 0o777);
    const failed = await promisify(execFile)(process.execPath, [script, '--seeds', '2'], { env: { ...process.env, TMPDIR: directory } }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 4, stdout: '', stderr: expect.stringContaining('remove it and run again') as string });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('interrupted while it makes what is deployed, it ends as interrupted and leaves nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'baton-simulate-'));
  // As a terminal interrupts: everything that belongs to the command.
  const child = spawn(process.execPath, [script, '--seeds', '2'], { env: { ...process.env, TMPDIR: directory }, stdio: 'ignore', detached: true });
  try {
    await until('the synthesis', async () => (await processesWith(directory)).length > 1);
    process.kill(-child.pid!, 'SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
    await until('nothing runs', async () => (await processesWith(directory)).length === 0);
  } finally {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
