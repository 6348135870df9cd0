/**
 * The reference trader: reconciles when its guard is granted an epoch, trades while the guard holds it, and drains when told.
 *
 * On the path of an order stand the permit (a comparison), the shared limit, the durable intent and the venue: nothing else.
 * An order whose answer is doubtful is never sent again; the venue's lists decide about it after its deadline.
 */
import type { LeaseView, Permit, PermitRefusal, TraderStatus } from '../contracts/guard-api.ts';
import { page } from '../contracts/page.ts';
import type { BookName, Epoch } from '../lease/model.ts';
import { permitLongestMs, venueUncertaintyMaxMs } from '../lease/permits.ts';
import { VenueClockError, type Answer, type Touch, type Venue } from '../venues/venue.ts';
import { messageOf } from '../message-of.ts';
import { resultOf, type Breaker, type BreakerState } from './breaker.ts';
import { parseClientOrderId } from './client-order-id.ts';
import { DuplicateIntentError, type Journal } from './journal.ts';
import { JournalWriter } from './journal-writer.ts';
import type { Ledger } from './ledger.ts';
import { LedgerCompletion, type LedgerCompletionOptions } from './ledger-completion.ts';
import { OpenOrders } from './open-orders.ts';
import { Latencies } from './latencies.ts';
import { nextQuote, toCancel, type QuotingSettings } from './quoting.ts';
import type { RateLimit } from './rate-limit.ts';
import { reconcile, SupersededError, type Reconciliation } from './reconcile.ts';
import { ResultCount } from './result.ts';

/** What the trader needs of its guard: `PermitSource` is one. */
export interface Permits {
  readonly view: LeaseView | undefined;
  permit(): Permit | PermitRefusal;
  onChange(listener: (view: LeaseView) => void): () => void;
  reportStatus(status: TraderStatus): Promise<void>;
  drained(epoch: number, drain: number): Promise<void>;
  /** Has the venue's clock measured at once. */
  doubtVenueClock(): Promise<void>;
  /** Whether the halt is in the table. */
  halt(epoch: number, reason: string): Promise<boolean>;
}

export interface Clock {
  readonly monotonicNs: () => bigint;
  /** Resolves after that time, or at once when the signal aborts. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

export interface TraderOptions {
  readonly book: BookName;
  /** As ccxt names it: BTC/USDT. */
  readonly symbol: string;
  readonly ordersPerSecond: number;
  readonly requiresDatabase: boolean;
  readonly quoting: QuotingSettings;
  readonly permits: Permits;
  readonly venue: Venue;
  readonly journal: Pick<Journal, 'writeIntent' | 'writeOutcome' | 'writeMark' | 'openIntents'> & LedgerCompletionOptions['journal'];
  readonly limits: Pick<RateLimit, 'order' | 'request'>;
  readonly breaker: Breaker;
  readonly ledger: Pick<Ledger, 'order' | 'fill' | 'position'> & LedgerCompletionOptions['ledger'];
  readonly redisReachable: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const inFlightAtMost = 16;
const lookEveryMs = 1000;
/** A standby looks less often: it only keeps its connections and its knowledge warm. */
const standbyLooksOneIn = 3;
const marksOneIn = 2;
const reportEveryMs = 4000;
const venueSilentAfterMs = 10_000;
const retryAfterMs = 200;
/** Beyond its deadline an order needs this long to show in the venue's lists. */
const listsSettleMs = 100;
/** When nothing that another process of this task sent can be accepted any more, or is missing in the lists. */
const formerLifeMs = permitLongestMs + venueUncertaintyMaxMs + listsSettleMs;
/** A doubtful order that the venue does not answer about for so long is left to the next reconciliation. */
const lookAgainForMs = 30_000;
/** How long orders wait for the guard to measure the venue's clock; then one is tried all the same. */
const clockInDoubtMs = 1000;
const clockPollMs = 20;

/** As the gauge tells it. */
const breakerGauge: Readonly<Record<BreakerState['kind'], number>> = { closed: 0, 'half-open': 1, open: 2 };

export class Trader {
  readonly #options: TraderOptions;
  readonly #orders: OpenOrders;
  readonly #result: ResultCount;
  readonly #latencies = new Latencies();
  /** Requests that may change something at the venue and whose outcome is not known. */
  readonly #inFlight = new Set<Promise<void>>();
  readonly #writer: JournalWriter;
  readonly #closed = new AbortController();
  readonly #completion: LedgerCompletion;
  #reconciling: { readonly epoch: Epoch; readonly done: Promise<boolean> } | undefined;
  #trading: { readonly epoch: Epoch; readonly stop: AbortController } | undefined;
  /** The newest epoch that reconciliation succeeded in: from then on every open intent is known to `#writer`. */
  #takenOver: Epoch | undefined;
  #draining: number | undefined;
  #lastSequence = 0;
  #lastSide: 'buy' | 'sell' | undefined;
  #touch: Touch | undefined;
  #venueSeenNs: bigint | undefined;
  #clockDoubtedNs: bigint | undefined;
  #reconciled = false;
  /** The newest epoch in which the position was found not to be what this book made it: nothing is sent in it. */
  #distrusted: Epoch | undefined;
  #reported = '';
  #reportedNs = 0n;
  #looks = 0;
  readonly #counts = { sent: 0, accepted: 0, rejected: 0, expired: 0, neverSent: 0, ambiguous: 0 };

