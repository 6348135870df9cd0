/**
 * The roster of a book: who registers beside its lease, in either Region. Whoever is dead may have left a registration behind; so it is
 * looked at twice, and who has beaten in between lives.
 */
import type { BookName, KeyReport, Registration } from '../lease/model.ts';
import type { KeyRoster, RosterTask } from './ports.ts';

export interface RosterOptions {
  readonly book: BookName;
  readonly registrations: (book: BookName) => Promise<readonly Registration[]>;
  readonly announce: (book: BookName, version: string) => Promise<void>;
  /** Longer than between two beats. */
  readonly betweenLooks: () => Promise<void>;
}

export function keyRoster({ book, registrations, announce, betweenLooks }: RosterOptions): KeyRoster {
  return {
    announce: (version) => announce(book, version),
    async tasks() {
      const before = new Map((await registrations(book)).map(({ instance, beat }) => [instance, beat]));
      await betweenLooks();
      const living = (await registrations(book)).filter(({ instance, beat }) => beat !== before.get(instance));
      return living.map(({ instance, venueKey }) => ({ instance, ...(venueKey && task(venueKey)) }));
    },
  };
}

function task({ proved, uses, otherUsedMsAgo }: KeyReport): Omit<RosterTask, 'instance'> {
  return {
    ...(proved !== undefined && { proved }),
    ...(uses !== undefined && { uses }),
    ...(otherUsedMsAgo !== undefined && { otherUsedSecondsAgo: otherUsedMsAgo / 1000 }),
  };
}
