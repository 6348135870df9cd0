/**
 * The words of the lease (see docs/lease.md): what one book's item holds and who is named in it.
 *
 * Everything here is a counter, a name or a duration. No time stamp is stored, because none may
 * ever be compared between hosts.
 */

declare const brand: unique symbol;
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A sub-account traded by one strategy: 1–10 lower-case letters and digits, starting with a letter. */
export type BookName = Branded<string, 'BookName'>;
/** The fencing token: a whole number that only grows. */
export type Epoch = Branded<number, 'Epoch'>;
/** One life of one guard: `<region>/<colour>/<random>`. Made anew at every start, never reused. */
export type InstanceId = Branded<string, 'InstanceId'>;
/** The fencing token of the state machines: raised by each that takes the book. */
export type WorkflowToken = Branded<number, 'WorkflowToken'>;
/** Nanoseconds on this host's CLOCK_MONOTONIC; shared by the containers of a task, meaningless elsewhere. */
export type MonotonicNs = Branded<bigint, 'MonotonicNs'>;

export type Colour = 'blue' | 'green';
export type Mode = 'open' | 'draining' | 'halted';

/** What runs: the images of trader and guard, and the exact revision a task set was started from, which only its own Region knows. */
export interface Live {
  /** Of the trader. */
  readonly imageDigest: string;
  /** With it the other Region can start the same from the lease alone. */
  readonly guardDigest: string;
  readonly taskDefinition: string;
}

/** The item of one book, as the lease table holds it. */
export interface Lease {
  readonly book: BookName;
  readonly epoch: Epoch;
  /** Absent when nobody holds the book. */
  readonly holder?: InstanceId;
  /** Counts the holder's renewals within the epoch. */
  readonly heartbeat: number;
  /** Names the write that made this epoch, so that an ambiguous write can be recognised. */
  readonly grantId: string;
  readonly leaseMs: number;
  /** The only Region that may hold. */
  readonly home: string;
  readonly mode: Mode;
  /** An instance, or a colour of which the holder picks an instance. */
  readonly successor?: InstanceId | Colour;
  /** The lock of the machines; `execution` is absent when no machine holds the book. */
  readonly workflow: { readonly token: WorkflowToken; readonly execution?: string };
  readonly live?: Live;
  /** What was live before: where an emergency rollback goes, unless one took it away. */
  readonly previous?: Live & { readonly takenAway?: boolean };
  /** The revision after whose cutover the schema was contracted: older ones may not be able to write the ledger. */
  readonly contractedBy?: string;
  /** Why it is halted and who did it; of the last halt, when it is not. */
  readonly halt?: { readonly reason: string; readonly by: string };
  /** The epoch at which a person last resumed it: they looked at the venue, so no position known before it counts any more. */
  readonly resumedFrom?: Epoch;
}

/**
 * What an instance knows of the key at the venue: versions of its secret, and how long ago by its own clock. No condition of the lease
 * looks at it; who rotates the key reads it off the roster.
 */
export interface KeyReport {
  /** The newest version with which this guard had a signed request accepted. */
  readonly proved?: string;
  /** With which its trader signs, by the trader's own word. */
  readonly uses?: string;
  /** Since the trader can last have signed with another; absent when it never did. */
  readonly otherUsedMsAgo?: number;
  /** The version that the venue refuses, to the guard or to the trader. */
  readonly refused?: string;
}

/** What every instance, holder or standby, says of itself beside the lease. */
export interface Registration {
  readonly book: BookName;
  readonly instance: InstanceId;
  readonly colour: Colour;
  readonly region: string;
  readonly imageDigest: string;
  /** The trader beside this guard could trade: venue, Redis and whatever it requires answer. */
  readonly ready: boolean;
  /** The trader has compared itself with the venue and found nothing open to doubt. */
  readonly reconciled: boolean;
  /** Counts this instance's registrations; watchers time its changes on their own clock. */
  readonly beat: number;
  /** The epoch whose drain this instance is watching closely, polling without pause. */
  readonly attends?: Epoch;
  readonly venueKey?: KeyReport;
}

const instancePattern = /^([a-z]{2}(?:-[a-z]+)+-\d)\/(blue|green)\/([0-9a-z]+)$/;

export function instanceId(region: string, colour: Colour, random: string): InstanceId {
  const id = `${region}/${colour}/${random}`;
  if (!instancePattern.test(id)) throw new Error(`not an instance id: '${id}' (wanted <region>/<blue|green>/<random>)`);
  return id as InstanceId;
}

export function colourOf(instance: InstanceId): Colour {
  return part(instance, 2) as Colour;
}

export function regionOf(instance: InstanceId): string {
  return part(instance, 1);
}

/** Who held last: of a book that was given up, whoever made the grant that left it to nobody; absent when nobody ever did. */
export function lastHolder({ holder, grantId }: Pick<Lease, 'holder' | 'grantId'>): InstanceId | undefined {
  const giver = grantId.split('#')[0] ?? '';
  return holder ?? (instancePattern.test(giver) ? (giver as InstanceId) : undefined);
}

function part(instance: InstanceId, index: number): string {
  const found = instancePattern.exec(instance)?.[index];
  if (found === undefined) throw new Error(`not an instance id: '${instance}'`);
  return found;
}

export function otherColour(colour: Colour): Colour {
  return colour === 'blue' ? 'green' : 'blue';
}
