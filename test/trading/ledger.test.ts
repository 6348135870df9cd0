/** The ledger on a real PostgreSQL: its migrations, its batches, and a database that goes away. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import type { Order, OrderState } from '../../lib/trading/order.ts';
import { startPostgres, type RunningServer } from '../../rehearsal/processes/postgres.ts';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { startStage, ToldGuard } from '../trader/stage.ts';
import { connected } from '../connected.ts';
import { until } from '../until.ts';

const site = useSite();
let server: RunningServer;
let reader: Client;
const password = 'a password';

beforeAll(async () => {
  server = await startPostgres({
    supervisor: site.supervisor,
    authority: site.authority,
    directory: join(site.directory, 'postgres'),
    masterUser: 'baton',
    masterPassword: password,
    database: 'baton',
  });
});
afterAll(() => reader?.end());

const connect = () =>
  new Client({
    host: server.host,
    port: server.port,
    user: 'baton',
    password,
    database: 'baton',
    ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') },
    connectionTimeoutMillis: 2000,
  });
/** The database is empty at first. */
const quietly = async (client: ClientBase): Promise<void> => void (await migrate(client, 'expansion', { log: () => undefined }));

function order(sequence: number, state: OrderState): Order {
  const author = { book: 'alpha' as BookName, epoch: 1 as Epoch, sequence };
  return {
    ...author,
    clientOrderId: clientOrderId(author),
    symbol: 'BTC/USDT',
    side: 'buy',
    price: '59000.01',
    quantity: '0.0005',
    state,
    fills: [],
    venueOrderId: 'v',
  };
}
const fill = (executionId: string) => ({
  executionId,
  venueOrderId: 'v',
  clientOrderId: order(1, 'FILLED').clientOrderId,
  symbol: 'BTC/USDT',
  side: 'buy' as const,
  price: '59000',
  quantity: '0.0005',
  fee: '0.0000005',
  feeCurrency: 'BTC',
  atVenueMs: 1_790_000_000_123,
});

