/** The release of the fault `canary-errors`: the real trader, which asks for more than it has with every eighth order. */
import { Bybit } from '../../../lib/venues/bybit.ts';

const refusedOneIn = 8;
const timesTooMuch = 10_000_000;

let orders = 0;
const { inSteps } = Bybit.prototype as unknown as { inSteps: Bybit['inSteps'] };
Bybit.prototype.inSteps = function (price, quantity) {
  orders += 1;
  return inSteps.call(this, price, orders % refusedOneIn === 0 ? quantity * timesTooMuch : quantity);
};
await import('../../../containers/trader/main.ts');
