/**
 * The names that our keys have at the venue: `baton` and eleven hexadecimal digits of a hash of the book and of what the key is made
 * for. So whoever repeats a creation finds what the first attempt left, and nobody takes another's key for ours. Sixteen letters and
 * digits are what the strictest venue (Deribit) takes.
 */
import { createHash } from 'node:crypto';

const namePattern = /^baton[0-9a-f]{11}$/;

/** @param token the version of the secret that the key is made for */
export function keyName(book: string, token: string): string {
  return `baton${createHash('sha256').update(`${book}/${token}`).digest('hex').slice(0, 11)}`;
}

export function isOurs(name: string): boolean {
  return namePattern.test(name);
}
