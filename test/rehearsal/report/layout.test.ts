/** The drawing of a machine, for any machine: whatever its states are and lead to, it can be read. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { layout, type PlacedGraph, type PlacedState } from '../../../rehearsal/report/html/browser/layout.ts';
import { pathOf } from '../../../rehearsal/report/html/browser/path.ts';
import type { DrawnEdge, DrawnGraph, DrawnState } from '../../../rehearsal/report/observed.ts';
import { machine, sample } from './sample.ts';

const kinds: readonly DrawnEdge['kind'][] = ['next', 'choice', 'catch'];

function graphs(depth: number): fc.Arbitrary<DrawnGraph> {
  return fc.integer({ min: 1, max: depth === 0 ? 4 : 14 }).chain((count) => {
    const target = fc.record({ at: fc.nat(count - 1), kind: fc.constantFrom(...kinds) });
    const inside = depth === 0 ? fc.constant([]) : fc.oneof({ weight: 5, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.array(graphs(depth - 1), { minLength: 1, maxLength: 3 }) });
    return fc.array(fc.record({ next: fc.array(target, { maxLength: 4 }), inside }), { minLength: count, maxLength: count }).map((states) => ({
      startAt: 'S0',
      states: Object.fromEntries(states.map((state, index): [string, DrawnState] => [
        `S${index}`, { type: 'Task', comment: '', inside: state.inside, next: state.next.map(({ at, kind }) => ({ to: `S${at}`, kind, label: '' })) },
      ])),
    }));
  });
}

const apart = (a: PlacedState, b: PlacedState): boolean =>
  a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;

function check(graph: DrawnGraph, placed: PlacedGraph): void {
  expect(placed.states.map((state) => state.name).sort()).toEqual(Object.keys(graph.states).sort());
  placed.states.forEach((state, index) => {
    for (const other of placed.states.slice(index + 1)) expect(apart(state, other), `${state.name} on ${other.name}`).toBe(true);
    expect(state.x).toBeGreaterThanOrEqual(0);
    expect(state.x + state.width).toBeLessThanOrEqual(placed.width);
    expect(state.y + state.height).toBeLessThanOrEqual(placed.height);
    state.inside.forEach((branch, each) => {
      expect(branch.x).toBeGreaterThanOrEqual(0);
      expect(branch.x + branch.width).toBeLessThanOrEqual(state.width + 0.01);
      expect(branch.y + branch.height).toBeLessThanOrEqual(state.height + 0.01);
      check(state.state.inside[each]!, branch);
    });
  });
  const byName = new Map(placed.states.map((state) => [state.name, state]));
  for (const { from, to, points } of placed.edges) {
    const ends = [[byName.get(from)!, points[0]!], [byName.get(to)!, points.at(-1)!]] as const;
    for (const [state, { x, y }] of ends) {
      expect(x).toBeGreaterThanOrEqual(state.x);
      expect(x).toBeLessThanOrEqual(state.x + state.width);
      expect([state.y, state.y + state.height].some((side) => Math.abs(side - y) < 0.01), `${from} → ${to} is tied to ${state.name}`).toBe(true);
    }
  }
}

describe('the layout of a machine', () => {
  test('no two states overlap, branches stay in their frames, edges end at their states: for any machine', () => {
    fc.assert(fc.property(graphs(1), fc.func(fc.boolean()), (graph, taken) => {
      check(graph, layout(graph, { sizeOf: () => ({ width: 200, height: 40 }), taken: (from, to) => Number(taken(from, to)), entered: (name) => taken(name) }));
    }), { numRuns: 150 });
  });

  test('the path that was taken is one straight line, and every edge of it is drawn', () => {
    const path = pathOf(machine, sample().observed.executions[0]!);
    const placed = layout(machine, { sizeOf: () => ({ width: 200, height: 40 }), taken: path.taken, entered: (name) => path.visit(name) !== undefined });
    const edges = placed.edges.map(({ from, to, taken }) => [from, to, taken]);
    expect(edges).toContainEqual(['Wait a moment', 'Look', 1]);
    expect(edges).toContainEqual(['Is it there?', 'Done', 1]);
    const line = ['Begin', 'Look', 'Is it there?', 'Done'].map((name) => placed.states.find((state) => state.name === name)!);
    expect(new Set(line.map((state) => Math.round(state.x))).size).toBe(1);
    expect(line.map((state) => state.y)).toEqual(line.map((state) => state.y).sort((a, b) => a - b));
  });
});

describe('the path of an execution', () => {
  test('counts visits and edges, and keeps what went wrong', () => {
    const path = pathOf(machine, sample().observed.executions[1]!);
    expect(path.visit('Look')?.entered).toBe(2);
    expect(path.visit('Look')?.troubles.map((trouble) => trouble.kind)).toEqual(['caught']);
    expect([path.taken('Look', 'Go back'), path.taken('Look', 'Is it there?'), path.taken('Is it there?', 'Done')]).toEqual([1, 1, 0]);
    expect(path.visit('Done')).toBeUndefined();
  });
});
