/**
 * Bybit through ccxt: few calls at the start, every change bounded, every answer classified.
 *
 * ccxt 4.5.84 looks a single order up by client id wrongly on this venue (it can return another order), so lookups go
 * through the lists and compare the id themselves.
 *
 * Its dead-man switch is a window on a lost websocket connection, granted on request, and is not used: what protects here is
 * the window of each request, and that a new holder adopts what rests.
 */
import { bybit, type Exchange, type Order as CcxtOrder, type Trade as CcxtTrade } from 'ccxt';
import { bounded, bybitExpiry, NeverSentError, within, type BoundedOptions, type Deadline } from './bounded.ts';
import { bybitKeyRefusals } from './key-refusals.ts';
import {
  executionsPage, VenueClockError, type Answer, type Execution, type KeyInUse, type NewOrder, type OrderAtVenue, type SigningKey, type Touch, type Venue,
} from './venue.ts';

export interface BybitOptions extends BoundedOptions {
  readonly url: string;
  readonly key: SigningKey;
  /** What is known of the key has changed. */
  readonly onKey?: () => void;
  readonly symbol: string;
  /** For the time-out of a stalled body, which ccxt's own does not see. */
  readonly setTimer?: (action: () => void, ms: number) => { clear(): void };
  /** How requests travel, where not by ccxt's own connections. */
  readonly fetch?: typeof globalThis.fetch;
}

/** The gate's refusals: of the request as such, its key, its sender or their number. Nothing behind it has seen the request. */
const refusedAtTheGate = new Set(
  ['10001', '10003', '10004', '10005', '10006', '10009', '10010', '10017', '10018', '10020', '10024', '10027', '10028', '10029', '33004'],
);
/** What the order service says of an order: derivatives 110…, spot 170…. */
const orderCodes = /^1[17]0\d{3}$/;
/** … but for these: internal errors and time-outs behind the gate, after which the venue may have acted, or may still. */
const ambiguousCodes = new Set(['110079', '170001', '170007', '170032', '170035', '170146', '170147', '170234']);
/** The id exists already. We send each id once, so the order that has it is ours: look. */
const duplicateCodes = new Set(['170141', '110072', '110030']);
const windowCode = '10002';
const readTimeoutMs = 2000;
/** How long after its deadline a reply is still waited for; then the venue's lists decide. */
const replyGraceMs = 250;
const ordersPage = 50;
/** Of executions and of orders alike ("endTime - startTime <= 7 days"). */
const historyWindowMs = 7 * 24 * 3_600_000;
const openOrderPagesAtMost = 10;

export class VenueTimeoutError extends Error {
  constructor(what: string, ms: number) {
    super(`no complete reply from the venue to ${what} within ${Math.round(ms)} ms`);
    this.name = 'VenueTimeoutError';
  }
}

/** What an error of a changing request means for the order it carried. Exported for the tests of the table. */
export function classify(error: unknown): Exclude<Answer, { kind: 'accepted' }> {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof NeverSentError) return { kind: 'never-sent', reason: message };
  const code = codeIn(message);
  if (code === undefined) return { kind: 'ambiguous', reason: message.slice(0, 300) };
  const reason = `${code} ${/"ret_?[mM]sg"\s*:\s*"([^"]*)"/.exec(message)?.[1] ?? ''}`.trim();
  if (code === windowCode) return { kind: 'expired', reason };
  const refused = refusedAtTheGate.has(code) || (orderCodes.test(code) && !ambiguousCodes.has(code) && !duplicateCodes.has(code));
  // A code that we do not know is a doubt: to take it for a refusal could leave an order that nobody knows of.
  return { kind: refused ? 'rejected' : 'ambiguous', reason };
}

function codeIn(message: string): string | undefined {
  return /"ret_?[cC]ode"\s*:\s*"?(-?\d+)/.exec(message)?.[1];
}

export class Bybit implements Venue {
  readonly #exchange: Exchange;
  readonly #symbol: string;
  readonly #monotonicNs: () => bigint;
  readonly #setTimer: NonNullable<BybitOptions['setTimer']>;
  readonly #onKey: () => void;
  #key: KeyInUse;
  #refusedTo: 'change' | 'look' | undefined;

