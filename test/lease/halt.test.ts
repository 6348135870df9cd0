/** The kill switch and its end, as the machines write them: whatever holds the lock, halted is halted until a resume. */
import { beforeEach, describe, expect, test } from 'vitest';
import { haltOf, LeaseControl, openOf } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch, type Lease } from '../../lib/lease/model.ts';

const book = 'alpha' as BookName;
const home = 'us-east-1';
const why = { reason: 'orders that nobody understands', by: 'ada' };
let store: MemoryLeaseStore;
let control: LeaseControl;

beforeEach(async () => {
  store = new MemoryLeaseStore();
  control = new LeaseControl(store);
  await control.createBook({ book, home, leaseMs: 5000 });
});

const lease = (): Lease => store.readNow(book)!;
const halt = (): void => {
  expect(store.writeNow(haltOf(book, why)).outcome).toBe('applied');
};
const trading = (mode: 'open' | 'draining' = 'open'): void => {
  store.writeNow({ name: 'take-over', book, expects: [], set: { mode, epoch: 7 as Epoch, holder: instanceId(home, 'blue', 'i1'), heartbeat: 9 } });
  if (mode === 'draining') store.writeNow({ name: 'start-drain', book, expects: [], set: { successor: 'green' } });
};

describe('a halt', () => {
  test.each(['open', 'draining'] as const)('stops a book that is %s, whoever has its lock', async (mode) => {
    trading(mode);
    const { token } = await control.takeWorkflow(book, 'a cutover');
    halt();
    expect(lease()).toMatchObject({ mode: 'halted', halt: why, epoch: 7, workflow: { token, execution: 'a cutover' } });
    expect(lease()).not.toHaveProperty('successor');
    await expect(control.startDrain(book, token, 'green')).rejects.toMatchObject({ name: 'LeaseConflictError' });
  });

  test('of a book that nobody opened yet keeps its first cutover from opening it', async () => {
    halt();
    const { token } = await control.takeWorkflow(book, 'the first cutover');
    await expect(control.open(book, token)).rejects.toMatchObject({ name: 'LeaseConflictError' });
    await control.resume(book, token);
    expect(lease()).toMatchObject({ mode: 'halted' });
    expect(lease()).not.toHaveProperty('halt');
    await control.open(book, token);
    expect(lease()).toMatchObject({ mode: 'open' });
  });

  test('makes no book: a name that is wrong is refused', () => {
    expect(store.writeNow(haltOf('beta' as BookName, why))).toEqual({ outcome: 'refused' });
    expect(store.readNow('beta' as BookName)).toBeUndefined();
  });
});

describe('a resume', () => {
  test('opens the book, says from which epoch, and keeps why it was halted', async () => {
    trading();
    halt();
    const { token } = await control.takeWorkflow(book, 'a resume');
    expect(await control.resume(book, token)).toMatchObject({ mode: 'open', resumedFrom: 7, halt: why });
    // A repeat, after a lost answer, changes nothing.
    const before = lease();
    await control.resume(book, token);
    expect(lease()).toEqual(before);
  });

  test('goes on when the holder gives up in the same moment', async () => {
    trading();
    halt();
    const { token } = await control.takeWorkflow(book, 'a resume');
    const read = store.read.bind(store);
    store.read = async (name) => {
      const before = await read(name);
      store.writeNow({ name: 'release', book, expects: [{ path: 'epoch', equals: 7 as Epoch }], set: { epoch: 8 as Epoch }, remove: ['holder'] });
      return before;
    };
    expect(await control.resume(book, token)).toMatchObject({ mode: 'open', resumedFrom: 8 });
  });

  test('needs the lock', async () => {
    trading();
    halt();
    const { token } = await control.takeWorkflow(book, 'a resume');
    await control.takeWorkflow(book, 'another', () => true);
    await expect(control.resume(book, token)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    expect(lease().mode).toBe('halted');
  });
});

describe('taking the book from another workflow', () => {
  test('takes it from the one that was named only, and raises the token', async () => {
    const { token } = await control.takeWorkflow(book, 'a cutover');
    await expect(control.takeWorkflow(book, 'a rollback')).rejects.toMatchObject({ name: 'BookBusyError', heldBy: 'a cutover' });
    await expect(control.takeWorkflow(book, 'a rollback', (heldBy) => heldBy === 'another cutover')).rejects.toMatchObject({ name: 'BookBusyError' });
    expect(await control.takeWorkflow(book, 'a rollback', (heldBy) => heldBy === 'a cutover')).toMatchObject({ token: token + 1 });
    await expect(control.checkToken(book, token)).rejects.toMatchObject({ name: 'WorkflowPreemptedError' });
    expect((await control.releaseWorkflow(book, 'a cutover')).released).toBe(false);
  });

  test('a late write of the one before is refused', async () => {
    const { token } = await control.takeWorkflow(book, 'a cutover');
    await control.takeWorkflow(book, 'a rollback', (heldBy) => heldBy === 'a cutover');
    expect(store.writeNow(openOf(book, token)).outcome).toBe('refused');
  });
});
