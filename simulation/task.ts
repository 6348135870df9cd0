/**
 * A trading task: the guard and the trader that ship, put together as their containers' entries do, on clients that end in the models. The two are
 * processes of their own on one host: either may stand still or end while the other goes on, until the platform ends the task.
 */
import { Guard } from '../containers/guard/guard.ts';
import { bybitTime } from '../containers/guard/venue-clock.ts';
import { bybitProof, VenueKeys, type HeldKey } from '../containers/guard/venue-key.ts';
import type { AskVenue } from '../containers/guard/venue-request.ts';
import type { LeaseView, Permit, PermitRefusal, TraderStatus, VenueKeyAnswer } from '../lib/contracts/guard-api.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import type { BookName, Colour, InstanceId } from '../lib/lease/model.ts';
import { permitFor, termsOf, venueUncertaintyMaxMs, type PermitTerms } from '../lib/lease/permits.ts';
import type { LeaseStore } from '../lib/lease/store.ts';
import { Breaker } from '../lib/trading/breaker.ts';
import { HandedKey, type KeySource } from '../lib/trading/handed-key.ts';
import { Journal } from '../lib/trading/journal.ts';
import { Ledger } from '../lib/trading/ledger.ts';
import { usualQuoting } from '../lib/trading/quoting.ts';
import { Trader, type Clock, type Log, type Permits } from '../lib/trading/trader.ts';
import { Bybit } from '../lib/venues/bybit.ts';
import type { VenueReply, VenueRequest } from '../lib/venues/paper/desk.ts';
import { breakerStore, sharedLimits, type ModelledCache } from './cache.ts';
import { tables, type SimulatedCloud } from './cloud.ts';
import { connectTo, type ModelledDatabase } from './database.ts';
import type { Network } from './network.ts';
import type { BadRelease } from './swarm.ts';
import type { SimulatedProcess, VirtualTime } from './virtual-time.ts';

/** As in the containers' entries. */
const driftPpmAssumed = 10_000;
const drainTimeoutMs = 10_000;
const terminateWithinMs = 100_000;
const guardTimeoutMs = 2000;
const journalTimeoutMs = 700;
const secretsTimeoutMs = 2000;
const venueUrl = 'https://venue';
/** None in a run. */
const silentlyPerSecond = 1e-6;

export interface TaskSurroundings {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly cloud: SimulatedCloud;
  readonly venue: (request: VenueRequest) => VenueReply;
  readonly readKey: () => HeldKey | Promise<HeldKey>;
  readonly database: (region: string) => ModelledDatabase;
  readonly cache: (region: string) => ModelledCache;
  readonly random: () => number;
  readonly log: (who: string, ...line: Parameters<Log>) => void;
  /** The guard's store as it would be, or one that a mutant stands before. */
  readonly leaseStore?: (store: LeaseStore) => LeaseStore;
  readonly driftPpm: number;
  readonly ordersPerSecond: number;
}

export interface TaskWish {
  readonly book: BookName;
  readonly instance: InstanceId;
  readonly colour: Colour;
  readonly region: string;
  readonly imageDigest: string;
  readonly symbol: string;
  /** As whom it calls AWS. */
  readonly roleArn: string | undefined;
  readonly isBad: BadRelease | undefined;
}

export class SimulatedTask {
  readonly wish: TaskWish;
  readonly host: string;
  readonly guardProcess: SimulatedProcess;
  readonly traderProcess: SimulatedProcess;
  readonly guard: Guard;
  trader: Trader | undefined;
  readonly #surroundings: TaskSurroundings;
  #terminating: Promise<void> | undefined;

