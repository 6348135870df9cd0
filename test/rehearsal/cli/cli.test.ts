/** The command as a person meets it: help, lists, wrong usage, and Ctrl-C in the middle. */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { scenarios } from '../../../rehearsal/scenarios/index.ts';
import { processesWith } from '../../processes-with.ts';

const root = dirname(dirname(dirname(import.meta.dirname)));

interface Run {
  readonly output: string;
  readonly code: number | null;
}

function start(args: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(root, 'rehearsal', 'cli.ts'), ...args], {
    cwd: root,
    // Whatever the terminal of the tests is, bold letters would be between the words.
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += String(chunk);
      for (const listener of listeners) listener();
    });
  }
  const ended = new Promise<Run>((resolve) => child.once('close', (code) => resolve({ output, code })));
  const says = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (pattern.test(output)) resolve();
      };
      listeners.add(look);
      void ended.then(() => reject(new Error(`it ended without saying ${String(pattern)}:\n${output}`)));
      look();
    });
  return { child, ended, says };
}

const run = (...args: string[]): Promise<Run> => start(args).ended;

describe('usage', () => {
  test('--help explains itself', async () => {
    const { output, code } = await run('--help');
    expect(code).toBe(0);
    for (const { name } of scenarios) expect(output).toContain(name);
    expect(output).toContain('--seed');
    expect(output).toContain('serve [options]');
  });

  test('--list names every scenario, its promises and its faults; --json the same as data', async () => {
    const { output, code } = await run('--list');
    expect(code).toBe(0);
    expect(output).toContain('serve  The system stays up');
    for (const { name, faults } of scenarios) {
      for (const text of [name, ...faults.map((fault) => fault.name)]) expect(output).toContain(text);
    }
    const listed = JSON.parse((await run('--list', '--json')).output) as { name: string; faults: unknown[]; promises: unknown[] }[];
    expect(listed.map((each) => each.name)).toEqual(scenarios.map((each) => each.name));
    expect(listed.every((each) => each.promises.length > 0)).toBe(true);
  });

  test.each([
    [['nonsense'], "no scenario 'nonsense'; there are: cutover, failover"],
    [['cutover', '--fault', 'nonsense'], "the scenario 'cutover' has no fault 'nonsense'; it has: green-never-healthy, green-does-not-trade"],
    [['canary'], "the settings of production have nothing to tell 'canary' with; choose --env dev or --env staging"],
    [['--fault', 'green-does-not-trade'], '--fault needs a scenario'],
    [['cutover', '--fault', 'green-does-not-trade', '--fault', 'snapshot-fails'], 'both decide how the cutover ends'],
    [['cutover', '--fault', 'malformed-input', '--fault', 'no-redis'], "'malformed-input' is refused before anything else can go wrong"],
    [['cutover', '--fault', 'throttled', '--fault', 'slow-answers'], "'throttled' and 'slow-answers' both need the answers for themselves"],
    [['cutover', '--seed', 'seven'], "wanted a whole number of up to nine digits, got 'seven'"],
    [['--jobs', '0'], "wanted a number from 1 to 8, got '0'"],
    [['cutover', '--provisioning', 'fast'], 'Allowed choices are typical, pessimistic'],
    [['cutover', '--all'], "--all tells every scenario: leave 'cutover' out, or leave --all out"],
    [['cutover', '--unknown'], "unknown option '--unknown'"],
    [['cutover', '--env', 'prod'], "argument 'prod' is invalid. Allowed choices are dev, staging, production"],
    [['serve', '--env', 'prod'], "argument 'prod' is invalid. Allowed choices are dev, staging, production"],
    [['serve', '--port', '0'], "wanted a port from 1 to 65535, got '0'"],
    [['serve', '--port', '65536'], "wanted a port from 1 to 65535, got '65536'"],
    [['serve', '--fault', 'throttled'], "unknown option '--fault'"],
    [['serve', 'cutover'], 'too many arguments'],
  ])('%j is refused in plain words, with exit code 2', async (args, message) => {
    const { output, code } = await run(...args);
    expect(output).toContain(message);
    expect(output).not.toMatch(/\n {4}at /);
    expect(code).toBe(2);
  });
});

test('where no Redis can be had, a plain message says what to install, before anything is synthesized', async () => {
  const { output, code } = await start(['takeover'], { REDIS_BIN: '/nowhere/redis-server' }).ended;
  expect(output).not.toContain('Synthesizing');
  expect(output).toContain('no Redis server was found');
  expect(output).toContain('apt install redis-server');
  expect(output).toContain('/nowhere/redis-server');
  expect(output).not.toMatch(/\n {4}at /);
  expect(code).toBe(2);
});

test.each([
  ['one scenario', ['cutover'], /Start the new colour/],
  // The signal reaches the command alone here: those that tell for it end because it does.
  ['several side by side', [], /✓ Deploy into the local AWS/],
] as const)('Ctrl-C in the middle of %s ends everything: processes, directories, and the command itself with 130', async (_, args, middle) => {
  const temporary = await mkdtemp(join(tmpdir(), 'baton-interrupted-'));
  onTestFinished(() => rm(temporary, { recursive: true, force: true }));
  // PostgreSQL runs as another user than root, who must be able to enter.
  await chmod(temporary, 0o755);
  const { child, ended, says } = start(args, { TMPDIR: temporary });
  onTestFinished(() => void child.kill('SIGKILL'));
  await says(middle);
  child.kill('SIGINT');
  const { code, output } = await ended;
  expect(code).toBe(130);
  expect(output).toContain('interrupted');
  await expect
    .poll(async () => (await readdir(temporary)).filter((name) => !/^(baton-cache|node-compile-cache)/.test(name)))
    .toEqual([]);
  await expect.poll(() => processesWith(temporary)).toEqual([]);
}, 360_000);
