/** Jobs over as many processes as there are cores. A process that ends takes its job with it, and that is told. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export type Job = { readonly seed: number; readonly situation: string } | { readonly world: number } | { readonly cells: readonly string[]; readonly assemblies: string };

export class WorkerLostError extends Error {
  readonly job: Job;
  constructor(job: Job, code: number | null, said: string) {
    super(`the process that ran ${JSON.stringify(job)} ended with ${code}: ${said.slice(-2000)}`);
    this.name = 'WorkerLostError';
    this.job = job;
  }
}

export interface PoolOptions {
  readonly workers: number;
  /** The next one; undefined when there is none. */
  readonly next: () => Job | undefined;
  readonly onResult: (job: Job, result: unknown) => void;
  readonly onLost: (error: WorkerLostError) => void;
  readonly signal: AbortSignal;
}

export async function work({ workers, next, onResult, onLost, signal }: PoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: workers }, () => one()));

  async function one(): Promise<void> {
    let child: ChildProcess | undefined;
    try {
      for (let job = next(); job !== undefined && !signal.aborted; job = next()) {
        child ??= fork(join(import.meta.dirname, 'worker.ts'), { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
        const answer = await answered(child, job);
        if (answer instanceof WorkerLostError) {
          child = undefined;
          if (!signal.aborted) onLost(answer);
        } else {
          onResult(job, answer);
        }
      }
    } finally {
      child?.kill();
    }
  }

  function answered(child: ChildProcess, job: Job): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    let said = '';
    const hear = (text: Buffer): void => {
      said += text.toString();
    };
    const lost = (code: number | null): void => resolve(new WorkerLostError(job, code, said));
    const stop = (): void => void child.kill();
    child.once('message', resolve);
    child.once('exit', lost);
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    signal.addEventListener('abort', stop, { once: true });
    child.send(job);
    return promise.finally(() => {
      signal.removeEventListener('abort', stop);
      child.off('message', resolve);
      child.off('exit', lost);
      child.stdout?.off('data', hear);
      child.stderr?.off('data', hear);
    });
  }
}
