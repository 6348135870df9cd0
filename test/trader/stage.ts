/**
 * What a trader stands on in these tests: the simulated venue, a strongly consistent journal behind the local AWS with the latencies of the
 * real one, and a guard whose word the test gives.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { LeaseView, Permit, PermitRefusal, TraderStatus, VenueClock } from '../../lib/contracts/guard-api.ts';
import type { BookName, MonotonicNs } from '../../lib/lease/model.ts';
import { permitFor, termsOf } from '../../lib/lease/permits.ts';
import { Secret } from '../../lib/secret.ts';
import { Breaker, type BreakerOptions, type BreakerStore } from '../../lib/trading/breaker.ts';
import { Journal } from '../../lib/trading/journal.ts';
import type { Order } from '../../lib/trading/order.ts';
import { usualQuoting } from '../../lib/trading/quoting.ts';
import { Trader, type Clock, type Permits, type TraderOptions } from '../../lib/trading/trader.ts';
import { Bybit } from '../../lib/venues/bybit.ts';
import type { Execution } from '../../lib/venues/venue.ts';
import { startFront } from '../../rehearsal/cloud/front.ts';
import { createWorld, type CloudWorld } from '../../rehearsal/cloud/world.ts';
import { dynamodb } from '../../rehearsal/services/dynamodb.ts';
import { startVenue, type RunningVenue, type VenueOptions } from '../../rehearsal/venue/server.ts';

export const book = 'alpha' as BookName;
export const key = { apiKey: 'key', secret: 'venue-secret', account: '1' };
export const symbol = 'BTC/USDT';
const tableName = 'journal';

export const monotonicNs = () => process.hrtime.bigint() as MonotonicNs;

export const clock: Clock = {
  monotonicNs,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const timer = setTimeout(done, Math.ceil(ms));
      signal?.addEventListener('abort', done, { once: true });
      function done() {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      }
    }),
};

/** The clock of a venue on this host, as exact as it gets. */
export function exactVenueClock(offsetMs = 0): VenueClock {
  const nowNs = monotonicNs();
  return { offsetMs: Date.now() + offsetMs - Number(nowNs) / 1e6, uncertaintyMs: 1, driftPpm: 100, measuredAtNs: nowNs.toString() };
}

/** A guard that says what the test makes it say, and gives permits as the real one does. */
export class ToldGuard implements Permits {
  readonly statuses: TraderStatus[] = [];
  clockDoubts = 0;
  readonly halts: { epoch: number; reason: string }[] = [];
  readonly drains: { epoch: number; drain: number; atMs: number }[] = [];
  readonly #listeners = new Set<(view: LeaseView) => void>();
  readonly #lane: number;
  #permits = 0;
  #drain = 0;
  view: LeaseView | undefined;
  resumedFrom: number | undefined;
  onClockDoubted: () => void = () => undefined;
  /** The venue's clock less this host's, as measured. */
  clockOffsetMs = 0;
  onDrained: (epoch: number) => void = () => undefined;

  constructor(lane = 1) {
    this.#lane = lane;
    this.say('standby', null);
  }

