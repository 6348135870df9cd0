/** How the steps of a rotation end when they do not succeed, beside the venue's own errors (lib/venues/keys/provider.ts). */

/** This Region may not change the book's key now: the book's home, or the secret itself, is elsewhere. */
export class NotHomeError extends Error {
  override readonly name = 'NotHomeError';
}

/** The version is not the one that is being made: abandoned, overtaken, or never begun. */
export class NoPendingVersionError extends Error {
  override readonly name = 'NoPendingVersionError';
}

/** The venue has no such key any more. Its version was given up, so that the next rotation begins anew. */
export class KeyLostError extends Error {
  override readonly name = 'KeyLostError';
}

/** The venue made a key that may do more, or from elsewhere, than the policy says. */
export class PolicyBrokenError extends Error {
  override readonly name = 'PolicyBrokenError';
}

/** Not every task on the roster has had a request accepted with the current key. */
export class NotProvedYetError extends Error {
  override readonly name = 'NotProvedYetError';
}

export class GraceNotOverError extends Error {
  override readonly name = 'GraceNotOverError';
}

/** Somebody signed with an old key a short while ago. */
export class StillInUseError extends Error {
  override readonly name = 'StillInUseError';
}

/** A key that is to be gone is still accepted. */
export class StillAcceptedError extends Error {
  override readonly name = 'StillAcceptedError';
}
