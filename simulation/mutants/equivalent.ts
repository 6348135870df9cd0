/** Mutants that change nothing which could be wrong, each with its argument. */
export const equivalents: readonly (readonly [part: string, argument: string])[] = [
  ['a renewal expects nothing', 'its answer shows the item whether or not it was refused, and a holder that finds another epoch, holder, home or mode there stops by itself (decision 7)'],
  ['a standby looks at no home', 'the take-over that it sends is refused: the write has the home among its conditions'],
  ['a permit is given whatever the lease says', 'of a lease that ran out nothing remains, and a permit with less than 20 ms left is refused as too late'],
];

export function equivalent(name: string): string | undefined {
  return equivalents.find(([part]) => name.includes(part))?.[1];
}
