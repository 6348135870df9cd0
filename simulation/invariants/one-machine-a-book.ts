import type { Lease } from '../../lib/lease/model.ts';
import { isLease, plain } from '../system.ts';
import { news, type Invariant } from './invariant.ts';

/** What only a machine that has the book's lock may change. */
const guarded: readonly (keyof Lease)[] = ['home', 'mode', 'successor', 'live', 'previous', 'contractedBy'];

/** The lock is taken by raising its token; nobody else's write changes the book for a machine. */
export const oneMachineABook: Invariant = {
  number: 10,
  name: 'at most one workflow changes a book at a time',
  watch: ({ writes, machines }) => {
    const newWrites = news(writes);
    return {
      afterEvent() {
        for (const { before, after, by } of newWrites()) {
          if (before === undefined || after === undefined || !isLease(after)) continue;
          const was = plain({ M: before }) as Lease;
          const is = plain({ M: after }) as Lease;
          const [held, taken] = [was.workflow.execution, is.workflow.execution];
          if (held !== undefined && taken !== undefined && taken !== held && !machines.mayPreempt(taken, held)) return `${taken} took the book from ${held}`;
          const execution = machines.executionOf(by);
          const isHalt = execution !== undefined && machines.mayHalt(execution) && is.mode === 'halted';
          const wrong = wrongTaking(was, is) ?? (execution !== undefined && !isHalt ? wrongChange(was, is, execution) : undefined);
          if (wrong !== undefined) return wrong;
        }
        return undefined;
      },
    };
  },
  watchWorld: ({ world, execution }) => {
    const newChanges = news(world.changes);
    newChanges();
    return {
      afterEvent() {
        for (const { before, after, name, byMachine } of newChanges()) {
          if (before === undefined) continue;
          // Whoever halts a book asks nobody.
          const wrong = wrongTaking(before, after) ?? (byMachine && name !== 'halt' ? wrongChange(before, after, execution) : undefined);
          if (wrong !== undefined) return `${wrong} (book ${after.book}, ${name})`;
        }
        return undefined;
      },
    };
  },
};

function wrongTaking(was: Lease, is: Lease): string | undefined {
  if (is.workflow.token < was.workflow.token) return `the token fell from ${was.workflow.token} to ${is.workflow.token}`;
  const { token, execution } = is.workflow;
  return execution !== undefined && execution !== was.workflow.execution && token === was.workflow.token ? `${execution} took the book without raising the token` : undefined;
}

function wrongChange(was: Lease, is: Lease, by: string): string | undefined {
  if (was.workflow.execution === by) return undefined;
  const changed = guarded.find((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]));
  return changed === undefined ? undefined : `${by} changed ${changed} while the book was ${was.workflow.execution ?? 'nobody'}'s`;
}
