/**
 * The promise of the lease, over many interleavings: no order of an epoch is accepted once a newer one was granted,
 * epochs only grow, and trading goes on when the faults have ended. Then the same test against protocols that are
 * known to be wrong, each of which it must catch.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { step, type InstanceState, type LeaseEvent, type Step } from '../../lib/lease/protocol.ts';
import type { LeaseWrite, Path } from '../../lib/lease/store.ts';
import { faultsEndMs, simulate, type Fault, type Scenario, type SimulationOptions } from './simulation.ts';

const kinds: readonly Fault['kind'][] = [
  'pause', 'pause-trader', 'crash', 'cut-requests', 'cut-answers', 'delay', 'mute', 'sigterm',
  'drain', 'drain', 'cancel-drain', 'halt', 'mismatch', 'resume', 'resume', 'move-home',
];
const fault = (among: readonly Fault['kind'][]): fc.Arbitrary<Fault> =>
  fc.record({
    atMs: fc.integer({ min: 0, max: faultsEndMs - 1 }),
    kind: fc.constantFrom(...among),
    who: fc.integer({ min: 0, max: 9 }),
    forMs: fc.integer({ min: 50, max: 12_000 }),
  });
const scenarios = (among: readonly Fault['kind'][] = kinds): fc.Arbitrary<Scenario> =>
  fc.record({ seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }), faults: fc.array(fault(among), { maxLength: 16 }) });

/** Orders are quick by then: what is lost is lost by the hand-over. */
const drainsAfterTheFaults: readonly Fault[] = [
  { atMs: faultsEndMs + 5000, kind: 'drain', who: 1, forMs: 0 },
  { atMs: faultsEndMs + 15_000, kind: 'drain', who: 2, forMs: 0 },
];

/** The same few faults in the same order, again and again, with other pauses between them: for rare coincidences. */
const rounds = (among: readonly Fault['kind'][], roundMs: number): fc.Arbitrary<Scenario> => {
  const one = fc.tuple(
    fc.array(fc.integer({ min: 20, max: Math.floor(roundMs / among.length) }), { minLength: among.length, maxLength: among.length }),
    fc.integer({ min: 2, max: 9 }),
  );
  const count = Math.floor((faultsEndMs - 8000) / roundMs);
  return fc.record({
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    faults: fc.array(one, { minLength: count, maxLength: count }).map((all) =>
      all.flatMap(([pauses, who], round) => {
        let atMs = 8000 + round * roundMs;
        return among.map((kind, index): Fault => ({ kind, who, atMs: (atMs += pauses[index] ?? 0), forMs: roundMs / 2 }));
      }),
    ),
  });
};

describe('the promise', () => {
  test('without faults one instance trades, all the time', () => {
    const outcome = simulate({ seed: 1, faults: [] });
    expect(outcome).toMatchObject({ violations: [], grants: 1 });
    // 70 s less the first take-over, an order every 150 ms.
    expect(outcome.accepted).toBeGreaterThan(400);
  });

  test('a drain hands over at once and loses no trading', () => {
    const outcome = simulate({ seed: 2, faults: drainsAfterTheFaults });
    expect(outcome.violations).toEqual([]);
    expect(outcome.grants).toBeGreaterThanOrEqual(2);
    expect(outcome.accepted).toBeGreaterThan(400);
  });

  test('whatever fails: nothing stale is accepted, epochs grow, and trading goes on afterwards', () => {
    const seen = { accepted: 0, grants: 0 };
    fc.assert(
      fc.property(scenarios(), (scenario) => {
        const outcome = simulate(scenario);
        expect(outcome.violations).toEqual([]);
        expect(outcome.acceptedAtTheEnd).toBeGreaterThan(0);
        seen.accepted += outcome.accepted;
        seen.grants += outcome.grants;
      }),
      {
        numRuns: 250,
        // Found by CI: the answers to a holder's own halt are cut, it is resumed meanwhile, and the holder halts again.
        examples: [[{ seed: 1, faults: [{ atMs: 35_591, kind: 'mismatch', who: 1, forMs: 50 }, { atMs: 35_049, kind: 'cut-answers', who: 1, forMs: 3857 }] }]],
      },
    );
    // The property is worth nothing if nothing happened in it.
    expect(seen.accepted).toBeGreaterThan(250 * 100);
    expect(seen.grants).toBeGreaterThan(250 * 1.5);
  }, 180_000);
});

