/**
 * What must hold at every instant of every run. Each looks after every event at what is new since; what some may only say when all has come to
 * rest they say at the end. The venue's record and the tables' writes judge, nothing that a process says of itself. Most are about the whole system, some about
 * an execution of a state machine in a world of its own, as the sweep tells them; some about both.
 */
import type { Stage } from '../sweep/stage.ts';
import type { SimulatedSystem } from '../system.ts';

export interface Watch {
  /** What is wrong; undefined when nothing is. */
  readonly afterEvent?: () => string | undefined;
  /** The same, when the last net has given back what an execution had. */
  readonly afterNet?: () => string | undefined;
  /** The same, when faults are over and trading goes on, or the execution has ended. */
  readonly atEnd?: () => string | undefined;
}

export interface Invariant {
  readonly number: number;
  /** A sentence that is true. */
  readonly name: string;
  readonly watch?: (system: SimulatedSystem) => Watch;
  readonly watchWorld?: (stage: Stage) => Watch;
}

/** What came to a list since it was looked at last. */
export function news<One>(list: readonly One[]): () => readonly One[] {
  let seen = 0;
  return () => {
    if (seen === list.length) return [];
    const fresh = list.slice(seen);
    seen = list.length;
    return fresh;
  };
}
