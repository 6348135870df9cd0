/** What is in the ledger in the end, whatever died, dropped rows or was away: the shipped ledger and its completion, in time made for it. */
import { EventEmitter } from 'node:events';
import * as fc from 'fast-check';
import type { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId, parseClientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry, LedgerMark, OutcomeStatus } from '../../lib/trading/journal.ts';
import { LedgerCompletion } from '../../lib/trading/ledger-completion.ts';
import { Ledger } from '../../lib/trading/ledger.ts';
import type { Order } from '../../lib/trading/order.ts';
import type { Execution, OrderAtVenue } from '../../lib/venues/venue.ts';
import { clock } from '../trader/stage.ts';
import { connected } from '../connected.ts';

const book = 'alpha' as BookName;
const intent = { symbol: 'BTC/USDT', side: 'buy', price: '59000.01', quantity: '0.0005' } as const;
const isBelow = (a: LedgerMark, b: LedgerMark) => a.epoch < b.epoch || (a.epoch === b.epoch && a.sequence < b.sequence);
const pageSize = 4;

/** The journal's table: what it holds outlives every process, and reads and writes fail when told. */
class Table {
  readonly journaled: JournalEntry[] = [];
  reads = 0;
  failures = 0;

  #mayFail(): void {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new Error('the table does not answer');
    }
  }
  async *entries(from: LedgerMark | undefined, below: LedgerMark) {
    for (let after = from; ; ) {
      this.#mayFail();
      const found = this.journaled
        .filter((entry) => (after === undefined || !isBelow(entry, after)) && isBelow(entry, below))
        .toSorted((a, b) => (isBelow(a, b) ? -1 : 1))
        .slice(0, pageSize);
      this.reads += found.length;
      yield found;
      const last = found.at(-1);
      if (last === undefined || found.length < pageSize) return;
      after = { epoch: last.epoch, sequence: last.sequence + 1 };
    }
  }
}

/** The venue, as it was: it knows every execution, and how each order ended. */
class History {
  readonly fills: Execution[] = [];
  readonly ended = new Map<string, OrderAtVenue['status']>();
  readonly open = new Set<string>();
  asked = 0;

  /** It took that order: which rests, or has ended by now. */
  takes({ clientOrderId: id }: JournalEntry, end: 'open' | 'filled' | 'cancelled'): void {
    if (end === 'open') this.open.add(id);
    else this.ended.set(id, end);
    if (end === 'filled') this.fills.push(executionOf(id));
  }
  async *executionsOfLast() {
    this.asked += 1;
    for (let from = 0; from < this.fills.length; from += pageSize) yield this.fills.slice(from, from + pageSize);
  }
  async *endedOfLast() {
    this.asked += 1;
    const all = [...this.ended].map(([id, status]): OrderAtVenue => ({ ...execution, clientOrderId: id, status, filled: '0', createdAtVenueMs: 0 }));
    for (let from = 0; from < all.length; from += pageSize) yield all.slice(from, from + pageSize);
  }
}
const execution: Execution = {
  executionId: '', venueOrderId: 'v', clientOrderId: '', symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1', fee: '0', feeCurrency: 'BTC', atVenueMs: 0,
};

const executionOf = (id: string): Execution => ({ ...execution, executionId: `e-${id}`, clientOrderId: id });

/** The database: rows stay; it can be away, do what it was asked and lose its answer, or be what an earlier copy of it was. */
class Database {
  states = new Map<string, string>();
  writtenAtMs = new Map<string, number>();
  fills = new Set<string>();
  mark: LedgerMark | undefined;
  markedAtMs = 0;
  ended: LedgerMark | undefined;
  away = false;
  losesAnswers = 0;
  #generation = 0;
  #copy: Pick<Database, 'states' | 'fills' | 'mark' | 'markedAtMs' | 'ended'> = { states: new Map(), fills: new Set(), mark: undefined, markedAtMs: 0, ended: undefined };

