import { isLease, plain } from '../system.ts';
import type { Lease } from '../../lib/lease/model.ts';
import { news, type Invariant } from './invariant.ts';

/** And nobody shares one: an epoch has one holder from its grant to its end, and its heartbeat does not fall. */
export const epochsGrow: Invariant = {
  number: 2,
  name: 'epochs only grow',
  watch: ({ writes }) => {
    const newWrites = news(writes);
    return {
      afterEvent() {
        for (const { before, after } of newWrites()) {
          if (before === undefined || !isLease(before)) continue;
          if (after === undefined) return 'the lease was deleted';
          const wrong = wrongStep(plain({ M: before }) as Lease, plain({ M: after }) as Lease);
          if (wrong !== undefined) return wrong;
        }
        return undefined;
      },
    };
  },
  watchWorld: ({ world }) => {
    const newChanges = news(world.changes);
    return {
      afterEvent() {
        // What a world sets by itself has no epochs of its own making: a holder that gives up keeps the number there.
        const ofMachines = newChanges().filter(({ byMachine }) => byMachine);
        return ofMachines.map(({ before, after }) => before && wrongStep(before, after)).find((wrong) => wrong !== undefined);
      },
    };
  },
};

function wrongStep(was: Lease, is: Lease): string | undefined {
  if (is.epoch < was.epoch) return `epoch ${was.epoch} became ${is.epoch}`;
  if (is.epoch === was.epoch && is.holder !== was.holder) return `epoch ${is.epoch} of ${was.holder} became ${is.holder}'s`;
  if (is.epoch === was.epoch && is.heartbeat < was.heartbeat) return `the heartbeat of epoch ${is.epoch} fell from ${was.heartbeat} to ${is.heartbeat}`;
  return undefined;
}
