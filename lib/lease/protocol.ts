/**
 * The protocol of one instance (docs/lease.md has its rules and why each is needed), as a pure function:
 * what is known, plus one event, gives what is known then and what to send. No I/O, no ambient time; `now`
 * comes with every event, in milliseconds on this host's monotonic clock, and is compared with nothing else.
 *
 * `step` works in two halves. `absorb` takes in what the event says; `decide` looks at what is known and
 * sends what is due. At most one lease write, one read and one registration are on their way at a time, so
 * an answer belongs to what was sent last, and a write sent after a doubtful one was truly sent later.
 */
import type { BookName, Colour, Epoch, InstanceId, Lease, Registration } from './model.ts';
import { colourOf, lastHolder, regionOf } from './model.ts';
import type { BookState, Expectation, LeaseWrite, WriteAnswer } from './store.ts';

/** Who this instance is, and its bounds. */
export interface Identity {
  readonly book: BookName;
  readonly instance: InstanceId;
  readonly colour: Colour;
  readonly region: string;
  readonly imageDigest: string;
  /**
   * How much faster or slower than true time this host's clock may run. It shortens the holder's validity and
   * lengthens the standby's wait, so two clocks may differ by twice this.
   */
  readonly driftPpm: number;
  /** How long a trader may take to drain before the expiry of its requests is believed instead. */
  readonly drainTimeoutMs: number;
  /** What the venue's clock may be wrong by while permits are given; waited for on top of an expiry. */
  readonly venueUncertaintyMs: number;
  /** After SIGTERM the instance ends within this, with its lease given up or left to run out. */
  readonly terminateWithinMs: number;
}

export type LeaseEvent = { readonly now: number } & (
  | { readonly kind: 'tick' }
  | { readonly kind: 'read'; readonly book: BookState }
  | { readonly kind: 'read-failed' }
  | { readonly kind: 'written'; readonly answer: WriteAnswer }
  | { readonly kind: 'registered' }
  | { readonly kind: 'trader-status'; readonly ready: boolean; readonly reconciled: boolean }
  | { readonly kind: 'trader-drained'; readonly epoch: number; readonly drain: number }
  /** The trader found that it must not trade, and nobody else either, until a person has looked. */
  | { readonly kind: 'halt'; readonly epoch: number; readonly reason: string }
  | { readonly kind: 'terminate' }
);

export type LeaseEffect =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly write: LeaseWrite }
  | { readonly kind: 'register'; readonly registration: Registration }
  | { readonly kind: 'deregister' };

/** Not holding: watching the item. */
interface Standby {
  readonly kind: 'standby';
  /** The item, and when the answer came that first showed this epoch and heartbeat. */
  readonly seen?: { readonly lease: Lease; readonly since: number };
  /** A take-over got no answer: read before anything else. */
  readonly inDoubt?: true;
}

/** Named as holder in the item. Orders may be sent only while `validUntil` is set, ahead, and `stop` is not. */
interface Tenure {
  readonly kind: 'tenure';
  readonly lease: Lease;
  /** From acknowledged renewals only. Absent: granted, and worth nothing yet. */
  readonly validUntil?: number;
  /** The latest validity that the trader was ever shown in this epoch: its last request expires by then. */
  readonly shownUntil?: number;
  readonly renewAt: number;
  /** A drain was asked for; until a successor attends, trading goes on. */
  readonly drainSince?: number;
  /** Nothing new is permitted from here on; `drained` when the trader says that nothing is on its way. */
  readonly stop?: { readonly at: number; readonly drain: number; readonly drained: boolean };
  /** The trader asked for a halt in this epoch: nothing is permitted in it any more, and nobody gets the book before the halt is written. */
  readonly haltFor?: string;
}

interface Stopped {
  readonly kind: 'stopped';
}

export interface Peer {
  readonly registration: Registration;
  /** When its beat was seen to change; absent: it was only ever seen with one beat, and may be dead. */
  readonly movedAt?: number;
}

