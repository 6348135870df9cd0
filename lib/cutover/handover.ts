/** Has the book changed hands? Only a renewal of the new epoch proves it: a grant by itself gives nothing. */
import type { Colour, Epoch, InstanceId, Lease } from '../lease/model.ts';
import { colourOf } from '../lease/model.ts';

export interface HandoverSeen {
  readonly state: 'waiting' | 'held' | 'declined' | 'retaken' | 'halted';
  readonly epoch: Epoch;
  readonly holder: InstanceId | null;
}

export interface HandoverWanted {
  readonly to: Colour;
  readonly aboveEpoch: Epoch;
  /** In which the holder was asked. */
  readonly drainedEpoch: Epoch;
}

export function judgeHandover(lease: Lease, wanted: HandoverWanted): HandoverSeen {
  const { epoch, holder } = lease;
  return { state: state(), epoch, holder: holder ?? null };

  function state(): HandoverSeen['state'] {
    // Nobody can take it until it is resumed, and nobody can resume it while it is waited for.
    if (lease.mode === 'halted') return 'halted';
    if (holder === undefined) return 'waiting';
    if (colourOf(holder) === wanted.to) return epoch > wanted.aboveEpoch && lease.heartbeat > 0 ? 'held' : 'waiting';
    if (lease.mode !== 'open') return 'waiting';
    // The machine set draining before it looked: in that epoch, an open book is the holder's own refusal.
    return epoch === wanted.drainedEpoch ? 'declined' : 'retaken';
  }
}
