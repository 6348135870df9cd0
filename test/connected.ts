/** A connection that stands, as a ledger asks for; the end of its server is no error that nobody heard. */
import type { Client } from 'pg';

export async function connected<Connection extends Pick<Client, 'connect' | 'on'>>(client: Connection): Promise<Connection> {
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
