/**
 * Synthesizes one environment as the CDK does, by running the app itself, into a directory that lives as long as
 * the rehearsal. What is rehearsed is what would be deployed: templates, state machines, bundles, policies.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../lib/settings/index.ts';
import type { Progress } from './report/progress.ts';
import { settingsOf, type SettingsVariant } from './settings-variants.ts';
import { UnavailableError } from './unavailable.ts';

export interface Assembly extends AsyncDisposable {
  readonly settings: Settings;
  readonly directory: string;
}

const root = dirname(import.meta.dirname);

export async function synthesize(environment: string, progress: Progress, variant?: SettingsVariant): Promise<Assembly> {
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
    await runApp(environment, directory, variant, true);
    end();
  } catch (error) {
    end('failed');
    await remove();
    throw error;
  }
  return { settings: settingsOf(environment, variant), directory, [Symbol.asyncDispose]: remove };
}

/** The entry that synthesizes settings, or a variant of them, which BATON_VARIANT names. */
export function appOf(variant?: SettingsVariant): string {
  return variant === undefined ? join(root, 'bin', 'baton.ts') : join(import.meta.dirname, 'synthesize-variant.ts');
}

/** Into a directory that is the caller's, without the slow checks: for whoever only reads what was synthesized. */
export async function synthesizeInto(directory: string, environment: string, variant?: SettingsVariant): Promise<void> {
  await runApp(environment, directory, variant, false);
}

async function runApp(environment: string, directory: string, variant: SettingsVariant | undefined, validates: boolean): Promise<void> {
  const app = spawn(process.execPath, [appOf(variant)], {
    cwd: root,
    env: { ...process.env, BATON_ENV: environment, CDK_OUTDIR: directory, BATON_VARIANT: variant, ...(!validates && { CDK_VALIDATION: 'false' }) },
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
