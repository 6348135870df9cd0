/**
 * What the trader needs of a venue, whichever it is. Every method that changes something takes a deadline that the
 * venue itself enforces; the others only look.
 */
import type { Secret } from '../secret.ts';
import type { Deadline } from './bounded.ts';

export type Side = 'buy' | 'sell';

export interface NewOrder {
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  /** Decimal strings in the venue's own steps: see `Venue.inSteps`. */
  readonly price: string;
  readonly quantity: string;
}

/** What is known after a changing request. Only `ambiguous` leaves it open whether the venue acted, now or later. */
export type Answer =
  | { readonly kind: 'accepted'; readonly venueOrderId: string }
  | { readonly kind: 'rejected'; readonly reason: string }
  /** The venue refused it for its time window. */
  | { readonly kind: 'expired'; readonly reason: string }
  /** It did not leave this process. */
  | { readonly kind: 'never-sent'; readonly reason: string }
  | { readonly kind: 'ambiguous'; readonly reason: string };

/** The venue would not let us look: the request's time is not around its own. */
export class VenueClockError extends Error {
  constructor(what: string, cause: unknown) {
    super(`the venue refuses to tell ${what} for the time stamp of the request: its clock is not where the guard measured it`, { cause });
    this.name = 'VenueClockError';
  }
}

export interface OrderAtVenue {
  readonly venueOrderId: string;
  /** Empty for an order that was sent without one. */
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: string;
  readonly quantity: string;
  readonly filled: string;
  readonly status: 'open' | 'filled' | 'cancelled' | 'rejected';
  readonly createdAtVenueMs: number;
}

export interface Execution {
  readonly executionId: string;
  readonly venueOrderId: string;
  readonly clientOrderId: string;
  readonly symbol: string;
  readonly side: Side;
  readonly price: string;
  readonly quantity: string;
  readonly fee: string;
  readonly feeCurrency: string;
  readonly atVenueMs: number;
}

/** What every venue gives in one page. */
export const executionsPage = 100;

export interface Touch {
  readonly bid: number;
  readonly ask: number;
}

/** One version of the book's key. */
export interface SigningKey {
  readonly version: string;
  readonly apiKey: Secret;
  readonly secret: Secret;
}

/** What is known of the key that requests are signed with. */
export interface KeyInUse {
  readonly version: string;
  /** Why the venue refuses it; absent when it does not. */
  readonly refused?: string;
}

export interface Venue {
  readonly key: KeyInUse;
  /** From the next signature on; what is under way is not disturbed. */
  useKey(key: SigningKey): void;
  /** Loads what the first order would wait for, and opens the connection. */
  warmUp(): Promise<void>;
  place(order: NewOrder, deadline: Deadline): Promise<Answer>;
  cancel(venueOrderIds: readonly string[], deadline: Deadline): Promise<Answer>;
  openOrders(): Promise<readonly OrderAtVenue[]>;
  /** The newest executions, oldest first; at most {@link executionsPage}. */
  executions(): Promise<readonly Execution[]>;
  /** Every execution of the last so many ms, page by page, back from the newest. For what nobody saw happen. */
  executionsOfLast(ms: number): AsyncIterable<readonly Execution[]>;
  /**
   * Orders of the last so many ms that have ended, page by page, back from the newest. A venue may forget those that were cancelled
   * without an execution (Bybit: after a day), and may be late with the newest.
   */
  endedOfLast(ms: number): AsyncIterable<readonly OrderAtVenue[]>;
  /** Looks for one order among open and ended ones, by lists; `undefined` when the venue shows none now. */
  find(clientOrderId: string): Promise<OrderAtVenue | undefined>;
  /** How much of the symbol's base currency the account has, decimal. */
  position(): Promise<string>;
  touch(): Promise<Touch>;
  /** The smallest quantity that can be traded, decimal. */
  quantityStep(): string;
  /** Rounds to the venue's steps, towards zero for quantities. */
  inSteps(price: number, quantity: number): { readonly price: string; readonly quantity: string };
}
