/** Phases of a workflow from the events of its states, and the two clocks of a report. */
import { describe, expect, test } from 'vitest';
import { CompressedTime, PhaseTracker, type Phase } from '../../../rehearsal/report/phases.ts';
import type { ProgressEvent } from '../../../rehearsal/states/execution.ts';
import { silent } from '../installed.ts';

const lane = { name: 'side', within: 'Both' };
const phases: readonly Phase[] = [
  { name: 'first', begins: 'A', budgetSeconds: 1 },
  { name: 'side', begins: 'S', ends: 'T', budgetSeconds: 2, lane },
  { name: 'other side', begins: 'U', budgetSeconds: 2, lane: { ...lane, name: 'other' } },
  { name: 'second', begins: 'B', budgetSeconds: 3 },
];

function eventOf(atMs: number, kind: 'entered' | 'exited' | 'failed', state: string): ProgressEvent {
  return kind === 'failed' ? { atMs, state, kind, error: 'Broken', cause: 'for the test' } : { atMs, state, kind, type: 'Pass' };
}

function track(
  events: readonly (readonly [atMs: number, kind: 'entered' | 'exited' | 'failed', state: string])[],
  status: 'succeeded' | 'failed',
  endMs: number,
) {
  let nowMs = 0;
  const tracker = new PhaseTracker({ execution: 'one', phases, progress: silent, nowMs: () => nowMs, modelledMs: (fromMs, toMs) => 60 * (toMs - fromMs) });
  for (const [atMs, kind, state] of events) {
    nowMs = atMs;
    tracker.see(eventOf(atMs, kind, state));
  }
  nowMs = endMs;
  tracker.finish(status);
  return tracker.steps.map(({ name, startMs, endMs: toMs, status: how }) => [name, startMs, toMs, how]);
}

describe('phases', () => {
  test('a phase ends when the next of its lane begins, and the last with the execution', () => {
    expect(track([[1, 'entered', 'A'], [2, 'entered', 'unknown'], [5, 'entered', 'B']], 'succeeded', 9)).toEqual([
      ['first', 1, 5, 'succeeded'], ['second', 5, 9, 'succeeded'],
    ]);
  });

  test('lanes run side by side: one ends by its own last state, the other with the state around both', () => {
    const steps = track(
      [
        [1, 'entered', 'S'],
        [2, 'entered', 'U'],
        [3, 'exited', 'T'],
        [7, 'exited', 'Both'],
        [8, 'entered', 'B'],
      ],
      'succeeded',
      9,
    );
    expect(steps).toEqual([['side', 1, 3, 'succeeded'], ['other side', 2, 7, 'succeeded'], ['second', 8, 9, 'succeeded']]);
  });

  test('a failed surrounding state fails its lanes, a failed execution its last phase', () => {
    expect(track([[1, 'entered', 'S'], [4, 'failed', 'Both'], [5, 'entered', 'B']], 'failed', 6)).toEqual([
      ['side', 1, 4, 'failed'], ['second', 5, 6, 'failed'],
    ]);
  });
});

describe('compressed time', () => {
  test('runs as the real one where nothing waits', () => {
    expect(new CompressedTime().modelledMs(100, 350)).toBe(250);
  });

  test('counts a wait at its factor, and only the part that lies within', () => {
    const time = new CompressedTime();
    time.waited(1000, 2000, 60_000);
    expect(time.modelledMs(0, 3000)).toBe(1000 + 60_000 + 1000);
    expect(time.modelledMs(1500, 2500)).toBe(30_000 + 500);
  });

  test('has spans that follow one another, each as fast as its fastest wait', () => {
    const time = new CompressedTime();
    time.waited(0, 1000, 60_000);
    time.waited(500, 1500, 60_000);
    time.waited(1400, 2000, 6_000);
    time.waited(3000, 4000, 1_000);
    expect(time.spans(200, 5000)).toEqual([{ fromMs: 200, toMs: 1500, factor: 60 }, { fromMs: 1500, toMs: 2000, factor: 10 }]);
  });

  test('waits side by side are not added: the most compressed counts', () => {
    const time = new CompressedTime();
    time.waited(0, 1000, 60_000);
    time.waited(500, 1500, 30_000);
    expect(time.modelledMs(0, 2000)).toBe(60_000 + 500 * 30 + 500);
  });

  test('what is waited for in one Region only is nothing to another', () => {
    const time = new CompressedTime();
    time.waited(0, 1000, 60_000, 'us-west-2');
    time.waited(2000, 3000, 30_000);
    expect(time.modelledMs(0, 3000, 'us-east-1')).toBe(2000 + 30_000);
    expect(time.modelledMs(0, 3000, 'us-west-2')).toBe(60_000 + 1000 + 30_000);
    expect(time.modelledMs(0, 3000)).toBe(60_000 + 1000 + 30_000);
  });
});
