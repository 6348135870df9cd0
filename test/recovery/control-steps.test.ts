/** What is decided and written when books move between Regions: on the in-memory table, with time and probes made for it. */
import { beforeEach, describe, expect, test } from 'vitest';
import { controlSteps, type ControlOptions } from '../../lib/recovery/control-steps.ts';
import { haltOf, LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch, type InstanceId, type Lease, type WorkflowToken } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry } from '../../lib/trading/journal.ts';

const home = 'us-east-1';
const here = 'us-west-2';
const [alpha, beta] = ['alpha', 'beta'] as BookName[] as [BookName, BookName];
const execution = `arn:aws:states:${here}:111111111111:execution:baton-dev-failover:run-1`;
const cutover = `arn:aws:states:${home}:111111111111:execution:baton-dev-cutover:run-9`;
const request = { reason: 'the Region does not answer', requestedBy: 'ada' };
const live = { imageDigest: 'sha256:live', guardDigest: 'sha256:guard', taskDefinition: 'family:12' };

let store: MemoryLeaseStore;
let control: LeaseControl;
let orders: { readonly book: BookName; readonly epoch: Epoch; readonly atMs: number }[];
let nowMs: number;
let answered: readonly boolean[];
let probes: number;
/** What the world does while the function waits. */
let meanwhile: () => void;

const entry = ({ book, epoch, atMs }: (typeof orders)[number], sequence: number): JournalEntry => ({
  book, epoch, sequence, clientOrderId: clientOrderId({ book, epoch, sequence }),
  intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' }, outcome: { status: 'accepted' }, sentAtMs: atMs,
});
const options = (): ControlOptions => ({
  control,
  journal: {
    newestAccepted: async (book, epoch) =>
      orders.map((each, index) => entry(each, index + 1)).filter((each) => each.book === book && each.epoch === epoch).toReversed(),
  },
  books: [alpha, beta],
  answers: async () => answered[probes++] ?? false,
  nowMs: () => nowMs,
  sleep: async (ms) => {
    if (ms < 2000) return;
    nowMs += ms;
    meanwhile();
  },
  patience: { looks: 1, pause: async () => undefined },
});
const steps = (): ReturnType<typeof controlSteps> => controlSteps(options());

/** As the next step is given them. */
const take = async (): Promise<{ readonly book: BookName; readonly token: WorkflowToken }[]> => {
  const { books } = await steps().takeBooks({ execution, preempt: true });
  return books.map(({ book, token }) => ({ book: book as BookName, token: token as WorkflowToken }));
};
const lease = (book = alpha): Lease => store.readNow(book)!;
const set = (book: BookName, values: Partial<Pick<Lease, 'mode' | 'epoch' | 'holder' | 'heartbeat' | 'live' | 'home'>>, remove: ('holder')[] = []): void => {
  store.writeNow({ name: 'renew', book, expects: [], set: values, remove });
};
const instance = (book: BookName, region = home): InstanceId => instanceId(region, 'blue', book);
const beat = (book: BookName, n: number, region = home): void =>
  store.registerNow({ book, instance: instance(book, region), colour: 'blue', region, imageDigest: live.imageDigest, ready: true, reconciled: true, beat: n });
const renewAll = (): void => {
  for (const book of [alpha, beta]) set(book, { heartbeat: lease(book).heartbeat + 1 });
};

beforeEach(async () => {
  store = new MemoryLeaseStore();
  control = new LeaseControl(store);
  nowMs = 1_000_000;
  probes = 0;
  answered = [true, true];
  meanwhile = renewAll;
  for (const book of [alpha, beta]) {
    await control.createBook({ book, home, leaseMs: 5000 });
    set(book, { mode: 'open', epoch: 7 as Epoch, holder: instance(book), heartbeat: 9, live });
    beat(book, 1);
  }
  orders = [alpha, beta].flatMap((book) => Array.from({ length: 20 }, (_, n) => ({ book, epoch: 7 as Epoch, atMs: nowMs - 2000 + n * 100 })));
});

