/** To what the standby Region is refreshed, and whether that still holds: by what the lease says is live, and where home is. */
import type { TaskSetHere } from '../contracts/standby.ts';
import { otherColour, type Colour, type Lease } from '../lease/model.ts';
import { NoStandbyError, SupersededError } from './errors.ts';

export interface RefreshPlan {
  readonly of: string;
  readonly images: { readonly trader: string; readonly guard: string };
  readonly home: string;
  readonly outgoing: Colour | null;
  readonly incoming: Colour;
}

/** Throws NoStandbyError. */
export function planRefresh({ book, home, live }: Lease, taskSets: readonly TaskSetHere[], region: string): RefreshPlan {
  if (home === region) {
    throw new NoStandbyError(`Book '${book}' has its home in ${region}: here its cutovers decide what runs. Refresh the standby in the other Region.`);
  }
  if (live === undefined) {
    throw new NoStandbyError(`Book '${book}' has never had anything recorded as live: its first cutover, in ${home}, comes before its standby.`);
  }
  const running = taskSets.filter(({ status }) => status !== 'DRAINING');
  // What serves as standby was made the primary one when it was ready; another is what an earlier attempt left.
  const outgoing = (running.find(({ status }) => status === 'PRIMARY') ?? running[0])?.colour ?? null;
  return {
    of: live.taskDefinition,
    images: { trader: live.imageDigest, guard: live.guardDigest },
    home,
    outgoing,
    incoming: outgoing === null ? 'blue' : otherColour(outgoing),
  };
}

/** Throws SupersededError. */
export function assertWanted({ book, home, live }: Lease, of: string, region: string): void {
  if (home === region) {
    throw new SupersededError(`Book '${book}' has moved its home to ${region} meanwhile: what runs here may trade, and is left as it is.`);
  }
  if (live?.taskDefinition !== of) {
    throw new SupersededError(`Of book '${book}' ${live?.taskDefinition ?? 'nothing'} is live by now, not ${of}: a newer refresh goes on from here.`);
  }
}
