/** A connection to what was restored, for one use: whatever fails in it says that what was restored did not answer. */
import type { ClientBase } from 'pg';
import { connectToDatabase, type LoginSource } from '../database-client.ts';
import { RestoredUnreachableError } from './errors.ts';

export interface RestoredDatabaseOptions {
  readonly name: string;
  readonly login: LoginSource;
  readonly applicationName: string;
  readonly queryTimeoutMs: number;
}

const connectTimeoutMs = 10_000;

export function restoredDatabase({ name, login, applicationName, queryTimeoutMs }: RestoredDatabaseOptions) {
  return async <Answer>({ host, port }: { readonly host: string; readonly port: number }, use: (client: ClientBase) => Promise<Answer>): Promise<Answer> => {
    try {
      const address = { BATON_DATABASE_HOST: host, BATON_DATABASE_PORT: String(port), BATON_DATABASE_NAME: name };
      const client = await connectToDatabase(address, login, {
        connectionTimeoutMillis: connectTimeoutMs, query_timeout: queryTimeoutMs, application_name: applicationName,
      });
      try {
        return await use(client);
      } finally {
        await client.end().catch(() => undefined);
      }
    } catch (error) {
      throw new RestoredUnreachableError(error);
    }
  };
}
