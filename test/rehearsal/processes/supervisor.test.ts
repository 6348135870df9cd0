import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

import { Supervisor } from '../../../rehearsal/processes/supervisor.ts';
import { isAlive, useSite } from './site.ts';
import { until } from '../../until.ts';

const site = useSite();
const node = process.execPath;
const forever = 'setInterval(() => {}, 1000);';

async function started(script: string, options: { env?: Record<string, string> } = {}) {
  const lines: string[] = [];
  const child = await site.supervisor.spawn({
    name: 'child',
    command: node,
    args: ['-e', script],
    env: options.env ?? {},
    onLine: (line, stream) => lines.push(`${stream}: ${line}`),
  });
  return { child, lines };
}

test('a child has the environment it was given and nothing of ours; its output comes line by line', async () => {
  const { child, lines } = await started('console.log(JSON.stringify(process.env)); console.error("two\\nthree"); process.exit(3)', {
    env: { ONE: '1' },
  });
  expect(await child.exited).toEqual({ code: 3, signal: null });
  const [environment] = lines.filter((line) => line.startsWith('stdout: '));
  expect(JSON.parse(environment?.slice('stdout: '.length) ?? '')).toEqual({ ONE: '1' });
  expect(lines.filter((line) => line.startsWith('stderr: '))).toEqual(['stderr: two', 'stderr: three']);
});

test('stop asks first', async () => {
  const { child, lines } = await started(
    `process.on('SIGTERM', () => { console.log('bye'); process.exit(0); }); console.log('up'); ${forever}`,
  );
  await until('the child is up', () => lines.includes('stdout: up'));
  expect(await child.stop(10_000)).toEqual({ code: 0, signal: null });
  expect(lines).toContain('stdout: bye');
});

test('stop kills what does not listen, after the bound', async () => {
  const { child, lines } = await started(`process.on('SIGTERM', () => {}); console.log('up'); ${forever}`);
  await until('the child is up', () => lines.includes('stdout: up'));
  const before = performance.now();
  expect(await child.stop(200)).toEqual({ code: null, signal: 'SIGKILL' });
  expect(performance.now() - before).toBeGreaterThanOrEqual(195);
});

test('a paused child does nothing until it is resumed, and can be killed while paused', async () => {
  const { child, lines } = await started('setInterval(() => console.log("tick"), 10)');
  await until('it ticks', () => lines.length > 2);
  child.pause();
  await until('the kernel has stopped it', () => readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(' ')[2] === 'T');
  child.resume();
  const before = lines.length;
  await until('it ticks again', () => lines.length > before + 2);
  child.pause();
  expect((await child.kill()).signal).toBe('SIGKILL');
});

test('what a child started ends with it', async () => {
  const spawnAnother = `require('node:child_process').spawn(process.execPath, ['-e', '${forever}'], { stdio: 'inherit' })`;
  const script = `console.log(${spawnAnother}.pid); ${forever}`;
  const { child, lines } = await started(script);
  const grandchild = Number((await until('the grandchild is there', () => lines[0])).slice('stdout: '.length));
  expect(isAlive(grandchild)).toBe(true);
  await child.kill();
  await until('the grandchild is gone', () => !isAlive(grandchild));
});

test('a program that is not there is an error that names it', async () => {
  await expect(site.supervisor.spawn({ name: 'ghost', command: '/no/such/program', env: {} })).rejects.toThrow(
    /could not start ghost \(\/no\/such\/program\)/,
  );
});

test('close ends the children, paused ones too, and removes the directories, read-only ones too', async () => {
  const supervisor = new Supervisor();
  const directory = await supervisor.temporaryDirectory('close');
  await mkdir(join(directory, 'tree'));
  await writeFile(join(directory, 'tree', 'file'), 'text');
  await chmod(join(directory, 'tree'), 0o555);
  const child = await supervisor.spawn({ name: 'child', command: node, args: ['-e', forever], env: {} });
  child.pause();
  await supervisor.close();
  await supervisor.close();
  expect(isAlive(child.pid)).toBe(false);
  expect(existsSync(directory)).toBe(false);
  await expect(supervisor.spawn({ name: 'late', command: node, env: {} })).rejects.toThrow('closing');
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)('a parent that dies of %s leaves no process and no directory', async (signal) => {
  const parent = spawn(node, [fileURLToPath(new URL('./doomed-parent.ts', import.meta.url))], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const lines: string[] = [];
    createInterface({ input: parent.stdout }).on('line', (line) => lines.push(line));
    const { pids, directory } = JSON.parse(await until('the parent is up', () => lines[0])) as { pids: number[]; directory: string };
    expect(pids.map(isAlive)).toEqual([true, true]);
    expect(existsSync(directory)).toBe(true);
    parent.kill(signal);
    await until('no process is left', () => !pids.some(isAlive));
    await until('no directory is left', () => !existsSync(directory));
  } finally {
    parent.kill('SIGKILL');
  }
});
