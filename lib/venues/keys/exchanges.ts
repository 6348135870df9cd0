/**
 * ccxt's client of one venue, loaded alone: the whole of ccxt is half a second and 130 MB, one class a tenth of that.
 *
 * By file path, because the package offers no other way to one class, and written out, so that a bundler finds them. The type is the
 * package's own.
 */
import type { Exchange } from 'ccxt';
import type { KeyVenue } from './capabilities.ts';
import type { TradingKey } from './provider.ts';

type ExchangeClass = new (settings: Readonly<Record<string, unknown>>) => unknown;

const classes: Readonly<Record<KeyVenue, () => Promise<{ readonly default: ExchangeClass }>>> = {
  bybit: () => import('../../../node_modules/ccxt/js/src/bybit.js'),
  binance: () => import('../../../node_modules/ccxt/js/src/binance.js'),
  okx: () => import('../../../node_modules/ccxt/js/src/okx.js'),
  deribit: () => import('../../../node_modules/ccxt/js/src/deribit.js'),
  kucoin: () => import('../../../node_modules/ccxt/js/src/kucoin.js'),
  gate: () => import('../../../node_modules/ccxt/js/src/gate.js'),
  kraken: () => import('../../../node_modules/ccxt/js/src/kraken.js'),
};

const timeoutMs = 10_000;

/** A client that signs with the key, speaks to `url` instead of the venue's usual host, and repeats nothing by itself. */
export async function exchangeFor(venue: KeyVenue, url: string, key: TradingKey, options: Readonly<Record<string, unknown>>): Promise<Exchange> {
  const { default: Client } = await classes[venue]();
  const exchange = new Client({
    apiKey: key.apiKey,
    secret: key.secret.reveal(),
    ...(key.passphrase && { password: key.passphrase.reveal() }),
    enableRateLimit: false,
    timeout: timeoutMs,
    maxRetriesOnFailure: 0,
    options,
  }) as Exchange;
  exchange.has['fetchCurrencies'] = false;
  exchange.urls['api'] = atHost(exchange.urls['api'], url) as typeof exchange.urls.api;
  return exchange;
}

/** The same paths at another host, however deep ccxt nests them. */
function atHost(urls: unknown, url: string): unknown {
  if (typeof urls === 'string') return urls.replace(/^https?:\/\/[^/]+/, url);
  return Object.fromEntries(Object.entries(urls as object).map(([name, each]) => [name, atHost(each, url)]));
}
