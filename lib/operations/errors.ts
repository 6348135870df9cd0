/** What the ways back refuse, as a closed family: their machines catch these by `name`. */

/** There is no halt to end. */
export class NotHaltedError extends Error {
  override readonly name = 'NotHaltedError';
}

/** There is nothing to go back to, or the book is in no state for it; nothing was changed. */
export class NoWayBackError extends Error {
  override readonly name = 'NoWayBackError';
}

/** The book's home is another Region: there it is done. */
export class NotAtHomeError extends Error {
  override readonly name = 'NotAtHomeError';
}
