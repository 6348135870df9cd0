/**
 * The steps that put the ledger's database back to a moment: what may be restored, beside the one that is in use; and the swap, in which the name changes hands, and
 * with it the endpoint that whoever uses the database knows. Each may run twice: it looks at what is there before it changes anything.
 */
import { createHash } from 'node:crypto';
import type { DBInstance } from '@aws-sdk/client-rds';
import { temporaryTags } from '../contracts/backups.ts';
import type { databaseRestore, RestoreRequest } from '../contracts/restore.ts';
import type { Implementation } from '../contracts/step.ts';
import { Watermark } from '../contracts/verification.ts';
import { RequestRefusedError } from '../cutover/errors.ts';
import type { LeaseControl } from '../lease/control.ts';
import type { BookName, Lease } from '../lease/model.ts';
import type { Secret } from '../secret.ts';
import { EvidenceUnreachableError } from '../verification/errors.ts';
import { newestWatermark } from '../verification/watermark.ts';
import { DatabasesUnreachableError, RestoreOvertakenError, SchemaMovedError } from './errors.ts';
import { parseRestore } from './request.ts';

/** RDS of this Region. */
export interface RestoredDatabases {
  /** Undefined when there is none of this name. */
  readonly database: (identifier: string) => Promise<DBInstance | undefined>;
  /** Between which moments its automated backups lead; undefined where there are none. */
  readonly window: (instance: DBInstance) => Promise<{ readonly earliest: Date; readonly latest: Date } | undefined>;
  /** To a moment, in the shape of the one that it is to follow; one that is there already stays. */
  readonly restore: (made: { readonly name: string; readonly like: DBInstance; readonly at: Date; readonly tags: Readonly<Record<string, string>> }) => Promise<void>;
  readonly setPassword: (name: string, password: Secret) => Promise<void>;
  readonly rename: (identifier: string, to: string) => Promise<void>;
  /** It is temporary no more: it gets the name, the tags and the protection of the one before. */
  readonly takeIntoUse: (restored: DBInstance, place: { readonly name: string; readonly like: DBInstance }) => Promise<void>;
}

export interface RestoreOptions {
  readonly installation: string;
  readonly region: string;
  /** The identifier of the database in use. */
  readonly inUse: string;
  readonly databases: RestoredDatabases;
  readonly masterPassword: () => Promise<Secret>;
  readonly control: Pick<LeaseControl, 'read' | 'checkToken'>;
  readonly books: readonly BookName[];
  readonly evidence: { keys(prefix: string, after: string): Promise<readonly string[]>; read(key: string): Promise<unknown> };
  readonly nowMs: () => number;
}

