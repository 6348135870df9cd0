/**
 * Which executions a position has already: by their ids, never by their order or their time. A venue lists executions by its own
 * clock, and that clock may be set: what happened later can then stand before what happened earlier, and what stood in the list
 * can be out of sight for a while and come back, older ones in its place. Two of one millisecond stand in any order anyway.
 *
 * The next holder learns them from the journal's mark, where each has seven characters, so that a whole page of them stays
 * within one write unit of its table. Two that share theirs are taken for one, once in some hundred years of a book's trading; it would be
 * missed in the next holder's sum, and a person be asked.
 */
import { hash } from 'node:crypto';
import { executionsPage, type Execution } from '../venues/venue.ts';

type ExecutionId = Pick<Execution, 'executionId'>;

const length = 7;
/** What was seen within some pages may come back. */
const keptAtMost = 10 * executionsPage;

export class CountedExecutions {
  readonly #ids = new Set<string>();
  #earlier: ReadonlySet<string> = new Set();

  /** Begins with what a page shows; what the last holder's mark counted is not counted again either, should it come into sight. */
  begin(executions: readonly ExecutionId[], counted = ''): void {
    this.#ids.clear();
    this.#earlier = split(counted);
    for (const execution of executions) this.add(execution);
  }

  /** Those of a page that are not counted yet; undefined when more may have come than the page shows. */
  since<One extends ExecutionId>(page: readonly One[]): readonly One[] | undefined {
    return onPage(page, ({ executionId }) => this.#ids.has(executionId) || this.#earlier.has(shortened(executionId)));
  }

  add({ executionId }: ExecutionId): void {
    this.#ids.add(executionId);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= keptAtMost) break;
      this.#ids.delete(oldest);
    }
  }

  /** The newest page of them, for the journal's mark. */
  get text(): string {
    return [...this.#ids].slice(-executionsPage).map(shortened).join('');
  }
}

/** Those of a page that a mark has not counted; undefined when some may be out of sight between its last and the page's first. */
export function notCounted<One extends ExecutionId>(page: readonly One[], counted: string): readonly One[] | undefined {
  const known = split(counted);
  const isCounted = ({ executionId }: ExecutionId): boolean => known.has(shortened(executionId));
  // A page that is not full and shows none of them is of another time, or account.
  return known.size > 0 && !page.some(isCounted) ? undefined : onPage(page, isCounted);
}

function onPage<One extends ExecutionId>(page: readonly One[], isCounted: (execution: One) => boolean): readonly One[] | undefined {
  if (page.length < executionsPage) return page.filter((each) => !isCounted(each));
  const oldest = page.findIndex(isCounted);
  // What stands before the oldest known one is older than the page was: it came into sight because newer ones went out of it.
  return oldest < 0 ? undefined : page.slice(oldest).filter((each) => !isCounted(each));
}

const shortened = (executionId: string): string => hash('sha256', executionId, 'base64url').slice(0, length);

function split(counted: string): ReadonlySet<string> {
  return new Set(Array.from({ length: Math.floor(counted.length / length) }, (_, index) => counted.slice(index * length, (index + 1) * length)));
}
