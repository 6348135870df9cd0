import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import {
  after,
  IllegalOrderEventError,
  isEnded,
  scaled,
  unscaled,
  type Order,
  type OrderEvent,
  type OrderState,
} from '../../lib/trading/order.ts';

const fresh: Order = {
  book: 'alpha' as BookName,
  epoch: 1 as Epoch,
  sequence: 1,
  clientOrderId: 'c',
  symbol: 'BTC/USDT',
  side: 'buy',
  price: '1',
  quantity: '10',
  state: 'PENDING',
  fills: [],
};
const fill = (executionId: string, quantity: string): OrderEvent => ({ type: 'filled', fill: { executionId, price: '1', quantity } });
const accepted: OrderEvent = { type: 'accepted', venueOrderId: 'v1' };
const run = (...events: OrderEvent[]) => events.reduce(after, fresh);

describe('the life of an order', () => {
  it.each<[string, OrderEvent[], OrderState]>([
    ['fills and settles', [{ type: 'sent' }, accepted, fill('a', '4'), fill('b', '6'), { type: 'settled' }], 'SETTLED'],
    ['is rejected', [{ type: 'sent' }, { type: 'rejected', reason: 'no' }], 'REJECTED'],
    ['is cancelled after a part', [{ type: 'sent' }, accepted, fill('a', '4'), { type: 'cancelled' }], 'CANCELLED'],
    ['expires unsent', [{ type: 'expired', reason: 'late' }], 'EXPIRED'],
    ['expires on its way', [{ type: 'sent' }, { type: 'expired', reason: 'late' }], 'EXPIRED'],
    ['is filled before its acceptance is known', [{ type: 'sent' }, fill('a', '10'), accepted], 'FILLED'],
    [
      'turns out filled whole after a cancellation that came too late',
      [{ type: 'sent' }, accepted, { type: 'cancelled' }, fill('a', '10')],
      'FILLED',
    ],
  ])('%s', (_what, events, state) => expect(run(...events).state).toBe(state));

  it.each<[string, OrderEvent[]]>([
    ['accepted before it was sent', [accepted]],
    ['rejected after it was accepted', [{ type: 'sent' }, accepted, { type: 'rejected', reason: 'no' }]],
    ['expired after an execution', [{ type: 'sent' }, fill('a', '1'), { type: 'expired', reason: 'late' }]],
    ['executed beyond its quantity', [{ type: 'sent' }, fill('a', '6'), fill('b', '6')]],
    ['executed though rejected', [{ type: 'sent' }, { type: 'rejected', reason: 'no' }, fill('a', '1')]],
    ['settled before it was filled', [{ type: 'sent' }, { type: 'settled' }]],
    ['two orders at the venue', [{ type: 'sent' }, accepted, { type: 'accepted', venueOrderId: 'v2' }]],
  ])('cannot be %s', (_what, events) => expect(() => run(...events)).toThrow(IllegalOrderEventError));

  const anyEvent: fc.Arbitrary<OrderEvent> = fc.oneof(
    fc.constantFrom<OrderEvent>(
      { type: 'sent' },
      accepted,
      { type: 'rejected', reason: 'r' },
      { type: 'expired', reason: 'e' },
      { type: 'cancelled' },
      { type: 'settled' },
    ),
    fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 1, max: 10 })).map(([id, quantity]) => fill(id, String(quantity))),
  );

  it('whatever comes: quantities hold, ends stay ends, and news heard twice changes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), (events) => {
        let order = fresh;
        for (const event of events) {
          let next: Order;
          try {
            next = after(order, event);
          } catch (error) {
            expect(error).toBeInstanceOf(IllegalOrderEventError);
            continue;
          }
          expect(after(next, event)).toEqual(next);
          const total = next.fills.reduce((sum, each) => sum + scaled(each.quantity), 0n);
          expect(total <= scaled(next.quantity)).toBe(true);
          if (next.state === 'FILLED' || next.state === 'SETTLED') expect(total).toBe(scaled(next.quantity));
          if (next.state === 'REJECTED' || next.state === 'EXPIRED') expect(total).toBe(0n);
          if (isEnded(order.state)) expect(isEnded(next.state)).toBe(true);
          order = next;
        }
      }),
      { numRuns: 500 },
    );
  });

  it('counts decimals exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), (value) => {
        expect(scaled(unscaled(value))).toBe(value);
      }),
    );
    expect(scaled('0.1') + scaled('0.2')).toBe(scaled('0.3'));
    expect(() => scaled('1e-7')).toThrow(/plain decimal/);
  });
});
