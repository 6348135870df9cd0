/** Each rule that synth holds a state machine to, broken once. */
import { describe, expect, it } from 'vitest';
import { checkDefinition, type Findings, type Graph, type State } from '../../lib/workflows/checks.ts';
import type { Loop } from '../../lib/workflows/workflow.ts';

const Comment = 'Because.';
const done: State = { Type: 'Succeed', Comment };
const task = (more: Partial<State> = {}): State => ({ Type: 'Task', Comment, TimeoutSeconds: 10, Next: 'It is done', ...more });

function check(
  states: Record<string, State>,
  options: { errors?: Record<string, string[]>; loops?: Loop[]; itemsMax?: Record<string, number>; objectiveSeconds?: number } = {},
): Findings {
  const graph: Graph = { StartAt: Object.keys(states)[0]!, States: { ...states, 'It is done': done } };
  return checkDefinition(graph, {
    declarations: {
      loops: options.loops ?? [],
      errors: new Map(Object.entries(options.errors ?? {})),
      itemsMax: new Map(Object.entries(options.itemsMax ?? {})),
    },
    endings: ['Refused'],
    objectiveSeconds: options.objectiveSeconds ?? 10_000,
  });
}
const catchAll = { Catch: [{ ErrorEquals: ['States.ALL'], Next: 'It is done' }] };

describe('a sound machine', () => {
  it('has no problem, and a worst path that counts every attempt and the pauses between them', () => {
    const Retry = [{ ErrorEquals: ['States.Timeout'], IntervalSeconds: 1, BackoffRate: 2, MaxAttempts: 2 }];
    expect(check({ 'Do the work': task({ Retry, ...catchAll }) })).toMatchObject({ problems: [], worstPathSeconds: 33 });
  });
  it('takes its longest branch, and the longer of two ways', () => {
    const branch = (seconds: number): Graph => ({
      StartAt: `Wait for ${seconds} s`,
      States: { [`Wait for ${seconds} s`]: { Type: 'Wait', Comment, Seconds: seconds } },
    });
    const states: Record<string, State> = {
      'Do both at once': { Type: 'Parallel', Comment, Branches: [branch(5), branch(7)], ...catchAll, Next: 'Is it late?' },
      'Is it late?': { Type: 'Choice', Comment, Choices: [{ Next: 'Wait a bit more' }], Default: 'It is done' },
      'Wait a bit more': { Type: 'Wait', Comment, Seconds: 4, Next: 'It is done' },
    };
    expect(check(states)).toMatchObject({ problems: [], worstPathSeconds: 11 });
  });
});

describe('a loop', () => {
  const states: Record<string, State> = {
    'Begin to ask around': { Type: 'Pass', Comment, Next: 'Ask for it' },
    'Ask for it': task({ ...catchAll, Next: 'Is it there?' }),
    'Is it there?': { Type: 'Choice', Comment, Choices: [{ Next: 'It is done' }], Default: 'Wait a moment' },
    'Wait a moment': { Type: 'Wait', Comment, Seconds: 1, Next: 'Ask for it' },
  };
  const loop = { begin: 'Begin to ask around', first: 'Ask for it', last: 'Wait a moment' };
  it('without a declared bound is a problem', () => {
    expect(check(states).problems.join()).toMatch(/loop through 'Ask for it' without a declared bound/);
  });
  it('costs its limit, the round begun just before it, and the way out', () => {
    expect(check(states, { loops: [{ ...loop, bound: { limitSeconds: 60, everySeconds: 1 } }] })).toMatchObject({
      problems: [],
      worstPathSeconds: 60 + 11 + 10,
    });
  });
  it('of so many rounds costs them all', () => {
    expect(check(states, { loops: [{ ...loop, bound: { rounds: 3 } }] })).toMatchObject({ problems: [], worstPathSeconds: 33 + 10 });
  });
});

