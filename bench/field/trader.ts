/** The trader that each of the field's bench has: an order at its pace while its election lets it, signed as Bybit wants it, nothing else. */
import { createHmac } from 'node:crypto';
import { request, type Agent } from 'node:http';
import { createOrderPath } from '../../rehearsal/venue/record.ts';
import type { Election, Leave } from './election.ts';

const inFlightAtMost = 16;
const requestTimeoutMs = 10_000;
/** Far from the market on both sides, so each is filled at once and nothing rests. */
const prices = { Buy: '90000', Sell: '30000' } as const;

export interface BenchTraderOptions {
  readonly book: string;
  readonly election: Election;
  readonly venue: { readonly host: string; readonly port: number };
  readonly agent: Agent;
  readonly everyMs: number;
}

export class BenchTrader {
  readonly #options: BenchTraderOptions;
  readonly #inFlight = new Set<Promise<void>>();
  #side: 'Buy' | 'Sell' = 'Buy';

  constructor(options: BenchTraderOptions) {
    this.#options = options;
  }

  start(): void {
    const { election, everyMs } = this.#options;
    election.start(async () => {
      while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
    });
    let nextMs = performance.now();
    const turn = (): void => {
      const leave = this.#inFlight.size < inFlightAtMost ? election.leave() : undefined;
      if (leave !== undefined) {
        const sent = this.#send(leave).catch(() => undefined).finally(() => this.#inFlight.delete(sent));
        this.#inFlight.add(sent);
      }
      nextMs = Math.max(nextMs + everyMs, performance.now());
      setTimeout(turn, Math.max(0, nextMs - performance.now()));
    };
    turn();
  }

  #send({ id, sign }: Leave): Promise<void> {
    const { book, venue, agent } = this.#options;
    const signed = sign();
    if (signed === undefined) return Promise.resolve();
    this.#side = this.#side === 'Buy' ? 'Sell' : 'Buy';
    const body = JSON.stringify({
      category: 'spot', symbol: 'BTCUSDT', side: this.#side, orderType: 'Limit', qty: '0.0001', price: prices[this.#side], orderLinkId: id,
    });
    const timestamp = String(signed.timestampMs);
    const window = String(signed.windowMs);
    const signature = createHmac('sha256', book).update(timestamp + book + window + body).digest('hex');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const call = request({
      ...venue, agent, method: 'POST', path: createOrderPath, timeout: requestTimeoutMs,
      headers: {
        'content-type': 'application/json', 'content-length': Buffer.byteLength(body),
        'x-bapi-api-key': book, 'x-bapi-timestamp': timestamp, 'x-bapi-recv-window': window, 'x-bapi-sign': signature,
      },
    });
    call.on('timeout', () => call.destroy(new Error(`the venue did not answer within ${requestTimeoutMs} ms`)));
    call.on('error', reject);
    call.on('response', (response) => response.resume().on('end', resolve));
    call.end(body);
    return promise;
  }
}
