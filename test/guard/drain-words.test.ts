/** Who may say that everything sent is known: each connection for itself, and nobody for one that is gone. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Guard } from '../../containers/guard/guard.ts';
import type { LeaseView } from '../../lib/contracts/guard-api.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type MonotonicNs } from '../../lib/lease/model.ts';

const book = 'alpha' as BookName;
const region = 'us-east-1';
const leaseMs = 5000;

let nowMs: number;
let timers: { readonly atMs: number; readonly callback: () => void }[];
let store: MemoryLeaseStore;
let guard: Guard;

beforeEach(async () => {
  nowMs = 1000;
  timers = [];
  store = new MemoryLeaseStore();
  const control = new LeaseControl(store);
  await control.createBook({ book, home: region, leaseMs });
  await control.open(book, (await control.takeWorkflow(book, 'test')).token);
  guard = new Guard({
    identity: {
      book, instance: instanceId(region, 'blue', 'a1'), colour: 'blue', region, imageDigest: 'sha256:1', driftPpm: 10_000,
      drainTimeoutMs: 60_000, venueUncertaintyMs: 250, terminateWithinMs: 100_000,
    },
    store,
    venueTime: async () => ({ venueMs: nowMs, resolutionMs: 0 }),
    monotonicNs: () => BigInt(Math.round(nowMs * 1e6)) as MonotonicNs,
    after: (ms, callback) => {
      const timer = { atMs: nowMs + ms, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    log: () => undefined,
  });
  guard.start();
  guard.takeStatus({ venueConnected: true, redisReachable: true, databaseWritable: true, reconciled: true, ready: true });
});
afterEach(() => {
  timers = [];
});

/** Lets time pass in small steps; the store answers at once. */
async function pass(ms: number): Promise<void> {
  for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 25) {
    for (const timer of timers.filter(({ atMs }) => atMs <= nowMs)) {
      timers = timers.filter((other) => other !== timer);
      timer.callback();
    }
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
  }
}

interface Reader {
  readonly view: () => LeaseView;
  readonly gone: () => void;
  readonly drained: () => void;
}
function connect(): Reader {
  const views: LeaseView[] = [];
  const gone = guard.follow((view) => views.push(view));
  const view = (): LeaseView => views.at(-1) as LeaseView;
  return { view, gone, drained: () => guard.drained({ epoch: view().epoch ?? 0, drain: view().drain, lane: view().lane }) };
}
const givenUp = (): boolean => store.readNow(book)?.holder === undefined;

/** Held, then told to end: no standby is there, so the end of the drain is a release. */
async function draining(...before: Reader[]): Promise<void> {
  await pass(leaseMs * 2.5);
  for (const reader of before) expect(reader.view().state).toBe('held');
}
async function told(...readers: Reader[]): Promise<void> {
  void guard.terminate();
  await pass(50);
  for (const reader of readers) expect(reader.view().state).toBe('draining');
}

test('the word of the only connection is enough', async () => {
  const trader = connect();
  await draining(trader);
  await told(trader);
  await pass(1000);
  expect(givenUp()).toBe(false);
  trader.drained();
  await pass(50);
  expect(givenUp()).toBe(true);
});

test('of two connections both must say it', async () => {
  const [one, other] = [connect(), connect()];
  await draining(one, other);
  await told(one, other);
  one.drained();
  await pass(10_000);
  expect(givenUp()).toBe(false);
  other.drained();
  await pass(50);
  expect(givenUp()).toBe(true);
});

test('a trader that died owes its last request: the word of its successor waits until that has expired', async () => {
  const died = connect();
  await draining(died);
  died.gone();
  const next = connect();
  await told(next);
  next.drained();
  await pass(2000);
  expect(givenUp()).toBe(false);
  await pass(300);
  expect(givenUp()).toBe(true);
});

test('a bot that got a permit by HTTP answers for lane 0', async () => {
  const trader = connect();
  await draining(trader);
  expect(guard.permit()).not.toHaveProperty('error');
  await told(trader);
  trader.drained();
  await pass(5000);
  expect(givenUp()).toBe(false);
  guard.drained({ epoch: trader.view().epoch ?? 0, drain: trader.view().drain, lane: 0 });
  await pass(50);
  expect(givenUp()).toBe(true);
});
