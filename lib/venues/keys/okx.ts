/** OKX's keys of sub-accounts: made by a key of the main account that is bound to addresses itself; each has a passphrase that we choose. */
import type { Exchange } from 'ccxt';
import { Secret } from '../../secret.ts';
import { CcxtKeys, textOf, timeMs, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import type { DoomedKey, KeyRefusal, ListedKey, TradingKey } from './provider.ts';

interface Answer<Item> {
  readonly data: readonly Item[];
}
interface Listed {
  readonly apiKey: string;
  readonly label?: string;
  readonly perm?: string;
  readonly ip?: string;
  readonly ts?: string;
}

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([
  ['50111', 'unknown'], ['50119', 'unknown'], ['50105', 'signature'], ['50113', 'signature'], ['50110', 'address'], ['50035', 'address'],
  ['50030', 'permission'], ['50120', 'permission'], ['59500', 'permission'],
]);
/** In all of them. */
const tradesOnly = new Set(['read_only', 'trade']);
/** One key is made in a second, and one deleted, of all sub-accounts of a main account. */
const paceMs = 1000;

export class OkxKeys extends CcxtKeys {
  constructor(options: KeyProviderOptions) {
    super('okx', options);
  }

  protected override options() {
    return { fetchMarkets: { types: [this.symbol.includes(':') ? 'swap' : 'spot'] }, createOrder: 'privatePostTradeOrder' };
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    // Of an order, its own code says more than the answer's.
    const code = /"sCode"\s*:\s*"([1-9]\d*)"/.exec(message)?.[1] ?? /"code"\s*:\s*"?(\d+)/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: (/"sMsg"\s*:\s*"([^"]+)"/.exec(message) ?? /"msg"\s*:\s*"([^"]*)"/.exec(message))?.[1] ?? '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override async made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey> {
    const { addresses } = await this.policy();
    // Letters of both cases, digits and a sign, 8 to 32 of them.
    const passphrase = new Secret(`Aa1!${this.randomHex(24)}`);
    const { data } = await this.#paced<Answer<{ apiKey: string; secretKey: string }>>(exchange, 'privatePostUsersSubaccountApikey', {
      subAcct: subAccount,
      label: name,
      passphrase: passphrase.reveal(),
      perm: 'read_only,trade',
      ...(addresses.length > 0 && { ip: addresses.join(',') }),
    });
    const [{ apiKey, secretKey }] = data as [{ apiKey: string; secretKey: string }];
    return { apiKey, secret: new Secret(secretKey), passphrase };
  }

  protected override async listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]> {
    const { data } = await this.call<Answer<Listed>>(exchange, 'privateGetUsersSubaccountApikey', { subAcct: subAccount });
    return data.map(listedKey);
  }

  protected override async remove(exchange: Exchange, subAccount: string, { apiKey }: DoomedKey): Promise<void> {
    await this.#paced(exchange, 'privatePostUsersSubaccountDeleteApikey', { subAcct: subAccount, apiKey });
  }

  /** Once more when it came too soon: of that refusal it is known that nothing was done. */
  async #paced<Result>(exchange: Exchange, name: string, params: object): Promise<Result> {
    try {
      return await this.call<Result>(exchange, name, params);
    } catch (error) {
      if ((error as Error).name !== 'RateLimitExceeded') throw error;
      await exchange.sleep(paceMs);
      return this.call<Result>(exchange, name, params);
    }
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privateGetAccountConfig');
  }
}

function listedKey({ apiKey, label, perm = '', ip = '', ts }: Listed): ListedKey {
  const createdAtMs = timeMs(ts);
  return {
    apiKey,
    name: textOf(label),
    addresses: ip.split(',').filter((each) => each !== ''),
    mayMoveMoney: perm.split(',').some((each) => each !== '' && !tradesOnly.has(each)),
    ...(createdAtMs !== undefined && { createdAtMs }),
  };
}
