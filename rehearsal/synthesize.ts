/**
 * Synthesizes one environment as the CDK does, by running the app itself, into a directory that lives as long as
 * the rehearsal. What is rehearsed is what would be deployed: templates, state machines, bundles, policies.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Progress } from './report/progress.ts';
import { UnavailableError } from './unavailable.ts';

export interface Assembly extends AsyncDisposable {
  readonly environment: string;
  readonly directory: string;
}

const root = dirname(import.meta.dirname);

export async function synthesize(environment: string, progress: Progress): Promise<Assembly> {
  const directory = await mkdtemp(join(tmpdir(), 'baton-assembly-'));
  // A signal ends the process without unwinding: the directory must go then too.
  const sweep = (): void => rmSync(directory, { recursive: true, force: true });
  process.once('exit', sweep);
  const remove = async (): Promise<void> => {
    process.off('exit', sweep);
    await rm(directory, { recursive: true, force: true });
  };
  const end = progress.begin('Synthesize and validate', 3500);
  try {
    await runApp(environment, directory);
    end();
  } catch (error) {
    end('failed');
    await remove();
    throw error;
  }
  return { environment, directory, [Symbol.asyncDispose]: remove };
}

async function runApp(environment: string, directory: string): Promise<void> {
  const app = spawn(process.execPath, [join(root, 'bin', 'baton.ts')], {
    cwd: root,
    env: { ...process.env, BATON_ENV: environment, CDK_OUTDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  app.stdout.on('data', (chunk: Buffer) => said.push(chunk));
  app.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    app.once('error', reject);
    app.once('close', resolve);
  });
  if (code !== 0)
    throw new UnavailableError(
      `'${environment}' does not synthesize, so there is nothing to rehearse:\n${Buffer.concat(said).toString().trim()}`,
    );
}
