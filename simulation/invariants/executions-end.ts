import { endings } from '../../lib/contracts/cutover.ts';
import type { Invariant } from './invariant.ts';

/** The longest of them waits this long by itself. */
const boundMs = 45_000;
/** An execution ends with its own time-out only when nobody ended it: that is none of these. */
const declared: ReadonlySet<string> = new Set(['Succeeded', ...Object.values(endings)]);

export const executionsEnd: Invariant = {
  number: 8,
  name: 'every execution ends, in bounded time once faults stop',
  watch: (system) => {
    let healedAtMs: number | undefined;
    return {
      afterEvent() {
        if (!system.faultsAreOver) return undefined;
        healedAtMs ??= system.time.nowMs;
        for (const { execution, startedAtMs } of system.machines.running) {
          const forMs = system.time.nowMs - Math.max(startedAtMs, healedAtMs);
          if (forMs > boundMs) return `${execution} still runs, ${(forMs / 1000).toFixed(0)} s after faults have stopped`;
        }
        return undefined;
      },
    };
  },
  watchWorld: (stage) => ({
    atEnd: () => (declared.has(stage.ending) || (stage.isLiedTo && stage.ending.startsWith('States.')) ? undefined : `it ended as ${stage.ending}, which is none of ${[...declared].join(', ')}: ${stage.cause}`),
  }),
};
