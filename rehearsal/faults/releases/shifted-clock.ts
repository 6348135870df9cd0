/** A host whose wall clock is wrong. Its monotonic clock is right: that one nobody sets. */
export function shiftClock(ms: number): void {
  const Real = globalThis.Date;
  globalThis.Date = class extends Real {
    constructor(...given: unknown[]) {
      super(...((given.length === 0 ? [Real.now() + ms] : given) as [number]));
    }
    static override now(): number {
      return Real.now() + ms;
    }
  } as DateConstructor;
}