describe('the test catches', () => {
  /** Before the protocol sees the event. */
  const before = (change: (state: InstanceState, event: LeaseEvent) => InstanceState) => (state: InstanceState, event: LeaseEvent): Step =>
    step(change(state, event), event);
  const after = (change: (next: Step) => Step) => (state: InstanceState, event: LeaseEvent): Step => change(step(state, event));
  const without = (name: LeaseWrite['name'], ...paths: Path[]): SimulationOptions => ({
    step: after((next) => ({
      ...next,
      effects: next.effects.map((effect) =>
        effect.kind === 'write' && effect.write.name === name
          ? { ...effect, write: { ...effect.write, expects: effect.write.expects.filter(({ path }) => !paths.includes(path)) } }
          : effect,
      ),
    })),
  });

  const mutants: Readonly<Record<string, { readonly options: SimulationOptions; readonly search?: fc.Arbitrary<Scenario> }>> = {
    'a venue that checks no expiry': { options: { venueIgnoresExpiry: true } },
    'validity counted from the answer': {
      options: {
        step: before((state, event) =>
          event.kind === 'written' && state.writing !== undefined ? { ...state, writing: { ...state.writing, sentAt: event.now } } : state,
        ),
      },
      search: scenarios(['delay', 'pause', 'cut-requests', 'cut-requests']),
    },
    'a take-over without waiting': {
      options: {
        step: before((state) =>
          state.role.kind === 'standby' && state.role.seen !== undefined
            ? { ...state, role: { ...state.role, seen: { ...state.role.seen, since: -Infinity } } }
            : state,
        ),
      },
    },
    'a hand-over before the drain': {
      options: {
        step: before((state) =>
          state.role.kind === 'tenure' && state.role.stop !== undefined
            ? { ...state, role: { ...state.role, stop: { ...state.role.stop, drained: true } } }
            : state,
        ),
      },
    },
    'a validity from the grant itself': {
      options: {
        step: before((state, event) =>
          state.role.kind === 'tenure' && state.role.validUntil === undefined && state.role.stop === undefined
            ? { ...state, role: { ...state.role, validUntil: event.now + state.role.lease.leaseMs } }
            : state,
        ),
      },
      search: rounds(['delay', 'drain', 'pause'], 8000),
    },
    'a take-over that does not name the heartbeat': {
      options: without('take-over', 'heartbeat'),
      search: scenarios(['delay', 'cut-requests', 'pause']),
    },
    'a take-over that does not name the epoch': {
      options: without('take-over', 'heartbeat', 'epoch'),
      search: scenarios(['delay', 'cut-requests', 'pause']),
    },
    'a hand-over that does not name the heartbeat': {
      options: without('hand-over', 'heartbeat', 'mode', 'successor'),
      search: rounds(['drain', 'delay', 'cancel-drain'], 8000),
    },
    'a word of an earlier drain taken for this one': {
      options: {
        step: (state, event) =>
          step(
            state,
            event.kind === 'trader-drained' && state.role.kind === 'tenure' && state.role.stop !== undefined
              ? { ...event, drain: state.role.stop.drain }
              : event,
          ),
      },
      search: rounds(['drain', 'cancel-drain', 'drain', 'cancel-drain'], 8000),
    },
  };

  test.each(Object.entries(mutants))('%s', (_name, { options, search = scenarios() }) => {
    const found = fc.check(
      fc.property(search, (scenario) => simulate(scenario, options).violations.length === 0),
      { numRuns: 1500, seed: 7, endOnFailure: true },
    );
    expect(found.failed).toBe(true);
  }, 180_000);
});