export interface InstanceState {
  readonly identity: Identity;
  readonly role: Standby | Tenure | Stopped;
  readonly trader: { readonly ready: boolean; readonly reconciled: boolean };
  readonly peers: ReadonlyMap<InstanceId, Peer>;
  readonly terminateBy?: number;
  /** What is on its way. `sentAt` was read before sending. */
  readonly writing?: { readonly write: LeaseWrite; readonly sentAt: number };
  readonly reading: boolean;
  readonly registering: boolean;
  readonly readAt: number;
  readonly registerAt: number;
  /** After a doubtful answer: no write before. */
  readonly writeAt: number;
  readonly beat: number;
  readonly attends?: Epoch;
  /** Count this life's take-overs and hand-overs (to name grants) and its drains. */
  readonly grants: number;
  readonly drains: number;
}

export interface Step {
  readonly state: InstanceState;
  readonly effects: readonly LeaseEffect[];
  /** When to come back with a tick if nothing else happens before; absent when nothing is left to do. */
  readonly wakeAt?: number;
}

/** The lease as the trader is shown it. */
export interface InstanceView {
  readonly state: 'standby' | 'granted' | 'held' | 'draining' | 'stopped';
  readonly epoch: Epoch | null;
  /** Null while nothing may be sent. */
  readonly validUntil: number | null;
  /** Numbers the drains of this life, so that a late word of an earlier one is not taken for the present one. */
  readonly drain: number;
  /** As the item says it; absent when the book was never resumed. */
  readonly resumedFrom?: Epoch;
}

/** Until the item was read. */
const assumedLeaseMs = 5000;

/** Paces, as parts of the lease: a holder gets four more tries before its lease runs out. */
const renewEvery = 1 / 5;
/** While stopped, a renewal on its way would only delay the hand-over. */
const renewEveryStopped = 2 / 5;
const standbyReadEvery = 1 / 10;
const holderReadEvery = 1 / 5;
const stoppedReadEvery = 1 / 50;
const registerEvery = 1 / 5;
const pauseAfterFailure = 1 / 50;

export function initialState(identity: Identity): InstanceState {
  return {
    identity,
    role: { kind: 'standby' },
    trader: { ready: false, reconciled: false },
    peers: new Map(),
    reading: false,
    registering: false,
    readAt: -Infinity,
    registerAt: -Infinity,
    writeAt: -Infinity,
    beat: 0,
    grants: 0,
    drains: 0,
  };
}

export function step(state: InstanceState, event: LeaseEvent): Step {
  return decide(absorb(state, event), event.now);
}

export function viewOf({ role, drains }: InstanceState): InstanceView {
  if (role.kind !== 'tenure') return { state: role.kind, epoch: null, validUntil: null, drain: drains };
  const { epoch, resumedFrom } = role.lease;
  const known = { epoch, drain: drains, ...(resumedFrom !== undefined && { resumedFrom }) };
  if (role.stop !== undefined) return { state: 'draining', validUntil: null, ...known };
  if (role.validUntil === undefined) return { state: 'granted', validUntil: null, ...known };
  return { state: 'held', validUntil: role.validUntil, ...known };
}

// ---- what an event says -------------------------------------------------------------------------------

function absorb(state: InstanceState, event: LeaseEvent): InstanceState {
  const { now } = event;
  switch (event.kind) {
    case 'tick':
      return state;
    case 'read':
      return absorbRead({ ...state, reading: false, readAt: now }, event.book, now);
    case 'read-failed':
      return { ...state, reading: false, readAt: now + leaseMsOf(state) * pauseAfterFailure };
    case 'written':
      return absorbWritten(state, event.answer, now);
    case 'registered':
      return { ...state, registering: false };
    case 'trader-status': {
      const { ready, reconciled } = event;
      const changed = ready !== state.trader.ready || reconciled !== state.trader.reconciled;
      return { ...state, trader: { ready, reconciled }, registerAt: changed ? now : state.registerAt };
    }
    case 'trader-drained': {
      const { role } = state;
      if (role.kind !== 'tenure' || role.stop === undefined) return state;
      if (event.epoch !== role.lease.epoch || event.drain !== role.stop.drain) return state;
      return { ...state, role: { ...role, stop: { ...role.stop, drained: true } } };
    }
    case 'halt': {
      const { role } = state;
      if (role.kind !== 'tenure' || event.epoch !== role.lease.epoch) return state;
      return { ...state, role: { ...role, haltFor: role.haltFor ?? event.reason } };
    }
    case 'terminate':
      return state.terminateBy === undefined ? { ...state, terminateBy: now + state.identity.terminateWithinMs } : state;
  }
}

