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
          if (is.workflow.token < was.workflow.token) return `the token fell from ${was.workflow.token} to ${is.workflow.token}`;
          if (is.workflow.execution !== undefined && is.workflow.execution !== was.workflow.execution && is.workflow.token === was.workflow.token) {
            return `${is.workflow.execution} took the book without raising the token`;
          }
          const [held, taken] = [was.workflow.execution, is.workflow.execution];
          if (held !== undefined && taken !== undefined && taken !== held && !machines.mayPreempt(taken, held)) return `${taken} took the book from ${held}`;
          if (!machines.isMachine(by) || was.workflow.execution === by) continue;
          const changed = guarded.find((name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]));
          if (changed !== undefined) return `${by} changed ${changed} while the book was ${was.workflow.execution ?? 'nobody'}'s`;
        }
        return undefined;
      },
    };
  },
};
