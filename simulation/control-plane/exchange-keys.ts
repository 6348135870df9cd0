/**
 * A book's keys at the venue, as its rotation has them made and deleted: those of the seed's own venue, reached through the network. How each venue is asked is
 * tested by itself. Whatever a rotation does, it is looked at here that the key which is current works, and that none is deleted before its successor was proved.
 */
import { keyCapabilities } from '../../lib/venues/keys/capabilities.ts';
import { KeyRefusedError, VenueUnclearError, type KeyProvider, type TradingKey } from '../../lib/venues/keys/provider.ts';
import { Secret } from '../../lib/secret.ts';
import type { KeyRing } from '../../lib/venues/paper/keys.ts';
import { Refusal } from '../../lib/venues/paper/market.ts';
import type { Network } from '../network.ts';
import { functionsHost } from '../swarm.ts';
import type { VirtualTime } from '../virtual-time.ts';

const askTimeoutMs = 4000;

export interface ExchangeKeysOptions {
  readonly time: VirtualTime;
  readonly network: Network;
  readonly random: () => number;
  readonly ring: KeyRing;
  readonly account: string;
  /** The key that trades at the beginning: a person has proved it. */
  readonly first: string;
  /** Stands in the secret of each, to be looked for in every output. */
  readonly planted: string;
  /** From where the tasks of both Regions speak to the venue. */
  readonly addresses: readonly string[];
  /** The key that is current at home; undefined before a person has put one there. */
  readonly current: () => string | undefined;
}

export class ExchangeKeys {
  /** What was seen broken. */
  readonly broken: string[] = [];
  readonly #options: ExchangeKeysOptions;
  readonly #proved: Set<string>;
  #made = 0;

  constructor(options: ExchangeKeysOptions) {
    this.#options = options;
    this.#proved = new Set([options.first]);
  }

  provider(): KeyProvider {
    const { ring, account, addresses, planted, random } = this.#options;
    const prove = ({ apiKey }: TradingKey): void => {
      ring.find(apiKey);
      this.#proved.add(apiKey);
    };
    return {
      capabilities: keyCapabilities.bybit,
      create: (name) => this.#ask(() => {
        this.#made += 1;
        const apiKey = `key-${this.#made}-${Math.floor(random() * 1e9)}`;
        const secret = `${planted}-${apiKey}`;
        ring.add({ apiKey, secret, account, note: name, ips: addresses });
        return { apiKey, secret: new Secret(secret) };
      }),
      list: () => this.#ask(() => ring.ofAccount(account).map(({ apiKey, note = '', ips = [] }) => ({ apiKey, name: note, addresses: ips, mayMoveMoney: false }))),
      delete: ({ apiKey }) => this.#ask(() => {
        if (!this.#isAccepted(apiKey)) return;
        const current = this.#options.current();
        if (apiKey === current) this.broken.push('the current key was deleted');
        if (current !== undefined && !this.#proved.has(current)) this.broken.push('a key was deleted before its successor was proved');
        ring.delete(apiKey);
      }),
      proveRead: (key) => this.#ask(() => prove(key)),
      proveTrade: (key) => this.#ask(() => prove(key)),
    };
  }

  /** After whatever changes a key or which of them is current. */
  look(): void {
    const current = this.#options.current();
    if (current !== undefined && !this.#isAccepted(current)) this.broken.push('the venue does not accept the current key');
  }

  #isAccepted(apiKey: string): boolean {
    try {
      return this.#options.ring.find(apiKey) !== undefined;
    } catch (error) {
      if (error instanceof Refusal) return false;
      throw error;
    }
  }

  async #ask<Answer>(serve: () => Answer): Promise<Answer> {
    const { network, time } = this.#options;
    const signal = AbortSignal.timeout(askTimeoutMs);
    // What is refused is an answer as well.
    const served = (): { readonly answer: Answer } | { readonly refused: Refusal } => {
      try {
        return { answer: serve() };
      } catch (error) {
        if (error instanceof Refusal) return { refused: error };
        throw error;
      }
    };
    const given = await network.ask(time.running!, { host: functionsHost, service: 'venue' }, served, signal).catch((error: unknown) => {
      throw new VenueUnclearError(String(error));
    });
    if ('answer' in given) return given.answer;
    throw new KeyRefusedError('unknown', given.refused.message);
  }
}
