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

export interface TerminalProgress extends Progress {
  /**
   * For parts that run side by side: each is shown as one piece, with the times at which things happened. The first that is
   * not closed is shown live, and what the others say is kept until it is their turn.
   */
  inTurn(count: number): readonly Progress[];
}

interface Running {
  readonly name: string;
  readonly beganMs: number;
  readonly budgetMs: number | undefined;
}

export function createProgress(stream: NodeJS.WriteStream): TerminalProgress {
  const live = stream.isTTY ? createLogUpdate(stream) : undefined;
  const beganMs = performance.now();
  const clock = () => `${((performance.now() - beganMs) / 1000).toFixed(1).padStart(6)} s`;
  const running = new Map<symbol, Running>();
  /** What runs in the part that is shown. */
  let shown = running;
  const line = (text: string) => {
    live?.clear();
    stream.write(`${text}\n`);
    draw();
  };
  const draw = () => {
    live?.([...shown.values()].map((step) => pc.cyan(`${clock()}  … ${step.name}  ${elapsed(step)}`)).join('\n'));
  };
  const timer = live === undefined ? undefined : setInterval(draw, 100).unref();
  const parts: Part[] = [];

  return {
    ...speaker(running, line, draw, clock),
    close() {
      clearInterval(timer);
      live?.clear();
      live?.done();
    },
    inTurn(count) {
      const made = Array.from({ length: count }, (): Part => ({ running: new Map(), kept: [], closed: false }));
      parts.push(...made);
      const next = (): void => {
        while (parts[0]?.closed === true) {
          parts.shift();
          for (const text of parts[0]?.kept.splice(0) ?? []) line(text);
        }
        shown = parts[0]?.running ?? running;
        draw();
      };
      next();
      return made.map((part) => ({
        ...speaker(part.running, (text) => (part === parts[0] ? line(text) : void part.kept.push(text)), draw, clock),
        close() {
          part.closed = true;
          next();
        },
      }));
    },
  };
}

interface Part {
  readonly running: Map<symbol, Running>;
  readonly kept: string[];
  closed: boolean;
}

function speaker(running: Map<symbol, Running>, line: (text: string) => void, draw: () => void, clock: () => string): Omit<Progress, 'close'> {
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
  };
}

function elapsed(step: Running): string {
  const budget = step.budgetMs === undefined ? '' : ` of ${seconds(step.budgetMs)}`;
  return `${seconds(performance.now() - step.beganMs)}${budget}`;
}
