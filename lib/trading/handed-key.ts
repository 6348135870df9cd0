/**
 * The venue's key as the guard hands it over: the first one, and each that follows. It is in this process's memory alone.
 */
import type { LeaseView, VenueKeyAnswer } from '../contracts/guard-api.ts';
import { Secret } from '../secret.ts';
import type { SigningKey } from '../venues/venue.ts';
import { messageOf } from '../message-of.ts';
import type { Clock, Log } from './trader.ts';

/** `PermitSource` is one. */
export interface KeySource {
  readonly view: LeaseView | undefined;
  onChange(listener: (view: LeaseView) => void): () => void;
  venueKey(): Promise<VenueKeyAnswer>;
}

export interface HandedKeyOptions {
  readonly source: KeySource;
  readonly sleep: Clock['sleep'];
  readonly log: Log;
}

/** The guard is on the same host: what fails now works in a moment. */
const againAfterMs = 200;

export class HandedKey {
  readonly #options: HandedKeyOptions;
  readonly #closed = new AbortController();
  readonly #first = Promise.withResolvers<SigningKey>();
  #use: (key: SigningKey) => void = () => undefined;
  #newest: SigningKey | undefined;
  #fetching = false;

  constructor(options: HandedKeyOptions) {
    this.#options = options;
    const stop = options.source.onChange(() => void this.#fetch());
    this.#closed.signal.addEventListener('abort', stop);
    void this.#fetch();
  }

  /** Waits until the guard has proved a key. */
  first(): Promise<SigningKey> {
    return this.#first.promise;
  }

  /** Called with each key after the first; at once with one that came meanwhile. */
  follow(use: (key: SigningKey) => void): void {
    this.#use = use;
    if (this.#newest !== undefined) use(this.#newest);
  }

  close(): void {
    this.#closed.abort();
  }

  /** Until the newest that the guard speaks of is here: a standby's view may not change again for long. */
  async #fetch(): Promise<void> {
    const { source, sleep, log } = this.#options;
    if (this.#fetching) return;
    this.#fetching = true;
    while (!this.#closed.signal.aborted && source.view?.venueKey !== undefined && source.view.venueKey !== this.#newest?.version) {
      try {
        this.#take(await source.venueKey());
      } catch (error) {
        log('warn', 'the guard did not hand over the key', { error: messageOf(error) });
      }
      if (source.view.venueKey !== this.#newest?.version) await sleep(againAfterMs, this.#closed.signal);
    }
    this.#fetching = false;
  }

  #take({ version, key: { apiKey = '', secret = '' } }: VenueKeyAnswer): void {
    if (version === this.#newest?.version) return;
    const key: SigningKey = { version, apiKey: new Secret(apiKey), secret: new Secret(secret) };
    this.#newest = key;
    this.#first.resolve(key);
    this.#use(key);
    this.#options.log('info', "signs with the venue's key that the guard handed over", { version });
  }
}
