/**
 * The part of Bybit's v5 REST API that ccxt uses to trade spot, and to manage the keys of sub-accounts: what each path takes and gives, field by field as Bybit names them.
 * A path that is not here answers 10017; nothing answers an empty success.
 */
import type { SignedKind } from './gate.ts';
import type { KeyRing, NewKey, Permissions, VenueKey } from './keys.ts';
import { instrument, Refusal, units, type Market, type MarketExecution, type MarketOrder, type OrderReference } from './market.ts';

export type Arguments = Readonly<Record<string, unknown>>;
export interface Endpoint {
  /** Open to anybody, or signed; to place or amend an order has a rate of its own. */
  readonly kind: 'public' | SignedKind;
  readonly answer: (args: Arguments, key: VenueKey) => Record<string, unknown>;
}

const category = 'spot';
/** In one request, on spot. */
const cancelledTogetherMax = 10;
const ordersPage = { usual: 20, most: 50 };
const executionsPage = { usual: 50, most: 100 };
const windowMs = 7 * 24 * 3_600_000;
/** "The orders in the last 24 hours: the orders with 'Cancelled' (fully cancelled order) … can be query". */
const cancelledKeptMs = 24 * 3_600_000;
const keysPage = 20;

export function endpoints(market: Market, keys: KeyRing, nowMs: () => number): Readonly<Record<string, Endpoint>> {
  return {
    'GET /v5/market/time': publicly(() => {
      const now = Math.floor(nowMs());
      return { timeSecond: String(Math.floor(now / 1000)), timeNano: `${now}000000` };
    }),
    'GET /v5/market/instruments-info': publicly((args) => ({
      category: args['category'],
      nextPageCursor: '',
      list: args['category'] === category && args['status'] !== 'PreLaunch' ? [instrumentView()] : [],
    })),
    'GET /v5/market/tickers': publicly((args) => {
      onlySpot(args);
      return { category, list: [tickerView(market)] };
    }),
    'GET /v5/market/orderbook': publicly((args) => {
      onlySpot(args);
      return {
        s: instrument.symbol,
        b: [[cents(market.bidCents), '5']],
        a: [[cents(market.askCents), '5']],
        ts: Math.floor(nowMs()),
        u: 1,
        seq: 1,
      };
    }),

    'GET /v5/user/query-api': signed('look', (_args, key) => keys.describe(key)),
    'GET /v5/user/sub-apikeys': signed('manage', (args) =>
      keys.list(text(args, 'subMemberId'), Number(args['cursor'] ?? 0), Math.min(keysPage, Number(args['limit'] ?? keysPage)))),
    'POST /v5/user/create-sub-api': signed('manage', (args) => {
      if (args['readOnly'] !== 0 && args['readOnly'] !== 1) throw new Refusal(10001, 'params error: readOnly');
      const wish = { note: text(args, 'note'), readOnly: args['readOnly'] === 1, permissions: {}, ...keyChange(args) };
      return keys.create(text(args, 'subuid'), wish);
    }),
    'POST /v5/user/update-sub-api': signed('manage', (args) => {
      const readOnly = args['readOnly'] === undefined ? {} : { readOnly: args['readOnly'] === 1 };
      return keys.update(text(args, 'apikey'), { ...readOnly, ...keyChange(args) });
    }),
    'POST /v5/user/delete-sub-api': signed('manage', (args) => {
      keys.delete(text(args, 'apikey'));
      return {};
    }),
    'GET /v5/account/info': signed('look', () => ({ unifiedMarginStatus: 5, marginMode: 'REGULAR_MARGIN', updatedTime: '1' })),
    'GET /v5/account/wallet-balance': signed('look', (_args, { account }) => {
      const { baseNano, quoteE8 } = market.wallet(account);
      const coin = (name: string, walletBalance: string) => ({
        coin: name,
        walletBalance,
        equity: walletBalance,
        locked: '0',
        availableToWithdraw: '',
      });
      return {
        list: [{ accountType: 'UNIFIED', coin: [coin(instrument.base, units(baseNano, 9)), coin(instrument.quote, units(quoteE8, 8))] }],
      };
    }),

    'POST /v5/order/create': signed('order', (args, { account }) => {
      onlySpot(args);
      if (args['orderType'] !== 'Limit') throw new Refusal(10001, 'params error: only limit orders are simulated');
      const side = args['side'];
      if (side !== 'Buy' && side !== 'Sell') throw new Refusal(10001, 'params error: side invalid');
      return created(
        market.create(account, {
          orderLinkId: text(args, 'orderLinkId'),
          side,
          priceCents: inUnits(args, 'price', 2),
          quantityMicro: inUnits(args, 'qty', 6),
        }),
      );
    }),
    'POST /v5/order/amend': signed('order', (args, { account }) => {
      onlySpot(args);
      return created(
        market.amend(account, reference(args), {
          ...(args['price'] !== undefined && { priceCents: inUnits(args, 'price', 2) }),
          ...(args['qty'] !== undefined && { quantityMicro: inUnits(args, 'qty', 6) }),
        }),
      );
    }),
    'POST /v5/order/cancel': signed('change', (args, { account }) => {
      onlySpot(args);
      return created(market.cancel(account, reference(args)));
    }),
    'POST /v5/order/cancel-batch': signed('change', (args, { account }) => {
      const requests = Array.isArray(args['request']) ? (args['request'] as Arguments[]) : [];
      if (requests.length > cancelledTogetherMax) throw new Refusal(10001, `params error: at most ${cancelledTogetherMax} orders in a request`);
      const outcomes = requests.map((each) => {
        try {
          return { order: created(market.cancel(account, reference(each))), code: 0, msg: 'OK' };
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          return {
            order: { orderId: text(each, 'orderId'), orderLinkId: text(each, 'orderLinkId') },
            code: error.code,
            msg: error.message,
          };
        }
      });
      return {
        list: outcomes.map(({ order }) => ({ category, symbol: instrument.symbol, ...order })),
        // Bybit says in the envelope, beside the result, how each one went.
        retExtInfo: { list: outcomes.map(({ code, msg }) => ({ code, msg })) },
      };
    }),
    'POST /v5/order/cancel-all': signed('change', (args, { account }) => {
      onlySpot(args);
      return { list: market.resting(account).map((order) => created(market.cancel(account, order))), success: '1' };
    }),

    'GET /v5/order/realtime': signed('look', (args, { account }) =>
      page(
        args,
        ordersPage,
        () => {
          const one = market.find(account, reference(args));
          return names(args) ? (one === undefined ? [] : [one]) : market.resting(account).reverse();
        },
        orderView,
      ),
    ),
    'GET /v5/order/history': signed('look', (args, { account }) =>
      page(
        args,
        ordersPage,
        () => {
          const one = market.find(account, reference(args));
          if (names(args)) return one === undefined || isOpen(one) ? [] : [one];
          return market.ended(account).filter((order) => order.filledMicro > 0 || nowMs() - order.updatedAtMs < cancelledKeptMs).reverse();
        },
        orderView,
        { nowMs: nowMs(), atMs: ({ createdAtMs }) => createdAtMs },
      ),
    ),
    'GET /v5/execution/list': signed('look', (args, { account }) =>
      page(
        args,
        executionsPage,
        () =>
          market
            .executions(account)
            .filter(({ order }) => !names(args) || order.orderId === args['orderId'] || order.orderLinkId === args['orderLinkId'])
            .reverse(),
        executionView,
        { nowMs: nowMs(), atMs: ({ atMs }) => atMs },
      ),
    ),
  };
}

