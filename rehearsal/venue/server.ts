/** The venue of a rehearsal: the paper venue, with a market that a seed repeats and a record of every request. */
import { startPaperVenue, type PaperVenueOptions, type RunningPaperVenue } from '../../lib/venues/paper/server.ts';
import { seeded } from '../seeded.ts';
import { authorOf, monotonicMs, type VenueEntry } from './record.ts';

export interface VenueOptions extends Pick<PaperVenueOptions, 'keys' | 'clockOffsetMs' | 'latencyMs' | 'limits' | 'stepEveryMs'> {
  readonly seed: number;
}

export interface RunningVenue extends RunningPaperVenue {
  /** Every request, in the order of the decisions; grows while the venue runs. */
  readonly record: readonly VenueEntry[];
}

export async function startVenue({ seed, ...options }: VenueOptions): Promise<RunningVenue> {
  const record: VenueEntry[] = [];
  const venue = await startPaperVenue({
    ...options, random: seeded(seed), monotonicMs,
    onDecision: (decision) => record.push({ ...decision, ...authorOf(decision.clientOrderId) }),
  });
  return { ...venue, record };
}
