/**
 * One contestant on the venue, for many books at once: two processes, each a side of every book. What is done to a book is done to all of them, at
 * moments that their own paces spread: they are handed over as planned, the side that trades is killed, it stands still and wakes, and its way to the
 * store is cut in one direction. The venue's record tells what came of it.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { LeaseControl } from '../../lib/lease/control.ts';
import { instanceId, type BookName, type WorkflowToken } from '../../lib/lease/model.ts';
import { Relay } from '../../rehearsal/processes/relay.ts';
import { until } from '../../rehearsal/until.ts';
import { monotonicMs, type VenueEntry } from '../../rehearsal/venue/record.ts';
import type { Contestant, ContenderWish, Order, Told } from './contender.ts';
import { acceptedOf, gapsMs, staleBetween, type Accepted } from './judge.ts';
import { fieldTimings } from './election.ts';
import { flagOf, sleep } from './redis-elections.ts';

export interface Outcome {
  readonly handoverGapsMs: readonly number[];
  readonly takeoverGapsMs: readonly number[];
  /** Orders that the venue took from one after it had taken one of the next. */
  readonly stale: { readonly handover: number; readonly pause: number; readonly partition: number };
  /** Of one book, both sides together. */
  readonly aMinute: { readonly reads: number; readonly writes: number };
  readonly orders: number;
}

export interface ContestOptions {
  readonly contestant: Contestant;
  readonly books: readonly string[];
  readonly venue: { readonly host: string; readonly port: number; readonly record: readonly VenueEntry[] };
  readonly redis: { readonly port: number; readonly caFile: string; readonly token: string; readonly client: Redis };
  readonly table: ContenderWish['table'] & { readonly control: LeaseControl };
  readonly beganNs: bigint;
  readonly note: (text: string) => void;
}

export const orderEveryMs = 100;
export const pausedForMs = 20_000;
export const cutForMs = 25_000;
/** From a loss until somebody who noticed turns the flags. */
export const flagsTurnedAfterMs = 10_000;
/** For whoever woke, or is reached again, to find out and for the others to go on. */
const afterwardsMs = 6000;
const idleForMs = 20_000;
const handoversWithinMs = 10_000;
const boundMs = 60_000;
const lookEveryMs = 200;
const leaseMs = 5000;

type Side = 'a' | 'b';

export async function contest(options: ContestOptions): Promise<Outcome> {
  await using running = new Contest(options);
  // Not before it has ended is what it started taken down.
  return await running.run();
}

class Contest implements AsyncDisposable {
  readonly #options: ContestOptions;
  readonly #children = new Map<Side, ChildProcess>();
  readonly #relays = new Map<Side, { readonly redis: Relay; readonly table: Relay }>();
  readonly #tokens = new Map<string, WorkflowToken>();
  /** What was read of the record. */
  readonly #known: Accepted[] = [];
  #read: number;
  #lives = 0;
  readonly #life = new Map<Side, number>();

  constructor(options: ContestOptions) {
    this.#options = options;
    this.#read = options.venue.record.length;
  }

