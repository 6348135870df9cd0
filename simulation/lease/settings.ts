/**
 * The small worlds in which every interleaving of the lease is explored: who is there, and which faults may come on one path.
 */
import type { Setting } from './explorer.ts';

const home = 'us-east-1';
const away = 'us-west-2';
export const blueGreen = [[home, 'blue'], [home, 'green']] as const;
const twoBlueGreen = [[home, 'blue'], [home, 'blue'], [home, 'green']] as const;
export const twoRegions = [[home, 'blue'], [away, 'green']] as const;
/** Beside what is live, the other Region runs another release too. */
const refreshing = [[home, 'blue', 'live'], [away, 'green', 'live'], [away, 'blue', 'newer']] as const;
/** The holder has a standby beside it. */
const twoAndAway = [[home, 'blue'], [home, 'blue'], [away, 'green']] as const;
export const threeAround = [[home, 'blue'], [away, 'green'], [home, 'green']] as const;
export const green = ['green'] as const;

export type Sketch = Pick<Setting, 'instances' | 'faults'> & Partial<Setting>;
/** Each explored to its end in seconds, the smallest first. */
export const settings: Readonly<Record<string, Sketch>> = {
  'a trader that sees late, and a late word, in a drain': { instances: blueGreen, faults: { staleViews: 2, lateWords: 1, drains: 1 } },
  'a crash and a doubtful write': { instances: blueGreen, faults: { crashes: 1, doubtfulWrites: 1 } },
  'a trader asks for a halt, and SIGTERM': { instances: blueGreen, faults: { mismatches: 1, terminations: 1 } },
  'a trader asks for a halt, with a doubtful write': { instances: blueGreen, faults: { mismatches: 1, doubtfulWrites: 1 } },
  'two of a colour: a crash in a drain': { instances: twoBlueGreen, faults: { crashes: 1, drains: 1 } },
  'a drain towards a colour that the other Region has too': { instances: threeAround, faults: { drains: 1, crashes: 1 } },
  'the home moves while a guard stands still': { instances: twoRegions, faults: { moves: 1, pauses: 1 } },
  'the home moves there and back, under a drain towards the other Region': {
    instances: twoRegions, faults: { moves: 2, drains: 1 }, successors: [1],
  },
  'the home moves to where two releases run, and one crashes': { instances: refreshing, live: 'live', faults: { moves: 1, crashes: 1 } },
  'a trader asks for a halt in a drain that is called off': { instances: blueGreen, faults: { mismatches: 1, drains: 1, cancels: 1 } },
  'two of a colour: SIGTERM and a crash': { instances: twoBlueGreen, faults: { terminations: 1, crashes: 1 } },
  'two drains towards either colour, a late word between': {
    instances: blueGreen, faults: { drains: 2, cancels: 1, lateWords: 1 }, successors: ['green', 'blue'],
  },
  'a pause and a doubtful write': { instances: blueGreen, faults: { pauses: 1, doubtfulWrites: 1 } },
  'a pause, and a trader that sees late, in a drain': { instances: blueGreen, faults: { pauses: 1, staleViews: 1, drains: 1 } },
  'a drain, called off, with a doubtful write and a late word': {
    instances: blueGreen, faults: { drains: 1, cancels: 1, doubtfulWrites: 1, lateWords: 1 },
  },
  'the home moves from a holder that was told to end': { instances: twoRegions, faults: { moves: 1, terminations: 1, doubtfulWrites: 1 } },
  'the home moves in a drain that a halt ends': { instances: twoRegions, faults: { moves: 1, drains: 1, halts: 1 }, successors: [1] },
  'the home moves, is halted, and a write is doubtful': { instances: twoRegions, faults: { moves: 1, halts: 1, doubtfulWrites: 1 } },
  'SIGTERM with a doubtful write, in a drain': { instances: blueGreen, faults: { terminations: 1, drains: 1, doubtfulWrites: 1 } },
  'a halt in a drain, with a doubtful write': { instances: blueGreen, faults: { halts: 1, drains: 1, doubtfulWrites: 1 } },
  'two drains, the first called off, with a doubtful write': { instances: blueGreen, faults: { drains: 2, cancels: 1, doubtfulWrites: 1 } },
  'two of a colour: the home moves from a holder that was told to end': { instances: twoAndAway, faults: { moves: 1, terminations: 1 } },
  'two of a colour: a halt meets SIGTERM': { instances: twoBlueGreen, faults: { halts: 1, terminations: 1 } },
  'a trader asks for a halt, and so does a person': { instances: blueGreen, faults: { mismatches: 1, halts: 1 } },
};
/** Those that take minutes, or are not explored to their end. */
export const larger: Readonly<Record<string, Sketch>> = {
  'two drains with two doubtful writes': {
    instances: blueGreen, faults: { drains: 2, cancels: 1, doubtfulWrites: 2, lateWords: 1 }, successors: ['green', 'blue'],
  },
  'a pause and a doubtful write in a drain': { instances: blueGreen, faults: { pauses: 1, drains: 1, doubtfulWrites: 1 } },
  'a pause, a crash and a doubtful write': { instances: blueGreen, faults: { pauses: 1, crashes: 1, doubtfulWrites: 1 } },
  'two of a colour: two crashes in a drain': { instances: twoBlueGreen, faults: { crashes: 2, drains: 1 } },
  'a drain, called off, with two doubtful writes': { instances: blueGreen, faults: { drains: 1, cancels: 1, doubtfulWrites: 2 } },
  'two of a colour, a bit of everything': {
    instances: twoBlueGreen,
    faults: { drains: 1, cancels: 1, doubtfulWrites: 1, crashes: 1, pauses: 1, staleViews: 1, lateWords: 1, terminations: 1 },
  },
  'the home moves late, in a drain that a halt ends': {
    instances: twoRegions, faults: { moves: 1, drains: 1, halts: 1, doubtfulWrites: 1 }, successors: [1],
  },
  'the home moves to where two releases run, with a doubtful write': { instances: refreshing, live: 'live', faults: { moves: 1, crashes: 1, doubtfulWrites: 1 } },
  'two Regions, a bit of everything': {
    instances: threeAround, faults: { drains: 1, moves: 1, halts: 1, doubtfulWrites: 1, crashes: 1, pauses: 1 }, successors: ['green', 1],
  },
};
