/**
 * The checker on real PostgreSQLs: a busy ledger is backed up, restored and found right, however it is caught; and each thing that can be wrong with a backup is
 * found by name, whether PostgreSQL notices it or not.
 */
import { cp, readdir, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import type { Finding, VenueFill, Watermark } from '../../lib/contracts/verification.ts';
import { ensureRoles } from '../../lib/data-credentials/roles.ts';
import { judgeLedger, type JudgedAgainst } from '../../lib/verification/ledger.ts';
import { frozenTables, hashing } from '../../lib/verification/ledger-tables.ts';
import { ledgerMigrations, ledgerSchema } from '../../lib/verification/ledger-schema.ts';
import { checksumsOn, inspectPart, partsOf } from '../../lib/verification/physical.ts';
import { readSchema } from '../../lib/verification/schema.ts';
import { takeWatermark } from '../../lib/verification/watermark.ts';
import { flipByteInBase, loseLogOfBase, truncateBase } from '../../rehearsal/faults/damage.ts';
import { serverDirectory, startPostgres, startRestored, type PostgresServer } from '../../rehearsal/processes/postgres.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { BusyLedger } from './busy-ledger.ts';

const site = useSite();
const password = 'a password';
const installation = 'baton-test';
let source: PostgresServer;
let ledger: BusyLedger;
let base: string;
let watermark: Watermark;
/** As if they had been a minute before: what is younger than some seconds may be on its way. */
let venueFills: readonly VenueFill[];
let restored: PostgresServer;
const clients: Client[] = [];
let copies = 0;

const host = (name: string) => ({ supervisor: site.supervisor, authority: site.authority, directory: join(site.directory, name) });
const clientOf = (server: PostgresServer): Client =>
  new Client({
    host: server.host, port: server.port, user: 'baton', password, database: 'baton', ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') },
  });
const connected = async (server: PostgresServer): Promise<Client> => {
  const client = clientOf(server);
  client.on('error', () => undefined);
  await client.connect();
  clients.push(client);
  return client;
};
const marked = async (client: ClientBase, id: string): Promise<Watermark> => {
  const taken = await takeWatermark(client, { id, installation });
  if (taken === undefined) throw new Error('a writing database took no watermark');
  return taken;
};
const against = (more: Partial<JudgedAgainst> = {}): JudgedAgainst => ({
  installation, createdAt: new Date(), watermark, venueFills, journal: ledger.journal, staleMinutes: 60, ...more,
});
const wrongIn = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.filter(({ ok }) => !ok).map(({ check, seen }) => [check, seen]));
const judged = async (client: ClientBase, more?: Partial<JudgedAgainst>) => wrongIn((await judgeLedger(client, against(more))).findings);
const inspected = async (client: ClientBase): Promise<Record<string, string>> => {
  const findings = [await checksumsOn(client)];
  for (const part of await partsOf(client)) findings.push(await inspectPart(client, part));
  return wrongIn(findings);
};
/** A copy of the backup that a test may damage, and what it is when it is restored. */
const copied = async (): Promise<string> => {
  const copy = await serverDirectory(join(site.directory, `copy-${(copies += 1)}`));
  await cp(base, copy, { recursive: true });
  return copy;
};
const restoredFrom = (copy: string): Promise<PostgresServer> => startRestored({ ...host(`restored-${copies}`), base: copy });

beforeAll(async () => {
  source = await startPostgres({ ...host('source'), masterUser: 'baton', masterPassword: password, database: 'baton' });
  const client = await connected(source);
  await migrate(client, 'expansion', { log: () => undefined });
  await ensureRoles(client);
  ledger = new BusyLedger(() => clientOf(source), 1);
  ledger.trade(1500);
  await ledger.settled();
  watermark = await marked(client, '00000000-0000-4000-8000-000000000001');
  venueFills = ledger.venueFills.map((fill) => ({ ...fill, atVenueMs: fill.atVenueMs - 60_000 }));
  ledger.trade(300);
  await ledger.written();
  ledger.tradeMeanwhile(400);
  base = await serverDirectory(join(site.directory, 'base'));
  await source.backUp(base);
  restored = await restoredFrom(await copied());
}, 180_000);
afterAll(async () => {
  await ledger?.close();
  await Promise.all(clients.map((client) => client.end().catch(() => undefined)));
});

