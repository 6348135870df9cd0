/**
 * What the checksums of a restored ledger cost, on a gigabyte of it in this machine's memory: of the processor. Beside it, in the same run, PostgreSQL's scan that counts rows
 * and looks into none, and one that hands its rows out, as whoever compares them elsewhere needs it.
 *
 * In memory no SQL keeps up with a scan that looks into no row. A restored database is in nobody's memory: there a scan is as fast as the volume, and the
 * limit is that the checksums take no more than a quarter longer than the fastest volume that RDS has without being paid for more
 * (https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Storage.html: gp3, 500 MB/s from 400 GB on and 125 MB/s below).
 */
import type { Client } from 'pg';
import { migrate } from '../containers/trader/migrations/run.ts';
import { frozenTables, tableSql, type FrozenTable } from '../lib/verification/ledger-tables.ts';
import { startPostgres } from '../rehearsal/processes/postgres.ts';
import type { Bench } from './bench.ts';
import { DatabaseSite, master } from './database-site.ts';
import { rowOf } from './row.ts';

/** Orders, each with a fill: a gigabyte of both. */
const ordersOfAGigabyte = 3_000_000;
/** Four fifths of the volume's speed. */
const secondsAGigabyteMax = 1 / 0.5 / 0.8;

export const checksums: Bench = {
  name: 'checksums',
  summary: 'The checksums of a gigabyte of ledger, beside a sequential scan of it.',
  async run({ quick, progress }) {
    await using site = await DatabaseSite.open();
    const source = await startPostgres({ ...site.host('ledger'), ...master });
    const client = await site.connect(source);
    await migrate(client, 'expansion', { log: () => undefined });
    await fill(client, quick ? ordersOfAGigabyte / 20 : ordersOfAGigabyte);
    const { rows: [ledger] } = await client.query<{ snapshot: string; gb: number }>(`
      SELECT pg_current_snapshot()::text AS snapshot, sum(pg_relation_size(oid))::float8 / 1e9 AS gb
      FROM pg_class WHERE oid = ANY($1::regclass[])`, [frozenTables.map(({ name }) => name)]);
    if (ledger === undefined) throw new Error('the ledger has no tables');
    const size = `${ledger.gb.toFixed(2)} GB`;
    progress.note(`${size} of ledger`);
    const everyTable = (ask: (table: FrozenTable) => Promise<unknown>) => async (): Promise<number> => {
      const began = performance.now();
      for (const table of frozenTables) await ask(table);
      return (performance.now() - began) / 1000 / ledger.gb;
    };
    const scan = everyTable(({ name }) => client.query(`SELECT count(*) FROM ${name}`));
    const handOut = everyTable(({ name }) => client.query(`EXPLAIN (ANALYZE, TIMING OFF, SERIALIZE BINARY) SELECT * FROM ${name}`));
    const sumUp = everyTable((table) => client.query(tableSql(table, '$1'), [ledger.snapshot]));
    const times: { readonly scan: number; readonly handOut: number; readonly sumUp: number }[] = [];
    for (let each = 1; each <= (quick ? 2 : 8); each += 1) {
      // One after the other each time: whoever else uses the machine disturbs all of them.
      const [scanned, handedOut, summedUp] = [await scan(), await handOut(), await sumUp()];
      progress.note(`pass ${each}: ${scanned.toFixed(2)} s/GB to scan, ${summedUp.toFixed(2)} to sum up, ${handedOut.toFixed(2)} to hand out`);
      // The first brings everything into memory.
      if (each > 1) times.push({ scan: scanned, handOut: handedOut, sumUp: summedUp });
    }
    return [
      rowOf({
        name: 'checksums', what: `Rows and checksums of ${size} of ledger in memory, as a restored one is judged; a scan on RDS reads 0.5 GB/s at best`,
        samples: times.map(({ sumUp: seconds }) => seconds), unit: 's/GB', limit: { median: secondsAGigabyteMax },
        beside: [
          { what: 'a sequential scan that looks into no row', samples: times.map(({ scan: seconds }) => seconds) },
          { what: 'one that hands its rows out', samples: times.map(({ handOut: seconds }) => seconds) },
        ],
      }),
    ];
  },
};

/** As a busy ledger looks when it has been vacuumed. Its indexes are not read, and would take minutes to make. */
async function fill(client: Client, orders: number): Promise<void> {
  await client.query(`
    ALTER TABLE orders DROP CONSTRAINT orders_pkey, DROP CONSTRAINT orders_book_epoch_sequence_key;
    ALTER TABLE fills DROP CONSTRAINT fills_pkey;
    DROP INDEX fills_by_order, fills_by_time;
    ALTER TABLE orders SET UNLOGGED; ALTER TABLE fills SET UNLOGGED`);
  await client.query(`
    INSERT INTO orders (client_order_id, book, epoch, sequence, symbol, side, price, quantity, state, venue_order_id)
    SELECT 'alphax' || lpad(to_hex(n / 100000), 7, '0') || lpad(to_hex(n), 8, '0'), 'alpha', n / 100000, n, 'BTC/USDT', CASE n % 2 WHEN 0 THEN 'buy' ELSE 'sell' END,
      (59000 + n % 100000 * 0.01)::numeric(12, 2), 0.004, 'SETTLED', gen_random_uuid()
    FROM generate_series(1, $1::int) AS n`, [orders]);
  await client.query(`
    INSERT INTO fills (execution_id, client_order_id, venue_order_id, book, symbol, side, price, quantity, fee, fee_currency, executed_at)
    SELECT gen_random_uuid(), client_order_id, venue_order_id, book, symbol, side, price, quantity, 0.000004, CASE side WHEN 'buy' THEN 'BTC' ELSE 'USDT' END,
      written_at - sequence * interval '1 second'
    FROM orders`);
  for (const { name } of frozenTables) await client.query(`VACUUM (FREEZE, ANALYZE) ${name}`);
  await client.query('CHECKPOINT').catch(() => undefined);
}
