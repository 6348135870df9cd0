/**
 * What the venue saw: every request, in the order of its decisions. The only witness of duplicates, stale and late orders.
 * Times are milliseconds on this host's CLOCK_MONOTONIC, comparable with those of any other process here.
 */
import { parseClientOrderId } from '../../lib/trading/client-order-id.ts';
import type { Decision } from '../../lib/venues/paper/desk.ts';

export interface VenueEntry extends Decision {
  /** Read from the client order id, where it is one of ours. */
  readonly book?: string;
  readonly epoch?: number;
  readonly sequence?: number;
}

/** The path of a new order: what `ordersSent` and `ordersAccepted` count. */
export const createOrderPath = '/v5/order/create';

export function authorOf(clientOrderId: string | undefined): Pick<VenueEntry, 'clientOrderId' | 'book' | 'epoch' | 'sequence'> {
  if (clientOrderId === undefined || clientOrderId === '') return {};
  const author = parseClientOrderId(clientOrderId);
  return author === undefined ? { clientOrderId } : { clientOrderId, ...author };
}

export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
