/** Migrations on a real PostgreSQL: what adds runs while the old release writes on, what takes away waits, and both come down again. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MigrationBuilder } from 'node-pg-migrate';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contractionsIn } from '../../containers/trader/migrations/expand-only.ts';
import {
  checkSchema, contractionWaits, knownMigrations, migrate, NoExpansionError, SchemaTooOldError, type KnownMigration, type MigrationKind,
} from '../../containers/trader/migrations/run.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import { startPostgres, type RunningServer } from '../../rehearsal/processes/postgres.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { connected } from '../connected.ts';
import { until } from '../until.ts';

const site = useSite();
const password = 'a password';
let server: RunningServer;
let client: Client;

const connect = (): Client =>
  new Client({
    host: server.host, port: server.port, user: 'baton', password, database: 'baton',
    ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') },
  });

beforeAll(async () => {
  server = await startPostgres({
    supervisor: site.supervisor, authority: site.authority, directory: join(site.directory, 'postgres'),
    masterUser: 'baton', masterPassword: password, database: 'baton',
  });
  client = connect();
  await client.connect();
});
afterAll(() => client?.end());

const made = (id: string, kind: MigrationKind, up: string, down: string): KnownMigration => ({
  id, kind,
  actions: { up: (pgm: MigrationBuilder) => pgm.sql(up), down: (pgm: MigrationBuilder) => pgm.sql(down) },
});
/** What a later release might bring. */
const strategy = made(
  '0004-strategy', 'expansion',
  `ALTER TABLE orders ADD COLUMN strategy text, ADD COLUMN attempts integer NOT NULL DEFAULT 0;
   COMMENT ON COLUMN orders.strategy IS 'a; b';`,
  'ALTER TABLE orders DROP COLUMN strategy, DROP COLUMN attempts',
);
const noReason = made(
  '0005-no-reason', 'contraction', 'ALTER TABLE orders DROP COLUMN reason', 'ALTER TABLE orders ADD COLUMN reason text',
);
const next = [...knownMigrations, strategy, noReason];

const log = (): void => undefined;
const columns = async (): Promise<string[]> => {
  const { rows } = await client.query<{ column: string }>(
    `SELECT table_name || '.' || column_name AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name <> 'migrations' ORDER BY 1`,
  );
  return rows.map(({ column }) => column);
};
const order = (sequence: number) => {
  const author = { book: 'alpha' as BookName, epoch: 1 as Epoch, sequence };
  return {
    ...author, clientOrderId: clientOrderId(author), symbol: 'BTC/USDT', side: 'buy' as const, price: '59000', quantity: '0.001',
    state: 'FILLED' as const, fills: [], venueOrderId: 'v',
  };
};

describe('migrations', () => {
  it('are wanted before a release writes, and say what is missing', async () => {
    await expect(checkSchema(client)).rejects.toThrow(/lacks 0001-ledger, 0002-ledger-marks, 0003-watermarks, 0004-ended-marks: a cutover runs them/);
    await expect(checkSchema(client)).rejects.toBeInstanceOf(SchemaTooOldError);
  });

  it('run once, whoever runs them again, and are recorded', async () => {
    expect(await migrate(client, 'expansion', { log })).toEqual(['0001-ledger', '0002-ledger-marks', '0003-watermarks', '0004-ended-marks']);
    expect(await migrate(client, 'expansion', { log })).toEqual([]);
    await checkSchema(client);
    const { rows } = await client.query<{ name: string; run_on: Date }>('SELECT name, run_on FROM migrations ORDER BY name');
    expect(rows).toEqual(['0001-ledger', '0002-ledger-marks', '0003-watermarks', '0004-ended-marks'].map((name) => ({ name, run_on: expect.any(Date) as Date })));
  });

  it('expand under the release that runs, which writes on; then contract; and come down to what was', async () => {
    const before = await columns();
    const ledger = new Ledger({ connect: () => connected(connect()), checkSchema, book: 'alpha', log: () => undefined });
    ledger.start();
    ledger.order(order(1));
    await until('the first order', () => ledger.writable && ledger.queuedRows === 0);
    expect(await migrate(client, 'expansion', { log, migrations: next })).toEqual(['0004-strategy']);
    // The old release's own queries, on the new schema, over the connection it had all the while.
    ledger.order(order(2));
    await until('an order after the expansion', () => ledger.queuedRows === 0);
    await ledger.close();
    expect((await client.query('SELECT sequence, attempts FROM orders ORDER BY 1')).rows).toEqual([
      { sequence: '1', attempts: 0 }, { sequence: '2', attempts: 0 },
    ]);
    expect(await columns()).toContain('orders.reason');
    expect(await contractionWaits(client, next)).toBe(true);
    expect(await migrate(client, 'contraction', { log, migrations: next })).toEqual(['0005-no-reason']);
    expect(await columns()).not.toContain('orders.reason');
    expect(await contractionWaits(client, next)).toBe(false);
    expect(await migrate(client, 'contraction', { log, migrations: next, direction: 'down' })).toEqual(['0005-no-reason']);
    expect(await migrate(client, 'expansion', { log, migrations: next, direction: 'down' })).toEqual(['0004-strategy']);
    expect(await columns()).toEqual(before);
  });

  it('give every row the transaction that brought it, and rewrite no table for those that were there', async () => {
    const file = async () => (await client.query<{ file: string }>("SELECT pg_relation_filenode('fills') AS file")).rows[0]?.file;
    const fill = (id: string) => client.query(
      `INSERT INTO fills (execution_id, client_order_id, venue_order_id, book, symbol, side, price, quantity, fee, fee_currency, executed_at)
       VALUES ($1, 'c', 'v', 'alpha', 'BTC/USDT', 'buy', 1, 1, 0, 'BTC', now())`, [id]);
    // With the one that came later.
    await migrate(client, 'expansion', { log, direction: 'down' });
    await migrate(client, 'expansion', { log, direction: 'down' });
    await fill('older-1');
    await fill('older-2');
    const before = await file();
    expect(await migrate(client, 'expansion', { log })).toEqual(['0003-watermarks', '0004-ended-marks']);
    expect(await file()).toBe(before);
    await fill('newer');
    const { rows } = await client.query<{ n: string }>('SELECT count(*) AS n FROM fills GROUP BY inserted_by ORDER BY inserted_by');
    expect(rows).toEqual([{ n: '2' }, { n: '1' }]);
    await client.query('DELETE FROM fills');
  });

  it('leave nothing of one that fails, and keep those before it', async () => {
    const before = await columns();
    const wrong = made('0004-wrong', 'expansion', 'CREATE TABLE other (id bigint); COMMENT ON TABLE nosuch IS NULL;', '');
    const migrations = [...knownMigrations, strategy, wrong];
    await expect(migrate(client, 'expansion', { log, migrations })).rejects.toThrow(/nosuch/);
    expect(await columns()).toEqual([...before, 'orders.attempts', 'orders.strategy'].toSorted());
    await checkSchema(client);
    await migrate(client, 'expansion', { log, migrations: migrations.slice(0, -1), direction: 'down' });
  });

  it('give up on a lock instead of holding up the release that runs', async () => {
    const holder = connect();
    await holder.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE');
      await expect(migrate(client, 'expansion', { log, migrations: [...knownMigrations, strategy] })).rejects.toThrow(/lock timeout/);
    } finally {
      await holder.end();
    }
  });

  it('are refused when an expansion does more than add, with nothing changed', async () => {
    const greedy = made('0002-greedy', 'expansion', 'ALTER TABLE orders DROP COLUMN reason', '');
    const before = await columns();
    const refused = migrate(client, 'expansion', { log, migrations: [...knownMigrations, strategy, greedy] });
    await expect(refused).rejects.toBeInstanceOf(NoExpansionError);
    await expect(refused).rejects.toThrow(/0002-greedy: “ALTER TABLE orders DROP COLUMN reason” does more than add a column/);
    expect(await columns()).toEqual(before);
  });
});