  constructor({ url, key, onKey = () => undefined, symbol, setTimer = realTimer, fetch, ...clocks }: BybitOptions) {
    const BoundedBybit = bounded(bybit, bybitExpiry, clocks);
    this.#onKey = onKey;
    this.#key = { version: key.version };
    this.#exchange = new BoundedBybit({
      apiKey: key.apiKey.reveal(),
      secret: key.secret.reveal(),
      // The book's tasks share one account, so they share our limiter; ccxt's own would only add its delay.
      enableRateLimit: false,
      timeout: readTimeoutMs,
      // Signing a request anew would revive an order after its deadline.
      maxRetriesOnFailure: 0,
      options: {
        defaultType: 'spot',
        fetchMarkets: { types: ['spot'] },
        // Two start-up calls less: the accounts that trade here are unified ones.
        enableUnifiedMargin: false,
        enableUnifiedAccount: true,
        unifiedMarginStatus: 5,
      },
    });
    this.#exchange.has['fetchCurrencies'] = false;
    if (fetch !== undefined) this.#exchange.fetchImplementation = fetch;
    const urls = this.#exchange.urls as { api: Record<string, string> };
    for (const api of Object.keys(urls.api)) urls.api[api] = url;
    this.#symbol = symbol;
    this.#monotonicNs = clocks.monotonicNs;
    this.#setTimer = setTimer;
  }

  get key(): KeyInUse {
    return this.#key;
  }

  /** ccxt reads both within its synchronous sign(): no request is signed with half of each, and its connections stay. */
  useKey({ version, apiKey, secret }: SigningKey): void {
    this.#exchange.apiKey = apiKey.reveal();
    this.#exchange.secret = secret.reveal();
    this.#key = { version };
    this.#refusedTo = undefined;
    this.#onKey();
  }

  async warmUp(): Promise<void> {
    await this.#read('markets', () => this.#exchange.loadMarkets(), 'public');
  }

  async place(order: NewOrder, deadline: Deadline): Promise<Answer> {
    return this.#change('an order', deadline, async () => {
      const placed = await this.#exchange.createOrder(this.#symbol, 'limit', order.side, Number(order.quantity), Number(order.price), {
        clientOrderId: order.clientOrderId,
      });
      return placed.id ?? '';
    });
  }

  async cancel(venueOrderIds: readonly string[], deadline: Deadline): Promise<Answer> {
    return this.#change('a cancellation', deadline, async () => {
      await this.#exchange.cancelOrders([...venueOrderIds], this.#symbol);
      return '';
    });
  }

  async openOrders(): Promise<readonly OrderAtVenue[]> {
    const found: OrderAtVenue[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < openOrderPagesAtMost; page++) {
      const params = cursor === undefined ? {} : { cursor };
      const orders = await this.#read('open orders', () => this.#exchange.fetchOpenOrders(this.#symbol, undefined, ordersPage, params));
      found.push(...orders.map(orderFrom));
      cursor = nextCursor(orders);
      if (orders.length < ordersPage || cursor === undefined) return found;
    }
    throw new Error(`more than ${ordersPage * openOrderPagesAtMost} open orders at the venue: cancel some by hand, then start again`);
  }

  async executions(): Promise<readonly Execution[]> {
    const trades = await this.#read('executions', () => this.#exchange.fetchMyTrades(this.#symbol, undefined, executionsPage));
    return trades.map(executionFrom);
  }

  async *executionsOfLast(ms: number): AsyncGenerator<readonly Execution[]> {
    const page = (params: object): Promise<CcxtTrade[]> => this.#exchange.fetchMyTrades(this.#symbol, undefined, executionsPage, params);
    for await (const trades of this.#history('executions', ms, executionsPage, page)) yield trades.map(executionFrom);
  }

  async *endedOfLast(ms: number): AsyncGenerator<readonly OrderAtVenue[]> {
    const page = (params: object): Promise<CcxtOrder[]> => this.#exchange.fetchCanceledAndClosedOrders(this.#symbol, undefined, ordersPage, params);
    for await (const orders of this.#history('ended orders', ms, ordersPage, page)) yield orders.map(orderFrom);
  }

  /** A list of the past, newest first: in windows as long as the venue allows, each page by page. */
  async *#history<One extends { info?: unknown }>(
    what: string, ms: number, size: number, read: (params: object) => Promise<One[]>,
  ): AsyncGenerator<readonly One[]> {
    const nowMs = this.#exchange.nonce();
    for (let endTime = nowMs; endTime > nowMs - ms; endTime -= historyWindowMs) {
      const window = { startTime: Math.max(nowMs - Math.ceil(ms), endTime - historyWindowMs), endTime };
      let cursor: string | undefined;
      do {
        const params = cursor === undefined ? window : { ...window, cursor };
        const found: readonly One[] = await this.#read(what, () => read(params));
        yield found;
        cursor = found.length < size ? undefined : nextCursor(found);
      } while (cursor !== undefined);
    }
  }

  async find(clientOrderId: string): Promise<OrderAtVenue | undefined> {
    const only = { orderLinkId: clientOrderId };
    const [open, ended] = await Promise.all([
      this.#read('an order', () => this.#exchange.fetchOpenOrders(this.#symbol, undefined, undefined, only)),
      this.#read('an ended order', () => this.#exchange.fetchCanceledAndClosedOrders(this.#symbol, undefined, undefined, only)),
    ]);
    return [...ended, ...open].map(orderFrom).find((order) => order.clientOrderId === clientOrderId);
  }

  async position(): Promise<string> {
    const balance = await this.#read('the wallet', () => this.#exchange.fetchBalance());
    const base = this.#exchange.market(this.#symbol).base;
    const total = (balance[base] as { total?: number } | undefined)?.total ?? 0;
    return decimal(total);
  }

  async touch(): Promise<Touch> {
    const ticker = await this.#read('the ticker', () => this.#exchange.fetchTicker(this.#symbol), 'public');
    if (ticker.bid === undefined || ticker.ask === undefined) throw new Error(`the venue's ticker of ${this.#symbol} has no bid or no ask`);
    return { bid: ticker.bid, ask: ticker.ask };
  }

  quantityStep(): string {
    const step = this.#exchange.market(this.#symbol).precision.amount;
    if (step === undefined) throw new Error(`the venue does not say the smallest quantity of ${this.#symbol}`);
    return decimal(step);
  }

  inSteps(price: number, quantity: number): { price: string; quantity: string } {
    return {
      price: String(this.#exchange.priceToPrecision(this.#symbol, price)),
      quantity: String(this.#exchange.amountToPrecision(this.#symbol, quantity)),
    };
  }

  async #change(what: string, deadline: Deadline, call: () => Promise<string>): Promise<Answer> {
    const remainingMs = Math.max(0, Number(BigInt(deadline.expiresAtNs) - this.#monotonicNs()) / 1e6);
    try {
      const venueOrderId = await this.#timed(what, remainingMs + replyGraceMs, () => within(deadline, call), 'change');
      return { kind: 'accepted', venueOrderId };
    } catch (error) {
      return classify(error);
    }
  }

  async #read<T>(what: string, call: () => Promise<T>, kind: 'look' | 'public' = 'look'): Promise<T> {
    try {
      return await this.#timed(what, readTimeoutMs, call, kind);
    } catch (error) {
      throw classify(error).kind === 'expired' ? new VenueClockError(what, error) : error;
    }
  }

  /** What the answer says of the key counts for the one that was in use when the request began. */
  async #timed<T>(what: string, ms: number, call: () => Promise<T>, kind: 'change' | 'look' | 'public'): Promise<T> {
    const { version } = this.#key;
    try {
      const answer = await this.#withinTime(what, ms, call);
      // A key that may look may still not be allowed to trade.
      if (kind === 'change' || (kind === 'look' && this.#refusedTo !== 'change')) this.#keyAnswered(version);
      return answer;
    } catch (error) {
      const code = error instanceof Error ? codeIn(error.message) : undefined;
      if (kind !== 'public' && code !== undefined && bybitKeyRefusals.has(code)) this.#keyAnswered(version, `${code} to ${what}`, kind);
      throw error;
    }
  }

  #keyAnswered(version: string, refused?: string, kind?: 'change' | 'look'): void {
    if (version !== this.#key.version || (this.#key.refused === undefined) === (refused === undefined)) return;
    this.#key = refused === undefined ? { version } : { version, refused };
    this.#refusedTo = kind;
    this.#onKey();
  }

  async #withinTime<T>(what: string, ms: number, call: () => Promise<T>): Promise<T> {
    let timer: { clear(): void } | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = this.#setTimer(() => reject(new VenueTimeoutError(what, ms)), ms);
    });
    try {
      return await Promise.race([call(), late]);
    } finally {
      timer?.clear();
    }
  }
}

