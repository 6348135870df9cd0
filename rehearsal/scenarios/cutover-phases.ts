/** The phases of the cutover's machine, as people follow them. A test holds the names of states against the machine. */
import type { Settings } from '../../lib/settings/index.ts';
import type { Phase } from '../report/phases.ts';

/** From its end on the new release is what runs: the deployment is done, and only the way back stays open for a while. */
export const recordPhase = 'Record what is live';

export function cutoverPhases({ cutover, approvals }: Settings): readonly Phase[] {
  const within = 'Prepare the snapshot and the new colour';
  const snapshot = { name: 'snapshot', within };
  const colour = { name: 'colour', within };
  return [
    { name: 'Check the request and its images', begins: 'Set out with what is known', budgetSeconds: 30 },
    { name: 'Window, freeze', begins: 'Read the freeze before anybody is asked', budgetSeconds: 60 },
    { name: 'Approvals', begins: 'Tell people whose approval is wanted', budgetSeconds: approvals.withinMinutes * 60 + 30 },
    { name: 'Take the book', begins: 'Take the book for this execution', ends: 'Take the book for this execution', budgetSeconds: 15 },
    {
      name: 'Snapshot the database',
      begins: 'Name the snapshot after this execution',
      ends: 'Note the snapshot that was taken',
      budgetSeconds: 1800,
      lane: snapshot,
    },
    { name: 'Migrate the schema', begins: 'Set out to bring up the new colour', budgetSeconds: 250, lane: colour },
    { name: 'Start the new colour', begins: 'Begin to remove an earlier attempt', budgetSeconds: 300, lane: colour },
    { name: 'Healthy and reconciled', begins: 'Begin to wait for healthy standbys', budgetSeconds: cutover.healthySeconds, lane: colour },
    { name: 'Open the book', begins: 'Open the book for its first trader', budgetSeconds: cutover.drainSeconds },
    { name: 'Drain and hand over', begins: 'Ask the holder to hand over', budgetSeconds: cutover.drainSeconds },
    { name: 'Prove that the new colour trades', begins: 'Begin to wait for accepted orders', budgetSeconds: cutover.proveSeconds },
    { name: 'Bake', begins: 'Begin to bake the new colour', budgetSeconds: cutover.bakeSeconds + 60 },
    { name: recordPhase, begins: 'Record in the lease what is live', budgetSeconds: 30 },
    {
      name: 'Keep the old colour warm',
      begins: 'Keep the old colour warm for the rollback window',
      budgetSeconds: cutover.rollbackWindowSeconds + 10,
    },
    { name: 'Retire the old colour', begins: 'Look whether the new colour still trades after the window', budgetSeconds: 300 },
    { name: 'Contract the schema', begins: 'Run the contraction of the schema', budgetSeconds: 260 },
    { name: 'Hand back', begins: 'Ask the new colour to hand back', budgetSeconds: cutover.drainSeconds },
    { name: 'Prove that the old colour trades', begins: 'Begin to wait for orders of the old colour', budgetSeconds: cutover.proveSeconds },
    { name: 'Remove the new colour', begins: 'Begin to remove the new colour', budgetSeconds: 300 },
    { name: 'Report, tell, release', begins: 'Sum up what happened', budgetSeconds: 60 },
  ];
}
