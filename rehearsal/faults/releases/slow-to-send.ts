/**
 * The old release of the faults that pause the old holder: the real trader on a host that takes its time between the
 * signature of an order, which fixes its expiry, and its way onto the wire. So whenever it is paused, some orders are
 * signed and not sent, and it sends them when it wakes.
 */
import { bybit } from 'ccxt';

const stallMs = 300;

type Send = (this: unknown, url: string, ...rest: unknown[]) => Promise<unknown>;
const { fetch: sendNow } = bybit.prototype as unknown as { fetch: Send };
bybit.prototype.fetch = async function (url: string, ...rest: unknown[]): Promise<unknown> {
  if (url.endsWith('/v5/order/create')) await new Promise((resolve) => setTimeout(resolve, stallMs));
  return sendNow.call(this, url, ...rest);
};
await import('../../../containers/trader/main.ts');
