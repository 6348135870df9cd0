/**
 * The paper venue: Bybit's v5 REST API for one spot symbol on 127.0.0.1, good enough for ccxt to trade on it unmodified. Drills trade on it,
 * and so does the rehearsal.
 *
 * It tells every request with the times of its arrival and of its decision, lets its market walk so that resting
 * orders are filled, and can be made slow, silent or wrong about the time.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openDesk, type Decision } from './desk.ts';
import { usualRateLimits, type RateLimits } from './gate.ts';
import type { KeyRing, VenueKey } from './keys.ts';
import type { Market } from './market.ts';

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
  const { market, keys, decide } = openDesk({ random, keys: options.keys, nowMs, monotonicMs, limits, ...(onDecision && { onDecision }) });
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

    const { status, text } = decide({ method, path, query, body, headers: request.headers, address });

    await delay(latencyMs + met.replyDelayMs, closing.signal);
    if (met.reply === 'cut') return void request.socket.destroy();
    if (met.reply === 'bad-gateway')
      return void response.writeHead(502, { 'content-type': 'text/html' }).end('<html>502 Bad Gateway</html>');
    response.writeHead(status, { 'content-type': 'application/json' });
    if (met.reply === 'stalled') return response.flushHeaders();
    response.end(text);
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
