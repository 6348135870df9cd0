/** The release of the fault `canary-slow`: the real trader, whose orders take too long. */
import { stallOrdersBy } from './stalled.ts';

stallOrdersBy(700);
await import('../../../containers/trader/main.ts');
