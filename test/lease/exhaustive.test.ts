/**
 * Small models of the lease explored to their end, on the real `step`: nothing stale may be accepted, epochs only grow, a halt
 * stays, the home has the holder, and from every state somebody trades when the faults have ended. Then the same with
 * one rule left out.
 *
 * `BATON_LEASE_STATES=5000000` raises the bound and adds the larger settings; it takes hours rather than seconds.
 */
import { describe, expect, test } from 'vitest';
import { moveHomeOf } from '../../lib/lease/control.ts';
import { step, type InstanceState, type LeaseEvent } from '../../lib/lease/protocol.ts';
import type { LeaseWrite, Path } from '../../lib/lease/store.ts';
import { explore, type Setting, type StepFunction } from './explorer.ts';

const asked = process.env['BATON_LEASE_STATES'];
const statesMax = Number(asked ?? 100_000);
const home = 'us-east-1';
const away = 'us-west-2';
const blueGreen = [[home, 'blue'], [home, 'green']] as const;
const twoBlueGreen = [[home, 'blue'], [home, 'blue'], [home, 'green']] as const;
const twoRegions = [[home, 'blue'], [away, 'green']] as const;
/** Beside what is live, the other Region runs another release too. */
const refreshing = [[home, 'blue', 'live'], [away, 'green', 'live'], [away, 'blue', 'newer']] as const;
const threeAround = [[home, 'blue'], [away, 'green'], [home, 'green']] as const;
const green = ['green'] as const;

type Sketch = Pick<Setting, 'instances' | 'faults'> & Partial<Setting>;
const settings: Readonly<Record<string, Sketch>> = {
  'a drain, called off, with a doubtful write and a late word': {
    instances: blueGreen, faults: { drains: 1, cancels: 1, doubtfulWrites: 1, lateWords: 1 },
  },
  'two drains towards either colour, a late word between': {
    instances: blueGreen, faults: { drains: 2, cancels: 1, lateWords: 1 }, successors: ['green', 'blue'],
  },
  'a crash and a doubtful write': { instances: blueGreen, faults: { crashes: 1, doubtfulWrites: 1 } },
  'a pause and a doubtful write': { instances: blueGreen, faults: { pauses: 1, doubtfulWrites: 1 } },
  'a pause, and a trader that sees late, in a drain': { instances: blueGreen, faults: { pauses: 1, staleViews: 1, drains: 1 } },
  'a trader that sees late, and a late word, in a drain': { instances: blueGreen, faults: { staleViews: 2, lateWords: 1, drains: 1 } },
  'two of a colour: a crash in a drain': { instances: twoBlueGreen, faults: { crashes: 1, drains: 1 } },
  'SIGTERM with a doubtful write, in a drain': { instances: blueGreen, faults: { terminations: 1, drains: 1, doubtfulWrites: 1 } },
  'two of a colour: SIGTERM and a crash': { instances: twoBlueGreen, faults: { terminations: 1, crashes: 1 } },
  'a halt in a drain, with a doubtful write': { instances: blueGreen, faults: { halts: 1, drains: 1, doubtfulWrites: 1 } },
  'a trader asks for a halt, with a doubtful write': { instances: blueGreen, faults: { mismatches: 1, doubtfulWrites: 1 } },
  'a trader asks for a halt in a drain that is called off': { instances: blueGreen, faults: { mismatches: 1, drains: 1, cancels: 1 } },
  'a trader asks for a halt, and SIGTERM': { instances: blueGreen, faults: { mismatches: 1, terminations: 1 } },
  'the home moves, is halted, and a write is doubtful': { instances: twoRegions, faults: { moves: 1, halts: 1, doubtfulWrites: 1 } },
  'the home moves there and back, under a drain towards the other Region': {
    instances: twoRegions, faults: { moves: 2, drains: 1 }, successors: [1],
  },
  'the home moves while a guard stands still': { instances: twoRegions, faults: { moves: 1, pauses: 1 } },
  'the home moves from a holder that was told to end': { instances: twoRegions, faults: { moves: 1, terminations: 1, doubtfulWrites: 1 } },
  'the home moves to where two releases run, and one crashes': { instances: refreshing, live: 'live', faults: { moves: 1, crashes: 1 } },
  'the home moves in a drain that a halt ends': { instances: twoRegions, faults: { moves: 1, drains: 1, halts: 1 }, successors: [1] },
  'a drain towards a colour that the other Region has too': { instances: threeAround, faults: { drains: 1, crashes: 1 } },
};
const larger: Readonly<Record<string, Sketch>> = {
  'two drains with two doubtful writes': {
    instances: blueGreen, faults: { drains: 2, cancels: 1, doubtfulWrites: 2, lateWords: 1 }, successors: ['green', 'blue'],
  },
  'a pause and a doubtful write in a drain': { instances: blueGreen, faults: { pauses: 1, drains: 1, doubtfulWrites: 1 } },
  'a pause, a crash and a doubtful write': { instances: blueGreen, faults: { pauses: 1, crashes: 1, doubtfulWrites: 1 } },
  'two of a colour: two crashes in a drain': { instances: twoBlueGreen, faults: { crashes: 2, drains: 1 } },
  'a drain, called off, with two doubtful writes': { instances: blueGreen, faults: { drains: 1, cancels: 1, doubtfulWrites: 2 } },
  'two of a colour, a bit of everything': {
    instances: twoBlueGreen,
    faults: { drains: 1, cancels: 1, doubtfulWrites: 1, crashes: 1, pauses: 1, staleViews: 1, lateWords: 1, terminations: 1 },
  },
  'the home moves late, in a drain that a halt ends': {
    instances: twoRegions, faults: { moves: 1, drains: 1, halts: 1, doubtfulWrites: 1 }, successors: [1],
  },
  'the home moves to where two releases run, with a doubtful write': { instances: refreshing, live: 'live', faults: { moves: 1, crashes: 1, doubtfulWrites: 1 } },
  'two Regions, a bit of everything': {
    instances: threeAround, faults: { drains: 1, moves: 1, halts: 1, doubtfulWrites: 1, crashes: 1, pauses: 1 }, successors: ['green', 1],
  },
};