const publicly = (answer: Endpoint['answer']): Endpoint => ({ kind: 'public', answer });
const signed = (kind: SignedKind, answer: Endpoint['answer']): Endpoint => ({ kind, answer });

/** Addresses come as one text; none, or an asterisk, binds to none. */
function keyChange(args: Arguments): Partial<NewKey> {
  const ips = text(args, 'ips').split(',').filter((ip) => ip !== '' && ip !== '*');
  const permissions = args['permissions'] as Permissions | undefined;
  return { ...(ips.length > 0 && { ips }), ...(permissions && { permissions }) };
}

/** Empty for what is missing or no text and no number. */
function text(args: Arguments, name: string): string {
  const value = args[name];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

const cents = (value: number) => units(value, 2);
const isOpen = (order: MarketOrder) => order.status === 'New' || order.status === 'PartiallyFilled';
const created = ({ orderId, orderLinkId }: MarketOrder) => ({ orderId, orderLinkId });
const names = (args: Arguments) => args['orderId'] !== undefined || args['orderLinkId'] !== undefined;

function reference(args: Arguments): OrderReference {
  return { orderId: text(args, 'orderId'), orderLinkId: text(args, 'orderLinkId') };
}

function onlySpot(args: Arguments): void {
  if (args['category'] !== category)
    throw new Refusal(10001, `params error: category ${text(args, 'category')} is not simulated, only ${category}`);
  if (args['symbol'] !== undefined && args['symbol'] !== instrument.symbol) throw new Refusal(10001, 'Not supported symbols');
}

/** A positive decimal with at most `places` digits after the point, in whole units. */
function inUnits(args: Arguments, name: string, places: number): number {
  const found = /^(\d+)(?:\.(\d*))?$/.exec(text(args, name));
  const fraction = (found?.[2] ?? '').replace(/0+$/, '');
  const value = found === null || fraction.length > places ? 0 : Number(found[1] + fraction.padEnd(places, '0'));
  if (!(value > 0))
    throw new Refusal(10001, `params error: ${name} '${text(args, name)}' invalid (a positive decimal with ${places} places)`);
  return value;
}

/** Newest first, by an opaque cursor, as Bybit pages; of the past a window of a week at most, the last week when none is named. */
function page<T>(
  args: Arguments,
  size: { usual: number; most: number },
  find: () => T[],
  view: (item: T) => Record<string, unknown>,
  past?: { readonly nowMs: number; readonly atMs: (item: T) => number },
): Record<string, unknown> {
  onlySpot(args);
  const limit = Math.min(size.most, Number(args['limit'] ?? size.usual));
  const from = Number(args['cursor'] ?? 0);
  const all = past === undefined || names(args) ? find() : find().filter(within(args, past.nowMs, past.atMs));
  const nextPageCursor = from + limit < all.length ? String(from + limit) : '';
  return { category, nextPageCursor, list: all.slice(from, from + limit).map(view) };
}

function within<T>(args: Arguments, nowMs: number, atMs: (item: T) => number): (item: T) => boolean {
  const named = (name: string): number | undefined => (args[name] === undefined ? undefined : Number(args[name]));
  const start = named('startTime');
  const end = named('endTime') ?? (start === undefined ? nowMs : start + windowMs);
  const from = start ?? end - windowMs;
  if (!(end - from <= windowMs)) throw new Refusal(10001, 'params error: The time range between startTime and endTime cannot exceed 7 days');
  return (item) => Math.floor(atMs(item)) >= from && Math.floor(atMs(item)) <= end;
}

function orderView(order: MarketOrder): Record<string, unknown> {
  const { orderId, orderLinkId, side, filledMicro, filledValueE8 } = order;
  return {
    orderId,
    orderLinkId,
    side,
    symbol: instrument.symbol,
    orderType: 'Limit',
    timeInForce: 'GTC',
    price: cents(order.priceCents),
    qty: units(order.quantityMicro, 6),
    // Only spot has the second.
    orderStatus: order.status === 'Cancelled' && filledMicro > 0 ? 'PartiallyFilledCanceled' : order.status,
    cumExecQty: units(filledMicro, 6),
    cumExecValue: units(filledValueE8, 8),
    avgPrice: filledMicro === 0 ? '' : cents(Math.round(filledValueE8 / filledMicro)),
    cumExecFee: '0',
    leavesQty: isOpen(order) ? units(order.quantityMicro - filledMicro, 6) : '0',
    createdTime: String(Math.floor(order.createdAtMs)),
    updatedTime: String(Math.floor(order.updatedAtMs)),
  };
}

function executionView({
  executionId,
  order,
  priceCents,
  quantityMicro,
  fee,
  feeCurrency,
  isMaker,
  atMs,
}: MarketExecution): Record<string, unknown> {
  return {
    symbol: instrument.symbol,
    orderId: order.orderId,
    orderLinkId: order.orderLinkId,
    side: order.side,
    orderPrice: cents(order.priceCents),
    orderQty: units(order.quantityMicro, 6),
    orderType: 'Limit',
    execId: executionId,
    execPrice: cents(priceCents),
    execQty: units(quantityMicro, 6),
    execValue: units(quantityMicro * priceCents, 8),
    execFee: fee,
    feeCurrency,
    feeRate: '0.001',
    isMaker,
    execType: 'Trade',
    execTime: String(Math.floor(atMs)),
  };
}

function instrumentView(): Record<string, unknown> {
  return {
    symbol: instrument.symbol,
    baseCoin: instrument.base,
    quoteCoin: instrument.quote,
    innovation: '0',
    status: 'Trading',
    marginTrading: 'none',
    priceFilter: { tickSize: '0.01' },
    lotSizeFilter: {
      basePrecision: '0.000001',
      quotePrecision: '0.00000001',
      minOrderQty: '0.000001',
      maxOrderQty: '100',
      minOrderAmt: '1',
      maxOrderAmt: '4000000',
    },
  };
}

function tickerView(market: Market): Record<string, unknown> {
  return {
    symbol: instrument.symbol,
    bid1Price: cents(market.bidCents),
    bid1Size: '5',
    ask1Price: cents(market.askCents),
    ask1Size: '5',
    lastPrice: cents(market.bidCents),
    prevPrice24h: '60000',
    price24hPcnt: '0',
    highPrice24h: '61000',
    lowPrice24h: '59000',
    turnover24h: '1',
    volume24h: '1',
  };
}
