/**
 * Judges a run from the venue's record: nothing that a trader, a guard or a table says of itself counts here.
 * When the grants of the lease are given too, an order is also stale once a newer epoch was granted, not only once one traded.
 */
import { createOrderPath, type VenueEntry } from './record.ts';

export interface Grant {
  readonly epoch: number;
  readonly atMs: number;
}

export interface Handover {
  readonly fromEpoch: number;
  readonly toEpoch: number;
  /** From the last order accepted before the new epoch's first one to that one. */
  readonly gapMs: number;
  /** The longest time between two accepted orders from that gap on until the book is quiet again. */
  readonly longestGapMs: number;
  readonly firstOrderAtMs: number;
}

export interface Judgement {
  readonly ordersSent: number;
  readonly ordersAccepted: number;
  /** Acceptances of a client order id that had been accepted before. */
  readonly duplicatesAccepted: number;
  /** Orders accepted from an epoch older than one already granted, or already accepted. */
  readonly staleEpochAccepted: number;
  /** Orders that the venue refused because they came after their window. */
  readonly lateRejected: number;
  /** Longest time between two accepted orders around the handovers; 0 without one. */
  readonly maxGapMs: number;
  /** Time in which two epochs both had orders accepted. */
  readonly overlapMs: number;
  readonly handovers: readonly Handover[];
}

const lateCode = 10002;
/** A stumble soon after the change of hands belongs to it. */
const aroundMs = 2000;

/** One book's orders; `record` may hold several books' and other requests. */
export function judge(record: readonly VenueEntry[], { book, grants = [] }: { book: string; grants?: readonly Grant[] }): Judgement {
  const sent = record.filter((entry) => entry.path === createOrderPath && entry.book === book);
  const accepted = sent.filter((entry) => entry.accepted).sort((a, b) => a.decidedAtMs - b.decidedAtMs);
  const handovers = handoversIn(accepted);
  return {
    ordersSent: sent.length,
    ordersAccepted: accepted.length,
    duplicatesAccepted: accepted.length - new Set(accepted.map((entry) => `${entry.account}/${entry.clientOrderId}`)).size,
    staleEpochAccepted: staleIn(accepted, grants),
    lateRejected: sent.filter((entry) => entry.code === lateCode).length,
    maxGapMs: Math.max(0, ...handovers.map((handover) => handover.longestGapMs)),
    overlapMs: overlapIn(accepted),
    handovers,
  };
}

function staleIn(accepted: readonly VenueEntry[], grants: readonly Grant[]): number {
  let newest = -Infinity;
  let stale = 0;
  for (const { epoch = -Infinity, decidedAtMs } of accepted) {
    const granted = grants.filter((grant) => grant.atMs <= decidedAtMs).map((grant) => grant.epoch);
    if (epoch < Math.max(newest, ...granted)) stale += 1;
    newest = Math.max(newest, epoch);
  }
  return stale;
}

/** The epochs in the order of their first acceptance. */
function handoversIn(accepted: readonly VenueEntry[]): Handover[] {
  const handovers: Handover[] = [];
  let current: number | undefined;
  accepted.forEach((entry, index) => {
    const { epoch } = entry;
    if (epoch === undefined || (current !== undefined && epoch <= current)) return;
    const before = accepted[index - 1];
    if (current !== undefined && before !== undefined) {
      handovers.push({
        fromEpoch: current,
        toEpoch: epoch,
        gapMs: entry.decidedAtMs - before.decidedAtMs,
        longestGapMs: longestGapAfter(accepted, index),
        firstOrderAtMs: entry.decidedAtMs,
      });
    }
    current = epoch;
  });
  return handovers;
}

/** From the gap that ends with the order at `index`. */
function longestGapAfter(accepted: readonly VenueEntry[], index: number): number {
  const untilMs = (accepted[index]?.decidedAtMs ?? 0) + aroundMs;
  let longestMs = 0;
  let beforeMs = accepted[index - 1]?.decidedAtMs ?? Infinity;
  for (let next = index; beforeMs <= untilMs && next < accepted.length; next += 1) {
    const { decidedAtMs } = accepted[next]!;
    longestMs = Math.max(longestMs, decidedAtMs - beforeMs);
    beforeMs = decidedAtMs;
  }
  return longestMs;
}

function overlapIn(accepted: readonly VenueEntry[]): number {
  const spans = new Map<number, { firstMs: number; lastMs: number }>();
  for (const { epoch, decidedAtMs } of accepted) {
    if (epoch === undefined) continue;
    const span = spans.get(epoch) ?? { firstMs: decidedAtMs, lastMs: decidedAtMs };
    span.lastMs = decidedAtMs;
    spans.set(epoch, span);
  }
  const sorted = [...spans.values()].sort((a, b) => a.firstMs - b.firstMs);
  let overlapMs = 0;
  let latestMs = -Infinity;
  for (const { firstMs, lastMs } of sorted) {
    overlapMs += Math.max(0, Math.min(lastMs, latestMs) - firstMs);
    latestMs = Math.max(latestMs, lastMs);
  }
  return overlapMs;
}
