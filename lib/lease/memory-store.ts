/**
 * The lease table in memory, for tests of whatever uses a store. It judges conditions as DynamoDB does;
 * one contract test runs this store and the DynamoDB one against the same cases.
 */
import type { BookName, InstanceId, Lease, Registration } from './model.ts';
import type { BookState, Expectation, LeaseStore, LeaseWrite, Path, WriteAnswer } from './store.ts';

type Item = Record<string, unknown>;

export class MemoryLeaseStore implements LeaseStore {
  readonly #leases = new Map<string, Lease>();
  readonly #registrations = new Map<string, Map<string, Registration>>();
  readonly #keys = new Map<string, string>();

  async read(book: BookName): Promise<Lease | undefined> {
    return this.readNow(book);
  }

  async readAll(book: BookName): Promise<BookState> {
    return this.readAllNow(book);
  }

  async write(write: LeaseWrite): Promise<WriteAnswer> {
    return this.writeNow(write);
  }

  async register(registration: Registration): Promise<void> {
    this.registerNow(registration);
  }

  async deregister(book: BookName, instance: InstanceId): Promise<void> {
    this.#registrations.get(book)?.delete(instance);
  }

  async announceKey(book: BookName, version: string): Promise<void> {
    this.#keys.set(book, version);
  }

  /** The same without promises, for tests that own time. */
  readNow(book: BookName): Lease | undefined {
    return this.#leases.get(book);
  }

  readAllNow(book: BookName): BookState {
    const lease = this.readNow(book);
    const registrations = [...(this.#registrations.get(book)?.values() ?? [])];
    const announcedKey = this.#keys.get(book);
    return { registrations, ...(lease !== undefined && { lease }), ...(announcedKey !== undefined && { announcedKey }) };
  }

  registerNow(registration: Registration): void {
    const ofBook = this.#registrations.get(registration.book) ?? new Map<string, Registration>();
    ofBook.set(registration.instance, registration);
    this.#registrations.set(registration.book, ofBook);
  }

  writeNow(write: LeaseWrite): WriteAnswer {
    const answer = judge(this.#leases.get(write.book), write);
    if (answer.outcome === 'applied') this.#leases.set(write.book, answer.lease);
    return answer;
  }
}

/** What the table answers to a write, given the item as it is; `applied` holds the item as it then is. The item given is left alone. */
export function judge(before: Lease | undefined, write: LeaseWrite): Exclude<WriteAnswer, { outcome: 'ambiguous' }> {
  if (!write.expects.every((expectation) => holds(expectation, before))) {
    return before === undefined ? { outcome: 'refused' } : { outcome: 'refused', lease: before };
  }
  const after: Item = { ...(before ?? { book: write.book }) };
  if (write.beat) after['heartbeat'] = (after['heartbeat'] as number) + 1;
  for (const [path, value] of Object.entries(write.set ?? {})) put(after, path as Path, value);
  for (const path of write.remove ?? []) put(after, path, undefined);
  return { outcome: 'applied', lease: after as unknown as Lease };
}

function holds(expectation: Expectation, item: Lease | undefined): boolean {
  const value = item === undefined ? undefined : valueAt(item, expectation.path);
  if ('absent' in expectation) return value === undefined;
  if ('present' in expectation) return value !== undefined;
  // Like DynamoDB: nothing equals a missing attribute, and everything differs from it.
  if ('equals' in expectation) return value === expectation.equals;
  return value !== expectation.differs;
}

function valueAt(item: Lease, path: Path): unknown {
  return path.split('.').reduce<unknown>((at, name) => (at as Item | undefined)?.[name], item);
}

/** Maps are replaced, never changed: versions of the item that were handed out stay as they were. */
function put(item: Item, path: Path, value: unknown): void {
  const [name, inner] = path.split('.') as [string, string?];
  if (inner !== undefined) {
    const map = { ...(item[name] as Item) };
    if (value === undefined) delete map[inner];
    else map[inner] = value;
    item[name] = map;
  } else if (value === undefined) delete item[name];
  else item[name] = value;
}
