/**
 * Where a mutant is looked for, the cheapest first: kept seeds that have caught it before, small worlds of what it touches, seeds of the situations
 * that it could spoil, and of the usual ones; at last a test of its own, where no simulation reaches.
 */
import { kept } from '../kept-seeds.ts';
import { usual } from '../situations.ts';
import type { Mutant } from './mutant.ts';

export interface Hunt {
  readonly worlds?: true;
  readonly meetings?: number;
  /** In this order. */
  readonly seeds: readonly (readonly [situation: string, seed: number])[];
  /** A file of tests, run on the changed code. */
  readonly test?: string;
}

const doubtful = ['orders outlive a lease', 'a writer dies in doubt', 'a journal in doubt', 'hand-overs in doubt'];

const grounds: readonly (readonly [file: string, ground: { readonly worlds?: true; readonly meetings?: number; readonly situations: readonly string[]; readonly test?: string }])[] = [
  ['lib/lease/protocol.ts', { worlds: true, situations: ['hand-overs in doubt', 'orders outlive a lease'], test: 'test/lease/protocol.test.ts' }],
  ['lib/lease/control.ts', { meetings: 150_000, situations: ['machines meet'] }],
  ['lib/trading/journal.ts', { situations: ['a journal in doubt', 'a writer dies in doubt'], test: 'test/trading/journal.test.ts' }],
  ['lib/key-rotation/', { situations: [], test: 'test/key-rotation/rotation.test.ts' }],
  ['', { situations: doubtful }],
];

export function huntFor({ name, file }: Mutant, seedsOfEach: number): Hunt {
  const [, { worlds, meetings, situations, test }] = grounds.find(([start]) => file.startsWith(start))!;
  const isSimulated = situations.length > 0;
  const seeds = isSimulated ? [...situations, usual].flatMap((situation) => Array.from({ length: seedsOfEach }, (_, at) => [situation, at + 1] as const)) : [];
  const known = kept.filter(({ mutant }) => mutant === name).map(({ situation, seed }) => [situation, seed] as const);
  return { ...(worlds && { worlds }), ...(meetings !== undefined && { meetings }), seeds: [...known, ...seeds], ...(test !== undefined && { test }) };
}
