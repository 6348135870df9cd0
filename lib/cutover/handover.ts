/** Has the book changed hands? Only a renewal of the new epoch proves it: a grant by itself gives nothing. */
import type { Colour, Epoch, InstanceId, Lease } from '../lease/model.ts';
import { colourOf } from '../lease/model.ts';

export interface HandoverSeen {
  readonly state: 'waiting' | 'held' | 'declined';
  readonly epoch: Epoch;
  readonly holder: InstanceId | null;
}

export function judgeHandover(lease: Lease, wanted: { readonly to: Colour; readonly aboveEpoch: Epoch }): HandoverSeen {
  const { epoch, holder } = lease;
  return { state: state(), epoch, holder: holder ?? null };

  function state(): HandoverSeen['state'] {
    if (holder === undefined) return 'waiting';
    if (colourOf(holder) === wanted.to) return epoch > wanted.aboveEpoch && lease.heartbeat > 0 ? 'held' : 'waiting';
    // The machine set draining before it looked: an open book under the other colour is the holder's own refusal.
    return lease.mode === 'open' ? 'declined' : 'waiting';
  }
}