const ran: Record<string, number> = {};
describe('within its faults, every interleaving keeps the promise, and trading goes on', () => {
  test.each(Object.entries(asked === undefined ? settings : { ...settings, ...larger }))('%s', (name, sketch) => {
    const found = explore({ successors: green, ...sketch, statesMax, checkProgress: true });
    ran[name] = found.states;
    expect({ violation: found.violation, path: found.path }).toEqual({});
    if (asked === undefined) expect(found.complete).toBe(true);
    else console.log(`${name}: ${found.states} states, ${found.transitions} transitions${found.complete ? '' : ', bound reached'}`);
  }, asked === undefined ? 30_000 : 24 * 3_600_000);

  test('the models are not empty', () => {
    for (const [name, states] of Object.entries(ran)) expect(states, name).toBeGreaterThan(500);
  });
});

describe('a rule left out is found', () => {
  const before = (change: (state: InstanceState, event: LeaseEvent) => InstanceState): StepFunction =>
    (state, event) => step(change(state, event), event);
  const without = (name: LeaseWrite['name'], ...paths: Path[]): StepFunction => (state, event) => {
    const next = step(state, event);
    const effects = next.effects.map((effect) => {
      if (effect.kind !== 'write' || effect.write.name !== name) return effect;
      return { ...effect, write: { ...effect.write, expects: effect.write.expects.filter(({ path }) => !paths.includes(path)) } };
    });
    return { ...next, effects };
  };
  const stopped = (change: (stop: { at: number; drain: number; drained: boolean }, state: InstanceState) => object): StepFunction =>
    before((state) => {
      const { role } = state;
      return role.kind === 'tenure' && role.stop !== undefined ? { ...state, role: { ...role, ...change(role.stop, state) } } : state;
    });

  const granted = /is granted while an order of epoch|sends in epoch/;
  const mutants: Readonly<Record<string, readonly [Sketch, RegExp]>> = {
    'a venue that checks no expiry': [{ instances: blueGreen, faults: { pauses: 1 }, venueIgnoresExpiry: true }, granted],
    'validity counted from the answer': [
      {
        instances: blueGreen, faults: { doubtfulWrites: 2, pauses: 1 },
        step: before((state, event) =>
          event.kind === 'written' && state.writing !== undefined ? { ...state, writing: { ...state.writing, sentAt: event.now } } : state),
      },
      granted,
    ],
    'a take-over without waiting': [
      {
        instances: blueGreen, faults: { crashes: 1 },
        step: before((state) => {
          const { role } = state;
          if (role.kind !== 'standby' || role.seen === undefined) return state;
          return { ...state, role: { ...role, seen: { ...role.seen, since: -Infinity } } };
        }),
      },
      granted,
    ],
    'a hand-over before the drain': [
      { instances: blueGreen, faults: { drains: 1 }, step: stopped((stop) => ({ stop: { ...stop, drained: true } })) }, granted,
    ],
    'a drain that does not wait for what it showed': [
      { instances: blueGreen, faults: { drains: 1 }, step: stopped(({ at }) => ({ shownUntil: at })) }, granted,
    ],
    'a word of an earlier drain taken for this one': [
      {
        instances: blueGreen, faults: { drains: 2, cancels: 1, lateWords: 1 },
        step: (state, event) => {
          const { role } = state;
          const taken = event.kind === 'trader-drained' && role.kind === 'tenure' && role.stop !== undefined;
          return step(state, taken ? { ...event, drain: role.stop.drain } : event);
        },
      },
      granted,
    ],
    'a take-over that does not name the heartbeat': [
      { instances: blueGreen, faults: { doubtfulWrites: 1, pauses: 1 }, step: without('take-over', 'heartbeat') }, granted,
    ],
    'a hand-over that does not name the heartbeat': [
      { instances: blueGreen, faults: { drains: 2, cancels: 1, doubtfulWrites: 1 }, step: without('hand-over', 'heartbeat') }, granted,
    ],
    'a take-over that does not name the mode': [
      { instances: blueGreen, faults: { halts: 1, crashes: 1, doubtfulWrites: 1 }, step: without('take-over', 'mode') }, /ended a halt/,
    ],
    'a take-over that does not name the home': [
      { instances: threeAround, faults: { moves: 1, crashes: 1, doubtfulWrites: 1 }, step: without('take-over', 'home') },
      /outside the home/,
    ],
    'a move of the home that does not name the mode': [
      {
        instances: twoRegions, faults: { moves: 1, drains: 1, halts: 1, doubtfulWrites: 1 }, successors: [1],
        moveHome: (lease, token, to) => {
          const write = moveHomeOf(lease, token, to);
          return { ...write, expects: write.expects.filter(({ path }) => path !== 'mode') };
        },
      },
      /ended a halt/,
    ],
    'a trader that asks for a halt taken for one that only leaves': [
      {
        instances: blueGreen, faults: { mismatches: 1 },
        step: (state, event) => step(state, event.kind === 'halt' ? { kind: 'terminate', now: event.now } : event),
      },
      /came before the halt/,
    ],
    'nobody who ever takes over': [
      {
        instances: blueGreen, faults: { crashes: 1 }, checkProgress: true,
        step: (state, event) => {
          const next = step(state, event);
          const effects = next.effects.filter((effect) => effect.kind !== 'write' || effect.write.name !== 'take-over');
          return { ...next, effects };
        },
      },
      /nobody trades/,
    ],
  };

  test.each(Object.entries(mutants))('%s', (_name, [sketch, what]) => {
    expect(explore({ successors: green, ...sketch, statesMax: 100_000 }).violation).toMatch(what);
  }, 30_000);
});
