/** The phases of the ways back, as people follow them. A test holds the names of states against the machines. */
import type { Settings } from '../../lib/settings/index.ts';
import type { Phase } from '../report/phases.ts';
import { recordPhase } from './cutover-phases.ts';

export const waysBack = ['halt', 'resume', 'rollback', 'revoke-now'] as const;
export type WayBack = (typeof waysBack)[number];

export function waysBackPhases({ cutover }: Settings): Readonly<Record<WayBack, readonly Phase[]>> {
  const within = 'Prepare the colour to go back to';
  const colour = { name: 'colour', within };
  const tell = { name: 'Report and tell', begins: 'Sum up what happened', budgetSeconds: 60 };
  return {
    halt: [
      { name: 'Halt the book', begins: 'Set out with what is known', budgetSeconds: 10 },
      { name: 'The holder stops', begins: 'Begin to wait for the holder to stop', budgetSeconds: 20 },
      tell,
    ],
    resume: [
      { name: 'Check the request and take the book', begins: 'Set out with what is known', budgetSeconds: 30 },
      { name: 'Open the book again', begins: 'Open the book again', budgetSeconds: 15 },
      { name: 'Prove that the book trades', begins: 'Begin to wait for accepted orders', budgetSeconds: 60 },
      tell,
    ],
    'revoke-now': [
      { name: 'Check the request and take the book', begins: 'Set out with what is known', budgetSeconds: 30 },
      { name: 'Halt the book', begins: 'Halt the book for the revocation', budgetSeconds: 20 },
      { name: 'Make and prove a new key', begins: 'Make a new key at the venue', budgetSeconds: 60 },
      { name: 'Every task proves it', begins: 'Give the new key to every task', budgetSeconds: 60 },
      { name: 'Delete the old key', begins: 'Delete the old key and see it refused', budgetSeconds: 30 },
      { name: 'Open the book again', begins: 'Was it halted before already?', budgetSeconds: 60 },
      tell,
    ],
    rollback: [
      { name: 'Decide what to go back to', begins: 'Set out with what is known', budgetSeconds: 30 },
      { name: 'Take the book', begins: 'Take the book for this execution', ends: 'Take the book for this execution', budgetSeconds: 15 },
      { name: 'Start the earlier release', begins: 'Begin to remove an earlier attempt', budgetSeconds: 300, lane: colour },
      { name: 'Healthy and reconciled', begins: 'Begin to wait for healthy standbys', budgetSeconds: cutover.healthySeconds, lane: colour },
      { name: 'Drain and hand over', begins: 'Ask the holder to hand over', budgetSeconds: cutover.drainSeconds },
      { name: 'Prove that the earlier release trades', begins: 'Begin to wait for accepted orders', budgetSeconds: cutover.proveSeconds },
      { name: recordPhase, begins: 'Record in the lease what is live', budgetSeconds: 30 },
      { name: 'Remove what went', begins: 'Begin to remove the old colour', budgetSeconds: 300 },
      tell,
    ],
  };
}
