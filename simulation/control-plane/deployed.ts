/**
 * What a deployment of dev makes, as the synthesized templates say it: roles with their policies, services, machines, functions, every property
 * resolved. To synthesize takes seconds, so it is kept in a file that is named after the sources: whoever changes one of them has another file.
 */
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, existsSync, globSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { loadSettings } from '../../lib/settings/index.ts';
import type { CreatedResource, ResourceRequest } from '../../rehearsal/cloud/model.ts';

export const installation = 'baton-dev';
export const settings = loadSettings('dev');

/** A resource as its model is asked for it, and what references to it give. */
export type Made = ResourceRequest & CreatedResource;

const boundMs = 120_000;
const pauseMs = 100;
const root = dirname(dirname(import.meta.dirname));
/** What the templates and their names come from. */
const sources = ['bin', 'lib', 'stacks', 'lambdas', 'containers', 'rehearsal/cloud', 'rehearsal/services'].map((folder) => `${folder}/**/*.ts`);

let known: Promise<readonly Made[]> | undefined;

/** Read once in a process; synthesized once for each state of the sources, whoever asks first. */
export function deployed(): Promise<readonly Made[]> {
  known ??= read();
  return known;
}

async function read(): Promise<readonly Made[]> {
  const file = join(tmpdir(), `baton-deployed-${process.getuid?.() ?? 0}-${digestOfSources()}.json`);
  const claim = `${file}.making`;
  // Whoever comes first makes it; who waits in vain for one that was killed makes it, too.
  for (let waitedMs = 0; !existsSync(file) && !claimed(claim) && waitedMs < boundMs; waitedMs += pauseMs) await delay(pauseMs);
  if (!existsSync(file)) {
    const directory = mkdtempSync(join(tmpdir(), 'baton-deployed-'));
    try {
      // The CDK and every model of the local AWS, which a run does not need otherwise.
      const [{ synthesizeInto }, { deployedFrom }] = await Promise.all([import('../../rehearsal/synthesize.ts'), import('./deployment.ts')]);
      await synthesizeInto(directory, settings.environment);
      // Whole or not at all: others may be looking.
      const whole = `${file}.${randomUUID()}`;
      writeFileSync(whole, JSON.stringify(await deployedFrom(directory, settings)));
      renameSync(whole, file);
    } finally {
      rmSync(directory, { recursive: true, force: true });
      rmSync(claim, { force: true });
    }
  }
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Made[];
}

function claimed(claim: string): boolean {
  try {
    closeSync(openSync(claim, 'wx'));
    return true;
  } catch {
    return false;
  }
}

function digestOfSources(): string {
  const digest = createHash('sha256');
  for (const name of [...globSync([...sources], { cwd: root }).toSorted(), 'cdk.json', 'package-lock.json', 'simulation/control-plane/deployment.ts']) {
    digest.update(`${name}\n`).update(readFileSync(join(root, name)));
  }
  return digest.digest('hex').slice(0, 24);
}
