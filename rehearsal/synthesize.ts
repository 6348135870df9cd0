/**
 * Synthesizes one environment as the CDK does, by running the app itself, and builds the images beside it, into a directory that
 * lives as long as the rehearsal. What is rehearsed is what would be deployed: templates, state machines, bundles, policies.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Settings } from '../lib/settings/index.ts';
import { removeTree } from './processes/remove-tree.ts';
import { buildReleases, type Releases } from './releases.ts';
import type { Progress } from './report/progress.ts';
import { settingsOf, type SettingsVariant } from './settings-variants.ts';
import { UnavailableError } from './unavailable.ts';

export interface Assembly {
  readonly settings: Settings;
  readonly directory: string;
}
/** With what it deploys; both are gone when it is disposed of. */
export interface AssemblyWithReleases extends Assembly, Disposable {
  readonly releases: Releases;
}

const root = dirname(import.meta.dirname);

export async function synthesize(environment: string, progress: Progress, variant?: SettingsVariant): Promise<AssemblyWithReleases> {
  const work = await mkdtemp(join(tmpdir(), 'baton-assembly-'));
  // A signal ends the process without unwinding: the directory must go then too.
  const sweep = (): void => removeTree(work);
  process.once('exit', sweep);
  const remove = (): void => {
    process.off('exit', sweep);
    sweep();
  };
  // Tasks run as the users of their images.
  await chmod(work, 0o755);
  const directory = join(work, 'cdk.out');
  const end = progress.begin('Synthesize and validate, build the images');
  // Both have ended before anything is put away.
  const [synthesized, built] = await Promise.allSettled([runApp(environment, directory, variant, true), buildReleases(join(work, 'images'))]);
  try {
    if (synthesized.status === 'rejected') throw synthesized.reason;
    if (built.status === 'rejected') throw built.reason;
    end();
    return { settings: settingsOf(environment, variant), directory, releases: built.value, [Symbol.dispose]: remove };
  } catch (error) {
    end('failed');
    remove();
    throw error;
  }
}

/** The entry that synthesizes settings, or a variant of them, which BATON_VARIANT names. */
export function appOf(variant?: SettingsVariant): string {
  return variant === undefined ? join(root, 'bin', 'baton.ts') : join(import.meta.dirname, 'synthesize-variant.ts');
}

/** Into a directory that is the caller's, without the slow checks: for whoever only reads what was synthesized. */
export async function synthesizeInto(directory: string, environment: string, variant?: SettingsVariant): Promise<void> {
  await runApp(environment, directory, variant, false);
}

/** How the app is told what to synthesize, and where. @param validates whether with the slow checks */
export function variablesOf(environment: string, directory: string, variant: SettingsVariant | undefined, validates: boolean): NodeJS.ProcessEnv {
  return { ...process.env, BATON_ENV: environment, CDK_OUTDIR: directory, BATON_VARIANT: variant, ...(!validates && { CDK_VALIDATION: 'false' }) };
}

async function runApp(environment: string, directory: string, variant: SettingsVariant | undefined, validates: boolean): Promise<void> {
  const app = spawn(process.execPath, [appOf(variant)], {
    cwd: root,
    env: variablesOf(environment, directory, variant, validates),
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
