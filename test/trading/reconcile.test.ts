/** Reconciliation's cases, on made-up lists of a venue. */
import { describe, expect, it } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import type { JournalEntry, JournalMark } from '../../lib/trading/journal.ts';
import { reconcile, SupersededError } from '../../lib/trading/reconcile.ts';
import type { Execution, OrderAtVenue } from '../../lib/venues/venue.ts';
import { countedText } from './counted.ts';

const book = 'alpha' as BookName;
const id = (epoch: number, sequence: number, of = book) => clientOrderId({ book: of, epoch: epoch as Epoch, sequence });

function order(clientId: string, status: OrderAtVenue['status'] = 'open'): OrderAtVenue {
  return {
    venueOrderId: `v-${clientId}`,
    clientOrderId: clientId,
    symbol: 'BTC/USDT',
    side: 'buy',
    price: '1',
    quantity: '1',
    filled: '0',
    status,
    createdAtVenueMs: 0,
  };
}
function execution(executionId: string, change: Partial<Execution> = {}): Execution {
  return {
    executionId,
    venueOrderId: 'v',
    clientOrderId: id(1, 1),
    symbol: 'BTC/USDT',
    side: 'buy',
    price: '1',
    quantity: '1',
    fee: '0.001',
    feeCurrency: 'BTC',
    atVenueMs: 0,
    ...change,
  };
}
function intent(epoch: number, sequence: number): JournalEntry {
  return {
    book,
    epoch: epoch as Epoch,
    sequence,
    clientOrderId: id(epoch, sequence),
    intent: { symbol: 'BTC/USDT', side: 'buy', price: '1', quantity: '1' },
  };
}

interface World {
  open?: OrderAtVenue[];
  ended?: OrderAtVenue[];
  executions?: Execution[][];
  wallet?: string[];
  intents?: JournalEntry[];
  mark?: JournalMark;
  resumedFrom?: number;
}
function run(epoch: number, { resumedFrom, open = [], ended = [], executions = [[]], wallet = ['0'], intents = [], mark }: World) {
  const asked: string[] = [];
  let look = 0;
  const result = reconcile({
    book,
    epoch: epoch as Epoch,
    baseCurrency: 'BTC',
    resumedFrom,
    pause: async () => undefined,
    journal: { openIntents: async () => ({ intents, ...(mark && { mark }) }) },
    venue: {
      openOrders: async () => open,
      executions: async () => executions[Math.min(look, executions.length - 1)] ?? [],
      quantityStep: () => '0.0001',
      position: async () => wallet[Math.min(look++, wallet.length - 1)] ?? '0',
      find: async (clientId) => {
        asked.push(clientId);
        return [...open, ...ended].find((each) => each.clientOrderId === clientId);
      },
    },
  });
  return { result, asked };
}

