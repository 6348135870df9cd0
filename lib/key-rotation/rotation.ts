/**
 * The rotation of a book's key at its venue: made, proved, promoted, waited for, revoked. Every step may crash anywhere, be repeated, or
 * meet what another attempt has left; what it does next follows from what it sees, not from what it did.
 *
 * What is kept at every instant:
 * - the current version's key was accepted by the venue before it became current, and nothing deletes it;
 * - a key that a task may still use is deleted by `revoke` alone: after everyone on the roster proved the current version, the grace, and
 *   a time in which nobody used another;
 * - a key of ours that no version has is an orphan, and each create, test and revocation deletes those it finds. An orphan of the version
  that is being made only once that version has a value: so nobody can store it any more.
 *
 * Each version names the keys that it replaces, so that what may be deleted is known from the current version alone, however many
 * rotations were begun in between. And nothing is deleted but what was listed *before* home and secret were read: a Region that was home
 * then cannot have listed what another makes once it is home.
 */
import type { KeyProof, keyRotation, Revocation } from '../contracts/key-rotation.ts';
import type { Implementation } from '../contracts/step.ts';
import { isOurs, keyName } from '../venues/keys/key-name.ts';
import { isRefused, KeyMadeByHandError, KeyRefusedError, type KeyCapabilities, type KeyPolicy, type ListedKey } from '../venues/keys/provider.ts';
import {
  GraceNotOverError, KeyLostError, NoPendingVersionError, NotHomeError, NotProvedYetError, PolicyBrokenError, StillAcceptedError, StillInUseError,
} from './errors.ts';
import type { RetiredKey, RosterTask, RotationPorts, SecretSeen, StoredKey } from './ports.ts';

export interface Rotation extends RotationPorts {
  readonly book: string;
  readonly venue: string;
  readonly region: string;
  readonly policy: () => Promise<KeyPolicy>;
  readonly graceHours: number;
  /** How long nobody may have signed with an old key before it is deleted. */
  readonly unusedSeconds: number;
}

/** A venue may take so long until it knows a key that it has made. */
const knownWithinSeconds = 60;
const betweenTriesSeconds = 3;
/** Guards notice a new version within seconds; the rest is for one that restarts. */
const provedWithinSeconds = 90;
const betweenLooksSeconds = 1;
const hourMs = 60 * 60 * 1000;