  constructor(wish: TaskWish, surroundings: TaskSurroundings) {
    const { time, driftPpm, random, log } = surroundings;
    this.wish = wish;
    this.host = wish.instance;
    this.#surroundings = surroundings;
    // The containers of a task share its host's clock.
    this.guardProcess = time.process(`${wish.instance} guard`, { driftPpm });
    this.traderProcess = this.guardProcess.beside(`${wish.instance} trader`);
    this.guard = this.guardProcess.run(() => {
      const store: LeaseStore = new DynamoLeaseStore({
        client: surroundings.cloud.client(this.guardProcess, this.host, wish.region, { maxAttempts: 1, roleArn: wish.roleArn }), tableName: tables.lease,
      });
      const { book, instance, colour, region, imageDigest } = wish;
      const after = (ms: number, callback: () => void): (() => void) => time.after(ms, callback);
      return new Guard({
        identity: {
          book, instance, colour, region, imageDigest,
          driftPpm: driftPpmAssumed, drainTimeoutMs, venueUncertaintyMs: venueUncertaintyMaxMs, terminateWithinMs,
        },
        store: surroundings.leaseStore?.(store) ?? store,
        venueTime: bybitTime(venueUrl, this.#askVenue),
        venueKeys: new VenueKeys({
          read: () => surroundings.network.ask(this.guardProcess, { host: this.host, service: 'secretsmanager' }, surroundings.readKey, AbortSignal.timeout(secretsTimeoutMs)),
          prove: bybitProof(venueUrl, this.#askVenue),
          random, after,
        }),
        monotonicNs: () => this.guardProcess.monotonicNs(),
        after,
        log: (...line) => log(this.guardProcess.name, ...line),
      });
    });
  }

  get isAlive(): boolean {
    return this.guardProcess.alive || this.traderProcess.alive;
  }

  start(): void {
    this.guardProcess.run(() => this.guard.start());
    if (this.wish.isBad !== 'never-ready') void this.traderProcess.run(() => this.#trade());
  }

  /** Both end at once, with nothing said. */
  kill(): void {
    this.guardProcess.alive = false;
    this.traderProcess.alive = false;
  }

  /** SIGTERM to both. Resolves, for whoever waits in another process, when nothing of it runs any more. */
  terminate(): Promise<void> {
    this.#terminating ??= this.#end();
    return this.#terminating;
  }

  async #end(): Promise<void> {
    await this.guardProcess.run(() => this.guard.terminate());
    this.kill();
  }

  readonly #askVenue: AskVenue = async (path, { signal, headers = {} }) => {
    const { status, text } = await this.#venue(this.guardProcess, { method: 'GET', path, headers, body: '' }, signal);
    return { status, body: JSON.parse(text) as unknown };
  };

  #venue(from: SimulatedProcess, request: { method: string; path: string; headers: object; body: string }, signal: AbortSignal | null): Promise<VenueReply> {
    const { network, venue } = this.#surroundings;
    const [path = '', query = ''] = request.path.split('?');
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
    return network.ask(from, { host: this.host, service: 'venue' }, () => venue({ ...request, path, query, headers, address: '198.51.100.1' }), signal);
  }

  /** What the trader's entry does. */
  async #trade(): Promise<void> {
    const { time, network, cloud, random, log: tell, ordersPerSecond, cache, database } = this.#surroundings;
    const { wish: { book, region, symbol }, traderProcess: process, host } = this;
    const log: Log = (...line) => tell(process.name, ...line);
    const clock: Clock = { monotonicNs: () => process.monotonicNs(), sleep: (ms, signal) => sleep(time, ms, signal) };
    const permits = new LocalPermits({ guard: this.guard, guardProcess: this.guardProcess, process, time, random });
    const handed = new HandedKey({ source: permits, sleep: clock.sleep, log });
    permits.start();
    const key = await handed.first();
    const reached = { process, host, network };
    const trades = { current: undefined as Trader | undefined };
    const ledger = new Ledger({
      book,
      connect: async () => {
        const client = connectTo(database(region), reached);
        await client.query('SELECT pg_is_in_recovery()');
        return client;
      },
      checkSchema: async () => undefined,
      log: (message, fields) => log('warn', message, fields),
      onChange: () => trades.current?.statusChanged(),
    });
    const venue = new Bybit({
      url: venueUrl, symbol, key,
      onKey: () => trades.current?.statusChanged(),
      monotonicNs: clock.monotonicNs,
      venueClock: () => permits.view?.venueClock ?? undefined,
      fetch: (async (url: string, init: { method: string; headers: object; body?: string; signal?: AbortSignal }) => {
        const { pathname, search } = new URL(url);
        const { status, text } = await this.#venue(
          process, { method: init.method, path: pathname + search, headers: init.headers, body: init.body ?? '' }, init.signal ?? null,
        );
        // All of a response that ccxt reads: a whole one takes longer to make than the venue takes to decide.
        return { status, statusText: '', headers: { 'content-type': 'application/json' }, text: async () => text };
      }) as unknown as typeof fetch,
    });
    const trader = new Trader({
      book, symbol, ordersPerSecond: this.wish.isBad === 'silent' ? silentlyPerSecond : ordersPerSecond, permits, venue, ledger, clock, log,
      requiresDatabase: false,
      quoting: usualQuoting,
      journal: new Journal({
        client: cloud.client(process, host, region, { maxAttempts: 3, requestTimeoutMs: journalTimeoutMs, roleArn: this.wish.roleArn }),
        tableName: tables.journal,
        writer: { id: `${this.wish.instance}/${Math.floor(random() * 1e9)}`, nowMs: Date.now },
      }),
      limits: sharedLimits(cache(region), reached),
      breaker: new Breaker({
        store: breakerStore(cache(region), reached),
        monotonicMs: () => process.monotonicMs(),
        onChange: (state, before) => log('warn', `circuit breaker ${before.kind} → ${state.kind}`),
      }),
      redisReachable: () => true,
    });
    trades.current = trader;
    this.trader = trader;
    ledger.start();
    trader.start();
    handed.follow((next) => venue.useKey(next));
  }
}

