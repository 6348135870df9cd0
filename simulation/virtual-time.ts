/**
 * Time that passes only when nothing else happens, for processes that all live in this one: each with a clock that runs at its own pace, each of
 * which may stand still (SIGSTOP) or end, whatever timers its code and the libraries under it have set.
 *
 * What is due is done one event at a time, in the order of its instants. After each, every promise that can settle does so before the next:
 * nothing here waits for a socket, a file or a thread. Whose event it is travels with the asynchronous context, so that a library's own
 * timer belongs to the process that called the library.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { MonotonicNs } from '../lib/lease/model.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly owner: SimulatedProcess | undefined;
  readonly run: () => void;
  cancelled: boolean;
}

const realSetImmediate = globalThis.setImmediate;
/** As it may be changed: what imports its names sees that. */
const timerPromises = createRequire(import.meta.url)('node:timers/promises') as Record<'setTimeout' | 'setImmediate', unknown>;
/** Where the simulated calendar begins. */
const epochMs = Date.UTC(2026, 0, 5, 12);
/** A clock began long before the process did: at its own instant, so that no two may be compared unnoticed. */
const monotonicRangeMs = 1e7;

/** One process: a guard, a trader, a function. Nothing reaches it while it stands still, and nothing comes from it once it has ended. */
export class SimulatedProcess {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #rate: number;
  readonly #offsetMs: number;
  alive = true;
  pausedUntilMs = 0;

  constructor(time: VirtualTime, name: string, clock: { readonly rate: number; readonly offsetMs: number }) {
    this.#time = time;
    this.name = name;
    this.#rate = clock.rate;
    this.#offsetMs = clock.offsetMs;
  }

  /** On this process's own clock. */
  monotonicMs(): number {
    return this.#offsetMs + this.#time.nowMs * this.#rate;
  }

  monotonicNs(): MonotonicNs {
    return BigInt(Math.round(this.monotonicMs() * 1e6)) as MonotonicNs;
  }

  /** How long so much of its own time takes. */
  trueMs(ownMs: number): number {
    return ownMs / this.#rate;
  }

  /** Another process on the same host, by the same clock. */
  beside(name: string): SimulatedProcess {
    return new SimulatedProcess(this.#time, name, { rate: this.#rate, offsetMs: this.#offsetMs });
  }

  run<Result>(action: () => Result): Result {
    return this.#time.as(this, action);
  }
}

export class VirtualTime {
  nowMs = 0;
  /** Events that were carried out. */
  events = 0;
  readonly #heap: Due[] = [];
  readonly #running = new AsyncLocalStorage<SimulatedProcess | undefined>();
  readonly #random: () => number;
  /** How late a process is woken at most: its timers come in any order within it. */
  readonly #wakeLagMsMax: number;
  /** What came for processes that stand still. */
  readonly #waiting = new Map<SimulatedProcess, Due[]>();
  #order = 0;

  constructor({ random, wakeLagMsMax }: { readonly random: () => number; readonly wakeLagMsMax: number }) {
    this.#random = random;
    this.#wakeLagMsMax = wakeLagMsMax;
  }

  /** Milliseconds since 1970, for everybody whose wall clock is right. */
  get wallMs(): number {
    return epochMs + this.nowMs;
  }

