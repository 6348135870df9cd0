/** The steps inside the isolated network, which look at what was restored there. They read, so each may run twice. */
import type { ClientBase } from 'pg';
import * as z from 'zod/mini';
import type { Implementation } from '../contracts/step.ts';
import { type backupCheck, VenueFill, Watermark } from '../contracts/verification.ts';
import type { Journal } from '../trading/journal.ts';
import { RestoredUnreachableError } from './errors.ts';
import { judgeLedger } from './ledger.ts';
import { checksumsOn, inspectPart, partsOf } from './physical.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface CheckOptions {
  readonly installation: string;
  /** Opens a connection, uses it and closes it. Throws RestoredUnreachableError. */
  readonly database: <Answer>(address: Address, use: (client: ClientBase) => Promise<Answer>) => Promise<Answer>;
  /** How many keys could be read; throws RestoredUnreachableError. */
  readonly cache: (address: Address) => Promise<number>;
  readonly evidence: { read(key: string): Promise<unknown> };
  readonly journal: Pick<Journal, 'entries'>;
  readonly staleMinutes: number;
  readonly nowMs: () => number;
}

export function checkSteps({ installation, database, cache, evidence, journal, staleMinutes, nowMs }: CheckOptions): Implementation<typeof backupCheck> {
  return {
    async reach({ database: address }) {
      try {
        return await database(address, async (client) => {
          await client.query('SELECT 1');
          const answeredAt = new Date(nowMs()).toISOString();
          return { answeredAt, parts: [...(await partsOf(client))] };
        });
      } catch (error) {
        if (error instanceof RestoredUnreachableError) return { answeredAt: '', parts: [] };
        throw error;
      }
    },
    async inspect({ database: address, part }) {
      return database(address, async (client) => ({ findings: [await inspectPart(client, part)] }));
    },
    async judge({ database: address, createdAt, watermarkKey, venueFillsKey }) {
      const watermark = watermarkKey === '' ? undefined : Watermark.parse(await evidence.read(watermarkKey));
      const venueFills = z.array(VenueFill).parse(await evidence.read(venueFillsKey));
      return database(address, async (client) => {
        const checksums = await checksumsOn(client);
        const { findings, newestCommitAt } = await judgeLedger(client, { installation, createdAt: new Date(createdAt), watermark, venueFills, journal, staleMinutes });
        return { findings: [checksums, ...findings], newestCommitAt };
      });
    },
    async readCache({ cache: address }) {
      return { findings: [{ check: 'cache', ok: true, seen: `${await cache(address)} keys were read` }] };
    },
  };
}
