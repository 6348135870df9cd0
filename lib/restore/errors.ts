/** What can go wrong when the database is put back to a moment, as a closed family: machines catch these by `name`. */

export class DatabasesUnreachableError extends Error {
  override readonly name = 'DatabasesUnreachableError';
  constructor(cause: unknown) {
    super(`RDS did not do what it was asked: ${cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)}. Try again, or look at its events.`, { cause });
  }
}

/** Nobody is kept out while a database is restored: something else came first, and what was restored is not swapped in. */
export class RestoreOvertakenError extends Error {
  override readonly name = 'RestoreOvertakenError';
  constructor(what: string) {
    super(`${what} since this restore began. Look whether it is still wanted, and start again.`);
  }
}

/** What trades now may not be able to write the ledger of then; nothing was made. */
export class SchemaMovedError extends Error {
  override readonly name = 'SchemaMovedError';
  constructor(then: readonly string[], now: readonly string[]) {
    super(
      `The schema has moved: then the migrations were ${then.join(', ') || 'none'}; now they are ${now.join(', ') || 'none'}. Choose a later moment, or roll back to a ` +
        'release that writes the schema of then, and start again with force: { reason, approvedBy }.',
    );
  }
}
