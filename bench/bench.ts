/** What a bench is: something measured, held to a limit, beside what people would use instead. */
import type { Progress } from '../rehearsal/report/progress.ts';
import type { Row } from './row.ts';

export interface BenchContext {
  /** A small count: to see that it works, not to believe it. */
  readonly quick: boolean;
  readonly progress: Progress;
}

export interface Bench {
  readonly name: string;
  readonly summary: string;
  run(context: BenchContext): Promise<readonly Row[]>;
}
