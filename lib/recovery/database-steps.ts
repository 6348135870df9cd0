/** The steps that ask, close and open the database of this Region. Each may run twice. */
import type { ClientBase } from 'pg';
import type { databaseRecovery } from '../contracts/recovery.ts';
import type { Implementation } from '../contracts/step.ts';
import type { Journal } from '../trading/journal.ts';
import { lackingOf } from './completeness.ts';
import { DatabaseInRecoveryError } from './errors.ts';

export interface DatabaseOptions {
  /** Opens a connection that may write where the default is not to, uses it and closes it. Throws DatabaseUnreachableError. */
  readonly connected: <Answer>(use: (client: ClientBase) => Promise<Answer>) => Promise<Answer>;
  readonly journal: Pick<Journal, 'entries'>;
  readonly nowMs: () => number;
}

export function databaseSteps({ connected, journal, nowMs }: DatabaseOptions): Implementation<typeof databaseRecovery> {
  return {
    async position() {
      return connected(positionOf);
    },
    async isolate() {
      return connected(async (client) => {
        await checkWritten(client, 'isolate');
        await client.query('SELECT control.refuse_writes()');
        // Whoever was connected before keeps what was the default then.
        const { rows } = await client.query<{ ended: number }>('SELECT control.end_sessions() AS ended');
        return { sessionsEnded: rows[0]?.ended ?? 0 };
      });
    },
    async readmit() {
      return connected(async (client) => {
        await checkWritten(client, 'readmit');
        await client.query('SELECT control.take_writes()');
        return {};
      });
    },
    async completeness({ books }) {
      return connected(async (client) => {
        const lacking = [];
        for (const each of books) lacking.push({ book: each.book, ...(await lackingOf(client, journal, each)) });
        const spans = lacking.map(({ missingSentAtMs: [oldest = 0, newest = 0] }) => (newest - oldest) / 1000);
        const newest = lacking.flatMap(({ newestSentAtMs }) => newestSentAtMs ?? []);
        return {
          missing: lacking.reduce((sum, { missing }) => sum + missing, 0),
          spanSeconds: Math.max(0, ...spans),
          quietSeconds: newest.length === 0 ? null : Math.max(0, (nowMs() - Math.max(...newest)) / 1000),
          seen: lacking.map(({ book, missing }, at) => `${book}: ${missing} accepted orders missing, over ${(spans[at] ?? 0).toFixed(1)} s`).join('; '),
        };
      });
    },
  };
}

async function positionOf(client: ClientBase): Promise<Awaited<ReturnType<Implementation<typeof databaseRecovery>['position']>>> {
  const { rows } = await client.query<{
    in_recovery: boolean; read_only: boolean; streaming: boolean; lsn: string | null; applied_lsn: string | null; newest_commit_at: Date | null;
  }>(`
    SELECT
      pg_is_in_recovery() AS in_recovery,
      EXISTS (
        SELECT FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
        WHERE datname = current_database() AND setrole = 0 AND 'default_transaction_read_only=on' = ANY (setconfig)
      ) AS read_only,
      EXISTS (SELECT FROM pg_stat_wal_receiver WHERE coalesce(status, 'streaming') = 'streaming') AS streaming,
      CASE WHEN pg_is_in_recovery()
        THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END AS lsn,
      CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END AS applied_lsn,
      CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() END AS newest_commit_at`);
  const [row] = rows;
  return {
    inRecovery: row?.in_recovery ?? true,
    readOnly: row?.read_only ?? false,
    streaming: row?.streaming ?? false,
    lsn: row?.lsn ?? '',
    appliedLsn: row?.applied_lsn ?? '',
    newestCommitAt: row?.newest_commit_at?.toISOString() ?? '',
  };
}

async function checkWritten(client: ClientBase, what: string): Promise<void> {
  const { rows } = await client.query<{ in_recovery: boolean }>('SELECT pg_is_in_recovery() AS in_recovery');
  if (rows[0]?.in_recovery !== false) throw new DatabaseInRecoveryError(what);
}
