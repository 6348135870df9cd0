/** Two looks at the books of a Region, so far apart that what is silent in between is not only slow, and two probes of the Region beside them. */
import type { LeaseControl } from '../lease/control.ts';
import type { Lease } from '../lease/model.ts';
import type { Journal } from '../trading/journal.ts';
import type { Look, Observed } from './evidence.ts';

export interface ObservationOptions {
  readonly control: LeaseControl;
  readonly journal: Pick<Journal, 'newestAccepted'>;
  /** Whether that Region answers a call that needs nothing of it. */
  readonly answers: (region: string) => Promise<boolean>;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** Among so many entries accepted ones are found, and their usual pauses. */
export const entriesRead = 100;
/** A renewal comes every fifth of a lease: two of them, and the time that one may take. */
export const watchLeases = 2.4 / 5;

export async function observe(
  { control, journal, answers, nowMs, sleep }: ObservationOptions, leases: readonly Lease[], { from, watchMs }: { readonly from: string; readonly watchMs: number },
): Promise<Observed> {
  const look = (): Promise<readonly Look[]> => Promise.all(leases.map(async ({ book, epoch }) => {
    const [lease, registrations, accepted] = await Promise.all([
      control.read(book), control.registrations(book), journal.newestAccepted(book, epoch, { among: entriesRead }),
    ]);
    return { lease, registrations, accepted };
  }));
  const probe = async (afterMs: number): Promise<boolean> => {
    await sleep(afterMs);
    return answers(from);
  };
  const beganMs = nowMs();
  const [before, first, second] = await Promise.all([look(), probe(0), probe(watchMs / 2), sleep(watchMs)]);
  const after = await look();
  const atMs = nowMs();
  return {
    from, nowMs: atMs, watchedMs: atMs - beganMs, answered: [first, second],
    books: after.map((each, index) => ({ before: before[index] ?? each, after: each })),
  };
}

export function longestLeaseMs(leases: readonly Lease[]): number {
  return Math.max(0, ...leases.map(({ leaseMs }) => leaseMs));
}