  /** What its replica has got so far. */
  replicate(): void {
    this.#copy = { states: new Map(this.states), fills: new Set(this.fills), mark: this.mark, markedAtMs: this.markedAtMs, ended: this.ended };
  }

  /** The replica takes its place: every connection is gone, and so is what it had not got. */
  promoteReplica(): void {
    const { states, fills, mark, markedAtMs, ended } = this.#copy;
    Object.assign(this, { markedAtMs, ended });
    this.states = new Map(states);
    this.fills = new Set(fills);
    this.mark = mark;
    this.#generation += 1;
  }

  connect(): Client {
    const generation = this.#generation;
    const client = Object.assign(new EventEmitter(), {
      connect: async () => this.#answer(),
      end: async () => undefined,
      query: async (sql: string, values?: [string, number, number]) => {
        this.#answer();
        if (generation !== this.#generation) throw new Error('the connection was lost');
        if (sql.includes('pg_is_in_recovery')) return { rows: [{ read_only: false }] };
        if (sql.includes("state = 'SUBMITTED'")) return { rows: this.#notEnded() };
        if (sql.includes('FROM ledger_marks')) return { rows: this.mark === undefined ? [] : [{ ...this.mark, aged_ms: Date.now() - this.markedAtMs }] };
        if (sql.includes('SET ended_epoch') && values !== undefined && this.mark !== undefined) this.ended = { epoch: values[1] as Epoch, sequence: values[2] };
        if (sql.includes('INTO fills') && values !== undefined) {
          for (const row of JSON.parse(values[0]) as { execution_id: string }[]) this.fills.add(row.execution_id);
        }
        if (sql.includes('INTO ledger_marks') && values !== undefined) {
          const mark = { epoch: values[1] as Epoch, sequence: values[2] };
          if (this.mark === undefined || isBelow(this.mark, mark)) Object.assign(this, { mark, markedAtMs: Date.now() });
        }
        if (!sql.includes('INTO orders') || values === undefined) return { rows: [] };
        // As the upsert does: never back to PENDING or SUBMITTED.
        for (const row of JSON.parse(values[0]) as { client_order_id: string; state: string }[]) {
          const known = this.states.get(row.client_order_id);
          if (known !== undefined && (row.state === known || progress(row.state) < progress(known))) continue;
          this.states.set(row.client_order_id, row.state);
          this.writtenAtMs.set(row.client_order_id, Date.now());
        }
        if (this.losesAnswers > 0) {
          this.losesAnswers -= 1;
          throw new Error('the connection was lost');
        }
        return { rows: [] };
      },
    });
    return client as unknown as Client;
  }

  #notEnded(): object[] {
    return [...this.states].flatMap(([id, state]) => {
      const author = parseClientOrderId(id);
      if (state !== 'SUBMITTED' || author === undefined || (this.ended !== undefined && isBelow(author, this.ended))) return [];
      return [{ ...intent, ...author, client_order_id: id, venue_order_id: null, aged_ms: Date.now() - (this.writtenAtMs.get(id) ?? 0) }];
    });
  }

  #answer(): void {
    if (this.away) throw new Error('the database does not answer');
  }
}
const progress = (state: string) => ['PENDING', 'SUBMITTED'].indexOf(state) + 1 || 3;

/** One life of a holder: journals and hands to its ledger as the trader does. */
class Holder {
  readonly epoch: Epoch;
  readonly ledger: Ledger;
  readonly completion: LedgerCompletion;
  readonly stop = new AbortController();
  readonly #table: Table;
  readonly #history: History;
  readonly #open: JournalEntry[] = [];
  #sequence = 0;