describe('the request', () => {
  test('is about all books, and says where they are', async () => {
    expect(await steps().checkFailover({ request, execution })).toMatchObject({
      request, from: home, books: [{ book: alpha, home, mode: 'open', epoch: 7, holder: instance(alpha) }, { book: beta }],
    });
  });
  test('finds what was moved already, by an earlier execution', async () => {
    set(alpha, { home: here });
    expect(await steps().checkFailover({ request, execution })).toMatchObject({ from: home });
    set(beta, { home: here }, ['holder']);
    expect(await steps().checkFailover({ request, execution })).toMatchObject({ from: '', books: [{}, { holder: null }] });
  });
  test.each([
    ['without a reason', { requestedBy: 'ada' }, /reason/],
    ['with a field that nobody reads', { ...request, book: 'alpha' }, /fields that nobody reads: book/],
    ['with a bare consent to a loss', { ...request, acceptDataLoss: true }, /acceptDataLoss/],
    ['with a loss that its author accepts', { ...request, acceptDataLoss: { maxSeconds: 900, reason: 'it lags', approvedBy: 'Ada ' } }, /'acceptDataLoss' needs a second person/],
    ['with a force by its author', { ...request, force: { reason: 'it is gone', approvedBy: 'ada' } }, /'force' needs a second person/],
  ])('is refused %s', async (_, typed, why) => {
    await expect(steps().checkFailover({ request: typed, execution })).rejects.toMatchObject({ name: 'RequestRefusedError', message: expect.stringMatching(why) as string });
  });
  test('is refused where the books are in two other Regions', async () => {
    set(alpha, { home: 'us-east-2' });
    await expect(steps().checkFailover({ request, execution })).rejects.toThrow(/us-east-2 and us-east-1/);
  });
});

describe('the evidence', () => {
  const sides = async (): Promise<Record<string, boolean>> => {
    const { sides: all, lost, seen } = await steps().confirmLoss({ from: home });
    expect(lost).toBe(all.some((each) => each.lost));
    for (const { seen: words } of all) expect(seen).toContain(words);
    return Object.fromEntries(all.map((each) => [each.side, each.lost]));
  };
  const healthy = (): void => {
    renewAll();
    for (const book of [alpha, beta]) {
      beat(book, 2);
      orders.push({ book, epoch: 7 as Epoch, atMs: nowMs });
    }
  };

  test('is none while the home trades', async () => {
    meanwhile = healthy;
    expect(await sides()).toEqual({ lease: false, orders: false, instances: false, region: false });
  });
  test('is on all sides when the home has died, some time ago', async () => {
    meanwhile = () => undefined;
    answered = [false, false];
    nowMs += 60_000;
    expect(await sides()).toEqual({ lease: true, orders: true, instances: true, region: true });
  });
  test('is no silence of the orders a moment after the last one', async () => {
    meanwhile = () => undefined;
    expect(await sides()).toMatchObject({ lease: true, orders: false });
  });
  test('takes the pauses of a slow book for what they are', async () => {
    orders = [alpha, beta].flatMap((book) => [1, 2, 3].map((n) => ({ book, epoch: 7 as Epoch, atMs: nowMs - 120_000 + n * 30_000 })));
    meanwhile = renewAll;
    expect(await sides()).toMatchObject({ orders: false });
    nowMs += 600_000;
    probes = 0;
    expect(await sides()).toMatchObject({ orders: true });
  });
  test('is not that one book of two stands still', async () => {
    meanwhile = () => set(beta, { heartbeat: 10 });
    expect(await sides()).toMatchObject({ lease: false });
  });
  test('is no lost lease where nobody held one', async () => {
    for (const book of [alpha, beta]) store.writeNow(haltOf(book, { reason: 'the kill switch', by: 'ada' }));
    meanwhile = () => undefined;
    expect(await sides()).toEqual({ lease: false, orders: false, instances: true, region: false });
  });
  test('is one probe of two not', async () => {
    answered = [false, true];
    expect(await sides()).toMatchObject({ region: false });
  });
  test('counts no instance of the Region that looks', async () => {
    for (const book of [alpha, beta]) beat(book, 1, here);
    meanwhile = () => {
      for (const book of [alpha, beta]) beat(book, 2, here);
    };
    expect(await sides()).toMatchObject({ instances: true });
  });
  test('is about the books that are still there', async () => {
    set(alpha, { home: here });
    meanwhile = () => set(alpha, { heartbeat: 10 });
    expect(await sides()).toMatchObject({ lease: true });
  });
});

