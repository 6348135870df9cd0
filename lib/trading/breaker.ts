/**
 * The circuit breaker of a book's new orders: five failures in a row and none is sent for a minute; then one at a time, until two
 * in a row succeed. A venue that does not answer is not helped by more orders, each of which leaves a doubt to be cleared up.
 *
 * It holds up new orders only. Cancellations and reconciliation go on: they make the doubt smaller.
 *
 * The holder decides by its own copy, so an order asks nobody. Each change is written to Redis behind the orders, and whoever is
 * granted the book next begins from there, so that a restart does not begin anew against a venue that is down. An older epoch
 * cannot overwrite a newer one. While Redis is away the copy is all there is: to stop trading for want of a cache would harm more
 * than to count five failures once more.
 */
import type { Redis } from 'ioredis';
import type { Epoch } from '../lease/model.ts';
import type { Answer } from '../venues/venue.ts';

export type BreakerState =
  | { readonly kind: 'closed'; readonly failures: number }
  /** `untilMs` is on the clock that is passed in. */
  | { readonly kind: 'open'; readonly untilMs: number }
  | { readonly kind: 'half-open'; readonly successes: number };

export interface BreakerSettings {
  readonly failuresToOpen: number;
  readonly openMs: number;
  readonly successesToClose: number;
}

export const usualBreaker: BreakerSettings = { failuresToOpen: 5, openMs: 60_000, successesToClose: 2 };
export const closedBreaker: BreakerState = { kind: 'closed', failures: 0 };

export type BreakerResult = 'success' | 'failure';

/**
 * A refusal is an answer: the venue works, it only says no. A failure is a venue that said nothing, nothing that can be used, or was
 * reached too late. What did not leave this process says nothing of the venue; nor does an order that it calls late and that was not,
 * by our clock: then the clocks disagree, and more orders harm nobody once they are measured anew.
 */
export function resultOf({ kind }: Answer, wasInTime: boolean): BreakerResult | undefined {
  if (kind === 'never-sent' || (kind === 'expired' && wasInTime)) return undefined;
  return kind === 'ambiguous' || kind === 'expired' ? 'failure' : 'success';
}

/** The state at an instant: an opening ends by itself. */
export function breakerAt(state: BreakerState, nowMs: number): BreakerState {
  return state.kind === 'open' && nowMs >= state.untilMs ? { kind: 'half-open', successes: 0 } : state;
}

export function breakerAfter(known: BreakerState, result: BreakerResult, nowMs: number, settings: BreakerSettings): BreakerState {
  const state = breakerAt(known, nowMs);
  const opened = { kind: 'open', untilMs: nowMs + settings.openMs } as const;
  switch (state.kind) {
    case 'closed': {
      if (result === 'success') return state.failures === 0 ? state : closedBreaker;
      const failures = state.failures + 1;
      return failures >= settings.failuresToOpen ? opened : { kind: 'closed', failures };
    }
    case 'open':
      // Late news of an order that was under way when it opened.
      return state;
    case 'half-open': {
      if (result === 'failure') return opened;
      const successes = state.successes + 1;
      return successes >= settings.successesToClose ? closedBreaker : { kind: 'half-open', successes };
    }
  }
}

/** As it is kept for the next holder; an opening is told as what is left of it, for no two hosts share a clock. */
export type StoredBreaker = Exclude<BreakerState, { kind: 'open' }> | { readonly kind: 'open'; readonly remainingMs: number };

/** Both calls answer in bounded time, or throw. */
export interface BreakerStore {
  /** What is kept. From then on no older epoch's word counts: a holder that wakes too late has failures to tell, and nobody else's. */
  claim(epoch: Epoch): Promise<StoredBreaker | undefined>;
  write(epoch: Epoch, state: StoredBreaker): Promise<void>;
}

export interface BreakerOptions {
  readonly store: BreakerStore;
  readonly monotonicMs: () => number;
  /** Told of each opening, half-opening and closing. */
  readonly onChange: (state: BreakerState, before: BreakerState) => void;
  readonly settings?: BreakerSettings;
}

/** A trial is under way: ask again after that. */
const trialPauseMs = 200;

export class Breaker {
  readonly #options: Required<BreakerOptions>;
  #known: BreakerState = closedBreaker;
  #written: BreakerState = closedBreaker;
  #epoch: Epoch | undefined;
  #trials = 0;
  #openings = 0;

  constructor(options: BreakerOptions) {
    this.#options = { settings: usualBreaker, ...options };
  }

