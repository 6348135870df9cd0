/**
 * What the providers share that speak through ccxt: clients by key, the proof of the permission to trade, and what an answer means. Each
 * venue's file adds its own calls and its own words.
 *
 * Of an error nothing but the venue's code and sentence goes on: its body may hold a secret that was just made.
 */
import type { Exchange } from 'ccxt';
import type { DoomedKey, KeyCapabilities, KeyPolicy, KeyProvider, KeyRefusal, ListedKey, TradingKey } from './provider.ts';
import { KeyLimitError, KeyRefusedError, ManagementKeyRefusedError, VenueRefusedError, VenueUnclearError } from './provider.ts';
import { keyCapabilities, type KeyVenue } from './capabilities.ts';
import type { Secret } from '../../secret.ts';
import { exchangeFor } from './exchanges.ts';

/** Of the main account: makes and deletes keys of the sub-account, and trades nothing. */
export interface ManagementKey extends TradingKey {
  /** As the venue calls it: a number, a name, an address of mail. */
  readonly subAccount: string;
}

export interface KeyProviderOptions {
  readonly url: string;
  /** As ccxt calls it; what the key must be able to trade. */
  readonly symbol: string;
  readonly policy: () => Promise<KeyPolicy>;
  readonly managementKey: () => Promise<ManagementKey>;
  /** Hexadecimal digits: makes the id of an order that is to prove something unlike any other. */
  readonly randomHex: (digits: number) => string;
  /** A new Ed25519 pair as PEM, for venues that take our public key. */
  readonly keyPair: () => KeyPair;
  /** For all the calls of one method together. ccxt's own time-out does not see a body that never ends. */
  readonly answersWithinMs?: number;
}

export interface KeyPair {
  readonly publicKey: string;
  readonly privateKey: Secret;
}

/** What a venue said of a request that it refused. */
export interface VenueWords {
  readonly code: string;
  readonly message: string;
}

/** Any of ccxt's implicit calls, by its name. */
type Calls = Readonly<Record<string, (params?: object) => Promise<unknown>>>;

/** With eight digits, as long as the strictest venue (Kraken) takes; some put their own letters before it. */
const proofOrderPrefix = 'batonproof';
/** So far from the market that it is not filled, and near enough that no venue refuses the price. */
const farFromMarket = 0.7;

export abstract class CcxtKeys implements KeyProvider {
  readonly capabilities: KeyCapabilities;
  protected readonly policy: KeyProviderOptions['policy'];
  protected readonly symbol: string;
  protected readonly randomHex: KeyProviderOptions['randomHex'];
  protected readonly keyPair: KeyProviderOptions['keyPair'];
  protected readonly venue: KeyVenue;
  readonly #url: string;
  readonly #managementKey: KeyProviderOptions['managementKey'];
  readonly #answersWithinMs: number;

  constructor(venue: KeyVenue, { url, symbol, policy, managementKey, randomHex, keyPair, answersWithinMs = 20_000 }: KeyProviderOptions) {
    this.capabilities = keyCapabilities[venue];
    this.policy = policy;
    this.symbol = symbol;
    this.randomHex = randomHex;
    this.keyPair = keyPair;
    this.venue = venue;
    this.#url = url;
    this.#managementKey = managementKey;
    this.#answersWithinMs = answersWithinMs;
  }

  /** What a refused request was answered; undefined when it is no answer of the venue's. */
  protected abstract wordsOf(message: string): VenueWords | undefined;
  /** Undefined for a refusal that is not about the key. */
  protected abstract refusalOf(words: VenueWords): KeyRefusal | undefined;
  protected abstract made(exchange: Exchange, subAccount: string, name: string): Promise<TradingKey>;
  protected abstract listed(exchange: Exchange, subAccount: string): Promise<readonly ListedKey[]>;
  protected abstract remove(exchange: Exchange, subAccount: string, key: DoomedKey): Promise<void>;
  /** Any signed request that only looks. */
  protected abstract look(exchange: Exchange): Promise<unknown>;
  /** ccxt's options: what spares calls at the start. */
  protected options(): Readonly<Record<string, unknown>> {
    return {};
  }
  /** What must be done before the first signed request. */
  protected async signIn(_exchange: Exchange, _key: TradingKey): Promise<void> {
    // Most venues want nothing.
  }
  /** Of `loadMarkets`: what spares calls. */
  protected marketParameters(): Readonly<Record<string, unknown>> {
    return {};
  }
  /** What marks an order that the venue checks, permission and all, and does not place; undefined where it has no such test. */
  protected readonly testOrder: Readonly<Record<string, unknown>> | undefined = undefined;

  async create(name: string): Promise<TradingKey> {
    try {
      return await this.#managing((exchange, subAccount) => this.made(exchange, subAccount, name));
    } catch (error) {
      const { keysAtMost } = this.capabilities;
      if (!(error instanceof VenueRefusedError) || keysAtMost === null || (await this.list()).length < keysAtMost) throw error;
      throw new KeyLimitError(`${this.venue} allows ${keysAtMost} keys of a sub-account, and there are as many: delete those that nobody uses. (${error.message})`);
    }
  }

  list(): Promise<readonly ListedKey[]> {
    return this.#managing((exchange, subAccount) => this.listed(exchange, subAccount));
  }

  async delete(key: DoomedKey): Promise<void> {
    try {
      await this.#managing((exchange, subAccount) => this.remove(exchange, subAccount, key));
    } catch (error) {
      // Venues differ in what they answer for a key that is gone; its absence is what was asked for.
      if (error instanceof VenueUnclearError || (await this.list()).some(({ apiKey }) => apiKey === key.apiKey)) throw error;
    }
  }

