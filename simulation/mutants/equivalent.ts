/** Mutants that change nothing which could be wrong, each with its argument, by the end of its name. */
export const equivalents: readonly (readonly [ending: string, argument: string])[] = [
  ['a renewal expects nothing', 'its answer shows the item whether or not it was refused, and a holder that finds another epoch, holder, home or mode there stops by itself (decision 7)'],
  ['renew: without the condition on mode (differs)', 'as above: who is shown that the book is halted stops, whether or not its heartbeat was counted'],
  ['renew: without the condition on home (equals)', 'as above: who is shown another home stops, whether or not its heartbeat was counted'],
  ['isMine: without the condition on holder (equals)', 'the epoch is named too, and an epoch has one holder from its grant to its end: invariant 2 looks at that after every write'],
  ['handOver: without the condition on successor (absent)', 'the mode is named too, and while it is open there is no successor: a drain that begins in between changes the mode'],
  ['release: without the condition on heartbeat (equals)', 'who has sent a release sends nothing but releases and hand-overs until one of them has ended its epoch, so no renewal can stand between that would have to make a late one void; the epoch does'],
  ['endDrain: without the condition on successor (absent)', 'it is sent in a drain only, and every drain names a successor'],
  ['endDrain: without the condition on mode (equals)', 'the successor is named too, and there is one only while the book drains: whatever ends a drain removes it'],
  ['takeWorkflow: without the condition on workflow.execution (absent)', 'whoever takes the book raises the token, which is named too: with the same token it can only have been given back, and then it may be taken'],
  ['takeWorkflow: without the condition on workflow.execution (equals)', 'as above'],
  ['openOf: without the condition on epoch (equals)', "a book that is halted without anybody's halt was never opened, so its epoch is 0: every halt says by whom it is, and stays written when it is over"],
  ['recordLive: without looking whether the token is still the newest', 'the write that follows names the token, and what it is shown when it is refused is looked at in the same way'],
  ['relocateLive: without looking whether the token is still the newest', 'as above'],
  ['rotation.ts create: without looking again whether it is still home', 'before anything is made or deleted what earlier attempts have left is swept, and that looks whether it is home'],
  ['rotation.ts set: without looking again whether it is still home', 'it uses a key and changes nothing; what promotes looks'],
  ['rotation.ts test: without looking again whether it is still home', 'it uses a key and changes nothing before its sweep, which looks'],
  ['rotation.ts finish: without looking again whether it is still home', 'it looks again after the proof, before it promotes; what it announces only has tasks read the secret'],
  ['rotation.ts settle: without looking again whether it is still home', 'what it announces only has tasks read the secret, and the revocation that it may schedule looks for itself'],
  ['rotation.ts scheduled: without looking again whether it is still home', 'the revocation that is scheduled looks for itself, when it begins and before it deletes'],
  ['rotation.ts revoke: without looking again whether it is still home', 'it looks again after it has listed the keys, before it deletes any'],
];

export function equivalent(name: string): string | undefined {
  return equivalents.find(([ending]) => name.endsWith(ending))?.[1];
}
