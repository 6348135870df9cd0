/** A release of the fault `trader-clock-off`: the real trader on a host whose clock is 3 s behind. */
import { shiftClock } from './shifted-clock.ts';

shiftClock(-3000);
await import('../../../containers/trader/main.ts');
