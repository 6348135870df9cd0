/** The automatic mode: what it takes until the standby Region moves by itself, and what keeps it from it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch } from '../../lib/lease/model.ts';
import { takeOverByItself, type AutomaticOptions } from '../../lib/recovery/automatic.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';

const [home, here] = ['us-east-1', 'us-west-2'] as const;
const books = ['alpha', 'beta'] as BookName[];
const minute = 60_000;
let store: MemoryLeaseStore;
let nowMs: number;
let newestOrderMs: number;
let started: { readonly name: string; readonly reason: string; readonly requestedBy: string }[];
let watchedMs: number[];
/** What shows life, in each look. */
let alive: (watch: number) => readonly ('lease' | 'orders' | 'instances' | 'region')[];
let homeSinceMs: number | undefined;

beforeEach(async () => {
  store = new MemoryLeaseStore();
  nowMs = 1_000_000_000;
  newestOrderMs = nowMs - minute;
  started = [];
  watchedMs = [];
  alive = () => [];
  homeSinceMs = nowMs - 90 * minute;
  for (const book of books) {
    await new LeaseControl(store).createBook({ book, home, leaseMs: 5000 });
    store.writeNow({ name: 'renew', book, expects: [], set: { mode: 'open', epoch: 7 as Epoch, holder: instanceId(home, 'blue', book), heartbeat: 9 } });
    beat(book, 1);
  }
});
const beat = (book: BookName, n: number): void =>
  store.registerNow({ book, instance: instanceId(home, 'blue', book), colour: 'blue', region: home, imageDigest: 'x', ready: true, reconciled: true, beat: n });

const options = (): AutomaticOptions => ({
  control: new LeaseControl(store), books, here, silentLeases: 12, holdDownMs: 60 * minute,
  journal: {
    newestAccepted: async (book, epoch) => [0, 100, 200].map((ago) => {
      const author = { book, epoch, sequence: Math.floor((newestOrderMs - ago) / 100) };
      return {
        ...author, clientOrderId: clientOrderId(author), intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' } as const,
        outcome: { status: 'accepted' } as const, sentAtMs: newestOrderMs - ago,
      };
    }),
  },
  answers: async () => alive(watchedMs.length).includes('region'),
  nowMs: () => nowMs,
  sleep: async (ms) => {
    // The probes beside it wait half as long.
    if (ms < 2000 || ms === 30_000) return;
    watchedMs.push(ms);
    nowMs += ms;
    const signs = alive(watchedMs.length - 1);
    for (const book of books) {
      const { heartbeat } = store.readNow(book)!;
      if (signs.includes('lease')) store.writeNow({ name: 'renew', book, expects: [], set: { heartbeat: heartbeat + 1 } });
      if (signs.includes('instances')) beat(book, nowMs);
    }
    if (signs.includes('orders')) newestOrderMs = nowMs;
  },
  homeSinceMs: async (region) => (region === home ? homeSinceMs : undefined),
  start: async (name, request) => void started.push({ name, ...request }),
});

describe('the standby Region', () => {
  test('takes over when everything is silent for so many leases, once for each loss', async () => {
    expect(await takeOverByItself(options())).toMatchObject({ result: 'started' });
    expect(watchedMs).toEqual([2400, 60_000]);
    expect(started).toEqual([{
      name: 'automatic-alpha-7-beta-7', requestedBy: 'the automatic mode', reason: expect.stringMatching(/^us-east-1 is lost, as seen from us-west-2: lease \(lost\)/) as string,
    }]);
    await takeOverByItself(options());
    expect(new Set(started.map(({ name }) => name)).size).toBe(1);
  });

  test.each([
    ['the leases alone are silent', ['orders', 'instances', 'region']],
    ['one side more says so', ['instances', 'region']],
    ['the leases are renewed, whatever else is gone', ['lease']],
  ] as const)('does not while %s, and looks no longer than it must', async (_, signs) => {
    alive = () => signs;
    expect(await takeOverByItself(options())).toMatchObject({ result: 'home-lives' });
    expect({ started, watchedMs }).toEqual({ started: [], watchedMs: [2400] });
  });

  test('does not when the home comes back while it looks', async () => {
    alive = (watch) => (watch === 0 ? [] : ['lease']);
    expect(await takeOverByItself(options())).toMatchObject({ result: 'home-lives' });
    expect({ started, watchedMs }).toEqual({ started: [], watchedMs: [2400, 60_000] });
  });

  test('is enough with two sides beside the leases', async () => {
    alive = () => ['region'];
    expect(await takeOverByItself(options())).toMatchObject({ result: 'started' });
  });

  test('has nothing to do where the books are at home', async () => {
    expect(await takeOverByItself({ ...options(), here: home })).toMatchObject({ result: 'home-here' });
    expect(watchedMs).toEqual([]);
  });

  test('leaves halted books alone: nobody trades that could be lost', async () => {
    for (const book of books) store.writeNow({ name: 'halt', book, expects: [], set: { mode: 'halted' } });
    expect(await takeOverByItself(options())).toMatchObject({ result: 'home-lives' });
  });
});

describe('the hold-down', () => {
  test('keeps it from a second move within the hour, and calls people by its error', async () => {
    homeSinceMs = nowMs - 20 * minute;
    await expect(takeOverByItself(options())).rejects.toMatchObject({
      name: 'HeldDownError', message: expect.stringMatching(/became home only 21 minutes ago; within 60 nothing is moved/) as string,
    });
    expect(started).toEqual([]);
  });
  test('does not where nobody knows of a move', async () => {
    homeSinceMs = undefined;
    expect(await takeOverByItself(options())).toMatchObject({ result: 'started' });
  });
});
