/**
 * The book's key at the venue, in this process's memory alone. The guard reads the current version of its secret, proves it by a signed
 * request of its own that the venue accepts, and only then hands it to the trader. It looks for a new version when one is announced
 * beside the lease, when the venue refuses the one in use, and every quarter of an hour in any case.
 *
 * A version that is not proved replaces nothing: the trader keeps the key that works.
 */
import { createHmac } from 'node:crypto';
import type { TraderStatus } from '../../lib/contracts/guard-api.ts';
import type { KeyReport } from '../../lib/lease/model.ts';
import type { Secret } from '../../lib/secret.ts';
import { bybitKeyRefusals } from '../../lib/venues/key-refusals.ts';
import type { GuardOptions } from './guard.ts';
import { askAt, type AskVenue } from './venue-request.ts';

export interface HeldKey {
  readonly version: string;
  /** Every text of the secret, by its name. */
  readonly texts: ReadonlyMap<string, Secret>;
}
/** Accepted, or refused with the venue's code. Whatever says neither is thrown. */
export type ProveKey = (key: HeldKey, venueNowMs: number, signal: AbortSignal) => Promise<{ readonly refused?: string }>;

export interface VenueKeysOptions extends Pick<GuardOptions, 'after'> {
  readonly read: () => Promise<HeldKey>;
  readonly prove: ProveKey;
  /** From 0 to 1: so that tasks do not ask all at once. */
  readonly random: () => number;
}
/** What the guard that they belong to gives. */
export interface VenueKeysSurroundings {
  readonly nowMs: () => number;
  /** By its clock as measured. */
  readonly venueNowMs: () => number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
  /** Another key is handed over, or what is known of the one in use has changed. */
  readonly onChange: () => void;
}

const lookEveryMs = 15 * 60_000;
/** Each time twice as long: a venue may take half a minute until it knows a new key, a replica a moment until it has it. */
const firstPauseMs = 250;
/** Without any key nobody can trade. */
const pauseWithoutKeyMaxMs = 5000;
const proofTimeoutMs = 2000;

export class VenueKeys {
  readonly #options: VenueKeysOptions;
  #surroundings: VenueKeysSurroundings | undefined;
  #offered: HeldKey | undefined;
  #proved: { readonly version: string; readonly atMs: number } | undefined;
  /** What the venue said to the guard of the version that it read last. */
  #refused: { readonly version: string; readonly code: string } | undefined;
  #traderSays: TraderStatus['venueKey'];
  #otherUsedAtMs: number | undefined;
  #announced: string | undefined;
  #read: string | undefined;
  #failures = 0;
  #trouble = '';
  #looking = false;
  #again = false;
  #cancel: () => void = () => undefined;
  #over = false;

  constructor(options: VenueKeysOptions) {
    this.#options = options;
  }

