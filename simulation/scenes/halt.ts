/** Halts of a book that trades. */
import type { Epoch } from '../../lib/lease/model.ts';
import { book, CutoverWorld } from '../worlds/cutover.ts';

export const request = { book, reason: 'orders that nobody understands', requestedBy: 'ada' };

/** The holder gives up when it is looked at for the second time. */
export async function trading(): Promise<CutoverWorld> {
  const world = await CutoverWorld.trading();
  let looks = 0;
  world.onLook = () => {
    looks += 1;
    if (looks === 2) world.set({ epoch: (world.lease().epoch + 1) as Epoch }, ['holder']);
  };
  return world;
}
