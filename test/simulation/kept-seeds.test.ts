/**
 * Seeds that showed something are told again for ever (test/seeds/kept.json): each holds with the code that ships, and where it once showed that a change
 * of the code is wrong, it still shows it. One of them is the canary, which says that anything is reported at all.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { kept, type KeptSeed } from '../../simulation/kept-seeds.ts';
import { mutants } from '../../simulation/mutants/cli.ts';
import { situations } from '../../simulation/situations.ts';

const folder = join(import.meta.dirname, '..', '..', 'simulation');
const all = mutants();

async function told({ seed, situation, mutant }: KeptSeed, changed: boolean): Promise<{ readonly code: number; readonly said: string }> {
  const found = all.find(({ name }) => name === mutant);
  const args = [...(changed ? ['--import', join(folder, 'mutants', 'load.ts')] : []), join(folder, 'cli.ts'), '--seed', String(seed), '--situation', situation];
  const env = { ...process.env, NO_COLOR: '1', ...(changed && { BATON_MUTANT: JSON.stringify(found) }) };
  try {
    return { code: 0, said: (await promisify(execFile)(process.execPath, args, { env })).stdout };
  } catch (error) {
    const { code, stdout } = error as { readonly code: number; readonly stdout: string };
    return { code, said: stdout };
  }
}

describe.each(kept.map((each) => [`seed ${each.seed} of '${each.situation}': ${each.why}`, each] as const))('%s', (_name, each) => {
  test('holds', async () => {
    expect(await told(each, false)).toMatchObject({ code: 0, said: expect.stringContaining('every invariant held') as string });
  }, 180_000);

  test.runIf(each.mutant !== undefined)('and shows what is wrong with a change of the code', async () => {
    expect(all.map(({ name }) => name)).toContain(each.mutant);
    const { code, said } = await told(each, true);
    expect({ code, said: said.split('\n')[0] }).toEqual({ code: 1, said: expect.stringContaining(`broken: ${each.invariant}`) as string });
  }, 180_000);
});

test('each names a situation that there is, and says why it is kept; the canary is among them', () => {
  for (const { seed, situation, why } of kept) {
    expect(situations).toContain(situation);
    expect([Number.isInteger(seed), why.length > 20]).toEqual([true, true]);
  }
  expect(kept.some(({ mutant }) => mutant === 'the key is printed')).toBe(true);
});
