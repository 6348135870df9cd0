/**
 * One look at the exchange keys of a Region. What a rotation has left half-done is finished where that is safe, and said where it is not;
 * what is due to be told is told. Only where a book is at home and its secret is the original, anything is done.
 */
import type { KeysSeen, keyRotation } from '../contracts/key-rotation.ts';
import { type KeyTrouble, keyTroubles, type keyWatch } from '../contracts/key-watch.ts';
import type { Implementation, StepOutput } from '../contracts/step.ts';
import { dueWarning, isOverdue, type Lapse, lapseOf, type Told } from './lapse.ts';

/** How Secrets Manager is to rotate a book's secret. */
export interface RotationRule {
  readonly functionArn: string;
  readonly days: number;
}

export interface WatchedBook {
  readonly name: string;
  /** The function that has the book's management key. */
  readonly keys: Pick<Implementation<typeof keyRotation>, 'inspect' | 'settle' | 'sweep'>;
  /** Goes through the steps of a rotation that was begun. */
  readonly finish: (version: string) => Promise<void>;
  readonly rotation: {
    readonly wanted: RotationRule;
    /** Undefined where nothing rotates it. */
    read(): Promise<RotationRule | undefined>;
    configure(rule: RotationRule): Promise<void>;
  };
  readonly told: { read(): Promise<Told | undefined>; write(told: Told): Promise<void> };
}

export interface KeyWatchParts {
  readonly books: readonly WatchedBook[];
  readonly graceHours: number;
  readonly warnDays: readonly number[];
  /** Keeps a copy of the other Region's addresses here; answers what it did, or nothing. */
  readonly copyAddresses: () => Promise<string | undefined>;
  readonly tell: (subject: string, message: string) => Promise<void>;
  readonly now: () => Date;
}

const minuteMs = 60_000;
/** Secrets Manager goes on with a rotation by itself for so long. */
const patienceMs = 30 * minuteMs;
/** A task notices a new key within seconds. */
const proveMs = 60 * minuteMs;
/** The revocation is repeated by its scheduler for a while. */
const revokeLateMs = 120 * minuteMs;

/** Of no book the keys could be looked at: that is no look. */
export class NothingSeenError extends Error {
  override readonly name = 'NothingSeenError';
}

type Look = StepOutput<(typeof keyWatch)['steps']['watch']>;

export function watchSteps(parts: KeyWatchParts): Implementation<typeof keyWatch> {
  return {
    async watch() {
      const look = new LookTaken();
      await look.attempt('the addresses of the other Region', async () => look.saw(await parts.copyAddresses()));
      let looked = 0;
      for (const book of parts.books) {
        await look.attempt(`the keys of ${book.name}`, async () => {
          await watchBook(book, parts, look);
          looked += 1;
        });
      }
      const { said } = look;
      if (looked === 0) throw new NothingSeenError(said.faults.join('; '));
      return said;
    },
  };
}

async function watchBook(book: WatchedBook, parts: KeyWatchParts, look: LookTaken): Promise<void> {
  const seen = await book.keys.inspect({});
  if (!seen.rotatesHere) return look.saw(`the key of ${book.name} is looked after in the other Region`);
  const { now } = parts;
  const ageMs = (since: string | null): number => (since === null ? Infinity : now().getTime() - Date.parse(since));
  const { name } = book;

  if (seen.createsKeys) {
    await look.unless('unfinished', `finish the rotation of ${name}`, async () => {
      const { pending } = seen;
      if (pending === null || ageMs(pending.since) < patienceMs) return;
      await book.finish(pending.version);
      look.saw(`finished the rotation of ${name} that had begun ${pending.since ?? 'at an unknown time'}`);
    });
    await look.unless('unrotated', `let the secret of ${name} rotate`, () => configureRotation(book, seen, look));
    await look.unless('orphaned', `delete keys of ${name} that nothing has`, async () => {
      if (seen.orphans.length === 0) return;
      const { deleted } = await book.keys.sweep({});
      look.saw(`deleted keys of ${name} that nothing has: ${deleted.join(', ') || 'none was left'}`);
    });
  }
  await look.unless('unproved', `see every task of ${name} use the current key`, () => settle(book, seen, ageMs(seen.current.createdAt) > proveMs, look));
  const { wanted } = book.rotation;
  const afterGraceMs = parts.graceHours * 60 * minuteMs + revokeLateMs;
  if (seen.retiring.length > 0 && ageMs(seen.current.createdAt) > afterGraceMs) {
    look.found('unrevoked', `old keys of ${name} are still at the venue: ${seen.retiring.join(', ')}`);
  }
  if (isOverdue(seen, wanted.days, now())) look.found('unrotated', `the key of ${name} was to be replaced ${wanted.days} days after ${seen.current.createdAt}`);
  if (seen.faults.length > 0) look.found('broken', `the key ${seen.current.name} of ${name} ${seen.faults.join(', and ')}`);
  const lapse = lapseOf(seen, wanted.days, now());
  if (lapse !== undefined && lapse.daysLeft <= Math.max(...parts.warnDays)) {
    look.found('lapsing', `the key of ${name} has ${lapse.daysLeft} days left: ${lapse.why}`);
    await warn(book, seen, lapse, parts);
  }
}