export function rotationSteps(rotation: Rotation): Implementation<typeof keyRotation> {
  const { book, provider, secret, roster, schedule, now, pause } = rotation;
  const { createsKeys } = provider.capabilities;

  /** The fence between Regions: read again before whatever cannot be taken back. */
  async function seenHere(): Promise<SecretSeen> {
    const [seen, home] = await Promise.all([secret.see(), rotation.home()]);
    if (home !== rotation.region) throw new NotHomeError(`${book}'s home is ${home}, not ${rotation.region}: its key is rotated there. Nothing was changed.`);
    if (!seen.isPrimary) {
      throw new NotHomeError(`the secret of ${book}'s key is a replica in ${rotation.region}: promote it, as a failover does. Nothing was changed.`);
    }
    return seen;
  }

  /** The key of a version that is being made, or is current already: then whoever repeats its steps changes nothing. */
  async function stored(version: string, { current, pending }: SecretSeen): Promise<StoredKey> {
    const key = current === version || pending === version ? await secret.read(version) : undefined;
    if (key === undefined) {
      throw new NoPendingVersionError(`${version} of ${book}'s key is not pending, or has no key yet; pending is ${pending ?? 'nothing'}. Rotate anew.`);
    }
    return key;
  }

  const listed = async (): Promise<readonly ListedKey[]> => (createsKeys ? provider.list() : []);

  /** What of a list is to go: keys that were replaced, and keys of ours that no version has. */
  async function surplus(list: readonly ListedKey[], seen: SecretSeen): Promise<{ current?: StoredKey; retiring: RetiredKey[]; orphans: ListedKey[] }> {
    const read = async (version: string | undefined): Promise<StoredKey | undefined> => (version === undefined ? undefined : secret.read(version));
    const [current, pending, previous] = await Promise.all([read(seen.current), read(seen.pending), read(seen.previous)]);
    const kept = [current?.apiKey, pending?.apiKey];
    // The previous one too: somebody may have moved the stage back by hand.
    const replaced = [...(current?.retires ?? []), ...(previous && seen.previous !== undefined ? [retired(previous, seen.previous)] : [])];
    const retiring = replaced.filter(({ apiKey }, at) => !kept.includes(apiKey) && replaced.findIndex((other) => other.apiKey === apiKey) === at);
    const isThere = await Promise.all(retiring.map(async (key) => (createsKeys ? list.some(({ apiKey }) => apiKey === key.apiKey) : isAccepted(key))));
    return {
      ...(current && { current }),
      retiring: retiring.filter((_, at) => isThere[at]),
      orphans: list.filter(({ apiKey, name }) => isOurs(name) && !kept.includes(apiKey) && retiring.every((other) => other.apiKey !== apiKey)),
    };
  }

  /** Of a key that no list shows: by using it, as long as its secret is at hand. */
  async function isAccepted({ apiKey, version }: RetiredKey): Promise<boolean> {
    const key = await secret.read(version);
    return key?.apiKey === apiKey && !(await isRefused(provider, key));
  }

  /** @param sparing the name of orphans that another attempt could still store */
  async function sweep(sparing?: string): Promise<readonly ListedKey[]> {
    const list = await listed();
    const { orphans } = await surplus(list, await seenHere());
    const doomed = orphans.filter(({ name }) => name !== sparing);
    for (const key of doomed) await provider.delete(key);
    return doomed;
  }

  /** Uses a key that is new, and waits while the venue does not know it yet; gives its version up when the venue does not list it either. */
  async function prove(version: string, key: StoredKey): Promise<void> {
    for (let waitedSeconds = 0; ; waitedSeconds += betweenTriesSeconds) {
      try {
        return await provider.proveRead(key);
      } catch (error) {
        if (!(error instanceof KeyRefusedError) || error.refusal !== 'unknown') throw error;
        if (waitedSeconds < knownWithinSeconds) {
          await pause(betweenTriesSeconds);
          continue;
        }
        if (!createsKeys || (await listed()).some(({ apiKey }) => apiKey === key.apiKey)) throw error;
        const { current } = await seenHere();
        if (current !== version) await secret.dropPending(version);
        throw new KeyLostError(`the venue has no key ${key.name} of ${book} any more; its version ${version} was given up. Rotate anew.`);
      }
    }
  }

  async function look(version: string): Promise<{ tasks: readonly RosterTask[]; unprovedBy: string[]; proof: KeyProof | null }> {
    const tasks = await roster.tasks();
    const unprovedBy = tasks.filter((task) => task.proved !== version || task.uses !== version).map(({ instance }) => instance);
    // Nobody is nobody's proof.
    const isProved = tasks.length > 0 && unprovedBy.length === 0;
    const proof = isProved ? { version, provedBy: tasks.map(({ instance }) => instance), provedAt: now().toISOString() } : null;
    return { tasks, unprovedBy, proof };
  }

  /** The revocation waits for the grace from the proof on; null when there is nothing to revoke. */
  async function scheduled(proof: KeyProof): Promise<string | null> {
    const list = await listed();
    const { retiring } = await surplus(list, await seenHere());
    if (retiring.length === 0) return null;
    const at = new Date(Date.parse(proof.provedAt) + rotation.graceHours * hourMs);
    return (await schedule.put({ proof }, at)).toISOString();
  }

  /** Grace and disuse are judged at one moment: the scheduler's, where it has said which. */
  const momentMs = ({ at }: Revocation): number => (at === undefined ? now().getTime() : Date.parse(at));

  function checkGrace(revocation: Revocation): void {
    const { proof, withoutGrace } = revocation;
    const overAtMs = Date.parse(proof.provedAt) + rotation.graceHours * hourMs;
    if (withoutGrace === undefined && momentMs(revocation) < overAtMs) {
      throw new GraceNotOverError(`the old key of ${book} may be used until ${new Date(overAtMs).toISOString()}. Nothing was deleted.`);
    }
  }

  /** By the tasks' own word, and by the venue's where it has one. */
  function checkUnused(tasks: readonly RosterTask[], retiring: readonly RetiredKey[], list: readonly ListedKey[], untilMs: number): void {
    const { unusedSeconds } = rotation;
    // Delivered late, the scheduler's moment is past: what tasks say is of now.
    const sinceNowSeconds = Math.max(0, untilMs - now().getTime()) / 1000;
    const users = tasks.filter(({ otherUsedSecondsAgo = Infinity }) => otherUsedSecondsAgo + sinceNowSeconds < unusedSeconds).map(({ instance }) => instance);
    const usedSinceMs = Math.max(untilMs, now().getTime()) - unusedSeconds * 1000;
    const used = list.filter(({ apiKey, lastUsedAtMs = 0 }) => lastUsedAtMs > usedSinceMs && retiring.some((key) => key.apiKey === apiKey));
    if (users.length === 0 && used.length === 0) return;
    const who = users.length > 0 ? `by ${users.join(', ')}` : 'by somebody, says the venue';
    throw new StillInUseError(`an old key of ${book} was used within ${unusedSeconds} s ${who}. Nothing was deleted; find out who signs with it.`);
  }

  return {
    async create({ version, begins = false }) {
      const seen = await seenHere();
      const name = keyName(book, version);
      if (seen.current === version) return { version, name };
      if (seen.pending !== version && !begins) {
        throw new NoPendingVersionError(`${version} of ${book}'s key is not staged AWSPENDING; pending is ${seen.pending ?? 'nothing'}. Nothing was made.`);
      }
      if ((await secret.read(version)) !== undefined) return { version, name };
      if (!createsKeys) {
        throw new KeyMadeByHandError(`keys of ${rotation.venue} are made by people: put the new one under version ${version}, staged AWSPENDING`);
      }
      await sweep(name);
      const list = await listed();
      const before = await seenHere();
      const { current, retiring } = await surplus(list, before);
      const made = await provider.create(name);
      const retires = [...(current ? [retired(current, before.current)] : []), ...retiring.filter(({ apiKey }) => apiKey !== current?.apiKey)];
      await secret.storePending(version, { ...made, name, createdAt: now().toISOString(), retires });
      // What earlier attempts have left; ours, if another one was faster.
      await sweep();
      return { version, name };
    },

    async set({ version }) {
      const key = await stored(version, await seenHere());
      await prove(version, key);
      return { version, name: key.name };
    },

    async test({ version }) {
      const key = await stored(version, await seenHere());
      await prove(version, key);
      const faults = faultsOf(key, await listed(), await rotation.policy(), provider.capabilities);
      if (faults.length > 0) throw new PolicyBrokenError(`the new key ${key.name} of ${book} ${faults.join(', and ')}; it is not promoted. Rotate anew.`);
      await provider.proveTrade(key);
      await sweep();
      return { version, name: key.name };
    },

    async finish({ version }) {
      const seen = await seenHere();
      const key = await stored(version, seen);
      if (seen.current !== version) {
        await prove(version, key);
        await seenHere();
        await secret.promote(version, seen.current);
      }
      await roster.announce(version);
      const endsAtMs = now().getTime() + provedWithinSeconds * 1000;
      for (;;) {
        const { proof, unprovedBy, tasks } = await look(version);
        if (proof !== null) return { version, proof, revocationAt: await scheduled(proof) };
        if (now().getTime() >= endsAtMs) throw notProved(book, version, tasks, unprovedBy);
        await pause(betweenLooksSeconds);
      }
    },

    async settle() {
      const { current: version } = await seenHere();
      await roster.announce(version);
      const { proof, unprovedBy } = await look(version);
      if (proof === null) return { state: 'waiting', version, unprovedBy, proof, revocationAt: null };
      return { state: 'proved', version, unprovedBy, proof, revocationAt: await scheduled(proof) };
    },

    async revoke(revocation) {
      const { version } = revocation.proof;
      if ((await seenHere()).current !== version) return { state: 'superseded', version, deleted: [] };
      checkGrace(revocation);
      const { tasks, unprovedBy, proof } = await look(version);
      if (proof === null) throw notProved(book, version, tasks, unprovedBy);
      const list = await listed();
      const seen = await seenHere();
      if (seen.current !== version) return { state: 'superseded', version, deleted: [] };
      const { current, retiring, orphans } = await surplus(list, seen);
      if (revocation.withoutGrace === undefined) checkUnused(tasks, retiring, list, momentMs(revocation));
      if (current !== undefined) await provider.proveRead(current);
      const doomed = [...retiring, ...orphans];
      if (createsKeys) for (const key of doomed) await provider.delete({ ...key, ...(await passphraseOf(key)) });
      await checkGone(doomed, retiring);
      return { state: 'revoked', version, deleted: doomed.map(nameOf) };
    },

    async sweep() {
      return { deleted: (await sweep()).map(nameOf) };
    },

    async inspect() {
      const [seen, home, list] = await Promise.all([secret.see(), rotation.home(), listed()]);
      const { current, retiring, orphans } = await surplus(list, seen);
      const { tasks, unprovedBy } = await look(seen.current);
      const ofVenue = list.find(({ apiKey }) => apiKey === current?.apiKey);
      const iso = (ms: number | undefined): string | null => (ms === undefined ? null : new Date(ms).toISOString());
      return {
        book,
        venue: rotation.venue,
        createsKeys,
        rotatesHere: home === rotation.region && seen.isPrimary,
        isPrimary: seen.isPrimary,
        rotationEnabled: seen.rotationEnabled,
        current: {
          version: seen.current,
          name: current?.name ?? '',
          createdAt: current?.createdAt ?? iso(ofVenue?.createdAtMs),
          expiresAt: iso(ofVenue?.expiresAtMs) ?? current?.expiresAt ?? null,
        },
        pending: seen.pending === undefined ? null : { version: seen.pending, since: (await secret.read(seen.pending))?.createdAt ?? null },
        tasks: tasks.length,
        unprovedBy,
        retiring: retiring.map(nameOf),
        revocationAt: (await schedule.due(seen.current))?.toISOString() ?? null,
        orphans: orphans.map(nameOf),
        faults: current === undefined ? ['has no value'] : faultsOf(current, list, await rotation.policy(), provider.capabilities),
      };
    },
  };

  async function passphraseOf(key: ListedKey | RetiredKey): Promise<Pick<StoredKey, 'passphrase'>> {
    const { passphrase } = ('version' in key ? await secret.read(key.version) : undefined) ?? {};
    return passphrase === undefined ? {} : { passphrase };
  }

  /** Not listed any more, and really refused, as far as its secret is still at hand. */
  async function checkGone(doomed: readonly Pick<RetiredKey, 'apiKey' | 'name'>[], retiring: readonly RetiredKey[]): Promise<void> {
    const left = await listed();
    for (const each of doomed) {
      const replaced = retiring.find(({ apiKey }) => apiKey === each.apiKey);
      const isLeft = left.some(({ apiKey }) => apiKey === each.apiKey) || (replaced !== undefined && (await isAccepted(replaced)));
      if (!isLeft) continue;
      const remedy = createsKeys ? 'It is deleted again at the next attempt.' : 'Delete it in the pages of the venue.';
      throw new StillAcceptedError(`the venue still accepts the old key ${nameOf(each)} of ${book}. ${remedy}`);
    }
  }
}

