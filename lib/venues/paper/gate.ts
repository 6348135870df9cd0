/**
 * Who may pass: key, address, time window, signature, rate. In Bybit's order and with its codes.
 *
 * The rule for time is Bybit's, word for word: `server_time - recv_window <= timestamp < server_time + 1000`.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { mayTrade, type KeyRing, type VenueKey } from './keys.ts';
import { Refusal } from './market.ts';

export interface SignedRequest {
  readonly method: string;
  readonly query: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly address: string;
}

/** Orders by account, in any second; all requests by address, in any five. */
export interface RateLimits {
  readonly ordersPerSecond: number;
  readonly requestsPer5Seconds: number;
}
/** An account without a special standing, on spot. */
export const usualRateLimits: RateLimits = { ordersPerSecond: 20, requestsPer5Seconds: 600 };

/** To look, to change, to place or amend an order, or to manage the keys of sub-accounts. */
export type SignedKind = 'look' | 'change' | 'order' | 'manage';

export interface GateOptions {
  readonly keys: KeyRing;
  readonly nowMs: () => number;
  readonly monotonicMs: () => number;
  readonly limits: RateLimits;
}

const usualWindowMs = 5000;

export class Gate {
  readonly #keys: KeyRing;
  readonly #nowMs: () => number;
  readonly #monotonicMs: () => number;
  readonly #limits: RateLimits;
  readonly #requests = new Map<string, SlidingWindow>();
  readonly #orders = new Map<string, SlidingWindow>();

  /** Rates are counted on a clock of their own, which nobody sets. */
  constructor({ keys, nowMs, monotonicMs, limits }: GateOptions) {
    this.#keys = keys;
    this.#nowMs = nowMs;
    this.#monotonicMs = monotonicMs;
    this.#limits = limits;
  }

  /** Throws a Refusal, or gives the key that signed. */
  pass(request: SignedRequest, kind: SignedKind): VenueKey {
    const { apiKey, timestamp, window, signature } = signedHeaders(request);
    if (apiKey === '' || timestamp === '' || signature === '') throw new Refusal(10001, 'empty value: openapi sign params error!');
    const key = this.#keys.find(apiKey);
    const nowMs = this.#nowMs();
    if (key.ips !== undefined && !key.ips.includes(request.address)) {
      throw new Refusal(10010, "Unmatched IP, please check your API key's bound IP addresses.");
    }
    const timestampMs = Number(timestamp);
    const windowMs = window === '' ? usualWindowMs : Number(window);
    if (!(nowMs - windowMs <= timestampMs && timestampMs < nowMs + 1000)) {
      throw new Refusal(
        10002,
        'invalid request, please check your server timestamp or recv_window param. ' +
          `req_timestamp[${timestamp}],server_timestamp[${nowMs}],recv_window[${windowMs}]`,
      );
    }
    const text = timestamp + apiKey + window + (request.method === 'POST' ? request.body : request.query);
    if (!sameText(createHmac('sha256', key.secret).update(text).digest('hex'), signature)) {
      throw new Refusal(10004, 'error sign! Please check your signature generation algorithm.');
    }
    const isPermitted = kind === 'look' || (kind === 'manage' ? key.manages === true : mayTrade(key));
    if (!isPermitted) throw new Refusal(10005, 'Permission denied, please check your API key permissions.');
    if (!windowOf(this.#requests, request.address, 5_000, this.#limits.requestsPer5Seconds).take(this.#monotonicMs())) {
      throw new Refusal(10018, 'Exceeded the IP Rate Limit.');
    }
    if (kind === 'order' && !windowOf(this.#orders, key.account, 1_000, this.#limits.ordersPerSecond).take(this.#monotonicMs())) {
      throw new Refusal(10006, 'Too many visits. Exceeded the API Rate Limit.');
    }
    return key;
  }
}

/** The headers that a signature covers; empty text for those that are missing. */
export function signedHeaders({ headers }: Pick<SignedRequest, 'headers'>) {
  const header = (name: string) => String(headers[name] ?? '');
  return {
    apiKey: header('x-bapi-api-key'),
    timestamp: header('x-bapi-timestamp'),
    window: header('x-bapi-recv-window'),
    signature: header('x-bapi-sign'),
  };
}

/** At most `limit` in any span of `spanMs`. A refused request does not count. */
class SlidingWindow {
  readonly #times: number[] = [];
  readonly #spanMs: number;
  readonly #limit: number;
  constructor(spanMs: number, limit: number) {
    this.#spanMs = spanMs;
    this.#limit = limit;
  }

  take(nowMs: number): boolean {
    while (this.#times[0] !== undefined && this.#times[0] <= nowMs - this.#spanMs) this.#times.shift();
    if (this.#times.length >= this.#limit) return false;
    this.#times.push(nowMs);
    return true;
  }
}

function windowOf(windows: Map<string, SlidingWindow>, whose: string, spanMs: number, limit: number): SlidingWindow {
  const found = windows.get(whose) ?? new SlidingWindow(spanMs, limit);
  windows.set(whose, found);
  return found;
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
