/** A position that is kept from pages of executions, whatever order and time the venue gives them. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { BookName, Epoch } from '../../lib/lease/model.ts';
import { clientOrderId } from '../../lib/trading/client-order-id.ts';
import { notCounted } from '../../lib/trading/counted-executions.ts';
import { OpenOrders } from '../../lib/trading/open-orders.ts';
import { executionsPage, type Execution } from '../../lib/venues/venue.ts';

const book = 'alpha' as BookName;
const bought = (n: number): Execution => ({
  executionId: `e${n}`, venueOrderId: `v${n}`, clientOrderId: clientOrderId({ book, epoch: 1 as Epoch, sequence: n }), symbol: 'BTC/USDT',
  side: 'buy', price: '60000', quantity: '1', fee: '0', feeCurrency: 'USDT', atVenueMs: n,
});
const holder = (): { readonly orders: OpenOrders; readonly told: string[] } => {
  const told: string[] = [];
  const nothing = (): void => undefined;
  const orders = new OpenOrders({
    book, baseCurrency: 'BTC', onOrder: nothing, onExecution: nothing, onForeign: nothing, onNewExecution: ({ executionId }) => told.push(executionId),
  });
  return { orders, told };
};
const look = (orders: OpenOrders, executions: readonly Execution[]): void => void orders.correct(new Set(), [], executions);

test('each execution counts once, though a venue that set its clock back hides it for a while', () => {
  const { orders, told } = holder();
  orders.adopt([], [bought(1)], '10');
  look(orders, [bought(1), bought(2), bought(3)]);
  look(orders, [bought(1), bought(4)]);
  look(orders, [bought(1), bought(4), bought(2), bought(3)]);
  expect(orders.position.quantity).toBe('13');
  expect(told).toEqual(['e2', 'e3', 'e4']);
});

test('the next holder does not count again what it could not see', () => {
  const [first, second] = [holder(), holder()];
  first.orders.adopt([], [], '0');
  look(first.orders, [bought(1), bought(2)]);
  second.orders.adopt([], [bought(1)], '2', first.orders.position.counted);
  look(second.orders, [bought(1), bought(2)]);
  expect(second.orders.position.quantity).toBe('2');
  expect(second.told).toEqual([]);
});

test('what comes into sight behind a full page, while the newest are hidden, was there before', () => {
  const { orders, told } = holder();
  const all = Array.from({ length: executionsPage + 10 }, (_, n) => bought(n));
  orders.adopt([], all.slice(10), '5');
  look(orders, all.slice(0, executionsPage));
  look(orders, [...all.slice(5, executionsPage), bought(1000), ...all.slice(-4)]);
  look(orders, [...all.slice(11), bought(1000)]);
  expect(told).toEqual(['e1000']);
  expect(orders.position.quantity).toBe('6');
  // The same for who takes over in that moment.
  const mark = holder();
  mark.orders.adopt([], all.slice(10), '5');
  expect(notCounted(all.slice(0, executionsPage), mark.orders.position.counted)).toEqual([]);
});

test('any pages in any order, that do not lose sight of all: the position is what was executed', () => {
  const pages = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(pages, (each) => {
    const { orders } = holder();
    orders.adopt([], [], '0');
    for (const page of each) look(orders, page.map(bought));
    const executed = new Set(each.flat());
    expect(orders.position.quantity).toBe(String(executed.size));
    // Nor would who reads the mark count any of them.
    expect(notCounted([...executed].map(bought), orders.position.counted)).toEqual([]);
  }));
});

test('a mark names a page of executions, so what came since connects for as long as one of them is in sight', () => {
  const { orders } = holder();
  const all = Array.from({ length: 3 * executionsPage }, (_, n) => bought(n));
  orders.adopt([], all.slice(0, executionsPage), '0');
  look(orders, all.slice(executionsPage - 1, 2 * executionsPage - 1));
  const { counted } = orders.position;
  expect(counted).toHaveLength(7 * executionsPage);
  expect(notCounted(all.slice(executionsPage + 50, 2 * executionsPage + 50), counted)).toEqual(all.slice(2 * executionsPage - 1, 2 * executionsPage + 50));
  expect(notCounted(all.slice(2 * executionsPage), counted)).toBeUndefined();
  expect(notCounted([bought(1)], '')).toEqual([bought(1)]);
  expect(notCounted(all.slice(0, executionsPage), '')).toBeUndefined();
});
