import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { State } from '../../../rehearsal/states/definition.ts';
import { TaskFailure, type Json } from '../../../rehearsal/states/engine.ts';
import { TaskTokens } from '../../../rehearsal/states/task-tokens.ts';
import { machine, run, scripted, silent, task, type States } from './run.ts';

const succeed: State = { Type: 'Succeed' };

describe('each kind of state', () => {
  const table: { name: string; states: States; input?: Json; output?: Json; error?: string }[] = [
    { name: 'Pass hands its input on', states: { A: { Type: 'Pass', End: true } }, input: { a: 1 }, output: { a: 1 } },
    {
      name: 'Pass with Output',
      states: { A: { Type: 'Pass', Output: { b: '{% $states.input.a + 1 %}', plain: 'text' }, End: true } },
      input: { a: 1 },
      output: { b: 2, plain: 'text' },
    },
    {
      name: 'Succeed with Output',
      states: { A: { Type: 'Succeed', Output: '{% $states.input.a %}' } },
      input: { a: [1, 2] },
      output: [1, 2],
    },
    {
      name: 'Fail evaluates Error and Cause',
      states: { A: { Type: 'Fail', Error: "{% 'Wrong' & $states.input.a %}", Cause: 'as written' } },
      input: { a: 1 },
      error: 'Wrong1: as written',
    },
    {
      name: 'Choice takes the first rule that holds',
      states: {
        A: {
          Type: 'Choice',
          Choices: [
            { Condition: false, Next: 'B' },
            { Condition: '{% $states.input.a > 1 %}', Next: 'C', Output: 'second' },
            { Condition: true, Next: 'B' },
          ],
        },
        B: { Type: 'Fail', Error: 'NotHere' },
        C: succeed,
      },
      input: { a: 2 },
      output: 'second',
    },
    {
      name: 'Choice falls to its Default with its own Output',
      states: {
        A: { Type: 'Choice', Choices: [{ Condition: false, Next: 'B', Output: 'rule' }], Default: 'B', Output: 'default' },
        B: succeed,
      },
      output: 'default',
    },
    {
      name: 'Choice without a match',
      states: { A: { Type: 'Choice', Choices: [{ Condition: false, Next: 'B' }] }, B: succeed },
      error: 'States.NoChoiceMatched',
    },
    {
      name: 'Choice whose condition is no boolean',
      states: { A: { Type: 'Choice', Choices: [{ Condition: "{% 'yes' %}", Next: 'B' }] }, B: succeed },
      error: 'States.QueryEvaluationError',
    },
    {
      name: 'Wait for no whole number of seconds',
      states: { A: { Type: 'Wait', Seconds: '{% 1.5 %}', End: true } },
      error: 'States.QueryEvaluationError',
    },
    {
      name: 'Wait until what is no time',
      states: { A: { Type: 'Wait', Timestamp: 'tomorrow', End: true } },
      error: 'States.QueryEvaluationError',
    },
    {
      name: 'Parallel answers in the order of its branches',
      states: {
        A: {
          Type: 'Parallel',
          Arguments: { n: 7 },
          Branches: [
            machine({ B: { Type: 'Wait', Seconds: 5, End: true } }),
            machine({ C: { Type: 'Pass', Output: '{% $states.input.n %}', End: true } }),
          ],
          End: true,
        },
      },
      output: [{ n: 7 }, 7],
    },
    {
      name: 'Map over an array',
      states: {
        A: {
          Type: 'Map',
          Items: '{% $states.input.list %}',
          ItemProcessor: machine({ B: { Type: 'Pass', Output: '{% $states.input * 2 %}', End: true } }),
          End: true,
        },
      },
      input: { list: [1, 2, 3] },
      output: [2, 4, 6],
    },
    {
      name: 'Map with ItemSelector and the context of its item',
      states: {
        A: {
          Type: 'Map',
          ItemSelector: {
            i: '{% $states.context.Map.Item.Index %}',
            v: '{% $states.context.Map.Item.Value %}',
            all: '{% $count($states.input) %}',
          },
          ItemProcessor: machine({
            B: {
              Type: 'Pass',
              Output: '{% $states.input.i & $states.input.v & $states.input.all & $states.context.Map.Item.Index %}',
              End: true,
            },
          }),
          End: true,
        },
      },
      input: ['x', 'y'],
      output: ['0x20', '1y21'],
    },
    {
      name: 'Map over an object',
      states: {
        A: {
          Type: 'Map',
          ItemProcessor: machine({ B: { Type: 'Pass', Output: '{% $states.input.Key & $states.input.Value %}', End: true } }),
          End: true,
        },
      },
      input: { a: 1, b: 2 },
      output: ['a1', 'b2'],
    },
    { name: 'Map over nothing', states: { A: { Type: 'Map', ItemProcessor: machine({ B: succeed }), End: true } }, input: [], output: [] },
    {
      name: 'Map over a number',
      states: { A: { Type: 'Map', ItemProcessor: machine({ B: succeed }), End: true } },
      input: 5,
      error: 'States.QueryEvaluationError',
    },
  ];
  test.each(table)('$name', async ({ states, input = {}, output, error }) => {
    const result = await run(states, { input });
    if (error === undefined) {
      expect(result).toMatchObject({ status: 'SUCCEEDED', output });
    } else {
      expect(result.status).toBe('FAILED');
      expect(`${result.error}: ${result.cause}`).toContain(error);
    }
  });

  test('waits above ten seconds are compressed, shorter ones are not', async () => {
    const waits = (seconds: number): States => ({ A: { Type: 'Wait', Seconds: seconds, End: true } });
    expect((await run(waits(10))).elapsedSeconds).toBe(10);
    expect((await run(waits(11))).elapsedSeconds).toBe(1);
    const long = await run(waits(600));
    expect(long.elapsedSeconds).toBe(10);
    expect(long.events.filter(({ kind }) => kind === 'waiting')).toMatchObject([{ state: 'A', modelledSeconds: 600, waitedMs: 10_000 }]);
    const until: States = { A: { Type: 'Wait', Timestamp: '{% $fromMillis($millis() + 7000) %}', End: true } };
    expect((await run(until)).elapsedSeconds).toBe(7);
  });
});

