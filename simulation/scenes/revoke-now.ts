/** Revocations at once, of a book that trades and of one that is halted. */
import { haltOf } from '../../lib/lease/control.ts';
import type { Epoch } from '../../lib/lease/model.ts';
import { book, CutoverWorld, executionArn } from '../worlds/cutover.ts';

export const request = { book, reason: 'the key was seen in a log of somebody else', requestedBy: 'ada' };
export const execution = executionArn.replace(':baton-dev-cutover:', ':baton-dev-revoke-now:');

/** The holder gives up when it is looked at; a standby takes the book when that is open again. */
export function livingBook(world: CutoverWorld): CutoverWorld {
  world.onLook = () => {
    const { mode, holder, epoch } = world.lease();
    if (mode === 'halted' && holder !== undefined) world.set({ epoch: (epoch + 1) as Epoch }, ['holder']);
    else if (mode === 'open' && holder === undefined) world.handOver('green');
  };
  return world;
}
export const scenarios = {
  trading: async () => livingBook(await CutoverWorld.trading()),
  halted: async () => {
    const world = livingBook(await CutoverWorld.trading());
    world.set({ mode: 'halted', epoch: 8 as Epoch }, ['holder']);
    world.store.writeNow(haltOf(book, { reason: 'orders that nobody understands', by: 'grace' }));
    return world;
  },
};