  say(state: LeaseView['state'], epoch: number | null, leaseMs = 60_000): void {
    if (state === 'draining') this.#drain += 1;
    this.view = {
      book,
      instance: 'us-east-1/blue/1',
      colour: 'blue',
      region: 'us-east-1',
      state,
      epoch,
      drain: this.#drain,
      lane: this.#lane,
      validUntilNs: state === 'held' ? (monotonicNs() + BigInt(leaseMs) * 1_000_000n).toString() : null,
      venueClock: exactVenueClock(this.clockOffsetMs),
      ...(this.resumedFrom !== undefined && { resumedFrom: this.resumedFrom }),
    };
    for (const listener of this.#listeners) listener(this.view);
  }

  permit(): Permit | PermitRefusal {
    if (this.view === undefined) return { error: 'not-held', message: '' };
    const permit = permitFor(termsOf(this.view), monotonicNs(), this.#permits);
    if (!('error' in permit)) this.#permits += 1;
    return permit;
  }

  onChange(listener: (view: LeaseView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async reportStatus(status: TraderStatus): Promise<void> {
    this.statuses.push(status);
  }

  /** The guard's answer is a view with a new measurement; `onClockDoubted` may give one. */
  async doubtVenueClock(): Promise<void> {
    this.clockDoubts += 1;
    this.onClockDoubted();
  }

  /** As the guard does: the first word stops it, the table has it later. */
  async halt(epoch: number, reason: string): Promise<boolean> {
    this.halts.push({ epoch, reason });
    if (this.view?.state !== 'draining') this.say('draining', epoch);
    return this.halts.length > 1;
  }

  async drained(epoch: number, drain: number): Promise<void> {
    this.drains.push({ epoch, drain, atMs: Number(monotonicNs()) / 1e6 });
    this.onDrained(epoch);
  }
}

export const noBreakerStore: BreakerStore = { claim: async () => undefined, write: async () => undefined };

export function breakerOf(store: BreakerStore, options: Partial<BreakerOptions> = {}): Breaker {
  return new Breaker({ store, monotonicMs: () => Number(monotonicNs()) / 1e6, onChange: () => undefined, ...options });
}

type Middleware = Parameters<DynamoDBClient['middlewareStack']['add']>[0];

export interface Stage {
  readonly venue: RunningVenue;
  readonly journal: Journal;
  /** A journal whose requests pass what the test puts in their way, below the SDK's retries. */
  journalThrough(middleware: Middleware): Journal;
  trader(guard: ToldGuard, change?: Partial<TraderOptions>): Trader;
  bybit(guard?: ToldGuard): Bybit;
  /** The ledger's rows, newest news of each. */
  readonly ledger: { readonly orders: Map<string, Order>; readonly fills: Map<string, Execution> };
  close(): Promise<void>;
}

export async function startStage(
  options: Partial<VenueOptions> & { latencies?: { dynamodbReadMs: number; dynamodbWriteMs: number } } = {},
): Promise<Stage> {
  const { latencies = { dynamodbReadMs: 15, dynamodbWriteMs: 30 }, ...venueOptions } = options;
  const venue = await startVenue({ seed: 1, keys: [key], ...venueOptions });
  const world = createWorld({
    seed: 1,
    accountId: '111122223333',
    regions: ['us-east-1'],
    services: (inside) => [dynamodb(inside)],
    latencies,
  });
  const front = await startFront(world);
  await createTable(world, tableName, 'entry');
  const login = { endpoint: front.endpoint, region: 'us-east-1', credentials: world.credentialsFor('arn:aws:iam::111122223333:role/test') };
  const client = new DynamoDBClient(login);
  const others: DynamoDBClient[] = [];
  const journal = new Journal({ client, tableName, writer: { id: 'test', nowMs: Date.now } });
  const ledger = { orders: new Map<string, Order>(), fills: new Map<string, Execution>() };
  const traders: Trader[] = [];
  const bybit = (guard?: ToldGuard) =>
    new Bybit({
      url: venue.url,
      key: { version: 'v1', apiKey: new Secret(key.apiKey), secret: new Secret(key.secret) },
      symbol,
      monotonicNs,
      venueClock: () => guard?.view?.venueClock ?? exactVenueClock(),
    });
  return {
    venue,
    journal,
    journalThrough: (middleware) => {
      const other = new DynamoDBClient(login);
      others.push(other);
      other.middlewareStack.add(middleware, { step: 'deserialize', priority: 'low', name: 'testFault' });
      return new Journal({ client: other, tableName, writer: { id: 'other', nowMs: Date.now } });
    },
    ledger,
    bybit,
    trader: (guard, change) => {
      const trader = new Trader({
        book,
        symbol,
        ordersPerSecond: 10,
        requiresDatabase: false,
        quoting: usualQuoting,
        permits: guard,
        venue: bybit(guard),
        journal,
        breaker: breakerOf(noBreakerStore),
        limits: { order: async () => ({ allowed: true }), request: async () => ({ allowed: true }) },
        ledger: {
          order: (order) => ledger.orders.set(order.clientOrderId, order),
          recover: (order) => {
            if (!ledger.orders.has(order.clientOrderId)) ledger.orders.set(order.clientOrderId, order);
          },
          isQueued: () => false,
          isFillQueued: () => false,
          lookAtMark: async () => 0,
          notEnded: async () => [],
          endedBelow: async () => undefined,
          fill: (fill) => ledger.fills.set(fill.executionId, fill),
          position: () => undefined,
          writable: true,
          droppedRows: 0,
          queuedRows: 0,
          connections: 1,
          completeBelow: undefined,
          completed: () => undefined,
        },
        redisReachable: () => true,
        clock,
        log: () => undefined,
        ...change,
      });
      traders.push(trader);
      return trader;
    },
    close: async () => {
      await Promise.all(traders.map((trader) => trader.close()));
      for (const each of [client, ...others]) each.destroy();
      await front.close();
      await world.close();
      await venue.close();
    },
  };
}

/** A strongly consistent table with the partition key `book`, as the trading-state stack has them. */
export async function createTable(world: CloudWorld, name: string, sortKey: string): Promise<void> {
  const create = world.models().find(({ service }) => service === 'dynamodb')?.resources?.['AWS::DynamoDB::GlobalTable'];
  await create?.({
    type: 'AWS::DynamoDB::GlobalTable',
    logicalId: name,
    stackName: 'test',
    region: 'us-east-1',
    generatedName: name,
    properties: {
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [
        { AttributeName: 'book', KeyType: 'HASH' },
        { AttributeName: sortKey, KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'book', AttributeType: 'S' },
        { AttributeName: sortKey, AttributeType: 'S' },
      ],
      Replicas: [{ Region: 'us-east-1' }, { Region: 'us-west-2' }],
      MultiRegionConsistency: 'STRONG',
      GlobalTableWitnesses: [{ Region: 'us-east-2' }],
    },
  });
}
