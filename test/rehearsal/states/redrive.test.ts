/** An execution that ended without success goes on from what did not succeed: the engine's part of RedriveExecution. */
import { describe, expect, test } from 'vitest';
import type { GraphProgress, Invoke, Json } from '../../../rehearsal/states/execution.ts';
import type { HistoryEvent } from '../../../rehearsal/states/history.ts';
import { machine, run, scripted, task, type States } from './run.ts';

const broken = new Error('unforeseen');
const failing = { Type: 'Fail', Error: 'Broken', Cause: 'as asked' } as const;

/** Runs, and then redrives, keeping what an execution keeps. */
async function twice(states: States, options: { input?: Json; first: Invoke; afterwards: Invoke; stopAt?: string }) {
  const kept: { progress: GraphProgress; history: HistoryEvent[] } = { progress: {}, history: [] };
  const stop = new AbortController();
  const first = await run(states, {
    ...kept,
    input: options.input ?? {},
    invoke: options.first,
    signal: stop.signal,
    onEvent: (event) => {
      if (event.kind === 'entered' && event.state === options.stopAt) stop.abort({ error: 'Operator', cause: 'by hand' });
    },
  });
  const second = await run(states, { ...kept, input: options.input ?? {}, invoke: options.afterwards, redrive: { count: 1, startMs: first.startMs } });
  return { first, second, entered: second.events.filter(({ kind }) => kind === 'entered').map(({ state }) => state) };
}

const taskFailure: Invoke = async () => {
  const { TaskFailure } = await import('../../../rehearsal/states/execution.ts');
  throw new TaskFailure('Broken', 'as asked');
};

