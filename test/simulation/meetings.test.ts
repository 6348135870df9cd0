/** Machines that meet: that they do, that the code that ships keeps its promises when they do, and that a seed tells the same again. */
import { expect, test } from 'vitest';
import { meet } from '../../simulation/lease/meetings.ts';

const seeds = Array.from({ length: 4000 }, (_, at) => at + 1);

test('whatever meets, nobody changes a book that is another’s, and halts and drains end as they should', async () => {
  const said = new Map<string, number>();
  for (const seed of seeds) {
    const { violation, path } = await meet(seed);
    expect({ seed, violation, path: violation === undefined ? [] : path }).toEqual({ seed, violation: undefined, path: [] });
    for (const line of path) {
      for (const word of ['WorkflowPreemptedError', 'BookBusyError', 'LeaseConflictError', ', late:', ', unanswered:', 'is killed', 'release-workflow is applied', 'halt is applied, by hand', 'hand-over is applied']) {
        if (line.includes(word)) said.set(word, (said.get(word) ?? 0) + 1);
      }
    }
  }
  // They were no empty runs.
  expect([...said.entries()].filter(([, count]) => count < 100)).toEqual([]);
  expect(said.size).toBe(9);
});

test('a seed tells the same again, and another something else', async () => {
  const [one, again, other] = [await meet(7), await meet(7), await meet(8)];
  expect(again).toEqual(one);
  expect(other.path).not.toEqual(one.path);
});
