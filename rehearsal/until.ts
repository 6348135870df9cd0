/** Waits for a state of the world, bounded: the answer that `look` gave first, or an error that says what was awaited. */
export async function until<T>(
  what: string,
  boundMs: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const end = performance.now() + boundMs;
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    if (performance.now() > end) throw new Error(`${what}: not seen within ${boundMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
