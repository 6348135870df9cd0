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
import { explore, type StepFunction } from '../../simulation/lease/explorer.ts';
import {
  blueGreen, green, larger, settings, threeAround, twoRegions, type Sketch,
} from '../../simulation/lease/settings.ts';

const asked = process.env['BATON_LEASE_STATES'];
const statesMax = Number(asked ?? 100_000);

const ran: Record<string, number> = {};
describe('within its faults, every interleaving keeps the promise, and trading goes on', () => {
  test.each(Object.entries(asked === undefined ? settings : { ...settings, ...larger }))('%s', (name, sketch) => {
    const found = explore({ successors: green, ...sketch, statesMax, checkProgress: true });
    ran[name] = found.states;
    expect({ violation: found.violation, path: found.path }).toEqual({});
    if (asked === undefined) expect(found.complete).toBe(true);
    else console.log(`${name}: ${found.states} states, ${found.transitions} transitions${found.complete ? '' : ', bound reached'}`);
  }, asked === undefined ? undefined : 24 * 3_600_000);

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
  });
});
