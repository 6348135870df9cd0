/** Waits for a state in a test: as the rehearsal does, with a bound that a test can spare. */
import { until as untilWithin } from '../rehearsal/until.ts';

export const until = <State>(
  what: string,
  look: () => State | undefined | false | Promise<State | undefined | false>,
  boundMs = 60_000,
): Promise<State> => untilWithin(what, boundMs, look);
