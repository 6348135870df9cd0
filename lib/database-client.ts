/** A client of the ledger's PostgreSQL, as every function and container connects: TLS that is checked, and a login from the secret. */
import { Client, type ClientConfig } from 'pg';
import type { Secret } from './secret.ts';

export interface DatabaseAddress {
  readonly BATON_DATABASE_HOST: string;
  readonly BATON_DATABASE_PORT: string;
  readonly BATON_DATABASE_NAME: string;
}

/** Not connected yet. What only one of its users wants is in `more`: time-outs, and the name that PostgreSQL shows. */
export function databaseClient(
  address: DatabaseAddress,
  login: { readonly username: Secret; readonly password: Secret },
  more: Required<Pick<ClientConfig, 'application_name' | 'connectionTimeoutMillis'>> & ClientConfig,
): Client {
  return new Client({
    host: address.BATON_DATABASE_HOST,
    port: Number(address.BATON_DATABASE_PORT),
    database: address.BATON_DATABASE_NAME,
    user: login.username.reveal(),
    password: login.password.reveal(),
    ssl: { rejectUnauthorized: true },
    ...more,
  });
}
