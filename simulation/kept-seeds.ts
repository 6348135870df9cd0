/** Seeds that showed something once, and are told again for ever: test/seeds/kept.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeptSeed {
  readonly seed: number;
  /** Where its faults come from: situations.ts. */
  readonly situation: string;
  /** What it showed, in a sentence. */
  readonly why: string;
  /** The change of the code that it shows: without it the seed holds, with it the invariant is broken. Absent for a fault that was mended. */
  readonly mutant?: string;
  readonly invariant?: string;
}

export const kept = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'test', 'seeds', 'kept.json'), 'utf8')) as readonly KeptSeed[];
