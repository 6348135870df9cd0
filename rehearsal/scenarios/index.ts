/** Every scenario, in the order in which `npm run rehearse` tells them. */
import { cutover } from './cutover.ts';
import type { Scenario } from './scenario.ts';
import { takeover } from './takeover.ts';

export const scenarios: readonly Scenario[] = [cutover, takeover];