describe('a healthy backup', () => {
  it('is found right in everything, down to its pages', async () => {
    const client = await connected(restored);
    const { findings, newestCommitAt } = await judgeLedger(client, against());
    expect(wrongIn(findings)).toEqual({});
    expect(findings.map(({ check }) => check)).toEqual([
      'watermark', 'rows', 'schema', 'freshness', 'fills have orders', 'quantities', 'sequences', 'positions', 'fills of the venue',
    ]);
    expect(Date.parse(newestCommitAt)).toBeGreaterThan(Date.parse(watermark.madeAt));
    expect(Number(watermark.tables.find(({ name }) => name === 'orders')?.rows)).toBeGreaterThanOrEqual(1500);
    expect(findings.find(({ check }) => check === 'sequences')?.seen).toMatch(/^\d+ gaps, of numbers that no accepted order has$/);
    expect(await inspected(client)).toEqual({});
  });

  it('is found right at fifty moments of a ledger that is written meanwhile', async () => {
    const writer = await connected(source);
    const reader = await connected(source);
    const wrong: unknown[] = [];
    for (let run = 0; run < 50; run++) {
      const taken = await marked(writer, `00000000-0000-4000-8000-1${String(run).padStart(11, '0')}`);
      ledger.trade(5);
      ledger.tradeMeanwhile(60);
      // What a backup of this moment would hold.
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      const found = await judged(reader, { watermark: taken, createdAt: new Date(), venueFills: ledger.venueFills });
      await reader.query('COMMIT');
      if (Object.keys(found).length > 0) wrong.push(found);
    }
    await ledger.close();
    expect(wrong).toEqual([]);
  });

  it('has the schema that the migrations make', async () => {
    const schema = await readSchema(await connected(restored));
    expect(schema).toEqual({ migrations: ledgerMigrations, ledger: ledgerSchema, others: [] });
  });
});

describe('a watermark', () => {
  it('of another way of hashing is counted against, and its checksums are not compared', async () => {
    const other = { ...watermark, hashing: 0, tables: watermark.tables.map((table) => ({ ...table, checksum: '1' })) };
    const { findings } = await judgeLedger(await connected(restored), against({ watermark: other }));
    expect(findings.find(({ check }) => check === 'rows')).toMatchObject({ ok: true, seen: expect.stringMatching(/orders, .* fills; not their checksums, for another release hashed them in another way/) as string });
  });

  it('has the hashes that its number says: who changes them raises `hashing`', async () => {
    const columns = `'alphax01' AS client_order_id, 'e-1' AS execution_id, 'v-1' AS venue_order_id, 'alpha' AS book, 'BTC/USDT' AS symbol, 'buy' AS side, 59000.5 AS price, 0.004 AS quantity,
      0.000004 AS fee, 'BTC' AS fee_currency, timestamptz '2026-11-21 08:00:00.25+00' AS executed_at`;
    const client = await connected(source);
    await client.query("SET TIME ZONE 'Asia/Tokyo'");
    const hashed = frozenTables.map(async ({ name, rowHash }) => [name, (await client.query<{ hash: string }>(`SELECT ${rowHash} AS hash FROM (SELECT ${columns}) AS one`)).rows[0]?.hash]);
    expect({ hashing, ...Object.fromEntries(await Promise.all(hashed)) as object }).toEqual({ hashing: 1, orders: '2796796032981231755', fills: '-7591025758374995571' });
  });

  it('is taken of a replica by nobody', async () => {
    const inRecovery = { query: async () => ({ rows: [{ in_recovery: true }] }) } as unknown as ClientBase;
    expect(await takeWatermark(inRecovery, { id: 'x', installation })).toBeUndefined();
  });

  it('leaves nothing when it fails', async () => {
    const client = await connected(source);
    const before = await client.query('SELECT count(*) FROM watermarks');
    await expect(takeWatermark(client, { id: watermark.id, installation })).rejects.toThrow(/duplicate key/);
    expect((await client.query('SELECT count(*) FROM watermarks')).rows).toEqual(before.rows);
  });
});

