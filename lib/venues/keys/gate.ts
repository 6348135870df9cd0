/**
 * Gate's keys of sub-accounts. Its list tells when each was last used: what decides a revocation is the venue's own word then. A change of
 * a key takes effect within five minutes: until then a new one may be refused, and a deleted one be accepted.
 */
import type { Exchange } from 'ccxt';
import { Secret } from '../../secret.ts';
import { CcxtKeys, textOf, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';

interface Listed {
  readonly key: string;
  readonly name?: string;
  readonly perms?: readonly { readonly name: string; readonly read_only: boolean }[];
  readonly ip_whitelist?: readonly string[];
  readonly created_at?: number | string;
  readonly last_access?: number | string;
}

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([
  ['INVALID_KEY', 'unknown'], ['INVALID_CREDENTIALS', 'unknown'], ['INVALID_SIGNATURE', 'signature'], ['IP_FORBIDDEN', 'address'], ['READ_ONLY', 'permission'],
  ['FORBIDDEN', 'permission'],
]);
const tradesOnly = new Set(['spot', 'futures', 'delivery', 'options']);
const classicMode = 1;

export class GateKeys extends CcxtKeys {
  constructor(options: KeyProviderOptions) {
    super('gate', options);
  }

  protected override options() {
    return { fetchMarkets: { types: [this.symbol.includes(':') ? 'swap' : 'spot'] }, unifiedAccount: false };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"label"\s*:\s*"([A-Z_]+)"/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: /"message"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override async made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey> {
    const { addresses } = await this.policy();
    const made = await this.call<{ key: string; secret: string }>(exchange, 'privateSubAccountsPostSubAccountsUserIdKeys', {
      user_id: subAccount,
      mode: classicMode,
      name,
      perms: [{ name: this.symbol.includes(':') ? 'futures' : 'spot', read_only: false }],
      ...(addresses.length > 0 && { ip_whitelist: addresses }),
    });
    return { apiKey: made.key, secret: new Secret(made.secret) };
  }

  protected override async listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]> {
    return (await this.call<readonly Listed[]>(exchange, 'privateSubAccountsGetSubAccountsUserIdKeys', { user_id: subAccount })).map(listedKey);
  }

  protected override async remove(exchange: Exchange, subAccount: string, { apiKey }: DoomedKey): Promise<void> {
    await this.call(exchange, 'privateSubAccountsDeleteSubAccountsUserIdKeysKey', { user_id: subAccount, key: apiKey });
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    // A key for futures may not look at spot accounts, nor the other way round.
    const [, settle] = this.symbol.split(':');
    if (settle === undefined) return this.call(exchange, 'privateSpotGetAccounts');
    return this.call(exchange, 'privateFuturesGetSettleAccounts', { settle: settle.toLowerCase() });
  }
}

function listedKey({ key, name, perms = [], ip_whitelist: addresses = [], created_at, last_access }: Listed): ListedKey {
  const [createdAtMs, lastUsedAtMs] = [secondsAsMs(created_at), secondsAsMs(last_access)];
  return {
    apiKey: key,
    name: textOf(name),
    addresses,
    mayMoveMoney: perms.some((each) => !tradesOnly.has(each.name) && !each.read_only),
    ...(createdAtMs !== undefined && { createdAtMs }),
    ...(lastUsedAtMs !== undefined && { lastUsedAtMs }),
  };
}

function secondsAsMs(value: number | string | undefined): number | undefined {
  const seconds = timeMs(value);
  return seconds === undefined ? undefined : seconds * 1000;
}
