/** What broke a limit beside others is told again alone; what no slowness explains is not forgiven. */
import { expect, test } from 'vitest';
import type { Progress, TerminalProgress } from '../../rehearsal/report/progress.ts';
import { atMost, exactly, type PromiseKept } from '../../rehearsal/report/report.ts';
import { tellAll } from '../../rehearsal/side-by-side.ts';
import { UnavailableError } from '../../rehearsal/unavailable.ts';

const slow = atMost('gap', 'Orders went on through it all', 1066, 1000, 'ms');
const quick = atMost('gap', 'Orders went on through it all', 438, 500, 'ms');
const stale = exactly('no-stale-order', 'No order of an old epoch was accepted', 1, 0);

/** Each name has what it ends with, time after time. */
async function toldOf(endings: Readonly<Record<string, readonly (PromiseKept | Error)[]>>, jobs: number) {
  const tellings: string[] = [];
  const said: string[] = [];
  let running = 0;
  let most = 0;
  const part: Progress = { heading: (text) => void said.push(text), note: (text) => void said.push(text), begin: () => () => undefined, close: () => undefined };
  const progress: TerminalProgress = { ...part, inTurn: (count) => Array.from({ length: count }, () => part) };
  const told = await tellAll({
    plan: Object.keys(endings), jobs, progress, nameOf: (name) => name,
    async tell(name, beside) {
      const again = tellings.filter((each) => each.startsWith(`${name} `)).length;
      tellings.push(`${name} ${beside ? 'beside others' : 'alone'}`);
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      running -= 1;
      const ending = (endings[name] ?? [])[again] ?? quick;
      if (ending instanceof Error) throw ending;
      return { name, report: { promises: [ending] } };
    },
  });
  return { told: told.map(({ name, report: { promises } }) => [name, promises[0]?.measured]), tellings, said, most };
}

test('so many at a time, answered in the order of the plan', async () => {
  const { told, tellings, most } = await toldOf({ one: [], two: [], three: [] }, 2);
  expect(told).toEqual([['one', 438], ['two', 438], ['three', 438]]);
  expect(tellings).toEqual(['one beside others', 'two beside others', 'three beside others']);
  expect(most).toBe(2);
});

test('a limit of time that was broken beside others is told again alone, and that counts', async () => {
  const { told, tellings, said } = await toldOf({ one: [slow, quick], two: [] }, 2);
  expect(told).toEqual([['one', 438], ['two', 438]]);
  expect(tellings).toEqual(['one beside others', 'two beside others', 'one alone']);
  expect(said).toEqual(['one broke a limit beside others, and is told again alone', 'Orders went on through it all: 1066 ms (limit 1000 ms)']);
});

test('what breaks alone too stays broken, and the rest is not told again', async () => {
  const { told, tellings } = await toldOf({ one: [slow, slow], two: [slow, quick] }, 2);
  expect(told).toEqual([['one', 1066], ['two', 1066]]);
  expect(tellings.filter((each) => each.endsWith('alone'))).toEqual(['one alone']);
});

test('what could not go on beside others is told again alone, and the others to their end', async () => {
  const { told, tellings, said } = await toldOf({ one: [new Error('the stack was not created')], two: [slow, quick], three: [] }, 2);
  expect(told).toEqual([['one', 438], ['two', 438], ['three', 438]]);
  expect(tellings).toEqual(['one beside others', 'two beside others', 'three beside others', 'one alone', 'two alone']);
  expect(said.slice(0, 2)).toEqual(['one could not go on beside others, and is told again alone', 'the stack was not created']);
});

test('what cannot go on alone either ends it, and so does what is missing on this machine, at once', async () => {
  await expect(toldOf({ one: [new Error('beside'), new Error('alone')], two: [] }, 2)).rejects.toThrow('alone');
  await expect(toldOf({ one: [new UnavailableError('no Redis')], two: [] }, 2)).rejects.toThrow('no Redis');
});

test('an order of an old epoch is never told again', async () => {
  const { told, tellings } = await toldOf({ one: [stale, quick], two: [] }, 2);
  expect(told[0]).toEqual(['one', 1]);
  expect(tellings).toHaveLength(2);
});

test.each([['one telling', { one: [slow, quick] }, 3], ['one at a time', { one: [slow, quick], two: [] }, 1]] as const)(
  '%s is alone already', async (_, endings, jobs) => {
    const { told, tellings } = await toldOf(endings, jobs);
    expect(told[0]).toEqual(['one', 1066]);
    expect(tellings.every((each) => each.endsWith('alone'))).toBe(true);
  },
);
