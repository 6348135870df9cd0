/** A report with everything a page can have: both colours, refused orders, a caught error, a branch, a loop, faults, hostile text. */
import type { DrawnEdge, DrawnGraph, DrawnState, ObservedOrder, Transition } from '../../../rehearsal/report/observed.ts';
import { atLeast, atMost, exactly, type Report } from '../../../rehearsal/report/report.ts';

export const hostile = '</script><script>window.hurt = true</script><img src="http://127.0.0.1:1/x" onerror="window.hurt = true">';
/** Between the last order of blue and the first of green. */
export const gap = { fromMs: 9_990, toMs: 10_112 };
export const refusedAtMs = 10_050;

const orderEveryMs = 90;

const to = (target: string, kind: DrawnEdge['kind'] = 'next', label = ''): DrawnEdge => ({ to: target, kind, label });
const state = (type: DrawnState['type'], next: readonly DrawnEdge[], inside: readonly DrawnGraph[] = []): DrawnState => ({ type, comment: `A ${type}.`, next, inside });

export const machine: DrawnGraph = {
  startAt: 'Begin',
  states: {
    Begin: state('Pass', [to('Do both things side by side')]),
    'Do both things side by side': state('Parallel', [to('Look'), to('Go back', 'catch', 'States.ALL')], [
      { startAt: 'Left', states: { Left: state('Task', []) } },
      { startAt: 'Right', states: { Right: state('Task', []) } },
    ]),
    Look: state('Task', [to('Is it there?'), to('Go back', 'catch', 'Gone')]),
    'Is it there?': state('Choice', [to('Done', 'choice', 'It is.'), to('Wait a moment', 'choice', 'otherwise')]),
    'Wait a moment': state('Wait', [to('Look')]),
    Done: state('Succeed', []),
    'Go back': state('Pass', [to('It was rolled back, after a name that is long enough for several lines')]),
    'It was rolled back, after a name that is long enough for several lines': state('Fail', []),
  },
};

/** Walks this machine and ends well, or with `Gone` caught. */
function walked(fromMs: number, caught: boolean): readonly Transition[] {
  const list: Omit<Transition, 'atMs'>[] = [
    { state: 'Begin', kind: 'entered' }, { state: 'Begin', kind: 'exited' },
    { state: 'Do both things side by side', kind: 'entered' },
    ...['Left', 'Right'].flatMap((name) => [{ state: name, kind: 'entered' } as const, { state: name, kind: 'exited' } as const]),
    { state: 'Do both things side by side', kind: 'exited' },
    { state: 'Look', kind: 'entered' }, { state: 'Look', kind: 'exited' },
    { state: 'Is it there?', kind: 'entered' }, { state: 'Is it there?', kind: 'chosen', next: 'Wait a moment' },
    { state: 'Wait a moment', kind: 'entered' }, { state: 'Wait a moment', kind: 'exited' },
    { state: 'Look', kind: 'entered' },
  ];
  const last = 'It was rolled back, after a name that is long enough for several lines';
  list.push(...(caught
    ? [
        { state: 'Look', kind: 'caught', next: 'Go back', error: 'Gone', cause: hostile } as const,
        { state: 'Go back', kind: 'entered' } as const, { state: 'Go back', kind: 'exited' } as const,
        { state: last, kind: 'entered' } as const, { state: last, kind: 'failed', error: 'RolledBack', cause: 'It was gone.' } as const,
      ]
    : [
        { state: 'Look', kind: 'exited' } as const, { state: 'Is it there?', kind: 'entered' } as const,
        { state: 'Is it there?', kind: 'chosen', next: 'Done' } as const, { state: 'Done', kind: 'entered' } as const, { state: 'Done', kind: 'exited' } as const,
      ]));
  return list.map((each, index) => ({ ...each, atMs: fromMs + index * 40 }));
}

