/** Whole processes, timed from the outside. What they started ends with this process, however it ends. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const root = dirname(import.meta.dirname);

export interface Ran {
  readonly ms: number;
  readonly stdout: string;
}

export async function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const began = performance.now();
  // A group of its own: `npm` and what it starts are ended together.
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const end = (): void => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGTERM');
  };
  process.once('exit', end);
  const stdout: Buffer[] = [];
  const said: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    const ms = performance.now() - began;
    if (code !== 0) throw new Error(`'${command} ${args.join(' ')}' ended with ${code}:\n${Buffer.concat(said).toString().trim()}`);
    return { ms, stdout: Buffer.concat(stdout).toString() };
  } finally {
    process.off('exit', end);
  }
}

export interface TemporaryDirectory extends Disposable {
  readonly path: string;
}

export function temporaryDirectory(): TemporaryDirectory {
  const path = mkdtempSync(join(tmpdir(), 'baton-bench-'));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  // A signal ends the process without unwinding.
  process.once('exit', remove);
  return {
    path,
    [Symbol.dispose]: () => {
      process.off('exit', remove);
      remove();
    },
  };
}
