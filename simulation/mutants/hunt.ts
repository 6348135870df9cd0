/**
 * Where a mutant is looked for: first where it was caught the last time (test/seeds/mutants.json), so that a run in which little has changed is short; then
 * in small worlds of what it touches, in seeds of the situations that it could spoil and of the usual ones; at last in tests of its own, where no simulation reaches.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { usual } from '../situations.ts';

/** One thing to try: a small world of the lease, machines that meet, a seed of the whole system; or a test, and which one of its file. */
export type Simulated = { readonly world: string } | { readonly meeting: number } | { readonly situation: string; readonly seed: number };
export type Place = Simulated | { readonly test: string; readonly named?: string };

/** How much of each is tried. */
export interface Effort {
  readonly seeds: number;
  readonly meetings: number;
}

interface Ground {
  readonly worlds?: true;
  readonly meetings?: true;
  readonly situations?: readonly string[];
  readonly tests?: readonly string[];
}

const doubtful = ['orders in doubt', 'orders outlive a lease', 'a guard stands still', 'a writer dies in doubt', 'a journal in doubt', 'hand-overs in doubt', usual];

const grounds: readonly (readonly [file: string, ground: Ground])[] = [
  [
    'lib/lease/protocol.ts',
    { worlds: true, situations: ['hand-overs in doubt', 'orders outlive a lease', usual], tests: ['test/lease/pace.test.ts'] },
  ],
  ['lib/lease/permits.ts', { situations: ['a guard stands still', usual], tests: ['test/lease/permits.test.ts'] }],
  ['lib/lease/control.ts', { meetings: true, situations: ['machines meet', usual] }],
  ['lib/trading/journal.ts', { situations: ['a journal in doubt', 'a writer dies in doubt', usual], tests: ['test/trading/journal.test.ts'] }],
  ['lib/trading/trader.ts', { situations: doubtful, tests: ['test/trader/waits.test.ts', 'test/trader/trader.test.ts'] }],
  ['lib/key-rotation/', { tests: ['test/key-rotation/rotation.test.ts'] }],
  ['', { situations: doubtful }],
];

export function groundOf(file: string): Ground {
  return grounds.find(([start]) => file.startsWith(start))![1];
}

const recorded = join(import.meta.dirname, '..', '..', 'test', 'seeds', 'mutants.json');

/** Where each was caught the last time, by its name. */
export function knownPlaces(): ReadonlyMap<string, Place> {
  return new Map(Object.entries(JSON.parse(readFileSync(recorded, 'utf8')) as Readonly<Record<string, Place>>));
}

/** One line for each, in the order of the names. */
export function keepPlaces(places: ReadonlyMap<string, Place>): void {
  const lines = [...places].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, place]) => `  ${JSON.stringify(name)}: ${JSON.stringify(place)}`);
  writeFileSync(recorded, `{\n${lines.join(',\n')}\n}\n`);
}

export function shown(place: Place): string {
  if ('world' in place) return `the world '${place.world}'`;
  if ('meeting' in place) return `meeting ${place.meeting}`;
  return 'test' in place ? place.test : `seed ${place.seed} of '${place.situation}'`;
}
