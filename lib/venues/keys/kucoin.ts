/**
 * KuCoin's keys of sub-accounts. It wants to hear a key's passphrase again when it deletes it: so the passphrase of a key of ours follows
 * from its name and the management key, and that of an orphan is known too.
 */
import { createHmac } from 'node:crypto';
import type { Exchange } from 'ccxt';
import { Secret } from '../../secret.ts';
import { CcxtKeys, textOf, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';

interface Answer<Data> {
  readonly data: Data;
}
interface Listed {
  readonly apiKey: string;
  readonly remark?: string;
  readonly permission?: string;
  readonly ipWhitelist?: string;
  readonly createdAt?: number;
}

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([
  ['400003', 'unknown'], ['400004', 'signature'], ['400005', 'signature'], ['400006', 'address'], ['400007', 'permission'],
  ['400008', 'permission'], ['400010', 'permission'],
]);
const tradesOnly = new Set(['General', 'Spot', 'Futures']);
/** 7 to 32 characters, none of them a space. */
const passphraseLength = 24;

export class KucoinKeys extends CcxtKeys {
  protected override readonly testOrder = { test: true };

  constructor(options: KeyProviderOptions) {
    super('kucoin', options);
  }

  protected override options() {
    // High-frequency accounts, which new ones are, and not unified ones: ccxt would ask for both.
    return { fetchMarkets: { types: [this.symbol.includes(':') ? 'swap' : 'spot'] }, hf: true, uta: false };
  }

  protected override marketParameters() {
    return { marginables: false, fetchTickersFees: false };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"code"\s*:\s*"?(\d+)/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: /"msg"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override async made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey> {
    const { addresses } = await this.policy();
    const passphrase = passphraseOf(exchange, name);
    const { data } = await this.call<Answer<{ apiKey: string; apiSecret: string }>>(exchange, 'privatePostSubApiKey', {
      subName: subAccount,
      passphrase: passphrase.reveal(),
      remark: name,
      permission: this.symbol.includes(':') ? 'General,Futures' : 'General,Spot',
      expire: '-1',
      ...(addresses.length > 0 && { ipWhitelist: addresses.join(',') }),
    });
    return { apiKey: data.apiKey, secret: new Secret(data.apiSecret), passphrase };
  }

  protected override async listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]> {
    const { data } = await this.call<Answer<readonly Listed[]>>(exchange, 'privateGetSubApiKey', { subName: subAccount });
    return data.map(listedKey);
  }

  protected override async remove(exchange: Exchange, subAccount: string, { apiKey, name, passphrase }: DoomedKey): Promise<void> {
    const query = { apiKey, subName: subAccount, passphrase: (passphrase ?? passphraseOf(exchange, name)).reveal() };
    // What is signed is the query before it is encoded; ccxt sends it like that, too.
    const sign = exchange.sign.bind(exchange);
    exchange.sign = (...request: Parameters<typeof sign>) => {
      const signed = sign(...request) as { readonly url: string };
      return { ...signed, url: signed.url.replace(/\?.*$/, `?${new URLSearchParams(query).toString()}`) };
    };
    await this.call(exchange, 'privateDeleteSubApiKey', query);
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privateGetAccounts');
  }
}

/** `exchange` has the management key. */
function passphraseOf(exchange: Exchange, name: string): Secret {
  return new Secret(createHmac('sha256', exchange.secret).update(name).digest('base64url').slice(0, passphraseLength));
}

function listedKey({ apiKey, remark, permission = '', ipWhitelist = '', createdAt }: Listed): ListedKey {
  const createdAtMs = timeMs(createdAt);
  return {
    apiKey,
    name: textOf(remark),
    addresses: ipWhitelist.split(',').filter((each) => each !== ''),
    mayMoveMoney: permission.split(',').some((each) => each !== '' && !tradesOnly.has(each)),
    ...(createdAtMs !== undefined && { createdAtMs }),
  };
}
