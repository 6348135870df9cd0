/**
 * Are the new colour's instances alive, right and reconciled? Alive means that the beat moves between polls:
 * an item in a table says nothing about the process that wrote it, and no clock may be compared.
 */
import type { Sighting } from '../contracts/cutover.ts';
import type { Colour, InstanceId, Registration } from '../lease/model.ts';

/** Polls are a second apart and so are beats, but the two do not march in step. */
const pollsUnchangedAtMost = 3;

export interface StandbysWanted {
  readonly colour: Colour;
  readonly region: string;
  readonly imageDigest: string;
  readonly tasks: number;
  /** Its bot needs the database, and that of its Region is a replica: it cannot be ready before that is promoted. */
  readonly waitsForDatabase?: boolean;
}
export interface StandbysSeen {
  readonly ready: boolean;
  readonly missing: string;
  /** Those that could take the book at once, or once they have the database. */
  readonly good: readonly InstanceId[];
  readonly sightings: Record<string, Sighting>;
}

export function judgeStandbys(
  registrations: readonly Registration[],
  earlier: Readonly<Record<string, Sighting>>,
  wanted: StandbysWanted,
): StandbysSeen {
  const ours = registrations.filter(({ colour, region }) => colour === wanted.colour && region === wanted.region);
  const sightings: Record<string, Sighting> = {};
  const faults: string[] = [];
  const good: InstanceId[] = [];
  for (const registration of ours) {
    const sighting = look(registration, earlier[registration.instance]);
    sightings[registration.instance] = sighting;
    const fault = faultOf(registration, sighting, wanted);
    if (fault === undefined) good.push(registration.instance);
    else faults.push(`${registration.instance} ${fault}`);
  }
  const ready = good.length >= wanted.tasks;
  const missing = ready ? '' : [`${good.length} of ${wanted.tasks} ${wanted.colour} instances are ready`, ...faults].join('; ');
  return { ready, missing, good, sightings };
}

function look({ beat }: Registration, before: Sighting | undefined): Sighting {
  if (before === undefined) return { beat, moved: false, pollsUnchanged: 0 };
  if (beat !== before.beat) return { beat, moved: true, pollsUnchanged: 0 };
  return { beat, moved: before.moved, pollsUnchanged: before.pollsUnchanged + 1 };
}

function faultOf(registration: Registration, sighting: Sighting, { imageDigest, waitsForDatabase = false }: StandbysWanted): string | undefined {
  if (registration.imageDigest !== imageDigest) return `runs ${registration.imageDigest} instead of ${imageDigest}`;
  if (!sighting.moved) return 'has not been seen alive yet';
  if (sighting.pollsUnchanged > pollsUnchangedAtMost) return 'has fallen silent';
  if (!registration.ready && !waitsForDatabase) return 'says that it is not ready';
  if (!registration.reconciled) return 'has not reconciled with the venue';
  return undefined;
}
