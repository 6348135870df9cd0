/**
 * The guard: the one process of a task that speaks to the lease. It joins the holder loop, the venue's clock and
 * what the trader reports into the views and permits that the API hands out. Clock, timer, table and venue are
 * passed in.
 */
import type { Drained, HaltRequest, LeaseView, Permit, PermitRefusal, TraderStatus, VenueClock } from '../../lib/contracts/guard-api.ts';
import { LeaseHolder } from '../../lib/lease/holder.ts';
import type { MonotonicNs } from '../../lib/lease/model.ts';
import { permitFor, permitLongestMs, termsOf, uncertaintyAtMs, venueUncertaintyMaxMs } from '../../lib/lease/permits.ts';
import type { Identity, InstanceView } from '../../lib/lease/protocol.ts';
import type { LeaseStore, WriteAnswer } from '../../lib/lease/store.ts';
import { GuardMetrics } from './metrics.ts';
import { consistent, measure, type VenueTime } from './venue-clock.ts';
import type { HeldKey, VenueKeys } from './venue-key.ts';

export type Log = (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;

export interface GuardOptions {
  readonly identity: Identity;
  readonly store: LeaseStore;
  readonly venueTime: VenueTime;
  /** Absent for a bot that has its key from elsewhere. */
  readonly venueKeys?: VenueKeys;
  readonly monotonicNs: () => MonotonicNs;
  /** Calls back after that many milliseconds; answers how to cancel. */
  readonly after: (ms: number, callback: () => void) => () => void;
  readonly log: Log;
}

/** A trader reports every 5 s at least; silent for three times that, it counts as not ready. */
export const traderSilenceMs = 15_000;
/** A shorter trouble with the table is no reason to have the task replaced: a new one would meet the same. */
const storeSilenceMs = 60_000;
/** That long at most the venue's clock may have been set unseen, if none of its refusals tells of it. */
const clockEveryMs = 5000;
const clockRetryMs = 1000;
/** However often its trader doubts the clock, a guard must not become a load for the venue. */
const clockSpacingMs = 250;
const clockTimeoutMs = 1000;
/** From the last instant at which a permit can have been used: then the venue refuses what it was used for. */
const requestLifeMs = permitLongestMs + venueUncertaintyMaxMs;
/** Lane 0 numbers the permits given by HTTP; the connections of the stream count from 1. */
const httpLane = 0;

export interface Health {
  readonly healthy: boolean;
  readonly state: LeaseView['state'];
  /** Why not; empty when healthy. */
  readonly reasons: readonly string[];
}

export class Guard {
  readonly #options: GuardOptions;
  readonly #holder: LeaseHolder;
  readonly #listeners = new Set<() => void>();
  readonly metrics: GuardMetrics;
  #clock: VenueClock | undefined;
  #cancelClock: () => void = () => undefined;
  #measuring = false;
  #clockDoubted = false;
  #clockAskedAtMs = -Infinity;
  #cancelSilence: () => void = () => undefined;
  #status: { readonly said: TraderStatus; readonly atMs: number } | undefined;
  #storeAnsweredAtMs: number;
  #lanes = httpLane;
  /** Lanes that may have requests on their way, and until when: for ever, while their reader is there and has not said otherwise. */
  readonly #owing = new Map<number, number>();
  #drainedWord: Drained | undefined;
  #cancelWord: () => void = () => undefined;
  #permits = 0;
  /** The newest epoch in which this guard's halt was found in the table. */
  #haltedIn: number | undefined;
  #over = false;

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#storeAnsweredAtMs = this.#nowMs();
    this.#holder = new LeaseHolder({
      identity: options.identity,
      store: options.store,
      monotonicMs: () => this.#nowMs(),
      after: options.after,
      onView: (view, before) => this.#changed(view, before),
      onRead: ({ announcedKey }) => {
        if (announcedKey !== undefined) options.venueKeys?.announced(announcedKey);
      },
      keyReport: () => options.venueKeys?.report,
      onWritten: (write, answer, tookMs) => {
        this.metrics.writes.observe({ write: write.name, outcome: answer.outcome }, tookMs / 1000);
        if (answer.outcome !== 'ambiguous') this.#storeAnsweredAtMs = this.#nowMs();
        if (write.name === 'halt') this.#haltWritten(answer);
        if (write.name === 'renew' && answer.outcome === 'applied') return;
        const fields = { write: write.name, outcome: answer.outcome, tookMs: Math.round(tookMs) };
        if (answer.outcome === 'ambiguous') {
          this.#log('warn', 'the table did not answer a write', { ...fields, error: answer.error.message });
        } else {
          const { epoch, holder, mode } = answer.lease ?? {};
          this.#log('info', 'lease written', { ...fields, epoch, holder, mode });
        }
      },
      onAnswer: (call, error) => {
        if (error === undefined) {
          this.#storeAnsweredAtMs = this.#nowMs();
          return;
        }
        this.metrics.storeFailures.inc({ call });
        this.#log('warn', 'the table did not answer', { call, error: error.message });
      },
    });
    this.metrics = new GuardMetrics(() => {
      const view = this.view();
      const validForMs = view.validUntilNs === null ? 0 : Number(BigInt(view.validUntilNs) - options.monotonicNs()) / 1e6;
      const { healthy } = this.health();
      return {
        state: view.state,
        epoch: view.epoch,
        validForSeconds: Math.max(0, validForMs / 1000),
        venueUncertaintySeconds: this.#clock === undefined ? undefined : uncertaintyAtMs(this.#clock, this.#nowMs()) / 1000,
        statusAgeSeconds: this.#status === undefined ? undefined : (this.#nowMs() - this.#status.atMs) / 1000,
        healthy,
        keyVersions: { proved: options.venueKeys?.report?.proved, used: options.venueKeys?.report?.uses },
        keyProofAgeSeconds: options.venueKeys?.proofAgeMs === undefined ? undefined : options.venueKeys.proofAgeMs / 1000,
        keyRefused: options.venueKeys?.problem !== undefined,
      };
    });
  }

  start(): void {
    this.#log('info', 'guard started', { imageDigest: this.#options.identity.imageDigest });
    this.#holder.start();
    void this.#keepClock();
  }

  /** For the trader beside, and nobody else: undefined while none is proved. */
  get venueKey(): HeldKey | undefined {
    return this.#options.venueKeys?.offered;
  }

  /** What is known now, for the given connection. */
  view(lane = httpLane): LeaseView {
    const { book, instance, colour, region } = this.#options.identity;
    const { state, epoch, validUntil, drain, resumedFrom } = this.#holder.view;
    const validUntilNs = validUntil === null ? null : BigInt(Math.floor(validUntil * 1e6)).toString();
    const view = { book, instance, colour, region, state, epoch, validUntilNs, venueClock: this.#clock ?? null, drain, lane };
    const venueKey = this.venueKey?.version;
    return { ...view, ...(venueKey !== undefined && { venueKey }), ...(resumedFrom !== undefined && { resumedFrom }) };
  }

  /** Called with each new view, the present one at once; answers how to stop. Each follower has a lane of its own. */
  follow(listener: (view: LeaseView) => void): () => void {
    this.#lanes += 1;
    const lane = this.#lanes;
    const tell = (): void => {
      const view = this.view(lane);
      if (view.state === 'held') this.#owing.set(lane, Infinity);
      listener(view);
    };
    this.#listeners.add(tell);
    tell();
    return () => {
      this.#listeners.delete(tell);
      // What its reader had sent, nobody can tell any more; but it is short-lived.
      if (this.#owing.has(lane)) this.#owing.set(lane, this.#nowMs() + requestLifeMs);
      this.#judgeDrain();
    };
  }

  permit(): Permit | PermitRefusal {
    const permit = permitFor(termsOf(this.view()), this.#options.monotonicNs(), this.#permits);
    this.metrics.permits.inc({ result: 'error' in permit ? permit.error : 'given' });
    if (!('error' in permit)) {
      this.#permits += 1;
      this.#owing.set(httpLane, Infinity);
    }
    return permit;
  }

  takeStatus(said: TraderStatus): void {
    const before = this.#status?.said.ready;
    this.#status = { said, atMs: this.#nowMs() };
    this.metrics.takeTrader(said);
    if (before !== said.ready) this.#log('info', said.ready ? 'trader ready' : 'trader not ready', { reconciled: said.reconciled });
    this.#options.venueKeys?.traderSays(said.venueKey);
    this.#tellReadiness();
    this.#cancelSilence();
    this.#cancelSilence = this.#options.after(traderSilenceMs, () => {
      this.#log('warn', 'trader silent, counts as not ready', { forMs: traderSilenceMs });
      this.#holder.dispatch({ kind: 'trader-status', ready: false, reconciled: false });
    });
  }

  /** Nobody is ready who has a key that the venue refuses. */
  #tellReadiness(): void {
    if (this.#status === undefined || this.#nowMs() - this.#status.atMs >= traderSilenceMs) return;
    const { ready, reconciled } = this.#status.said;
    this.#holder.dispatch({ kind: 'trader-status', ready: ready && this.#options.venueKeys?.problem === undefined, reconciled });
  }

  /** One connection's word; the drain is over when nobody else owes one. */
  drained(word: Drained): void {
    this.#log('info', 'trader drained', word);
    this.#owing.delete(word.lane);
    this.#drainedWord = word;
    this.#judgeDrain();
  }

  /** The venue refused a request for its time that by its clock as measured was in time: it is measured at once. */
  venueClockDoubted(): void {
    this.#clockDoubted = true;
    if (!this.#measuring) this.#measureAfter(Math.max(0, this.#clockAskedAtMs + clockSpacingMs - this.#nowMs()));
  }

  /** Whether the book is halted by now; undefined: the epoch is not ours to speak for. */
  halt({ epoch, reason }: HaltRequest): boolean | undefined {
    if (this.#haltedIn === epoch) return true;
    if (this.#holder.view.epoch !== epoch) return undefined;
    this.#log('error', 'the trader asks for a halt', { epoch, reason });
    this.#holder.dispatch({ kind: 'halt', epoch, reason });
    return false;
  }

  #haltWritten(answer: WriteAnswer): void {
    if (answer.outcome === 'ambiguous' || answer.lease?.mode !== 'halted') return;
    if (answer.lease.holder === this.#options.identity.instance) this.#haltedIn = answer.lease.epoch;
  }

  #judgeDrain(): void {
    this.#cancelWord();
    if (this.#drainedWord === undefined) return;
    const nowMs = this.#nowMs();
    for (const [lane, untilMs] of this.#owing) if (untilMs <= nowMs) this.#owing.delete(lane);
    const owedUntil = Math.max(-Infinity, ...this.#owing.values());
    if (owedUntil > nowMs) {
      if (owedUntil < Infinity) this.#cancelWord = this.#options.after(owedUntil - nowMs, () => this.#judgeDrain());
      return;
    }
    const { epoch, drain } = this.#drainedWord;
    this.#drainedWord = undefined;
    this.#holder.dispatch({ kind: 'trader-drained', epoch, drain });
  }

  health(): Health {
    const view = this.view();
    const nowMs = this.#nowMs();
    const reasons: string[] = [];
    const silentMs = this.#status === undefined ? undefined : nowMs - this.#status.atMs;
    if (silentMs === undefined) reasons.push('the trader has not reported yet');
    else if (silentMs > traderSilenceMs) reasons.push(`the trader has been silent for ${Math.round(silentMs / 1000)} s`);
    else if (this.#status?.said.ready === false && this.#status.said.waitsFor === undefined) reasons.push(`the trader is not ready: ${missingOf(this.#status.said)}`);
    const keyProblem = this.#options.venueKeys?.problem;
    if (keyProblem !== undefined) reasons.push(keyProblem);
    const storeMs = nowMs - this.#storeAnsweredAtMs;
    if (storeMs > storeSilenceMs) reasons.push(`the lease table has not answered for ${Math.round(storeMs / 1000)} s`);
    if (view.state === 'held') {
      const permit = permitFor(termsOf(view), this.#options.monotonicNs(), this.#permits);
      // Between two renewals a permit may be refused for a moment; the venue's clock does not recover by itself.
      if ('error' in permit && permit.error.startsWith('venue-clock')) reasons.push(permit.message);
    }
    if (view.state === 'stopped') reasons.push('this guard has given up and is ending');
    return { healthy: reasons.length === 0, state: view.state, reasons };
  }

  /** SIGTERM: drains, gives the lease to a standby or to nobody, removes its registration. */
  async terminate(): Promise<void> {
    this.#log('info', 'asked to end');
    this.#holder.dispatch({ kind: 'terminate' });
    await this.#holder.stopped;
    this.#over = true;
    this.#cancelClock();
    this.#cancelSilence();
    this.#cancelWord();
    this.#options.venueKeys?.close();
    this.#log('info', 'guard ended');
  }

  #changed(view: InstanceView, before: InstanceView): void {
    if (view.state !== before.state || view.epoch !== before.epoch) {
      this.metrics.transitions.inc({ to: view.state });
      this.#log('info', `lease ${before.state} → ${view.state}`, { epoch: view.epoch ?? before.epoch });
    }
    this.#tellAll();
  }

  #tellAll(): void {
    for (const tell of this.#listeners) tell();
  }

  async #keepClock(): Promise<void> {
    if (this.#over) return;
    let againMs = clockEveryMs;
    this.#measuring = true;
    this.#clockDoubted = false;
    this.#clockAskedAtMs = this.#nowMs();
    try {
      const known = this.#clock;
      const { venueTime } = this.#options;
      const clock = await measure({ venueTime, monotonicMs: () => this.#nowMs(), timeoutMs: clockTimeoutMs, known });
      if (known !== undefined && !consistent(known, clock, this.#nowMs())) {
        const byMs = Math.round(clock.offsetMs - known.offsetMs);
        this.#log('warn', "the venue's clock is not where it was: it was set, or set back", { byMs });
      }
      this.#clock = clock;
      this.#tellAll();
      this.#startKeys(clock);
    } catch (error) {
      againMs = clockRetryMs;
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : undefined;
      this.#log('warn', 'the venue did not tell its time', { error: error instanceof Error ? error.message : String(error), cause });
    }
    this.#measuring = false;
    // A doubt that came meanwhile may be younger than the answers.
    this.#measureAfter(this.#clockDoubted ? clockSpacingMs : againMs);
  }

  #startKeys(measured: VenueClock): void {
    this.#options.venueKeys?.start({
      nowMs: () => this.#nowMs(),
      venueNowMs: () => this.#nowMs() + (this.#clock ?? measured).offsetMs,
      log: (level, message, fields) => this.#log(level, message, fields),
      onChange: () => {
        this.#tellReadiness();
        this.#tellAll();
      },
    });
  }

  #measureAfter(ms: number): void {
    this.#cancelClock();
    if (!this.#over) this.#cancelClock = this.#options.after(ms, () => void this.#keepClock());
  }

  #nowMs(): number {
    return Number(this.#options.monotonicNs()) / 1e6;
  }

  #log(level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown> = {}): void {
    const { book, instance } = this.#options.identity;
    this.#options.log(level, message, { book, instance, ...fields });
  }
}

function missingOf(said: TraderStatus): string {
  const { venueConnected: venue, redisReachable: Redis, databaseWritable: database, reconciled } = said;
  const missing = Object.entries({ venue, Redis, database, reconciled }).flatMap(([name, met]) => (met ? [] : [name]));
  return missing.length === 0 ? 'it gives no reason' : `missing ${missing.join(', ')}`;
}
