/** What was thrown, in words: an error's own, for whatever else may be thrown its text. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