function absorbRead(state: InstanceState, book: BookState, now: number): InstanceState {
  const peers = new Map<InstanceId, Peer>();
  for (const registration of book.registrations) {
    const known = state.peers.get(registration.instance);
    const moved = known !== undefined && known.registration.beat !== registration.beat;
    const movedAt = moved ? now : known?.movedAt;
    peers.set(registration.instance, movedAt === undefined ? { registration } : { registration, movedAt });
  }
  const read = { ...state, peers };
  // A holder believes the answers to its own writes; this read may be older than they are.
  if (read.role.kind !== 'standby' || read.writing !== undefined) return read;
  const { inDoubt: _cleared, ...role } = read.role;
  return observe({ ...read, role }, book.lease, now);
}

function absorbWritten(before: InstanceState, answer: WriteAnswer, now: number): InstanceState {
  const { writing, ...state } = before;
  if (writing === undefined) return before;
  const { role } = state;
  const { write, sentAt } = writing;

  if (answer.outcome === 'ambiguous') {
    const writeAt = now + leaseMsOf(state) * pauseAfterFailure;
    if (role.kind === 'standby') return { ...state, writeAt, readAt: now, role: { ...role, inDoubt: true } };
    return { ...state, writeAt };
  }
  if (role.kind === 'standby') return observe(state, answer.lease, now);
  if (role.kind === 'stopped') return state;

  const lease = answer.lease;
  // No longer ours: everything known of the tenure ends with it.
  if (lease === undefined || lease.holder !== state.identity.instance || lease.epoch !== role.lease.epoch) {
    return observe({ ...state, role: { kind: 'standby' }, readAt: now }, lease, now);
  }
  if (answer.outcome === 'applied' && write.name === 'renew') {
    const validUntil = sentAt + lease.leaseMs * (1 - state.identity.driftPpm / 1e6);
    return { ...state, role: { ...role, lease, validUntil, renewAt: sentAt + lease.leaseMs * renewEvery } };
  }
  // Trading had stopped, and what was sent to end the tenure may still be on its way: only the acknowledgement
  // of a renewal sent from now on, which moves the heartbeat, makes it void.
  if (role.stop !== undefined) {
    const { validUntil: _worthless, ...rest } = role;
    return { ...state, role: { ...rest, lease, renewAt: now } };
  }
  return { ...state, role: { ...role, lease } };
}

/** A standby looks at the item. */
function observe(state: InstanceState, lease: Lease | undefined, now: number): InstanceState {
  if (state.role.kind !== 'standby') return state;
  if (lease === undefined) return { ...state, role: { kind: 'standby' } };
  const { seen } = state.role;
  if (seen !== undefined && isOlder(lease, seen.lease)) return state;
  if (lease.holder === state.identity.instance) {
    return { ...state, role: { kind: 'tenure', lease, renewAt: now } };
  }
  const unchanged = seen !== undefined && seen.lease.epoch === lease.epoch && seen.lease.heartbeat === lease.heartbeat;
  return { ...state, role: { ...state.role, seen: { lease, since: unchanged ? seen.since : now } } };
}

// ---- what is due ---------------------------------------------------------------------------------------

function decide(known: InstanceState, now: number): Step {
  if (known.role.kind === 'stopped') return { state: known, effects: [] };
  const effects: LeaseEffect[] = [];
  const wakes: number[] = [];
  let state = settle(known, now);

  if (state.terminateBy !== undefined) {
    const nothingHeld = state.role.kind === 'standby' && state.writing === undefined;
    if (nothingHeld || now >= state.terminateBy) {
      return { state: { ...state, role: { kind: 'stopped' } }, effects: [{ kind: 'deregister' }] };
    }
    wakes.push(state.terminateBy);
  }

  if (state.writing === undefined) {
    const due = state.role.kind === 'tenure' ? tenureWrite(state, state.role, now) : standbyWrite(state, state.role, now);
    if (due.write !== undefined && now >= state.writeAt) {
      effects.push({ kind: 'write', write: due.write });
      const grants = state.grants + (due.write.set?.grantId === undefined ? 0 : 1);
      state = { ...state, grants, writing: { write: due.write, sentAt: now } };
    } else if (due.write !== undefined) {
      wakes.push(state.writeAt);
    }
    wakes.push(...due.wakes);
  }

  const attends = attended(state);
  if (attends !== state.attends) {
    const { attends: _before, ...rest } = state;
    state = { ...(attends === undefined ? rest : { ...rest, attends }), registerAt: now };
  }
  if (!state.registering) {
    if (now >= state.registerAt) {
      state = { ...state, registering: true, beat: state.beat + 1, registerAt: now + leaseMsOf(state) * registerEvery };
      effects.push({ kind: 'register', registration: registrationOf(state) });
    }
    wakes.push(state.registerAt);
  }
  if (!state.reading) {
    const readAt = state.readAt + readPause(state);
    if (now >= readAt) {
      state = { ...state, reading: true };
      effects.push({ kind: 'read' });
    } else {
      wakes.push(readAt);
    }
  }

  // Only what is ahead: what is due now waits for an answer, and the answer is an event of its own.
  const ahead = wakes.filter((wake) => wake > now);
  return ahead.length === 0 ? { state, effects } : { state, effects, wakeAt: Math.min(...ahead) };
}

