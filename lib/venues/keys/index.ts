/** The provider of a venue's keys. */
import type { KeyVenue } from './capabilities.ts';
import { BybitKeys } from './bybit.ts';
import type { KeyProviderOptions } from './ccxt-keys.ts';
import type { KeyProvider } from './provider.ts';

export function keyProvider(venue: KeyVenue, options: KeyProviderOptions): KeyProvider {
  if (venue !== 'bybit') throw new Error(`keys of ${venue} are not rotated yet`);
  return new BybitKeys(options);
}
