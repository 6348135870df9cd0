/**
 * What can go wrong with a control write, as a closed family: state machines catch these by `name`.
 * `retryable` is data, so that no caller has to guess it.
 */

abstract class LeaseError extends Error {
  abstract override readonly name: string;
  abstract readonly retryable: boolean;
}

/** Another state machine works on the book. */
export class BookBusyError extends LeaseError {
  override readonly name = 'BookBusyError';
  readonly retryable = false;
  readonly heldBy: string;
  constructor(book: string, heldBy: string) {
    super(`Book '${book}' is being changed by another workflow: ${heldBy}. Wait until it ends, or stop it, then start again.`);
    this.heldBy = heldBy;
  }
}

/** Another state machine has raised the token since this one took the book. */
export class WorkflowPreemptedError extends LeaseError {
  override readonly name = 'WorkflowPreemptedError';
  readonly retryable = false;
  constructor(book: string, token: number, seen: { readonly token: number; readonly execution?: string }) {
    super(
      `This workflow no longer has book '${book}': its token is ${token}, the lease carries ${seen.token}` +
        `${seen.execution === undefined ? ' and nobody has it now' : ` (taken by ${seen.execution})`}. ` +
        'Write nothing more; the other workflow decides.',
    );
  }
}

/** The lease is not in the state that the step expects. */
export class LeaseConflictError extends LeaseError {
  override readonly name = 'LeaseConflictError';
  readonly retryable = false;
  constructor(book: string, wanted: string, seen: string) {
    super(`Cannot ${wanted} book '${book}': seen ${seen}. Look at the lease item before you go on.`);
  }
}

export class LeaseMissingError extends LeaseError {
  override readonly name = 'LeaseMissingError';
  readonly retryable = false;
  constructor(book: string) {
    super(`Book '${book}' has no lease item. The deployment creates it: check the book's name, or deploy the trading-state stack first.`);
  }
}

/** The table gave no usable answer: what was sent may or may not have been applied. */
export class LeaseUnreachableError extends LeaseError {
  override readonly name = 'LeaseUnreachableError';
  readonly retryable = true;
  constructor(book: string, operation: string, cause: unknown) {
    const why = cause instanceof Error ? cause.message : String(cause);
    super(`The lease table did not answer '${operation}' of book '${book}': ${why}. Try again.`, { cause });
  }
}