function sleep(time: VirtualTime, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const done = (): void => {
      cancel();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const cancel = time.after(Math.ceil(ms), done);
    signal?.addEventListener('abort', done, { once: true });
  });
}

interface LocalPermitsOptions {
  readonly guard: Guard;
  readonly guardProcess: SimulatedProcess;
  readonly process: SimulatedProcess;
  readonly time: VirtualTime;
  readonly random: () => number;
}

/** Between two containers of a task. */
const localMsMax = 2;

/** What the guard's client is to its trader, without a socket: views come one after the other, words are answered or run out of time. */
class LocalPermits implements Permits, KeySource {
  readonly #options: LocalPermitsOptions;
  readonly #listeners = new Set<(view: LeaseView) => void>();
  #terms: PermitTerms | undefined;
  #permits = 0;
  #newestAtMs = 0;

  constructor(options: LocalPermitsOptions) {
    this.#options = options;
  }

  get view(): LeaseView | undefined {
    return this.#terms?.view;
  }

  start(): void {
    const { guard, guardProcess, process, time, random } = this.#options;
    guardProcess.run(() =>
      guard.follow((view) => {
        // By one connection: in the order in which they were said.
        this.#newestAtMs = Math.max(this.#newestAtMs, time.nowMs + random() * localMsMax);
        time.at(this.#newestAtMs, process, () => this.#take(view));
      }));
  }

  #take(view: LeaseView): void {
    this.#terms = termsOf(view);
    for (const listener of this.#listeners) listener(view);
  }

  permit(): Permit | PermitRefusal {
    if (this.#terms === undefined) return { error: 'not-held', message: 'the guard has not been heard yet' };
    const permit = permitFor(this.#terms, this.#options.process.monotonicNs(), this.#permits);
    if (!('error' in permit)) this.#permits += 1;
    return permit;
  }

  onChange(listener: (view: LeaseView) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  reportStatus(status: TraderStatus): Promise<void> {
    return this.#ask((guard) => guard.takeStatus(status));
  }

  drained(epoch: number, drain: number): Promise<void> {
    const lane = this.view?.lane ?? 0;
    return this.#ask((guard) => guard.drained({ epoch, drain, lane }));
  }

  doubtVenueClock(): Promise<void> {
    return this.#ask((guard) => guard.venueClockDoubted());
  }

  async halt(epoch: number, reason: string): Promise<boolean> {
    const halted = await this.#ask((guard) => guard.halt({ epoch, reason }));
    if (halted === undefined) throw new Error('the guard refused POST /v1/halt with 409');
    return halted;
  }

  async venueKey(): Promise<VenueKeyAnswer> {
    const key = await this.#ask((guard) => guard.venueKey);
    if (key === undefined) throw new Error('the guard refused GET /v1/venue-key with 503');
    return { version: key.version, key: Object.fromEntries([...key.texts].map(([name, text]) => [name, text.reveal()])) };
  }

  #ask<Answer>(serve: (guard: Guard) => Answer): Promise<Answer> {
    const { guard, guardProcess, process, time, random } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const cancel = time.after(guardTimeoutMs, () => reject(new Error(`the guard did not answer within ${guardTimeoutMs} ms: is it alive?`)));
    time.at(time.nowMs + random() * localMsMax, guardProcess, () => {
      const answer = serve(guard);
      time.at(time.nowMs + random() * localMsMax, process, () => {
        cancel();
        resolve(answer);
      });
    });
    return promise;
  }
}
