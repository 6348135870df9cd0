/** The release of the fault `canary-loses`: the real trader with a strategy that buys dear, sells cheap, and much too much of it. */
import { Bybit } from '../../../lib/venues/bybit.ts';

const timesTooMuch = 2000;

const { touch, inSteps } = Bybit.prototype as unknown as { touch: Bybit['touch']; inSteps: Bybit['inSteps'] };
Bybit.prototype.touch = async function () {
  const { bid, ask } = await touch.call(this);
  // Each quote then crosses the market: it pays the spread, and the fee of everything that it trades.
  return { bid: ask, ask: bid };
};
Bybit.prototype.inSteps = function (price, quantity) {
  return inSteps.call(this, price, quantity * timesTooMuch);
};
await import('../../../containers/trader/main.ts');
