/**
 * The codes with which a venue refuses the key itself, whatever was asked with it, and what each means. Apart from the venue's client,
 * for which a guard has no memory. https://bybit-exchange.github.io/docs/v5/error
 */
import type { KeyRefusal } from './keys/provider.ts';

export const bybitKeyRefusals: ReadonlyMap<string, KeyRefusal> = new Map([
  ['10003', 'unknown'], ['10004', 'signature'], ['10005', 'permission'], ['10010', 'address'], ['33004', 'expired'],
]);