describe('the history', () => {
  const ask: Record<string, State> = {
    'Begin to ask around': { Type: 'Pass', Comment, Next: 'Ask for it' },
    'Ask for it': task({ ...catchAll, Next: 'Is it there?' }),
    'Is it there?': { Type: 'Choice', Comment, Choices: [{ Next: 'It is done' }], Default: 'Wait a moment' },
    'Wait a moment': { Type: 'Wait', Comment, Seconds: 5, Next: 'Ask for it' },
  };
  const poll = (limitSeconds: number, everySeconds: number): Loop => ({
    begin: 'Begin to ask around',
    first: 'Ask for it',
    last: 'Wait a moment',
    bound: { limitSeconds, everySeconds },
  });

  it('counts nine events for each round of a poll, and the way out', () => {
    expect(check(ask, { loops: [poll(60, 5)] }).worstPathEvents).toBe(2 + 13 * 9 + 5 + 2 + 2);
  });
  it('counts every branch, and every item that a Map can have', () => {
    const inner: Graph = { StartAt: 'Do the work', States: { 'Do the work': { Type: 'Task', Comment, TimeoutSeconds: 1 } } };
    const states: Record<string, State> = {
      'Do both at once': { Type: 'Parallel', Comment, Branches: [inner, inner], ...catchAll, Next: 'Do each of them' },
      'Do each of them': { Type: 'Map', Comment, ItemProcessor: inner, ...catchAll, Next: 'It is done' },
    };
    expect(check(states, { itemsMax: { 'Do each of them': 3 } }).worstPathEvents).toBe(4 + 2 * 5 + (4 + 3 * (2 + 5)) + 2);
  });
  it('that could outgrow an execution is a problem', () => {
    const { problems } = check(ask, { loops: [poll(3600, 1)] });
    expect(problems.join()).toMatch(/writes 32420 events of history, and 20000 leave room.*fails at 25,000/);
  });
});

describe('a problem is', () => {
  const problem = (states: Record<string, State>, options?: Parameters<typeof check>[1]): string =>
    check(states, options).problems.join('\n');
  it('a worst path above the objective', () => {
    expect(problem({ 'Do the work': task(catchAll) }, { objectiveSeconds: 9 })).toMatch(/takes 10 s, the objective is 9 s/);
  });
  it('a task without a time-out', () => {
    expect(problem({ 'Do the work': { Type: 'Task', Comment, Next: 'It is done', ...catchAll } })).toMatch(/'Do the work' has no time-out/);
  });
  it('a state without a comment', () => {
    expect(problem({ 'Note the time': { Type: 'Pass', Next: 'It is done' } })).toMatch(/has no comment/);
  });
  it.each(['DoWork', 'do the work', 'Work', "Don't do this"])('a name that is no sentence: %s', (name) => {
    expect(problem({ [name]: { Type: 'Pass', Comment, Next: 'It is done' } })).toMatch(/does not read as a sentence/);
  });
  it('a Catch of an error that nobody declares', () => {
    const Catch = [{ ErrorEquals: ['BookBuzyError'], Next: 'It is done' }, ...catchAll.Catch];
    expect(problem({ 'Take the book': task({ Catch }) }, { errors: { 'Take the book': ['BookBusyError'] } })).toMatch(
      /catches 'BookBuzyError', which nothing in it declares/,
    );
  });
  it('a declared error that is caught nowhere', () => {
    const Catch = [{ ErrorEquals: ['BookBusyError'], Next: 'It is done' }];
    const found = problem({ 'Take the book': task({ Catch }) }, { errors: { 'Take the book': ['BookBusyError', 'LeaseMissingError'] } });
    expect(found).toMatch(/can end with 'LeaseMissingError'/);
    expect(found).not.toMatch(/BookBusyError/);
  });
  it('an error of a branch that its Parallel does not catch', () => {
    const Branches: Graph[] = [{ StartAt: 'Give up on it', States: { 'Give up on it': { Type: 'Fail', Comment, Error: 'TooLate' } } }];
    const found = problem(
      { 'Do both at once': { Type: 'Parallel', Comment, Branches, Next: 'It is done' } },
      { errors: { 'Give up on it': ['TooLate'] } },
    );
    expect(found).toMatch(/can end with 'TooLate'/);
  });
});
