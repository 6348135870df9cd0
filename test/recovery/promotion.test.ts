/**
 * A replica that lags is promoted under the ledger of the new home's trader, which was there all along: on two real PostgreSQLs. What the
 * replica missed comes from the journal, of whichever holder it was, and a database that was closed to writes is opened again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { databaseSteps } from '../../lib/recovery/database-steps.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry, LedgerMark } from '../../lib/trading/journal.ts';
import { LedgerCompletion } from '../../lib/trading/ledger-completion.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import { startPostgres, startReplica, type PostgresServer } from '../../rehearsal/processes/postgres.ts';
import { Relay } from '../../rehearsal/processes/relay.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { clock } from '../trader/stage.ts';
import { connected } from '../connected.ts';
import { until } from '../until.ts';

const site = useSite();
const password = 'a password';
const book = 'alpha' as BookName;
let source: PostgresServer;
let replica: PostgresServer;
let link: Relay;
const journaled: JournalEntry[] = [];
const closed = new AbortController();
const ledgers: Ledger[] = [];

beforeAll(async () => {
  const host = (name: string) => ({ supervisor: site.supervisor, authority: site.authority, directory: join(site.directory, name) });
  source = await startPostgres({ ...host('source'), masterUser: 'baton', masterPassword: password, database: 'baton' });
  link = await Relay.open({ host: source.host, port: source.port });
  replica = await startReplica({ ...host('replica'), source, link, slot: 'rds_test', replicationPassword: 'another-password' });
  await connectedTo(source)((client) => migrate(client, 'expansion', { log: () => undefined }));
}, 180_000);
afterAll(async () => {
  closed.abort();
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  await link?.close();
});

const client = (server: PostgresServer, options?: string): Client =>
  new Client({
    host: server.host, port: server.port, user: 'baton', password, database: 'baton',
    ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') }, ...(options !== undefined && { options }),
  });
const connectedTo = (server: PostgresServer) => async <Answer>(use: (client: ClientBase) => Promise<Answer>): Promise<Answer> => {
  const own = client(server, '-c default_transaction_read_only=off');
  own.on('error', () => undefined);
  await own.connect();
  try {
    return await use(own);
  } finally {
    await own.end().catch(() => undefined);
  }
};
const isBelow = (a: LedgerMark, b: LedgerMark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.sequence < b.sequence);
const journal = {
  async *entries(_book: BookName, from: LedgerMark | undefined, below: LedgerMark) {
    yield journaled.filter((entry) => (from === undefined || !isBelow(entry, from)) && isBelow(entry, below));
  },
};
const stepsAt = (server: PostgresServer): ReturnType<typeof databaseSteps> => databaseSteps({ connected: connectedTo(server), journal, nowMs: () => 60_000 });
const lacking = (server: PostgresServer, belowEpoch: number) => stepsAt(server).completeness({ books: [{ book, belowEpoch: belowEpoch as Epoch }] });

function ledgerAt(server: PostgresServer): Ledger {
  const ledger = new Ledger({ connect: () => connected(client(server)), checkSchema: async () => undefined, book, log: () => undefined });
  ledgers.push(ledger);
  ledger.start();
  return ledger;
}
function completionOf(ledger: Ledger): LedgerCompletion {
  return new LedgerCompletion({
    book, journal, ledger, log: () => undefined, signal: closed.signal, clock: { ...clock, monotonicNs: () => process.hrtime.bigint() },
    open: () => journaled, venue: { async *executionsOfLast() {}, async *endedOfLast() {} },
  });
}
/** Journaled and accepted; the ledger is told of it, if there is one. */
function trade(epoch: number, first: number, last: number, ledger?: Ledger): void {
  for (let sequence = first; sequence <= last; sequence += 1) {
    const author = { book, epoch: epoch as Epoch, sequence };
    const entry = {
      ...author, clientOrderId: clientOrderId(author), intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' } as const,
      outcome: { status: 'accepted', venueOrderId: 'v' } as const, sentAtMs: epoch * 10_000 + sequence * 100,
    };
    journaled.push(entry);
    ledger?.order({ ...entry, ...entry.intent, state: 'SUBMITTED', fills: [] });
  }
}
const written = (ledger: Ledger): Promise<unknown> => until('the ledger is written', () => ledger.writable && ledger.queuedRows === 0);

test('the ledger ends complete, from the mark that the promoted replica itself has', async () => {
  const old = ledgerAt(source);
  trade(1, 1, 5, old);
  await written(old);
  completionOf(old).reached({ epoch: 1 as Epoch, sequence: 6 });
  await until('the mark of the source', () => old.completeBelow?.sequence === 6);
  await until('the replica has it', async () => (await lacking(replica, 2)).missing === 0);

  // The trader of the other Region stands by, with a database that takes no writes.
  const next = ledgerAt(replica);
  await expect(stepsAt(replica).isolate({})).rejects.toMatchObject({ name: 'DatabaseInRecoveryError' });
  expect(await stepsAt(replica).position({})).toMatchObject({ inRecovery: true, streaming: true, readOnly: false });

  // From here on the replica gets nothing. Two holders more trade at home, and the source's own mark moves on.
  link.lead(undefined);
  await until('the stream has ended', async () => !(await stepsAt(replica).position({})).streaming);
  trade(1, 6, 9, old);
  trade(2, 1, 3, old);
  await written(old);
  completionOf(old).reached({ epoch: 2 as Epoch, sequence: 4 });
  await until('the later mark of the source', () => old.completeBelow?.epoch === 2);
  // The last ones died with their process: no database has them.
  trade(2, 4, 5);
  await source.kill();

  // The book has moved: epoch 3 is traded here, its ledger waits.
  trade(3, 1, 4, next);
  const completion = completionOf(next);
  completion.reached({ epoch: 3 as Epoch, sequence: 5 });
  expect(next.writable).toBe(false);
  expect(await lacking(replica, 3)).toMatchObject({ missing: 9, spanSeconds: 9.9, quietSeconds: 39.5 });

  await replica.promote();
  await until('a ledger that writes', () => next.writable);
  await until('the ledger is complete', async () => (await lacking(replica, 3)).missing === 0);
  await until('its own mark', () => next.completeBelow?.epoch === 3 && next.completeBelow.sequence === 5);
  expect(await lacking(replica, 0)).toMatchObject({ missing: 0 });
  const { rows } = await connectedTo(replica)((own) => own.query('SELECT epoch::int, count(*)::int FROM orders GROUP BY 1 ORDER BY 1'));
  expect(rows).toEqual([{ epoch: 1, count: 9 }, { epoch: 2, count: 5 }, { epoch: 3, count: 4 }]);
  expect(await stepsAt(replica).position({})).toMatchObject({ inRecovery: false, streaming: false });
}, 270_000);
