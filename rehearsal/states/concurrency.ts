/** How branches of an execution run beside each other, and how one that fails ends the others. */

/** A sibling failed, so this branch is over; never seen outside its Parallel or Map. */
const siblingFailed = new Error('A sibling branch failed');

/** A controller that aborts with the outer signal, and can do so on its own. */
export function linked(outer: AbortSignal): { controller: AbortController; unlink: () => void } {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(outer.reason);
  if (outer.aborted) onAbort();
  outer.addEventListener('abort', onAbort, { once: true });
  return { controller, unlink: () => outer.removeEventListener('abort', onAbort) };
}

/** Rejects with the signal's reason once it aborts. */
export function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

/** Runs the jobs, at most so many at a time; the first failure ends the others, and is thrown once all have ended. */
export async function together<T>(jobs: readonly ((signal: AbortSignal) => Promise<T>)[], limit: number, outer: AbortSignal): Promise<T[]> {
  const { controller: inner, unlink } = linked(outer);
  const results: T[] = [];
  const failures: unknown[] = [];
  const waiting = jobs.entries();
  const worker = async (): Promise<void> => {
    for (const [index, job] of waiting) {
      if (inner.signal.aborted) return;
      try {
        results[index] = await job(inner.signal);
      } catch (thrown) {
        failures.push(thrown);
        inner.abort(siblingFailed);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(limit, jobs.length)) }, worker));
  } finally {
    unlink();
  }
  outer.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  return results;
}
