/** The modelled PostgreSQL and a real one hear the same words from the ledger's own writer, and have the same to say afterwards. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientBase } from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { migrate } from '../../containers/trader/migrations/run.ts';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import type { Order, OrderState } from '../../lib/trading/order.ts';
import type { Execution } from '../../lib/venues/venue.ts';
import { startPostgres, type RunningServer } from '../../rehearsal/processes/postgres.ts';
import { seeded } from '../../rehearsal/seeded.ts';
import { connectTo, ModelledDatabase } from '../../simulation/database.ts';
import { Network } from '../../simulation/network.ts';
import { VirtualTime } from '../../simulation/virtual-time.ts';
import { useSite } from '../rehearsal/processes/site.ts';
import { until } from '../until.ts';

const book = 'alpha' as BookName;
const password = 'a password';
const site = useSite();
let server: RunningServer;

beforeAll(async () => {
  const { supervisor, authority } = site;
  server = await startPostgres({ supervisor, authority, directory: join(site.directory, 'postgres'), masterUser: 'baton', masterPassword: password, database: 'baton' });
});

function order(epoch: number, sequence: number, state: OrderState, more: Partial<Order> = {}): Order {
  const author = { book, epoch: epoch as Epoch, sequence };
  return { ...author, clientOrderId: clientOrderId(author), symbol: 'BTC/USDT', side: 'buy', price: '59000.01', quantity: '0.0005', state, fills: [], ...more };
}

function execution(id: string): Execution {
  return {
    executionId: id, venueOrderId: 'v', clientOrderId: 'c', symbol: 'BTC/USDT', side: 'buy', price: '59000', quantity: '0.0005', fee: '0', feeCurrency: 'BTC', atVenueMs: 1_790_000_000_000,
  };
}

/** What both are told, in the same order; and what the ledger then reads of it. */
async function told(connect: () => Promise<Client>, checkSchema: (client: ClientBase) => Promise<void>) {
  const ledger = new Ledger({ book, connect, checkSchema, log: () => undefined });
  const written = (): Promise<unknown> => until('all is written', () => ledger.writable && ledger.queuedRows === 0);
  ledger.start();
  for (const news of [
    [order(1, 1, 'PENDING'), order(1, 2, 'SUBMITTED', { venueOrderId: 'v2' }), order(2, 1, 'SUBMITTED'), order(1, 4, 'FILLED')],
    // Late, of the past, and with less to say.
    [order(1, 2, 'PENDING'), order(1, 1, 'SUBMITTED', { venueOrderId: 'v1' }), order(1, 4, 'CANCELLED', { reason: 'too late' }), order(2, 1, 'REJECTED', { reason: 'no' })],
  ]) {
    for (const each of news) ledger.order(each);
    ledger.fill(execution('e1'));
    ledger.position({ book, symbol: 'BTC/USDT', quantity: news.length === 4 ? '1.5' : '2', epoch: 2 });
    await written();
  }
  ledger.position({ book, symbol: 'BTC/USDT', quantity: '9', epoch: 1 });
  const marks: unknown[] = [];
  for (const [epoch, sequence] of [[1, 3], [1, 2], [2, 1]] as const) {
    ledger.completed({ epoch: epoch as Epoch, sequence });
    ledger.fill(execution(`m${epoch}${sequence}`));
    await written();
    await until('its age is known', async () => (await ledger.lookAtMark()) !== undefined);
    marks.push(ledger.completeBelow);
  }
  const resting = (await ledger.notEnded()).map(({ order: each }) => each);
  await ledger.endedBelow({ epoch: 1 as Epoch, sequence: 2 });
  await ledger.endedBelow({ epoch: 1 as Epoch, sequence: 1 });
  const restingAbove = (await ledger.notEnded()).map(({ order: each }) => each.sequence);
  await ledger.close();
  return { marks, resting, restingAbove };
}

describe('the same words', () => {
  test('lead to the same rows', async () => {
    const real = (): Client => new Client({
      host: server.host, port: server.port, user: 'baton', password, database: 'baton', ssl: { rejectUnauthorized: true, ca: readFileSync(server.caFile, 'utf8') },
    });
    const saidByReal = await told(
      async () => {
        const client = real();
        await client.connect();
        return client;
      },
      async (client) => void (await migrate(client, 'expansion', { log: () => undefined })),
    );
    const database = new ModelledDatabase(() => performance.now());
    const saidByModel = await told(async () => Object.assign(Object.create(null) as Client, {
      on: () => undefined, end: async () => undefined, query: async (text: string, values?: readonly unknown[]) => database.query(text, values),
    }), async () => undefined);
    expect(saidByModel).toEqual(saidByReal);
    expect(saidByReal.resting.map(({ sequence }) => sequence)).toEqual([1, 2]);
    expect(saidByReal.restingAbove).toEqual([2]);

    const reader = real();
    await reader.connect();
    try {
      const orders = await reader.query('SELECT client_order_id, state, venue_order_id, reason FROM orders ORDER BY client_order_id');
      const modelled = [...database.orders.values()]
        .map(({ client_order_id, state, venue_order_id, reason }) => ({ client_order_id, state, venue_order_id, reason }))
        .sort((a, b) => (String(a.client_order_id) < String(b.client_order_id) ? -1 : 1));
      expect(modelled).toEqual(orders.rows);
      expect([...database.fills.keys()].sort()).toEqual((await reader.query<{ execution_id: string }>('SELECT execution_id FROM fills ORDER BY execution_id')).rows.map((row) => row.execution_id));
      const { rows: [position] } = await reader.query<{ quantity: string; epoch: string }>('SELECT quantity, epoch FROM positions');
      expect(database.positions.get(book)).toMatchObject({ quantity: position?.quantity, epoch: Number(position?.epoch) });
    } finally {
      await reader.end();
    }
  }, 180_000);

  test('are refused where there is no such statement, and where nothing may be written', async () => {
    const time = new VirtualTime({ random: seeded(1), wakeLagMsMax: 0 });
    const network = new Network({ time, random: seeded(1), latencyMs: {} });
    const database = new ModelledDatabase(() => 0);
    const client = connectTo(database, { process: time.process('trader', { driftPpm: 0 }), host: 'task', network });
    const ask = async (text: string): Promise<unknown> => {
      const answer = client.query(text).catch((error: unknown) => error);
      await time.runUntil(time.nowMs + 100, () => false);
      return answer;
    };
    expect(String(await ask('SELECT 1'))).toContain('has no words for: SELECT 1');
    database.isReadOnly = true;
    expect(String(await ask('INSERT INTO orders'))).toContain('read-only transaction');
  });
});
