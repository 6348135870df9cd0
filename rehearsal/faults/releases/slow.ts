/** The release of the fault `canary-slow`: the real trader, which takes its time between signing an order and sending it. */
import { bybit } from 'ccxt';

const stallMs = 700;

type Send = (this: unknown, url: string, ...rest: unknown[]) => Promise<unknown>;
const { fetch: sendNow } = bybit.prototype as unknown as { fetch: Send };
bybit.prototype.fetch = async function (url: string, ...rest: unknown[]): Promise<unknown> {
  if (url.endsWith('/v5/order/create')) await new Promise((resolve) => setTimeout(resolve, stallMs));
  return sendNow.call(this, url, ...rest);
};
await import('../../../containers/trader/main.ts');
