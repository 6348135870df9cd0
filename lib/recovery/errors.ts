/** What can go wrong with the database of a Region that is recovered, as a closed family: machines catch these by `name`. */

/** It did not answer, or not in time. */
export class DatabaseUnreachableError extends Error {
  override readonly name = 'DatabaseUnreachableError';
  constructor(cause: unknown) {
    super(`The database of this Region did not answer: ${cause instanceof Error ? cause.message : String(cause)}. Try again, or look at its status.`, { cause });
  }
}

/** A replica takes no writes, the setting that would refuse them included. */
export class DatabaseInRecoveryError extends Error {
  override readonly name = 'DatabaseInRecoveryError';
  constructor(what: string) {
    super(`Cannot ${what} the database of this Region: it is a replica, which nobody can write. Promote it first, or leave it alone.`);
  }
}