  get state(): BreakerState {
    this.#become(breakerAt(this.#known, this.#options.monotonicMs()));
    return this.#known;
  }

  get openings(): number {
    return this.#openings;
  }

  /** How long a new order has to wait at least; 0: it may go. */
  waitMs(): number {
    const { state } = this;
    if (state.kind === 'open') return state.untilMs - this.#options.monotonicMs();
    return state.kind === 'half-open' && this.#trials > 0 ? trialPauseMs : 0;
  }

  /** To be called when an order begins; what it returns, once with what is known of it then. */
  begin(): (result: BreakerResult | undefined) => void {
    this.#trials += 1;
    return (result) => {
      this.#trials -= 1;
      if (result === undefined) return;
      const { monotonicMs, settings } = this.#options;
      this.#become(breakerAfter(this.state, result, monotonicMs(), settings));
      void this.save();
    };
  }

  /** Begins an epoch from what its predecessor left; with what is known here, if the store does not answer. */
  async takeOver(epoch: Epoch): Promise<void> {
    const { store, monotonicMs } = this.#options;
    try {
      const stored = await store.claim(epoch);
      const state = stored?.kind === 'open' ? { kind: 'open' as const, untilMs: monotonicMs() + stored.remainingMs } : stored;
      this.#become(state ?? closedBreaker);
      this.#written = this.#known;
    } catch {
      // What is here was counted by this process in an epoch before, or is nothing; the next word claims the epoch.
      this.#written = { ...this.#known };
    }
    this.#epoch = epoch;
  }

  /** Writes what the store does not have yet; what fails is written at the next call. */
  async save(): Promise<void> {
    const { store, monotonicMs } = this.#options;
    const { state } = this;
    if (this.#epoch === undefined || state === this.#written) return;
    const before = this.#written;
    this.#written = state;
    try {
      const remaining = state.kind === 'open' ? { kind: 'open' as const, remainingMs: Math.ceil(state.untilMs - monotonicMs()) } : state;
      await store.write(this.#epoch, remaining);
    } catch {
      if (this.#written === state) this.#written = before;
    }
  }

  #become(state: BreakerState): void {
    const before = this.#known;
    this.#known = state;
    if (state.kind === before.kind) return;
    if (state.kind === 'open') this.#openings += 1;
    this.#options.onChange(state, before);
  }
}

/** Longer than any opening; then a state says nothing of the venue any more. */
const keptMs = 3_600_000;

/** One epoch's word stands until a newer one speaks; time is Redis's own. */
const writeScript = `
local known = redis.call('HGET', KEYS[1], 'epoch')
if known and tonumber(known) > tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
local untilMs = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[4])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'kind', ARGV[2], 'count', ARGV[3], 'untilMs', string.format('%.0f', untilMs))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`;
const claimScript = `
local known = redis.call('HGET', KEYS[1], 'epoch')
if not known then redis.call('HSET', KEYS[1], 'kind', 'closed', 'count', 0, 'untilMs', 0) end
if not known or tonumber(known) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
local found = redis.call('HMGET', KEYS[1], 'kind', 'count', 'untilMs')
local time = redis.call('TIME')
return { found[1], found[2], string.format('%.0f', found[3] - time[1] * 1000 - math.floor(time[2] / 1000)) }`;

export class RedisBreakerStore implements BreakerStore {
  readonly #redis: Redis;
  readonly #key: string;

  /** The client's own time-outs bound the calls. */
  constructor({ redis, book }: { redis: Redis; book: string }) {
    this.#redis = redis;
    this.#key = `baton:breaker:${book}`;
  }

  async claim(epoch: Epoch): Promise<StoredBreaker> {
    const found = (await this.#redis.eval(claimScript, 1, this.#key, epoch, keptMs)) as [string, string, string];
    const [kind, count, remainingMs] = found;
    if (kind === 'open') return { kind, remainingMs: Number(remainingMs) };
    return kind === 'half-open' ? { kind, successes: Number(count) } : { kind: 'closed', failures: Number(count) };
  }

  async write(epoch: Epoch, state: StoredBreaker): Promise<void> {
    const count = state.kind === 'closed' ? state.failures : state.kind === 'half-open' ? state.successes : 0;
    const remainingMs = state.kind === 'open' ? state.remainingMs : 0;
    await this.#redis.eval(writeScript, 1, this.#key, epoch, state.kind, count, remainingMs, keptMs);
  }
}