export function restoreSteps(options: RestoreOptions): Implementation<typeof databaseRestore> {
  const { installation, region, inUse, databases, masterPassword, control, books, evidence, nowMs } = options;

  return {
    async checkRestore({ request: given, execution }) {
      const request = parseRestore(given);
      const leases = await Promise.all(books.map((book) => control.read(book)));
      const away = awayFrom(region, leases);
      if (away !== '') throw new RequestRefusedError(`The ledger is restored in the Region that is home, and this is ${region}: ${away}. Start it there.`);
      const original = await asked(() => inUseNow());
      const { latest, earliest } = await asked(() => windowOf(original));
      const at = request.to === 'newest' ? latest : new Date(request.to);
      if (at < earliest || at > latest) {
        throw new RequestRefusedError(
          `${at.toISOString()} is outside of what can be restored: from ${earliest.toISOString()} until ${latest.toISOString()}. Choose a moment within, or 'newest'; ` +
            'what is older is in the hourly snapshots (docs/runbooks/restore-database.md).',
        );
      }
      const hash = createHash('sha256').update(execution).digest('hex').slice(0, 8);
      return {
        request, begunAt: new Date(nowMs()).toISOString(), createdAt: at.toISOString(), original: original.DbiResourceId ?? '',
        name: `${installation}-restore-${hash}`, aside: `${installation}-before-${hash}`,
        watermarkKey: await kept(() => newestWatermark(evidence, at)),
      };
    },
    async restore({ request, name, original, createdAt, watermarkKey, execution, madeAt }) {
      await checkSchema(request, watermarkKey);
      return asked(async () => {
        const like = await databases.database(inUse);
        if (like?.DbiResourceId !== original) throw new Error(`${inUse} is another instance than it was when this began`);
        await databases.restore({ name, like, at: new Date(createdAt), tags: { [temporaryTags.execution]: execution, [temporaryTags.madeAt]: madeAt } });
        return {};
      });
    },
    async confirm({ request, original, watermarkKey, books: held }) {
      const away = awayFrom(region, await Promise.all(held.map(({ book, token }) => control.checkToken(book, token))));
      if (away !== '') throw new RestoreOvertakenError(`The books left ${region} (${away})`);
      const named = await asked(() => databases.database(inUse));
      if (named?.DbiResourceId !== original) throw new RestoreOvertakenError(`The database ${inUse} was replaced`);
      if (named.ReadReplicaSourceDBInstanceIdentifier !== undefined) throw new RestoreOvertakenError(`The database ${inUse} became a replica`);
      await checkSchema(request, watermarkKey);
      return {};
    },
    async admit({ name }) {
      return asked(async () => {
        await databases.setPassword(name, await masterPassword());
        return {};
      });
    },
    async swap({ name, aside, original, books: held }) {
      // Nothing changes its name for an execution that has lost the books.
      for (const { book, token } of held) await control.checkToken(book, token);
      return asked(async () => {
        const named = await databases.database(inUse);
        if (named === undefined) return takeIntoUse(name, aside);
        if (named.DbiResourceId !== original) return { state: named.DBInstanceStatus === 'available' ? 'done' : 'waiting', seen: words(named) };
        if (named.DBInstanceStatus === 'available') await databases.rename(inUse, aside);
        return { state: 'waiting', seen: `${words(named)} and to be ${aside}` };
      });
    },
    async swapBack({ name, aside, original }) {
      return asked(async () => {
        const named = await databases.database(inUse);
        if (named !== undefined && named.DbiResourceId !== original) return { state: 'swapped', seen: words(named) };
        if (named !== undefined) return { state: named.DBInstanceStatus === 'available' ? 'done' : 'waiting', seen: words(named) };
        const [restored, before] = await Promise.all([databases.database(name), databases.database(aside)]);
        // One that is about to get the name cannot be stopped; soon it has it.
        const isFree = restored === undefined || restored.DBInstanceStatus === 'available';
        if (isFree && before?.DBInstanceStatus === 'available') await databases.rename(aside, inUse);
        return { state: 'waiting', seen: [before, restored].flatMap((each) => (each === undefined ? [] : [words(each)])).join(', ') };
      });
    },
  };

  /** The one whose place it takes was renamed, so it is found under its other name. */
  async function takeIntoUse(name: string, aside: string): Promise<{ state: 'waiting'; seen: string }> {
    const [restored, like] = await Promise.all([databases.database(name), databases.database(aside)]);
    if (restored === undefined) return { state: 'waiting', seen: `neither ${inUse} nor ${name} is there` };
    // One that is on its way back to the name is waited for: a look that comes late must not race it.
    if (restored.DBInstanceStatus === 'available' && like?.DBInstanceStatus === 'available') await databases.takeIntoUse(restored, { name: inUse, like });
    return { state: 'waiting', seen: `${words(restored)} and to be ${inUse}` };
  }

  async function inUseNow(): Promise<DBInstance> {
    const found = await databases.database(inUse);
    const seen = found === undefined ? 'not there' : (found.DBInstanceStatus ?? 'in no status');
    if (found?.DBInstanceStatus !== 'available') {
      throw new RequestRefusedError(`The database ${inUse} is ${seen}, and only one that is available gives its name away. Wait, or go by hand: docs/runbooks/restore-database.md.`);
    }
    if (found.ReadReplicaSourceDBInstanceIdentifier !== undefined) {
      throw new RequestRefusedError(`The database ${inUse} is a replica of ${found.ReadReplicaSourceDBInstanceIdentifier}, which is the one to be restored. Finish the move first.`);
    }
    return found;
  }

  async function windowOf(instance: DBInstance): Promise<{ readonly earliest: Date; readonly latest: Date }> {
    const found = await databases.window(instance);
    if (found === undefined) throw new RequestRefusedError(`${inUse} has no automated backup that leads anywhere yet: the first is made when the instance is. Wait some minutes; or restore an hourly snapshot.`);
    return found;
  }

  /** By what was counted of either: then, and last. The machine has it counted before it asks. */
  async function checkSchema({ force }: RestoreRequest, watermarkKey: string): Promise<void> {
    if (force !== undefined || watermarkKey === '') return;
    const migrations = async (key: string): Promise<readonly string[]> => Watermark.parse(await evidence.read(key)).schema.migrations;
    const [then, now] = await kept(async () => Promise.all([watermarkKey, await newestWatermark(evidence, new Date(nowMs()))].map(migrations)));
    if (then === undefined || now === undefined || JSON.stringify(then) === JSON.stringify(now)) return;
    throw new SchemaMovedError(then, now);
  }
}

/** Empty when all are at home here. */
function awayFrom(region: string, leases: readonly Lease[]): string {
  return leases.filter(({ home }) => home !== region).map(({ book, home }) => `${book} in ${home}`).join(', ');
}

const words = ({ DBInstanceIdentifier, DBInstanceStatus }: DBInstance): string => `${DBInstanceIdentifier} is ${DBInstanceStatus}`;

async function asked<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    throw error instanceof RequestRefusedError ? error : new DatabasesUnreachableError(error);
  }
}

async function kept<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    throw new EvidenceUnreachableError(error);
  }
}
