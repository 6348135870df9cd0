/**
 * The reference strategy: small quotes on both sides of the touch. It is here to always have an order to send, and to stay small;
 * it is not here to earn money.
 */
import type { Side, Touch } from '../venues/venue.ts';

export interface Quote {
  readonly side: Side;
  readonly price: number;
  readonly quantity: number;
}

export interface QuotingSettings {
  readonly quantity: number;
  /** How far from the touch, as a share of the price. */
  readonly distance: number;
  /** Sides alternate until the position has moved this far from where it began; then only the side that brings it back. */
  readonly positionLimit: number;
  /** Above this many open orders the oldest half is cancelled, in one request. */
  readonly openOrdersAtMost: number;
}

export const usualQuoting: QuotingSettings = { quantity: 0.0005, distance: 0.00001, positionLimit: 0.05, openOrdersAtMost: 20 };

/** For which the usual sizes are meant, in the quote currency. */
const usualCapital = 100_000;
/** Below it the venue takes no order: a few units of the quote currency. */
const quantityLeast = 0.0001;

/** Sizes follow the capital: a book with a tenth of it risks a tenth. */
export function quotingFor(capital: number): QuotingSettings {
  const share = capital / usualCapital;
  const { quantity, positionLimit } = usualQuoting;
  return { ...usualQuoting, quantity: Math.max(quantityLeast, quantity * share), positionLimit: positionLimit * share };
}

export interface Standing {
  /** The position less the one at the start of this life. */
  readonly positionMoved: number;
  readonly lastSide: Side | undefined;
}

export function nextQuote(touch: Touch, { positionMoved, lastSide }: Standing, settings: QuotingSettings): Quote {
  const side =
    positionMoved >= settings.positionLimit
      ? 'sell'
      : positionMoved <= -settings.positionLimit
        ? 'buy'
        : lastSide === 'buy'
          ? 'sell'
          : 'buy';
  const price = side === 'buy' ? touch.bid * (1 - settings.distance) : touch.ask * (1 + settings.distance);
  return { side, price, quantity: settings.quantity };
}

/** What Bybit takes in one request on spot; it refuses a longer list as a whole. */
const cancelledTogetherMax = 10;

/** The oldest half, once there are too many, in as many requests as it takes. `openOrders` are in the order of their sending. */
export function toCancel<T>(openOrders: readonly T[], settings: QuotingSettings): readonly (readonly T[])[] {
  if (openOrders.length <= settings.openOrdersAtMost) return [];
  const oldest = openOrders.slice(0, Math.ceil(openOrders.length / 2));
  return Array.from({ length: Math.ceil(oldest.length / cancelledTogetherMax) }, (_, request) =>
    oldest.slice(request * cancelledTogetherMax, (request + 1) * cancelledTogetherMax),
  );
}
