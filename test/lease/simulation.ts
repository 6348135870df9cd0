/**
 * Instances, their traders, the machines and a venue under virtual time, with drifting clocks, pauses, crashes and
 * writes that are lost, late or unanswered. The protocol under test is the real one; a mutant may be passed instead.
 * The venue is the judge: it accepts an order if its expiry, set at signing, has not passed.
 */
import { cancelDrainOf, haltOf, moveHomeOf, openOf, resumeOf, startDrainOf } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Colour, type Epoch, type InstanceId, type Lease, type WorkflowToken } from '../../lib/lease/model.ts';
import {
  initialState, step, viewOf, type Identity, type InstanceState, type InstanceView, type LeaseEvent, type Step,
} from '../../lib/lease/protocol.ts';
import type { LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';

export type StepFunction = (state: InstanceState, event: LeaseEvent) => Step;

export interface Fault {
  readonly atMs: number;
  readonly kind:
    | 'pause' | 'pause-trader' | 'crash' | 'cut-requests' | 'cut-answers' | 'delay' | 'mute' | 'sigterm'
    | 'drain' | 'cancel-drain' | 'halt' | 'mismatch' | 'resume' | 'move-home';
  /** Which instance, or which successor. */
  readonly who: number;
  readonly forMs: number;
}

export interface Scenario {
  readonly seed: number;
  readonly faults: readonly Fault[];
}

export interface Outcome {
  /** What must never be; empty when the promise held. */
  readonly violations: readonly string[];
  readonly accepted: number;
  readonly grants: number;
  /** Orders accepted after all faults had ended. */
  readonly acceptedAtTheEnd: number;
}

export interface SimulationOptions {
  readonly step?: StepFunction;
  /** A venue that checks no expiry: the promise cannot be kept with it. */
  readonly venueIgnoresExpiry?: boolean;
}

export const book = 'alpha' as BookName;
export const region = 'us-east-1';
/** Where one of the instances runs; the home may move there and back. */
const away = 'us-west-2';
export const leaseMs = 5000;
export const faultsEndMs = 40_000;
const endMs = 70_000;
const driftPpm = 10_000;
const uncertaintyMs = 40;
const requestTimeoutMs = 1000;
const orderEveryMs = 150;
const instances = 4;
const token = 1 as WorkflowToken;

interface Actor {
  readonly identity: Identity;
  readonly rate: number;
  readonly offsetMs: number;
  state: InstanceState;
  view: InstanceView;
  wakeSerial: number;
  alive: boolean;
  pausedUntil: number;
  readonly trader: {
    view: InstanceView; pausedUntil: number; mute: boolean; open: number; lastDrain: number;
    /** Views on their way: they come by one connection, so in the order in which they were sent. */
    readonly coming: InstanceView[];
  };
  cutRequestsUntil: number;
  cutAnswersUntil: number;
  delayUntil: number;
}

export function simulate(scenario: Scenario, options: SimulationOptions = {}): Outcome {
  const stepOnce = options.step ?? step;
  const random = prng(scenario.seed);
  const store = new MemoryLeaseStore();
  const queue = new Queue();
  const violations: string[] = [];
  let nowMs = 0;
  let accepted = 0;
  let acceptedAtTheEnd = 0;
  let newest = 0;
  let grants = 0;
  let born = 0;
  const between = (low: number, high: number): number => low + random() * (high - low);
  const at = (ms: number, run: () => void): void => queue.push(Math.max(ms, nowMs), run);
  const faulty = (): boolean => nowMs < faultsEndMs;

  const commit = (write: LeaseWrite): WriteAnswer => {
    const answer = store.writeNow(write);
    const epoch = store.readNow(book)?.epoch ?? 0;
    if (epoch < newest) violations.push(`epoch fell from ${newest} to ${epoch}`);
    if (epoch > newest) grants += 1;
    newest = Math.max(newest, epoch);
    return answer;
  };

  const local = (actor: Actor): number => actor.offsetMs + nowMs * actor.rate;
  const trueAt = (actor: Actor, localMs: number): number => (localMs - actor.offsetMs) / actor.rate;

  const spawn = (where: string): Actor => {
    born += 1;
    const colour: Colour = born % 2 === 0 ? 'blue' : 'green';
    const identity: Identity = {
      book, instance: instanceId(where, colour, `i${born}`), colour, region: where, imageDigest: 'sha256:0', driftPpm,
      drainTimeoutMs: 1500, venueUncertaintyMs: uncertaintyMs, terminateWithinMs: 30_000,
    };
    const state = initialState(identity);
    const view = viewOf(state);
    const actor: Actor = {
      identity,
      rate: 1 + between(-driftPpm, driftPpm) / 1e6,
      offsetMs: between(0, 1e7),
      state,
      view,
      wakeSerial: 0,
      alive: true,
      pausedUntil: 0,
      trader: { view, pausedUntil: 0, mute: false, open: 0, lastDrain: 0, coming: [] },
      cutRequestsUntil: 0,
      cutAnswersUntil: 0,
      delayUntil: 0,
    };
    at(nowMs, () => deliver(actor, { kind: 'trader-status', ready: true, reconciled: true }));
    at(nowMs + between(0, orderEveryMs), () => trade(actor));
    return actor;
  };

  /** Nothing reaches a process that stands still; what came meanwhile is there when it goes on. */
  const deliver = (actor: Actor, event: DistributiveOmit<LeaseEvent, 'now'>): void => {
    if (!actor.alive) return;
    if (nowMs < actor.pausedUntil) {
      at(actor.pausedUntil, () => deliver(actor, event));
      return;
    }
    const next = stepOnce(actor.state, { ...event, now: local(actor) });
    actor.state = next.state;
    const view = viewOf(next.state);
    if (JSON.stringify(view) !== JSON.stringify(actor.view)) {
      actor.view = view;
      actor.trader.coming.push(view);
      at(nowMs + between(0, 3), () => read(actor));
    }
    actor.wakeSerial += 1;
    const serial = actor.wakeSerial;
    if (next.wakeAt !== undefined) {
      at(trueAt(actor, next.wakeAt) + between(0.1, 3), () => {
        if (serial === actor.wakeSerial) deliver(actor, { kind: 'tick' });
      });
    }
    for (const effect of next.effects) {
      if (effect.kind === 'read') {
        request(actor, () => store.readAllNow(book), (seen) => ({ kind: 'read', book: seen }), { kind: 'read-failed' });
      } else if (effect.kind === 'write') {
        const unanswered = { kind: 'written', answer: { outcome: 'ambiguous', error: new Error('no answer') } } as const;
        request(actor, () => commit(effect.write), (answer) => ({ kind: 'written', answer }), unanswered);
      } else if (effect.kind === 'register') {
        request(actor, () => store.registerNow(effect.registration), () => ({ kind: 'registered' }), { kind: 'registered' });
      }
    }
  };

  /** One call to the table: applied at some instant or never, answered in time or not. */
  const request = <Answer>(
    actor: Actor,
    apply: () => Answer,
    answered: (answer: Answer) => DistributiveOmit<LeaseEvent, 'now'>,
    unanswered: DistributiveOmit<LeaseEvent, 'now'>,
  ): void => {
    const slow = nowMs < actor.delayUntil;
    const outMs = slow ? between(0, random() < 0.4 ? 12_000 : 1200) : between(5, 15);
    const backMs = slow ? between(0, 1200) : between(5, 15);
    const lost = nowMs < actor.cutRequestsUntil;
    const timeoutAt = nowMs + requestTimeoutMs;
    let over = false;
    at(timeoutAt, () => {
      if (!over) deliver(actor, unanswered);
      over = true;
    });
    if (lost) return;
    at(nowMs + outMs, () => {
      const answer = apply();
      if (nowMs < actor.cutAnswersUntil) return;
      at(nowMs + backMs, () => {
        if (!over) deliver(actor, answered(answer));
        over = true;
      });
    });
  };

  /** The trader sees the next view, and drains when it says so. */
  const read = (actor: Actor): void => {
    if (!actor.alive) return;
    if (nowMs < actor.trader.pausedUntil) {
      at(actor.trader.pausedUntil, () => read(actor));
      return;
    }
    actor.trader.view = actor.trader.coming.shift() ?? actor.trader.view;
    sayDrained(actor);
  };

  const sayDrained = (actor: Actor): void => {
    const { view, mute, open, lastDrain } = actor.trader;
    if (view.state !== 'draining' || view.epoch === null || mute || open > 0 || lastDrain === view.drain) return;
    actor.trader.lastDrain = view.drain;
    const word = { kind: 'trader-drained', epoch: view.epoch, drain: view.drain } as const;
    at(nowMs + between(0, faulty() && random() < 0.3 ? 6000 : 3), () => deliver(actor, word));
  };

  const trade = (actor: Actor): void => {
    if (!actor.alive) return;
    const again = nowMs < actor.trader.pausedUntil ? actor.trader.pausedUntil : nowMs + orderEveryMs;
    at(again, () => trade(actor));
    const { view } = actor.trader;
    if (nowMs < actor.trader.pausedUntil || view.state !== 'held' || view.validUntil === null || view.epoch === null) return;
    const deadline = Math.min(view.validUntil, local(actor) + 2000);
    if (local(actor) >= deadline) return;
    const expiresAtMs = trueAt(actor, deadline) + between(-uncertaintyMs, uncertaintyMs) - uncertaintyMs;
    const epoch: Epoch = view.epoch;
    const arrivesAtMs = nowMs + (faulty() && random() < 0.15 ? between(0, 7000) : between(1, 10));
    actor.trader.open += 1;
    at(arrivesAtMs, () => {
      if (nowMs >= expiresAtMs && !options.venueIgnoresExpiry) return;
      accepted += 1;
      if (nowMs > endMs - 5000) acceptedAtTheEnd += 1;
      if (epoch < newest) violations.push(`order of epoch ${epoch} accepted at ${nowMs.toFixed(0)} ms, epoch ${newest} was granted`);
    });
    // The outcome is known by the answer, or, when it is late, by the expiry.
    at(Math.min(arrivesAtMs + 5, Math.max(expiresAtMs + 2 * uncertaintyMs, nowMs)), () => {
      actor.trader.open -= 1;
      sayDrained(actor);
    });
  };

  const item = (): Lease => store.readNow(book) as Lease;
  /** A book that nobody ever held is opened by its first cutover, once its halt is taken back. */
  const resume = (): void => {
    commit(resumeOf(item(), token));
    if (item().mode === 'halted') commit(openOf(book, token));
  };
  const moveHome = (to: string): void => {
    commit(moveHomeOf(item(), token, to));
  };

  commit({
    name: 'create', book, expects: [{ path: 'epoch', absent: true }],
    set: {
      epoch: 0 as Epoch, heartbeat: 0, grantId: 'created', leaseMs, home: region, mode: 'open',
      workflow: { token, execution: 'machine' },
    },
  });
  const actors = Array.from({ length: instances }, (_, nth) => spawn(nth === instances - 1 ? away : region));

  const inject = ({ kind, who, forMs }: Fault): void => {
    // The holder is where most can go wrong.
    const holder = who >= instances ? actors.find(({ view }) => view.epoch !== null) : undefined;
    const actor = holder ?? actors[who % actors.length]!;
    const until = Math.min(nowMs + forMs, faultsEndMs);
    // A colour mostly, as the machines name it; sometimes an instance.
    const named = (actors[who % actors.length] as Actor).identity;
    const successor: InstanceId | Colour = who % 3 === 0 ? named.instance : named.colour;
    switch (kind) {
      case 'pause': actor.pausedUntil = Math.max(actor.pausedUntil, until); break;
      case 'pause-trader': actor.trader.pausedUntil = Math.max(actor.trader.pausedUntil, until); break;
      case 'cut-requests': actor.cutRequestsUntil = until; break;
      case 'cut-answers': actor.cutAnswersUntil = until; break;
      case 'delay': actor.delayUntil = until; break;
      case 'mute': actor.trader.mute = true; break;
      case 'crash':
        actor.alive = false;
        at(until, () => actors.splice(actors.indexOf(actor), 1, spawn(actor.identity.region)));
        break;
      case 'sigterm':
        deliver(actor, { kind: 'terminate' });
        at(nowMs + 31_000, () => actors.splice(actors.indexOf(actor), 1, spawn(actor.identity.region)));
        break;
      case 'drain': commit(startDrainOf(item(), token, successor)); break;
      case 'cancel-drain': commit(cancelDrainOf(book, token)); break;
      case 'move-home': moveHome(item().home === region ? away : region); break;
      case 'halt': commit(haltOf(book, { reason: 'the kill switch', by: 'a person' })); break;
      case 'mismatch':
        if (actor.view.epoch !== null) deliver(actor, { kind: 'halt', epoch: actor.view.epoch, reason: 'the position' });
        break;
      case 'resume': resume(); break;
    }
  };
  for (const fault of scenario.faults) at(fault.atMs, () => inject(fault));
  at(faultsEndMs, () => {
    resume();
    moveHome(region);
  });
  // A holder's own halt may come after that, late (rule of `halt` in the protocol): a person looks, and resumes again.
  at(faultsEndMs + 12_000, resume);

  for (let next = queue.pop(); next !== undefined && next.at <= endMs; next = queue.pop()) {
    nowMs = next.at;
    next.run();
    if (violations.length > 0) break;
  }
  return { violations, accepted, grants, acceptedAtTheEnd };
}

type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key> : never;

interface Due {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap; equal instants in order of arrival. */
class Queue {
  readonly #heap: Due[] = [];
  #order = 0;

  push(at: number, run: () => void): void {
    this.#order += 1;
    this.#heap.push({ at, order: this.#order, run });
    let child = this.#heap.length - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      this.#swap(child, parent);
      child = parent;
    }
  }

  pop(): Due | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    for (let parent = 0; ;) {
      const left = 2 * parent + 1;
      const right = left + 1;
      let least = parent;
      if (left < this.#heap.length && this.#before(left, least)) least = left;
      if (right < this.#heap.length && this.#before(right, least)) least = right;
      if (least === parent) return first;
      this.#swap(parent, least);
      parent = least;
    }
  }

  #before(a: number, b: number): boolean {
    const [first, second] = [this.#heap[a], this.#heap[b]] as [Due, Due];
    return first.at < second.at || (first.at === second.at && first.order < second.order);
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a] as Due;
    this.#heap[a] = this.#heap[b] as Due;
    this.#heap[b] = kept;
  }
}

/** mulberry32: small, and the same everywhere. */
function prng(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
