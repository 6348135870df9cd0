/**
 * Drives the protocol of one instance against a store: sends what `step` says, feeds back what comes, and
 * tells whoever listens of each new view. Clock and timer are passed in; the store bounds its own calls.
 */
import {
  initialState, step, viewOf, type Identity, type InstanceState, type InstanceView, type LeaseEffect, type LeaseEvent,
} from './protocol.ts';
import type { KeyReport, Registration } from './model.ts';
import type { BookState, LeaseStore, LeaseWrite, WriteAnswer } from './store.ts';

type WithoutNow<Event> = Event extends unknown ? Omit<Event, 'now'> : never;

export interface HolderOptions {
  readonly identity: Identity;
  readonly store: LeaseStore;
  /** Milliseconds on the host's monotonic clock. */
  readonly monotonicMs: () => number;
  /** Calls back after that many milliseconds; answers how to cancel. */
  readonly after: (ms: number, callback: () => void) => () => void;
  /** At every change of what the trader may do, and at every renewal. */
  readonly onView: (view: InstanceView, before: InstanceView) => void;
  /** A write's answer, for the log and the metrics. */
  readonly onWritten?: (write: LeaseWrite, answer: WriteAnswer, tookMs: number) => void;
  /** All of the book, as a read has just seen it. */
  readonly onRead?: (book: BookState) => void;
  /** What this instance's registration says beside what the protocol knows. */
  readonly keyReport?: () => KeyReport | undefined;
  /** A read or a registration answered (no error) or did not. */
  readonly onAnswer?: (call: 'read' | 'register' | 'deregister', error?: Error) => void;
}

export class LeaseHolder {
  readonly #options: HolderOptions;
  #state: InstanceState;
  #view: InstanceView;
  #cancelWake: () => void = () => undefined;
  readonly #stopped = Promise.withResolvers<void>();
  #registering: Promise<void> = Promise.resolve();

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#state = initialState(options.identity);
    this.#view = viewOf(this.#state);
  }

  get view(): InstanceView {
    return this.#view;
  }

  get state(): InstanceState {
    return this.#state;
  }

  /** Resolves when this life is over: the lease given up or left to run out, the registration removed. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  start(): void {
    this.dispatch({ kind: 'tick' });
  }

  dispatch(event: WithoutNow<LeaseEvent>): void {
    const next = step(this.#state, { ...event, now: this.#options.monotonicMs() });
    this.#state = next.state;
    const view = viewOf(next.state);
    const before = this.#view;
    this.#view = view;
    this.#cancelWake();
    // Rounded up, so that a timer never comes back before its time.
    const wakeAt = next.wakeAt;
    const wakeInMs = wakeAt === undefined ? undefined : Math.max(0, Math.ceil(wakeAt - this.#options.monotonicMs()));
    this.#cancelWake = wakeInMs === undefined ? () => undefined : this.#options.after(wakeInMs, () => this.dispatch({ kind: 'tick' }));
    // Sent before the listeners are told: they may take their time.
    for (const effect of next.effects) this.#carryOut(effect);
    if (!isSame(before, view)) this.#options.onView(view, before);
  }

  #carryOut(effect: LeaseEffect): void {
    const { store, identity } = this.#options;
    switch (effect.kind) {
      case 'read':
        void this.#read();
        return;
      case 'write':
        void this.#write(effect.write);
        return;
      case 'register':
        this.#registering = this.#register(effect.registration);
        return;
      case 'deregister':
        // After a registration that is on its way, or it would be written again.
        void this.#registering
          .then(() => this.#try('deregister', () => store.deregister(identity.book, identity.instance)))
          .then(() => this.#stopped.resolve());
        return;
    }
  }

  async #read(): Promise<void> {
    const { store, identity } = this.#options;
    const book = await this.#try('read', () => store.readAll(identity.book));
    this.dispatch(book === undefined ? { kind: 'read-failed' } : { kind: 'read', book });
    if (book !== undefined) this.#options.onRead?.(book);
  }

  async #write(write: LeaseWrite): Promise<void> {
    const sentAt = this.#options.monotonicMs();
    const answer = await this.#options.store.write(write);
    this.#options.onWritten?.(write, answer, this.#options.monotonicMs() - sentAt);
    this.dispatch({ kind: 'written', answer });
  }

  async #register(registration: Registration): Promise<void> {
    const venueKey = this.#options.keyReport?.();
    const whole = venueKey === undefined ? registration : { ...registration, venueKey };
    await this.#try('register', () => this.#options.store.register(whole));
    this.dispatch({ kind: 'registered' });
  }

  async #try<Answer>(name: 'read' | 'register' | 'deregister', call: () => Promise<Answer>): Promise<Answer | undefined> {
    try {
      const answer = await call();
      this.#options.onAnswer?.(name);
      return answer;
    } catch (error) {
      this.#options.onAnswer?.(name, error instanceof Error ? error : new Error(String(error)));
      return undefined;
    }
  }
}

function isSame(a: InstanceView, b: InstanceView): boolean {
  return a.state === b.state && a.epoch === b.epoch && a.validUntil === b.validUntil && a.drain === b.drain;
}
