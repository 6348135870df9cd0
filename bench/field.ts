/**
 * The lease beside what others use, on one venue and one Redis: how long nobody trades when a book changes hands, what the venue takes from one who
 * should not send any more, and what it costs while nothing happens. Decision 38 says who the others are, and why they are run as they are.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Redis } from 'ioredis';
import { assumptions } from '../lib/cost/assumptions.ts';
import { loadPriceTable, priceOf } from '../lib/cost/price-table.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import { createAuthority } from '../rehearsal/processes/certificate.ts';
import { startRedis } from '../rehearsal/processes/redis.ts';
import { Supervisor } from '../rehearsal/processes/supervisor.ts';
import { startVenue } from '../rehearsal/venue/server.ts';
import { startLocalTable } from '../test/lease/local-table.ts';
import type { Bench } from './bench.ts';
import { contest, cutForMs, flagsTurnedAfterMs, pausedForMs, type Outcome } from './field/contest.ts';
import type { Contestant } from './field/contender.ts';
import { measure, noneOf, rowOf, type Row } from './row.ts';

const contestants: readonly (readonly [Contestant, label: string])[] = [
  ['baton', 'ours'],
  ['set-nx', '(1) SET NX EX 10'],
  ['mutex', '(2) redis-semaphore'],
  ['flags', '(3) flags'],
  ['kubernetes', '(4) Kubernetes'],
];
/** Each is a repetition. */
const booksOfEach = 50;
const latencies = { dynamodbReadMs: 15, dynamodbWriteMs: 30 };
const token = 'bench';
/** Nobody is limited by it here. */
const limits = { ordersPerSecond: 1000, requestsPer5Seconds: 1e9 };
/** Ours must be this much shorter than the best of the others. */
const shorterBy = 20;

export const field: Bench = {
  name: 'field',
  summary: 'The lease beside the locks, flags and elections that others use, on one venue and one Redis.',
  async run({ quick, progress }) {
    const outcomes = await measured({ count: quick ? 3 : booksOfEach, atOnce: quick, note: (text) => progress.note(text) });
    return rowsOf(outcomes);
  },
};

interface Wish {
  readonly count: number;
  /** All contestants at once: sooner, and each slowed by the others. */
  readonly atOnce: boolean;
  readonly note: (text: string) => void;
}

async function measured({ count, atOnce, note }: Wish): Promise<ReadonlyMap<Contestant, Outcome>> {
  await using opened = new AsyncDisposableStack();
  const books = new Map(contestants.map(([contestant], at) => [contestant, Array.from({ length: count }, (_, each) => `f${at}n${each}`)]));
  const keys = [...books.values()].flat().map((book) => ({ apiKey: book, secret: book, account: book }));
  const venue = await startVenue({ seed: 1, keys, limits, stepEveryMs: 0 });
  opened.defer(() => venue.close());
  const table = await startLocalTable(latencies);
  opened.defer(() => table.close());
  const client = new DynamoDBClient({ endpoint: table.endpoint, region: table.region, credentials: table.credentials });
  opened.defer(() => client.destroy());
  const supervisor = new Supervisor();
  opened.defer(() => supervisor.close());
  const directory = await supervisor.temporaryDirectory('bench');
  const authority = createAuthority({ commonName: 'Baton bench', now: new Date(), directory });
  const { port, caFile } = await startRedis({ supervisor, authority, directory: join(directory, 'redis'), authToken: token });
  const redis = new Redis({ host: '127.0.0.1', port, password: token, tls: { ca: readFileSync(caFile, 'utf8') } });
  opened.defer(() => redis.disconnect());

  const address = new URL(venue.url);
  const beganNs = process.hrtime.bigint();
  const outcomes = new Map<Contestant, Outcome>();
  const held = async ([contestant, label]: (typeof contestants)[number]): Promise<void> => void
    outcomes.set(contestant, await contest({
      contestant, books: books.get(contestant)!, beganNs,
      venue: { host: address.hostname, port: Number(address.port), record: venue.record },
      redis: { port, caFile, token, client: redis },
      table: {
        endpoint: table.endpoint, region: table.region, name: table.tableName, credentials: table.credentials,
        control: new LeaseControl(new DynamoLeaseStore({ client, tableName: table.tableName })),
      },
      note: (text) => note(`${label}: ${text}`),
    }));
  if (atOnce) await Promise.all(contestants.map(held));
  else for (const each of contestants) await held(each);
  return outcomes;
}

