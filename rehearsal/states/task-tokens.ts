/**
 * The tokens of tasks that wait for a callback: who holds one ends or keeps alive a state of a running
 * execution, from wherever he is. One set serves all executions.
 */
import type { Json } from './execution.ts';

export type TokenAnswer = { readonly output: Json } | { readonly error: string; readonly cause: string };
/** `over`: the task was answered already, or timed out. */
export type TokenState = 'waiting' | 'over' | 'unknown';

interface Waiter {
  answer(answer: TokenAnswer): void;
  heartbeat(): void;
}

export class TaskTokens {
  readonly #waiters = new Map<string, Waiter>();
  readonly #over = new Set<string>();

  /** From here on the token may be answered, once. */
  open(token: string, waiter: Waiter): void {
    this.#waiters.set(token, waiter);
  }

  close(token: string): void {
    this.#waiters.delete(token);
    this.#over.add(token);
  }

  /** The state the token was in; only one that was waiting has been answered by this. */
  answer(token: string, answer: TokenAnswer): TokenState {
    const waiter = this.#waiters.get(token);
    if (waiter === undefined) return this.#stateOf(token);
    this.close(token);
    waiter.answer(answer);
    return 'waiting';
  }

  heartbeat(token: string): TokenState {
    this.#waiters.get(token)?.heartbeat();
    return this.#stateOf(token);
  }

  #stateOf(token: string): TokenState {
    if (this.#waiters.has(token)) return 'waiting';
    return this.#over.has(token) ? 'over' : 'unknown';
  }
}
