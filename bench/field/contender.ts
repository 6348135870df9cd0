/**
 * A process of the field's bench: one side of a contest, for every book of it. It is killed, stopped and cut off as a whole, so that what its
 * timers and its library do then is what they do.
 */
import { readFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Redis } from 'ioredis';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import type { LeaseStore } from '../../lib/lease/store.ts';
import { fieldTimings, type Election } from './election.ts';
import { Guarded } from './guarded.ts';
import { FlagElection, KubernetesElection, MutexElection, SetNxElection, type RedisElectionOptions } from './redis-elections.ts';
import { BenchTrader } from './trader.ts';

export type Contestant = 'baton' | 'set-nx' | 'mutex' | 'flags' | 'kubernetes';

/** The one argument, as JSON. */
export interface ContenderWish {
  readonly contestant: Contestant;
  readonly side: 'a' | 'b';
  /** Counts the lives of this side. */
  readonly life: number;
  readonly books: readonly string[];
  readonly venue: { readonly host: string; readonly port: number };
  readonly redis: { readonly port: number; readonly caFile: string; readonly token: string };
  readonly table: {
    readonly endpoint: string; readonly region: string; readonly name: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  readonly orderEveryMs: number;
  /** On the clock of this host, which all processes share. */
  readonly beganNs: string;
}

export type Order = { readonly handOver: string } | { readonly tell: true };

/** What it answers to `tell`. */
export interface Told {
  readonly holds: number;
  /** Requests to its store since it began. */
  readonly reads: number;
  readonly writes: number;
}

const counted = { reads: 0, writes: 0 };
/** The most that all its books ask at once. */
const socketsMax = 400;
const requestTimeoutMs = 2000;

if (import.meta.main) begin(JSON.parse(process.argv[2] ?? '{}') as ContenderWish);

function begin(wish: ContenderWish): void {
  const { venue, orderEveryMs } = wish;
  const electionOf = wish.contestant === 'baton' ? guarded(wish) : onRedis(wish);
  const agent = new Agent({ keepAlive: true, maxSockets: socketsMax });
  const elections = new Map(wish.books.map((book) => [book, electionOf(book as BookName)]));
  for (const [book, election] of elections) {
    const trader = new BenchTrader({ book, election, venue, agent, everyMs: orderEveryMs });
    // Not all at once, as on hosts of their own.
    setTimeout(() => trader.start(), Math.random() * orderEveryMs);
  }
  process.on('message', (order: Order) => {
    if ('handOver' in order) return elections.get(order.handOver)?.handOver?.();
    const holds = [...elections.values()].filter((election) => election.holds).length;
    process.send?.({ holds, ...counted } satisfies Told);
    return undefined;
  });
  process.once('disconnect', () => process.exit(0));
}

function guarded({ side, life, venue, table }: ContenderWish): (book: BookName) => Election {
  const client = new DynamoDBClient({
    endpoint: table.endpoint, region: table.region, credentials: table.credentials, maxAttempts: 1,
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: socketsMax }, requestTimeout: requestTimeoutMs },
  });
  const held: LeaseStore = new DynamoLeaseStore({ client, tableName: table.name });
  const store: LeaseStore = {
    read: (...asked) => (counted.reads++, held.read(...asked)),
    readAll: (...asked) => (counted.reads++, held.readAll(...asked)),
    write: (...asked) => (counted.writes++, held.write(...asked)),
    register: (...asked) => (counted.writes++, held.register(...asked)),
    deregister: (...asked) => (counted.writes++, held.deregister(...asked)),
    announceKey: (...asked) => (counted.writes++, held.announceKey(...asked)),
  };
  return (book) => new Guarded({ book, region: table.region, me: `${side}${life}`, store, venueUrl: `http://${venue.host}:${venue.port}` });
}

function onRedis({ contestant, side, life, redis: { port, caFile, token }, beganNs }: ContenderWish): (book: BookName) => Election {
  const redis = new Redis({ host: '127.0.0.1', port, password: token, tls: { ca: readFileSync(caFile, 'utf8') } });
  // A connection that breaks comes back; what waits on it is sent again by the client.
  redis.on('error', () => undefined);
  const send = redis.sendCommand.bind(redis);
  redis.sendCommand = (...command) => {
    counted.writes += 1;
    return send(...command);
  };
  // It ends with its process.
  const { signal } = new AbortController();
  const sinceBeginMs = (): number => Number(process.hrtime.bigint() - BigInt(beganNs)) / 1e6;
  return (book) => {
    const options: RedisElectionOptions = { redis, book, me: `${side}${life}`, timings: fieldTimings, random: Math.random, sinceBeginMs, signal };
    if (contestant === 'set-nx') return new SetNxElection(options);
    if (contestant === 'mutex') return new MutexElection(options);
    return contestant === 'flags' ? new FlagElection(options) : new KubernetesElection(options);
  };
}
