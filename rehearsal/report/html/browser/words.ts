/** How the page says times: as a person would, with as many digits as matter. Pure, shared with the page's maker. */
import type { CompressedSpan } from '../../observed.ts';
import type { Step } from '../../report.ts';

export function duration(ms: number): string {
  if (ms < 10 && ms !== Math.round(ms)) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60];
  if (minutes < 60) return rest === 0 ? `${minutes} min` : `${minutes} min ${rest} s`;
  return minutes % 60 === 0 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A moment of the run, with the digits that tell moments `resolutionMs` apart. */
export function moment(ms: number, resolutionMs: number): string {
  const digits = resolutionMs >= 1000 ? 0 : resolutionMs >= 100 ? 1 : resolutionMs >= 10 ? 2 : 3;
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** What a stretch of real time stands for on the uncompressed clock. */
export function uncompressed(spans: readonly CompressedSpan[], fromMs: number, toMs: number): number {
  const extra = spans.reduce((sum, span) => {
    const within = Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs);
    return within > 0 ? sum + within * (span.factor - 1) : sum;
  }, 0);
  return toMs - fromMs + extra;
}

/**
 * Whether it ran beside another step. Then time may have been compressed for the other's sake only: what the step
 * itself would have taken lies between its real and its uncompressed time.
 */
export function besides(step: Step, steps: readonly Step[]): boolean {
  return steps.some((other) => other !== step && other.startMs < step.endMs - 1 && other.endMs > step.startMs + 1);
}

/** The share of its budget that a step took for certain. */
export function shareOf(step: Step, steps: readonly Step[]): number {
  return (besides(step, steps) ? step.endMs - step.startMs : step.modelledMs) / step.budgetMs;
}

export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Says in which Region something ran, where not all of it ran in one. */
export function placesOf(all: readonly { readonly region: string }[]): (region: string) => string {
  const several = new Set(all.map(({ region }) => region)).size > 1;
  return (region) => (several ? ` in ${region}` : '');
}
