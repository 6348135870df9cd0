/** What can go wrong when a backup is verified, as a closed family: machines catch these by `name`. */

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** There is none that could be verified. */
export class NoBackupError extends Error {
  override readonly name = 'NoBackupError';
  constructor(vault: string) {
    super(`The vault ${vault} holds no finished snapshot of the database. Look at the jobs of AWS Backup, and at who deleted what there was.`);
  }
}

export class BackupsUnreachableError extends Error {
  override readonly name = 'BackupsUnreachableError';
  constructor(cause: unknown) {
    super(`What there is to verify could not be asked: ${messageOf(cause)}. Try again.`, { cause });
  }
}

/** What was restored does not answer, or cannot be changed yet. */
export class RestoredUnreachableError extends Error {
  override readonly name = 'RestoredUnreachableError';
  constructor(cause: unknown) {
    super(`What was restored did not answer: ${messageOf(cause)}. Try again, or look at its status.`, { cause });
  }
}

export class VenueUnreachableError extends Error {
  override readonly name = 'VenueUnreachableError';
  constructor(cause: unknown) {
    super(`The venue did not tell its fills: ${messageOf(cause)}. Try again; without them a backup is not verified.`, { cause });
  }
}

export class EvidenceUnreachableError extends Error {
  override readonly name = 'EvidenceUnreachableError';
  constructor(cause: unknown) {
    super(`What was found could not be signed and kept: ${messageOf(cause)}. Try again.`, { cause });
  }
}