function retired({ apiKey, name }: StoredKey, version: string): RetiredKey {
  return { apiKey, name, version };
}

/** For people and logs. */
function nameOf({ apiKey, name }: Pick<RetiredKey, 'apiKey' | 'name'>): string {
  return name === '' ? `${apiKey.slice(0, 4)}… without a name` : name;
}

/** What is wrong with a key by the policy, as the venue lists it. */
function faultsOf({ apiKey }: StoredKey, list: readonly ListedKey[], policy: KeyPolicy, { createsKeys, bindsAddresses }: KeyCapabilities): string[] {
  const key = list.find((each) => each.apiKey === apiKey);
  if (key === undefined) return createsKeys ? ['is not listed by the venue'] : [];
  const bound = [...key.addresses].toSorted().join(', ');
  const wanted = bindsAddresses ? [...policy.addresses].toSorted().join(', ') : bound;
  return [
    ...(key.mayMoveMoney ? ['may do more than trade'] : []),
    ...(bound === wanted ? [] : [`is bound to ${bound === '' ? 'no address' : bound} instead of ${wanted === '' ? 'none' : wanted}`]),
  ];
}

function notProved(book: string, version: string, tasks: readonly RosterTask[], unprovedBy: readonly string[]): NotProvedYetError {
  const who = tasks.length === 0 ? 'no task of it lives' : `not yet by ${unprovedBy.join(', ')}`;
  return new NotProvedYetError(`${version} of ${book}'s key is not proved by every task: ${who}. The old key stays; see which task cannot read or use the new one.`);
}