describe('what is wrong with a backup is found:', () => {
  it.each([
    ['a flipped byte in a page of a table', 'fills', /page|checksum/],
    ['a flipped byte in a page of an index', 'orders_pkey', /orders_pkey: invalid page in block 0/],
  ])('%s', async (_, relation, words) => {
    const copy = await copied();
    const [{ path } = { path: '' }] = (await (await connected(source)).query<{ path: string }>('SELECT pg_relation_filepath($1) AS path', [relation])).rows;
    await flipByteInBase(copy, path, relation === 'fills' ? 8192 * 3 + 4000 : 60);
    const server = await restoredFrom(copy);
    const found = await inspected(await connected(server));
    expect(Object.keys(found)).toEqual([`pages of ${relation === 'fills' ? 'fills' : 'orders'}`]);
    expect(Object.values(found)[0]).toMatch(words);
    await server.stop();
  });

  it('a truncated base backup', async () => {
    const copy = await copied();
    await truncateBase(copy, 0.5);
    await expect(restoredFrom(copy)).rejects.toThrow();
  });

  it('a base backup without the log that makes it whole', async () => {
    const copy = await copied();
    await loseLogOfBase(copy);
    await expect(restoredFrom(copy)).rejects.toThrow(/could not (locate|find).*checkpoint record/);
  });

  it('a missing segment of the write-ahead log', async () => {
    const copy = await copied();
    const empty = await serverDirectory(join(site.directory, 'no-archive'));
    expect(await readdir(empty)).toEqual([]);
    await expect(startRestored({ ...host(`restored-${copies}`), base: copy, recovery: { archive: empty, until: new Date() } })).rejects.toThrow(/recovery/);
    await rm(copy, { recursive: true });
  });

  it('an index that does not lead to its rows, which no checksum of a page shows', async () => {
    const client = await connected(restored);
    await client.query('BEGIN');
    await client.query("CREATE FUNCTION key_of(id text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT id'");
    await client.query('CREATE INDEX fills_by_key ON fills (key_of(execution_id))');
    await client.query("CREATE OR REPLACE FUNCTION key_of(id text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT reverse(id)'");
    await client.query('COMMIT');
    const found = await inspected(client);
    await client.query('DROP FUNCTION key_of CASCADE');
    expect(found).toEqual({ 'pages of fills': expect.stringMatching(/fills_by_key: .*lacks matching index tuple/) as string });
    expect(await inspected(client)).toEqual({});
  });

  /** Changed in the copy, as if the backup held it so, and taken back. */
  const changed: readonly [string, string, Record<string, RegExp>][] = [
    ['an empty table', 'TRUNCATE fills', { rows: /fills has 0 of the \d+ rows/, 'fills of the venue': /is at the venue and not here/, positions: /do not lead there/ }],
    ['one row less', 'DELETE FROM fills WHERE execution_id = (SELECT min(execution_id) FROM fills)', { rows: /fills has \d+ of the \d+ rows of the watermark/, 'fills of the venue': /fill e-000000001 .* is at the venue and not here/ }],
    ['a row that says something else', "UPDATE fills SET price = price + 1 WHERE execution_id = (SELECT min(execution_id) FROM fills)",
      { rows: /are not those of the watermark: their checksum is/, 'fills of the venue': /at 59\d\d\d at the venue/ }],
    ['an order that is lost although it was accepted', "DELETE FROM orders WHERE client_order_id = (SELECT client_order_id FROM orders WHERE state = 'SETTLED' AND epoch = 1 ORDER BY sequence OFFSET 3 LIMIT 1)",
      { rows: /orders has/, 'fills have orders': /is of order alphax.*, which is not there/, sequences: /order alphax\w+ was accepted and is not there/ }],
    ['more filled than was ordered', "UPDATE orders SET quantity = quantity / 2 WHERE client_order_id = (SELECT min(client_order_id) FROM orders WHERE state = 'SETTLED')",
      { rows: /checksum/, quantities: /of 0\.002\d* is SETTLED with fills of 0\.004/ }],
    ['a position that its fills do not lead to', "UPDATE positions SET quantity = quantity + 1", { positions: /went from/ }],
    ['no position', 'DELETE FROM positions', { positions: /the position of alpha is not there/ }],
    ['a drifted schema', 'ALTER TABLE orders ADD COLUMN note text; DROP INDEX fills_by_time', { schema: /lacks ‘public\.fills: CREATE INDEX fills_by_time.*has ‘public\.orders\.note: text’/ }],
    ['a table that nobody knew at the watermark', 'CREATE TABLE other (id bigint)', { schema: /has ‘public\.other\.id: bigint’/ }],
    ['a schema of no release', "INSERT INTO migrations (name, run_on) VALUES ('0009-other', now())", { schema: /the migrations that ran are .*0009-other; known are/ }],
    ['another database, or stale rows', 'TRUNCATE watermarks', { watermark: /is of another database, or older than it says/ }],
    ['a watermark that was changed', `UPDATE watermarks SET content = jsonb_set(content, '{installation}', '"other"')`, { watermark: /says something else in the backup/ }],
    ['a commit that is too old', "UPDATE watermarks SET made_at = made_at - interval '2 hours'; UPDATE positions SET written_at = written_at - interval '2 hours'; UPDATE ledger_marks SET written_at = written_at - interval '2 hours'",
      { freshness: /more than 60 minutes/ }],
    ['nothing that says when it was written', 'TRUNCATE watermarks, positions, ledger_marks', { watermark: /another database/, freshness: /nothing in it says/, positions: /is not there/ }],
    ['no ledger at all', 'DROP TABLE orders, fills, positions, ledger_marks, watermarks, migrations', {
      watermark: /could not be looked at/, rows: /could not/, schema: /that ran are none/, freshness: /could not/, 'fills have orders': /could not/, quantities: /could not/,
      sequences: /could not/, positions: /could not/, 'fills of the venue': /could not/,
    }],
  ];
  it.each(changed)('%s', async (_, change, wanted) => {
    const client = await connected(restored);
    await client.query('BEGIN');
    await client.query(change);
    // Within the transaction of the change, a question that fails would end it.
    const safe = new Proxy(client, { get: (target, name) => name === 'query' ? guarded(target) : Reflect.get(target, name) as unknown }) as ClientBase;
    const found = await judged(safe);
    await client.query('ROLLBACK');
    expect(found).toEqual(Object.fromEntries(Object.entries(wanted).map(([check, words]) => [check, expect.stringMatching(words) as string])));
    expect(await judged(client)).toEqual({});
  });

  const guarded = (client: Client) => async (...question: [string, unknown[]?]) => {
    await client.query('SAVEPOINT before');
    try {
      return await client.query(...question);
    } catch (error) {
      await client.query('ROLLBACK TO before');
      throw error;
    }
  };

  it('no watermark', async () => {
    expect(await judged(await connected(restored), { watermark: undefined })).toEqual({
      watermark: expect.stringMatching(/no watermark was written before this backup/) as string, rows: 'there is no watermark to count against',
    });
  });

  it('the ledger of another installation', async () => {
    expect(await judged(await connected(restored), { installation: 'baton-other' })).toEqual({ watermark: expect.stringMatching(/is of baton-test, not of baton-other/) as string });
  });

  it('a fill of the venue that the ledger never had', async () => {
    const missed = { executionId: 'e-other', book: 'alpha', side: 'buy' as const, price: '1', quantity: '1', atVenueMs: Date.parse(watermark.madeAt) - 60_000 };
    expect(await judged(await connected(restored), { venueFills: [missed] })).toEqual({ 'fills of the venue': expect.stringMatching(/fill e-other of .* is at the venue and not here/) as string });
  });
});
