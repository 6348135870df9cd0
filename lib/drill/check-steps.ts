/** The steps of a drill inside the isolated network, which ask what was restored there. They read, so each may run twice. */
import type { ClientBase } from 'pg';
import { type drillCheck, shadowBook } from '../contracts/drill.ts';
import type { Implementation } from '../contracts/step.ts';
import { RestoredUnreachableError } from '../verification/errors.ts';
import { newestCommit } from '../verification/ledger.ts';

export interface DrillCheckOptions {
  /** Opens a connection, uses it and closes it. Throws RestoredUnreachableError. */
  readonly database: <Answer>(address: { readonly host: string; readonly port: number }, use: (client: ClientBase) => Promise<Answer>) => Promise<Answer>;
  readonly nowMs: () => number;
}

export function drillCheckSteps({ database, nowMs }: DrillCheckOptions): Implementation<typeof drillCheck> {
  return {
    async reach({ database: address }) {
      try {
        return await database(address, async (client) => {
          const newest = await newestCommit(client);
          return { answeredAt: new Date(nowMs()).toISOString(), newestCommitAt: newest?.toISOString() ?? '' };
        });
      } catch (error) {
        if (error instanceof RestoredUnreachableError) return { answeredAt: '', newestCommitAt: '' };
        throw error;
      }
    },
    async written({ database: address, epoch }) {
      return database(address, async (client) => {
        const { rows } = await client.query<{ orders: number }>('SELECT count(*)::int AS orders FROM orders WHERE book = $1 AND epoch = $2', [shadowBook, epoch]);
        return { orders: rows[0]?.orders ?? 0 };
      });
    },
  };
}
