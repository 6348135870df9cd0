/** Resumes of a book that was halted. */
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { book, CutoverWorld } from '../worlds/cutover.ts';

export const request = { book, reason: 'the venue has explained them', requestedBy: 'grace' };

export const halted = {
  /** Given up by its holder; a standby takes it when it is looked at. */
  afterTrading: async () => {
    const world = await CutoverWorld.trading();
    world.set({ mode: 'halted', epoch: 8 as Epoch }, ['holder']);
    world.store.writeNow(haltOf(book, { reason: 'orders that nobody understands', by: 'ada' }));
    let looks = 0;
    world.onLook = () => {
      looks += 1;
      if (looks === 2 && world.lease().mode === 'open') world.handOver('green');
    };
    return world;
  },
  beforeTheFirstCutover: async () => {
    const world = await CutoverWorld.new();
    world.store.writeNow(haltOf(book, { reason: 'not today', by: 'ada' }));
    return world;
  },
};
