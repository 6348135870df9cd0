/**
 * The simulated market: one spot symbol, a touch that walks at random from a seed, accounts with wallets and orders.
 *
 * Money is counted in whole units, so that a position is exactly the sum of its executions: prices in cents, quantities in
 * millionths of the base coin, base balances in 10⁻⁹, quote balances in 10⁻⁸. A buy pays its fee in the base coin and a sale in the
 * quote coin, as at Bybit.
 */
export interface Instrument {
  readonly symbol: string;
  readonly base: string;
  readonly quote: string;
}
export const instrument: Instrument = { symbol: 'BTCUSDT', base: 'BTC', quote: 'USDT' };

export type OrderStatus = 'New' | 'PartiallyFilled' | 'Filled' | 'Cancelled';

export interface MarketOrder {
  readonly orderId: string;
  readonly orderLinkId: string;
  readonly account: string;
  readonly side: 'Buy' | 'Sell';
  priceCents: number;
  quantityMicro: number;
  filledMicro: number;
  filledValueE8: number;
  status: OrderStatus;
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface MarketExecution {
  readonly executionId: string;
  readonly order: MarketOrder;
  readonly priceCents: number;
  readonly quantityMicro: number;
  readonly fee: string;
  readonly feeCurrency: string;
  readonly isMaker: boolean;
  readonly atMs: number;
}

export interface Wallet {
  baseNano: number;
  quoteE8: number;
}

/** A refusal in the venue's words. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
  }
}

const feeShare = 0.001;
const startCents = 6_000_000;
const halfSpreadCents = 50;
const largestStepCents = 120;

export class Market {
  readonly #random: () => number;
  readonly #nowMs: () => number;
  readonly #orders = new Map<string, MarketOrder>();
  readonly #resting = new Set<MarketOrder>();
  readonly #byLink = new Map<string, MarketOrder>();
  readonly #executions: MarketExecution[] = [];
  readonly #wallets = new Map<string, Wallet>();
  #midCents = startCents;
  #count = 0;

  constructor({ random, nowMs }: { random: () => number; nowMs: () => number }) {
    this.#random = random;
    this.#nowMs = nowMs;
  }

  get bidCents(): number {
    return this.#midCents - halfSpreadCents;
  }
  get askCents(): number {
    return this.#midCents + halfSpreadCents;
  }

  wallet(account: string): Wallet {
    let wallet = this.#wallets.get(account);
    if (wallet === undefined) {
      wallet = { baseNano: 10e9, quoteE8: 1e14 };
      this.#wallets.set(account, wallet);
    }
    return wallet;
  }

  /** One step of the walk, drawn back towards its start so that a long run stays in range; then fills what it crosses. */
  step(): void {
    const pull = (startCents - this.#midCents) / 200;
    this.#midCents += Math.round((this.#random() * 2 - 1) * largestStepCents + pull);
    for (const order of this.#resting) this.#match(order, true);
  }

  create(account: string, wish: { orderLinkId: string; side: 'Buy' | 'Sell'; priceCents: number; quantityMicro: number }): MarketOrder {
    const link = linkKey(account, wish.orderLinkId);
    if (wish.orderLinkId !== '' && this.#byLink.has(link)) throw new Refusal(170141, 'Duplicate clientOrderId.');
    this.#checkFunds(account, wish);
    this.#count += 1;
    const atMs = this.#nowMs();
    const order: MarketOrder = {
      ...wish,
      orderId: `19${String(this.#count).padStart(17, '0')}`,
      account,
      filledMicro: 0,
      filledValueE8: 0,
      status: 'New',
      createdAtMs: atMs,
      updatedAtMs: atMs,
    };
    this.#orders.set(order.orderId, order);
    if (wish.orderLinkId !== '') this.#byLink.set(link, order);
    this.#resting.add(order);
    this.#match(order, false);
    return order;
  }

  amend(account: string, id: OrderReference, change: { priceCents?: number; quantityMicro?: number }): MarketOrder {
    const order = this.#restingOrder(account, id);
    const quantityMicro = change.quantityMicro ?? order.quantityMicro;
    if (quantityMicro <= order.filledMicro) throw new Refusal(170810, 'The order quantity is not more than what is filled.');
    order.priceCents = change.priceCents ?? order.priceCents;
    order.quantityMicro = quantityMicro;
    order.updatedAtMs = this.#nowMs();
    this.#match(order, false);
    return order;
  }

  cancel(account: string, id: OrderReference): MarketOrder {
    const order = this.#restingOrder(account, id);
    order.status = 'Cancelled';
    order.updatedAtMs = this.#nowMs();
    this.#resting.delete(order);
    return order;
  }

  resting(account: string): MarketOrder[] {
    return [...this.#resting].filter((order) => order.account === account);
  }

  find(account: string, { orderId, orderLinkId }: OrderReference): MarketOrder | undefined {
    const order = orderId ? this.#orders.get(orderId) : this.#byLink.get(linkKey(account, orderLinkId ?? ''));
    return order?.account === account ? order : undefined;
  }

  ended(account: string): MarketOrder[] {
    return [...this.#orders.values()].filter((order) => order.account === account && !this.#resting.has(order));
  }

  executions(account: string): MarketExecution[] {
    return this.#executions.filter(({ order }) => order.account === account);
  }

  #restingOrder(account: string, id: OrderReference): MarketOrder {
    const order = this.find(account, id);
    if (order === undefined || !this.#resting.has(order)) throw new Refusal(170213, 'Order does not exist.');
    return order;
  }

  #checkFunds(account: string, wish: { side: 'Buy' | 'Sell'; priceCents: number; quantityMicro: number }): void {
    const wallet = this.wallet(account);
    let lockedE8 = 0;
    let lockedNano = 0;
    for (const order of this.resting(account)) {
      const openMicro = order.quantityMicro - order.filledMicro;
      if (order.side === 'Buy') lockedE8 += openMicro * order.priceCents;
      else lockedNano += openMicro * 1000;
    }
    const enough =
      wish.side === 'Buy'
        ? wish.quantityMicro * wish.priceCents <= wallet.quoteE8 - lockedE8
        : wish.quantityMicro * 1000 <= wallet.baseNano - lockedNano;
    if (!enough) throw new Refusal(170131, 'Insufficient balance.');
  }

  /** Makers are filled at their own price, in one part or two; takers whole, at the touch. */
  #match(order: MarketOrder, isMaker: boolean): void {
    const touchCents = order.side === 'Buy' ? this.askCents : this.bidCents;
    const crosses = order.side === 'Buy' ? order.priceCents >= touchCents : order.priceCents <= touchCents;
    if (!crosses) return;
    const openMicro = order.quantityMicro - order.filledMicro;
    const inParts = isMaker && openMicro > 1 && this.#random() < 0.2;
    this.#fill(order, inParts ? Math.floor(openMicro / 2) : openMicro, isMaker ? order.priceCents : touchCents, isMaker);
  }

  #fill(order: MarketOrder, quantityMicro: number, priceCents: number, isMaker: boolean): void {
    const wallet = this.wallet(order.account);
    const valueE8 = quantityMicro * priceCents;
    const buys = order.side === 'Buy';
    const feeNano = quantityMicro * 1000 * feeShare;
    const feeE8 = Math.round(valueE8 * feeShare);
    wallet.baseNano += buys ? quantityMicro * 1000 - feeNano : -quantityMicro * 1000;
    wallet.quoteE8 += buys ? -valueE8 : valueE8 - feeE8;
    order.filledMicro += quantityMicro;
    order.filledValueE8 += valueE8;
    order.status = order.filledMicro === order.quantityMicro ? 'Filled' : 'PartiallyFilled';
    order.updatedAtMs = this.#nowMs();
    if (order.status === 'Filled') this.#resting.delete(order);
    this.#executions.push({
      executionId: `e${String(this.#executions.length + 1).padStart(12, '0')}`,
      order,
      priceCents,
      quantityMicro,
      isMaker,
      fee: buys ? units(feeNano, 9) : units(feeE8, 8),
      feeCurrency: buys ? instrument.base : instrument.quote,
      atMs: order.updatedAtMs,
    });
  }
}

export interface OrderReference {
  readonly orderId?: string;
  readonly orderLinkId?: string;
}

const linkKey = (account: string, orderLinkId: string) => `${account}/${orderLinkId}`;

/** A whole number of 10^-places as plain decimal text. */
export function units(value: number, places: number): string {
  const digits = String(Math.abs(value)).padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${value < 0 ? '-' : ''}${digits.slice(0, -places)}${fraction === '' ? '' : `.${fraction}`}`;
}
