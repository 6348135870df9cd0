/** The phases of the canary's machine, as people follow them. A test holds the names of states against the machine. */
import type { Settings } from '../../lib/settings/index.ts';
import type { Phase } from '../report/phases.ts';

/** Of a cutover whole, snapshot included. */
const cutoverBudgetSeconds = 3600;

export function canaryPhases({ approvals, canary }: Settings): readonly Phase[] {
  const peopleSeconds = approvals.withinMinutes * 60 + 30;
  return [
    { name: 'Check the request', begins: 'Set out with what is known', budgetSeconds: 30 },
    { name: 'Window, freeze', begins: 'Read the freeze before anybody is asked', budgetSeconds: 60 },
    { name: 'Approvals', begins: 'Tell people whose approval is wanted', budgetSeconds: peopleSeconds },
    { name: 'Cut over the canary', begins: 'Look at the canary before the change', budgetSeconds: cutoverBudgetSeconds },
    { name: 'Watch the canary', begins: 'Begin to watch the canary', budgetSeconds: canary.watchMinutes * 60 + 120 },
    { name: 'A person decides', begins: 'Open the decision about the canary', budgetSeconds: peopleSeconds },
    { name: 'Roll the canary back', begins: 'Did the canary run anything before?', budgetSeconds: 600 },
    { name: 'Cut over the book', begins: 'Let the approvals hold for the book too', budgetSeconds: cutoverBudgetSeconds },
    { name: 'Report and tell', begins: 'Sum up what happened', budgetSeconds: 60 },
  ];
}
