/**
 * The roster: which version of the venue's key each living instance of a book has proved and uses. For whoever rotates the key, from
 * the registrations that instances write beside the lease anyway.
 *
 * Who lives is judged as in the protocol, on the watcher's own clock: an instance whose beat was seen to move within a lease does, one
 * whose beat stood still for a whole lease does not, and of any other it is waited for.
 */
import type { BookName, InstanceId, KeyReport, Registration } from './model.ts';
import type { LeaseStore } from './store.ts';

/** One living instance, in either Region, as it says itself. */
export interface RosterMember extends KeyReport {
  readonly instance: InstanceId;
}

export interface KeyRosterOptions {
  readonly store: Pick<LeaseStore, 'readAll' | 'announceKey'>;
  readonly book: BookName;
  readonly monotonicMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
}

interface Watched {
  readonly registration: Registration;
  /** When this beat was first seen. */
  readonly sinceMs: number;
  /** Another beat was seen before it. */
  readonly moved: boolean;
}

/** Until the lease was read: its usual length. */
const usualLeaseMs = 5000;
/** Instances register every fifth of a lease. */
const looksInALease = 10;

export class KeyRoster {
  readonly #options: KeyRosterOptions;
  #watched: ReadonlyMap<InstanceId, Watched> = new Map();

  constructor(options: KeyRosterOptions) {
    this.#options = options;
  }

  /** Tells every instance which version is current; they look within a second. Again is no harm. */
  announce(version: string): Promise<void> {
    return this.#options.store.announceKey(this.#options.book, version);
  }

  /** Everyone who lives: looked at until that is known of each, a lease at the longest. What was seen before is remembered. */
  async members(): Promise<readonly RosterMember[]> {
    for (;;) {
      const leaseMs = await this.#look();
      const nowMs = this.#options.monotonicMs();
      const watched = [...this.#watched.values()];
      const isUnknown = ({ moved, sinceMs }: Watched): boolean => !moved && nowMs - sinceMs <= leaseMs;
      if (!watched.some(isUnknown)) {
        const living = watched.filter(({ moved, sinceMs }) => moved && nowMs - sinceMs <= leaseMs);
        return living.map(({ registration: { instance, venueKey } }) => ({ instance, ...venueKey }));
      }
      await this.#options.pause(leaseMs / looksInALease);
    }
  }

  async #look(): Promise<number> {
    const { store, book, monotonicMs } = this.#options;
    const { registrations, lease } = await store.readAll(book);
    const nowMs = monotonicMs();
    this.#watched = new Map(
      registrations.map((registration) => {
        const before = this.#watched.get(registration.instance);
        const isNew = before?.registration.beat !== registration.beat;
        return [registration.instance, { registration, sinceMs: isNew ? nowMs : before.sinceMs, moved: before !== undefined && (isNew || before.moved) }];
      }),
    );
    return lease?.leaseMs ?? usualLeaseMs;
  }
}