  async run(): Promise<Outcome> {
    const { books, note } = this.#options;
    const beganMs = monotonicMs();
    await this.#prepare();
    await this.#start('a');
    await this.#allHeldBy('a');
    await this.#start('b');
    await sleep(afterwardsMs);

    const requests = await this.#requestsDuring(idleForMs);
    note('both sides are there');

    const [handedFromMs, handoverGapsMs] = await this.#gapsFrom(() => this.#handOverAll());
    await this.#allHeldBy('b');
    const handedUntilMs = monotonicMs();
    // Who was stopped is a standby again.
    await sleep(fieldTimings.stoppedForMs);
    note('handed over');

    const [, takeoverGapsMs] = await this.#gapsFrom(async () => {
      await this.#kill('b');
      await this.#flagsAreTurned('a');
    });
    await this.#start('b');
    await this.#allHeldBy('a');
    await sleep(afterwardsMs);
    note('taken over');

    const pausedAtMs = monotonicMs();
    await this.#pause('a');
    await sleep(afterwardsMs);
    const afterPauseMs = monotonicMs();
    note('paused and woken');
    // Some wait for longer than the pause was.
    await this.#kill('a');
    await this.#start('a');
    await this.#allHeldBy('b');

    const cutAtMs = monotonicMs();

    await this.#cut('b');
    await sleep(afterwardsMs);
    const accepted = this.#accepted();
    note('cut off and reached again');
    return {
      handoverGapsMs, takeoverGapsMs,
      stale: {
        handover: staleBetween(accepted, handedFromMs, handedUntilMs),
        pause: staleBetween(accepted, pausedAtMs, afterPauseMs),
        partition: staleBetween(accepted, cutAtMs, Infinity),
      },
      aMinute: { reads: requests.reads / books.length, writes: requests.writes / books.length },
      orders: accepted.filter(({ atMs }) => atMs >= beganMs).length,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const side of this.#children.keys()) await this.#kill(side);
    await Promise.all([...this.#relays.values()].flatMap(({ redis, table }) => [redis.close(), table.close()]));
  }

  #accepted(): readonly Accepted[] {
    const { books, venue: { record } } = this.#options;
    const own = new Set(books);
    this.#known.push(...acceptedOf(record.slice(this.#read)).filter(({ book }) => own.has(book)));
    this.#read = record.length;
    return this.#known;
  }

  /** Not at every turn: the record is long. */
  async #until(what: string, isSo: () => boolean): Promise<void> {
    await until(`${what} of ${this.#options.contestant}`, boundMs, async () => isSo() || sleep(lookEveryMs).then(() => false));
  }

  async #prepare(): Promise<void> {
    const { contestant, books, table, redis } = this.#options;
    for (const side of ['a', 'b'] as const) {
      const to = Number(new URL(table.endpoint).port);
      this.#relays.set(side, { redis: await Relay.open({ host: '127.0.0.1', port: redis.port }), table: await Relay.open({ host: '127.0.0.1', port: to }) });
    }
    if (contestant === 'flags') await this.#turnFlags('a');
    if (contestant !== 'baton') return;
    await Promise.all((books as readonly BookName[]).map(async (book) => {
      await table.control.createBook({ book, home: table.region, leaseMs });
      const { token } = await table.control.takeWorkflow(book, 'bench');
      this.#tokens.set(book, token);
      await table.control.open(book, token);
    }));
  }

  async #start(side: Side): Promise<void> {
    const { contestant, books, venue: { host, port }, redis, table: { control: _control, ...table }, beganNs } = this.#options;
    const relays = this.#relays.get(side)!;
    this.#lives += 1;
    this.#life.set(side, this.#lives);
    const wish: ContenderWish = {
      contestant, side, life: this.#lives, books, venue: { host, port }, orderEveryMs, beganNs: String(beganNs),
      redis: { port: relays.redis.port, caFile: redis.caFile, token: redis.token },
      table: { ...table, endpoint: `http://127.0.0.1:${relays.table.port}` },
    };
    const child = fork(join(import.meta.dirname, 'contender.ts'), [JSON.stringify(wish)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
    this.#children.set(side, child);
    await this.#told(side);
  }

  #told(side: Side): Promise<Told> {
    const child = this.#children.get(side)!;
    const { promise, resolve, reject } = Promise.withResolvers<Told>();
    const lost = (code: number | null): void => reject(new Error(`side ${side} of ${this.#options.contestant} ended by itself with ${code}: its last words are above`));
    child.once('exit', lost);
    child.once('message', (told) => resolve(told as Told));
    child.send({ tell: true } satisfies Order);
    return promise.finally(() => child.off('exit', lost));
  }

  /** All books, nobody else believes so, and by the venue's record each trades. */
  async #allHeldBy(side: Side): Promise<void> {
    const { books, contestant } = this.#options;
    const others = [...this.#children.keys()].filter((other) => other !== side);
    await until(`every book of ${contestant} held by side ${side} alone`, boundMs, async () => {
      if ((await this.#told(side)).holds < books.length) return false;
      for (const other of others) if ((await this.#told(other)).holds > 0) return false;
      return true;
    });
    const sinceMs = monotonicMs();
    await this.#until('orders of every book', () => {
      const trading = new Set(this.#accepted().filter(({ atMs }) => atMs >= sinceMs).map(({ book }) => book));
      return trading.size === books.length;
    });
  }

  async #requestsDuring(ms: number): Promise<Omit<Told, 'holds'>> {
    const both = async (): Promise<Omit<Told, 'holds'>> => {
      const [a, b] = await Promise.all([this.#told('a'), this.#told('b')]);
      return { reads: a.reads + b.reads, writes: a.writes + b.writes };
    };
    const before = await both();
    await sleep(ms);
    const after = await both();
    const aMinute = 60_000 / ms;
    return { reads: (after.reads - before.reads) * aMinute, writes: (after.writes - before.writes) * aMinute };
  }

  /** Since when, and by book the gap until its next tenure trades; all of them have one then. */
  async #gapsFrom(action: () => Promise<void>): Promise<readonly [sinceMs: number, gapsMs: readonly number[]]> {
    const { books } = this.#options;
    const sinceMs = monotonicMs();
    await action();
    await this.#until('a new holder for every book', () => gapsMs(this.#accepted(), sinceMs).size === books.length);
    return [sinceMs, [...gapsMs(this.#accepted(), sinceMs).values()]];
  }

  /** One after the other, from side a to side b. */
  async #handOverAll(): Promise<void> {
    const { contestant, books, table } = this.#options;
    const each = handoversWithinMs / books.length;
    for (const book of books) {
      if (contestant === 'baton') {
        await table.control.startDrain(book as BookName, this.#tokens.get(book)!, instanceId(table.region, 'blue', `b${this.#life.get('b')}`));
      } else if (contestant === 'flags') {
        await this.#turnFlag(book, 'b');
      } else {
        this.#children.get('a')!.send({ handOver: book } satisfies Order);
      }
      await sleep(each);
    }
  }

  async #turnFlags(to: Side): Promise<void> {
    for (const book of this.#options.books) await this.#turnFlag(book, to);
  }

  /** Two switches, one after the other, as two parameters are. */
  async #turnFlag(book: string, to: Side): Promise<void> {
    const { client } = this.#options.redis;
    await client.set(flagOf(book, to === 'a' ? 'b' : 'a'), 'off');
    await client.set(flagOf(book, to), 'on');
  }

  async #flagsAreTurned(to: Side): Promise<void> {
    if (this.#options.contestant !== 'flags') return;
    await sleep(flagsTurnedAfterMs);
    await this.#turnFlags(to);
  }

  async #kill(side: Side): Promise<void> {
    const child = this.#children.get(side)!;
    this.#children.delete(side);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => void child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  async #pause(side: Side): Promise<void> {
    const child = this.#children.get(side)!;
    child.kill('SIGSTOP');
    try {
      await Promise.all([sleep(pausedForMs), this.#flagsAreTurned(side === 'a' ? 'b' : 'a')]);
    } finally {
      child.kill('SIGCONT');
    }
  }

  /** Nothing that it asks arrives; what was answered does. */
  async #cut(side: Side): Promise<void> {
    const relays = Object.values(this.#relays.get(side)!);
    for (const relay of relays) relay.silence('requests');
    await Promise.all([sleep(cutForMs), this.#flagsAreTurned(side === 'a' ? 'b' : 'a')]);
    for (const relay of relays) relay.restore();
  }
}

