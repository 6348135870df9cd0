import { parseClientOrderId } from '../../lib/trading/client-order-id.ts';
import { book } from '../system.ts';
import type { LeftOver } from '../worlds/world.ts';
import { news, type Invariant } from './invariant.ts';

/** Endings after which nobody looks any more. */
const quiet: ReadonlySet<string> = new Set(['Succeeded', 'RolledBack', 'Refused']);

/** Machines that bring up a colour, and take one away. */
const releases: ReadonlySet<string> = new Set(['cutover', 'rollback']);

/** What a run made and nobody needs any more is gone when all has come to rest. */
export const nothingLeftOver: Invariant = {
  number: 9,
  name: 'nothing is left over',
  watch: (system) => {
    const newlyEnded = news(system.executions?.ended ?? []);
    return {
      afterEvent() {
        const left = newlyEnded().find(({ machine, ending, beside }) => releases.has(machine) && beside !== undefined && (ending === 'Succeeded' || ending === 'RolledBack'));
        return left && `${left.arn} ended as ${left.ending}, and ${left.beside} runs beside the primary one`;
      },
      atEnd() {
        const lease = system.lease();
        if (lease?.workflow.execution !== undefined) return `the lock is still ${lease.workflow.execution}'s`;
        if (lease?.successor !== undefined) return `the drain to ${lease.successor} is over, its successor is not`;
        const running = system.tasks.filter(({ isAlive }) => isAlive).length;
        const { tasksWanted } = system.machines;
        if (running > tasksWanted) return `${running} tasks run, ${tasksWanted} are wanted`;
        const left = system.executions?.leftOver();
        if (left !== undefined) return left;
        const foreign = system.venue.market.resting('1').find(({ orderLinkId }) => parseClientOrderId(orderLinkId)?.book !== book);
        return foreign && `order ${foreign.orderLinkId} rests at the venue and is nobody's`;
      },
    };
  },
  watchWorld: (stage) => ({
    afterNet() {
      const lock = stage.world.leftOver(stage.execution, '').find(({ what }) => what === 'the lock');
      return lock && `the lock is left when the last net was there: ${lock.name}`;
    },
    atEnd() {
      const isTaken = ({ by, said }: LeftOver): boolean => by !== undefined && !quiet.has(stage.ending) && stage.cause.includes(said ?? '');
      const left = stage.world.leftOver(stage.execution, stage.ending).find((each) => !isTaken(each));
      return left && `${left.what} is left: ${left.name}`;
    },
  }),
};
