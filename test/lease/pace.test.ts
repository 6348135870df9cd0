/**
 * How often an instance asks, how long it waits, and how it ends: what no wrong order would show, but a table that is asked without pause, a bill, or a gap
 * at every deployment would. One or two instances by the protocol's own function, a table that answers as it is told to, and a clock that only the test moves.
 */
import { describe, expect, test } from 'vitest';
import { startDrainOf } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch, type WorkflowToken } from '../../lib/lease/model.ts';
import { initialState, step, viewOf, type Identity, type InstanceState, type InstanceView, type LeaseEffect, type LeaseEvent } from '../../lib/lease/protocol.ts';

const book = 'alpha' as BookName;
const region = 'us-east-1';
const token = 1 as WorkflowToken;
const leaseMs = 5000;
const renewalMs = leaseMs / 5;
const answerMs = 10;
const terminateWithinMs = 30_000;

type Untimed<Event> = Event extends unknown ? Omit<Event, 'now'> : never;
type Said = 'answered' | 'lost';

/** What instances asked for, and when. */
interface Asked {
  readonly atMs: number;
  readonly by: string;
  readonly what: string;
}

class Site {
  nowMs = 1000;
  readonly asked: Asked[] = [];
  readonly store = new MemoryLeaseStore();
  readonly #instances: { state: InstanceState; wakeAt: number | undefined }[] = [];
  readonly #coming: { readonly atMs: number; readonly run: () => void }[] = [];
  /** What becomes of what is asked from now on. */
  writes: Said = 'answered';
  reads: Said = 'answered';
  /** Whose reads alone find nothing. */
  blind: number | undefined;

  constructor() {
    const lease = { heartbeat: 0, grantId: 'created', leaseMs, home: region, epoch: 0 as Epoch, mode: 'open', workflow: { token, execution: 'machine' } } as const;
    this.store.writeNow({ name: 'create', book, expects: [], set: lease });
  }

