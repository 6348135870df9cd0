/**
 * Drives the protocol of one instance against a store: sends what `step` says, feeds back what comes, and
 * tells whoever listens of each new view. Clock and timer are passed in; the store bounds its own calls.
 */
import {
  initialState, step, viewOf, type Identity, type InstanceState, type InstanceView, type LeaseEffect, type LeaseEvent,
} from './protocol.ts';
import type { LeaseStore, LeaseWrite, WriteAnswer } from './store.ts';

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
    const next = step(this.#state, { ...event, now: this.#options.monotonicMs() } as LeaseEvent);
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
        store.readAll(identity.book).then(
          (book) => {
            this.#options.onAnswer?.('read');
            this.dispatch({ kind: 'read', book });
          },
          (error: Error) => {
            this.#options.onAnswer?.('read', error);
            this.dispatch({ kind: 'read-failed' });
          },
        );
        return;
      case 'write': {
        const sentAt = this.#options.monotonicMs();
        void store.write(effect.write).then((answer) => {
          this.#options.onWritten?.(effect.write, answer, this.#options.monotonicMs() - sentAt);
          this.dispatch({ kind: 'written', answer });
        });
        return;
      }
      case 'register':
        this.#registering = store
          .register(effect.registration)
          .then(
            () => this.#options.onAnswer?.('register'),
            (error: Error) => this.#options.onAnswer?.('register', error),
          )
          .then(() => this.dispatch({ kind: 'registered' }));
        return;
      case 'deregister':
        // After a registration that is on its way, or it would be written again.
        void this.#registering
          .then(() => store.deregister(identity.book, identity.instance))
          .then(
            () => this.#options.onAnswer?.('deregister'),
            (error: Error) => this.#options.onAnswer?.('deregister', error),
          )
          .then(() => this.#stopped.resolve());
        return;
    }
  }
}

function isSame(a: InstanceView, b: InstanceView): boolean {
  return a.state === b.state && a.epoch === b.epoch && a.validUntil === b.validUntil && a.drain === b.drain;
}
