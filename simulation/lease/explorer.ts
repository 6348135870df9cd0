/**
 * Every interleaving, in small: the real `step` of the protocol for a few instances, their traders, a table, a venue and a
 * machine, explored breadth first over whole numbers of ticks. Faults have a budget; within it nothing is left out.
 *
 * Two states are one when nothing that follows can tell them apart: times count from now, and epochs, heartbeats and beats
 * from the item, so a run may go on for ever and still be explored to its end. The venue is the worst that it may be: a
 * request that has no known outcome may be accepted until the validity it was sent under has ended, so a grant while one is on its way
 * is a violation at once. The trader sends whenever it may. From every state the faults may stop, and somebody must trade.
 */
import { cancelDrainOf, haltOf, moveHomeOf, openOf, resumeOf, startDrainOf } from '../../lib/lease/control.ts';
import { judge } from '../../lib/lease/memory-store.ts';
import {
  colourOf, instanceId, lastHolder, regionOf, type BookName, type Colour, type Epoch, type InstanceId, type Lease, type Registration, type WorkflowToken,
} from '../../lib/lease/model.ts';
import {
  initialState, step, viewOf, type Identity, type InstanceState, type InstanceView, type LeaseEvent, type Step,
} from '../../lib/lease/protocol.ts';
import type { LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';

export type StepFunction = (state: InstanceState, event: LeaseEvent) => Step;

/** How often each may happen on one path. */
export interface Faults {
  /** A guard stands still for any time, its trader goes on by what it saw last. */
  readonly pauses: number;
  /** A guard and its trader end at once; a new life begins in their place. */
  readonly crashes: number;
  /** A write of an instance or of a machine is lost, or applied at any later time, or unanswered, or answered late. */
  readonly doubtfulWrites: number;
  /** For one tick a trader does not see what its guard knows. */
  readonly staleViews: number;
  /** The trader's word that it is drained arrives at any later time. */
  readonly lateWords: number;
  readonly terminations: number;
  readonly drains: number;
  readonly cancels: number;
  readonly halts: number;
  /** The trader of a holder finds that it must not trade, and asks its guard for a halt. */
  readonly mismatches: number;
  readonly moves: number;
}
export const noFaults: Faults = {
  pauses: 0, crashes: 0, doubtfulWrites: 0, staleViews: 0, lateWords: 0, terminations: 0, drains: 0, cancels: 0, halts: 0, mismatches: 0, moves: 0,
};

export interface Setting {
  /** Region, colour and image of each instance. */
  readonly instances: readonly (readonly [region: string, colour: Colour, image?: string])[];
  /** The image that is recorded as live. */
  readonly live?: string;
  readonly faults: Partial<Faults>;
  /** Whom a machine may name; the other Region by an instance only. */
  readonly successors: readonly (Colour | number)[];
  readonly step?: StepFunction;
  /** The machine's write, when it is another than the one that ships. */
  readonly moveHome?: typeof moveHomeOf;
  readonly venueIgnoresExpiry?: boolean;
  readonly statesMax: number;
  readonly checkProgress?: boolean;
}

export interface Found {
  readonly states: number;
  readonly transitions: number;
  /** Nothing was left to explore within the budget of faults. */
  readonly complete: boolean;
  /** The first thing that must never be, with the way to it. */
  readonly violation?: string;
  readonly path?: readonly string[];
}

/** Time goes in ticks, a quarter of a lease each: whatever is due between two is done at the second, and an answer takes one. */
const tickMs = 1000;
const leaseMs = 4 * tickMs;
const drainTimeoutMs = tickMs;
const requestTimeoutMs = tickMs;
const terminateWithinMs = 2 * leaseMs;
const progressMs = 12 * leaseMs;
const token = 1 as WorkflowToken;
const book = 'alpha' as BookName;
/** Older than anything that is still compared. */
const longAgo = -2 * leaseMs - tickMs;

type Untimed<Event> = Event extends unknown ? Omit<Event, 'now'> : never;
type Inbox = readonly Untimed<LeaseEvent>[];

interface Order {
  readonly epoch: number;
  readonly until: number;
}
interface Trader {
  readonly view: InstanceView;
  readonly open: readonly Order[];
  readonly said: number;
}
interface Host {
  readonly state: InstanceState;
  readonly lives: number;
  readonly inbox: Inbox;
  readonly ran: boolean;
  readonly paused: boolean;
  readonly trader: Trader;
  /** The epoch in which its trader asked for a halt, with nothing sent before that may still end it. */
  readonly asked?: number;
}
/** A write that is not simply applied and answered. `by` is absent for a machine's, which nobody waits for. */
interface Doubtful {
  readonly by?: InstanceId;
  readonly write: LeaseWrite;
  readonly sentAt: number;
  readonly answer?: WriteAnswer;
  readonly givenUp: boolean;
}
interface LateWord {
  readonly to: InstanceId;
  readonly epoch: number;
  readonly drain: number;
}
interface World {
  readonly now: number;
  readonly lease: Lease;
  readonly registry: readonly Registration[];
  readonly hosts: readonly Host[];
  readonly doubtful: readonly Doubtful[];
  readonly words: readonly LateWord[];
  /** Requests of traders that are gone. */
  readonly orphans: readonly Order[];
  readonly left: Faults;
  readonly violation?: string;
}
interface Move {
  readonly label: string;
  readonly to: World;
}

export function explore(setting: Setting): Found {
  const stepOnce = setting.step ?? step;
  const faults = { ...noFaults, ...setting.faults };
  const parents = [-1];
  const labels = ['start'];
  const first = settled(worldOf(setting, faults), setting, stepOnce);
  const known = new Set([fingerprint(keyOf(first))]);
  const trades = new Set<number>();
  let frontier: (readonly [number, World])[] = [[0, first]];
  let transitions = 0;
  const pathTo = (index: number): string[] => {
    const path: string[] = [];
    for (let at = index; at > 0; at = parents[at] ?? 0) path.unshift(labels[at] ?? '');
    return path;
  };
  while (frontier.length > 0) {
    const next: (readonly [number, World])[] = [];
    for (const [index, world] of frontier) {
      for (const { label, to } of movesOf(world, setting, stepOnce)) {
        transitions += 1;
        if (to.violation !== undefined) {
          return { states: known.size, transitions, complete: false, violation: to.violation, path: [...pathTo(index), label] };
        }
        const key = fingerprint(keyOf(to));
        if (known.has(key)) continue;
        known.add(key);
        parents.push(index);
        labels.push(label);
        const stuck = setting.checkProgress === true ? progressOf(to, setting, stepOnce, trades) : undefined;
        if (stuck !== undefined) {
          return { states: known.size, transitions, complete: false, violation: stuck, path: [...pathTo(index), label] };
        }
        if (known.size >= setting.statesMax) return { states: known.size, transitions, complete: false };
        next.push([parents.length - 1, to]);
      }
    }
    frontier = next;
  }
  return { states: known.size, transitions, complete: true };
}

// ---- what can happen --------------------------------------------------------------------------------------------

function movesOf(world: World, setting: Setting, stepOnce: StepFunction): Move[] {
  const moves: Move[] = [];
  const { left } = world;
  const atTick = world.hosts.every(({ ran }) => !ran);
  const spend = (fault: keyof Faults): World => ({ ...world, left: { ...left, [fault]: left[fault] - 1 } });
  world.hosts.forEach((host, at) => {
    const name = host.state.identity.instance;
    const isNext = world.hosts.every(({ ran, paused }, other) => other >= at || ran || paused);
    if (!host.ran && !host.paused && isNext) moves.push(...runsOf(world, at, stepOnce));
    // What touches one instance alone is told apart by that instance's own turns only: once a tick is enough.
    if (!atTick) return;
    if (host.paused) moves.push({ label: `${name} goes on`, to: withHost(world, at, { ...host, paused: false }) });
    else if (left.pauses > 0) moves.push({ label: `${name} pauses`, to: withHost(spend('pauses'), at, { ...host, paused: true }) });
    if (left.crashes > 0) moves.push({ label: `${name} crashes`, to: reborn(spend('crashes'), at) });
    const { role } = host.state;
    if (left.mismatches > 0 && role.kind === 'tenure') {
      const event = { kind: 'halt', epoch: role.lease.epoch, reason: 'the position' } as const;
      moves.push({ label: `the trader of ${name} asks for a halt`, to: tell(spend('mismatches'), at, event) });
    }
    if (left.terminations > 0 && host.state.terminateBy === undefined) {
      moves.push({ label: `${name} is told to end`, to: tell(spend('terminations'), at, { kind: 'terminate' }) });
    }
  });
  world.doubtful.forEach((doubtful, at) => {
    const rest = world.doubtful.toSpliced(at, 1);
    const label = `${doubtful.write.name} of ${doubtful.by ?? 'a machine'}`;
    if (doubtful.answer === undefined) {
      const [after, answer] = commit(world, doubtful.write);
      const applied = doubtful.givenUp ? rest : world.doubtful.with(at, { ...doubtful, answer });
      moves.push({ label: `${label} is ${answer.outcome} only now`, to: { ...after, doubtful: applied } });
    } else {
      const host = world.hosts.findIndex(({ state, ran }) => state.identity.instance === doubtful.by && !ran);
      if (host >= 0) {
        const event = { kind: 'written', answer: doubtful.answer } as const;
        moves.push({ label: `${label} is answered`, to: tell({ ...world, doubtful: rest }, host, event) });
      }
    }
  });
  world.words.forEach((word, at) => {
    const host = world.hosts.findIndex(({ state }) => state.identity.instance === word.to);
    const { epoch, drain } = word;
    const without = { ...world, words: world.words.toSpliced(at, 1) };
    const event = { kind: 'trader-drained', epoch, drain } as const;
    if (host >= 0 && atTick) moves.push({ label: 'the late word comes', to: tell(without, host, event) });
  });
  const control = (fault: keyof Faults, label: string, write: LeaseWrite): void => {
    const after = commit(spend(fault), write)[0];
    if (after.lease === world.lease) return;
    moves.push({ label, to: after });
    if (left.doubtfulWrites === 0) return;
    const late = { write, sentAt: world.now, givenUp: true };
    const spent = spend(fault);
    moves.push({
      label: `${label}, late`,
      to: { ...spent, left: { ...spent.left, doubtfulWrites: left.doubtfulWrites - 1 }, doubtful: [...world.doubtful, late] },
    });
  };
  const regions = [...new Set(setting.instances.map(([region]) => region))];
  if (left.drains > 0) {
    for (const wanted of setting.successors) {
      const successor = typeof wanted === 'number' ? world.hosts[wanted]?.state.identity.instance : wanted;
      if (successor !== undefined) control('drains', `drain towards ${successor}`, startDrainOf(world.lease, token, successor));
    }
  }
  if (left.cancels > 0) control('cancels', 'the drain is cancelled', cancelDrainOf(book, token));
  if (left.halts > 0) control('halts', 'halt', haltOf(book, { reason: 'the kill switch', by: person }));
  if (world.lease.mode === 'halted') moves.push({ label: 'resume', to: resumed(world) });
  for (const region of left.moves > 0 ? regions : []) {
    if (region !== world.lease.home) control('moves', `home moves to ${region}`, (setting.moveHome ?? moveHomeOf)(world.lease, token, region));
  }
  if (world.hosts.every(({ ran, paused }) => ran || paused)) moves.push({ label: 'a tick', to: tick(world, setting) });
  return moves;
}

/** One turn of an instance: what came since the last, and a look at the clock. */
function runsOf(world: World, at: number, stepOnce: StepFunction): Move[] {
  const host = world.hosts[at] as Host;
  let { state } = host;
  let { registry } = world;
  let write: LeaseWrite | undefined;
  const feed = (event: Untimed<LeaseEvent>): void => {
    const next = stepOnce(state, { ...event, now: world.now });
    state = next.state;
    for (const effect of next.effects) {
      if (effect.kind === 'write') {
        write = effect.write;
        if (state.role.kind === 'tenure') meant.set(write, state.role.lease);
      }
      if (effect.kind === 'deregister') registry = registry.filter(({ instance }) => instance !== state.identity.instance);
      if (effect.kind === 'register') {
        registry = [...registry.filter(({ instance }) => instance !== state.identity.instance), effect.registration];
        state = { ...state, registering: false };
      }
    }
  };
  const reading = state.reading;
  let { asked } = host;
  for (const event of host.inbox) {
    feed(event);
    const sent = [write, ...world.doubtful.filter(({ by }) => by === state.identity.instance).map((one) => one.write)];
    if (event.kind === 'halt' && !sent.some(isLeaving)) asked = event.epoch;
  }
  if (reading) feed({ kind: 'read', book: { lease: world.lease, registrations: registry } });
  feed({ kind: 'tick' });
  const name = state.identity.instance;
  const ran = withHost({ ...world, registry }, at, { ...host, state, inbox: [], ran: true, ...(asked !== undefined && { asked }) });
  if (state.role.kind === 'stopped') return [{ label: `${name} ends`, to: reborn(ran, at) }];
  const written: Move[] = [];
  if (write === undefined) {
    written.push({ label: `${name} runs`, to: ran });
  } else {
    const [after, answer] = commit(ran, write);
    const label = `${name} runs, its ${write.name} is`;
    written.push({ label: `${label} ${answer.outcome}`, to: tell(after, at, { kind: 'written', answer }) });
    if (world.left.doubtfulWrites > 0) {
      const doubtful = [...ran.doubtful, { by: name, write, sentAt: world.now, givenUp: false }];
      const left = { ...ran.left, doubtfulWrites: ran.left.doubtfulWrites - 1 };
      written.push({ label: `${label} doubtful`, to: { ...ran, doubtful, left } });
    }
  }
  return written.flatMap(({ label, to }) => {
    const seen: Move[] = heard(to, at, viewOf(state)).map((move) => ({ label: `${label}${move.label}`, to: move.to }));
    const changes = keyOfView(host.trader.view, 0, world.now) !== keyOfView(viewOf(state), 0, world.now);
    if (changes && to.left.staleViews > 0) {
      seen.push({ label: `${label}, its trader does not see`, to: { ...to, left: { ...to.left, staleViews: to.left.staleViews - 1 } } });
    }
    return seen;
  });
}

/** The trader sees the view; told to drain, it may know the outcomes at once, or wait for their expiry. */
function heard(world: World, at: number, view: InstanceView): Move[] {
  const host = world.hosts[at] as Host;
  const open = host.trader.open.filter(({ until }) => until > world.now);
  const trader = { ...host.trader, view, open };
  if (view.state !== 'draining' || view.epoch === null || trader.said === view.drain) {
    return [{ label: '', to: withHost(world, at, { ...host, trader }) }];
  }
  const { epoch, drain } = view;
  const silent = withHost(world, at, { ...host, trader: { ...trader, said: drain, open: [] } });
  const moves: Move[] = [{ label: ', its trader is drained', to: tell(silent, at, { kind: 'trader-drained', epoch, drain }) }];
  if (world.left.lateWords > 0) {
    const words = [...world.words, { to: host.state.identity.instance, epoch, drain }];
    const left = { ...world.left, lateWords: world.left.lateWords - 1 };
    moves.push({ label: ', its trader is drained and says so late', to: { ...silent, words, left } });
  }
  if (open.length > 0) moves.push({ label: ', its trader waits', to: withHost(world, at, { ...host, trader }) });
  return moves;
}

function tick(world: World, setting: Setting): World {
  const now = world.now + tickMs;
  const alive = ({ until }: Order): boolean => until > now;
  let violation: string | undefined;
  const hosts = world.hosts.map((host): Host => {
    const { view } = host.trader;
    const open = host.trader.open.filter(alive);
    if (view.state === 'held' && view.epoch !== null && view.validUntil !== null && now < view.validUntil) {
      const order = { epoch: view.epoch, until: setting.venueIgnoresExpiry === true ? Infinity : view.validUntil };
      if (order.epoch < world.lease.epoch) {
        violation = `${host.state.identity.instance} sends in epoch ${order.epoch}, epoch ${world.lease.epoch} was granted`;
      }
      const others = open.filter(({ epoch }) => epoch !== order.epoch);
      return { ...host, ran: false, trader: { ...host.trader, open: [...others, order] } };
    }
    return { ...host, ran: false, trader: { ...host.trader, open } };
  });
  let after: World = { ...world, now, hosts, orphans: world.orphans.filter(alive), doubtful: [], ...(violation && { violation }) };
  for (const doubtful of world.doubtful) {
    const overdue = !doubtful.givenUp && now - doubtful.sentAt >= requestTimeoutMs;
    const by = hosts.findIndex(({ state }) => state.identity.instance === doubtful.by);
    if (overdue && by >= 0) after = tell(after, by, { kind: 'written', answer: { outcome: 'ambiguous', error: noAnswer } });
    const over = doubtful.answer !== undefined ? overdue || by < 0 : isVoid(doubtful.write, after.lease);
    if (!over) after = { ...after, doubtful: [...after.doubtful, { ...doubtful, givenUp: doubtful.givenUp || overdue }] };
    else if (doubtful.answer === undefined && !overdue && !doubtful.givenUp && by >= 0) {
      after = tell(after, by, { kind: 'written', answer: { outcome: 'refused', lease: after.lease } });
    }
  }
  return after;
}

const colourNames: ReadonlySet<string> = new Set<Colour>(['blue', 'green']);
const noAnswer = new Error('no answer');
const person = 'a person';
/** The item as a holder knew it when it made a write. */
const meant = new WeakMap<LeaseWrite, Lease>();

/** It can never be applied any more: epochs grow, and so do heartbeats within one. */
function isVoid(write: LeaseWrite, lease: Lease): boolean {
  const expected = (path: 'epoch' | 'heartbeat'): number | undefined => {
    const found = write.expects.find((expectation) => expectation.path === path);
    return found !== undefined && 'equals' in found ? (found.equals as number) : undefined;
  };
  const epoch = expected('epoch');
  if (epoch === undefined) return false;
  return epoch < lease.epoch || (epoch === lease.epoch && (expected('heartbeat') ?? lease.heartbeat) < lease.heartbeat);
}

/** Applies a write; a new epoch while a request of an older one may still be accepted is what must never be. */
function commit(world: World, write: LeaseWrite): readonly [World, WriteAnswer] {
  const answer = judge(world.lease, write);
  if (answer.outcome === 'refused') return [world, answer];
  const { lease } = answer;
  const wrong = (violation: string): readonly [World, WriteAnswer] => [{ ...world, lease, violation }, answer];
  if (lease.epoch < world.lease.epoch) return wrong(`the epoch fell to ${lease.epoch}`);
  if (world.lease.mode === 'halted' && lease.mode !== 'halted' && write.name !== 'resume' && write.name !== 'open') return wrong(`a ${write.name} ended a halt`);
  if (write.name === 'halt' && world.lease.mode === 'halted' && world.lease.halt?.by === person && lease.halt?.by !== person) return wrong(`a halt of ${lease.halt?.by} took the place of that of ${person}`);
  const leaver = world.hosts.find(({ state }) => state.identity.instance === world.lease.holder);
  // One that stands already, whoever gave it, does as well.
  if (isLeaving(write) && leaver?.asked === world.lease.epoch && world.lease.mode !== 'halted') {
    return wrong(`a ${write.name} came before the halt that its trader had asked for`);
  }
  if (lease.epoch > world.lease.epoch && lease.holder !== undefined && regionOf(lease.holder) !== lease.home) {
    return wrong(`epoch ${lease.epoch} was granted to ${lease.holder} outside the home ${lease.home}`);
  }
  const { successor } = world.lease;
  if (lease.home !== world.lease.home && write.name === 'hand-over' && (successor === undefined || colourNames.has(successor))) {
    return wrong(`a hand-over to ${successor === undefined ? 'whoever is ready' : `any ${successor}`} moved the book to ${lease.home}`);
  }
  if (write.name === 'end-drain' && world.lease.mode === 'draining' && meant.get(write)?.successor !== world.lease.successor) {
    return wrong(`an end-drain for ${meant.get(write)?.successor} ended the drain towards ${world.lease.successor}`);
  }
  const drained = world.lease.mode === 'draining' ? world.lease.successor : undefined;
  if (write.name === 'hand-over' && drained !== undefined && lease.holder !== undefined && drained !== lease.holder && drained !== colourOf(lease.holder)) {
    return wrong(`a hand-over gave the book to ${lease.holder}, while its drain names ${drained}`);
  }
  if (write.name === 'hand-over' && world.lease.mode === 'open' && leaver !== undefined && leaver.state.terminateBy === undefined) {
    return wrong(`a hand-over came although its drain had been called off`);
  }
  const stale = [...world.orphans, ...world.hosts.flatMap(({ trader }) => trader.open)].find(
    (order) => order.epoch < lease.epoch && order.until > world.now,
  );
  if (stale !== undefined) return wrong(`epoch ${lease.epoch} is granted while an order of epoch ${stale.epoch} may still be accepted`);
  if (write.name !== 'halt' || lease.halt?.by === person) return [{ ...world, lease }, answer];
  // It was said, whoever ends it.
  const hosts = world.hosts.map(({ asked, ...host }) => (host.state.identity.instance === lease.halt?.by || asked === undefined ? host : { ...host, asked }));
  return [{ ...world, lease, hosts }, answer];
}

function isLeaving(write: LeaseWrite | undefined): boolean {
  return write?.name === 'release' || write?.name === 'hand-over';
}

/** A book that nobody ever held is opened by its first cutover, once its halt is taken back. */
function resumed(world: World): World {
  const after = commit(world, resumeOf(world.lease, token))[0];
  return after.lease.mode === 'halted' ? commit(after, openOf(book, token))[0] : after;
}

function worldOf(setting: Setting, left: Faults): World {
  const home = setting.instances[0]?.[0] ?? '';
  const lease: Lease = {
    book, epoch: 0 as Epoch, heartbeat: 0, grantId: 'created', leaseMs, home, mode: 'open',
    workflow: { token, execution: 'machine' }, ...(setting.live !== undefined && { live: { imageDigest: setting.live, guardDigest: '', taskDefinition: 'baton:1' } }),
  };
  const hosts = setting.instances.map(([region, colour, image = ''], at) => bornAs(region, colour, image, at, 0));
  return { now: 0, lease, registry: [], hosts, doubtful: [], words: [], orphans: [], left };
}

function bornAs(region: string, colour: Colour, imageDigest: string, at: number, lives: number): Host {
  const identity: Identity = {
    book, instance: instanceId(region, colour, `${at}n${lives}`), colour, region, imageDigest, driftPpm: 0,
    drainTimeoutMs, venueUncertaintyMs: 0, terminateWithinMs,
  };
  const state = initialState(identity);
  const inbox: Inbox = [{ kind: 'trader-status', ready: true, reconciled: true }];
  return { state, lives, inbox, ran: false, paused: false, trader: { view: viewOf(state), open: [], said: 0 } };
}

/** What it had sent is still on its way; it is known by nobody. */
function reborn(world: World, at: number): World {
  const { state, lives, trader } = world.hosts[at] as Host;
  const { region, colour, instance, imageDigest } = state.identity;
  const orphans = [...world.orphans, ...trader.open.filter(({ until }) => until > world.now)];
  const words = world.words.filter(({ to }) => to !== instance);
  const doubtful = world.doubtful
    .filter(({ by, answer }) => by !== instance || answer === undefined)
    .map((one) => (one.by === instance ? { ...one, givenUp: true } : one));
  return withHost({ ...world, orphans, words, doubtful }, at, { ...bornAs(region, colour, imageDigest, at, lives + 1), ran: true });
}

function withHost(world: World, at: number, host: Host): World {
  return { ...world, hosts: world.hosts.with(at, host) };
}

function tell(world: World, at: number, event: Untimed<LeaseEvent>): World {
  const host = world.hosts[at] as Host;
  return withHost(world, at, { ...host, inbox: [...host.inbox, event] });
}

// ---- progress ---------------------------------------------------------------------------------------------------

/** No faults from here on: nobody pauses, a halt is lifted, traders know their outcomes at once. Then somebody must trade. */
function progressOf(from: World, setting: Setting, stepOnce: StepFunction, trades: Set<number>): string | undefined {
  const passed: number[] = [];
  let world: World = { ...from, left: noFaults, words: [], hosts: from.hosts.map((host) => ({ ...host, paused: false })) };
  const end = world.now + progressMs;
  while (world.now < end) {
    // One that was asked for before may be written only now.
    if (world.lease.mode === 'halted') world = resumed(world);
    const key = fingerprint(keyOf(world));
    if (trades.has(key) || world.hosts.some(({ trader }) => isTrading(trader, world))) {
      for (const one of passed) trades.add(one);
      return undefined;
    }
    passed.push(key);
    world = quietTick(world, setting, stepOnce);
  }
  return `nobody trades for ${progressMs / leaseMs} leases after all faults have ended`;
}

function quietTick(from: World, setting: Setting, stepOnce: StepFunction): World {
  const ran = from.hosts.reduce((world, host, at) => (host.ran ? world : (runsOf(world, at, stepOnce)[0]?.to ?? world)), from);
  return tick(ran, setting);
}

/** Where the exploration begins: the first instance holds the book, the others know each other. */
function settled(from: World, setting: Setting, stepOnce: StepFunction): World {
  let world = from;
  while (world.now < 3 * leaseMs) world = quietTick(world, setting, stepOnce);
  return world;
}

function isTrading({ view }: Trader, { now, lease }: World): boolean {
  return view.state === 'held' && view.epoch === lease.epoch && view.validUntil !== null && now < view.validUntil;
}

// ---- when two states are one ------------------------------------------------------------------------------------

function keyOf(world: World): string {
  const { now, lease } = world;
  const since = (at: number | undefined): string => (at === undefined ? '-' : rounded(Math.max(at - now, longAgo)));
  /** Past is past: only whether it is ahead, and how far, is ever asked. */
  const ahead = (at: number | undefined): string => (at === undefined ? '-' : rounded(Math.max(at - now, -leaseMs)));
  const leaseKey = (one: Lease | undefined): string => {
    if (one === undefined) return '-';
    if (one === lease) return '=';
    const epochs = Math.min(lease.epoch - one.epoch, 4);
    const beats = epochs === 0 ? Math.min(lease.heartbeat - one.heartbeat, 4) : Math.min(one.heartbeat, 4);
    return `${epochs},${beats},${holderKey(one)},${one.home === lease.home ? '' : one.home},${one.mode},${one.successor}`;
  };
  const writeKey = ({ name, expects, set }: LeaseWrite): string => {
    const isCurrent = expects.some((one) => one.path === 'epoch' && 'equals' in one && one.equals === lease.epoch);
    const conditions = expects.map((one) => ('equals' in one ? relative(one.path, one.equals, lease, isCurrent) : one.path)).join();
    return `${name}(${conditions};${set?.holder},${set?.home},${set?.mode},${set?.successor})`;
  };
  const answerKey = (answer: WriteAnswer): string => answer.outcome + leaseKey(answer.outcome === 'ambiguous' ? undefined : answer.lease);
  const hostKey = (host: Host): string => {
    const { state, trader } = host;
    const { role } = state;
    const roleKey =
      role.kind === 'standby'
        ? `s${leaseKey(role.seen?.lease)}@${since(role.seen?.since)}${role.inDoubt ?? ''}`
        : role.kind === 'tenure'
          ? `t${leaseKey(role.lease)}@${[ahead(role.validUntil), ahead(role.shownUntil), ahead(role.renewAt)].join('/')}/${[
              since(role.drainSince), since(role.stop?.at), role.stop?.drained, role.haltFor].join('/')}`
          : 'x';
    const peers = [...state.peers.values()]
      .map(({ registration, movedAt }) => {
        const newest = world.registry.find(({ instance }) => instance === registration.instance);
        const { instance, beat, attends } = registration;
        const known = registration === newest ? '=' : `${newest?.beat === beat}${attends === undefined ? '' : lease.epoch - attends}`;
        return `${instance}${known}@${since(movedAt)}`;
      })
      .sort();
    const inbox = host.inbox.map((event) => {
      if (event.kind === 'written') return answerKey(event.answer);
      return event.kind === 'trader-drained' ? `d${state.drains - event.drain}e${lease.epoch - event.epoch}` : event.kind;
    });
    const open = trader.open.map(({ epoch, until }) => `${lease.epoch - epoch}:${ahead(until)}`);
    return [
      state.identity.instance, roleKey, since(state.terminateBy),
      state.writing && `${writeKey(state.writing.write)}@${since(state.writing.sentAt)}`,
      state.reading, state.trader.ready, since(state.readAt), since(state.registerAt), ahead(state.writeAt),
      state.attends === undefined ? '' : lease.epoch - state.attends, peers, inbox, host.ran, host.paused,
      host.asked === undefined ? '' : Math.min(lease.epoch - host.asked, 2),
      keyOfView(trader.view, lease.epoch, now), state.drains - trader.view.drain, state.drains - trader.said, open,
    ].join('|');
  };
  const registry = world.registry
    .map(({ instance, reconciled, attends }) => `${instance}${reconciled}${attends === undefined ? '' : lease.epoch - attends}`)
    .sort();
  return [
    `${lease.epoch === 0}${holderKey(lease)},${lease.home},${lease.mode},${lease.successor},${Math.min(lease.heartbeat, 1)},${lease.halt?.by}`,
    ...world.hosts.map(hostKey),
    registry,
    world.doubtful.map(
      ({ by, write, sentAt, answer, givenUp }) => `${by}${writeKey(write)}${givenUp ? '' : since(sentAt)}${answer && answerKey(answer)}`,
    ),
    world.words.map(({ to, epoch, drain }) => `${to}${lease.epoch - epoch}${drain}`),
    world.orphans.map(({ epoch, until }) => `${lease.epoch - epoch}:${ahead(until)}`),
    Object.values(world.left).join(),
  ].join('\n');
}

/** Of a book that nobody holds it counts only from which Region it was given up. */
function holderKey(lease: Lease): string {
  const last = lastHolder(lease);
  return lease.holder ?? (last === undefined ? '' : regionOf(last));
}

/** 53 bits of the key: in a million states, two that differ are taken for one with a chance of 1 in 20,000. */
function fingerprint(key: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < key.length; at += 1) {
    const code = key.charCodeAt(at);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** Paces are fifths of a lease and the like: differences of such numbers must not differ by their rounding. */
function rounded(ms: number): string {
  return String(Math.round(ms));
}

function keyOfView({ state, epoch, validUntil, drain }: InstanceView, newest: number, now: number): string {
  const valid = validUntil === null ? '-' : Math.max(validUntil - now, 0);
  return newest === 0 ? `${state}${epoch}${valid}${drain}` : `${state}${epoch === null ? '' : newest - epoch}${valid}`;
}

function relative(path: string, value: unknown, lease: Lease, isCurrent: boolean): string {
  if (path === 'epoch') return `e${lease.epoch - (value as number)}`;
  if (path !== 'heartbeat') return String(value);
  // That of an older epoch is never compared again.
  return isCurrent ? `h${lease.heartbeat - (value as number)}` : 'h';
}