  constructor(epoch: number, { table, history, database, queuedRowsAtMost }: {
    readonly table: Table; readonly history: History; readonly database: Database; readonly queuedRowsAtMost: number;
  }) {
    this.epoch = epoch as Epoch;
    this.#table = table;
    this.#history = history;
    this.ledger = new Ledger({
      book,
      connect: () => connected(database.connect()),
      checkSchema: async () => undefined,
      log: () => undefined,
      queuedRowsAtMost,
    });
    this.ledger.start();
    this.completion = new LedgerCompletion({
      book,
      journal: { entries: (_of, from, below) => table.entries(from, below) },
      ledger: this.ledger,
      venue: history,
      // What rests was adopted; what it sent itself may come to rest.
      open: () => [...this.#open, ...table.journaled.filter(({ clientOrderId: id }) => history.open.has(id))],
      clock: { ...clock, monotonicNs: () => BigInt(Date.now()) * 1_000_000n },
      log: () => undefined,
      signal: this.stop.signal,
    });
    // Reconciliation: what older holders left open has its outcome before any mark of this epoch.
    for (const [index, entry] of table.journaled.entries()) {
      if (entry.outcome !== undefined) continue;
      table.journaled[index] = { ...entry, outcome: { status: 'accepted', venueOrderId: 'v' } };
      history.takes(entry, 'open');
    }
  }

  intend(): void {
    this.#sequence += 1;
    const author = { book, epoch: this.epoch, sequence: this.#sequence };
    const entry = { ...author, clientOrderId: clientOrderId(author), intent };
    this.#table.journaled.push(entry);
    this.#open.push(entry);
    this.ledger.order({ ...entry, ...intent, state: 'PENDING', fills: [] });
  }

  /** The oldest or the newest open order's answer comes, in the order of the trader: first to the ledger, then to the journal. */
  answer(status: OutcomeStatus, newest: boolean): void {
    const entry = newest ? this.#open.pop() : this.#open.shift();
    if (entry === undefined) return;
    const state = status === 'accepted' ? 'SUBMITTED' : status === 'rejected' ? 'REJECTED' : 'EXPIRED';
    const order: Order = { ...entry, ...intent, state, fills: [] };
    this.ledger.order(order);
    if (state === 'SUBMITTED') {
      this.#history.takes(entry, newest ? 'filled' : 'open');
      if (newest) this.#hears(order, 'filled');
    }
    this.#table.journaled[this.#table.journaled.indexOf(entry)] = { ...entry, outcome: { status } };
  }

  /** The oldest order that rests ends at the venue, and whoever lives is told. */
  ends(end: 'filled' | 'cancelled'): void {
    const [id] = this.#history.open;
    const entry = this.#table.journaled.find((each) => each.clientOrderId === id);
    if (entry === undefined) return;
    this.#history.open.delete(entry.clientOrderId);
    this.#history.takes(entry, end);
    this.#hears({ ...entry, ...intent, state: 'SUBMITTED', fills: [] }, end);
  }

  #hears(order: Order, end: 'filled' | 'cancelled'): void {
    this.ledger.order({ ...order, state: end === 'filled' ? 'SETTLED' : 'CANCELLED' });
    if (end === 'filled') this.ledger.fill(executionOf(order.clientOrderId));
  }

  mark(): void {
    this.completion.reached({ epoch: this.epoch, sequence: Math.min(this.#sequence + 1, ...this.#open.map((entry) => entry.sequence)) });
  }

  /** Dies: what is queued in its memory is gone. */
  die(): void {
    this.stop.abort();
    this.ledger.order = () => undefined;
    this.ledger.recover = () => undefined;
    this.ledger.fill = () => undefined;
  }
}

/** A database that a dead process can write to no more, while the next one can. */
function world(queuedRowsAtMost = 1000) {
  const table = new Table();
  const history = new History();
  const database = new Database();
  let connection = { client: database, cut: false };
  const start = (epoch: number) => {
    const own = { client: database, cut: false };
    connection = own;
    const reach = Object.assign(Object.create(database) as Database, {
      connect: () => {
        const client = database.connect();
        const query = client.query.bind(client) as (...values: unknown[]) => Promise<unknown>;
        return Object.assign(client, {
          query: async (...values: unknown[]) => {
            if (own.cut) throw new Error('this process is dead');
            return query(...values);
          },
        });
      },
    });
    return new Holder(epoch, { table, history, database: reach, queuedRowsAtMost });
  };
  let holder = start(1);
  return {
    table,
    history,
    database,
    get holder() {
      return holder;
    },
    crash() {
      connection.cut = true;
      holder.die();
      void holder.ledger.close();
      holder = start(holder.epoch + 1);
    },
    /** What is journaled and not in the ledger as the journal has it, or further. */
    missing: () =>
      table.journaled.filter(({ clientOrderId: id, outcome }) => {
        const known = database.states.get(id);
        return known === undefined || (outcome !== undefined && known === 'PENDING');
      }),
    /** What ended at the venue and rests in the ledger, and executions that it lacks. */
    untold: () => [
      ...[...history.ended].filter(([id, end]) => database.states.get(id) !== (end === 'filled' ? 'SETTLED' : 'CANCELLED')).map(([id]) => id),
      ...history.fills.filter(({ executionId }) => !database.fills.has(executionId)).map(({ executionId }) => executionId),
    ],
    async end() {
      holder.stop.abort();
      database.away = false;
      const closed = holder.ledger.close();
      await vi.advanceTimersByTimeAsync(10_000);
      await closed;
    },
  };
}
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Enough for a reconnection, a raise and every page of these tests. */
const quietMs = 60_000;
async function settle({ holder }: { holder: Holder }): Promise<void> {
  for (let waited = 0; waited < quietMs; waited += 2000) {
    holder.mark();
    await pass(2000);
  }
}

describe('the completion of the ledger', () => {
  it('writes what a dead holder had journaled and not flushed, soon and once', async () => {
    const scene = world();
    for (let n = 0; n < 9; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', false);
    }
    scene.crash();
    expect(scene.missing()).toHaveLength(9);
    scene.holder.mark();
    await pass(3000);
    expect(scene.missing()).toEqual([]);
    expect(scene.database.mark).toEqual({ epoch: 1, sequence: 10 });
    const { reads } = scene.table;
    await settle(scene);
    expect(scene.table.reads).toBe(reads);
    await scene.end();
  });

  it('gives each order the state that its outcome implies, and takes none back', async () => {
    const scene = world();
    const { holder } = scene;
    await pass(300);
    for (const status of ['accepted', 'rejected', 'expired', 'never-sent'] as const) {
      holder.intend();
      holder.answer(status, false);
    }
    holder.intend();
    holder.answer('accepted', true);
    await pass(300);
    for (const id of scene.table.journaled.slice(0, 4).map((entry) => entry.clientOrderId)) scene.database.states.delete(id);
    await settle(scene);
    expect(scene.table.journaled.map((entry) => scene.database.states.get(entry.clientOrderId))).toEqual([
      'SUBMITTED',
      'REJECTED',
      'EXPIRED',
      'EXPIRED',
      'SETTLED',
    ]);
    await scene.end();
  });

  it('raises no mark while the database is away and rows are dropped, and completes when it is back', async () => {
    const scene = world(6);
    scene.database.away = true;
    for (let n = 0; n < 30; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', false);
      scene.holder.mark();
      await pass(1000);
    }
    expect(scene.holder.ledger.droppedRows).toBe(24);
    expect(scene.database.mark).toBeUndefined();
    scene.database.away = false;
    await settle(scene);
    expect(scene.missing()).toEqual([]);
    expect(scene.database.mark).toEqual({ epoch: 1, sequence: 31 });
    await scene.end();
  });

  it('does not take for written what it handed over and the ledger dropped', async () => {
    const scene = world(6);
    scene.holder.intend();
    scene.holder.answer('accepted', false);
    scene.crash();
    await pass(300);
    scene.holder.mark();
    // Handed over by the end of these microtasks, and before the next batch the database is away and the queue overflows.
    await pass(0);
    expect(scene.holder.ledger.queuedRows).toBe(1);
    scene.database.away = true;
    for (let n = 0; n < 7; n++) scene.holder.intend();
    scene.database.away = false;
    await pass(8000);
    expect([scene.holder.ledger.queuedRows, scene.missing().length, scene.database.mark]).toEqual([0, 2, undefined]);
    await settle(scene);
    expect(scene.missing().every((entry) => entry.outcome === undefined)).toBe(true);
    expect(scene.database.mark).toEqual({ epoch: 1, sequence: 2 });
    await scene.end();
  });

  it('starts from what a promoted replica says of itself, not from what the database before it had', async () => {
    const scene = world();
    const trade = async (orders: number) => {
      for (let n = 0; n < orders; n++) {
        scene.holder.intend();
        scene.holder.answer('accepted', false);
      }
      await settle(scene);
    };
    await trade(5);
    scene.database.replicate();
    // Of two holders before the one that finds the replica.
    await trade(4);
    scene.crash();
    await trade(3);
    scene.crash();
    scene.database.promoteReplica();
    expect([scene.missing().length, scene.database.mark]).toEqual([7, { epoch: 1, sequence: 6 }]);
    await settle(scene);
    expect(scene.missing()).toEqual([]);
    await scene.end();
  });

  it('raises no mark of one database for what another one was given', async () => {
    const scene = world();
    for (let n = 0; n < 9; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', false);
    }
    scene.database.replicate();
    await pass(300);
    scene.holder.mark();
    // Its pages were written, the mark over them was not yet, when the database was replaced behind the same address.
    await pass(0);
    scene.database.promoteReplica();
    await pass(1000);
    expect(scene.database.mark).toBeUndefined();
    expect(scene.missing().length).toBeGreaterThan(0);
    await settle(scene);
    expect(scene.missing()).toEqual([]);
    await scene.end();
  });

  it('tells a promoted replica what the venue executed and how its orders ended while nobody told it', async () => {
    const scene = world();
    for (let n = 0; n < 6; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', false);
    }
    await settle(scene);
    // These are in the replica, as resting; what becomes of them is not.
    scene.database.replicate();
    scene.holder.ends('filled');
    scene.holder.ends('cancelled');
    for (let n = 0; n < 9; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', true);
    }
    await settle(scene);
    scene.crash();
    scene.database.promoteReplica();
    expect([scene.untold().length, scene.missing().length]).toEqual([21, 9]);
    await settle(scene);
    expect([scene.untold(), scene.missing()]).toEqual([[], []]);
    expect([...scene.history.open].map((id) => scene.database.states.get(id))).toEqual(Array.from({ length: 4 }, () => 'SUBMITTED'));
    await scene.end();
  });

  it('asks the venue once in an epoch, and again only when the database was away', async () => {
    const scene = world();
    await settle(scene);
    const { asked } = scene.history;
    expect(asked).toBeLessThanOrEqual(2);
    scene.holder.intend();
    scene.holder.answer('accepted', false);
    await settle(scene);
    expect(scene.history.asked).toBe(asked);
    scene.database.away = true;
    await pass(6000);
    scene.database.away = false;
    await settle(scene);
    expect(scene.history.asked).toBeGreaterThan(asked);
    await scene.end();
  });

  it('counts as cancelled what the venue has forgotten, and only when its history had the time to tell', async () => {
    const scene = world();
    for (let n = 0; n < 2; n++) {
      scene.holder.intend();
      scene.holder.answer('accepted', false);
    }
    await pass(300);
    scene.crash();
    scene.history.open.clear();
    scene.holder.mark();
    await pass(11_000);
    expect([...scene.database.states.values()]).toEqual(['SUBMITTED', 'SUBMITTED']);
    await settle(scene);
    await settle(scene);
    expect([...scene.database.states.values()]).toEqual(['CANCELLED', 'CANCELLED']);
    await scene.end();
  });

  it('leaves news that is queued as it is', async () => {
    const database = new Database();
    const ledger = new Ledger({ book, connect: () => connected(database.connect()), checkSchema: async () => undefined, log: () => undefined });
    const author = { book, epoch: 1 as Epoch, sequence: 1 };
    const order: Order = { ...author, ...intent, clientOrderId: clientOrderId(author), state: 'SETTLED', fills: [] };
    ledger.order(order);
    ledger.recover({ ...order, state: 'SUBMITTED' });
    expect([ledger.queuedRows, ledger.isQueued(order.clientOrderId), ledger.isQueued('another')]).toEqual([1, true, false]);
    ledger.start();
    await ledger.close();
    expect(database.states.get(order.clientOrderId)).toBe('SETTLED');
  });

  it('ends with every journaled order in the ledger, whatever came in between', async () => {
    const status = fc.constantFrom<OutcomeStatus>('accepted', 'accepted', 'accepted', 'rejected', 'expired', 'never-sent');
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('trade' as const), orders: fc.integer({ min: 1, max: 12 }), status, newest: fc.boolean() }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('answer' as const), status, newest: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('intend' as const) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('mark' as const) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 50, 100, 250, 1000, 11_000) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('crash' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('database' as const), away: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('losesAnswers' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('tableFails' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('replicate' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('promote' as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const) }) },
      { weight: 6, arbitrary: fc.record({ do: fc.constant('ends' as const), end: fc.constantFrom('filled' as const, 'cancelled' as const) }) },
    );
    const seen = { drops: 0, crashes: 0, lost: 0, untold: 0, ended: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.integer({ min: pageSize, max: 8 }), async (steps, queuedRowsAtMost) => {
        const scene = world(queuedRowsAtMost);
        for (const each of steps) {
          const { holder } = scene;
          if (each.do === 'trade') {
            for (let n = 0; n < each.orders; n++) {
              holder.intend();
              holder.answer(each.status, each.newest);
            }
          } else if (each.do === 'answer') holder.answer(each.status, each.newest);
          else if (each.do === 'intend') holder.intend();
          else if (each.do === 'mark') holder.mark();
          else if (each.do === 'pass') await pass(each.ms);
          else if (each.do === 'database') scene.database.away = each.away;
          else if (each.do === 'losesAnswers') scene.database.losesAnswers += 1;
          else if (each.do === 'tableFails') scene.table.failures += 1;
          else if (each.do === 'replicate') scene.database.replicate();
          else if (each.do === 'promote') scene.database.promoteReplica();
          else if (each.do === 'ends') holder.ends(each.end);
          else if (each.do === 'settle') await settle(scene);
          else {
            seen.crashes += 1;
            seen.drops += holder.ledger.droppedRows;
            scene.crash();
          }
          // Safety: what lies below the mark is in the ledger, at every moment.
          const { mark } = scene.database;
          if (mark !== undefined) expect(scene.missing().filter((entry) => isBelow(entry, mark))).toEqual([]);
          // And what lies below the other has ended there.
          const { ended } = scene.database;
          if (ended !== undefined) {
            seen.ended += 1;
            expect([...scene.database.states].filter(([id, state]) => state === 'SUBMITTED' && isBelow(parseClientOrderId(id)!, ended))).toEqual([]);
          }
        }
        scene.database.away = false;
        await pass(100);
        seen.drops += scene.holder.ledger.droppedRows;
        seen.lost += scene.missing().length;
        seen.untold += scene.untold().length;
        // Liveness: the last holder may even be a new one.
        scene.crash();
        await settle(scene);
        expect([scene.missing(), scene.untold()]).toEqual([[], []]);
        await scene.end();
      }),
      { numRuns: 400 },
    );
    // The property says something only if rows were truly lost on the way.
    expect(Math.min(seen.drops, seen.crashes, seen.lost, seen.untold, seen.ended)).toBeGreaterThan(30);
  });
});
