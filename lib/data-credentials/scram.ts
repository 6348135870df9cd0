/**
 * A password as PostgreSQL keeps it: given to ALTER ROLE in this form, the password itself is in no statement, and so in no log of statements
 * that were slow or failed. RFC 5803, and "Password Authentication" in PostgreSQL's documentation.
 */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

const iterations = 4096;

/** `salt`: 16 bytes, new each time. The password has letters and digits only, which need no normalisation. */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const keyed = (word: string): Buffer => createHmac('sha256', salted).update(word).digest();
  const storedKey = createHash('sha256').update(keyed('Client Key')).digest('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${keyed('Server Key').toString('base64')}`;
}