/** Moves a tenure between trading, looking for a successor, and stopped: all that needs no write. */
function settle(state: InstanceState, now: number): InstanceState {
  const { role } = state;
  if (role.kind !== 'tenure') return state;
  const { drainSince: _ended, stop, ...trading } = role;
  const leaving = mustLeave(state, role);

  if (stop !== undefined) {
    // The drain was called off. `validUntil`, if there is one, comes from a renewal sent after all else.
    if (!leaving && role.lease.mode === 'open') return { ...state, role: trading };
    return state;
  }
  const stopped = (): InstanceState => {
    const drains = state.drains + 1;
    return { ...state, drains, role: { ...shown(role), stop: { at: now, drain: drains, drained: false } } };
  };
  if (leaving) return stopped();
  if (role.lease.mode !== 'draining') return { ...state, role: shown(trading) };
  const drainSince = role.drainSince ?? now;
  const waited = now >= drainSince + role.lease.leaseMs;
  if (successorOf(state, role, waited ? 'ready' : 'attending', now) !== undefined) return stopped();
  return { ...state, role: shown({ ...role, drainSince }) };
}

function shown(role: Tenure): Tenure {
  if (role.validUntil === undefined || role.validUntil <= (role.shownUntil ?? -Infinity)) return role;
  return { ...role, shownUntil: role.validUntil };
}

interface Due {
  readonly write?: LeaseWrite;
  /** When this must be looked at again. */
  readonly wakes: readonly number[];
}

function standbyWrite(state: InstanceState, role: Standby | Stopped, now: number): Due {
  if (role.kind === 'stopped' || role.seen === undefined || role.inDoubt || !state.trader.ready) return { wakes: [] };
  const { lease, since } = role.seen;
  if (lease.mode === 'halted' || lease.home !== state.identity.region) return { wakes: [] };
  // Nobody can trade under an epoch that was given to nobody, and who left it first awaited the end of all that it had sent.
  const leases = (hasFirstRight(state, lease) ? 1 : 2) - (lease.holder === undefined ? 1 : 0);
  const takeOverAt = since + leases * lease.leaseMs * (1 + state.identity.driftPpm / 1e6);
  if (now < takeOverAt) return { wakes: [takeOverAt] };
  return { write: takeOver(state, lease), wakes: [] };
}

function tenureWrite(state: InstanceState, role: Tenure, now: number): Due {
  const { lease, stop } = role;
  const wakes: number[] = [];
  const renewable = lease.mode !== 'halted' && lease.home === state.identity.region;
  if (role.haltFor !== undefined && lease.mode !== 'halted') return { write: halt(state, lease, role.haltFor), wakes };
  const renewAt = stop === undefined ? role.renewAt : role.renewAt + lease.leaseMs * (renewEveryStopped - renewEvery);

  if (stop !== undefined) {
    const expired = (role.shownUntil ?? -Infinity) + state.identity.venueUncertaintyMs;
    const believedAt = role.shownUntil === undefined ? now : Math.max(expired, stop.at + state.identity.drainTimeoutMs);
    if (stop.drained || now >= believedAt) return { write: leavingWrite(state, role, now), wakes };
    wakes.push(believedAt);
  } else if (role.drainSince !== undefined && now >= role.drainSince + lease.leaseMs) {
    return { write: endDrain(state, lease), wakes };
  } else if (role.drainSince !== undefined) {
    wakes.push(role.drainSince + lease.leaseMs);
  }
  if (!renewable) return { wakes };
  return now >= renewAt ? { write: renew(state, lease), wakes } : { wakes: [...wakes, renewAt] };
}

