/**
 * What keeps the credentials of a Region from staying half-done, look by look: a rotation that died is finished, one that is not turned on is turned on where the
 * secret is the original now, a login that the database does not take is given to it, the old token of Redis is retired. What could not be done is said,
 * by the way in which it stays half-done: there is an alarm for each.
 */
import type { Secret } from '../secret.ts';
import type { CacheCredential } from './cache-token.ts';
import { isAccepted, type Credential, type Rotation, type SecretVersions } from './rotation.ts';

export interface WatchedSecret {
  readonly name: string;
  readonly credential: Credential;
  /** Makes what is current valid, whatever is there. */
  readonly repair: (current: Secret) => Promise<void>;
  /** Whether it is the Region's own: a replica is kept in order where its original is. */
  readonly target: 'database' | 'cache';
}

/** A secret as Secrets Manager describes it. */
export interface SecretState {
  readonly isPrimary: boolean;
  readonly rotates: boolean;
  /** In any way: no version became current after that. */
  readonly changedAt: Date;
  readonly versions: readonly { readonly id: string; readonly stages: readonly string[]; readonly createdAt: Date }[];
}

export interface Upkeep {
  readonly secrets: readonly WatchedSecret[];
  readonly cache: { readonly name: string; readonly credential: CacheCredential };
  readonly versions: SecretVersions;
  readonly rotation: Rotation;
  readonly state: (name: string) => Promise<SecretState>;
  /** Turns its rotation on, from the next time that is due. */
  readonly turnOn: (name: string) => Promise<void>;
  /** Whether the database of this Region is written. */
  readonly databaseIsWritten: () => Promise<boolean>;
  readonly now: () => Date;
  readonly rotateDays: number;
}

export interface Patience {
  /** A rotation that is not done for so long has died. */
  readonly unfinishedSeconds: number;
  /** So long everybody has to read the new token of Redis. */
  readonly retireSeconds: number;
}

/** The ways to stay half-done; each `yes` is that it did not. */
export interface Found {
  /** No rotation is left over. */
  readonly finished: Answer;
  /** Whatever is original here is rotated. */
  readonly rotating: Answer;
  /** What is current is accepted. */
  readonly accepted: Answer;
  /** And new enough. */
  readonly recent: Answer;
  /** Redis takes one token, unless a new one has only just come. */
  readonly retired: Answer;
  readonly done: string[];
  readonly faults: string[];
}
type Answer = 'yes' | 'no';
type Way = 'finished' | 'rotating' | 'accepted' | 'recent' | 'retired';

const daySeconds = 86_400;
/** A rotation may come that much later than it is due: its schedule has a window, and it is repeated. */
const lateDays = 2;

export async function keepUp(upkeep: Upkeep, { unfinishedSeconds, retireSeconds }: Patience): Promise<Found> {
  const bad = new Set<Way>();
  const done: string[] = [];
  const faults: string[] = [];
  const attempt = async (way: Way, what: string, work: () => Promise<unknown>): Promise<boolean> => {
    try {
      await work();
      return true;
    } catch (error) {
      bad.add(way);
      faults.push(`${what}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
      return false;
    }
  };
  const secondsSince = (date: Date): number => (upkeep.now().getTime() - date.getTime()) / 1000;
  let isWritten = false;
  await attempt('accepted', 'ask whether the database is written here', async () => {
    isWritten = await upkeep.databaseIsWritten();
  });

  for (const { name, credential, repair, target } of upkeep.secrets) {
    // Between the promotion of the secrets and that of the database nothing can be done here; nor where the original is elsewhere.
    if (target === 'database' && !isWritten) continue;
    await attempt('accepted', `look at ${name}`, async () => {
      const { isPrimary, rotates, versions } = await upkeep.state(name);
      if (!isPrimary) return;
      const pending = versions.find(({ stages }) => stages.includes('AWSPENDING') && !stages.includes('AWSCURRENT'));
      if (pending === undefined) {
        const current = await upkeep.versions.read(name, { stage: 'AWSCURRENT' });
        if (current === undefined) throw new Error('it has no current version');
        if (!(await isAccepted(credential, current))) {
          await repair(current);
          await credential.test(current);
          done.push(`made valid what ${name} has`);
        }
      } else if (secondsSince(pending.createdAt) >= unfinishedSeconds) {
        const isFinished = await attempt('finished', `finish the rotation of ${name} that was left`, () => upkeep.rotation.complete({ secretId: name, token: pending.id }));
        if (isFinished) done.push(`finished the rotation of ${name} that was left`);
      }
      if (!rotates && (await attempt('rotating', `turn on the rotation of ${name}`, () => upkeep.turnOn(name)))) done.push(`turned on the rotation of ${name}`);
      const newest = versions.find(({ stages }) => stages.includes('AWSCURRENT'));
      const days = newest === undefined ? 0 : secondsSince(newest.createdAt) / daySeconds;
      if (days > upkeep.rotateDays + lateDays) {
        bad.add('recent');
        faults.push(`${name} is ${Math.floor(days)} days old, and is rotated every ${upkeep.rotateDays}`);
      }
    });
  }

  await attempt('retired', 'retire the old token of Redis', async () => {
    const { name, credential } = upkeep.cache;
    const { versions, changedAt } = await upkeep.state(name);
    // Everybody has had the current token for so long; and while another is being added there are two that must work.
    if (secondsSince(changedAt) < retireSeconds || versions.some(({ stages }) => stages.includes('AWSPENDING') && !stages.includes('AWSCURRENT'))) return;
    const previous = await upkeep.versions.read(name, { stage: 'AWSPREVIOUS' });
    const current = await upkeep.versions.read(name, { stage: 'AWSCURRENT' });
    if (previous === undefined || current === undefined) return;
    if (await credential.retire(previous, current)) done.push('retired the old token of Redis');
  });

  const answer = (way: Way): Answer => (bad.has(way) ? 'no' : 'yes');
  return { finished: answer('finished'), rotating: answer('rotating'), accepted: answer('accepted'), recent: answer('recent'), retired: answer('retired'), done, faults };
}
