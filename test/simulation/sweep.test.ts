/**
 * The sweep as a person meets it: a sample of the grid, what the grid is made of, and that code which is known to be wrong is found. All of it is `npm run simulate -- --sweep`.
 */
import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replacing, type Mutant } from '../../simulation/mutants/mutant.ts';
import { cellOf, edgesOf, faultsOf, idOf, statesOf, words, type Cell } from '../../simulation/sweep/cells.ts';
import { assemblyOf } from '../assemblies.ts';
import { synthesizedMachines } from '../workflows/synthesized.ts';

const folder = join(import.meta.dirname, '..', '..', 'simulation');
const assemblies = [assemblyOf('dev'), assemblyOf('dev', 'database-required'), assemblyOf('staging')].map(({ directory }) => dirname(directory))[0]!;

async function swept(args: readonly string[], mutant?: Mutant): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const load = mutant === undefined ? [] : ['--import', join(folder, 'mutants', 'load.ts')];
  const env = { ...process.env, NO_COLOR: '1', ...(mutant !== undefined && { BATON_MUTANT: JSON.stringify(mutant) }) };
  const told = (stdout: string): readonly string[] => stdout.trimEnd().split('\n');
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [...load, join(folder, 'cli.ts'), '--sweep', '--assemblies', assemblies, ...args], { env });
    return { code: 0, lines: told(stdout) };
  } catch (error) {
    const { code, stdout } = error as { readonly code: number; readonly stdout: string };
    return { code, lines: told(stdout) };
  }
}

test('a sample of the grid holds, and no machine is without a play', async () => {
  const { code, lines } = await swept(['--sample', '101', '--seed', '7']);
  expect(lines.at(-1)).toMatch(/^✓ \d+ cells told: \d+ held, 0 broken/);
  expect(code).toBe(0);
  expect(Number(/✓ (\d+) cells/.exec(lines.at(-1) ?? '')?.[1])).toBeGreaterThan(100);
  expect(lines.join('\n')).not.toContain('nobody plays it');
}, 180_000);

describe('the grid', () => {
  const { machines } = synthesizedMachines();
  const cutover = machines.get('cutover')!;

  test('has every fault of every task, and the refusal of those that can be refused', () => {
    const all = statesOf(cutover);
    const tasks = [...all].filter(([, { Type }]) => Type === 'Task');
    expect(tasks.length).toBeGreaterThan(30);
    for (const [name, task] of tasks) {
      if (task.Type !== 'Task') continue;
      const faults = faultsOf(name, task, task.Next === undefined ? undefined : all.get(task.Next));
      const kinds = new Set(faults.map(({ what, when }) => `${what} ${when}`));
      for (const kind of [
        `${words.silence} before`, `${words.silence} after`, `${words.silence} late`, `${words.empty} instead`, `${words.former} instead`, `${words.twice} instead`,
        'Unforeseen before', 'Unforeseen after',
      ]) expect([...kinds], name).toContain(kind);
      // Each error that is caught or repeated stands for itself or for others that go the same way.
      expect(faults.length, name).toBeGreaterThanOrEqual(8 + (task.Catch ?? []).length - 1);
    }
    const refusals = tasks.filter(([name, task]) => task.Type === 'Task' && faultsOf(name, task, all.get(task.Next ?? '')).some(({ what }) => what === words.refusal));
    expect(refusals.map(([name]) => name)).toContain('Check the request that was typed');
  });

  test('has every edge once', () => {
    const edges = edgesOf(cutover);
    expect(new Set(edges).size).toBe(edges.length);
    expect(edges.length).toBeGreaterThan(statesOf(cutover).size);
  });

  test('a cell that was printed is the cell that is told', () => {
    const text = fc.string({ minLength: 1, maxLength: 12 }).filter((each) => !each.includes(' | ') && each.trim() === each && !each.includes('|') && each !== 'stopped');
    const fault = fc.record({ state: text, what: text, when: fc.constantFrom('before', 'after', 'late', 'instead'), times: fc.constantFrom('once', 'always') });
    const stop = fc.record({ edge: text, goesOn: fc.constantFrom('redriven', 'given back, then redriven') });
    const cell = fc.record({ play: text, scene: text, fault, stop }, { requiredKeys: ['play', 'scene'] }) as fc.Arbitrary<Cell>;
    fc.assert(fc.property(cell, (each) => {
      expect(cellOf(idOf(each))).toEqual(each);
    }));
  });
});

/** Each of a cell that holds in the code as it is. */
const known: readonly (readonly [cell: string, mutant: Mutant, says: string])[] = [
  [
    'cutover | second',
    replacing('a book is never given back', 'lib/lease/control.ts', "      remove: ['workflow.execution'],\n", ''),
    'broken: 9. nothing is left over: the lock is left when the last net was there: alpha',
  ],
];

test('an operator who never came to stop anything proves nothing', async () => {
  const { code, lines } = await swept(['--cell', 'cutover | second | stopped | Nowhere → Nowhere else | redriven']);
  expect({ code, said: lines.at(-1) }).toEqual({ code: 1, said: expect.stringContaining('the stop did not strike: the edge Nowhere → Nowhere else was not taken') as string });
}, 180_000);

describe('known to be wrong', () => {
  test.each(known)('%s', async (cell, mutant, says) => {
    expect((await swept(['--cell', cell])).code).toBe(0);
    const { code, lines } = await swept(['--cell', cell], mutant);
    expect({ code, said: lines.at(-1) }).toEqual({ code: 1, said: expect.stringContaining(says) as string });
  }, 180_000);
});
