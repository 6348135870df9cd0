/** What a cutover refuses, as a closed family: the state machine catches these by `name`. */

/** What was typed cannot be a cutover. */
export class RequestRefusedError extends Error {
  override readonly name = 'RequestRefusedError';
}

/** The book is in no state to be cut over; nothing was changed. */
export class NotReadyForCutoverError extends Error {
  override readonly name = 'NotReadyForCutoverError';
  constructor(book: string, seen: string, todo: string) {
    super(`Book '${book}' cannot be cut over now: ${seen}. ${todo}`);
  }
}
