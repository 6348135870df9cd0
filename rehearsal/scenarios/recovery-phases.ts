/** The phases of the machines that move books between Regions, as people follow them. A test holds the names of states against the machines. */
import type { Phase } from '../report/phases.ts';

/** With what a lease of 5 s leaves; the machine has the same budget in its report. */
const firstOrderSeconds = 8;
const promotionSeconds = 2700;
const ledgerSeconds = 600;

/** What belongs to the books follows them, side by side. */
const within = 'Bring over what belongs to the books';
export const databaseLane = { begins: 'Set out to bring the database over', ends: 'Report the database' } as const;
export const asksForPromotion = 'Ask for the promotion of the replica';
export const gathersEvidence = 'Gather the evidence';

export const failoverPhases: readonly Phase[] = [
  { name: 'Check the request', begins: 'Set out with what is known', budgetSeconds: 2 },
  { name: 'Gather the evidence', begins: gathersEvidence, budgetSeconds: 3 },
  { name: 'Take the books', begins: 'Take the books from whoever has them', budgetSeconds: 1 },
  { name: 'Move their homes', begins: 'Move the homes of the books to this Region', budgetSeconds: 1 },
  { name: 'The first orders', begins: 'Wait until each book trades here', ends: 'Wait until each book trades here', budgetSeconds: firstOrderSeconds },
  { name: 'Bring the books to full strength', begins: 'Set out to strengthen the books', ends: 'Report the strength of the books', budgetSeconds: 300, lane: { name: 'capacity', within } },
  { name: 'Look what the replica lacks', begins: databaseLane.begins, budgetSeconds: 5, lane: { name: 'database', within } },
  { name: 'Promote the database', begins: 'Begin to promote the replica', budgetSeconds: promotionSeconds, lane: { name: 'database', within } },
  { name: 'Complete the ledger', begins: 'Begin to wait for the ledger to be complete', ends: databaseLane.ends, budgetSeconds: ledgerSeconds, lane: { name: 'database', within } },
  { name: 'Promote the secrets', begins: 'Set out to promote the secrets', ends: 'Report the secrets', budgetSeconds: 10, lane: { name: 'secrets', within } },
  { name: 'Record where home is', begins: 'Set out to record the facts for deployments', ends: 'Report the facts for deployments', budgetSeconds: 5, lane: { name: 'facts', within } },
  { name: 'Report, tell, release', begins: 'Sum up what happened', budgetSeconds: 60 },
];

/** A failback is a switchover that may have to make the replica first. */
export function switchoverPhases(_machine: 'switchover' | 'failback'): readonly Phase[] {
  return [];
}
