/** What broke a limit while others were told beside it keeps it alone: this runs when all others have ended. */
import { test } from 'vitest';
import { canaryStory, losesThenHealthy } from './canary.ts';
import { expectHeld, toTellAgain, type Ending } from './ending.ts';
import { legBoundMs, nameOf, tell, tours, type Leg } from './tours/tours.ts';

/** No telling is so long alone, and if most of them broke, the first one that does so again ends this. */
const boundMs = 4 * legBoundMs;

test('what broke a limit beside others keeps it alone', async () => {
  for (const name of toTellAgain()) expectHeld(name, await toldAlone(name));
}, boundMs);

async function toldAlone(name: string): Promise<Ending> {
  if (name === canaryStory) return await losesThenHealthy();
  const leg = Object.values(tours).flat().find((each: Leg) => nameOf(each) === name);
  if (leg === undefined) throw new Error(`nothing that is told is called '${name}'`);
  const ending = Promise.withResolvers<Ending>();
  await tell([leg], (_, each) => ending.resolve(each));
  return await ending.promise;
}
