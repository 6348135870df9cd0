/**
 * What Bybit filled of an account in a time, by one signed request a page. Not through ccxt: this runs in a function, which would carry an exchange's whole client to
 * read one list.
 *
 * Bybit's API, v5: "Get Trade History" (the newest first, 100 a page, a week at most), "Integration Guidance" for the signature.
 */
import { createHmac } from 'node:crypto';
import * as z from 'zod/mini';
import type { Secret } from '../secret.ts';

export interface Fill {
  readonly executionId: string;
  readonly side: 'buy' | 'sell';
  readonly price: string;
  readonly quantity: string;
  readonly atVenueMs: number;
}

export interface FillsOptions {
  readonly url: string;
  readonly apiKey: Secret;
  readonly secret: Secret;
  /** As ccxt writes it: BTC/USDT. */
  readonly symbol: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** The newest of so many pages. */
  readonly pagesAtMost: number;
  readonly nowMs: () => number;
  readonly fetch: (url: string, init: { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal }) => Promise<{ json(): Promise<unknown> }>;
}

const pageSize = 100;
const recvWindowMs = 5000;
const answerTimeoutMs = 10_000;

const Page = z.object({
  retCode: z.number(),
  retMsg: z.string(),
  result: z.object({
    nextPageCursor: z.optional(z.string()),
    list: z.optional(z.array(z.object({
      execId: z.string(), side: z.enum(['Buy', 'Sell']), execPrice: z.string(), execQty: z.string(), execTime: z.string(), execType: z.optional(z.string()),
    }))),
  }),
});

/** The newest first. Throws when the venue does not answer, or refuses. */
export async function fillsOf(options: FillsOptions): Promise<readonly Fill[]> {
  const found: Fill[] = [];
  let cursor = '';
  for (let page = 0; page < options.pagesAtMost; page++) {
    const { retCode, retMsg, result } = Page.parse(await ask(options, cursor));
    if (retCode !== 0) throw new Error(`Bybit refuses to tell its fills: ${retCode} ${retMsg}`);
    found.push(...(result.list ?? []).map((each) => ({
      executionId: each.execId, side: each.side === 'Buy' ? 'buy' as const : 'sell' as const, price: each.execPrice, quantity: each.execQty, atVenueMs: Number(each.execTime),
    })));
    cursor = result.nextPageCursor ?? '';
    if (cursor === '') break;
  }
  return found;
}

async function ask({ url, apiKey, secret, symbol, fromMs, untilMs, nowMs, fetch }: FillsOptions, cursor: string): Promise<unknown> {
  const query = new URLSearchParams({
    category: 'spot', symbol: symbol.replace('/', ''), startTime: String(Math.ceil(fromMs)), endTime: String(Math.floor(untilMs)), limit: String(pageSize),
    ...(cursor !== '' && { cursor }),
  }).toString();
  const timestamp = String(nowMs());
  const signature = createHmac('sha256', secret.reveal()).update(`${timestamp}${apiKey.reveal()}${recvWindowMs}${query}`).digest('hex');
  const answer = await fetch(`${url}/v5/execution/list?${query}`, {
    headers: { 'X-BAPI-API-KEY': apiKey.reveal(), 'X-BAPI-TIMESTAMP': timestamp, 'X-BAPI-RECV-WINDOW': String(recvWindowMs), 'X-BAPI-SIGN': signature },
    signal: AbortSignal.timeout(answerTimeoutMs),
  });
  return answer.json();
}