  process(name: string, { driftPpm }: { readonly driftPpm: number }): SimulatedProcess {
    const rate = 1 + ((this.#random() * 2 - 1) * driftPpm) / 1e6;
    return new SimulatedProcess(this, name, { rate, offsetMs: this.#random() * monotonicRangeMs });
  }

  as<Result>(owner: SimulatedProcess | undefined, action: () => Result): Result {
    return this.#running.run(owner, action);
  }

  /** Whose code runs now; undefined for the world's own. */
  get running(): SimulatedProcess | undefined {
    return this.#running.getStore();
  }

  /** At a true instant. Answers how to cancel. */
  at(atMs: number, owner: SimulatedProcess | undefined, run: () => void): () => void {
    const due: Due = { atMs: Math.max(atMs, this.nowMs), order: (this.#order += 1), owner, run, cancelled: false };
    this.#push(due);
    return () => {
      due.cancelled = true;
    };
  }

  /** After so much time of whoever runs now, and as late as a busy host wakes it. */
  after(ms: number, run: () => void): () => void {
    const owner = this.running;
    const lagMs = owner === undefined ? 0 : this.#random() * this.#wakeLagMsMax;
    return this.at(this.nowMs + (owner?.trueMs(Math.max(0, ms)) ?? ms) + lagMs, owner, run);
  }

  /** As {@link after}, for whoever waits for it. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Carries out what is due, in order, until that instant, or until `isOver` says after an event that nothing more is wanted. */
  async runUntil(endMs: number, isOver: () => boolean): Promise<void> {
    for (let next = this.#peek(); next !== undefined && next.atMs <= endMs; next = this.#peek()) {
      this.#pop();
      const { owner, run } = next;
      if (next.cancelled || owner?.alive === false) continue;
      this.nowMs = next.atMs;
      if (owner !== undefined && owner.pausedUntilMs > this.nowMs) {
        this.#keepFor(owner, next);
        continue;
      }
      this.events += 1;
      this.as(owner, run);
      // Every promise that can settle has settled when this comes.
      await new Promise<void>((resolve) => void realSetImmediate(resolve));
      if (isOver()) return;
    }
    this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** A process that stands still goes on before its time. */
  resume(process: SimulatedProcess): void {
    process.pausedUntilMs = Math.min(process.pausedUntilMs, this.nowMs);
    this.#goOn(process);
  }

  #keepFor(owner: SimulatedProcess, due: Due): void {
    const waiting = this.#waiting.get(owner);
    if (waiting !== undefined) return void waiting.push(due);
    this.#waiting.set(owner, [due]);
    this.at(owner.pausedUntilMs, undefined, () => this.#goOn(owner));
  }

  /** In their old order: it finds everything at once. */
  #goOn(owner: SimulatedProcess): void {
    if (owner.pausedUntilMs > this.nowMs) return void this.at(owner.pausedUntilMs, undefined, () => this.#goOn(owner));
    const waiting = this.#waiting.get(owner) ?? [];
    this.#waiting.delete(owner);
    for (const due of waiting) this.#push(Object.assign(due, { atMs: this.nowMs }));
  }

  #peek(): Due | undefined {
    return this.#heap[0];
  }

  #push(due: Due): void {
    const heap = this.#heap;
    heap.push(due);
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!isBefore(heap[child]!, heap[parent]!)) return;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === parent) return;
      [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
      parent = least;
    }
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** One for all: each of its own would cost more than what ran out of time. */
const timedOut = new DOMException('The operation was aborted due to timeout', 'TimeoutError');

/** A timer as Node's own code and libraries use it. */
class Timer {
  readonly #cancel: () => void;
  constructor(cancel: () => void) {
    this.#cancel = cancel;
  }
  cancel(): void {
    this.#cancel();
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
}

/** Ambient time and randomness of this whole process become the simulation's until the answer is called. */
export function takeAmbientTime(time: VirtualTime, random: () => number): () => void {
  const RealDate = globalThis.Date;
  const real = {
    Date: RealDate,
    setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, setInterval: globalThis.setInterval, clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate, clearImmediate: globalThis.clearImmediate,
  };
  const realRandom = Math.random;
  const realTimeout = AbortSignal.timeout.bind(AbortSignal);

  const setTimer = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer =>
    new Timer(time.after(Number.isFinite(ms) ? ms : 0, () => callback(...args)));
  const setRepeated = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): Timer => {
    let cancel = (): void => undefined;
    const again = (): void => {
      cancel = time.after(ms, () => {
        again();
        callback(...args);
      });
    };
    again();
    return new Timer(() => cancel());
  };
  const clear = (timer: unknown): void => {
    if (timer instanceof Timer) timer.cancel();
  };
  class VirtualDate extends RealDate {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(time.wallMs);
      else super(...(args as [number]));
    }
    static override now(): number {
      return Math.floor(time.wallMs);
    }
  }
  Object.assign(globalThis, {
    Date: VirtualDate,
    setTimeout: setTimer, clearTimeout: clear, setInterval: setRepeated, clearInterval: clear,
    setImmediate: (callback: (...args: unknown[]) => void, ...args: unknown[]) => setTimer(callback, 0, ...args), clearImmediate: clear,
  });
  const realPromised = { setTimeout: timerPromises.setTimeout, setImmediate: timerPromises.setImmediate };
  const promised = <Value>(ms = 0, value?: Value, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Value | undefined> =>
    new Promise((resolve, reject) => {
      const abort = (): void => {
        cancel();
        reject(new DOMException('The operation was aborted', 'AbortError'));
      };
      if (signal?.aborted === true) return reject(new DOMException('The operation was aborted', 'AbortError'));
      const cancel = time.after(ms, () => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      });
      signal?.addEventListener('abort', abort, { once: true });
    });
  Object.assign(timerPromises, { setTimeout: promised, setImmediate: (value?: unknown) => promised(0, value) });
  syncBuiltinESMExports();
  Math.random = random;
  performance.now = () => time.nowMs;
  AbortSignal.timeout = (ms: number) => {
    const controller = new AbortController();
    time.after(ms, () => controller.abort(timedOut));
    return controller.signal;
  };

  return () => {
    Object.assign(globalThis, real);
    Object.assign(timerPromises, realPromised);
    syncBuiltinESMExports();
    Math.random = realRandom;
    // Its own, of the prototype, is there again.
    Reflect.deleteProperty(performance, 'now');
    AbortSignal.timeout = realTimeout;
  };
}
