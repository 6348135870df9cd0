/** Failovers: of a Region that is lost, one that lives and is left by force, and one that another failover has left half-way. */
import type { Json } from '../../rehearsal/states/engine.ts';
import { beta, here, RecoveryWorld, request } from '../worlds/recovery.ts';

export const force = { reason: 'it must be left today', approvedBy: 'grace' };

export const scenarios = {
  lost: () => RecoveryWorld.lost(),
  forced: async () => Object.assign(await RecoveryWorld.lost(), { homeLives: true, regionAnswers: true }),
  moved: async () => {
    const world = await RecoveryWorld.moved();
    world.parameters.delete(`/baton/dev/writing-database/${here}`);
    return world;
  },
} satisfies Record<string, () => Promise<RecoveryWorld>>;

export const inputOf = (scenario: string): Json => (scenario === 'forced' ? { ...request, force } : request);

/** Beta's bot is ready once the database here can be written. */
export async function lostWithABotThatWrites(): Promise<RecoveryWorld> {
  const world = await RecoveryWorld.lost();
  world.takesOver = (book) => book !== beta || !world.database.replica;
  return world;
}
