/**
 * One mutant on trial, in a process of its own that loaded it (load.ts): small worlds of the lease, machines that meet, then seeds of the whole
 * system, until something catches it. Its last line says what did.
 */
import { exploreWorld, smallWorlds } from '../lease/explorations.ts';
import { meet } from '../lease/meetings.ts';
import type { Hunt } from './hunt.ts';
import type { Caught } from './verdict.ts';

async function caught({ worlds, meetings = 0, seeds }: Hunt): Promise<Caught | undefined> {
  const worldsMax = worlds === true ? smallWorlds : 0;
  for (let world = 0; world < worldsMax; world += 1) {
    const { name, violation } = exploreWorld(world);
    if (violation !== undefined) return { by: `lease: ${violation}`, where: `'${name}'` };
  }
  for (let seed = 1; seed <= meetings; seed += 1) {
    const { violation } = await meet(seed);
    if (violation !== undefined) return { by: violation, where: `meeting ${seed}` };
  }
  if (seeds.length === 0) return undefined;
  // It takes a second to load, which small worlds do not need.
  const { runSeed } = await import('../run.ts');
  const { planOf } = await import('../situations.ts');
  for (const [situation, seed] of seeds) {
    const { verdict } = await runSeed(seed, { plan: planOf(situation, seed) });
    if (verdict.kind === 'broken') return { by: `${verdict.invariant}: ${verdict.what}`, where: `seed ${seed}, ${situation}` };
    if (verdict.kind !== 'holds') return { by: `${verdict.kind}: ${verdict.what}`, where: `seed ${seed}, ${situation}` };
  }
  return undefined;
}

console.log(JSON.stringify((await caught(JSON.parse(process.argv[2] ?? '{}') as Hunt)) ?? {}));
