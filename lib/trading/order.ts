/**
 * The life of one order: PENDING → SUBMITTED → FILLED → SETTLED, or REJECTED, CANCELLED, EXPIRED.
 *
 * Pure. Events may come twice and in the order in which news arrives, not in which things happened: a fill can be
 * learned of before the acceptance, or after the cancellation that it raced with. An event that cannot be true throws.
 */
import type { OrderAuthor } from './client-order-id.ts';
import type { OrderIntent } from './journal.ts';

/**
 * - PENDING: intended, durable in the journal, not sent.
 * - SUBMITTED: sent; resting at the venue, or its answer is outstanding.
 * - FILLED: executed whole, not yet in the books.
 * - SETTLED: every execution is in the position and the ledger.
 * - REJECTED: the venue said no.
 * - CANCELLED: taken back at the venue, perhaps after executions in part.
 * - EXPIRED: never at the venue: not sent, or refused for its time window.
 */
export type OrderState = 'PENDING' | 'SUBMITTED' | 'FILLED' | 'SETTLED' | 'REJECTED' | 'CANCELLED' | 'EXPIRED';

export interface OrderFill {
  readonly executionId: string;
  readonly price: string;
  readonly quantity: string;
}

export interface Order extends OrderAuthor, OrderIntent {
  readonly clientOrderId: string;
  readonly state: OrderState;
  readonly venueOrderId?: string;
  readonly fills: readonly OrderFill[];
  readonly reason?: string;
}

export type OrderEvent =
  | { readonly type: 'sent' }
  | { readonly type: 'accepted'; readonly venueOrderId: string }
  | { readonly type: 'rejected'; readonly reason: string }
  | { readonly type: 'expired'; readonly reason: string }
  | { readonly type: 'filled'; readonly fill: OrderFill }
  | { readonly type: 'cancelled' }
  | { readonly type: 'settled' };

export class IllegalOrderEventError extends Error {
  constructor(order: Order, event: OrderEvent, why: string) {
    super(`order ${order.clientOrderId} is ${order.state} and met '${event.type}': ${why}. The venue's lists say what is true: reconcile`);
    this.name = 'IllegalOrderEventError';
  }
}

/** Nothing can become of it at the venue any more. */
export function isEnded(state: OrderState): boolean {
  return state !== 'PENDING' && state !== 'SUBMITTED';
}

/** Which events leave which states, and where to. A state that an event leads to takes the event again, changing nothing. */
const transitions: Readonly<
  Record<Exclude<OrderEvent['type'], 'filled'>, { readonly from: readonly OrderState[]; readonly to: OrderState }>
> = {
  sent: { from: ['PENDING'], to: 'SUBMITTED' },
  accepted: { from: ['SUBMITTED'], to: 'SUBMITTED' },
  rejected: { from: ['SUBMITTED'], to: 'REJECTED' },
  expired: { from: ['PENDING', 'SUBMITTED'], to: 'EXPIRED' },
  cancelled: { from: ['SUBMITTED'], to: 'CANCELLED' },
  settled: { from: ['FILLED'], to: 'SETTLED' },
};
/** Old news: it was true, and what is known since says more. */
const oldNews: Readonly<Partial<Record<OrderEvent['type'], readonly OrderState[]>>> = {
  sent: ['FILLED', 'SETTLED', 'REJECTED', 'CANCELLED', 'EXPIRED'],
  accepted: ['FILLED', 'SETTLED', 'CANCELLED'],
};

export function after(order: Order, event: OrderEvent): Order {
  if (event.type === 'filled') return filled(order, event);
  const { from, to } = transitions[event.type];
  if (oldNews[event.type]?.includes(order.state)) return order;
  if (!from.includes(order.state)) {
    if (order.state === to) return order;
    throw new IllegalOrderEventError(order, event, `only ${from.join(' or ')} can become ${to}`);
  }
  if ((event.type === 'rejected' || event.type === 'expired') && (order.venueOrderId !== undefined || order.fills.length > 0)) {
    throw new IllegalOrderEventError(order, event, 'the venue had accepted it before');
  }
  if (event.type === 'accepted') {
    if (order.venueOrderId !== undefined && order.venueOrderId !== event.venueOrderId) {
      throw new IllegalOrderEventError(order, event, `it is ${order.venueOrderId} at the venue, not ${event.venueOrderId}`);
    }
    return { ...order, venueOrderId: event.venueOrderId };
  }
  return { ...order, state: to, ...('reason' in event && { reason: event.reason }) };
}

function filled(order: Order, event: OrderEvent & { type: 'filled' }): Order {
  if (order.fills.some((fill) => fill.executionId === event.fill.executionId)) return order;
  if (order.state === 'PENDING' || order.state === 'REJECTED' || order.state === 'EXPIRED' || order.state === 'SETTLED') {
    throw new IllegalOrderEventError(order, event, 'no execution can belong to it');
  }
  const fills = [...order.fills, event.fill];
  const total = fills.reduce((sum, fill) => sum + scaled(fill.quantity), 0n);
  const quantity = scaled(order.quantity);
  if (total > quantity) throw new IllegalOrderEventError(order, event, `its executions would exceed its quantity ${order.quantity}`);
  return { ...order, fills, state: total === quantity ? 'FILLED' : order.state };
}

const places = 12;

/** A plain decimal as a whole number of 10⁻¹², so that sums are exact. */
export function scaled(decimal: string): bigint {
  const found = /^(-?)(\d+)(?:\.(\d{1,12}))?$/.exec(decimal);
  if (found === null) throw new Error(`not a plain decimal of at most ${places} places: '${decimal}'`);
  const value = BigInt((found[2] ?? '') + (found[3] ?? '').padEnd(places, '0'));
  return found[1] === '-' ? -value : value;
}

export function unscaled(value: bigint): string {
  const digits = String(value < 0n ? -value : value).padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -places)}${fraction === '' ? '' : `.${fraction}`}`;
}
