/**
 * Does a colour trade? The journal says so: an accepted outcome is written only after the venue's own answer.
 * The newest accepted order is compared with the one an earlier look saw, so that silence is seen as silence.
 */
import type { Colour, Epoch, Lease } from '../lease/model.ts';
import { colourOf } from '../lease/model.ts';

/** An accepted order, named by its journal entry: `epoch#sequence`, padded, so that text compares as it happened. */
export type EntryName = string;

export interface TradingSeen {
  readonly state: 'waiting' | 'trading' | 'lost';
  readonly epoch: Epoch;
  readonly newest: EntryName;
  readonly seen: string;
}

/** `accepted`: names of orders accepted in the lease's present epoch, in any order. */
export function judgeTrading(
  lease: Lease,
  accepted: readonly EntryName[],
  wanted: { readonly colour: Colour; readonly newest: EntryName; readonly wanted: number },
): TradingSeen {
  const { epoch, holder } = lease;
  const fresh = accepted.filter((entry) => entry > wanted.newest).toSorted();
  const newest = fresh.at(-1) ?? wanted.newest;
  const answer = { epoch, newest };
  if (holder === undefined) return { ...answer, state: 'waiting', seen: `nobody holds the book in epoch ${epoch}` };
  const counted = `${holder} holds epoch ${epoch}; ${fresh.length} new accepted orders seen, ${wanted.wanted} wanted`;
  if (colourOf(holder) !== wanted.colour) return { ...answer, state: 'lost', seen: counted };
  // The first look of a new epoch counts only that epoch's own orders; the caller gives an empty `newest` then.
  return { ...answer, state: fresh.length >= wanted.wanted ? 'trading' : 'waiting', seen: counted };
}