/** Everything sent under the lease is known or expired: to whom does it go? */
function leavingWrite(state: InstanceState, role: Tenure, now: number): LeaseWrite {
  const { lease } = role;
  const successor = successorOf(state, role, 'ready', now);
  if (successor !== undefined) return handOver(state, lease, successor);
  return mustLeave(state, role) ? release(state, role) : endDrain(state, lease);
}

function mustLeave(state: InstanceState, { lease, haltFor }: Tenure): boolean {
  return state.terminateBy !== undefined || haltFor !== undefined || lease.mode === 'halted' || lease.home !== state.identity.region;
}

/** An instance to hand over to: alive, ready and, in a drain, named by it. */
function successorOf(state: InstanceState, role: Tenure, wanted: 'attending' | 'ready', now: number): Registration | undefined {
  const { lease } = role;
  if (lease.mode === 'halted' || lease.home !== state.identity.region) return undefined;
  const fit = [...state.peers.values()]
    .filter(({ movedAt }) => movedAt !== undefined && now - movedAt <= lease.leaseMs)
    .map(({ registration }) => registration)
    .filter((peer) => peer.instance !== state.identity.instance && peer.ready)
    .filter((peer) => (lease.mode === 'draining' ? isNamed(peer.instance, lease) : peer.region === lease.home));
  const attending = fit.find((peer) => peer.reconciled && peer.attends === lease.epoch);
  if (wanted === 'attending') return attending;
  const reconciled = fit.filter((peer) => peer.reconciled);
  return attending ?? reconciled.find((peer) => peer.colour === state.identity.colour) ?? reconciled[0] ?? fit[0];
}

/**
 * In a drain the named successor may take over after one lease, anybody else after two; each a lease earlier where nobody holds. Otherwise the colour
 * that held comes first, so that a crash does not put the other version to work. The colours of another Region say
 * nothing here: of a book that has moved, whoever runs what is recorded as live comes first. Waiting longer is always safe.
 */
function hasFirstRight({ identity }: InstanceState, lease: Lease): boolean {
  const { holder, live, home } = lease;
  if (lease.mode === 'draining' && lease.successor !== undefined) return isNamed(identity.instance, lease);
  const last = lastHolder(lease);
  if (last !== undefined && regionOf(last) !== home) return live === undefined || live.imageDigest === identity.imageDigest;
  return holder === undefined || colourOf(holder) === identity.colour;
}

/** The epoch whose drain names this standby: it watches closely, and says so. */
function attended({ role, identity }: InstanceState): Epoch | undefined {
  if (role.kind !== 'standby' || role.seen?.lease.mode !== 'draining') return undefined;
  return isNamed(identity.instance, role.seen.lease) ? role.seen.lease.epoch : undefined;
}

function readPause(state: InstanceState): number {
  const leaseMs = leaseMsOf(state);
  const { role } = state;
  if (role.kind === 'standby') return attended(state) !== undefined || role.inDoubt ? 0 : leaseMs * standbyReadEvery;
  if (role.kind === 'tenure' && role.stop !== undefined) return leaseMs * stoppedReadEvery;
  return role.kind === 'tenure' && role.drainSince !== undefined ? 0 : leaseMs * holderReadEvery;
}

function registrationOf(state: InstanceState): Registration {
  const { book, instance, colour, region, imageDigest } = state.identity;
  const registration = { book, instance, colour, region, imageDigest, ...state.trader, beat: state.beat };
  return state.attends === undefined ? registration : { ...registration, attends: state.attends };
}

function leaseMsOf({ role }: Pick<InstanceState, 'role'>): number {
  if (role.kind === 'tenure') return role.lease.leaseMs;
  return role.kind === 'standby' ? (role.seen?.lease.leaseMs ?? assumedLeaseMs) : assumedLeaseMs;
}

/** A colour means those of the home Region: only an instance named as such may take the book to another one. */
function isNamed(instance: InstanceId, { successor, home }: Lease): boolean {
  return successor === instance || (successor === colourOf(instance) && home === regionOf(instance));
}

