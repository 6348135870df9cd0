/** What the database of a Region says of itself, how it is closed and opened, and what it lacks: on a real PostgreSQL. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import { ensureRoles } from '../../lib/data-credentials/roles.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { databaseSteps } from '../../lib/recovery/database-steps.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry, LedgerMark, OutcomeStatus } from '../../lib/trading/journal.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import { startPostgres, type RunningServer } from '../../rehearsal/processes/postgres.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { connected as standing } from '../connected.ts';
import { until } from '../until.ts';

const site = useSite();
const password = 'a password';
const book = 'alpha' as BookName;
let server: RunningServer;

beforeAll(async () => {
  server = await startPostgres({
    supervisor: site.supervisor, authority: site.authority, directory: join(site.directory, 'postgres'),
    masterUser: 'baton', masterPassword: password, database: 'baton',
  });
  await connected(ensureRoles);
});

const client = (options?: string): Client =>
  new Client({
    host: server.host, port: server.port, user: 'baton', password, database: 'baton',
    ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') }, ...(options !== undefined && { options }),
  });
async function connected<Answer>(use: (client: ClientBase) => Promise<Answer>): Promise<Answer> {
  const own = client('-c default_transaction_read_only=off');
  await own.connect();
  try {
    return await use(own);
  } finally {
    await own.end();
  }
}
const journaled: JournalEntry[] = [];
const isBelow = (a: LedgerMark, b: LedgerMark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.sequence < b.sequence);
const steps = databaseSteps({
  connected,
  nowMs: () => 100_000,
  journal: {
    async *entries(_book, from, below) {
      yield journaled.filter((entry) => (from === undefined || !isBelow(entry, from)) && isBelow(entry, below));
    },
  },
});
const journal = (epoch: number, sequence: number, sentAtMs: number, status: OutcomeStatus = 'accepted'): JournalEntry => {
  const author = { book, epoch: epoch as Epoch, sequence };
  const entry = {
    ...author, clientOrderId: clientOrderId(author), intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' } as const,
    outcome: { status }, sentAtMs,
  };
  journaled.push(entry);
  return entry;
};
const lacking = (belowEpoch = 0): ReturnType<typeof steps.completeness> => steps.completeness({ books: [{ book, belowEpoch: belowEpoch as Epoch }] });

describe('what a database lacks', () => {
  let ledger: Ledger;
  const open = (): Ledger => {
    const made = new Ledger({ connect: () => standing(client()), checkSchema: async () => undefined, book, log: () => undefined });
    made.start();
    return made;
  };
  afterAll(() => ledger.close());

  test('is everything while it has no schema', async () => {
    journal(1, 1, 40_000);
    expect(await lacking()).toMatchObject({ missing: 1, spanSeconds: 0, quietSeconds: 60 });
    await connected((each) => migrate(each, 'expansion', { log: () => undefined }));
    expect(await lacking()).toMatchObject({ missing: 1 });
  });

  test('is what the venue accepted and no row says, told in seconds between those who sent it', async () => {
    ledger = open();
    const written = [journal(1, 2, 41_000), journal(1, 3, 42_000), journal(1, 4, 43_500), journal(1, 5, 47_500), journal(1, 6, 48_000, 'rejected')];
    const [second, third] = written as [JournalEntry, JournalEntry];
    ledger.order({ ...second, ...second.intent, state: 'SUBMITTED', fills: [] });
    // Known only as about to be sent: that the venue accepted it is not.
    ledger.order({ ...third, ...third.intent, state: 'PENDING', fills: [] });
    await until('written', () => ledger.queuedRows === 0 && ledger.writable);
    expect(await lacking()).toEqual({
      missing: 4, spanSeconds: 7.5, quietSeconds: 52.5, seen: 'alpha: 4 accepted orders missing, over 7.5 s',
    });
  });

  test('is asked from its own mark on, and below an epoch only when one is named', async () => {
    ledger.completed({ epoch: 1 as Epoch, sequence: 5 });
    await until('the mark', () => ledger.completeBelow?.sequence === 5);
    journal(2, 1, 50_000);
    expect(await lacking()).toMatchObject({ missing: 2 });
    expect(await lacking(2)).toMatchObject({ missing: 1, spanSeconds: 0 });
  });
});

describe('a database', () => {
  test('says where it is', async () => {
    const position = await steps.position({});
    expect(position).toMatchObject({ inRecovery: false, readOnly: false, streaming: false, newestCommitAt: '' });
    expect(position.lsn).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(position.appliedLsn).toBe(position.lsn);
  });

  test('that is closed ends whoever writes, refuses the next, and is opened again; each as often as one likes', async () => {
    let ended = 0;
    const states: boolean[] = [];
    const writer = client();
    writer.on('error', () => (ended += 1));
    await writer.connect();
    const ledger = new Ledger({ connect: () => standing(client()), checkSchema: async () => undefined, book, log: () => undefined, onChange: () => states.push(ledger.writable) });
    ledger.start();
    try {
      await until('a ledger that writes', () => ledger.writable);
      expect((await steps.isolate({})).sessionsEnded).toBeGreaterThanOrEqual(2);
      await until('the end of the writer', () => ended > 0);
      await until('a ledger that does not', () => !ledger.writable);
      expect(await steps.isolate({})).toMatchObject({ sessionsEnded: expect.any(Number) as number });
      expect(await steps.position({})).toMatchObject({ readOnly: true, inRecovery: false });
      const next = client();
      await next.connect();
      await expect(next.query("INSERT INTO ledger_marks VALUES ('x', 1, 1)")).rejects.toMatchObject({ code: '25006' });
      await next.end();
      // However long it stays closed, the ledger does not take it for open.
      expect(ledger.writable).toBe(false);
      await steps.readmit({});
      await steps.readmit({});
      expect(await steps.position({})).toMatchObject({ readOnly: false });
      await until('a ledger that writes again', () => ledger.writable);
    } finally {
      await ledger.close();
    }
    expect(states).toEqual([true, false, true]);
  });
});
