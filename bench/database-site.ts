/** Where a bench starts PostgreSQLs of its own; everything is gone when it is disposed of. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { createAuthority, type CertificateAuthority } from '../rehearsal/processes/certificate.ts';
import type { PostgresHost, PostgresServer } from '../rehearsal/processes/postgres.ts';
import { Supervisor } from '../rehearsal/processes/supervisor.ts';

const password = 'a password';
export const master = { masterUser: 'baton', masterPassword: password, database: 'baton' };

export class DatabaseSite implements AsyncDisposable {
  readonly directory: string;
  readonly #supervisor: Supervisor;
  readonly #authority: CertificateAuthority;
  readonly #clients: Client[] = [];

  private constructor(supervisor: Supervisor, directory: string) {
    this.#supervisor = supervisor;
    this.directory = directory;
    this.#authority = createAuthority({ commonName: 'Baton bench', now: new Date(), directory });
  }

  static async open(): Promise<DatabaseSite> {
    const supervisor = new Supervisor();
    return new DatabaseSite(supervisor, await supervisor.temporaryDirectory('bench'));
  }

  host(name: string): PostgresHost {
    return { supervisor: this.#supervisor, authority: this.#authority, directory: join(this.directory, name) };
  }

  /** Not connected yet. */
  clientOf({ host, port, caFile }: PostgresServer): Client {
    const { masterUser: user, database } = master;
    const client = new Client({ host, port, user, password, database, ssl: { rejectUnauthorized: true, ca: readFileSync(caFile, 'utf8') } });
    client.on('error', () => undefined);
    this.#clients.push(client);
    return client;
  }

  async connect(server: PostgresServer): Promise<Client> {
    const client = this.clientOf(server);
    await client.connect();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.end().catch(() => undefined)));
    await this.#supervisor.close();
  }
}
