/** The phases of the machines that move books between Regions, as people follow them. A test holds the names of states against the machines. */
import type { Settings } from '../../lib/settings/index.ts';
import type { Phase } from '../report/phases.ts';

/** With what a lease of 5 s leaves; the machine has the same budget in its report. */
const firstOrderSeconds = 8;
const promotionSeconds = 2700;
const ledgerSeconds = 600;
/** A replica is a snapshot, its copy and a restore; the budget of the machine is as generous. */
const replicaSeconds = 7200;

/** What belongs to the books follows them, side by side. */
const within = 'Bring over what belongs to the books';
export const databaseLane = { begins: 'Set out to bring the database over', ends: 'Report the database' } as const;
export const asksForPromotion = 'Ask for the promotion of the replica';
export const gathersEvidence = 'Gather the evidence';

/** A failover and a planned move do the same. */
const besideTrading: readonly Phase[] = [
  {
    name: 'Bring the books to full strength', begins: 'Set out to strengthen the books', ends: 'Report the strength of the books', budgetSeconds: 300,
    lane: { name: 'capacity', within },
  },
  { name: 'Look what the replica lacks', begins: databaseLane.begins, budgetSeconds: 5, lane: { name: 'database', within } },
  { name: 'Promote the database', begins: 'Begin to promote the replica', budgetSeconds: promotionSeconds, lane: { name: 'database', within } },
  {
    name: 'Complete the ledger', begins: 'Begin to wait for the ledger to be complete', ends: databaseLane.ends, budgetSeconds: ledgerSeconds,
    lane: { name: 'database', within },
  },
  { name: 'Promote the secrets', begins: 'Set out to promote the secrets', ends: 'Report the secrets', budgetSeconds: 10, lane: { name: 'secrets', within } },
  {
    name: 'Record where home is', begins: 'Set out to record the facts for deployments', ends: 'Report the facts for deployments', budgetSeconds: 5,
    lane: { name: 'facts', within },
  },
];

export const failoverPhases: readonly Phase[] = [
  { name: 'Check the request', begins: 'Set out with what is known', budgetSeconds: 2 },
  { name: 'Gather the evidence', begins: gathersEvidence, budgetSeconds: 3 },
  { name: 'Take the books', begins: 'Take the books from whoever has them', budgetSeconds: 1 },
  { name: 'Move their homes', begins: 'Move the homes of the books to this Region', budgetSeconds: 1 },
  { name: 'The first orders', begins: 'Wait until each book trades here', ends: 'Wait until each book trades here', budgetSeconds: firstOrderSeconds },
  ...besideTrading,
  { name: 'Report, tell, release', begins: 'Sum up what happened', budgetSeconds: 60 },
];


/** Of a switchover, and of a failback, which may have to make a replica first. */
export function moveOfBooksPhases({ cutover }: Settings, machine: 'switchover' | 'failback'): readonly Phase[] {
  return [
    { name: 'Check the request and both databases', begins: 'Set out with what is known', budgetSeconds: 30 },
    ...(machine === 'failback' ? [{ name: 'Make a replica here', begins: 'Is there a database of before?', budgetSeconds: replicaSeconds }] : []),
    { name: 'Take the books', begins: 'Take all books for this execution', budgetSeconds: 5 },
    { name: 'The replica keeps up', begins: 'Begin to look at the replica here', budgetSeconds: 60 },
    { name: 'A standby for each book', begins: 'Begin to wait for standbys here', budgetSeconds: 60 },
    { name: 'Drain and hand over', begins: 'Move each book to this Region', budgetSeconds: cutover.drainSeconds },
    { name: 'The first orders', begins: 'Wait until each book trades here', budgetSeconds: 20 },
    { name: 'Complete the ledger of the old home', begins: 'Begin to wait for the ledger of the old home', budgetSeconds: 60 },
    { name: 'Close the old database', begins: 'Close the database of the old home', budgetSeconds: 20 },
    { name: 'The replica gets the rest', begins: 'Begin to wait for what the replica here lacks', budgetSeconds: 120 },
    { name: 'Bring over what belongs to the books', begins: within, ends: within, budgetSeconds: promotionSeconds + ledgerSeconds },
    ...besideTrading,
    { name: 'Make a replica in the old home', begins: 'Give the books back before the replica is made', budgetSeconds: replicaSeconds },
    { name: 'Report, tell', begins: 'Sum up what happened', budgetSeconds: 60 },
  ];
}