export function sample({ orders = 200, broken = false }: { readonly orders?: number; readonly broken?: boolean } = {}): Report {
  const before = Array.from({ length: orders / 2 }, (_, index) => ({ atMs: gap.fromMs - index * orderEveryMs * (200 / orders), epoch: 1 })).reverse();
  const after = Array.from({ length: orders / 2 }, (_, index) => ({ atMs: gap.toMs + index * orderEveryMs * (200 / orders), epoch: 2 }));
  const accepted: ObservedOrder[] = [...before, ...after].map((each, index) => ({ ...each, accepted: true, code: 0, clientOrderId: `order${index}` }));
  const refused: ObservedOrder = { atMs: refusedAtMs, accepted: false, code: 10002, epoch: 1, clientOrderId: 'late' };
  const all = [...accepted, refused].sort((a, b) => a.atMs - b.atMs);
  const step = (name: string, startMs: number, endMs: number, modelledMs: number, budgetMs: number, status: 'succeeded' | 'failed' = 'succeeded') =>
    ({ name, execution: name === 'Drain and hand over' || name === 'Bake' ? 'two' : 'one', startMs, endMs, modelledMs, budgetMs, status });
  return {
    scenario: 'sample', summary: `A sample with ${hostile}`, seed: 7, faults: ['a-fault'], outcome: broken ? 'needs-a-person' : 'succeeded',
    promises: [
      exactly('no-duplicate', 'No order was accepted twice', broken ? 2 : 0, 0),
      atMost('gap', 'Orders went on through the handover', 122, 1000, 'ms'),
      atLeast('struck', 'The fault struck', 3, 1, 'times'),
      exactly('live', 'Recorded as live', `sha256:${'29060314be960db8'.repeat(4)}`, `sha256:${'29060314be960db8'.repeat(4)}`),
      exactly('no-secret', `Secrets found in ${hostile}`, 'none', 'none'),
    ],
    figures: [],
    trading: { ordersSent: orders + 1, ordersAccepted: orders, duplicatesAccepted: broken ? 2 : 0, staleEpochAccepted: 0, lateRejected: 1, maxGapMs: 122, overlapMs: 0 },
    lease: [
      { epoch: 0, holder: null, region: null, colour: null, fromMs: 0, toMs: 900, reason: 'created' },
      { epoch: 1, holder: 'us-east-1/blue/0123456789ab', region: 'us-east-1', colour: 'blue', fromMs: 900, toMs: 10_001, reason: 'taken over' },
      { epoch: 2, holder: 'us-east-1/green/ba9876543210', region: 'us-east-1', colour: 'green', fromMs: 10_001, toMs: null, reason: 'handed over' },
    ],
    steps: [
      step('Start the new colour', 5_000, 8_000, 180_000, 300_000), step('Snapshot the database', 5_000, 9_500, 270_000, 1_800_000),
      step('Drain and hand over', 9_600, 10_200, 600, 120_000), step('Bake', 10_300, 14_300, 240_000, 180_000, 'failed'),
    ],
    durationMs: 20_000,
    unusedGrants: [{ role: 'machine', action: 'ecs:DeleteTaskSet', resource: 'arn:aws:ecs:us-east-1:111111111111:task-set/*' }],
    modelledDurationMs: 600_000,
    observed: {
      orders: all, handovers: [{ fromEpoch: 1, toEpoch: 2, ...gap }],
      injected: [{ what: `the venue is slow ${hostile}`, fromMs: 10_020, toMs: 12_000 }, { what: 'killed a task', fromMs: 15_000, toMs: null }],
      executions: [
        { name: 'one', machine: 'sample-machine', region: 'us-east-1', fromMs: 1_000, toMs: 4_000, status: 'SUCCEEDED', transitions: walked(1_000, false) },
        { name: 'two', machine: 'sample-machine', region: 'us-east-1', fromMs: 5_000, toMs: 15_000, status: 'FAILED', error: 'RolledBack', cause: hostile, transitions: walked(5_000, true) },
      ],
      machines: { 'sample-machine': machine },
      compressed: [{ fromMs: 5_000, toMs: 8_000, factor: 60 }],
    },
  };
}
