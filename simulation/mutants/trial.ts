/**
 * One mutant on trial, in a process of its own that loaded it (load.ts): at one place, or at all that there are until something catches it. Its last line
 * says what did.
 */
import { exploreWorld, smallWorlds, worlds } from '../lease/explorations.ts';
import { meet } from '../lease/meetings.ts';
import { groundOf, type Effort, type Simulated } from './hunt.ts';
import { mutantOfEnvironment } from './mutant.ts';
import type { Caught } from './verdict.ts';

function* everywhere({ seeds, meetings }: Effort): Generator<Simulated> {
  const ground = groundOf(mutantOfEnvironment()!.mutant.file);
  if (ground.worlds === true) for (const [world] of worlds.slice(0, smallWorlds)) yield { world };
  if (ground.meetings === true) for (let meeting = 1; meeting <= meetings; meeting += 1) yield { meeting };
  for (const situation of ground.situations ?? []) for (let seed = 1; seed <= seeds; seed += 1) yield { situation, seed };
}

/** What is wrong there, if anything is. */
async function wrongAt(place: Simulated): Promise<string | undefined> {
  if ('world' in place) {
    const at = worlds.findIndex(([name]) => name === place.world);
    const { violation } = exploreWorld(at);
    return violation && `lease: ${violation}`;
  }
  if ('meeting' in place) return (await meet(place.meeting)).violation;
  // It takes a second to load, which small worlds do not need.
  const [{ runSeed }, { planOf }] = await Promise.all([import('../run.ts'), import('../situations.ts')]);
  const { verdict } = await runSeed(place.seed, { plan: planOf(place.situation, place.seed) });
  if (verdict.kind === 'holds') return undefined;
  return verdict.kind === 'broken' ? `${verdict.invariant}: ${verdict.what}` : `${verdict.kind}: ${verdict.what}`;
}

async function caught(places: Iterable<Simulated>): Promise<Caught | undefined> {
  for (const where of places) {
    const by = await wrongAt(where);
    if (by !== undefined) return { by, where };
  }
  return undefined;
}

const told = JSON.parse(process.argv[2] ?? '{}') as Effort | Simulated;
console.log(JSON.stringify((await caught('seeds' in told ? everywhere(told) : [told])) ?? {}));
