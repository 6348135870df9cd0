/**
 * A small model of PostgreSQL: the tables of the ledger and the statements that its writer sends, with what each means. A statement that is not
 * here is refused. A contract test gives the same words to this one and to a real one.
 */
import { EventEmitter } from 'node:events';
import type { Client } from 'pg';
import type { Network } from './network.ts';
import type { SimulatedProcess } from './virtual-time.ts';

type Row = Record<string, unknown>;
interface Mark {
  epoch: number;
  sequence: number;
  writtenAtMs: number;
  ended: readonly [epoch: number, sequence: number];
}

/** How far along its life a state is. */
const progressOf: Readonly<Record<string, number>> = { PENDING: 0, SUBMITTED: 1, FILLED: 3, SETTLED: 4 };
const ended = 2;

export class ModelledDatabase {
  readonly orders = new Map<string, Row>();
  readonly fills = new Map<string, Row>();
  readonly positions = new Map<string, Row>();
  readonly marks = new Map<string, Mark>();
  /** A replica that was not promoted, or one that was closed to writes. */
  isReadOnly = false;
  /** That wrote something. */
  statements = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  query(text: string, values: readonly unknown[] = []): { readonly rows: readonly Row[] } {
    const statement = text.trim();
    if (statement.includes('pg_is_in_recovery()')) return { rows: [{ read_only: this.isReadOnly }] };
    if (statement.startsWith('SELECT epoch, sequence,')) return this.#mark(String(values[0]));
    if (statement.startsWith('SELECT client_order_id')) return this.#notEnded(String(values[0]));
    if (this.isReadOnly) throw new Error('cannot execute INSERT in a read-only transaction');
    this.statements += 1;
    if (statement.startsWith('INSERT INTO orders')) return this.#upsertOrders(JSON.parse(String(values[0])) as Row[]);
    if (statement.startsWith('INSERT INTO fills')) return this.#insertFills(JSON.parse(String(values[0])) as Row[]);
    if (statement.startsWith('INSERT INTO positions')) return this.#upsertPosition(values);
    if (statement.startsWith('INSERT INTO ledger_marks')) return this.#raiseMark(values);
    if (statement.startsWith('UPDATE ledger_marks')) return this.#raiseEnded(values);
    throw new Error(`the modelled database has no words for: ${statement.slice(0, 60)}`);
  }

  /** From then on it has what the other one has now, and nothing else. */
  copy(other: ModelledDatabase): void {
    for (const table of ['orders', 'fills', 'positions', 'marks'] as const) {
      this[table].clear();
      for (const [key, row] of other[table]) (this[table] as Map<string, unknown>).set(key, { ...row });
    }
    this.statements = other.statements;
  }

  #upsertOrders(rows: readonly Row[]): { readonly rows: readonly Row[] } {
    for (const news of rows) {
      const id = String(news['client_order_id']);
      const before = this.orders.get(id);
      const rank = (state: unknown): number => progressOf[String(state)] ?? ended;
      if (before !== undefined && rank(news['state']) < rank(before['state'])) continue;
      const venueOrderId = news['venue_order_id'] ?? before?.['venue_order_id'] ?? null;
      if (before !== undefined && before['state'] === news['state'] && before['reason'] === news['reason'] && before['venue_order_id'] === venueOrderId) continue;
      this.orders.set(id, { ...(before ?? news), state: news['state'], reason: news['reason'], venue_order_id: venueOrderId, writtenAtMs: this.#nowMs() });
    }
    return { rows: [] };
  }

  #insertFills(rows: readonly Row[]): { readonly rows: readonly Row[] } {
    for (const news of rows) if (!this.fills.has(String(news['execution_id']))) this.fills.set(String(news['execution_id']), news);
    return { rows: [] };
  }

  #upsertPosition([book, symbol, quantity, epoch]: readonly unknown[]): { readonly rows: readonly Row[] } {
    const before = this.positions.get(String(book));
    if (before === undefined || Number(epoch) >= Number(before['epoch'])) this.positions.set(String(book), { book, symbol, quantity, epoch });
    return { rows: [] };
  }

  #mark(book: string): { readonly rows: readonly Row[] } {
    const mark = this.marks.get(book);
    return { rows: mark === undefined ? [] : [{ epoch: String(mark.epoch), sequence: String(mark.sequence), aged_ms: String(this.#nowMs() - mark.writtenAtMs) }] };
  }

  #raiseMark([book, epoch, sequence]: readonly unknown[]): { readonly rows: readonly Row[] } {
    const before = this.marks.get(String(book));
    const wanted = { epoch: Number(epoch), sequence: Number(sequence) };
    if (before !== undefined && !isBelow([before.epoch, before.sequence], [wanted.epoch, wanted.sequence])) return { rows: [] };
    this.marks.set(String(book), { ...wanted, writtenAtMs: this.#nowMs(), ended: before?.ended ?? [0, 0] });
    return { rows: [] };
  }

  #raiseEnded([book, epoch, sequence]: readonly unknown[]): { readonly rows: readonly Row[] } {
    const mark = this.marks.get(String(book));
    const wanted = [Number(epoch), Number(sequence)] as const;
    if (mark !== undefined && isBelow(mark.ended, wanted)) mark.ended = wanted;
    return { rows: [] };
  }

  #notEnded(book: string): { readonly rows: readonly Row[] } {
    const from = this.marks.get(book)?.ended ?? [0, 0];
    const rows = [...this.orders.values()]
      .filter((row) => row['book'] === book && row['state'] === 'SUBMITTED' && !isBelow([Number(row['epoch']), Number(row['sequence'])], from))
      .sort((a, b) => Number(a['epoch']) - Number(b['epoch']) || Number(a['sequence']) - Number(b['sequence']))
      .map((row) => ({ ...row, epoch: String(row['epoch']), sequence: String(row['sequence']), aged_ms: String(this.#nowMs() - Number(row['writtenAtMs'])) }));
    return { rows };
  }
}

function isBelow([epoch, sequence]: readonly [number, number], than: readonly [number, number]): boolean {
  return epoch < than[0] || (epoch === than[0] && sequence < than[1]);
}

/** Every statement answers within this, or the connection counts as lost. */
const statementTimeoutMs = 5000;

export interface Reached {
  readonly process: SimulatedProcess;
  readonly host: string;
  readonly network: Network;
}

/** A connection, as far as the ledger uses one. */
export function connectTo(database: ModelledDatabase, { process, host, network }: Reached): Client {
  const client = Object.assign(new EventEmitter(), {
    async query(text: string, values?: readonly unknown[]) {
      const answer = await network.ask(
        process, { host, service: 'database' },
        () => {
          try {
            return database.query(text, values);
          } catch (error) {
            return { error: error as Error };
          }
        },
        AbortSignal.timeout(statementTimeoutMs),
      );
      if ('error' in answer) throw answer.error;
      return answer;
    },
    end: async () => undefined,
  });
  return client as unknown as Client;
}
