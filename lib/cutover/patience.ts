/**
 * Looks again for a moment before it answers that there is nothing to see yet. A machine's own next look is a second
 * away, and what it waits for here mostly takes a tenth of one.
 */
export interface Patience {
  readonly looks: number;
  /** Resolves when it is time for the next look. */
  readonly pause: () => Promise<unknown>;
}

export async function lookFor<Seen extends { readonly state: string }>(look: () => Promise<Seen>, { looks, pause }: Patience): Promise<Seen> {
  let seen = await look();
  for (let again = 1; again < looks && seen.state === 'waiting'; again += 1) {
    await pause();
    seen = await look();
  }
  return seen;
}
