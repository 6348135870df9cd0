/** The last net, on the lease in memory. */
import { beforeEach, describe, expect, it } from 'vitest';
import { lastNet, type Notice } from '../../lib/cutover/last-net.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { instanceId, type BookName, type Epoch } from '../../lib/lease/model.ts';

const book = 'main' as BookName;
const execution = 'arn:aws:states:us-east-1:111111111111:execution:cutover:dead';
const event = { execution, status: 'ABORTED', request: JSON.stringify({ book }) };

describe('the last net', () => {
  let control: LeaseControl;
  let store: MemoryLeaseStore;
  let notices: Notice[];
  let net: ReturnType<typeof lastNet>;

  beforeEach(async () => {
    store = new MemoryLeaseStore();
    control = new LeaseControl(store);
    notices = [];
    net = lastNet({ control, notify: async (notice) => void notices.push(notice) });
    await control.createBook({ book, home: 'us-east-1', leaseMs: 5000 });
    store.writeNow({
      name: 'renew',
      book,
      expects: [],
      set: { mode: 'open', epoch: 7 as Epoch, holder: instanceId('us-east-1', 'blue', 'i1') },
    });
  });

  it('ends the drain and gives back the book of a dead execution, and says so once', async () => {
    const { token } = await control.takeWorkflow(book, execution);
    await control.startDrain(book, token, 'green');
    expect(await net.release(event)).toEqual({ result: 'released', drainEnded: true });
    const lease = await control.read(book);
    expect(lease.mode).toBe('open');
    expect(lease.successor).toBeUndefined();
    expect(lease.workflow.execution).toBeUndefined();
    expect(await net.release(event)).toEqual({ result: 'nothing-held', drainEnded: false });
    expect(notices).toHaveLength(1);
    expect(notices[0]!.message).toContain(execution);
  });

  it('releases a book that was not draining', async () => {
    await control.takeWorkflow(book, execution);
    expect(await net.release(event)).toEqual({ result: 'released', drainEnded: false });
  });

  it('leaves alone what another execution holds', async () => {
    await control.takeWorkflow(book, 'arn:another');
    expect(await net.release(event)).toEqual({ result: 'nothing-held', drainEnded: false });
    expect((await control.read(book)).workflow.execution).toBe('arn:another');
    expect(notices).toEqual([]);
  });

  it.each([null, undefined, '', 'no json', '[]', '{"book":5}'])(
    'does nothing for an execution whose input names no book: %s',
    async (text) => {
      expect(await net.release({ ...event, request: text })).toEqual({ result: 'no-book-named', drainEnded: false });
    },
  );

  it('does nothing for a book that does not exist', async () => {
    expect(await net.release({ ...event, request: '{"book":"nosuch"}' })).toEqual({ result: 'nothing-held', drainEnded: false });
  });
});
