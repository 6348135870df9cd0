/**
 * A telling in a process of its own. Several in one process share one event loop, and what one of them does at its end – to draw
 * its report, to search all that was logged for secrets – keeps the venues and tables of the others from answering for seconds.
 *
 * This file is both ends: who imports it starts the other, which runs it.
 */
import { fork } from 'node:child_process';
import { tell, type Telling, type Told } from './telling.ts';
import type { Progress } from './report/progress.ts';
import { UnavailableError } from './unavailable.ts';

type Ending = Parameters<ReturnType<Progress['begin']>>[0];

/** What the process that tells says, in order. */
type Word =
  | { readonly kind: 'heading' | 'note'; readonly text: string }
  | { readonly kind: 'begin'; readonly step: number; readonly name: string; readonly budgetMs: number | undefined }
  | { readonly kind: 'end'; readonly step: number; readonly status: Ending }
  | { readonly kind: 'told'; readonly told: Told }
  | { readonly kind: 'failed'; readonly unavailable: boolean; readonly message: string; readonly stack: string | undefined };

/** As {@link tell}. The other process ends with this one, however that ends, and leaves nothing running. */
export async function tellApart(telling: Telling, progress: Progress): Promise<Told> {
  // Maps and undefined survive this kind; JSON would lose an infinite figure.
  const child = fork(import.meta.filename, { serialization: 'advanced', stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const steps = new Map<number, ReturnType<Progress['begin']>>();
  try {
    return await new Promise<Told>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`the process that told '${telling.scenario}' ended before it was done (${signal ?? `exit code ${code}`})`));
      });
      child.on('message', (word: Word) => {
        switch (word.kind) {
          case 'heading':
          case 'note':
            return progress[word.kind](word.text);
          case 'begin':
            return void steps.set(word.step, progress.begin(word.name, word.budgetMs));
          case 'end':
            return steps.get(word.step)?.(word.status);
          case 'told':
            return resolve(word.told);
          case 'failed': {
            const error = word.unavailable ? new UnavailableError(word.message) : new Error(word.message);
            if (word.stack !== undefined) error.stack = word.stack;
            return reject(error);
          }
        }
      });
      child.send(telling);
    });
  } finally {
    if (child.connected) child.disconnect();
  }
}

function say(word: Word): void {
  process.send?.(word);
}

function spokenProgress(): Progress {
  let steps = 0;
  return {
    heading: (text) => say({ kind: 'heading', text }),
    note: (text) => say({ kind: 'note', text }),
    begin(name, budgetMs) {
      steps += 1;
      const step = steps;
      say({ kind: 'begin', step, name, budgetMs });
      return (status) => say({ kind: 'end', step, status });
    },
    close: () => undefined,
  };
}

/** The chain of causes as one error: its first UnavailableError decides. */
function failureOf(error: unknown): Word {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof UnavailableError) return { kind: 'failed', unavailable: true, message: each.message, stack: each.stack };
  }
  const [message, stack] = error instanceof Error ? [error.message, error.stack] : [String(error), undefined];
  return { kind: 'failed', unavailable: false, message, stack };
}

function listen(): void {
  // A Ctrl-C in the terminal reaches all of us; who started us says what happened. No unwinding: the reaper ends what was started.
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) process.once(signal, () => process.exit(code));
  process.once('disconnect', () => process.exit());
  process.once('message', (telling: Telling) => {
    tell(telling, spokenProgress()).then((told) => say({ kind: 'told', told }), (error: unknown) => say(failureOf(error)));
  });
}

if (import.meta.main) listen();
