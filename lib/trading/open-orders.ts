/**
 * What this trader knows of its orders at the venue, of its executions and of its position: kept from the answers to its own
 * requests and corrected from the venue's lists, which are the truth.
 */
import type { BookName } from '../lease/model.ts';
import type { Execution, OrderAtVenue } from '../venues/venue.ts';
import { parseClientOrderId } from './client-order-id.ts';
import { CountedExecutions } from './counted-executions.ts';
import { after, scaled, unscaled, type Order, type OrderEvent } from './order.ts';
import { isOwn, positionChange } from './reconcile.ts';

export interface OpenOrdersOptions {
  readonly book: BookName;
  readonly baseCurrency: string;
  /** Each new state of an order, and each execution once: for the ledger. */
  readonly onOrder: (order: Order) => void;
  readonly onExecution: (execution: Execution) => void;
  /** Each execution of this epoch once. */
  readonly onNewExecution: (execution: Execution) => void;
  /** An execution on this account that no order of this book made. */
  readonly onForeign: (execution: Execution) => void;
}

export class OpenOrders {
  readonly #options: OpenOrdersOptions;
  /** Orders that can still change at the venue, oldest first. */
  readonly #orders = new Map<string, Order>();
  /** Venue ids that we asked to cancel. */
  readonly #cancelling = new Set<string>();
  readonly #counted = new CountedExecutions();
  #position = 0n;
  #missed = false;
  #startPosition = 0n;

  constructor(options: OpenOrdersOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#orders.size;
  }
  /** Those that can still change at the venue. */
  get all(): readonly Order[] {
    return [...this.#orders.values()];
  }
  /** What this book's executions add up to, and which are in it. */
  get position(): { readonly quantity: string; readonly counted: string } {
    return { quantity: unscaled(this.#position), counted: this.#counted.text };
  }
  /** More executions came between two looks than a page shows: until the next reconciliation the position is not known. */
  get missedExecutions(): boolean {
    return this.#missed;
  }
  get positionMoved(): number {
    return Number(unscaled(this.#position - this.#startPosition));
  }

  /** Resting at the venue and not yet asked to go, oldest first. */
  get resting(): readonly Order[] {
    return [...this.#orders.values()].filter(({ venueOrderId }) => venueOrderId !== undefined && !this.#cancelling.has(venueOrderId));
  }

  /** Begins an epoch from what reconciliation found, `counted` by the last holder's mark among it. */
  adopt(orders: readonly OrderAtVenue[], executions: readonly Execution[], position: string, counted?: string): void {
    this.#orders.clear();
    this.#cancelling.clear();
    this.#position = scaled(position);
    this.#startPosition = this.#position;
    this.#missed = false;
    this.#counted.begin(executions, counted);
    for (const found of orders) {
      const author = parseClientOrderId(found.clientOrderId);
      if (author === undefined) continue;
      const { clientOrderId, symbol, side, price, quantity, venueOrderId } = found;
      this.#keep({ ...author, clientOrderId, symbol, side, price, quantity, venueOrderId, state: 'SUBMITTED', fills: [] });
    }
    for (const execution of executions) {
      this.#options.onExecution(execution);
      this.#fill(execution);
    }
  }

  add(order: Order): void {
    this.#keep(order);
  }

  tell(clientOrderId: string, event: OrderEvent): void {
    const order = this.#orders.get(clientOrderId);
    if (order !== undefined) this.#keep(after(order, event));
  }

  cancelling(venueOrderIds: readonly string[]): void {
    for (const id of venueOrderIds) this.#cancelling.add(id);
  }

  /** The cancellation did not reach the venue, or may not have: ask again if they still rest. */
  notCancelling(venueOrderIds: readonly string[]): void {
    for (const id of venueOrderIds) this.#cancelling.delete(id);
  }

  /** Which accepted orders there are now: ask before reading the venue's lists, and hand the answer to `correct`. */
  acceptedIds(): ReadonlySet<string> {
    return new Set([...this.#orders.values()].filter((order) => order.venueOrderId !== undefined).map((order) => order.clientOrderId));
  }

  /**
   * `openAtVenue` was read after `acceptedBefore` was taken, `executions` after that. So what was accepted, is not open and is not
   * executed whole was cancelled – by us, or else it is returned: the venue must be asked about it.
   */
  correct(acceptedBefore: ReadonlySet<string>, openAtVenue: readonly OrderAtVenue[], executions: readonly Execution[]): readonly Order[] {
    const { book, baseCurrency } = this.#options;
    const since = this.#counted.since(executions);
    if (since === undefined) this.#missed = true;
    for (const execution of since ?? executions) {
      this.#counted.add(execution);
      if (isOwn(execution, book)) this.#position += positionChange(execution, baseCurrency);
      else this.#options.onForeign(execution);
      this.#options.onNewExecution(execution);
      this.#options.onExecution(execution);
      this.#fill(execution);
    }
    const open = new Set(openAtVenue.map((order) => order.clientOrderId));
    const unexplained: Order[] = [];
    for (const order of this.#orders.values()) {
      if (!acceptedBefore.has(order.clientOrderId) || open.has(order.clientOrderId)) continue;
      if (this.#cancelling.has(order.venueOrderId ?? '')) this.tell(order.clientOrderId, { type: 'cancelled' });
      else unexplained.push(order);
    }
    return unexplained;
  }

  /** The venue's own word on one that left its list unexplained. */
  ended(order: Order, found: OrderAtVenue | undefined): void {
    if (found?.status === 'open') return;
    // Its executions are older than the page that we read: they are in the ledger, the position has them already.
    if (found?.status === 'filled') this.#forget({ ...order, state: 'SETTLED' });
    else this.tell(order.clientOrderId, { type: 'cancelled' });
  }

  #fill(execution: Execution): void {
    const { clientOrderId, executionId, price, quantity } = execution;
    this.tell(clientOrderId, { type: 'filled', fill: { executionId, price, quantity } });
  }

  #keep(order: Order): void {
    if (order.state === 'PENDING' || order.state === 'SUBMITTED') {
      this.#orders.set(order.clientOrderId, order);
      this.#options.onOrder(order);
    } else {
      // Its executions are in the position by now, and on their way to the ledger.
      this.#forget(order.state === 'FILLED' ? after(order, { type: 'settled' }) : order);
    }
  }

  #forget(order: Order): void {
    this.#orders.delete(order.clientOrderId);
    if (order.venueOrderId !== undefined) this.#cancelling.delete(order.venueOrderId);
    this.#options.onOrder(order);
  }
}
