/**
 * Time that passes only when nothing else happens: a workflow of hours runs in milliseconds and every
 * time-out still fires at its instant. For tasks that are scripted in this process; a task that waits
 * for a socket or a child process would be overtaken by the clock.
 */
import type { EngineClock } from './execution.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export function virtualClock(startMs = Date.UTC(2026, 0, 1)): EngineClock {
  let nowMs = startMs;
  let pumping = false;
  const sleepers = new Set<Sleeper>();

  // All promises that can settle have done so when a macrotask runs, so the world is waiting for time alone.
  const pump = (): void => {
    let next: Sleeper | undefined;
    for (const sleeper of sleepers) if (next === undefined || sleeper.atMs < next.atMs) next = sleeper;
    if (next === undefined) {
      pumping = false;
      return;
    }
    sleepers.delete(next);
    nowMs = Math.max(nowMs, next.atMs);
    next.wake();
    setImmediate(pump);
  };

  return {
    now: () => nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) {
          reject(signal.reason as Error);
          return;
        }
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal.reason as Error);
        };
        const sleeper: Sleeper = {
          atMs: nowMs + ms,
          wake: () => {
            signal.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        signal.addEventListener('abort', onAbort, { once: true });
        sleepers.add(sleeper);
        if (!pumping) {
          pumping = true;
          setImmediate(pump);
        }
      }),
  };
}