describe('taking the books', () => {
  test('takes all of them, from a cutover of the lost Region too, and again with the same tokens', async () => {
    await control.takeWorkflow(alpha, cutover);
    const taken = await steps().takeBooks({ execution, preempt: true });
    expect(taken.books.map(({ book, token, epoch }) => [book, token, epoch])).toEqual([[alpha, 2, 7], [beta, 1, 7]]);
    expect(await steps().takeBooks({ execution, preempt: true })).toEqual(taken);
  });
  test.each([[false, cutover], [true, execution.replace('run-1', 'run-0')]])('gives back what it had when one is not to be had', async (preempt, other) => {
    await control.takeWorkflow(beta, other);
    await expect(steps().takeBooks({ execution, preempt })).rejects.toMatchObject({ name: 'BookBusyError' });
    expect(lease(alpha).workflow).not.toHaveProperty('execution');
    expect(lease(beta).workflow.execution).toBe(other);
  });
  test('of two that start at once one has them all', async () => {
    const other = execution.replace('run-1', 'run-2');
    const both = await Promise.allSettled([steps().takeBooks({ execution, preempt: true }), steps().takeBooks({ execution: other, preempt: true })]);
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(new Set([alpha, beta].map((book) => lease(book).workflow.execution)).size).toBe(1);
  });
  test('gives back what an execution has, and nothing else', async () => {
    await steps().takeBooks({ execution, preempt: true });
    await control.takeWorkflow(beta, cutover, () => true);
    expect(await steps().releaseBooks({ execution })).toEqual({ released: [alpha] });
    expect(await steps().releaseBooks({ execution })).toEqual({ released: [] });
  });
});

describe('moving the homes', () => {
  const move = { from: home, to: here };
  test('moves each, halted ones too, and finds the second time that it is done', async () => {
    store.writeNow(haltOf(beta, { reason: 'the kill switch', by: 'ada' }));
    const books = await take();
    const moved = await steps().moveHomes({ books, ...move });
    expect(moved.books).toMatchObject([{ book: alpha, home: here, mode: 'open' }, { book: beta, home: here, mode: 'halted' }]);
    expect(await steps().moveHomes({ books, ...move })).toEqual(moved);
  });
  test('moves what it can although one was taken away', async () => {
    const books = await take();
    await control.takeWorkflow(alpha, 'another', () => true);
    await expect(steps().moveHomes({ books, ...move })).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    expect([lease(alpha).home, lease(beta).home]).toEqual([home, here]);
  });
});

describe('trading here', () => {
  const look = async (wanted = 1): Promise<{ state: string; colour: string; seen: string }> => {
    const { token } = lease().workflow;
    return steps().tradingHere({ book: alpha, token, region: here, wanted });
  };
  beforeEach(async () => {
    await steps().moveHomes({ books: await take(), from: home, to: here });
  });

  test('waits for a holder of this Region and for an order of its own epoch', async () => {
    expect(await look()).toMatchObject({ state: 'waiting', seen: expect.stringContaining(instance(alpha)) as string });
    set(alpha, { holder: instance(alpha, here), epoch: 8 as Epoch });
    expect(await look()).toMatchObject({ state: 'waiting', colour: 'blue' });
    orders.push({ book: alpha, epoch: 8 as Epoch, atMs: nowMs });
    expect(await look()).toMatchObject({ state: 'trading', epoch: 8, holder: instance(alpha, here) });
    expect(await look(2)).toMatchObject({ state: 'waiting' });
  });
  test('says that a halted book is halted, and that one was moved on', async () => {
    store.writeNow(haltOf(alpha, { reason: 'the kill switch', by: 'ada' }));
    expect(await look()).toMatchObject({ state: 'halted', seen: expect.stringContaining('ada') as string });
    set(alpha, { home: 'us-east-2' });
    expect(await look()).toMatchObject({ state: 'elsewhere' });
  });
  test('is told nothing once another workflow has the book', async () => {
    await expect(steps().tradingHere({ book: alpha, token: 0 as WorkflowToken, region: here, wanted: 1 })).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
  });
  test('records what is live under this revision', async () => {
    const { token } = lease().workflow;
    expect(await steps().relocateLive({ book: alpha, token, taskDefinition: 'family:3' })).toEqual({ ...live, taskDefinition: 'family:3' });
  });
});
