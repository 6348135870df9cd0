/**
 * The codes with which a venue refuses the key itself, whatever was asked with it. Apart from the venue's client, for which a guard has
 * no memory. https://bybit-exchange.github.io/docs/v5/error
 */
/** Unknown (or deleted), wrongly signed, without the permission, from elsewhere, lapsed. */
export const bybitKeyRefusals: ReadonlySet<string> = new Set(['10003', '10004', '10005', '10010', '33004']);
