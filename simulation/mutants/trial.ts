/**
 * One mutant on trial, in a process of its own that loaded it (load.ts): the lease's small worlds, where it touches the protocol, then seeds of
 * the whole system, until something catches it. Its last line says what did.
 */
import { exploreWorld, smallWorlds } from '../lease/explorations.ts';
import { runSeed } from '../run.ts';
import type { Caught } from './verdict.ts';

async function caught(): Promise<Caught | undefined> {
  const seedsMax = Number(process.argv[2]);
  const worldsMax = process.argv[3] === 'protocol' ? smallWorlds : 0;
  for (let world = 0; world < worldsMax; world += 1) {
    const { name, violation } = exploreWorld(world);
    if (violation !== undefined) return { by: `lease: ${violation}`, where: `'${name}'` };
  }
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { verdict } = await runSeed(seed);
    if (verdict.kind === 'broken') return { by: `${verdict.invariant}: ${verdict.what}`, where: `seed ${seed}` };
    if (verdict.kind !== 'holds') return { by: `${verdict.kind}: ${verdict.what}`, where: `seed ${seed}` };
  }
  return undefined;
}

console.log(JSON.stringify((await caught()) ?? {}));
