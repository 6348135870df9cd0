/**
 * A connection to the ledger's PostgreSQL, as every function and container makes it: TLS that is checked, and the login that is valid now. It is read again at
 * each connection, so a rotation tells nobody; one that is open goes on.
 */
import { Client, DatabaseError, type ClientConfig } from 'pg';
import type { Secret } from './secret.ts';

export interface DatabaseAddress {
  readonly BATON_DATABASE_HOST: string;
  readonly BATON_DATABASE_PORT: string;
  readonly BATON_DATABASE_NAME: string;
}

export interface DatabaseLogin {
  readonly username: Secret;
  readonly password: Secret;
}

/** Where logins come from, best first: read one after the other, as far as the database refuses them. */
export interface LoginSource {
  logins(): AsyncIterable<DatabaseLogin>;
}

/** None of the logins is accepted. */
export class LoginRefusedError extends Error {
  override readonly name = 'LoginRefusedError';
}

/** What only one of its users wants is in `more`: time-outs, and the name that PostgreSQL shows. */
export async function connectToDatabase(
  address: DatabaseAddress,
  source: LoginSource,
  more: Required<Pick<ClientConfig, 'application_name' | 'connectionTimeoutMillis'>> & ClientConfig,
): Promise<Client> {
  const refused: string[] = [];
  for await (const { username, password } of source.logins()) {
    const client = new Client({
      host: address.BATON_DATABASE_HOST,
      port: Number(address.BATON_DATABASE_PORT),
      database: address.BATON_DATABASE_NAME,
      user: username.reveal(),
      password: password.reveal(),
      ssl: { rejectUnauthorized: true },
      ...more,
    });
    // A connection that is cut ends the query that waits for it; whoever wants to know more listens too.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (!isLoginRefused(error)) throw error;
      refused.push(username.reveal());
    }
  }
  throw new LoginRefusedError(
    `the database refuses each login that its secret has (${refused.join(', ') || 'none'}): docs/runbooks/credentials.md says how they are made valid again`,
  );
}

/** Of a password or a user that the server does not know (PostgreSQL, Appendix A: class 28). */
export function isLoginRefused(error: unknown): boolean {
  return error instanceof DatabaseError && ['28P01', '28000'].includes(error.code ?? '');
}
