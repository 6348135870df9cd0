/**
 * The old release of the faults that pause the old holder: whenever it is paused, some orders are signed and not sent, and it sends
 * them when it wakes.
 */
import { stallOrdersBy } from './stalled.ts';

stallOrdersBy(300);
await import('../../../containers/trader/main.ts');