  async proveRead(key: TradingKey): Promise<void> {
    await this.#with(key, 'trading', (exchange) => this.look(exchange));
  }

  async proveTrade(key: TradingKey): Promise<void> {
    await this.#with(key, 'trading', (exchange) => this.#trade(exchange));
  }

  /** The venue's own test of an order; where there is none, an order that cannot be filled, placed and cancelled. */
  async #trade(exchange: Exchange): Promise<void> {
    if (this.testOrder === undefined) await this.#cancelProofs(exchange);
    const { price, amount } = await this.#unfillable(exchange);
    const clientOrderId = `${proofOrderPrefix}${this.randomHex(8)}`;
    let placed;
    try {
      placed = await exchange.createOrder(this.symbol, 'limit', 'buy', amount, price, {
        clientOrderId, ...(this.testOrder ?? { postOnly: true }),
      });
    } catch (error) {
      // It judged the order, not the key.
      if ((error as Error).name === 'InsufficientFunds') return;
      throw error;
    }
    if (this.testOrder === undefined) await exchange.cancelOrder(placed.id ?? '', this.symbol);
  }

  /** The smallest order at a price far below the market. */
  async #unfillable(exchange: Exchange): Promise<{ price: number; amount: number }> {
    await exchange.loadMarkets(false, this.marketParameters());
    const { limits, precision } = exchange.market(this.symbol);
    const { bid } = await exchange.fetchTicker(this.symbol);
    if (bid === undefined) throw new VenueUnclearError(`${this.venue} shows no bid for ${this.symbol}`);
    const price = Number(exchange.priceToPrecision(this.symbol, bid * farFromMarket));
    const step = precision.amount ?? 1;
    const wanted = Math.max(limits.amount?.min ?? 0, (1.1 * (limits.cost?.min ?? 0)) / price, step);
    return { price, amount: Number(exchange.amountToPrecision(this.symbol, Math.ceil(wanted / step) * step)) };
  }

  /** What an attempt has left that died between the two. */
  async #cancelProofs(exchange: Exchange): Promise<void> {
    const open = await exchange.fetchOpenOrders(this.symbol);
    for (const order of open.filter(({ clientOrderId }) => clientOrderId?.includes(proofOrderPrefix))) {
      await exchange.cancelOrder(order.id ?? '', this.symbol);
    }
  }

  /** One of ccxt's implicit calls; its answer is the venue's, so whoever asks says what is read of it. */
  protected call<Answer>(exchange: Exchange, name: string, params: object = {}): Promise<Answer> {
    return (exchange as unknown as Calls)[name]!(params) as Promise<Answer>;
  }

  async #managing<T>(ask: (exchange: Exchange, subAccount: string) => Promise<T>): Promise<T> {
    const key = await this.#managementKey();
    return this.#with(key, 'management', (exchange) => ask(exchange, key.subAccount));
  }

  async #with<T>(key: TradingKey, role: 'trading' | 'management', ask: (exchange: Exchange) => Promise<T>): Promise<T> {
    try {
      const exchange = await exchangeFor(this.venue, this.#url, key, this.options());
      return await this.#inTime(async () => {
        // The venue's clock counts, not ours.
        await exchange.loadTimeDifference();
        await this.signIn(exchange, key);
        return ask(exchange);
      });
    } catch (error) {
      throw this.#meaning(error as Error, role);
    }
  }

  async #inTime<T>(ask: () => Promise<T>): Promise<T> {
    const ms = this.#answersWithinMs;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new VenueUnclearError(`${this.venue} gave no complete answer within ${ms} ms`)), ms);
    });
    try {
      return await Promise.race([ask(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #meaning(error: Error, role: 'trading' | 'management'): Error {
    const words = this.wordsOf(error.message);
    if (words === undefined) {
      // ccxt's name for it and no more: what it shows of an answer that it could not read may be a key.
      return isOfCcxt(error) ? new VenueUnclearError(`${this.venue} gave no answer that says what became of it (${error.name})`) : error;
    }
    const said = `${this.venue} answers ${words.code} ${words.message}`.trim().slice(0, 200);
    const refusal = this.refusalOf(words);
    if (refusal !== undefined && role === 'trading') return new KeyRefusedError(refusal, said);
    if (refusal !== undefined) {
      return new ManagementKeyRefusedError(`the management key is refused (${refusal}): ${said}. A person must look at it in the pages of the venue.`);
    }
    return isNetwork(error) ? new VenueUnclearError(said) : new VenueRefusedError(said);
  }
}

/** ccxt's errors know their ancestors by name: which class file they come from does not matter then. */
function ancestors(error: Error): readonly string[] {
  const names: string[] = [];
  for (let type: unknown = error.constructor; typeof type === 'function' && type !== Error; type = Object.getPrototypeOf(type)) names.push(type.name);
  return names;
}

const isOfCcxt = (error: Error): boolean => ancestors(error).includes('BaseError');
/** Of these ccxt says itself that the request may have been carried out, or may be later. */
const isNetwork = (error: Error): boolean => ancestors(error).includes('OperationFailed');

/** Reads texts and numbers out of an answer whose fields a venue gives now as the one, now as the other. */
export function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** A time that a venue tells, as milliseconds or as a date; none for what is empty. */
export function timeMs(value: unknown): number | undefined {
  const text = textOf(value);
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(ms) && ms > 0 ? ms : undefined;
}