/** After a failover the secret that was promoted is rotated by nobody; and a setting may have changed. */
async function configureRotation({ name, rotation }: WatchedBook, { pending }: KeysSeen, look: LookTaken): Promise<void> {
  const { wanted } = rotation;
  const is = await rotation.read();
  if (is?.days === wanted.days && is.functionArn === wanted.functionArn) return;
  // Secrets Manager refuses it while a rotation is not over.
  if (pending !== null) return;
  await rotation.configure(wanted);
  look.saw(`the secret of ${name} is rotated every ${wanted.days} days from here`);
}

/** The grace begins when all have proved the current key: whoever promoted it may not have lived to see that. */
async function settle({ name, keys }: WatchedBook, { unprovedBy, retiring, revocationAt }: KeysSeen, isLate: boolean, look: LookTaken): Promise<void> {
  if (unprovedBy.length === 0 && (retiring.length === 0 || revocationAt !== null)) return;
  const settled = await keys.settle({});
  if (settled.state === 'proved') return look.saw(`every task of ${name} has proved the current key; the old one is revoked at ${settled.revocationAt ?? 'no time: there is none'}`);
  const who = settled.unprovedBy.join(', ') || 'no task runs';
  if (isLate) throw new Error(`not proved by: ${who}`);
  look.saw(`the current key of ${name} is not proved yet by: ${who}`);
}

async function warn(book: WatchedBook, { current, venue, createsKeys }: KeysSeen, lapse: Lapse, { warnDays, tell }: KeyWatchParts): Promise<void> {
  const days = dueWarning(lapse, current.version, await book.told.read(), warnDays);
  if (days === undefined) return;
  const left = lapse.daysLeft > 0 ? `has ${lapse.daysLeft} days left` : 'is at its end';
  const todo = createsKeys
    ? 'Its rotation should have replaced it: docs/runbooks/exchange-keys.md says how to find out why it did not.'
    : `Keys of ${venue} are made by hand: start the machine that asks for a new one, docs/runbooks/exchange-keys.md.`;
  await tell(`Baton: the exchange key of ${book.name} ${left}`, `The exchange key ${current.name} of book ${book.name} ${left}: ${lapse.why}.\n\n${todo}`);
  // Told twice is better than not at all.
  await book.told.write({ version: current.version, days });
}

/** What a look says, gathered. */
class LookTaken {
  readonly #troubles = new Set<KeyTrouble>();
  readonly #faults: string[] = [];
  readonly #seen: string[] = [];
  #failed = false;

  saw(what: string | undefined): void {
    if (what !== undefined) this.#seen.push(what);
  }

  found(trouble: KeyTrouble, what: string): void {
    this.#troubles.add(trouble);
    this.#faults.push(what);
  }

  /** What cannot be looked at is one thing; the rest is looked at all the same. */
  async attempt(what: string, look: () => Promise<void>): Promise<void> {
    try {
      await look();
    } catch (error) {
      this.#failed = true;
      this.#faults.push(`could not look at ${what}: ${wordsOf(error)}`);
    }
  }

  /** What cannot be put right stays a trouble. */
  async unless(trouble: KeyTrouble, what: string, put: () => Promise<void>): Promise<void> {
    try {
      await put();
    } catch (error) {
      this.found(trouble, `could not ${what}: ${wordsOf(error)}`);
    }
  }

  get said(): Look {
    const troubles = Object.fromEntries(keyTroubles.map((trouble) => [trouble, this.#troubles.has(trouble) ? 'yes' : 'no'])) as Record<KeyTrouble, 'yes' | 'no'>;
    return { ...troubles, work: this.#failed ? 'failed' : 'done', faults: this.#faults, seen: this.#seen };
  }
}

const wordsOf = (error: unknown): string => `${(error as Error).name} ${(error as Error).message}`;
