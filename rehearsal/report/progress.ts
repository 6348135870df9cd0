/**
 * Live progress. On a terminal the step that runs now is one line that counts up; elsewhere (a pipe, CI)
 * there is one plain line for each step that ended, and nothing moves.
 */
import { createLogUpdate } from 'log-update';
import pc from 'picocolors';
import { seconds } from './report.ts';

export interface Progress {
  /** A new part of the run. */
  heading(text: string): void;
  /** Something worth knowing, on a line of its own. */
  note(text: string): void;
  /** A step begins; call the answer when it ends. Steps may overlap. */
  begin(name: string, budgetMs?: number): (status?: 'succeeded' | 'failed' | 'aborted') => void;
  /** Leaves the terminal as it was found. Safe to call twice. */
  close(): void;
}

export function createProgress(stream: NodeJS.WriteStream): Progress {
  const live = stream.isTTY ? createLogUpdate(stream) : undefined;
  const running = new Map<symbol, { name: string; beganMs: number; budgetMs: number | undefined }>();
  const beganMs = performance.now();
  const clock = () => `${((performance.now() - beganMs) / 1000).toFixed(1).padStart(6)} s`;

  const line = (text: string) => {
    live?.clear();
    stream.write(`${text}\n`);
    draw();
  };
  const draw = () => {
    live?.([...running.values()].map((step) => pc.cyan(`${clock()}  … ${step.name}  ${elapsed(step)}`)).join('\n'));
  };
  const timer = live === undefined ? undefined : setInterval(draw, 100).unref();

  return {
    heading: (text) => line(`\n${pc.bold(text)}`),
    note: (text) => line(`${pc.dim(clock())}    ${text}`),
    begin(name, budgetMs) {
      const key = Symbol(name);
      const step = { name, beganMs: performance.now(), budgetMs };
      running.set(key, step);
      draw();
      return (status = 'succeeded') => {
        if (!running.delete(key)) return;
        const mark = status === 'succeeded' ? pc.green('✓') : pc.red('✗');
        line(`${pc.dim(clock())}  ${mark} ${name}  ${pc.dim(elapsed(step))}`);
      };
    },
    close() {
      clearInterval(timer);
      live?.clear();
      live?.done();
    },
  };
}

function elapsed(step: { beganMs: number; budgetMs: number | undefined }): string {
  const budget = step.budgetMs === undefined ? '' : ` of ${seconds(step.budgetMs)}`;
  return `${seconds(performance.now() - step.beganMs)}${budget}`;
}
