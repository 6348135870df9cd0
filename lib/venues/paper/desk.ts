/**
 * The paper venue without its network: who passes the gate, what each path answers, and a word of every request with the times of its arrival and of
 * its decision. A server puts it behind sockets; a simulation calls it.
 */
import { endpoints, type Arguments } from './endpoints.ts';
import { Gate, signedHeaders, type RateLimits, type SignedRequest } from './gate.ts';
import { KeyRing, type VenueKey } from './keys.ts';
import { Market, Refusal } from './market.ts';

export interface DeskOptions {
  /** From 0 to below 1: moves the market. */
  readonly random: () => number;
  readonly keys: readonly VenueKey[];
  /** By the venue's clock. */
  readonly nowMs: () => number;
  /** By that of whoever reads the record. */
  readonly monotonicMs: () => number;
  readonly limits: RateLimits;
  readonly onDecision?: (decision: Decision) => void;
}

/** A request, as the venue decided it. Times are those of the clock that it was given. */
export interface Decision {
  readonly arrivedAtMs: number;
  readonly decidedAtMs: number;
  readonly method: string;
  readonly path: string;
  readonly apiKey: string;
  /** Absent when the gate refused. */
  readonly account?: string;
  readonly accepted: boolean;
  /** The venue's code; 0 for accepted. */
  readonly code: number;
  /** The request's own time stamp and window, on the venue's clock. */
  readonly timestampMs?: number;
  readonly windowMs?: number;
  readonly orderId?: string;
  readonly clientOrderId?: string;
}

export interface VenueRequest extends SignedRequest {
  readonly path: string;
}

export interface VenueReply {
  readonly status: number;
  /** JSON. */
  readonly text: string;
}

export interface VenueDesk {
  readonly market: Market;
  readonly keys: KeyRing;
  readonly decide: (request: VenueRequest) => VenueReply;
}

interface Envelope {
  readonly retCode: number;
  readonly retMsg: string;
  readonly result: Record<string, unknown>;
  readonly retExtInfo: unknown;
  readonly time: number;
}

const anonymous: VenueKey = { apiKey: '', secret: '', account: '' };

export function openDesk({ random, keys: first, nowMs, monotonicMs, limits, onDecision }: DeskOptions): VenueDesk {
  const market = new Market({ random, nowMs });
  const keys = new KeyRing(first, nowMs);
  const gate = new Gate({ keys, nowMs, monotonicMs, limits });
  const routes = endpoints(market, keys, nowMs);

  function judged(request: VenueRequest): { readonly status: number; readonly envelope: Envelope; readonly account?: string } {
    const endpoint = routes[`${request.method} ${request.path}`];
    let account: string | undefined;
    const of = (status: number, code: number, message: string, answer: Record<string, unknown>) =>
      ({ status, envelope: envelopeOf(code, message, answer, nowMs()), ...(account !== undefined && { account }) });
    try {
      if (endpoint === undefined) return of(404, 10017, 'Route not found.', {});
      const key = endpoint.kind === 'public' ? anonymous : gate.pass(request, endpoint.kind);
      if (endpoint.kind !== 'public') account = key.account;
      return of(200, 0, 'OK', endpoint.answer(argumentsOf(request), key));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return of(200, error.code, error.message, {});
    }
  }

  return {
    market,
    keys,
    decide(request) {
      const arrivedAtMs = monotonicMs();
      const { status, envelope, account } = judged(request);
      const { apiKey, timestamp, window } = signedHeaders(request);
      const { method, path, body } = request;
      const clientOrderId = method === 'POST' ? linkOf(body) : undefined;
      onDecision?.({
        arrivedAtMs,
        decidedAtMs: monotonicMs(),
        method,
        path,
        apiKey,
        accepted: envelope.retCode === 0,
        code: envelope.retCode,
        ...(account !== undefined && { account }),
        ...(timestamp !== '' && { timestampMs: Number(timestamp) }),
        ...(window !== '' && { windowMs: Number(window) }),
        ...(method === 'POST' && idOf(envelope.result)),
        ...(clientOrderId !== undefined && clientOrderId !== '' && { clientOrderId }),
      });
      return { status, text: JSON.stringify(envelope) };
    },
  };
}

function envelopeOf(retCode: number, retMsg: string, answer: Record<string, unknown>, now: number): Envelope {
  const { retExtInfo = {}, ...result } = answer;
  return { retCode, retMsg, result, retExtInfo, time: Math.floor(now) };
}

function argumentsOf({ method, query, body }: VenueRequest): Arguments {
  if (method !== 'POST') return Object.fromEntries(new URLSearchParams(query));
  try {
    const parsed: unknown = JSON.parse(body === '' ? '{}' : body);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Arguments;
  } catch {
    // Falls through to the venue's own words for it.
  }
  throw new Refusal(10001, 'Request parameter error: the body is no JSON object.');
}

/** The client order id of a request, also of one that the gate refused: a late order is counted by it. */
function linkOf(body: string): string | undefined {
  return /"orderLinkId"\s*:\s*"([^"]*)"/.exec(body)?.[1];
}

function idOf(result: Record<string, unknown>): { orderId?: string } {
  return typeof result['orderId'] === 'string' ? { orderId: result['orderId'] } : {};
}
