/** The roster as a rotation asks for it: who lives, and what each says of the key, is the lease's to judge (lib/lease/key-roster.ts). */
import type { KeyRoster as LeaseRoster } from '../lease/key-roster.ts';
import type { KeyRoster } from './ports.ts';

export function keyRoster(roster: Pick<LeaseRoster, 'announce' | 'members'>): KeyRoster {
  return {
    announce: (version) => roster.announce(version),
    async tasks() {
      const members = await roster.members();
      return members.map(({ instance, proved, uses, otherUsedMsAgo }) => ({
        instance,
        ...(proved !== undefined && { proved }),
        ...(uses !== undefined && { uses }),
        ...(otherUsedMsAgo !== undefined && { otherUsedSecondsAgo: otherUsedMsAgo / 1000 }),
      }));
    },
  };
}
