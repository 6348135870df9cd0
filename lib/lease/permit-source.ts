/**
 * The guard's client for TypeScript bots: follows the guard's stream and hands out permits with no call.
 * On the order path a permit is one comparison and some arithmetic; when the stream breaks, the last
 * validity simply runs out.
 */
import type { LeaseView, Permit, PermitRefusal, TraderStatus } from '../contracts/guard-api.ts';
import type { MonotonicNs } from './model.ts';

export interface PermitSourceOptions {
  readonly port: number;
  readonly monotonicNs: () => MonotonicNs;
}

export class PermitSource {
  constructor(_options: PermitSourceOptions) {
    throw new Error('not built yet');
  }
  /** The latest view; undefined before the first. */
  get view(): LeaseView | undefined {
    return undefined;
  }
  /** Connects and resolves with the first view; reconnects by itself until `close`. */
  start(): Promise<void> {
    return Promise.reject(new Error('not built yet'));
  }
  /** Whether orders may be sent at that instant. */
  check(_nowNs: MonotonicNs): boolean {
    return false;
  }
  /** Leave to send one changing request, with the next client order id of this connection's lane. */
  permit(): Permit | PermitRefusal {
    throw new Error('not built yet');
  }
  /** Called at every change and renewal; answers how to stop. */
  onChange(_listener: (view: LeaseView) => void): () => void {
    return () => undefined;
  }
  reportStatus(_status: TraderStatus): Promise<void> {
    return Promise.resolve();
  }
  drained(_epoch: number, _drain: number): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
