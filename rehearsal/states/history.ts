/**
 * The history of an execution, shaped as GetExecutionHistory answers it: ids from 1, each event pointing
 * at the one that led to it (the first state points at 0, as in AWS's own examples).
 */
import type { HistoryEventType } from '@aws-sdk/client-sfn';

export interface HistoryEvent {
  readonly id: number;
  readonly previousEventId: number;
  readonly timestamp: Date;
  readonly type: HistoryEventType;
  /** One member named after the kind of event: `taskFailedEventDetails`, `stateEnteredEventDetails` … */
  readonly [details: `${string}EventDetails`]: Record<string, unknown>;
}

/** One line of history: a branch of a Parallel or an iteration of a Map has its own, all write into one list. */
export class HistoryLine {
  readonly #events: HistoryEvent[];
  readonly #now: () => number;
  /** The event that the next one of this line follows. */
  previousEventId: number;

  constructor(events: HistoryEvent[], now: () => number, previousEventId = 0) {
    this.#events = events;
    this.#now = now;
    this.previousEventId = previousEventId;
  }

  /** Returns the event's id. */
  add(type: HistoryEventType, details?: { readonly [name: `${string}EventDetails`]: Record<string, unknown> }): number {
    const id = this.#events.length + 1;
    const previousEventId = this.previousEventId;
    this.#events.push({ timestamp: new Date(this.#now()), type, id, previousEventId, ...details });
    // The first state follows event 0, not ExecutionStarted.
    this.previousEventId = type === 'ExecutionStarted' ? 0 : id;
    return id;
  }

  /** A line that starts after this one's last event. */
  fork(): HistoryLine {
    return new HistoryLine(this.#events, this.#now, this.previousEventId);
  }
}

/** How AWS shows a payload beside its size note. */
export const inputOf = (input: unknown): Record<string, unknown> => ({ input: JSON.stringify(input), inputDetails: { truncated: false } });
export const outputOf = (output: unknown): Record<string, unknown> => ({
  output: JSON.stringify(output),
  outputDetails: { truncated: false },
});
