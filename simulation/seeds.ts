/** Seeds that once failed and led to a change of the code, one file each in test/seeds with what was wrong: replayed for ever. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

const kept = join(dirname(import.meta.dirname), 'test', 'seeds');

export function seedsKept(): readonly number[] {
  if (!existsSync(kept)) return [];
  return readdirSync(kept).flatMap((name) => /^(\d+)\.md$/.exec(name)?.[1] ?? []).map(Number);
}
