/**
 * Is a Region lost? What can be seen of it from another one, on four sides, so that one wrong alarm cannot start a failover: the leases of
 * its books, their orders, the instances that traded there, and the Region's own answer.
 *
 * All but the age of the newest order is seen as change between two looks by one function: no clock is compared. The age is
 * by the clock of whoever sent the order, as good as the time servers keep it, and is evidence, not a condition of safety.
 */
import type { Side } from '../contracts/recovery.ts';
import type { Lease, Registration } from '../lease/model.ts';
import type { JournalEntry } from '../trading/journal.ts';

/** One look at a book. */
export interface Look {
  readonly lease: Lease;
  readonly registrations: readonly Registration[];
  /** Its newest accepted orders, newest first. */
  readonly accepted: readonly JournalEntry[];
}
export interface Observed {
  readonly from: string;
  readonly watchedMs: number;
  /** Of each book of the Region, before and after. */
  readonly books: readonly { readonly before: Look; readonly after: Look }[];
  /** Whether the Region answered each of the probes. */
  readonly answered: readonly boolean[];
  readonly nowMs: number;
}

/** Longer than this many of its usual pauses between orders, and a lease besides, a book is quiet. */
const pausesAtMost = 10;

export function judgeLoss({ from, watchedMs, books, answered, nowMs }: Observed): { readonly lost: boolean; readonly sides: Side[]; readonly seen: string } {
  const seconds = (watchedMs / 1000).toFixed(1);
  const held = books.filter(({ before }) => before.lease.holder !== undefined && before.lease.mode !== 'halted');
  const renewing = held.filter(({ before, after }) => before.lease.epoch !== after.lease.epoch || before.lease.heartbeat !== after.lease.heartbeat);
  const ordering = held.filter(({ before, after }) => !isQuiet(before, after, nowMs));
  const instances = books.flatMap(({ before, after }) => after.registrations.flatMap((each) => {
    if (each.region !== from) return [];
    const known = before.registrations.find(({ instance }) => instance === each.instance);
    return [{ instance: each.instance, moved: known === undefined || known.beat !== each.beat }];
  }));
  const alive = instances.filter(({ moved }) => moved);
  const names = (some: typeof held): string => some.map(({ after }) => after.lease.book).join(', ');
  const nobody = `nobody in ${from} holds a book that is not halted`;
  const sides: Side[] = [
    {
      side: 'lease', lost: held.length > 0 && renewing.length === 0,
      seen: held.length === 0 ? nobody : renewing.length === 0 ? `no lease was renewed within ${seconds} s` : `renewed within ${seconds} s: ${names(renewing)}`,
    },
    {
      side: 'orders', lost: held.length > 0 && ordering.length === 0,
      seen: held.length === 0 ? nobody : ordering.length === 0 ? 'the venue has accepted no order for longer than is usual' : `orders go on, or have none to compare with: ${names(ordering)}`,
    },
    {
      side: 'instances', lost: instances.length > 0 && alive.length === 0,
      seen: `${alive.length} of ${instances.length} instances in ${from} gave a sign of life`,
    },
    {
      side: 'region', lost: !answered.includes(true),
      seen: `${answered.filter(Boolean).length} of ${answered.length} probes of ${from} were answered`,
    },
  ];
  return { lost: sides.some(({ lost }) => lost), sides, seen: sides.map(({ side, lost, seen }) => `${side} (${lost ? 'lost' : 'not lost'}): ${seen}`).join('; ') };
}

/** A book that trades once an hour is not quiet after a minute: its own pauses are the measure. */
function isQuiet(before: Look, after: Look, nowMs: number): boolean {
  const [newest] = after.accepted;
  if (newest?.sentAtMs === undefined || newest.clientOrderId !== before.accepted[0]?.clientOrderId) return false;
  const times = after.accepted.flatMap(({ sentAtMs }) => sentAtMs ?? []);
  if (times.length < 2) return false;
  const usualPauseMs = (newest.sentAtMs - Math.min(...times)) / (times.length - 1);
  return nowMs - newest.sentAtMs > after.lease.leaseMs + pausesAtMost * usualPauseMs;
}
