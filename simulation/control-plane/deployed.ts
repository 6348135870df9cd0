/**
 * What a deployment of dev makes, as the synthesized templates say it: roles with their policies, services, machines, functions, every property
 * resolved. To synthesize takes seconds, so it is kept in a file that is named after the sources: whoever changes one of them has another file.
 */
import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { loadSettings } from '../../lib/settings/index.ts';
import type { CreatedResource, ResourceRequest } from '../../rehearsal/cloud/model.ts';
import { cached } from '../../rehearsal/processes/cache.ts';

export const installation = 'baton-dev';
export const settings = loadSettings('dev');

/** A resource as its model is asked for it, and what references to it give. */
export type Made = ResourceRequest & CreatedResource;

const kind = 'deployed-';
const file = 'made.json';
const keptMs = 86_400_000;
const root = dirname(dirname(import.meta.dirname));
/** What the templates and their names come from. */
const sources = ['bin', 'lib', 'stacks', 'lambdas', 'containers', 'rehearsal/cloud', 'rehearsal/services'].map((folder) => `${folder}/**/*.ts`);

let known: Promise<readonly Made[]> | undefined;

/** Read once in a process; synthesized once for each state of the sources. */
export function deployed(): Promise<readonly Made[]> {
  known ??= read();
  return known;
}

async function read(): Promise<readonly Made[]> {
  const kept = await cached(`${kind}${digestOfSources()}`, async (directory) => {
    await removeOld(dirname(directory));
    // The CDK and every model of the local AWS, which a run does not need otherwise.
    const [{ synthesizeInto }, { deployedFrom }] = await Promise.all([import('../../rehearsal/synthesize.ts'), import('./deployment.ts')]);
    const assembly = join(directory, 'cdk.out');
    await synthesizeInto(assembly, settings.environment);
    await writeFile(join(directory, file), JSON.stringify(await deployedFrom(assembly, settings)));
    await rm(assembly, { recursive: true });
  });
  return JSON.parse(await readFile(join(kept, file), 'utf8')) as readonly Made[];
}

/** Of sources that nobody has had for a while. */
async function removeOld(cache: string): Promise<void> {
  for (const name of (await readdir(cache)).filter((each) => each.startsWith(kind) && !each.includes('.making-'))) {
    const old = join(cache, name);
    if (Date.now() - (await stat(old)).mtimeMs > keptMs) await rm(old, { recursive: true, force: true });
  }
}

function digestOfSources(): string {
  const digest = createHash('sha256');
  for (const name of [...globSync([...sources], { cwd: root }).toSorted(), 'cdk.json', 'package-lock.json', 'simulation/control-plane/deployment.ts']) {
    digest.update(`${name}\n`).update(readFileSync(join(root, name)));
  }
  return digest.digest('hex').slice(0, 24);
}
