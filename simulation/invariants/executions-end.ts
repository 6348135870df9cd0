import type { Invariant } from './invariant.ts';

/** The longest of them waits this long by itself. */
const boundMs = 45_000;

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
};