describe('expressions', () => {
  const table: { expression: string; gives?: Json; fails?: string }[] = [
    { expression: '$partition([1,2,3,4,5], 2)', gives: [[1, 2], [3, 4], [5]] },
    { expression: '$range(0, 10, 5)', gives: [0, 5, 10] },
    { expression: '$range(3, 1, -1)', gives: [3, 2, 1] },
    { expression: "$hash('a', 'SHA-256')", gives: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb' },
    { expression: '$random()', gives: 0.5 },
    { expression: '$random(42) = $random(42)', gives: true },
    { expression: '$uuid()', gives: 'uuid-1' },
    { expression: '$parse(\'{"a": [true]}\').a', gives: [true] },
    { expression: '$now()', gives: '2026-01-01T00:00:00.000Z' },
    { expression: "$now('[Y]-[M01]')", gives: '2026-01' },
    { expression: '$millis()', gives: Date.UTC(2026, 0, 1) },
    { expression: '$states.context.Execution.Input.a', gives: 1 },
    { expression: '$states.context.State.Name', gives: 'A' },
    { expression: '{ "kept": 1, "gone": $states.input.none }', gives: { kept: 1 } },
    {
      expression: '$states.input.none',
      fails: "The JSONata expression '$states.input.none' specified for the field 'Output/x' returned nothing (undefined).",
    },
    { expression: '"a" + 1', fails: 'threw an error: The left side of the "+" operator must evaluate to a number' },
    { expression: '$eval("1")', fails: '$eval is not supported' },
    { expression: '$sum', fails: 'returned a function' },
    { expression: '$states.input.(', fails: 'threw an error' },
    { expression: '($f := function($n) { $f($n + 1) + 1 }; $f(0))', fails: 'threw an error' },
  ];
  test.each(table)('$expression', async ({ expression, gives, fails }) => {
    const result = await run({ A: { Type: 'Pass', Output: { x: `{% ${expression} %}` }, End: true } }, { input: { a: 1 } });
    if (fails !== undefined) {
      expect(result).toMatchObject({ status: 'FAILED', error: 'States.QueryEvaluationError' });
      expect(result.cause).toContain("An error occurred while executing the state 'A' (entered at the event id #2).");
      expect(result.cause).toContain(fails);
    } else {
      expect(result.output).toEqual({ x: gives });
    }
  });

  test('only text that begins with {% and ends with %} is an expression', async () => {
    const result = await run({ A: { Type: 'Pass', Output: [' {% 1 %}', '{% 1 %} ', '{%1%}', 7, null], End: true } });
    expect(result.output).toEqual([' {% 1 %}', '{% 1 %} ', 1, 7, null]);
  });
});

describe('variables', () => {
  test('an Assign sees the variables as they were on entry, and so does its Output', async () => {
    const result = await run({
      A: { Type: 'Pass', Assign: { x: 1, y: 2 }, Next: 'B' },
      B: { Type: 'Pass', Assign: { x: '{% $y %}', y: '{% $x %}' }, Output: '{% $x %}', Next: 'C' },
      C: { Type: 'Succeed', Output: '{% [$states.input, $x, $y] %}' },
    });
    expect(result.output).toEqual([1, 2, 1]);
  });

  test('a branch reads the outer variables; what it assigns ends with it', async () => {
    const result = await run({
      A: { Type: 'Pass', Assign: { outer: 'o' }, Next: 'P' },
      P: {
        Type: 'Parallel',
        Branches: [
          machine({
            B: { Type: 'Pass', Assign: { inner: '{% $outer & 1 %}' }, Next: 'B2' },
            B2: { Type: 'Pass', Output: '{% $inner %}', End: true },
          }),
          machine({ C: { Type: 'Pass', Output: '{% $exists($inner) %}', End: true } }),
        ],
        Assign: { joined: '{% $states.result[0] %}' },
        Next: 'D',
      },
      D: { Type: 'Succeed', Output: '{% [$joined, $exists($inner)] %}' },
    });
    expect(result.output).toEqual(['o1', false]);
  });

  test('iterations of a Map have variables of their own', async () => {
    const iteration = machine({
      B: { Type: 'Pass', Assign: { mine: '{% $states.input %}' }, Next: 'W' },
      W: { Type: 'Wait', Seconds: '{% 4 - $mine %}', Next: 'C' },
      C: { Type: 'Pass', Output: '{% $mine %}', End: true },
    });
    expect((await run({ A: { Type: 'Map', ItemProcessor: iteration, End: true } }, { input: [1, 2, 3] })).output).toEqual([1, 2, 3]);
  });

  const rejected: { name: string; states: States; message: string }[] = [
    {
      name: 'an inner scope assigns an outer variable',
      states: {
        A: { Type: 'Pass', Assign: { v: 1 }, Next: 'P' },
        P: { Type: 'Parallel', Branches: [machine({ B: { Type: 'Pass', Assign: { v: 2 }, End: true } })], End: true },
      },
      message: 'assigns $v, which an outer scope assigns too',
    },
    { name: 'a state goes nowhere', states: { A: { Type: 'Pass', Next: 'Nowhere' } }, message: "goes to 'Nowhere'" },
    { name: 'a state neither goes on nor ends', states: { A: { Type: 'Pass' } }, message: 'neither Next nor End' },
    {
      name: 'a field of JSONPath',
      states: { A: { Type: 'Pass', ResultPath: '$', End: true } as State },
      message: "'ResultPath' belongs to JSONPath",
    },
    {
      name: 'a state in JSONPath',
      states: { A: { Type: 'Pass', QueryLanguage: 'JSONPath', End: true } },
      message: 'only QueryLanguage JSONata',
    },
  ];
  test.each(rejected)('refused before it runs: $name', async ({ states, message }) => {
    await expect(run(states)).rejects.toThrow(message);
  });
});

describe('failures', () => {
  const names: { pattern: string; error: string; matches: boolean }[] = [
    { pattern: 'Ecs.ClusterNotFoundException', error: 'Ecs.ClusterNotFoundException', matches: true },
    { pattern: 'Ecs.clusterNotFoundException', error: 'Ecs.ClusterNotFoundException', matches: false },
    { pattern: 'States.ALL', error: 'Anything', matches: true },
    { pattern: 'States.ALL', error: 'States.Timeout', matches: true },
    { pattern: 'States.ALL', error: 'States.Runtime', matches: false },
    { pattern: 'States.ALL', error: 'States.DataLimitExceeded', matches: false },
    { pattern: 'States.DataLimitExceeded', error: 'States.DataLimitExceeded', matches: true },
    { pattern: 'States.Runtime', error: 'States.Runtime', matches: false },
    { pattern: 'States.TaskFailed', error: 'Anything', matches: true },
    { pattern: 'States.TaskFailed', error: 'States.Timeout', matches: false },
    { pattern: 'States.TaskFailed', error: 'States.Runtime', matches: false },
    { pattern: 'States.Timeout', error: 'States.HeartbeatTimeout', matches: true },
    { pattern: 'States.HeartbeatTimeout', error: 'States.Timeout', matches: false },
  ];
  test.each(names)('$pattern catches $error: $matches', async ({ pattern, error, matches }) => {
    const states: States = { A: { ...task, Catch: [{ ErrorEquals: [pattern], Next: 'B' }], End: true }, B: succeed };
    const result = await run(states, { invoke: scripted(new TaskFailure(error, 'why')) });
    expect(result).toMatchObject(
      matches ? { status: 'SUCCEEDED', output: { Error: error, Cause: 'why' } } : { status: 'FAILED', error, cause: 'why' },
    );
  });

  test('the first catcher that matches decides; it may assign and shape the output', async () => {
    const states: States = {
      A: {
        ...task,
        Catch: [
          { ErrorEquals: ['Other'], Next: 'C' },
          {
            ErrorEquals: ['Boom', 'Bang'],
            Next: 'B',
            Assign: { why: '{% $states.errorOutput.Cause %}' },
            Output: { was: '{% $states.errorOutput.Error %}', input: '{% $states.input.a %}' },
          },
          { ErrorEquals: ['States.ALL'], Next: 'C' },
        ],
        Output: 'never evaluated for a failure',
        End: true,
      },
      B: { Type: 'Succeed', Output: '{% [$states.input, $why] %}' },
      C: { Type: 'Fail', Error: 'WrongCatcher' },
    };
    const result = await run(states, { input: { a: 1 }, invoke: scripted(new TaskFailure('Bang', 'it did')) });
    expect(result.output).toEqual([{ was: 'Bang', input: 1 }, 'it did']);
    expect(result.events.filter((event) => event.kind === 'caught')).toMatchObject([{ state: 'A', catcher: 1, error: 'Bang', next: 'B' }]);
  });

  test('retries wait interval × backoff ^ n, each retrier with a count of its own, then the catcher has its turn', async () => {
    const states: States = {
      A: {
        ...task,
        Arguments: { attempt: '{% $states.context.State.RetryCount %}' },
        Retry: [
          { ErrorEquals: ['Slow'], IntervalSeconds: 2, BackoffRate: 1.5, MaxAttempts: 2 },
          { ErrorEquals: ['States.ALL'], IntervalSeconds: 1, MaxAttempts: 1 },
        ],
        Catch: [{ ErrorEquals: ['Slow'], Next: 'B' }],
        End: true,
      },
      B: succeed,
    };
    const slow = new TaskFailure('Slow', '');
    const invoke = scripted(slow, new TaskFailure('Odd', ''), slow, slow);
    const result = await run(states, { invoke });
    expect(result.status).toBe('SUCCEEDED');
    expect(invoke.calls.map(({ args }) => args)).toEqual([{ attempt: 0 }, { attempt: 1 }, { attempt: 2 }, { attempt: 3 }]);
    expect(
      result.events
        .filter((event) => event.kind === 'retried')
        .map(({ error, retrier, attempt, delaySeconds }) => [error, retrier, attempt, delaySeconds]),
    ).toEqual([
      ['Slow', 0, 1, 2],
      ['Odd', 1, 1, 1],
      ['Slow', 0, 2, 3],
    ]);
    expect(result.elapsedSeconds).toBe(2 + 1 + 3);
  });

  test('defaults of Retry, the largest delay, and full jitter', async () => {
    const delays = async (retrier: object): Promise<number[]> => {
      const result = await run(
        { A: { ...task, Retry: [{ ErrorEquals: ['States.ALL'], ...retrier }], End: true } },
        { invoke: scripted(new TaskFailure('E', '')) },
      );
      expect(result.status).toBe('FAILED');
      return result.events.flatMap((event) => (event.kind === 'retried' ? [event.delaySeconds] : []));
    };
    expect(await delays({})).toEqual([1, 2, 4]);
    expect(await delays({ MaxAttempts: 0 })).toEqual([]);
    expect(await delays({ IntervalSeconds: 3, MaxDelaySeconds: 5 })).toEqual([3, 5, 5]);
    expect(await delays({ IntervalSeconds: 4, JitterStrategy: 'FULL' })).toEqual([2, 4, 8]);
  });

  test('an Output that cannot be evaluated fails its task, which can be caught', async () => {
    const states: States = {
      A: { ...task, Output: '{% $states.result.none %}', Catch: [{ ErrorEquals: ['States.QueryEvaluationError'], Next: 'B' }], End: true },
      B: succeed,
    };
    expect(await run(states, { invoke: scripted({}) })).toMatchObject({
      status: 'SUCCEEDED',
      output: { Error: 'States.QueryEvaluationError' },
    });
  });

  test('256 KiB is the most that a state may give, and no wildcard catches more', async () => {
    const states: States = { A: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }], Output: 'small', End: true }, B: succeed };
    expect(await run(states, { invoke: scripted('x'.repeat(262_142)) })).toMatchObject({ status: 'SUCCEEDED' });
    expect(await run(states, { invoke: scripted('x'.repeat(262_143)) })).toMatchObject({
      status: 'FAILED',
      error: 'States.DataLimitExceeded',
    });
    // Two bytes a letter: the limit counts bytes, not letters.
    expect(await run(states, { invoke: scripted('é'.repeat(140_000)) })).toMatchObject({ error: 'States.DataLimitExceeded' });
  });

  test('a fault of the harness is no failure of the machine', async () => {
    const states: States = { A: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }], End: true }, B: succeed };
    await expect(run(states, { invoke: scripted(new TypeError('a bug')) })).rejects.toThrow('a bug');
  });

  test('a failing branch ends its siblings, and the Parallel can be tried again or caught', async () => {
    const ended: string[] = [];
    const invoke = scripted(
      async (_resource, args, { signal }) => {
        signal.addEventListener('abort', () => ended.push(JSON.stringify(args)));
        return new Promise(() => undefined);
      },
      new TaskFailure('Boom', 'first'),
      'one',
      'two',
    );
    const branches = [machine({ B: { ...task, Arguments: 'slow', End: true } }), machine({ C: { ...task, Arguments: 'bad', End: true } })];
    const states: States = { A: { Type: 'Parallel', Branches: branches, Retry: [{ ErrorEquals: ['Boom'] }], End: true } };
    expect(await run(states, { invoke })).toMatchObject({ status: 'SUCCEEDED', output: ['one', 'two'] });
    expect(ended).toEqual(['"slow"']);
    const uncaught = await run(
      { A: { Type: 'Parallel', Branches: branches, Catch: [{ ErrorEquals: ['Boom'], Next: 'D' }], End: true }, D: succeed },
      { invoke: (_r, args) => (args === 'bad' ? Promise.reject(new TaskFailure('Boom', 'again')) : silent(_r, args, undefined as never)) },
    );
    expect(uncaught).toMatchObject({ status: 'SUCCEEDED', output: { Error: 'Boom', Cause: 'again' } });
  });

  test('a Map runs at most MaxConcurrency items at a time', async () => {
    let running = 0;
    let most = 0;
    const item = machine({ B: { ...task, Next: 'W' }, W: { Type: 'Wait', Seconds: 1, Next: 'C' }, C: { ...task, End: true } });
    const invoke = scripted(async () => {
      running += 1;
      most = Math.max(most, running);
      return 'in';
    });
    const leave = scripted('out');
    const result = await run(
      { A: { Type: 'Map', MaxConcurrency: 2, ItemProcessor: item, End: true } },
      {
        input: [1, 2, 3, 4, 5],
        invoke: (resource, args, context) => {
          if (context.state === 'B') return invoke(resource, args, context);
          running -= 1;
          return leave(resource, args, context);
        },
      },
    );
    expect(result.output).toEqual(['out', 'out', 'out', 'out', 'out']);
    expect(most).toBe(2);
    expect(result.elapsedSeconds).toBe(3);
  });
});

