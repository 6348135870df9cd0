/** What stops a rotation. Secrets Manager repeats the step; what goes on stopping it is told by an alarm. */

/** The version is none that a rotation may work on. */
export class NotPendingError extends Error {
  override readonly name = 'NotPendingError';
  constructor(secretId: string, token: string, stages: readonly string[]) {
    super(`version ${token} of ${secretId} is ${stages.join(' and ') || 'of no stage'}, and a rotation works on the one that is AWSPENDING. Nothing was changed`);
  }
}

/** A replica, or closed to writes: its logins are changed where it is written. */
export class DatabaseNotWrittenError extends Error {
  override readonly name = 'DatabaseNotWrittenError';
  constructor() {
    super('the database of this Region takes no writes: it is a replica, or it was closed. Its logins are changed where it is written');
  }
}

/** What was set is not accepted, or does not give what it should. */
export class CredentialRefusedError extends Error {
  override readonly name = 'CredentialRefusedError';
}

/** The secret is none that this function rotates. */
export class UnknownCredentialError extends Error {
  override readonly name = 'UnknownCredentialError';
  constructor(secretId: string) {
    super(`${secretId} is no secret that is rotated here: the stack that declares its rotation names another function`);
  }
}
