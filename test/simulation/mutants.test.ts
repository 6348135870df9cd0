/**
 * That failures are found and reported: code that is known to be wrong, in the command as it ships. `npm run mutants` tries all of them; here are one of each
 * kind of end, and what the generator finds in the source.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { byHand } from '../../simulation/mutants/by-hand.ts';
import { worlds } from '../../simulation/lease/explorations.ts';
import { equivalents } from '../../simulation/mutants/equivalent.ts';
import { generated } from '../../simulation/mutants/generated.ts';
import { knownPlaces } from '../../simulation/mutants/hunt.ts';
import { replacing, sourceOf, type Mutant } from '../../simulation/mutants/mutant.ts';
import { situations } from '../../simulation/situations.ts';

const folder = join(import.meta.dirname, '..', '..', 'simulation');

async function simulated(mutant: Mutant, seed: number): Promise<{ readonly code: number; readonly lines: readonly string[] }> {
  const args = ['--import', join(folder, 'mutants', 'load.ts'), join(folder, 'cli.ts'), '--seed', String(seed)];
  const env = { ...process.env, NO_COLOR: '1', BATON_MUTANT: JSON.stringify(mutant) };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    return { code: 0, lines: stdout.trimEnd().split('\n') };
  } catch (error) {
    const { code, stdout } = error as { readonly code: number; readonly stdout: string };
    return { code, lines: stdout.trimEnd().split('\n') };
  }
}

const printed = (): Mutant => byHand().find(({ name }) => name === 'the key is printed')!;

describe('the command', () => {
  test('reports the invariant that was broken, how to see it again and what came before, and still ends with the hash', async () => {
    const { code, lines } = await simulated(printed(), 1);
    expect(code).toBe(1);
    expect(lines[0]).toContain('seed 1: broken: 7. no secret is in any output: printed: ');
    expect(lines[1]).toContain('npm run simulate -- --seed 1 --trace');
    expect(lines.slice(3, -1).length).toBeGreaterThan(3);
    expect(lines.slice(3, -1).length).toBeLessThanOrEqual(20);
    expect(lines.at(-2)).toMatch(/ end: broken: /);
    expect(lines.at(-1)).toMatch(/^[0-9a-f]{64}$/);
    expect(lines.join('\n')).not.toContain('k3y-that-n0body-may-print');
  }, 180_000);

  test('tells that nobody trades once the faults are over by an exit code of its own', async () => {
    const idle = replacing('no standby takes over', 'lib/lease/protocol.ts', 'return { write: takeOver(state, lease), wakes: [] };', 'return { wakes: [] };');
    const { code, lines } = await simulated(idle, 1);
    expect({ code, said: lines[0] }).toEqual({ code: 3, said: expect.stringContaining('seed 1: no-progress: nobody trades') as string });
  }, 180_000);

  test('tells a crash, whose stack it shows, by another one', async () => {
    const throwing = replacing('the trader throws', 'lib/trading/trader.ts', '    this.#takenOver = epoch;\n', "    queueMicrotask(() => { throw new Error('a fault of its own'); });\n    this.#takenOver = epoch;\n");
    const { code, lines } = await simulated(throwing, 1);
    expect({ code, said: lines[0] }).toEqual({ code: 4, said: expect.stringContaining('seed 1: crash: Error: a fault of its own') as string });
  }, 180_000);
});

describe('the mutants', () => {
  test('every condition of every write is among them', () => {
    const expectations = (file: string): number => sourceOf(file).match(/\{ path: '/g)?.length ?? 0;
    const found = generated();
    for (const file of ['lib/lease/protocol.ts', 'lib/lease/control.ts']) {
      const here = found.filter((mutant) => mutant.file === file && mutant.name.includes('without the condition on') && !mutant.name.endsWith('the token'));
      expect(here.length, file).toBe(expectations(file));
    }
    expect(expectations('lib/lease/protocol.ts')).toBeGreaterThan(15);
    expect(byHand().length).toBeGreaterThanOrEqual(15);
  });

  test('each has a name of its own and changes something, and every argument is about one that is there', () => {
    const all = [...byHand(), ...generated()];
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { file, at, length, text } of all) expect(sourceOf(file).slice(at, at + length)).not.toBe(text);
    for (const [ending] of equivalents) expect(all.filter(({ name }) => name.endsWith(ending)), ending).toHaveLength(1);
  });
  test('what is written down of where they are caught is about those that there are, and names places that there are', () => {
    const names = [...byHand(), ...generated()].map(({ name }) => name);
    for (const [name, place] of knownPlaces()) {
      expect(names, name).toContain(name);
      if ('world' in place) expect(worlds.map(([world]) => world), name).toContain(place.world);
      if ('situation' in place) expect(situations, name).toContain(place.situation);
      if ('test' in place) expect(sourceOf(place.test).length, name).toBeGreaterThan(0);
    }
  });
});