/** Heartbeats start again with every epoch, so the pair is in order. */
function isOlder(lease: Lease, than: Lease): boolean {
  return lease.epoch < than.epoch || (lease.epoch === than.epoch && lease.heartbeat < than.heartbeat);
}

// ---- the writes, with the conditions that make them safe ------------------------------------------------

function renew({ identity }: InstanceState, lease: Lease): LeaseWrite {
  return {
    name: 'renew',
    book: identity.book,
    expects: [...isMine(identity, lease), { path: 'home', equals: identity.region }, { path: 'mode', differs: 'halted' }],
    beat: true,
  };
}

function takeOver({ identity, grants }: InstanceState, lease: Lease): LeaseWrite {
  return {
    name: 'take-over',
    book: identity.book,
    expects: [
      { path: 'epoch', equals: lease.epoch },
      { path: 'heartbeat', equals: lease.heartbeat },
      { path: 'home', equals: identity.region },
      // The mode seen, which is not halted.
      { path: 'mode', equals: lease.mode },
    ],
    set: { ...nextEpoch(lease), holder: identity.instance, grantId: grantIdOf(identity, grants), mode: 'open' },
    remove: ['successor'],
  };
}

/** In a drain, to the one it names; on SIGTERM, while the book is open, to a standby of the same Region. */
function handOver({ identity, grants }: InstanceState, lease: Lease, to: Registration): LeaseWrite {
  const successor: Expectation =
    lease.successor === undefined ? { path: 'successor', absent: true } : { path: 'successor', equals: lease.successor };
  return {
    name: 'hand-over',
    book: identity.book,
    expects: [
      ...isMine(identity, lease),
      { path: 'heartbeat', equals: lease.heartbeat },
      { path: 'home', equals: identity.region },
      { path: 'mode', equals: lease.mode },
      successor,
    ],
    set: { ...nextEpoch(lease), holder: to.instance, grantId: grantIdOf(identity, grants), mode: 'open', home: to.region },
    remove: ['successor'],
  };
}

/**
 * A hand-over to nobody. Mode, home and successor are not its business. Only while somebody else's halt stands in the place of the one that its
 * trader asked for, that one must stand still: who ended it meanwhile knew nothing of the trader's, which is written first then.
 */
function release({ identity, grants }: InstanceState, { lease, haltFor }: Tenure): LeaseWrite {
  const isSaid = haltFor === undefined || lease.halt?.by === identity.instance;
  const halted: readonly Expectation[] = isSaid ? [] : [{ path: 'mode', equals: 'halted' }];
  return {
    name: 'release',
    book: identity.book,
    expects: [...isMine(identity, lease), { path: 'heartbeat', equals: lease.heartbeat }, ...halted],
    set: { ...nextEpoch(lease), grantId: grantIdOf(identity, grants) },
    remove: ['holder'],
  };
}

/**
 * The holder's own halt: like a machine's, but only in the epoch in which its trader asked. It comes before the release, or a standby
 * would take the book in between. One that comes late halts a book that was resumed in the same epoch: a person looks again.
 */
function halt({ identity }: InstanceState, lease: Lease, reason: string): LeaseWrite {
  return {
    name: 'halt',
    book: identity.book,
    expects: [...isMine(identity, lease), { path: 'mode', differs: 'halted' }],
    set: { mode: 'halted', halt: { reason, by: identity.instance } },
    remove: ['successor'],
  };
}

/** Nobody named is there: back to trading. */
function endDrain({ identity }: InstanceState, lease: Lease): LeaseWrite {
  const successor: Expectation =
    lease.successor === undefined ? { path: 'successor', absent: true } : { path: 'successor', equals: lease.successor };
  return {
    name: 'end-drain',
    book: identity.book,
    expects: [...isMine(identity, lease), { path: 'mode', equals: 'draining' }, successor],
    set: { mode: 'open' },
    remove: ['successor'],
  };
}

function isMine(identity: Identity, lease: Lease): readonly Expectation[] {
  return [
    { path: 'epoch', equals: lease.epoch },
    { path: 'holder', equals: identity.instance },
  ];
}

function nextEpoch(lease: Lease): { readonly epoch: Epoch; readonly heartbeat: number } {
  return { epoch: (lease.epoch + 1) as Epoch, heartbeat: 0 };
}

function grantIdOf(identity: Identity, grants: number): string {
  return `${identity.instance}#${grants}`;
}
