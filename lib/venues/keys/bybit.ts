/**
 * Bybit's keys of sub-accounts (v5, "User"): made by a key of the main account that may transfer between sub-accounts, and dead at once
 * when they are deleted. A key that is bound to no address dies after 90 days.
 */
import type { Exchange } from 'ccxt';
import { CcxtKeys, textOf, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';
import { Secret } from '../../secret.ts';
import { bybitKeyRefusals } from '../key-refusals.ts';

interface Answer<Result> {
  readonly result: Result;
}
interface Listed {
  readonly apiKey: string;
  readonly note?: string;
  readonly ips?: readonly string[];
  readonly permissions?: Readonly<Record<string, readonly string[]>>;
  readonly createdAt?: string;
  readonly expiredAt?: string;
}

/** They move money, or turn it into something else. */
const beyondTrade = ['Wallet', 'Exchange', 'Earn'];
const page = 20;

export class BybitKeys extends CcxtKeys {
  constructor(options: KeyProviderOptions) {
    super('bybit', options);
  }

  protected override options() {
    return {
      defaultType: 'spot', fetchMarkets: { types: ['spot', 'linear'] }, enableUnifiedMargin: false, enableUnifiedAccount: true, unifiedMarginStatus: 5,
    };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"ret_?[cC]ode"\s*:\s*"?(-?\d+)/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: /"ret_?[mM]sg"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return bybitKeyRefusals.get(code);
  }

  protected override async made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey> {
    const { addresses } = await this.policy();
    const { result } = await this.call<Answer<{ apiKey: string; secret: string }>>(exchange, 'privatePostV5UserCreateSubApi', {
      subuid: Number(subAccount),
      note: name,
      readOnly: 0,
      ...(addresses.length > 0 && { ips: addresses.join(',') }),
      permissions: this.symbol.includes(':') ? { ContractTrade: ['Order', 'Position'] } : { Spot: ['SpotTrade'] },
    });
    return { apiKey: result.apiKey, secret: new Secret(result.secret) };
  }

  protected override async listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]> {
    const found: ListedKey[] = [];
    let cursor = '';
    do {
      const params = { subMemberId: subAccount, limit: page, ...(cursor !== '' && { cursor }) };
      const { result } = await this.call<Answer<{ result: readonly Listed[]; nextPageCursor?: string }>>(exchange, 'privateGetV5UserSubApikeys', params);
      found.push(...result.result.map(listedKey));
      cursor = textOf(result.nextPageCursor);
    } while (cursor !== '');
    return found;
  }

  protected override async remove(exchange: Exchange, _subAccount: string, { apiKey }: DoomedKey): Promise<void> {
    await this.call(exchange, 'privatePostV5UserDeleteSubApi', { apikey: apiKey });
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privateGetV5UserQueryApi');
  }
}

function listedKey({ apiKey, note = '', ips = [], permissions = {}, createdAt, expiredAt }: Listed): ListedKey {
  const [createdAtMs, expiresAtMs] = [timeMs(createdAt), timeMs(expiredAt)];
  return {
    apiKey,
    name: note,
    addresses: ips.filter((ip) => ip !== '*'),
    mayMoveMoney: beyondTrade.some((kind) => (permissions[kind] ?? []).length > 0),
    ...(createdAtMs !== undefined && { createdAtMs }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  };
}
