/**
 * What the lease asks of its table. A conditional write is data – what it expects and what it changes –
 * so that every condition of the protocol can be read, listed and mutated in one place, and so that the
 * DynamoDB and the in-memory store cannot differ in what they are asked.
 */
import type { BookName, Colour, Epoch, InstanceId, Lease, Live, Mode, Registration, WorkflowToken } from './model.ts';

/** Every attribute that a condition may name or a write may change. */
export interface LeaseAttributes {
  readonly epoch: Epoch;
  readonly holder: InstanceId;
  readonly heartbeat: number;
  readonly grantId: string;
  readonly leaseMs: number;
  readonly home: string;
  readonly mode: Mode;
  readonly successor: InstanceId | Colour;
  readonly workflow: { readonly token: WorkflowToken; readonly execution?: string };
  readonly 'workflow.token': WorkflowToken;
  readonly 'workflow.execution': string;
  readonly live: Live;
  readonly previous: Live & { readonly takenAway?: boolean };
  readonly contractedBy: string;
  readonly halt: { readonly reason: string; readonly by: string };
  readonly resumedFrom: Epoch;
}
export type Path = keyof LeaseAttributes;

export type Expectation =
  | { readonly [P in Path]: { readonly path: P; readonly equals: LeaseAttributes[P] } }[Path]
  | { readonly [P in Path]: { readonly path: P; readonly differs: LeaseAttributes[P] } }[Path]
  | { readonly path: Path; readonly absent: true }
  | { readonly path: Path; readonly present: true };

export interface LeaseWrite {
  /** For logs, and for whoever enumerates the writes. */
  readonly name:
    | 'create' | 'renew' | 'take-over' | 'hand-over' | 'release' | 'end-drain'
    | 'halt' | 'resume' | 'take-workflow' | 'release-workflow' | 'open' | 'start-drain' | 'cancel-drain' | 'move-home' | 'record-live'
    | 'close-way-back';
  readonly book: BookName;
  /** All must hold, judged against the latest version in any Region. */
  readonly expects: readonly Expectation[];
  readonly set?: Partial<LeaseAttributes>;
  /** Raises `heartbeat` by one, whatever it is. */
  readonly beat?: true;
  readonly remove?: readonly Path[];
}

export type WriteAnswer =
  | { readonly outcome: 'applied'; readonly lease: Lease }
  /** A condition did not hold; `lease` is the item as it is, absent when there is none. */
  | { readonly outcome: 'refused'; readonly lease?: Lease }
  /** No answer, or one that says nothing: the write may have been applied, may be later, or never. */
  | { readonly outcome: 'ambiguous'; readonly error: Error };

/** All of one book, as one strongly consistent read saw it. */
export interface BookState {
  readonly lease?: Lease;
  readonly registrations: readonly Registration[];
  /** The version of the venue's key that is current, as whoever made it so said here; absent before anybody did. */
  readonly announcedKey?: string;
}

/** Every call answers in bounded time: reads and registrations throw when the table does not, `write` never throws. */
export interface LeaseStore {
  read(book: BookName): Promise<Lease | undefined>;
  readAll(book: BookName): Promise<BookState>;
  write(write: LeaseWrite): Promise<WriteAnswer>;
  register(registration: Registration): Promise<void>;
  deregister(book: BookName, instance: InstanceId): Promise<void>;
  /** Tells every instance which version of the venue's key is current. In an item of its own, which no condition names. */
  announceKey(book: BookName, version: string): Promise<void>;
}
