/** Which Regions are in trouble, and which cannot reach each other. */
import type { Outage } from './model.ts';

export class RegionStates {
  readonly #outages = new Map<string, Outage>();
  readonly #cuts = new Set<readonly [string, string]>();
  readonly #waiting = new Map<string, Array<() => void>>();
  readonly #closing: AbortSignal;

  constructor(closing: AbortSignal) {
    this.#closing = closing;
  }

  outageOf(region: string): Outage | undefined {
    return this.#outages.get(region);
  }

  /** Until the answer is called. */
  lose(region: string, outage: Outage): () => void {
    if (this.#outages.has(region)) throw new Error(`${region} is in an outage already: ${this.#outages.get(region)}`);
    this.#outages.set(region, outage);
    return () => {
      this.#outages.delete(region);
      for (const goOn of this.#waiting.get(region) ?? []) goOn();
      this.#waiting.delete(region);
    };
  }

  async whenBack(region: string): Promise<void> {
    while (this.#outages.has(region)) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#waiting.set(region, [...(this.#waiting.get(region) ?? []), resolve]);
      this.#closing.addEventListener('abort', () => reject(new Error(`the world was closed while ${region} was in an outage`)), { once: true });
      await promise;
    }
  }

  cutLink(one: string, other: string): () => void {
    const cut = [one, other] as const;
    this.#cuts.add(cut);
    return () => void this.#cuts.delete(cut);
  }

  areLinked(one: string, other: string): boolean {
    return one === other || ![...this.#cuts].some((cut) => cut.includes(one) && cut.includes(other));
  }
}
