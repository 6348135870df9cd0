/** Which colour goes and which comes, by who holds the lease: the only truth about who trades. */
import type { Colour, Lease } from '../lease/model.ts';
import { colourOf, otherColour } from '../lease/model.ts';
import { NotReadyForCutoverError } from './errors.ts';

export interface CutoverPlan {
  /** Nobody has ever traded this book, so there is nobody to hand over, or to hand back to. */
  readonly first: boolean;
  readonly outgoing: Colour | null;
  readonly incoming: Colour;
}

/** Throws NotReadyForCutoverError. */
export function planCutover(lease: Lease): CutoverPlan {
  // Epoch 0 in mode open: an earlier first cutover opened the book and nobody took it.
  if (lease.epoch === 0) return { first: true, outgoing: null, incoming: 'blue' };
  if (lease.mode === 'halted') {
    throw new NotReadyForCutoverError(lease.book, 'it is halted', 'Resume it first, with a reason.');
  }
  if (lease.mode === 'draining') {
    const seen = `it is draining towards ${lease.successor ?? 'nobody'}`;
    throw new NotReadyForCutoverError(
      lease.book,
      seen,
      'Wait until the drain has ended; if its workflow is dead, the last net ends it within a minute.',
    );
  }
  if (lease.holder === undefined) {
    throw new NotReadyForCutoverError(
      lease.book,
      'nobody holds it',
      'Wait a few seconds until a standby has taken it; if none does, look at its tasks.',
    );
  }
  const outgoing = colourOf(lease.holder);
  return { first: false, outgoing, incoming: otherColour(outgoing) };
}
