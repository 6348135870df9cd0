/** The lease table of a world: every write that took effect, in order, and whether a machine made it or the world by itself. */
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import type { BookName, Lease } from '../../lib/lease/model.ts';
import type { LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';
import type { LeftOver } from './world.ts';

export interface LeaseChange {
  readonly before: Lease | undefined;
  readonly after: Lease;
  readonly name: LeaseWrite['name'];
  readonly byMachine: boolean;
}

export class RecordedLeaseStore extends MemoryLeaseStore {
  readonly changes: LeaseChange[] = [];

  /** Those that have a lease. */
  books(): readonly BookName[] {
    return [...new Set(this.changes.map(({ after }) => after.book))];
  }

  override async write(write: LeaseWrite): Promise<WriteAnswer> {
    return this.#write(write, true);
  }

  override writeNow(write: LeaseWrite): WriteAnswer {
    return this.#write(write, false);
  }

  #write(write: LeaseWrite, byMachine: boolean): WriteAnswer {
    const before = this.readNow(write.book);
    const answer = super.writeNow(write);
    if (answer.outcome === 'applied') this.changes.push({ before, after: answer.lease, name: write.name, byMachine });
    return answer;
  }
}

/** What an execution that has ended left on its books. A drain is none of it: the holder ends that, one way or the other. */
export function leftOnLeases(store: RecordedLeaseStore, execution: string): readonly LeftOver[] {
  return store.books().filter((book) => store.readNow(book)!.workflow.execution === execution).map((book) => ({ what: 'the lock', name: book }));
}