describe('a redrive', () => {
  test('runs the task that failed again, with its input and the variables of before, and none of those that succeeded', async () => {
    const states: States = {
      A: { Type: 'Pass', Assign: { kept: 'from A' }, Output: { from: 'A' }, Next: 'B' },
      B: { ...task, Arguments: { given: '{% $states.input %}', kept: '{% $kept %}' }, End: true },
    };
    const then = scripted('done');
    const { first, second, entered } = await twice(states, { first: taskFailure, afterwards: then });
    expect(first).toMatchObject({ status: 'FAILED', error: 'Broken' });
    expect(second).toMatchObject({ status: 'SUCCEEDED', output: 'done' });
    expect(then.calls.map(({ args }) => args)).toEqual([{ given: { from: 'A' }, kept: 'from A' }]);
    expect(entered).toEqual(['B']);
  });

  test('counts itself in the context and in the history, and keeps the start time', async () => {
    const states: States = { A: { ...task, Arguments: { count: '{% $states.context.Execution.RedriveCount %}', start: '{% $states.context.Execution.StartTime %}' }, End: true } };
    const then = scripted('done');
    const { first, second } = await twice(states, { first: taskFailure, afterwards: then });
    expect(then.calls[0]?.args).toEqual({ count: 1, start: new Date(first.startMs).toISOString() });
    expect(second.history.map(({ type }) => type)).toContain('ExecutionRedriven');
    expect(second.history.map(({ id }) => id)).toEqual(second.history.map((_, index) => index + 1));
    expect(second.history.filter(({ type }) => type === 'ExecutionStarted')).toHaveLength(1);
  });

  test('gives a task all its attempts anew', async () => {
    const states: States = { A: { ...task, Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 2 }], End: true } };
    const { TaskFailure } = await import('../../../rehearsal/states/execution.ts');
    const refused = new TaskFailure('Broken', 'again');
    const then = scripted(refused, refused, 'at last');
    const { first, second } = await twice(states, { first: scripted(refused), afterwards: then });
    expect(first.status).toBe('FAILED');
    expect(second).toMatchObject({ status: 'SUCCEEDED', output: 'at last' });
    expect(then.calls.map(({ retryCount }) => retryCount)).toEqual([0, 1, 2]);
  });

  test('judges a Choice again, and fails again at a Fail', async () => {
    const states: States = {
      A: { Type: 'Choice', Choices: [{ Condition: '{% $states.context.Execution.RedriveCount > 0 %}', Next: 'B' }], Default: 'C' },
      B: { Type: 'Succeed' },
      C: failing,
    };
    const stopped = await twice(states, { first: scripted(broken), afterwards: scripted(broken), stopAt: 'A' });
    expect(stopped.first.status).toBe('ABORTED');
    expect(stopped.entered).toEqual(['A', 'B']);
    const failed = await twice(states, { first: scripted(broken), afterwards: scripted(broken) });
    expect(failed.second).toMatchObject({ status: 'FAILED', error: 'Broken' });
    expect(failed.entered).toEqual(['C']);
  });

  test('runs only those branches of a Parallel that did not succeed, each from where it was', async () => {
    const states: States = {
      A: {
        Type: 'Parallel',
        Branches: [
          machine({ Done: { Type: 'Pass', Output: 'first', End: true } }),
          machine({ Before: { Type: 'Pass', Assign: { x: 1 }, Next: 'Work' }, Work: { ...task, Arguments: { x: '{% $x %}' }, End: true } }),
        ],
        End: true,
      },
    };
    const then = scripted('second');
    const { second, entered } = await twice(states, { first: taskFailure, afterwards: then });
    expect(second.output).toEqual(['first', 'second']);
    expect(entered).toEqual(['A', 'Work']);
    expect(then.calls[0]?.args).toEqual({ x: 1 });
  });

  test('runs a Parallel that is retried from its start', async () => {
    const states: States = {
      A: {
        Type: 'Parallel',
        Branches: [machine({ B: { ...task, Next: 'C' }, C: { ...task, End: true } })],
        Retry: [{ ErrorEquals: ['Broken'], MaxAttempts: 1 }],
        End: true,
      },
    };
    const { TaskFailure } = await import('../../../rehearsal/states/execution.ts');
    const invoke = scripted('b', new TaskFailure('Broken', ''), 'b again', 'c');
    expect(await run(states, { invoke })).toMatchObject({ status: 'SUCCEEDED', output: ['c'] });
    expect(invoke.calls).toHaveLength(4);
  });

  test('runs only those items of a Map that did not succeed', async () => {
    const states: States = {
      A: { Type: 'Map', Items: [1, 2, 3], ItemProcessor: machine({ B: { ...task, Arguments: { n: '{% $states.input %}' }, End: true } }), MaxConcurrency: 1, End: true },
    };
    const { TaskFailure } = await import('../../../rehearsal/states/execution.ts');
    const then = scripted('two', 'three');
    const { second } = await twice(states, { first: scripted('one', new TaskFailure('Broken', '')), afterwards: then });
    expect(second.output).toEqual(['one', 'two', 'three']);
    expect(then.calls.map(({ args }) => args)).toEqual([{ n: 2 }, { n: 3 }]);
  });

  test('runs all of a state again whose results were too large', async () => {
    const states: States = {
      A: { Type: 'Parallel', Branches: [machine({ B: { ...task, End: true } }), machine({ C: { ...task, End: true } })], End: true },
    };
    const large = 'x'.repeat(200_000);
    const then = scripted('b', 'c');
    const { first, second } = await twice(states, { first: scripted(large), afterwards: then });
    expect(first.error).toBe('States.DataLimitExceeded');
    expect(second.output).toEqual(['b', 'c']);
  });

  test('leaves a Wait whose time has passed', async () => {
    const states: States = { A: { Type: 'Wait', Timestamp: '1970-01-01T00:00:00Z', Next: 'B' }, B: { Type: 'Succeed' } };
    const { second } = await twice(states, { first: scripted(broken), afterwards: scripted(broken), stopAt: 'A' });
    expect(second).toMatchObject({ status: 'SUCCEEDED' });
    expect(second.events.filter(({ kind }) => kind === 'waiting')).toMatchObject([{ modelledSeconds: 0 }]);
  });
});
