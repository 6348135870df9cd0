/** Mutants that change nothing which could be wrong, each with its argument. */
export const equivalents: readonly (readonly [part: string, argument: string])[] = [
  ['a renewal expects nothing', 'its answer shows the item whether or not it was refused, and a holder that finds another epoch, holder, home or mode there stops by itself (decision 7)'],
  ['renew: without the condition on mode', 'as above: who is shown that the book is halted stops, whether or not its heartbeat was counted'],
  ['renew: without the condition on home', 'as above: who is shown another home stops, whether or not its heartbeat was counted'],
  ['a standby looks at no home', 'the take-over that it sends is refused: the write has the home among its conditions'],
  ['a permit is given whatever the lease says', 'of a lease that ran out nothing remains, and a permit with less than 20 ms left is refused as too late'],
  ['takeWorkflow: without the condition on workflow.execution', 'whoever takes the book raises the token, which is named too: with the same token it can only have been given back, and then it may be taken'],
  ['openOf: without the condition on epoch', "a book that is halted without anybody's halt was never opened, so its epoch is 0: every halt says by whom it is, and stays written when it is over"],
  ['recordLive: without looking whether', 'the write that follows names the token, and what it is shown when it is refused is looked at in the same way'],
  ['relocateLive: without looking whether', 'the write that follows names the token, and what it is shown when it is refused is looked at in the same way'],
  ['isMine: without the condition on holder', 'the epoch is named too, and an epoch has one holder from its grant to its end: invariant 2 looks at that after every write'],
  ['rotation.ts create: without looking again whether it is still home, the first', 'before anything is made or deleted what earlier attempts have left is swept, and that looks whether it is home'],
  ['handOver: without the condition on successor (absent)', 'the mode is named too, and while it is open there is no successor: a drain that begins in between changes the mode'],
];

export function equivalent(name: string): string | undefined {
  return equivalents.find(([part]) => name.includes(part))?.[1];
}
