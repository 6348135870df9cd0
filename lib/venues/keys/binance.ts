/**
 * Binance's keys of sub-accounts. The pair is made here: only its public half is sent, and the private one signs from the first request.
 *
 * One code, -2015, stands for a key that is unknown, is used from elsewhere, or lacks a permission; so it says no more than that the key
 * is not taken. ccxt sends what belongs to sub-accounts as it is given, neither form nor query encoded, so that is done before.
 * The list says nothing of addresses: those are asked for, key by key.
 */
import type { Exchange } from 'ccxt';
import { CcxtKeys, textOf, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';

/** Written otherwise than in the answer to a creation: `apikey`. */
interface Listed {
  readonly apiName?: string;
  readonly apikey: string;
  readonly canMarginLoanRepay?: boolean;
  readonly canUniversalTransfer?: boolean;
  readonly timestamp?: number;
}

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([['-2015', 'unknown'], ['-2008', 'unknown'], ['-2014', 'unknown'], ['-1022', 'signature']]);
const path = 'sub-account/subAccountApi';
/** At most. */
const pageSize = 100;

export class BinanceKeys extends CcxtKeys {
  protected override readonly testOrder = { test: true };

  constructor(options: KeyProviderOptions) {
    super('binance', options);
  }

  protected override options() {
    return { fetchMarkets: { types: [this.symbol.includes(':') ? 'linear' : 'spot'] }, fetchMargins: false };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"code"\s*:\s*(-?\d+)/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: /"msg"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override async made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey> {
    const { addresses } = await this.policy();
    const { publicKey, privateKey } = this.keyPair();
    const { apiKey } = await this.#ask<{ apiKey: string }>(exchange, 'sapiV2', 'POST', path, {
      email: subAccount,
      apiName: name,
      publicKey,
      ...(this.symbol.includes(':') ? { canFuturesTrade: true } : { canTrade: true }),
      ...(addresses.length > 0 ? { status: 2, ipAddress: addresses.join(',') } : { status: 1 }),
    });
    return { apiKey, secret: privateKey };
  }

  protected override async listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]> {
    const found: Listed[] = [];
    for (let page = 1; found.length === (page - 1) * pageSize; page += 1) {
      const asked = { email: subAccount, page, size: pageSize };
      found.push(...(await this.#ask<{ rows: readonly Listed[] }>(exchange, 'sapi', 'GET', path, asked)).rows);
    }
    return Promise.all(found.map(async (each) => {
      const restriction = { email: subAccount, subAccountApiKey: each.apikey };
      const { ipList } = await this.#ask<{ ipList?: readonly string[] }>(exchange, 'sapi', 'GET', `${path}/ipRestriction`, restriction);
      return listedKey(each, ipList ?? []);
    }));
  }

  protected override async remove(exchange: Exchange, subAccount: string, { apiKey }: DoomedKey): Promise<void> {
    await this.#ask(exchange, 'sapi', 'DELETE', path, { email: subAccount, subAccountApiKey: apiKey });
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privateGetAccount');
  }

  /** Most are not among ccxt's implicit calls yet; its request signs whatever path it is given. */
  #ask<Answer>(exchange: Exchange, api: 'sapi' | 'sapiV2', method: string, asked: string, params: object): Promise<Answer> {
    const encoded = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, encodeURIComponent(String(value))]));
    return exchange.request(asked, api, method, encoded) as Promise<Answer>;
  }
}

function listedKey(listed: Listed, addresses: readonly string[]): ListedKey {
  const { apikey, apiName, canMarginLoanRepay = false, canUniversalTransfer = false, timestamp } = listed;
  const createdAtMs = timeMs(timestamp);
  return {
    apiKey: apikey,
    name: textOf(apiName),
    addresses,
    mayMoveMoney: canMarginLoanRepay || canUniversalTransfer,
    ...(createdAtMs !== undefined && { createdAtMs }),
  };
}
