/** The provider of each venue's keys. */
import { BinanceKeys } from './binance.ts';
import { BybitKeys } from './bybit.ts';
import type { KeyVenue } from './capabilities.ts';
import type { KeyProviderOptions } from './ccxt-keys.ts';
import { DeribitKeys } from './deribit.ts';
import { GateKeys } from './gate.ts';
import { KrakenKeys } from './kraken.ts';
import { KucoinKeys } from './kucoin.ts';
import { OkxKeys } from './okx.ts';
import type { KeyProvider } from './provider.ts';

const providers: Readonly<Record<KeyVenue, new (options: KeyProviderOptions) => KeyProvider>> = {
  bybit: BybitKeys, binance: BinanceKeys, okx: OkxKeys, deribit: DeribitKeys, kucoin: KucoinKeys, gate: GateKeys, kraken: KrakenKeys,
};

export function keyProvider(venue: KeyVenue, options: KeyProviderOptions): KeyProvider {
  return new providers[venue](options);
}