describe('the ledger', () => {
  it('is migrated once, although two tasks start at once', async () => {
    const clients = [connect(), connect(), connect()];
    await Promise.all(clients.map((client) => client.connect()));
    await Promise.all(clients.map(quietly));
    await Promise.all(clients.map(quietly));
    const { rows } = await clients[0]!.query<{ name: string }>('SELECT name FROM migrations ORDER BY name');
    expect(rows).toEqual([{ name: '0001-ledger' }, { name: '0002-ledger-marks' }, { name: '0003-watermarks' }, { name: '0004-ended-marks' }]);
    await Promise.all(clients.map((client) => client.end()));
    reader = connect();
    await reader.connect();
  });

  it('writes orders, fills and the position, each once, and never moves an order back', async () => {
    const ledger = new Ledger({ connect: () => connected(connect()), checkSchema: quietly, book: 'alpha', log: () => undefined });
    ledger.start();
    ledger.order(order(1, 'SETTLED'));
    ledger.order(order(2, 'SUBMITTED'));
    ledger.fill(fill('e1'));
    ledger.fill(fill('e1'));
    ledger.position({ book: 'alpha', symbol: 'BTC/USDT', quantity: '10.0004995', epoch: 1 });
    await until('all written', () => ledger.queuedRows === 0 && ledger.writable);
    ledger.order(order(1, 'SUBMITTED')); // Late news, as of a batch written twice.
    ledger.fill(fill('e1'));
    for (let sequence = 10; sequence < 1210; sequence++) ledger.order(order(sequence, 'CANCELLED'));
    await ledger.close();
    expect((await reader.query('SELECT sequence, state, price FROM orders WHERE sequence < 10 ORDER BY sequence')).rows).toEqual([
      { sequence: '1', state: 'SETTLED', price: '59000.01' },
      { sequence: '2', state: 'SUBMITTED', price: '59000.01' },
    ]);
    expect((await reader.query('SELECT count(*)::int AS count FROM orders')).rows).toEqual([{ count: 1202 }]);
    expect((await reader.query('SELECT execution_id, fee, executed_at FROM fills')).rows).toEqual([
      { execution_id: 'e1', fee: '0.0000005', executed_at: new Date(1_790_000_000_123) },
    ]);
    expect((await reader.query('SELECT quantity FROM positions')).rows).toEqual([{ quantity: '10.0004995' }]);
  });

  it('keeps what it could not write, says so, and writes it when the database is back', async () => {
    let open = false;
    const words: boolean[] = [];
    const ledger = new Ledger({
      connect: () => connected(open ? connect() : new Client({ host: '127.0.0.1', port: 1 })),
      checkSchema: quietly,
      book: 'alpha',
      log: () => undefined,
      onChange: () => words.push(ledger.writable),
    });
    ledger.start();
    ledger.order(order(5000, 'SUBMITTED'));
    ledger.order(order(5000, 'FILLED'));
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    expect([ledger.writable, ledger.queuedRows]).toEqual([false, 1]);
    open = true;
    await until('written', () => ledger.queuedRows === 0 && ledger.writable);
    await reader.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'baton'`);
    await until('the loss seen', () => !ledger.writable);
    ledger.order(order(5001, 'SUBMITTED'));
    await until('written on a new connection', () => ledger.queuedRows === 0 && ledger.writable);
    await ledger.close();
    expect(words.slice(0, 3)).toEqual([true, false, true]);
    expect((await reader.query('SELECT sequence, state FROM orders WHERE sequence >= 5000 ORDER BY sequence')).rows).toEqual([
      { sequence: '5000', state: 'FILLED' },
      { sequence: '5001', state: 'SUBMITTED' },
    ]);
  });

  it('says which orders it knows as sent and not as ended, and how old its mark is', async () => {
    const ledger = new Ledger({ book: 'beta', connect: () => connected(connect()), checkSchema: quietly, log: () => undefined });
    await expect(ledger.notEnded()).rejects.toThrow(/not connected/);
    ledger.start();
    await until('the ledger is connected', () => ledger.writable);
    expect(await ledger.lookAtMark()).toBeUndefined();
    for (const [sequence, state] of (['PENDING', 'SUBMITTED', 'SETTLED', 'SUBMITTED', 'CANCELLED'] as const).entries()) {
      ledger.order({ ...order(sequence, state), book: 'beta' as BookName, clientOrderId: `beta-${sequence}` });
    }
    ledger.fill(fill('of-beta'));
    expect([ledger.isFillQueued('of-beta'), ledger.isFillQueued('another')]).toEqual([true, false]);
    ledger.completed({ epoch: 1 as Epoch, sequence: 5 });
    await until('all is written', () => ledger.queuedRows === 0 && ledger.completeBelow !== undefined);
    expect(ledger.isFillQueued('of-beta')).toBe(false);
    const found = await ledger.notEnded();
    const { venueOrderId, symbol, side, price, quantity } = order(1, 'SUBMITTED');
    expect(found.map(({ order: each }) => each)).toEqual([1, 3].map((sequence) => ({
      book: 'beta', epoch: 1, sequence, clientOrderId: `beta-${sequence}`, symbol, side, price, quantity, venueOrderId, state: 'SUBMITTED', fills: [],
    })));
    for (const { agedMs } of found) expect(agedMs).toBeGreaterThan(0);
    expect(await ledger.lookAtMark()).toBeGreaterThan(0);
    // From where on it has to be asked at all.
    await ledger.endedBelow({ epoch: 1 as Epoch, sequence: 2 });
    expect((await ledger.notEnded()).map(({ order: { sequence } }) => sequence)).toEqual([3]);
    // Whoever was replaced does not lower it.
    await ledger.endedBelow({ epoch: 1 as Epoch, sequence: 1 });
    expect((await ledger.notEnded()).map(({ order: { sequence } }) => sequence)).toEqual([3]);
    await ledger.close();
  });

  it('holds a bounded number of rows, the newest', async () => {
    const ledger = new Ledger({ connect: () => connected(connect()), checkSchema: quietly, book: 'alpha', log: () => undefined, queuedRowsAtMost: 3 });
    for (let sequence = 1; sequence <= 5; sequence++) ledger.order(order(sequence, 'SUBMITTED'));
    expect([ledger.queuedRows, ledger.droppedRows]).toEqual([3, 2]);
  });

  it('takes what the journal says for what it does not have, and leaves the rest as it is', async () => {
    const ledger = new Ledger({ connect: () => connected(connect()), checkSchema: quietly, book: 'alpha', log: () => undefined });
    ledger.start();
    ledger.order(order(6000, 'CANCELLED'));
    await until('written', () => ledger.queuedRows === 0 && ledger.writable);
    const rows = () => reader.query('SELECT sequence, state, xmin, written_at FROM orders WHERE sequence >= 6000 ORDER BY sequence');
    const [before] = (await rows()).rows as unknown[];
    ledger.recover(order(6000, 'SUBMITTED'));
    ledger.recover(order(6001, 'SUBMITTED'));
    await ledger.close();
    expect((await rows()).rows).toEqual([before, expect.objectContaining({ sequence: '6001', state: 'SUBMITTED' })]);
  });

  it('ends complete although its holder died with everything unwritten and the next one dropped rows while the database hung', async () => {
    const stage = await startStage({ latencies: { dynamodbReadMs: 0, dynamodbWriteMs: 0 } });
    const accepted = () => stage.venue.record.filter((entry) => entry.path === createOrderPath && entry.accepted);
    const missing = async () => {
      const { rows } = await reader.query<{ id: string }>('SELECT client_order_id AS id FROM orders');
      const known = new Set(rows.map(({ id }) => id));
      return accepted().filter((entry) => !known.has(entry.clientOrderId ?? '')).length;
    };
    const options = { checkSchema: quietly, book: 'alpha', log: () => undefined };
    const dead = new Ledger({ ...options, connect: () => connected(new Client({ host: '127.0.0.1', port: 1 })) });
    const next = new Ledger({ ...options, connect: () => connected(connect()), queuedRowsAtMost: 300 });
    const blocker = connect();
    try {
      await blocker.connect();
      await blocker.query('BEGIN; LOCK TABLE orders IN EXCLUSIVE MODE');
      dead.start();
      next.start();
      const [dying, living] = [new ToldGuard(1), new ToldGuard(2)];
      stage.trader(dying, { ledger: dead, ordersPerSecond: 100 }).start();
      dying.say('held', 70);
      await until('orders of the first', () => accepted().length >= 40);
      dying.say('stopped', null);
      stage.trader(living, { ledger: next, ordersPerSecond: 100 }).start();
      living.say('held', 71);
      await until('orders of the second, some of them dropped', () => next.droppedRows > 20);
      living.say('draining', 71);
      await until('drained', () => living.drains.length === 1);
      expect(await missing()).toBe(accepted().length);
      await blocker.query('COMMIT');
      living.say('held', 72);
      await until('a mark of the new epoch', () => next.completeBelow?.epoch === 72);
      living.say('draining', 72);
      await until('drained', () => living.drains.length === 2);
      await until('every order in the ledger', async () => (await missing()) === 0 && next.queuedRows === 0);
      const { rows } = await reader.query(
        `SELECT epoch, bool_and(state <> 'PENDING') AS known FROM orders WHERE epoch >= 70 GROUP BY epoch ORDER BY epoch`,
      );
      expect(rows).toEqual(['70', '71', '72'].map((epoch) => ({ epoch, known: true })));
    } finally {
      await blocker.end();
      await stage.close();
      await Promise.all([dead.close(), next.close()]);
    }
  });
});