describe('time-outs and callbacks', () => {
  test('TimeoutSeconds ends each attempt on its own', async () => {
    let aborted = 0;
    const states: States = {
      A: {
        ...task,
        TimeoutSeconds: '{% 4 %}',
        Retry: [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 1, MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['States.Timeout'], Next: 'B' }],
        End: true,
      },
      B: succeed,
    };
    const invoke = scripted((_resource, _args, { signal }) => {
      signal.addEventListener('abort', () => (aborted += 1));
      return new Promise(() => undefined);
    });
    const result = await run(states, { invoke });
    expect(result).toMatchObject({ status: 'SUCCEEDED', elapsedSeconds: 4 + 1 + 4 });
    expect(aborted).toBe(2);
    expect(result.history.filter(({ type }) => type === 'TaskTimedOut')).toHaveLength(2);
  });

  test('the machine ends when its own TimeoutSeconds are over, whatever is caught', async () => {
    const states: States = {
      A: {
        Type: 'Parallel',
        Branches: [machine({ B: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'C' }], End: true }, C: succeed })],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'D' }],
        End: true,
      },
      D: succeed,
    };
    const result = await run(machine(states, { TimeoutSeconds: 30 }), { invoke: silent });
    expect(result).toMatchObject({ status: 'TIMED_OUT', elapsedSeconds: 30 });
    expect(result.history.at(-1)?.type).toBe('ExecutionTimedOut');
  });

  test('a stopped execution is aborted with the reason it was given', async () => {
    const stop = new AbortController();
    const invoke = scripted(() => {
      stop.abort({ error: 'Enough', cause: 'said the operator' });
      return new Promise(() => undefined);
    });
    const result = await run(
      { A: { ...task, Catch: [{ ErrorEquals: ['States.ALL'], Next: 'B' }], End: true }, B: succeed },
      { invoke, signal: stop.signal },
    );
    expect(result).toMatchObject({ status: 'ABORTED', error: 'Enough', cause: 'said the operator' });
    expect(await run({ A: succeed }, { signal: AbortSignal.abort() })).toMatchObject({ status: 'ABORTED' });
  });

  const callback = {
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    Arguments: { token: '{% $states.context.Task.Token %}' },
    End: true,
  } as const;

  test('a task token is answered once, from outside', async () => {
    const tokens = new TaskTokens();
    const states = [] as string[];
    const invoke = scripted(async (_resource, args, { taskToken }) => {
      expect(args).toEqual({ token: taskToken });
      setImmediate(() =>
        states.push(
          tokens.answer('never given', { output: 1 }),
          tokens.answer(taskToken ?? '', { output: { done: true } }),
          tokens.answer(taskToken ?? '', { output: 2 }),
        ),
      );
      return 'accepted';
    });
    const result = await run({ A: { ...callback, TimeoutSeconds: 1000 } }, { invoke, tokens });
    expect(result.output).toEqual({ done: true });
    expect(states).toEqual(['unknown', 'waiting', 'over']);
    expect(result.history.map(({ type }) => type)).toEqual([
      'ExecutionStarted',
      'TaskStateEntered',
      'TaskScheduled',
      'TaskStarted',
      'TaskSubmitted',
      'TaskSucceeded',
      'TaskStateExited',
      'ExecutionSucceeded',
    ]);
  });

  test('a failure by token has the name that was sent', async () => {
    const tokens = new TaskTokens();
    const invoke = scripted(async (_resource, _args, { taskToken = '' }) =>
      tokens.answer(taskToken, { error: 'Refused', cause: 'by hand' }),
    );
    expect(await run({ A: callback }, { invoke, tokens })).toMatchObject({ status: 'FAILED', error: 'Refused', cause: 'by hand' });
  });

  test('a heartbeat that stays away fails the task; each one gives it the full interval again', async () => {
    const tokens = new TaskTokens();
    const states: States = {
      A: {
        Type: 'Parallel',
        Branches: [
          machine({ B: { ...callback, HeartbeatSeconds: 5 } }),
          machine({ C: { Type: 'Wait', Seconds: 4, Next: 'D' }, D: { ...task, End: true } }),
        ],
        Catch: [{ ErrorEquals: ['States.HeartbeatTimeout'], Next: 'E' }],
        End: true,
      },
      E: succeed,
    };
    let given = '';
    const result = await run(states, {
      tokens,
      invoke: async (_resource, _args, { taskToken }) => {
        if (taskToken === undefined) return tokens.heartbeat(given);
        given = taskToken;
        return null;
      },
    });
    expect(result).toMatchObject({ status: 'SUCCEEDED', elapsedSeconds: 9 });
    expect(tokens.heartbeat(given)).toBe('over');
  });

  test('a job of .sync is submitted, then waited for', async () => {
    const invoke = scripted(async (_resource, _args, { submitted }) => {
      submitted({ job: 1 });
      return { job: 'done' };
    });
    const result = await run({ A: { Type: 'Task', Resource: 'arn:aws:states:::ecs:runTask.sync', End: true } }, { invoke });
    expect(result.output).toEqual({ job: 'done' });
    expect(result.history.find(({ type }) => type === 'TaskSubmitted')).toMatchObject({
      taskSubmittedEventDetails: { resourceType: 'ecs', resource: 'runTask.sync', output: '{"job":1}' },
    });
  });
});

