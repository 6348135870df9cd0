/** Something that the rehearsal needs is not on this machine, and cannot be brought: exit code 2 and a plain message. */
export class UnavailableError extends Error {
  override name = 'UnavailableError';
}
