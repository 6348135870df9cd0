/** What the venue's record says of a contest: who of a book had orders accepted, tenure after tenure. Nothing that a contender says of itself counts. */
import { createOrderPath, type VenueEntry } from '../../rehearsal/venue/record.ts';

/** An accepted order. */
export interface Accepted {
  readonly book: string;
  readonly tenure: number;
  readonly atMs: number;
}

export function acceptedOf(record: readonly VenueEntry[]): readonly Accepted[] {
  return record.flatMap(({ accepted, path, book, epoch, decidedAtMs }) =>
    accepted && path === createOrderPath && book !== undefined && epoch !== undefined ? [{ book, tenure: epoch, atMs: decidedAtMs }] : []);
}

/** By book, the newest tenure that had an order accepted before then. */
export function newestBefore(accepted: readonly Accepted[], atMs: number): ReadonlyMap<string, number> {
  const newest = new Map<string, number>();
  for (const { book, tenure, atMs: when } of accepted) if (when < atMs) newest.set(book, Math.max(tenure, newest.get(book) ?? 0));
  return newest;
}

/** By book, from the last order of the tenures until `sinceMs` to the first one of the next; a book that nobody has taken since is missing. */
export function gapsMs(accepted: readonly Accepted[], sinceMs: number): ReadonlyMap<string, number> {
  const before = newestBefore(accepted, sinceMs);
  const last = new Map<string, number>();
  const gaps = new Map<string, number>();
  for (const { book, tenure, atMs } of accepted) {
    if (gaps.has(book)) continue;
    if (tenure <= (before.get(book) ?? 0)) last.set(book, atMs);
    else gaps.set(book, atMs - (last.get(book) ?? sinceMs));
  }
  return gaps;
}

/** Orders that the venue took in that time, although it had taken one of a later tenure of the same book before. */
export function staleBetween(accepted: readonly Accepted[], fromMs: number, untilMs: number): number {
  const newest = new Map<string, number>();
  let stale = 0;
  for (const { book, tenure, atMs } of accepted) {
    const known = newest.get(book) ?? 0;
    if (tenure < known && atMs >= fromMs && atMs < untilMs) stale += 1;
    newest.set(book, Math.max(known, tenure));
  }
  return stale;
}
