/**
 * The tokens of tasks that wait for a callback: who holds one ends or keeps alive a state of a running
 * execution, from wherever he is. One set serves all executions of a Region.
 */
import type { Json } from './execution.ts';

export type TokenAnswer = { readonly output: Json } | { readonly error: string; readonly cause: string };

interface Waiter {
  answer(answer: TokenAnswer): void;
  heartbeat(): void;
}

export class TaskTokens {
  readonly #waiters = new Map<string, Waiter>();

  /** From here on the token may be answered, once. */
  open(token: string, waiter: Waiter): void {
    this.#waiters.set(token, waiter);
  }

  close(token: string): void {
    this.#waiters.delete(token);
  }

  /** False when nobody waits for this token (any more). */
  answer(token: string, answer: TokenAnswer): boolean {
    const waiter = this.#waiters.get(token);
    this.#waiters.delete(token);
    waiter?.answer(answer);
    return waiter !== undefined;
  }

  heartbeat(token: string): boolean {
    const waiter = this.#waiters.get(token);
    waiter?.heartbeat();
    return waiter !== undefined;
  }
}
