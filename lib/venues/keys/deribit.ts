/**
 * Deribit's keys. The pair is made here, and only its public half is sent. The management key is one of the sub-account itself, with
 * `account:read_write`: keys belong to the account whose key makes them.
 *
 * ccxt signs each request with a shared secret. A key of our own pair cannot: it signs once, for a token that the requests then carry.
 * Deribit answers one code, 13004, for a key that is unknown and for a wrong signature.
 */
import { createPrivateKey, sign } from 'node:crypto';
import type { Exchange } from 'ccxt';
import { CcxtKeys, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';

interface Answer<Result> {
  readonly result: Result;
}
interface Listed {
  readonly id: number;
  readonly client_id: string;
  readonly name?: string;
  readonly max_scope?: string;
  readonly timestamp?: number;
}

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([['13004', 'unknown'], ['13009', 'unknown'], ['13021', 'permission']]);
const scope = 'account:read trade:read_write wallet:none block_trade:none';
/** Scopes that move money, or change what keys may do. */
const beyondTrade = /\b(wallet|account):read_write\b/;

export class DeribitKeys extends CcxtKeys {
  constructor(options: KeyProviderOptions) {
    super('deribit', options);
  }

  protected override async signIn(exchange: Exchange, { apiKey, secret }: TradingKey): Promise<void> {
    if (!secret.reveal().includes('PRIVATE KEY')) return;
    const timestamp = exchange.milliseconds() - Number(exchange.options['timeDifference'] ?? 0);
    const nonce = this.randomHex(16);
    const signature = sign(null, Buffer.from(`${timestamp}\n${nonce}\n`), createPrivateKey(secret.reveal())).toString('base64url');
    const parameters = { grant_type: 'client_signature', client_id: apiKey, timestamp, nonce, data: '', signature };
    const { result } = await this.call<Answer<{ access_token: string }>>(exchange, 'publicGetAuth', parameters);
    const signed = exchange.sign.bind(exchange);
    exchange.sign = (path, api, method, params, headers, body) => {
      // As ccxt writes a public request; a private one differs by its path and by who may make it.
      const request = signed(path, 'public', method, params, headers, body) as { url: string };
      if (api === 'public') return request;
      return { ...request, url: request.url.replace('/public/', '/private/'), headers: { Authorization: `Bearer ${result.access_token}` } };
    };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"code"\s*:\s*(-?\d+)/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: /"message"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override async made(exchange: Exchange, _subAccount: string, name: string): Promise<TradingKey> {
    const { publicKey, privateKey } = this.keyPair();
    const { result } = await this.call<Answer<Listed>>(exchange, 'privateGetCreateApiKey', { max_scope: scope, name, public_key: publicKey });
    return { apiKey: result.client_id, secret: privateKey };
  }

  protected override async listed(exchange: Exchange): Promise<readonly ListedKey[]> {
    return (await this.#all(exchange)).map(({ client_id: apiKey, name = '', max_scope = '', timestamp }) => {
      const createdAtMs = timeMs(timestamp);
      return { apiKey, name, addresses: [], mayMoveMoney: beyondTrade.test(max_scope), ...(createdAtMs !== undefined && { createdAtMs }) };
    });
  }

  /** It deletes by a number of its own. */
  protected override async remove(exchange: Exchange, _subAccount: string, { apiKey }: DoomedKey): Promise<void> {
    const found = (await this.#all(exchange)).find(({ client_id: clientId }) => clientId === apiKey);
    if (found !== undefined) await this.call(exchange, 'privateGetRemoveApiKey', { id: found.id });
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privateGetGetAccountSummaries');
  }

  async #all(exchange: Exchange): Promise<readonly Listed[]> {
    return (await this.call<Answer<readonly Listed[]>>(exchange, 'privateGetListApiKeys')).result;
  }
}