  /** As soon as the venue's clock is known: a signature needs its time. */
  start(surroundings: VenueKeysSurroundings): void {
    if (this.#surroundings !== undefined) return;
    this.#surroundings = surroundings;
    void this.#look(surroundings);
  }

  close(): void {
    this.#over = true;
    this.#cancel();
  }

  /** What the trader gets: the newest version that was proved. */
  get offered(): HeldKey | undefined {
    return this.#offered;
  }

  /** Since the venue last accepted a signed request of this guard; undefined before. */
  get proofAgeMs(): number | undefined {
    return this.#proved === undefined ? undefined : this.#nowMs() - this.#proved.atMs;
  }

  /** For the roster. */
  get report(): KeyReport | undefined {
    const refused = this.#traderRefusal?.version ?? this.#refused?.version;
    const uses = this.#traderSays?.version;
    if (this.#proved === undefined && refused === undefined && uses === undefined) return undefined;
    return {
      ...(this.#proved !== undefined && { proved: this.#proved.version }),
      ...(uses !== undefined && { uses }),
      ...(this.#otherUsedAtMs !== undefined && { otherUsedMsAgo: Math.round(this.#nowMs() - this.#otherUsedAtMs) }),
      ...(refused !== undefined && { refused }),
    };
  }

  /** Why nobody can trade with the key in use; undefined when nothing is known against it. */
  get problem(): string | undefined {
    const code = this.#traderRefusal?.refused ?? (this.#refused?.version === this.#offered?.version ? this.#refused?.code : undefined);
    return code === undefined ? undefined : `the venue refuses the key (${code}): was it deleted, has it lapsed, or is this address not on its list?`;
  }

  /** Beside the lease it says that this version is current. */
  announced(version: string): void {
    if (version === this.#announced) return;
    this.#announced = version;
    if (version !== this.#read) this.#lookNow();
  }

  /** By its status, which comes at every change and every few seconds. */
  traderSays(said: TraderStatus['venueKey']): void {
    const before = this.#traderSays;
    this.#traderSays = said;
    if (before !== undefined && before.version !== said?.version) this.#otherUsedAtMs = this.#nowMs();
    if (said?.version === before?.version && said?.refused === before?.refused) return;
    if (said?.refused !== undefined) {
      this.#surroundings?.log('error', 'the venue refuses the key to the trader', { version: said.version, refused: said.refused });
      this.#lookNow();
    }
    this.#surroundings?.onChange();
  }

  /** Of the version in use: one that was given up meanwhile says nothing any more. */
  get #traderRefusal(): { readonly version: string; readonly refused: string } | undefined {
    const { version, refused } = this.#traderSays ?? {};
    return version !== undefined && refused !== undefined && version === this.#offered?.version ? { version, refused } : undefined;
  }

  #nowMs(): number {
    return this.#surroundings?.nowMs() ?? 0;
  }

  #lookNow(): void {
    this.#failures = 0;
    this.#again = true;
    if (this.#surroundings !== undefined && !this.#looking) void this.#look(this.#surroundings);
  }

  /** Reads and proves; one look at a time. */
  async #look(surroundings: VenueKeysSurroundings): Promise<void> {
    if (this.#over) return;
    this.#cancel();
    this.#looking = true;
    this.#again = false;
    let settled = false;
    try {
      const key = await this.#options.read();
      this.#read = key.version;
      settled = (await this.#prove(key, surroundings)) && (this.#announced === undefined || this.#announced === key.version);
      this.#trouble = '';
    } catch (error) {
      const trouble = error instanceof Error ? error.message : String(error);
      // The same trouble again and again is said once.
      if (trouble !== this.#trouble) surroundings.log('warn', "the venue's key could not be read or proved", { error: trouble });
      this.#trouble = trouble;
    }
    this.#looking = false;
    if (this.#over) return;
    this.#failures = settled ? 0 : this.#failures + 1;
    const longestMs = this.#offered === undefined ? pauseWithoutKeyMaxMs : lookEveryMs;
    const pauseMs = settled ? lookEveryMs : Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestMs);
    this.#cancel = this.#options.after(this.#again ? 0 : pauseMs * (0.9 + 0.2 * this.#options.random()), () => void this.#look(surroundings));
  }

  /** Whether the venue accepted it. */
  async #prove(key: HeldKey, { venueNowMs, nowMs, log, onChange }: VenueKeysSurroundings): Promise<boolean> {
    const { version } = key;
    const { refused } = await this.#options.prove(key, venueNowMs(), AbortSignal.timeout(proofTimeoutMs));
    if (refused !== undefined) {
      if (this.#refused?.version !== version || this.#refused.code !== refused) log('error', 'the venue refuses the key', { version, code: refused, inUse: version === this.#offered?.version });
      this.#refused = { version, code: refused };
      onChange();
      return false;
    }
    this.#proved = { version, atMs: nowMs() };
    const before = this.#offered;
    const mended = this.#refused !== undefined;
    this.#refused = undefined;
    if (before?.version !== version) {
      this.#offered = key;
      log('info', 'the venue accepts the key: it is handed to the trader', { version, before: before?.version });
    }
    if (mended || before?.version !== version) onChange();
    return true;
  }
}

const windowMs = 5000;

/** Bybit v5: what a key is, asked with the key itself. */
export function bybitProof(baseUrl: string, ask: AskVenue = askAt(baseUrl)): ProveKey {
  return async ({ version, texts }, venueNowMs, signal) => {
    const [apiKey, secret] = [texts.get('apiKey'), texts.get('secret')];
    if (apiKey === undefined || secret === undefined) throw new Error(`version ${version} of the venue's secret has no apiKey, or no secret`);
    const timestamp = String(Math.floor(venueNowMs));
    const sign = createHmac('sha256', secret.reveal()).update(`${timestamp}${apiKey.reveal()}${windowMs}`).digest('hex');
    const headers = {
      'X-BAPI-API-KEY': apiKey.reveal(), 'X-BAPI-TIMESTAMP': timestamp, 'X-BAPI-RECV-WINDOW': String(windowMs), 'X-BAPI-SIGN': sign,
    };
    const { status, body } = await ask('/v5/user/query-api', { signal, headers });
    const code = (body as { readonly retCode?: unknown } | undefined)?.retCode;
    if (code === 0) return {};
    if (bybitKeyRefusals.has(String(code))) return { refused: String(code) };
    throw new Error(`the venue answered ${status} with the code ${String(code)} to a signed question: neither accepted nor refused`);
  };
}
