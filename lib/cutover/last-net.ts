/**
 * Gives back what a dead execution still has. It runs for every execution that did not succeed, those that
 * cleaned up themselves included, and may run twice: it acts only while the lease names the execution.
 */
import * as z from 'zod/mini';
import type { releaseWorkflow } from '../contracts/release-workflow.ts';
import type { Implementation } from '../contracts/step.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName } from '../lease/model.ts';

export interface Notice {
  readonly subject: string;
  readonly message: string;
}

const NamesBook = z.looseObject({ book: z.string() });

export function lastNet(
  { control, notify }: { readonly control: LeaseControl; readonly notify: (notice: Notice) => Promise<void> },
): Implementation<typeof releaseWorkflow> {
  return {
    async release({ execution, status, request }) {
      const book = bookOf(request);
      // An input that names no book was refused before anything was taken.
      if (book === undefined) return { result: 'no-book-named', drainEnded: false };
      const { workflow, mode } = await readOrNothing(control, book);
      if (workflow?.execution !== execution) return { result: 'nothing-held', drainEnded: false };
      const drainEnded = mode === 'draining';
      if (drainEnded) await control.cancelDrain(book, workflow.token);
      await control.releaseWorkflow(book, execution);
      await notify({
        subject: `Baton: a workflow of ${book} needs a person`,
        message:
          `The execution ${execution} ended as ${status} without cleaning up. Its lock on book '${book}' was released` +
          `${drainEnded ? ' and its drain ended' : ''}. Trading goes on with whoever holds the lease. ` +
          'Both colours may still run: see docs/runbooks/cutover.md, "Needs a person".',
      });
      return { result: 'released', drainEnded };
    },
  };
}

function bookOf(request: string | null | undefined): BookName | undefined {
  try {
    const parsed = NamesBook.safeParse(JSON.parse(request ?? ''));
    return parsed.success ? (parsed.data.book as BookName) : undefined;
  } catch {
    return undefined;
  }
}

async function readOrNothing(control: LeaseControl, book: BookName): Promise<Partial<Awaited<ReturnType<LeaseControl['read']>>>> {
  try {
    return await control.read(book);
  } catch (error) {
    if (error instanceof Error && error.name === 'LeaseMissingError') return {};
    throw error;
  }
}
