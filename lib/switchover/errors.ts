/** What can go wrong with the other Region in a planned move: machines catch it by `name`. */
export class OtherRegionUnreachableError extends Error {
  override readonly name = 'OtherRegionUnreachableError';
  constructor(what: string, cause: unknown) {
    super(`Could not ${what}: ${cause instanceof Error ? cause.message : String(cause)}. Try again, or look at that Region.`, { cause });
  }
}
