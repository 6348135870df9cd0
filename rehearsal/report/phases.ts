/**
 * A workflow has some eighty states; people think in a dozen phases. A phase begins when its first state is
 * entered and ends when the next phase of its lane begins, when the state around its lane ends, or with the
 * execution. Phases of different lanes run side by side.
 */
import type { ProgressEvent } from '../states/execution.ts';
import type { CompressedSpan } from './observed.ts';
import type { Progress } from './progress.ts';
import type { Step } from './report.ts';

export interface Phase {
  readonly name: string;
  /** The state whose entry begins it. */
  readonly begins: string;
  /** The state whose exit ends it, where that comes before the next phase of its lane. */
  readonly ends?: string;
  readonly budgetSeconds: number;
  /** A lane of its own beside the main one, which ends when the Parallel state of this name does. */
  readonly lane?: { readonly name: string; readonly within: string };
}

interface Running {
  readonly phase: Phase;
  readonly startMs: number;
  readonly shown: (status?: Step['status']) => void;
}

const mainLane = 'main';

export class PhaseTracker {
  readonly steps: Step[] = [];
  readonly #running = new Map<string, Running>();
  readonly #execution: string;
  readonly #phases: readonly Phase[];
  readonly #progress: Progress;
  readonly #nowMs: () => number;
  readonly #modelledMs: (fromMs: number, toMs: number) => number;

  constructor(options: {
    /** The name of the execution. */
    readonly execution: string;
    readonly phases: readonly Phase[];
    readonly progress: Progress;
    /** Real milliseconds since the scenario began. */
    readonly nowMs: () => number;
    /** What a stretch of real time stands for on the uncompressed clock. */
    readonly modelledMs: (fromMs: number, toMs: number) => number;
  }) {
    this.#execution = options.execution;
    this.#phases = options.phases;
    this.#progress = options.progress;
    this.#nowMs = options.nowMs;
    this.#modelledMs = options.modelledMs;
  }

  /** Takes the events of one execution, in order. */
  see(event: ProgressEvent): void {
    if (event.kind === 'entered') {
      const next = this.#phases.find((phase) => phase.begins === event.state);
      if (next !== undefined) this.#begin(next);
      return;
    }
    if (event.kind !== 'exited' && event.kind !== 'caught' && event.kind !== 'failed') return;
    const status = event.kind === 'exited' ? 'succeeded' : 'failed';
    for (const [lane, { phase }] of this.#running) {
      if (phase.lane?.within === event.state || phase.ends === event.state) this.#end(lane, status);
    }
  }

  /** The execution is over. */
  finish(status: Step['status']): void {
    for (const lane of this.#running.keys()) this.#end(lane, status);
  }

  #begin(phase: Phase): void {
    const lane = phase.lane?.name ?? mainLane;
    this.#end(lane, 'succeeded');
    this.#running.set(lane, { phase, startMs: this.#nowMs(), shown: this.#progress.begin(phase.name, phase.budgetSeconds * 1000) });
  }

  #end(lane: string, status: Step['status']): void {
    const running = this.#running.get(lane);
    if (running === undefined) return;
    this.#running.delete(lane);
    const { phase, startMs, shown } = running;
    const endMs = this.#nowMs();
    shown(status);
    const modelledMs = Math.round(this.#modelledMs(startMs, endMs));
    this.steps.push({
      name: phase.name,
      execution: this.#execution,
      startMs: Math.round(startMs),
      endMs: Math.round(endMs),
      status,
      budgetMs: phase.budgetSeconds * 1000,
      modelledMs,
    });
  }
}

/**
 * Real time against uncompressed time. While something waits on the compressed clock, time runs as many times
 * faster as the most compressed of the waits; otherwise both run alike. What is waited for in one Region only is
 * nothing to what runs in another.
 */
export class CompressedTime {
  readonly #waits: (CompressedSpan & { readonly region: string | undefined })[] = [];

  waited(fromMs: number, toMs: number, modelledMs: number, region?: string): void {
    if (toMs > fromMs) this.#waits.push({ fromMs, toMs, factor: modelledMs / (toMs - fromMs), region });
  }

  /** As a Region sees it, or somebody to whom all of them are one. */
  modelledMs(fromMs: number, toMs: number, region?: string): number {
    const faster = this.spans(fromMs, toMs, region).reduce((sum, span) => sum + (span.toMs - span.fromMs) * (span.factor - 1), 0);
    return toMs - fromMs + faster;
  }

  /** The stretches in which time runs faster, one after the other. */
  spans(fromMs: number, toMs: number, region?: string): readonly CompressedSpan[] {
    const waits = this.#waits
      .filter((wait) => region === undefined || wait.region === undefined || wait.region === region)
      .filter((wait) => wait.toMs > fromMs && wait.fromMs < toMs && wait.factor > 1);
    const edges = [fromMs, toMs, ...waits.flatMap((wait) => [wait.fromMs, wait.toMs])]
      .filter((at) => at >= fromMs && at <= toMs)
      .toSorted((a, b) => a - b);
    const spans: { fromMs: number; toMs: number; factor: number }[] = [];
    for (const [index, from] of edges.entries()) {
      const to = edges[index + 1] ?? from;
      const factors = waits.filter((wait) => wait.fromMs < to && wait.toMs > from).map((wait) => wait.factor);
      if (to === from || factors.length === 0) continue;
      const [factor, last] = [Math.max(...factors), spans.at(-1)];
      if (last?.toMs === from && Math.abs(last.factor - factor) < 1e-3) last.toMs = to;
      else spans.push({ fromMs: from, toMs: to, factor });
    }
    return spans;
  }
}
