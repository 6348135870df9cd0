/**
 * What a planned move asks of both Regions: positions, names and replicas of their databases, and which of them has the original
 * of each secret. Each step may run twice: it looks at what is there before it changes anything.
 */
import type { DBInstance } from '@aws-sdk/client-rds';
import type { Call } from '../contracts/call.ts';
import type { databaseRecovery } from '../contracts/recovery.ts';
import type { Implementation } from '../contracts/step.ts';
import type { otherRegion } from '../contracts/switchover.ts';
import { OtherRegionUnreachableError } from './errors.ts';
import { bytesBehind } from './lsn.ts';

/** RDS and Secrets Manager of one Region. */
export interface RegionApis {
  /** Undefined when there is none of this name. */
  readonly database: (identifier: string) => Promise<DBInstance | undefined>;
  /** Whose identifiers begin so. */
  readonly databases: (prefix: string) => Promise<readonly DBInstance[]>;
  readonly rename: (identifier: string, to: string) => Promise<void>;
  /** In the shape of another instance of this Region. */
  readonly createReplica: (replica: { readonly identifier: string; readonly sourceArn: string; readonly like: DBInstance }) => Promise<void>;
  /** A replica becomes an original; one that is an original already is left alone. */
  readonly makeOriginal: (secretName: string) => Promise<void>;
  /** Whatever was under its name there. Answers why it failed; empty when it did not. */
  readonly replicate: (secretName: string, to: { readonly region: string; readonly keyAlias: string }) => Promise<string>;
}

export function otherRegionSteps({ here, there, account, database, secrets, in: inRegion, databaseFunction }: {
  readonly here: string;
  readonly there: string;
  readonly account: string;
  /** Its identifier, the same in either Region. */
  readonly database: string;
  readonly secrets: readonly { readonly name: string; readonly keyAlias: string }[];
  readonly in: (region: string) => RegionApis;
  readonly databaseFunction: (region: string) => Call<typeof databaseRecovery>;
}): Implementation<typeof otherRegion> {
  const arnOf = (region: string): string => `arn:aws:rds:${region}:${account}:db:${database}`;
  const otherThan = (region: string): string => (region === here ? there : here);

  return {
    async behind({ appliedLsn, mark }) {
      const { lsn } = await ask('read how far the database of the other Region is', () => databaseFunction(there)('position', {}));
      const wanted = mark === '' ? lsn : mark;
      return { bytes: bytesBehind(appliedLsn, lsn), mark: wanted, follows: bytesBehind(appliedLsn, wanted) === 0 };
    },
    async streams({ region }) {
      const { inRecovery, streaming } = await ask(`look at the replica in ${region}`, () => databaseFunction(region)('position', {}));
      return { replica: inRecovery, streaming: inRecovery && streaming };
    },
    async isolate({ region }) {
      const asked = databaseFunction(region);
      await ask(`isolate the database of ${region}`, () => asked('isolate', {}));
      const { lsn, readOnly } = await ask(`read how far the database of ${region} is`, () => asked('position', {}));
      if (!readOnly) throw new OtherRegionUnreachableError(`isolate the database of ${region}`, 'it says that it can be written');
      return { lsn };
    },
    async reaches({ appliedLsn, lsn }) {
      const bytes = bytesBehind(appliedLsn, lsn);
      return { reached: bytes === 0, bytes };
    },
    async completeness({ books }) {
      const { missing, seen } = await ask('compare the ledger of the other Region with the journal', () => databaseFunction(there)('completeness', { books }));
      return { missing, seen };
    },
    async database({ region }) {
      const found = await ask(`look at the database in ${region}`, () => inRegion(region).database(database));
      if (found === undefined) return { status: 'missing', source: '', multiAz: false };
      const { DBInstanceStatus: status = '', ReadReplicaSourceDBInstanceIdentifier: source = '', MultiAZ: multiAz = false } = found;
      return { status, source, multiAz };
    },
    async setAside({ region, as }) {
      const apis = inRegion(region);
      return ask(`set the database in ${region} aside`, async () => {
        const named = await apis.database(database);
        if (named === undefined) return { state: 'done', seen: 'the name is free' };
        const { DBInstanceStatus: status = '', ReadReplicaSourceDBInstanceIdentifier: source } = named;
        if (source === arnOf(otherThan(region))) return { state: 'done', seen: `a replica of ${source} has the name already` };
        if (status === 'available') {
          // Whoever writes it has its name: it is somebody's home, whatever the caller believes. A replica of what has no name any more is written by nobody.
          const { readOnly, inRecovery } = await databaseFunction(region)('position', {});
          if (!readOnly && !inRecovery) throw new Error('it can be written, so it is in use; a database is set aside when it was isolated');
          await apis.rename(database, as);
        }
        return { state: 'waiting', seen: `${database} is ${status} and to be ${as}` };
      });
    },
    async createReplica({ region }) {
      const apis = inRegion(region);
      return ask(`make a replica in ${region}`, async () => {
        const named = await apis.database(database);
        if (named !== undefined) return { status: named.DBInstanceStatus ?? '' };
        const [like] = (await apis.databases(`${database}-before-`)).toSorted((one, other) => madeAt(other) - madeAt(one));
        if (like === undefined) throw new Error(`there is no ${database}-before-… in ${region} to take its shape from`);
        await apis.createReplica({ identifier: database, sourceArn: arnOf(otherThan(region)), like });
        return { status: 'creating' };
      });
    },
    async replicateSecrets({ from }) {
      const apis = inRegion(from);
      const failed: string[] = [];
      for (const { name, keyAlias } of secrets) {
        await ask(`make ${name} in ${from} the original`, async () => {
          await apis.makeOriginal(name);
          const why = await apis.replicate(name, { region: otherThan(from), keyAlias });
          if (why !== '') failed.push(`${name}: ${why}`);
        });
      }
      return { failed };
    },
  };
}

const madeAt = ({ InstanceCreateTime }: DBInstance): number => InstanceCreateTime?.getTime() ?? 0;

async function ask<Answer>(what: string, call: () => Promise<Answer>): Promise<Answer> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof OtherRegionUnreachableError) throw error;
    throw new OtherRegionUnreachableError(what, error);
  }
}