describe('an expansion', () => {
  it.each([
    'CREATE TABLE a (id bigint PRIMARY KEY); CREATE UNIQUE INDEX ON a (id); ALTER TABLE a ADD CHECK (id > 0); INSERT INTO a VALUES (1)',
    'CREATE INDEX CONCURRENTLY orders_by_state ON orders (state)',
    'ALTER TABLE orders ADD COLUMN note text',
    "ALTER TABLE ONLY orders ADD note text DEFAULT 'DROP; TABLE', ADD COLUMN IF NOT EXISTS n numeric(10, 2) NOT NULL DEFAULT -1.5",
    'ALTER TABLE orders ADD COLUMN seen timestamptz NOT NULL DEFAULT now()',
    'ALTER TABLE orders ADD COLUMN made_by xid8 NOT NULL DEFAULT pg_current_xact_id()',
    '-- DROP TABLE orders;\nCREATE VIEW open AS SELECT 1 /* ; DROP TABLE orders; */;',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $body$ DELETE FROM orders; SELECT 1 $body$',
    "COMMENT ON TABLE orders IS E'it\\'s; DROP'",
    "ALTER TYPE mood ADD VALUE 'calm'",
    '',
  ])('may be: %s', (sql) => {
    expect(contractionsIn(sql)).toEqual([]);
  });

  it.each([
    ['DROP TABLE orders', /not known/],
    ['ALTER TABLE orders RENAME COLUMN side TO direction', /more than add/],
    ['ALTER TABLE orders ALTER COLUMN price TYPE text', /more than add/],
    ['ALTER TABLE orders ADD COLUMN a text, DROP COLUMN b', /more than add/],
    ['ALTER TABLE orders ADD CONSTRAINT positive CHECK (quantity > 0)', /more than add/],
    ['ALTER TABLE orders ADD PRIMARY KEY (sequence)', /more than add/],
    ['ALTER TABLE orders ADD COLUMN must text NOT NULL', /give it a default/],
    ['ALTER TABLE orders ADD COLUMN one text UNIQUE', /may refuse rows/],
    ['ALTER TABLE orders ADD COLUMN id uuid DEFAULT gen_random_uuid()', /rewrites the whole table/],
    ['CREATE INDEX ON orders (state)', /CONCURRENTLY/],
    ['CREATE UNIQUE INDEX CONCURRENTLY ON orders (venue_order_id)', /may refuse rows/],
    ['CREATE OR REPLACE VIEW open AS SELECT 1', /not known/],
    ['CREATE TRIGGER t BEFORE INSERT ON orders EXECUTE FUNCTION f()', /not known/],
    ['CREATE TABLE a AS SELECT * FROM orders', /not known/],
    ["UPDATE orders SET reason = ''", /not known/],
    ['INSERT INTO orders SELECT * FROM old', /not known/],
    ["SELECT 'quoted'';'; TRUNCATE fills", /not known/],
    ['create table b (id int); drop table b', /not known/],
  ])('may not be: %s', (sql, why) => {
    expect(contractionsIn(sql).join(' ')).toMatch(why);
  });
});
