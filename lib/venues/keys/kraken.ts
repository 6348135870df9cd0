/**
 * Kraken, whose keys only people make and delete, in its pages. They put a new one where a rotation would; what is left for us is to prove
 * that it reads and trades, and that the old one does not any more. Other venues of that kind are made the same way.
 * A wrong signature may be answered as an invalid key: that is documented, too.
 */
import type { Exchange } from 'ccxt';
import { CcxtKeys, type KeyProviderOptions, type VenueWords } from './ccxt-keys.ts';
import { KeyMadeByHandError, type KeyRefusal } from './provider.ts';

const refusals: ReadonlyMap<string, KeyRefusal> = new Map([
  ['EAPI:Invalid key', 'unknown'], ['EAPI:Invalid signature', 'signature'], ['EGeneral:Permission denied', 'permission'],
]);

export class KrakenKeys extends CcxtKeys {
  protected override readonly testOrder = { validate: true };

  constructor(options: KeyProviderOptions) {
    super('kraken', options);
  }

  override create(): Promise<never> {
    return this.#byHand();
  }
  override list(): Promise<never> {
    return this.#byHand();
  }
  override delete(): Promise<never> {
    return this.#byHand();
  }
  protected override made(): Promise<never> {
    return this.#byHand();
  }
  protected override listed(): Promise<never> {
    return this.#byHand();
  }
  protected override remove(): Promise<never> {
    return this.#byHand();
  }

  protected override wordsOf(message: string): VenueWords | undefined {
    const code = /"error"\s*:\s*\[\s*"(E[^"]+)"/.exec(message)?.[1];
    return code === undefined ? undefined : { code, message: '' };
  }

  protected override refusalOf({ code }: VenueWords): KeyRefusal | undefined {
    return refusals.get(code);
  }

  protected override look(exchange: Exchange): Promise<unknown> {
    return this.call(exchange, 'privatePostBalance');
  }

  async #byHand(): Promise<never> {
    throw new KeyMadeByHandError(`${this.venue} lets only people make, list and delete keys, in its pages`);
  }
}