describe('history', () => {
  test('a task that is retried and caught, as AWS would list it', async () => {
    const states: States = {
      'Ask the service': {
        Type: 'Task',
        Resource: 'arn:aws:states:::aws-sdk:ecs:describeTaskSets',
        Arguments: { Cluster: 'c' },
        TimeoutSeconds: 9,
        Retry: [{ ErrorEquals: ['Busy'], MaxAttempts: 1 }],
        Catch: [{ ErrorEquals: ['States.ALL'], Next: 'End it', Assign: { seen: 1 } }],
        End: true,
      },
      'End it': { Type: 'Fail', Error: 'NeedsAPerson', Cause: 'look' },
    };
    const { history } = await run(states, {
      invoke: scripted(new TaskFailure('Busy', 'b'), new TaskFailure('Gone', 'g')),
      input: { a: 1 },
    });
    expect(history.map(({ id, previousEventId, type }) => `${id} ${previousEventId} ${type}`)).toEqual([
      '1 0 ExecutionStarted',
      '2 0 TaskStateEntered',
      '3 2 TaskScheduled',
      '4 3 TaskStarted',
      '5 4 TaskFailed',
      '6 5 TaskScheduled',
      '7 6 TaskStarted',
      '8 7 TaskFailed',
      '9 8 TaskStateExited',
      '10 9 FailStateEntered',
      '11 10 ExecutionFailed',
    ]);
    expect(history[1]?.stateEnteredEventDetails).toEqual({ name: 'Ask the service', input: '{"a":1}', inputDetails: { truncated: false } });
    expect(history[2]?.taskScheduledEventDetails).toEqual({
      resourceType: 'aws-sdk:ecs',
      resource: 'describeTaskSets',
      region: 'us-east-1',
      parameters: '{"Cluster":"c"}',
      timeoutInSeconds: 9,
    });
    expect(history[4]?.taskFailedEventDetails).toEqual({
      resourceType: 'aws-sdk:ecs',
      resource: 'describeTaskSets',
      error: 'Busy',
      cause: 'b',
    });
    expect(history[8]?.stateExitedEventDetails).toMatchObject({ output: '{"Error":"Gone","Cause":"g"}', assignedVariables: { seen: '1' } });
    expect(history[10]?.executionFailedEventDetails).toEqual({ error: 'NeedsAPerson', cause: 'look' });
  });

  test('every type of event is one that the SDK knows', async () => {
    const known = readFileSync(new URL('../../../node_modules/@aws-sdk/client-sfn/dist-types/models/enums.d.ts', import.meta.url), 'utf8');
    const branch = machine({
      B: { Type: 'Choice', Choices: [{ Condition: true, Next: 'M' }] },
      M: { Type: 'Map', ItemProcessor: machine({ C: { ...task, End: true } }), Next: 'W' },
      W: { Type: 'Wait', Seconds: 1, Next: 'P' },
      P: { Type: 'Pass', Output: '{% $none %}', End: true },
    });
    const { history } = await run(
      { A: { Type: 'Parallel', Branches: [branch, branch], Catch: [{ ErrorEquals: ['States.ALL'], Next: 'S' }], End: true }, S: succeed },
      { input: [1, 2], invoke: scripted('ok') },
    );
    const types = new Set(history.map(({ type }) => type));
    expect([...types].filter((type) => !known.includes(`"${type}"`))).toEqual([]);
    expect(types.has('MapIterationSucceeded') && types.has('EvaluationFailed') && types.has('ParallelStateFailed')).toBe(true);
  });

  test('no execution grows beyond 25,000 events', async () => {
    const result = await run({ A: { Type: 'Pass', Next: 'B' }, B: { Type: 'Pass', Next: 'A' } });
    expect(result).toMatchObject({ status: 'FAILED', error: 'States.Runtime' });
    // The state under way leaves, and the end is told.
    expect(result.history.length).toBe(25_002);
  });
});

