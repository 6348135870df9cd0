/**
 * What an environment synthesizes to, and the images, for tests that only read them: made once for a whole run, by whichever test file
 * asks first. To load the CDK and to synthesize takes a core for seconds, in each file anew, and so do the images' bundles.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { buildReleases, type Releases } from '../rehearsal/releases.ts';
import { settingsOf, type SettingsVariant } from '../rehearsal/settings-variants.ts';
import { appOf, variablesOf, type Assembly } from '../rehearsal/synthesize.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    readonly assemblies: string;
  }
}

const root = path.dirname(import.meta.dirname);
const pauseMs = 50;
const boundMs = 120_000;

/** The set-up of a run: where they are, until it ends. */
export default function setUp(project: TestProject): () => void {
  const directory = mkdtempSync(path.join(tmpdir(), 'baton-test-assemblies-'));
  // Tasks run as the users of their images.
  chmodSync(directory, 0o755);
  project.provide('assemblies', directory);
  return () => rmSync(directory, { recursive: true, force: true });
}

/** Not to be changed: others read it too. */
export function assemblyOf(environment: 'dev' | 'staging' | 'production', variant?: SettingsVariant): Assembly {
  const directory = path.join(inject('assemblies'), [environment, ...(variant === undefined ? [] : [variant])].join('-'));
  if (claimed(directory)) synthesize(environment, directory, variant);
  waitFor(directory);
  return { settings: settingsOf(environment, variant), directory };
}

/** Of every environment. Not to be changed either. */
export async function releasesOfAll(): Promise<Releases> {
  const directory = path.join(inject('assemblies'), 'images');
  const file = `${directory}.json`;
  if (claimed(directory)) {
    const releases = await buildReleases(directory);
    writeFileSync(`${file}.making`, JSON.stringify(releases));
    renameSync(`${file}.making`, file);
  }
  waitFor(file);
  return JSON.parse(readFileSync(file, 'utf8')) as Releases;
}

/** Another test file makes it. */
function waitFor(made: string): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (let waitedMs = 0; !existsSync(made); waitedMs += pauseMs) {
    if (waitedMs > boundMs) throw new Error(`no other test file made ${path.basename(made)} within ${boundMs / 1000} s`);
    Atomics.wait(sleeper, 0, 0, pauseMs);
  }
}

function claimed(directory: string): boolean {
  try {
    mkdirSync(`${directory}.claimed`);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Without the slow checks, which have tests of their own. It is there whole, or not at all. */
function synthesize(environment: string, directory: string, variant?: SettingsVariant): void {
  const making = `${directory}.making`;
  const env = { ...variablesOf(environment, making, variant, false), CDK_CONTEXT_JSON: undefined };
  const { status, stderr } = spawnSync(process.execPath, [appOf(variant)], { cwd: root, env, encoding: 'utf8', timeout: boundMs });
  if (status !== 0) throw new Error(`${environment} does not synthesize:\n${stderr}`);
  renameSync(making, directory);
}
