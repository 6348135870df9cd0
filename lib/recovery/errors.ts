/** What can go wrong when a Region is recovered, as a closed family: machines catch these by `name`. */

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

/** A move not long ago keeps the automatic mode from another one. */
export class HeldDownError extends Error {
  override readonly name = 'HeldDownError';
  constructor(from: string, sinceMinutes: number, holdDownMinutes: number, seen: string) {
    super(
      `${from} seems to be lost, and became home only ${sinceMinutes} minutes ago; within ${holdDownMinutes} nothing is moved by itself again. ` +
        `Look now, and start the failover if it is lost. Seen: ${seen}`,
    );
  }
}