  start(name: string, at = region): void {
    const identity: Identity = {
      book, instance: instanceId(at, 'blue', name), colour: 'blue', region: at, imageDigest: 'sha256:0', driftPpm: 0,
      drainTimeoutMs: 10_000, venueUncertaintyMs: 250, terminateWithinMs,
    };
    this.#instances.push({ state: initialState(identity), wakeAt: undefined });
    this.tell(this.#instances.length - 1, { kind: 'trader-status', ready: true, reconciled: true });
  }

  role(at: number): InstanceState['role']['kind'] {
    return this.#instances[at]!.state.role.kind;
  }

  view(at: number): InstanceView['state'] {
    return viewOf(this.#instances[at]!.state).state;
  }

  tell(at: number, event: Untimed<LeaseEvent>): void {
    const instance = this.#instances[at]!;
    const { state, effects, wakeAt } = step(instance.state, { ...event, now: this.nowMs });
    instance.state = state;
    instance.wakeAt = wakeAt;
    for (const effect of effects) this.#carryOut(at, effect);
  }

  #carryOut(at: number, effect: LeaseEffect): void {
    const { instance } = this.#instances[at]!.state.identity;
    this.asked.push({ atMs: this.nowMs, by: instance.split('/').at(-1)!, what: effect.kind === 'write' ? effect.write.name : effect.kind });
    const answer = (event: () => Untimed<LeaseEvent>): void => void this.#coming.push({ atMs: this.nowMs + answerMs, run: () => this.tell(at, event()) });
    switch (effect.kind) {
      case 'read':
        if (this.reads !== 'answered' || this.blind === at) return answer(() => ({ kind: 'read-failed' }));
        return answer(() => ({ kind: 'read', book: this.store.readAllNow(book) }));
      case 'register':
        this.store.registerNow(effect.registration);
        return answer(() => ({ kind: 'registered' }));
      case 'deregister':
        return void this.store.deregister(book, instance);
      case 'write': {
        const written = this.writes === 'lost' ? ({ outcome: 'ambiguous', error: new Error('no answer') } as const) : this.store.writeNow(effect.write);
        return answer(() => ({ kind: 'written', answer: written }));
      }
    }
  }

  /** What is due in the next so many milliseconds, one after the other; a clock that stands still over many events is what must not be. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    let still = 0;
    for (;;) {
      const answers = this.#coming.map(({ atMs }) => atMs);
      const wakes = this.#instances.flatMap(({ wakeAt }) => wakeAt ?? []);
      const nextMs = Math.max(this.nowMs, Math.min(...answers, ...wakes));
      if (nextMs > endMs) break;
      still = nextMs > this.nowMs ? 0 : still + 1;
      if (still > 100) throw new Error('the clock stands still: something is asked for again and again');
      this.nowMs = nextMs;
      const come = this.#coming.findIndex(({ atMs }) => atMs <= nextMs);
      if (come >= 0) this.#coming.splice(come, 1)[0]!.run();
      else this.tell(this.#instances.findIndex(({ wakeAt }) => wakeAt !== undefined && wakeAt <= nextMs), { kind: 'tick' });
    }
    this.nowMs = endMs;
  }

  count(by: string, what: string): number {
    return this.asked.filter((one) => one.by === by && one.what === what).length;
  }
}

/** The first holds the book, the second is its standby. */
function settled(): Site {
  const site = new Site();
  site.start('one');
  site.pass(2 * leaseMs);
  site.start('two');
  site.pass(2 * leaseMs);
  expect([site.role(0), site.role(1)]).toEqual(['tenure', 'standby']);
  site.asked.length = 0;
  return site;
}

describe('while nothing happens', () => {
  test('a holder renews, reads and registers five times in a lease, a standby reads ten times and registers five', () => {
    const site = settled();
    site.pass(10 * leaseMs);
    const counts = Object.fromEntries(['one', 'two'].map((by) => [by, ['renew', 'take-over', 'read', 'register'].map((what) => site.count(by, what))]));
    // Each a little less often than its pace says, for the time that its answer takes.
    expect(counts['one']).toEqual([50, 0, expect.closeTo(50, -1) as number, 50]);
    expect(counts['two']).toEqual([0, 0, expect.closeTo(99, -1) as number, 50]);
  });
});

test('a standby of another Region writes nothing, however long the book goes without a holder', () => {
  const site = new Site();
  site.start('away', 'us-west-2');
  site.pass(10 * leaseMs);
  expect(site.count('away', 'read')).toBeGreaterThan(50);
  expect(site.count('away', 'take-over')).toBe(0);
});

describe('a holder whose book is to be handed over', () => {
  const drained = (blind: number | undefined): Site => {
    const site = settled();
    site.blind = blind;
    site.store.writeNow(startDrainOf(site.store.readNow(book)!, token, instanceId(region, 'blue', 'two')));
    // Its next renewal shows it.
    site.pass(renewalMs + 2 * answerMs);
    return site;
  };

  test('stops as soon as the one that is named attends', () => {
    const site = drained(undefined);
    site.pass(leaseMs / 2);
    expect(site.view(0)).toBe('draining');
  });

  test('trades on for a lease while that one, which is alive, does not', () => {
    const site = drained(1);
    site.pass(leaseMs - 2 * renewalMs);
    expect(site.view(0)).toBe('held');
    site.pass(2 * renewalMs);
    expect(site.view(0)).toBe('draining');
  });
});

describe('a table that does not answer', () => {
  test('is asked again after a fiftieth of a lease, not at once', () => {
    const site = settled();
    site.writes = 'lost';
    site.reads = 'lost';
    site.pass(leaseMs);
    const times = (by: string, what: string): number[] => site.asked.filter((one) => one.by === by && one.what === what).map(({ atMs }) => atMs);
    for (const [by, what] of [['one', 'renew'], ['two', 'read']] as const) {
      const asked = times(by, what);
      expect(asked.length, what).toBeGreaterThan(5);
      const pauses = asked.slice(1).map((atMs, at) => atMs - asked[at]!);
      expect(Math.min(...pauses), what).toBeGreaterThanOrEqual(answerMs + leaseMs / 50);
    }
  });
});

describe('who is told to end', () => {
  test('hands over to the standby beside it once its trader is drained, and ends only then', () => {
    const site = settled();
    site.tell(0, { kind: 'terminate' });
    expect(site.role(0)).toBe('tenure');
    site.pass(100);
    expect(site.role(0)).toBe('tenure');
    site.tell(0, { kind: 'trader-drained', epoch: site.store.readNow(book)!.epoch, drain: 1 });
    site.pass(1000);
    expect([site.count('one', 'hand-over'), site.count('one', 'deregister'), site.role(0), site.role(1)]).toEqual([1, 1, 'stopped', 'tenure']);
  });

  test('and whom no answer reaches, in its time all the same', () => {
    const site = settled();
    site.writes = 'lost';
    site.reads = 'lost';
    site.tell(0, { kind: 'terminate' });
    site.pass(terminateWithinMs - 1);
    expect(site.role(0)).toBe('tenure');
    site.pass(1);
    expect(site.role(0)).toBe('stopped');
  });

  test('a standby at once, unless a take-over of its own is on its way', () => {
    const site = settled();
    site.tell(1, { kind: 'terminate' });
    expect([site.role(1), site.count('two', 'deregister')]).toEqual(['stopped', 1]);
  });
});