function rowsOf(outcomes: ReadonlyMap<Contestant, Outcome>): readonly Row[] {
  const all = contestants.map(([contestant, label]) => ({ contestant, label, outcome: outcomes.get(contestant)! }));
  const each = (row: (label: string, outcome: Outcome, contestant: Contestant) => Row): readonly Row[] => all.map(({ label, outcome, contestant }) => row(label, outcome, contestant));
  const inSeconds = (samples: readonly number[]): readonly number[] => samples.map((ms) => ms / 1000);
  const gap = 'From the last order of one to the first of the next';
  const stale = (name: string, what: string, count: (outcome: Outcome) => number): readonly Row[] =>
    each((label, outcome, contestant) => {
      const said = `${what}, of ${outcome.handoverGapsMs.length} books`;
      return contestant === 'baton' ? noneOf(`field: ${name}, ${label}`, said, count(outcome)) : rowOf({ name: `field: ${name}, ${label}`, what: said, samples: [count(outcome)], unit: '' });
    });
  return [
    ...each((label, { handoverGapsMs }) => rowOf({ name: `field: handover, ${label}`, what: `${gap}, as planned, at 10 orders/s`, samples: handoverGapsMs, unit: 'ms' })),
    ...promises(all),
    ...each((label, { takeoverGapsMs }, contestant) =>
      rowOf({
        name: `field: takeover, ${label}`, unit: 's', samples: inSeconds(takeoverGapsMs),
        what: contestant === 'flags' ? `${gap}, killed; somebody turns the flags ${flagsTurnedAfterMs / 1000} s later` : `${gap}, killed`,
      })),
    ...stale('stale at the handover', 'Orders that the venue took from the former one after one of the next', ({ stale: { handover } }) => handover),
    ...stale('stale after a pause', `The same, of one that stood still for ${pausedForMs / 1000} s and woke`, ({ stale: { pause } }) => pause),
    ...stale('stale in a partition', `The same, while nothing that it asks of its store arrives, for ${cutForMs / 1000} s`, ({ stale: { partition } }) => partition),
    ...each((label, { aMinute: { reads, writes } }) =>
      rowOf({ name: `field: requests, ${label}`, what: 'To the store, a book and minute, two instances, nothing happening', samples: [Math.round(reads + writes)], unit: '' })),
    ...each((label, outcome, contestant) => cost(label, outcome, contestant)),
  ];
}

interface Measured {
  readonly contestant: Contestant;
  readonly label: string;
  readonly outcome: Outcome;
}

/** How ours stands to the best of the others, in the hundredth parts of it. */
function promises(all: readonly Measured[]): readonly Row[] {
  const [ours, ...others] = all as readonly [Measured, ...Measured[]];
  const least = (measures: readonly Measured[], of: (outcome: Outcome) => readonly number[]): Measured =>
    measures.toSorted((a, b) => measure(of(a.outcome)).median - measure(of(b.outcome)).median)[0]!;
  const share = (name: string, what: string, best: Measured, of: (outcome: Outcome) => readonly number[], max: number): Row =>
    rowOf({
      name, what: `${what} ${best.label}`, unit: '%', limit: { max },
      samples: [(measure(of(ours.outcome)).median / measure(of(best.outcome)).median) * 100],
    });
  const handover = ({ handoverGapsMs }: Outcome): readonly number[] => handoverGapsMs;
  const takeover = ({ takeoverGapsMs }: Outcome): readonly number[] => takeoverGapsMs;
  // Where both trade for a while, nothing was handed over.
  const handsOver = others.filter(({ outcome: { stale } }) => stale.handover === 0);
  const isSafe = ({ outcome: { stale } }: Measured): boolean => stale.handover + stale.pause + stale.partition === 0;
  const safe = others.filter(isSafe);
  return [
    share('field: handover, part of the best', 'Our gap as a part of the shortest of those others that hand over and not both trade,', least(handsOver, handover), handover, 100 / shorterBy),
    ...(safe.length === 0 ? [] : [share('field: takeover, part of the best', 'Ours as a part of the fastest of the others that let no stale order through,', least(safe, takeover), takeover, 100)]),
  ];
}

/** What the store costs in a month: requests to DynamoDB in two Regions, or a Redis of two nodes, however many books it has. */
function cost(label: string, { aMinute: { reads, writes } }: Outcome, contestant: Contestant): Row {
  const table = loadPriceTable();
  const region = 'us-east-1';
  const usd = (id: string): number => {
    const found = priceOf(table, id, region);
    if (found === undefined) throw new Error(`the price table has no '${id}': see lib/cost/prices.json`);
    return found.usd;
  };
  const hours = assumptions.hours.value;
  const name = `field: cost, ${label}`;
  if (contestant !== 'baton') {
    return rowOf({ name, what: 'A month of the Redis, two cache.t4g.small, however many books', samples: [2 * hours * usd('elasticache.valkey.cache.t4g.small')], unit: 'USD' });
  }
  const minutes = hours * 60;
  const month = minutes * (reads * usd('dynamodb.read') + 2 * writes * usd('dynamodb.replicated-write'));
  return rowOf({ name, what: 'A month of requests to DynamoDB for one book, each write in two Regions', samples: [month], unit: 'USD' });
}