  constructor(options: TraderOptions) {
    this.#options = options;
    this.#writer = new JournalWriter(options);
    this.#result = new ResultCount(options.book, options.symbol);
    this.#orders = new OpenOrders({
      book: options.book,
      baseCurrency: options.symbol.split('/')[0] ?? options.symbol,
      onOrder: (order) => options.ledger.order(order),
      onExecution: (execution) => options.ledger.fill(execution),
      onNewExecution: (execution) => this.#result.add(execution),
      onForeign: ({ executionId, clientOrderId, side, quantity }) => {
        if (this.#takenOver === undefined) return;
        this.#distrust(this.#takenOver, 'an execution on this account that no order of this book made', {
          executionId, clientOrderId, side, quantity,
        });
      },
    });
    const { venue } = options;
    this.#completion = new LedgerCompletion({
      ...options,
      venue: { executionsOfLast: (ms) => this.#counted(venue.executionsOfLast(ms)), endedOfLast: (ms) => this.#counted(venue.endedOfLast(ms)) },
      open: () => this.#orders.all,
      signal: this.#closed.signal,
    });
  }

  /** Runs until `close`. */
  start(): void {
    this.#options.permits.onChange((view) => this.#onView(view));
    const { view } = this.#options.permits;
    if (view !== undefined) this.#onView(view);
    void this.#lookRepeatedly();
  }

  /** Ends the loops and waits for what is in flight; the lease must be given up before, by a drain. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#stopTrading();
    await this.#settled();
    await this.#writer.writeOutcomes();
    await this.#completion.settled();
  }

  /** Whether a request is under way whose outcome is not known. */
  get busy(): boolean {
    return this.#inFlight.size > 0;
  }

  /** To be called when something outside changed that the status tells: the database, Redis. */
  statusChanged(): void {
    void this.#report();
  }

  #onView(view: LeaseView): void {
    const epoch = view.epoch as Epoch | null;
    if (view.state === 'granted' && epoch !== null) {
      void this.#reconcileFor(epoch);
    } else if (view.state === 'held' && epoch !== null) {
      this.#draining = undefined;
      void this.#tradeIn(epoch);
    } else {
      this.#stopTrading();
      if (view.state === 'draining' && epoch !== null) void this.#drain(epoch, view.drain);
    }
  }

  // ---- reconciliation ---------------------------------------------------------------------------------------------

  /** Resolves with whether it succeeded before the epoch was lost. Begun once for each epoch. */
  #reconcileFor(epoch: Epoch): Promise<boolean> {
    if (this.#reconciling?.epoch !== epoch) {
      this.#lastSequence = 0;
      this.#reconciling = { epoch, done: this.#reconcileUntilDone(epoch) };
    }
    return this.#reconciling.done;
  }

  async #reconcileUntilDone(epoch: Epoch): Promise<boolean> {
    const { log, clock } = this.#options;
    let settled: ReadonlySet<string> = new Set();
    while (this.#isOurs(epoch)) {
      const beganNs = clock.monotonicNs();
      try {
        this.#countReads(3);
        const [found, touch] = await Promise.all([
          this.#reconcileOnce(epoch, settled),
          this.#options.venue.touch(),
          this.#options.breaker.takeOver(epoch),
        ]);
        this.#touch = touch;
        if (found.unsettled.length > 0 && settled.size === 0) {
          log('warn', 'a former life of this trader sent orders in this epoch; waiting until they have expired', {
            epoch,
            count: found.unsettled.length,
          });
          await clock.sleep(formerLifeMs, this.#closed.signal);
          settled = new Set(found.unsettled.map(({ clientOrderId }) => clientOrderId));
          continue;
        }
        this.#takeOver(epoch, found);
        return true;
      } catch (error) {
        log('error', 'reconciliation failed; nothing is sent before it succeeds', { epoch, error: messageOf(error) });
        if (error instanceof VenueClockError) this.#doubtClock(beganNs);
        if (error instanceof SupersededError) return false;
        await clock.sleep(retryAfterMs, this.#closed.signal);
      }
    }
    return false;
  }

  #reconcileOnce(epoch: Epoch, settled: ReadonlySet<string>): Promise<Reconciliation> {
    const { book, venue, journal, symbol, permits, clock } = this.#options;
    const resumedFrom = permits.view?.resumedFrom;
    const pause = (): Promise<void> => clock.sleep(retryAfterMs, this.#closed.signal);
    return reconcile({ book, epoch, venue, journal, settled, resumedFrom, pause, baseCurrency: symbol.split('/')[0] ?? symbol });
  }

  #takeOver(epoch: Epoch, found: Reconciliation): void {
    const { log } = this.#options;
    this.#seen();
    this.#takenOver = epoch;
    this.#reconciled = true;
    this.#orders.adopt(found.adopted, found.executions, found.position.atVenue, found.mark?.position?.counted);
    this.#result.begin(epoch, found.mark, found.executions);
    for (const { entry, outcome } of found.resolved) this.#writer.adopt(entry, outcome);
    if (found.position.mismatch) {
      this.#distrust(epoch, 'the position at the venue is not what the journal leads to: someone else traded or moved coins', {
        ...found.position,
      });
    }
    if (found.foreign.length > 0)
      log('warn', 'resting orders that this book did not send are left alone', { epoch, count: found.foreign.length });
    log('info', 'reconciled', { epoch, adopted: found.adopted.length, resolved: found.resolved.length, position: found.position.atVenue });
    void this.#report();
  }

  /** Somebody else moves this account, or we count wrong: a person must look before anybody sends again. */
  #distrust(epoch: Epoch, what: string, fields: Record<string, unknown>): void {
    if (this.#distrusted === epoch) return;
    this.#distrusted = epoch;
    this.#stopTrading();
    this.#options.log('error', `${what}; nothing more is sent and the book is being halted`, { ...page, epoch, ...fields });
    void this.#askForHalt(epoch, `${what}: ${JSON.stringify(fields)}`);
    void this.#report();
  }

  async #askForHalt(epoch: Epoch, reason: string): Promise<void> {
    const { permits, clock, log } = this.#options;
    // An epoch that is gone has a successor, who finds the same.
    while (permits.view?.epoch === epoch && !this.#closed.signal.aborted) {
      try {
        if (await permits.halt(epoch, reason)) return log('info', 'the book is halted', { epoch });
      } catch (error) {
        log('warn', 'the guard did not take the word that the book must be halted', { epoch, error: messageOf(error) });
      }
      await clock.sleep(retryAfterMs, this.#closed.signal);
    }
  }

  // ---- trading ----------------------------------------------------------------------------------------------------

  async #tradeIn(epoch: Epoch): Promise<void> {
    if (this.#trading?.epoch === epoch || this.#distrusted === epoch) return;
    this.#stopTrading();
    const trading = { epoch, stop: new AbortController() };
    this.#trading = trading;
    if (!(await this.#reconcileFor(epoch))) {
      // The guard's next word finds us ready to try again.
      if (this.#reconciling?.epoch === epoch) this.#reconciling = undefined;
      if (this.#trading === trading) this.#trading = undefined;
      return;
    }
    const { clock, limits, breaker, permits, ordersPerSecond, log } = this.#options;
    const spacingNs = BigInt(Math.round(1e9 / ordersPerSecond));
    while (!trading.stop.signal.aborted) {
      const heldUpMs = this.#clockInDoubt() ? clockPollMs : breaker.waitMs();
      if (heldUpMs > 0) {
        await clock.sleep(heldUpMs, trading.stop.signal);
        continue;
      }
      const beganNs = clock.monotonicNs();
      const mayBegin = this.#inFlight.size < inFlightAtMost && this.#writer.mayBegin;
      const allowance = mayBegin ? await limits.order() : { allowed: false as const, retryAfterMs };
      if (trading.stop.signal.aborted) return;
      if (!allowance.allowed) {
        await clock.sleep(allowance.retryAfterMs, trading.stop.signal);
        continue;
      }
      const permit = permits.permit();
      if ('error' in permit) log('warn', 'no permit', { epoch, ...permit });
      else this.#underWay(this.#send(permit));
      const restMs = Number(beganNs + spacingNs - clock.monotonicNs()) / 1e6;
      await clock.sleep(Math.max(0, restMs), trading.stop.signal);
    }
  }

  #stopTrading(): void {
    this.#trading?.stop.abort();
    this.#trading = undefined;
  }

  /** From the intent to a known outcome; whatever happens, it resolves. */
  async #send(permit: Permit): Promise<void> {
    const { venue, breaker, quoting, symbol, clock, log } = this.#options;
    const author = parseClientOrderId(permit.clientOrderId);
    if (author === undefined || this.#touch === undefined) {
      log('error', 'nothing was sent: the permit has no id of ours, or the market is not known', { clientOrderId: permit.clientOrderId });
      return;
    }
    const quote = nextQuote(this.#touch, { positionMoved: this.#orders.positionMoved, lastSide: this.#lastSide }, quoting);
    this.#lastSide = quote.side;
    const intent = { symbol, side: quote.side, ...venue.inSteps(quote.price, quote.quantity) };
    const { clientOrderId } = permit;
    this.#lastSequence = Math.max(this.#lastSequence, author.sequence);
    this.#orders.add({ ...author, ...intent, clientOrderId, state: 'PENDING', fills: [] });
    const tellBreaker = breaker.begin();
    try {
      await this.#writer.writeIntent(clientOrderId, author, intent);
    } catch (error) {
      log('error', 'the intent was not written, so the order was not sent', { clientOrderId, error: messageOf(error) });
      if (error instanceof DuplicateIntentError) this.#stopTrading();
      tellBreaker(undefined);
      this.#known(clientOrderId, { kind: 'never-sent', reason: 'no intent' });
      return;
    }
    this.#orders.tell(clientOrderId, { type: 'sent' });
    this.#counts.sent += 1;
    const sentNs = clock.monotonicNs();
    let answer = await venue.place({ clientOrderId, ...intent }, permit);
    const elapsedMs = (): number => Number(clock.monotonicNs() - sentNs) / 1e6;
    const wasInTime = clock.monotonicNs() < BigInt(permit.expiresAtNs);
    tellBreaker(resultOf(answer, wasInTime));
    if (answer.kind === 'expired' && wasInTime) this.#doubtClock(sentNs);
    if (answer.kind === 'accepted') this.#latencies.add(elapsedMs());
    if (answer.kind === 'ambiguous') {
      this.#counts.ambiguous += 1;
      log('warn', "the venue's answer is doubtful: looking after the deadline, not sending again", {
        clientOrderId,
        reason: answer.reason,
      });
      answer = await this.#lookAfterDeadline(clientOrderId, permit);
    }
    this.#known(clientOrderId, answer, elapsedMs());
  }

  /** The venue refused for its time what was sent then, by its clock as it was measured: no more of it until the guard has asked. */
  #doubtClock(sentNs: bigint): void {
    const { permits, clock, log } = this.#options;
    if (this.#measuredSince(sentNs)) return;
    this.#clockDoubtedNs = clock.monotonicNs();
    permits.doubtVenueClock().catch((error: unknown) => {
      log('warn', "the guard did not take the word that the venue's clock is in doubt", { error: messageOf(error) });
    });
  }

  #clockInDoubt(): boolean {
    if (this.#clockDoubtedNs === undefined) return false;
    const waitedMs = Number(this.#options.clock.monotonicNs() - this.#clockDoubtedNs) / 1e6;
    return waitedMs < clockInDoubtMs && !this.#measuredSince(this.#clockDoubtedNs);
  }

  #measuredSince(ns: bigint): boolean {
    return BigInt(this.#options.permits.view?.venueClock?.measuredAtNs ?? 0) > ns;
  }

  /** "No" counts only from a look that began when the order could no longer be accepted. */
  async #lookAfterDeadline(clientOrderId: string, permit: Permit): Promise<Answer> {
    const { venue, clock, log } = this.#options;
    await this.#untilExpired(permit);
    const giveUpNs = clock.monotonicNs() + BigInt(lookAgainForMs) * 1_000_000n;
    while (clock.monotonicNs() < giveUpNs) {
      try {
        const found = await venue.find(clientOrderId);
        if (found === undefined) return { kind: 'expired', reason: 'not at the venue after its deadline' };
        return found.status === 'rejected'
          ? { kind: 'rejected', reason: 'found rejected' }
          : { kind: 'accepted', venueOrderId: found.venueOrderId };
      } catch (error) {
        log('warn', 'the venue does not say what became of an order', { clientOrderId, error: messageOf(error) });
        await clock.sleep(retryAfterMs);
      }
    }
    return { kind: 'ambiguous', reason: 'the venue did not answer; the next reconciliation decides' };
  }

  async #untilExpired(permit: Permit): Promise<void> {
    const { clock, permits } = this.#options;
    const uncertaintyMs = permits.view?.venueClock?.uncertaintyMs ?? 0;
    const remainingMs = Number(BigInt(permit.expiresAtNs) - clock.monotonicNs()) / 1e6;
    await clock.sleep(Math.max(0, remainingMs) + uncertaintyMs + listsSettleMs);
  }

  #known(clientOrderId: string, answer: Answer, elapsedMs?: number): void {
    if (answer.kind === 'ambiguous') return;
    if (answer.kind === 'accepted') {
      this.#counts.accepted += 1;
      this.#seen();
      this.#orders.tell(clientOrderId, { type: 'accepted', venueOrderId: answer.venueOrderId });
      const latency = elapsedMs === undefined ? {} : { latencyMs: Math.round(elapsedMs) };
      this.#writer.known(clientOrderId, { status: 'accepted', venueOrderId: answer.venueOrderId, ...latency });
    } else {
      const { kind, reason } = answer;
      this.#counts[kind === 'never-sent' ? 'neverSent' : kind] += 1;
      this.#options.log('warn', `order ${kind}`, { clientOrderId, reason });
      this.#orders.tell(clientOrderId, { type: kind === 'rejected' ? 'rejected' : 'expired', reason });
      this.#writer.known(clientOrderId, { status: kind, reason });
    }
  }

  #underWay(request: Promise<void>): void {
    const settled = request
      .catch((error: unknown) => this.#options.log('error', 'a request failed in an unforeseen way', { error: messageOf(error) }))
      .finally(() => this.#inFlight.delete(settled));
    this.#inFlight.add(settled);
  }

  async #settled(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  // ---- draining ---------------------------------------------------------------------------------------------------

  async #drain(epoch: Epoch, drain: number): Promise<void> {
    if (this.#draining === drain) return;
    this.#draining = drain;
    await this.#settled();
    const { permits, log, clock } = this.#options;
    while (permits.view?.state === 'draining' && permits.view.drain === drain && !this.#closed.signal.aborted) {
      try {
        await permits.drained(epoch, drain);
        log('info', 'drained', { epoch, drain });
        void this.#writeMark();
        return;
      } catch (error) {
        log('warn', 'the guard did not take the word that the trader is drained', { epoch, drain, error: messageOf(error) });
        await clock.sleep(retryAfterMs, this.#closed.signal);
      }
    }
  }

  // ---- the journal, behind the orders -----------------------------------------------------------------------------

  async #writeMark(): Promise<void> {
    const { book, journal, log } = this.#options;
    const epoch = this.#takenOver;
    const { open } = this.#writer;
    // An outcome of an older epoch that is not written yet keeps the mark where it is.
    // Nor is it raised for an epoch whose open intents are not all known.
    // Nor in one whose position is in doubt: the next holder must find the same.
    if (epoch === undefined || epoch !== this.#reconciling?.epoch || epoch === this.#distrusted || open.some((author) => author.epoch < epoch)) return;
    const sequence = Math.min(this.#lastSequence + 1, ...open.map((author) => author.sequence));
    try {
      const { position, missedExecutions } = this.#orders;
      const result = this.#touch && { result: this.#result.at(this.#touch) };
      await journal.writeMark(book, { epoch, sequence, ...(!missedExecutions && { position, ...result }) });
      this.#completion.reached({ epoch, sequence });
    } catch (error) {
      log('warn', "the journal's mark was not raised", { error: messageOf(error) });
    }
  }

  // ---- looking at the venue, reporting to the guard ---------------------------------------------------------------

  async #lookRepeatedly(): Promise<void> {
    const { clock, log } = this.#options;
    let warm = false;
    while (!this.#closed.signal.aborted) {
      const beganNs = clock.monotonicNs();
      try {
        if (!warm) await this.#options.venue.warmUp();
        warm = true;
        await this.#look();
      } catch (error) {
        if (!this.#holds()) this.#reconciled = false;
        if (error instanceof VenueClockError) this.#doubtClock(beganNs);
        log('warn', 'the venue or the journal could not be read', { error: messageOf(error) });
      }
      await this.#report();
      this.#looks += 1;
      await clock.sleep(lookEveryMs, this.#closed.signal);
    }
  }

  async #look(): Promise<void> {
    if (this.#trading !== undefined) {
      await this.#lookAsHolder();
    } else if (this.#looks % standbyLooksOneIn === 0 && !this.#holds()) {
      await this.#lookAsStandby();
    }
  }

  /** Makes every read that a takeover will make, at once, so that their connections are open when it comes. */
  async #lookAsStandby(): Promise<void> {
    const { venue, journal, book } = this.#options;
    this.#countReads(3);
    const [touch] = await Promise.all([venue.touch(), venue.openOrders(), venue.executions(), venue.position(), journal.openIntents(book)]);
    this.#touch = touch;
    this.#reconciled = true;
    this.#seen();
  }

  /** Signed reads count for the shared limit; they are few, so they do not wait for it. */
  #countReads(count: number): void {
    for (let read = 0; read < count; read++) void this.#options.limits.request();
  }

  async *#counted<Page>(pages: AsyncIterable<Page>): AsyncGenerator<Page> {
    for await (const read of pages) {
      this.#countReads(1);
      yield read;
    }
  }

  async #lookAsHolder(): Promise<void> {
    const { venue, ledger, book, symbol } = this.#options;
    const epoch = this.#trading?.epoch;
    if (epoch === undefined || !(await this.#reconcileFor(epoch))) return;
    const acceptedBefore = this.#orders.acceptedIds();
    this.#countReads(2);
    const [openAtVenue, touch] = await Promise.all([venue.openOrders(), venue.touch()]);
    const executions = await venue.executions();
    if (this.#reconciling?.epoch !== epoch) return;
    this.#touch = touch;
    this.#seen();
    for (const order of this.#orders.correct(acceptedBefore, openAtVenue, executions)) {
      this.#countReads(2);
      this.#orders.ended(order, await venue.find(order.clientOrderId));
    }
    ledger.position({ book, symbol, quantity: this.#orders.position.quantity, epoch });
    if (this.#trading?.epoch === epoch) await this.#cancelOldest();
    await Promise.all([this.#writer.writeOutcomes(), this.#options.breaker.save()]);
    if (this.#looks % marksOneIn === 0) await this.#writeMark();
  }

  async #cancelOldest(): Promise<void> {
    for (const orders of toCancel(this.#orders.resting, this.#options.quoting)) {
      await this.#cancel(orders.map((order) => order.venueOrderId ?? ''));
    }
  }

  async #cancel(ids: readonly string[]): Promise<void> {
    const { limits, permits, venue, clock, log } = this.#options;
    if (!(await limits.request()).allowed || this.#trading === undefined) return;
    const permit = permits.permit();
    if ('error' in permit) return;
    this.#orders.cancelling(ids);
    this.#underWay(
      (async () => {
        const sentNs = clock.monotonicNs();
        const answer = await venue.cancel(ids, permit);
        if (answer.kind === 'accepted') return;
        log('warn', `cancellation ${answer.kind}`, { count: ids.length, reason: answer.reason });
        if (answer.kind === 'expired') this.#doubtClock(sentNs);
        // Either way they are asked again if they still rest; a doubtful one may still take effect until its deadline.
        if (answer.kind === 'ambiguous') await this.#untilExpired(permit);
        this.#orders.notCancelling(ids);
      })(),
    );
  }

  async #report(): Promise<void> {
    const { permits, log, clock } = this.#options;
    const status = this.#status();
    const { gauges: _gauges, ...words } = status;
    const text = JSON.stringify(words);
    const nowNs = clock.monotonicNs();
    if (text === this.#reported && Number(nowNs - this.#reportedNs) / 1e6 < reportEveryMs) return;
    try {
      await permits.reportStatus(status);
      this.#reported = text;
      this.#reportedNs = nowNs;
    } catch (error) {
      log('warn', 'the guard did not take the status', { error: messageOf(error) });
    }
  }

  #status(): TraderStatus {
    const { clock, redisReachable, ledger, breaker, requiresDatabase } = this.#options;
    const venueConnected = this.#venueSeenNs !== undefined && Number(clock.monotonicNs() - this.#venueSeenNs) / 1e6 < venueSilentAfterMs;
    const redis = redisReachable();
    const databaseWritable = ledger.writable;
    const { sent, accepted, rejected, expired, neverSent, ambiguous } = this.#counts;
    return {
      venueConnected,
      venueKey: this.#options.venue.key,
      redisReachable: redis,
      databaseWritable,
      reconciled: this.#reconciled,
      // Not for Redis: each task keeps to its share of the limits without it, and a task replaced for it would meet the same.
      ready: venueConnected && (databaseWritable || !requiresDatabase),
      // A replica is not written before it is promoted, and another task finds the same.
      ...(venueConnected && requiresDatabase && !databaseWritable && { waitsFor: 'database' as const }),
      gauges: {
        trader_orders_sent: sent,
        trader_orders_accepted: accepted,
        trader_orders_rejected: rejected,
        trader_orders_expired: expired,
        trader_orders_never_sent: neverSent,
        trader_orders_ambiguous: ambiguous,
        trader_order_latency_p50_ms: this.#latencies.quantile(0.5),
        trader_order_latency_p95_ms: this.#latencies.quantile(0.95),
        trader_orders_open: this.#orders.count,
        trader_orders_in_flight: this.#inFlight.size,
        trader_breaker_state: breakerGauge[breaker.state.kind],
        trader_breaker_openings: breaker.openings,
        trader_position: Number(this.#orders.position.quantity),
        trader_position_mismatch: this.#distrusted !== undefined && this.#distrusted === this.#takenOver ? 1 : 0,
        trader_ledger_queued_rows: ledger.queuedRows,
        trader_ledger_dropped_rows: ledger.droppedRows,
      },
    };
  }

  #seen(): void {
    this.#venueSeenNs = this.#options.clock.monotonicNs();
  }

  #holds(): boolean {
    const state = this.#options.permits.view?.state;
    return state === 'granted' || state === 'held' || state === 'draining';
  }

  #isOurs(epoch: Epoch): boolean {
    const { view } = this.#options.permits;
    return !this.#closed.signal.aborted && view?.epoch === epoch && (view.state === 'granted' || view.state === 'held');
  }
}
