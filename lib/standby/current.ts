/** Does the standby Region run what is live of a book? Its own record says what was made so, its instances whether they live. */
import type { Sighting } from '../contracts/cutover.ts';
import type { RecordedLive } from '../contracts/standby.ts';
import { judgeStandbys, type StandbysWanted } from '../cutover/standbys.ts';
import type { Colour, Lease, Registration } from '../lease/model.ts';

export type StandbySeen =
  | { readonly state: 'current' }
  /** Nothing was made of what is live. */
  | { readonly state: 'outdated'; readonly seen: string }
  /** It was made, and nobody stands by: ECS starts tasks again by itself. */
  | { readonly state: 'silent'; readonly seen: string };

/** @param looks what instances said of themselves, a beat or more apart: that it changes shows that they live */
export function judgeStandby(
  { live }: Pick<Lease, 'live'>, recorded: RecordedLive | undefined, looks: readonly (readonly Registration[])[],
  { region, waitsForDatabase }: Pick<StandbysWanted, 'region' | 'waitsForDatabase'>,
): StandbySeen {
  if (live === undefined) return { state: 'current' };
  // What was live here when the book moved away is the same release under the revision of then.
  if (recorded === undefined || (recorded.standbyOf ?? recorded.taskDefinition) !== live.taskDefinition) {
    const has = recorded === undefined ? 'nothing' : `${recorded.taskDefinition}, made of ${recorded.standbyOf ?? 'its own cutover'}`;
    return { state: 'outdated', seen: `${live.taskDefinition} is live, ${region} has ${has}` };
  }
  const faults: string[] = [];
  for (const colour of ['blue', 'green'] as const satisfies readonly Colour[]) {
    let sightings: Record<string, Sighting> = {};
    let seen = { ready: false, missing: '' };
    for (const registrations of looks) {
      const judged = judgeStandbys(registrations, sightings, { colour, region, imageDigest: live.imageDigest, tasks: 1, ...(waitsForDatabase && { waitsForDatabase }) });
      ({ sightings } = judged);
      seen = judged;
    }
    if (seen.ready) return { state: 'current' };
    faults.push(seen.missing);
  }
  return { state: 'silent', seen: faults.join('; ') };
}
