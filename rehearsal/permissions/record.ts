/**
 * `node rehearsal/permissions/record.ts <directory>…`: gathers what the rehearsals in these directories were permitted
 * (each writes accesses.json with `--out`) into recorded-accesses.json, from which a test proves each grant needed.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordedAccess } from './judge.ts';

export const recordedFile = join(import.meta.dirname, 'recorded-accesses.json');

/** Names that are drawn anew in every run; one access stands for all that differ in them only. */
function shape({ resource, context, ...access }: RecordedAccess): string {
  const { 'ecs:task-definition': _revision, ...same } = context ?? {};
  return JSON.stringify({ ...access, resource: resource.replace(/([/:-])(?:rehearsal-)?[0-9a-f]{8,}(?=[/:-]|$)/g, '$1…').replace(/\d+$/, '…'), same })
    .replace(/"sourceArn":"[^"]*task\/[^"]*"/, '"sourceArn":"task"');
}

/** One access of each shape, in order. */
export async function gather(directories: readonly string[]): Promise<readonly RecordedAccess[]> {
  const files = await Promise.all(
    directories.map(async (directory) => {
      const names = await readdir(directory, { recursive: true });
      return names.filter((name) => name.endsWith('accesses.json')).map((name) => join(directory, name));
    }),
  );
  const read = await Promise.all(files.flat().map(async (file) => JSON.parse(await readFile(file, 'utf8')) as readonly RecordedAccess[]));
  const sorted = read.flat().toSorted((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  return [...new Map(sorted.toReversed().map((access) => [shape(access), access])).values()].toReversed();
}

if (import.meta.main) {
  const directories = process.argv.slice(2);
  if (directories.length === 0) throw new Error('Say where the rehearsals wrote: node rehearsal/permissions/record.ts <directory>…');
  const accesses = await gather(directories);
  await writeFile(recordedFile, `[\n${accesses.map((access) => `  ${JSON.stringify(access)}`).join(',\n')}\n]\n`);
  console.log(`${accesses.length} accesses in ${recordedFile}`);
}
