import { endings } from '../../lib/contracts/cutover.ts';
import { news, type Invariant } from './invariant.ts';

/** An execution ends with its own time-out only when nobody ended it: that is none of these. */
const declared: ReadonlySet<string> = new Set(['Succeeded', ...Object.values(endings)]);

export const executionsEnd: Invariant = {
  number: 8,
  name: 'every execution ends, in bounded time once faults stop',
  watch: (system) => {
    let healedAtMs: number | undefined;
    const newlyEnded = news(system.executions?.ended ?? []);
    return {
      afterEvent() {
        // A person who stops one sees to it.
        const undeclared = newlyEnded().find(({ ending, wasStopped }) => !declared.has(ending) && !(wasStopped && ending === 'Operator'));
        if (undeclared !== undefined) return `${undeclared.arn} ended as ${undeclared.ending}, which is none of ${[...declared].join(', ')}: ${undeclared.cause}`;
        if (!system.faultsAreOver) return undefined;
        healedAtMs ??= system.time.nowMs;
        for (const { execution, startedAtMs } of system.machines.running) {
          const forMs = system.time.nowMs - Math.max(startedAtMs, healedAtMs);
          if (forMs > system.machines.endWithinMs) return `${execution} still runs, ${(forMs / 1000).toFixed(0)} s after faults have stopped`;
        }
        return undefined;
      },
    };
  },
  watchWorld: (stage) => ({
    atEnd: () => (declared.has(stage.ending) || (stage.isLiedTo && stage.ending.startsWith('States.')) ? undefined : `it ended as ${stage.ending}, which is none of ${[...declared].join(', ')}: ${stage.cause}`),
  }),
};
