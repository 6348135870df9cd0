/**
 * The state of a failover from which on orders are accepted in this Region, or waiting for them is over. Until then it lives on
 * data planes alone, which the synthesis checks (lib/constructs/validation/static-stability.ts).
 */
export const tradingMoved = 'Trading has moved';
