/** A trader on a host that takes its time between the signature of an order, which fixes its expiry, and its way onto the wire. */
import { bybit } from 'ccxt';

type Send = (this: unknown, url: string, ...rest: unknown[]) => Promise<unknown>;

export function stallOrdersBy(ms: number): void {
  const { fetch: sendNow } = bybit.prototype as unknown as { fetch: Send };
  bybit.prototype.fetch = async function (url: string, ...rest: unknown[]): Promise<unknown> {
    if (url.endsWith('/v5/order/create')) await new Promise((resolve) => setTimeout(resolve, ms));
    return sendNow.call(this, url, ...rest);
  };
}