describe('reconciliation', () => {
  it('adopts what older epochs left resting and leaves alone what others did', async () => {
    const { result } = run(3, {
      open: [order(id(1, 1)), order(id(2, 7)), order(''), order('by-hand'), order(id(2, 1, 'beta' as BookName))],
    });
    const found = await result;
    expect(found.adopted.map((each) => each.clientOrderId)).toEqual([id(1, 1), id(2, 7)]);
    expect(found.foreign).toHaveLength(3);
  });

  it('resolves every open intent by the lists, and asks only about those that they do not show', async () => {
    const { result, asked } = run(2, {
      open: [order(id(1, 1))],
      executions: [[execution('e1', { clientOrderId: id(1, 2), venueOrderId: 'v2' })]],
      ended: [order(id(1, 3), 'cancelled'), order(id(1, 4), 'rejected')],
      intents: [intent(1, 1), intent(1, 2), intent(1, 3), intent(1, 4), intent(1, 5)],
    });
    expect((await result).resolved.map(({ entry, outcome }) => [entry.sequence, outcome.status])).toEqual([
      [1, 'accepted'],
      [2, 'accepted'],
      [3, 'accepted'],
      [4, 'rejected'],
      [5, 'expired'],
    ]);
    expect(asked).toEqual([id(1, 3), id(1, 4), id(1, 5)]);
  });

  it('leaves the intents of its own epoch to whoever sent them', async () => {
    const { resolved, unsettled } = await run(2, { intents: [intent(2, 1)] }).result;
    expect(resolved).toEqual([]);
    expect(unsettled).toEqual([intent(2, 1)]);
  });

  it('stops a holder that was replaced', async () => {
    await expect(run(2, { open: [order(id(3, 1))] }).result).rejects.toThrow(SupersededError);
  });

  const mark = (quantity: string, ...counted: readonly string[]): JournalMark => ({
    epoch: 1 as Epoch,
    sequence: 9,
    position: { quantity, counted: countedText(...counted) },
  });
  const sale = execution('e3', { side: 'sell', quantity: '0.25', fee: '0.1', feeCurrency: 'USDT' });

  it('adds the executions since the mark to its position, fees in the base coin included', async () => {
    const { result } = run(2, { executions: [[execution('e1'), execution('e2'), sale]], wallet: ['10.749'], mark: mark('10', 'e1') });
    expect((await result).position).toEqual({ atVenue: '10.749', expected: '10.749', mismatch: false });
  });

  it('knows by their ids what the mark counted, wherever a venue that set its clock lists it', async () => {
    const { result } = run(2, { executions: [[sale, execution('e1'), execution('e2')]], wallet: ['9.75'], mark: mark('10', 'e1', 'e2') });
    expect((await result).position).toEqual({ atVenue: '9.75', expected: '9.75', mismatch: false });
    // Out of sight until the venue's clock comes to it again: it is in the mark's position.
    const hidden = run(2, { executions: [[execution('e1')]], wallet: ['10'], mark: mark('10', 'e1', 'e2') });
    expect((await hidden.result).position).toEqual({ atVenue: '10', expected: '10', mismatch: false });
  });

  it('sees coins that moved without an execution', async () => {
    const { result } = run(2, { executions: [[execution('e1'), sale]], wallet: ['8'], mark: mark('10', 'e1') });
    expect((await result).position).toEqual({ atVenue: '8', expected: '9.75', mismatch: true });
  });

  it('counts only what orders of this book executed: a trade by hand is a mismatch', async () => {
    const byHand = execution('e3', { side: 'sell', quantity: '0.25', fee: '0', clientOrderId: 'by-hand' });
    const { result } = run(2, { executions: [[execution('e1'), byHand]], wallet: ['9.75'], mark: mark('10', 'e1') });
    expect((await result).position).toEqual({ atVenue: '9.75', expected: '10', mismatch: true });
  });

  it('takes less than can be traded for rounding, and the smallest quantity for a trade', async () => {
    const mismatchAt = async (wallet: string) =>
      (await run(2, { executions: [[execution('e1')]], wallet: [wallet], mark: mark('10', 'e1') }).result).position.mismatch;
    expect(await Promise.all(['9.99990001', '10.00009999', '9.9999', '10.0001'].map(mismatchAt))).toEqual([false, false, true, true]);
  });

  it('judges nothing that was known before a person resumed the book, and everything after', async () => {
    const world = { executions: [[execution('e1')]], wallet: ['3'], mark: mark('10', 'e1') };
    expect((await run(3, { ...world, resumedFrom: 1 }).result).position).toEqual({ atVenue: '3', mismatch: false });
    expect((await run(3, { ...world, resumedFrom: 0 }).result).position).toMatchObject({ mismatch: true });
  });

  it('with nothing to compare, reads until no fill comes between the two reads', async () => {
    const { result } = run(2, { executions: [[], [execution('e1')], [execution('e1')]], wallet: ['0', '0.999', '0.999'] });
    const { position, executions } = await result;
    expect(position).toEqual({ atVenue: '0.999', mismatch: false });
    expect(executions.map(({ executionId }) => executionId)).toEqual(['e1']);
  });

  it('looks again before it calls a fill between two reads a mismatch', async () => {
    const { result } = run(2, { executions: [[execution('e1')], [execution('e1'), sale]], wallet: ['9.75'], mark: mark('10', 'e1') });
    expect((await result).position).toMatchObject({ mismatch: false, expected: '9.75' });
  });

  it('says nothing of a position whose last execution is out of sight', async () => {
    const page = Array.from({ length: 100 }, (_, n) => execution(`e${n}`));
    expect((await run(2, { executions: [page], wallet: ['5'], mark: mark('1', 'gone') }).result).position).toEqual({
      atVenue: '5',
      mismatch: false,
    });
    expect((await run(2, { executions: [page], wallet: ['5'], mark: mark('1') }).result).position).toEqual({
      atVenue: '5',
      mismatch: false,
    });
  });
});
