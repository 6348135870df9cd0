/** Cells that do not hold, each with what is wrong and what helps meanwhile. They are left out of the grid and printed, so that nobody forgets them. */
import { words, type Cell } from './cells.ts';

const known: readonly { readonly is: (cell: Cell) => boolean; readonly why: string }[] = [
  {
    is: ({ play, fault }) => play === 'dr-drill' && fault?.state === 'Start the shadow task' && fault.times === 'always' && fault.when !== 'before'
      && fault.what !== words.twice && fault.what !== words.former,
    why: 'a shadow task whose start nobody answered runs on: the drill does not know it and no reaper looks for tasks. It trades on paper, its book is halted; stop it in the cluster of the drills',
  },
];

/** Why this one is left out; undefined when it is told. */
export function knownToBreak(cell: Cell): string | undefined {
  return known.find(({ is }) => is(cell))?.why;
}