test('any graph of Pass and Choice ends as walking it by hand says', async () => {
  const graph = fc
    .integer({ min: 1, max: 6 })
    .chain((size) =>
      fc.array(
        fc.record({
          add: fc.integer({ min: 1, max: 5 }),
          limit: fc.integer({ min: 0, max: 40 }),
          low: fc.nat(size - 1),
          high: fc.nat(size - 1),
        }),
        { minLength: size, maxLength: size },
      ),
    );
  await fc.assert(
    fc.asyncProperty(graph, async (nodes) => {
      const states: States = { start: { Type: 'Pass', Assign: { n: 0 }, Next: 'add0' } };
      nodes.forEach(({ add, limit, low, high }, index) => {
        states[`add${index}`] = { Type: 'Pass', Assign: { n: `{% $n + ${add} %}` }, Next: `choose${index}` };
        states[`choose${index}`] = {
          Type: 'Choice',
          Choices: [
            { Condition: '{% $n > 60 %}', Next: 'end' },
            { Condition: `{% $n < ${limit} %}`, Next: `add${low}` },
          ],
          Default: `add${high}`,
        };
      });
      states.end = { Type: 'Succeed', Output: '{% $n %}' };
      let expected = 0;
      for (let at = 0; expected <= 60;) {
        const node = nodes[at];
        if (node === undefined) throw new Error('a graph names a node it has not');
        expected += node.add;
        at = expected < node.limit ? node.low : node.high;
      }
      expect((await run(states)).output).toBe(expected);
    }),
    { numRuns: 60 },
  );
});
