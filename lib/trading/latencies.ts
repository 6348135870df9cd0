/** The latest latencies, for quantiles of now and not of the whole life. */
const kept = 256;

export class Latencies {
  readonly #newest: number[] = [];
  #next = 0;

  add(ms: number): void {
    this.#newest[this.#next] = ms;
    this.#next = (this.#next + 1) % kept;
  }

  /** 0 while there is none. */
  quantile(share: number): number {
    const sorted = this.#newest.toSorted((a, b) => a - b);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  }
}
