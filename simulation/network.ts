/**
 * Between the processes and what they ask. A request takes its time to arrive, and its answer to come back; either may be lost, and then the
 * caller learns nothing, or that a connection broke. Whether what was asked for was done is not told by that: a time-out says nothing.
 */
import type { SimulatedProcess, VirtualTime } from './virtual-time.ts';

/** The ways between whom, as faults name them: a task's two containers share one host. */
export interface Route {
  readonly host: string;
  readonly service: string;
}

export interface LinkFault {
  /** From now on nothing that is sent arrives. */
  readonly requests?: true;
  /** From now on no answer arrives, but what was asked is done. */
  readonly answers?: true;
  /** Each way takes longer, by up to so much. */
  readonly slowerByMs?: number;
  /** One in so many requests meets a connection that breaks, before or after. */
  readonly breaksOneIn?: number;
}

interface Lasting {
  readonly of: Partial<Route>;
  readonly fault: LinkFault;
  readonly untilMs: number;
}

/** What a caller is told whose connection broke. */
export class ConnectionError extends Error {
  readonly code = 'ECONNRESET';
  constructor() {
    super('read ECONNRESET');
    this.name = 'ConnectionError';
  }
}

export interface Latency {
  readonly least: number;
  readonly most: number;
}

export class Network {
  readonly #time: VirtualTime;
  readonly #random: () => number;
  readonly #latencyMs: Readonly<Record<string, Latency>>;
  #faults: Lasting[] = [];

  /** The latencies of one way, by service. */
  constructor({ time, random, latencyMs }: { readonly time: VirtualTime; readonly random: () => number; readonly latencyMs: Readonly<Record<string, Latency>> }) {
    this.#time = time;
    this.#random = random;
    this.#latencyMs = latencyMs;
  }

  disturb(of: Partial<Route>, fault: LinkFault, forMs: number): void {
    this.#faults = this.#faults.filter(({ untilMs }) => untilMs > this.#time.nowMs);
    this.#faults.push({ of, fault, untilMs: this.#time.nowMs + forMs });
  }

  mend(): void {
    this.#faults = [];
  }

  /** `serve` is carried out when the request arrives, at the service, whatever has become of the caller by then. */
  ask<Answer>(caller: SimulatedProcess, route: Route, serve: () => Answer | Promise<Answer>, signal?: AbortSignal | null): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const time = this.#time;
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return promise;
    }
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    const broken = (): void => void time.at(time.nowMs + this.#latency(route.service), caller, () => reject(new ConnectionError()));
    const { fault: out, breaks } = this.#met(route);
    if (breaks === 'before') {
      broken();
      // On a slow way it has left already, and arrives all the same.
      if ((out.slowerByMs ?? 0) === 0) return promise;
    }
    if (out.requests === true) return promise;
    time.at(time.nowMs + this.#latency(route.service) + this.#random() * (out.slowerByMs ?? 0), undefined, () => {
      void Promise.resolve(serve()).then((answer) => {
        if (breaks === 'before') return undefined;
        if (breaks === 'after') return broken();
        const { fault: back } = this.#met(route);
        if (back.answers === true) return undefined;
        return void time.at(time.nowMs + this.#latency(route.service) + this.#random() * (back.slowerByMs ?? 0), caller, () => resolve(answer));
      }, (error: unknown) => {
        if (this.#met(route).fault.answers !== true) time.at(time.nowMs + this.#latency(route.service), caller, () => reject(error));
      });
    });
    return promise;
  }

  #latency(service: string): number {
    const { least, most } = this.#latencyMs[service] ?? { least: 1, most: 2 };
    return least + this.#random() * (most - least);
  }

  #met(route: Route): { readonly fault: LinkFault; readonly breaks: 'before' | 'after' | undefined } {
    const faults = this.#faults.filter(
      ({ of, untilMs }) => untilMs > this.#time.nowMs && (of.host ?? route.host) === route.host && (of.service ?? route.service) === route.service,
    );
    if (faults.length === 0) return { fault: {}, breaks: undefined };
    const oneIn = Math.min(...faults.map(({ fault }) => fault.breaksOneIn ?? Infinity));
    const breaks = this.#random() < 1 / oneIn ? (this.#random() < 0.5 ? 'before' : 'after') : undefined;
    const slowerByMs = Math.max(...faults.map(({ fault }) => fault.slowerByMs ?? 0));
    return {
      fault: {
        slowerByMs,
        ...(faults.some(({ fault }) => fault.requests) && { requests: true }),
        ...(faults.some(({ fault }) => fault.answers) && { answers: true }),
      },
      breaks,
    };
  }
}