function realTimer(action: () => void, ms: number): { clear(): void } {
  const timer = setTimeout(action, ms);
  return { clear: () => clearTimeout(timer) };
}

/** ccxt leaves it in one of the raw items, and then sorts them by time. */
function nextCursor(found: readonly { readonly info?: unknown }[]): string | undefined {
  const cursor = found.map(({ info }) => (info as { nextPageCursor?: string } | undefined)?.nextPageCursor).find((left) => left !== undefined);
  return cursor === '' ? undefined : cursor;
}

function orderFrom(order: CcxtOrder): OrderAtVenue {
  // What was cancelled after executions in part is closed, to ccxt.
  const isWhole = (order.filled ?? 0) >= (order.amount ?? 0);
  const status =
    order.status === 'closed' && !isWhole ? 'cancelled' : order.status === 'closed' ? 'filled' : order.status === 'canceled' ? 'cancelled' : order.status === 'open' ? 'open' : 'rejected';
  return {
    venueOrderId: order.id ?? '',
    clientOrderId: order.clientOrderId ?? '',
    symbol: order.symbol ?? '',
    side: order.side as 'buy' | 'sell',
    price: decimal(order.price ?? 0),
    quantity: decimal(order.amount ?? 0),
    filled: decimal(order.filled ?? 0),
    status,
    createdAtVenueMs: order.timestamp ?? 0,
  };
}

function executionFrom(trade: CcxtTrade): Execution {
  return {
    executionId: String(trade.id),
    venueOrderId: String(trade.order),
    clientOrderId: (trade.info as { orderLinkId?: string }).orderLinkId ?? '',
    symbol: String(trade.symbol),
    side: trade.side as 'buy' | 'sell',
    price: decimal(trade.price ?? 0),
    quantity: decimal(trade.amount ?? 0),
    fee: decimal(trade.fee?.cost ?? 0),
    feeCurrency: trade.fee?.currency ?? '',
    atVenueMs: trade.timestamp ?? 0,
  };
}

/** Plain decimal text, never 1e-7. */
function decimal(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(12).replace(/\.?0+$/, '') : text;
}
