/**
 * The paper venue: Bybit's v5 REST API for one spot symbol on 127.0.0.1, good enough for ccxt to trade on it unmodified. Drills trade on it,
 * and so does the rehearsal.
 *
 * It tells every request with the times of its arrival and of its decision, lets its market walk so that resting
 * orders are filled, and can be made slow, silent or wrong about the time.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { endpoints, type Arguments, type Endpoint } from './endpoints.ts';
import { Gate, signedHeaders, usualRateLimits, type RateLimits } from './gate.ts';
import { KeyRing, type VenueKey } from './keys.ts';
import { Market, Refusal } from './market.ts';

/** What goes wrong between the venue and its clients. Requests that come later meet it; those under way do not. */
export interface VenueFault {
  /** Between the client's sending and the venue's look at the request. */
  readonly arrivalDelayMs: number;
  /** Between the venue's decision and its reply. */
  readonly replyDelayMs: number;
  /** What becomes of the reply, after the decision: sent, its connection cut, its body withheld, or a gateway's 502 in its place. */
  readonly reply: 'sent' | 'cut' | 'stalled' | 'bad-gateway';
  /** Limits the fault to some paths; all when absent. */
  readonly paths?: readonly string[];
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

export interface PaperVenueOptions {
  readonly keys: readonly VenueKey[];
  /** From 0 to below 1: moves the market. */
  readonly random: () => number;
  readonly monotonicMs: () => number;
  readonly onDecision?: (decision: Decision) => void;
  /** Of the system's choice when not said. */
  readonly port?: number;
  /** The venue's clock less this host's. */
  readonly clockOffsetMs?: number;
  /** Of the network, each way, always. */
  readonly latencyMs?: number;
  readonly limits?: RateLimits;
  /** How often the market moves; 0 for a market that only `market.step()` moves. */
  readonly stepEveryMs?: number;
}

export interface RunningPaperVenue {
  readonly url: string;
  readonly market: Market;
  /** They come and go; `keys.ever` has them all. */
  readonly keys: KeyRing;
  setFault(fault: Partial<VenueFault>): void;
  clearFault(): void;
  setClockOffset(ms: number): void;
  close(): Promise<void>;
}

const noFault: VenueFault = { arrivalDelayMs: 0, replyDelayMs: 0, reply: 'sent' };
const largestBodyBytes = 64 * 1024;

export async function startPaperVenue(options: PaperVenueOptions): Promise<RunningPaperVenue> {
  const { random, monotonicMs, onDecision, latencyMs = 0, limits = usualRateLimits, stepEveryMs = 100 } = options;
  let clockOffsetMs = options.clockOffsetMs ?? 0;
  let fault = noFault;
  const nowMs = () => Date.now() + clockOffsetMs;
  const market = new Market({ random, nowMs });
  const keys = new KeyRing(options.keys, nowMs);
  const gate = new Gate({ keys, nowMs, monotonicMs, limits });
  const routes = endpoints(market, keys, nowMs);
  const closing = new AbortController();

  const server = createServer((request, response) => {
    serve(request, response).catch((error: unknown) => {
      if (closing.signal.aborted) return;
      response.destroy(error instanceof Error ? error : undefined);
    });
  });
  // Clients keep their connections warm for longer than the usual 5 s.
  server.keepAliveTimeout = 120_000;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = (request.socket.remoteAddress ?? '').replace('::ffff:', '');
    const body = await bodyOf(request);
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const method = request.method ?? '';
    const met = fault.paths === undefined || fault.paths.includes(path) ? fault : noFault;
    await delay(latencyMs + met.arrivalDelayMs, closing.signal);

    const arrivedAtMs = monotonicMs();
    const endpoint = routes[`${method} ${path}`];
    const seen = { method, query, body, headers: request.headers, address };
    const { status, envelope, account } = decide(endpoint, seen);
    const { apiKey, timestamp, window } = signedHeaders(seen);
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

    await delay(latencyMs + met.replyDelayMs, closing.signal);
    if (met.reply === 'cut') return void request.socket.destroy();
    if (met.reply === 'bad-gateway')
      return void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>502 Bad Gateway</html>');
    response.writeHead(status, { 'content-type': 'application/json' });
    if (met.reply === 'stalled') return response.flushHeaders();
    response.end(JSON.stringify(envelope));
  }

  function decide(endpoint: Endpoint | undefined, seen: Parameters<Gate['pass']>[0]) {
    let account: string | undefined;
    try {
      if (endpoint === undefined) return { status: 404, envelope: envelopeOf(10017, 'Route not found.', {}, nowMs()), account };
      const key = endpoint.kind === 'public' ? anonymous : gate.pass(seen, endpoint.kind);
      if (endpoint.kind !== 'public') account = key.account;
      return { status: 200, envelope: envelopeOf(0, 'OK', endpoint.answer(argumentsOf(seen), key), nowMs()), account };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { status: 200, envelope: envelopeOf(error.code, error.message, {}, nowMs()), account };
    }
  }

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const walk = stepEveryMs > 0 ? setInterval(() => market.step(), stepEveryMs) : undefined;
  walk?.unref();

  return {
    url: `http://127.0.0.1:${port}`,
    market,
    keys,
    setFault: (change) => {
      fault = { ...fault, ...change };
    },
    clearFault: () => {
      fault = noFault;
    },
    setClockOffset: (ms) => {
      clockOffsetMs = ms;
    },
    close: () =>
      new Promise((resolve) => {
        clearInterval(walk);
        closing.abort();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const anonymous: VenueKey = { apiKey: '', secret: '', account: '' };

interface Envelope {
  readonly retCode: number;
  readonly retMsg: string;
  readonly result: Record<string, unknown>;
  readonly retExtInfo: unknown;
  readonly time: number;
}

function envelopeOf(retCode: number, retMsg: string, answer: Record<string, unknown>, now: number): Envelope {
  const { retExtInfo = {}, ...result } = answer;
  return { retCode, retMsg, result, retExtInfo, time: Math.floor(now) };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > largestBodyBytes) throw new Error(`request body above ${largestBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function argumentsOf({ method, query, body }: { method: string; query: string; body: string }): Arguments {
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

function delay(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        reject(new Error('the venue closes'));
      },
      { once: true },
    );
  });
}
