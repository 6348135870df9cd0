import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { expect, test } from 'vitest';

import { startPostgres, type RunningServer } from '../../../rehearsal/processes/postgres.ts';
import { useSite } from './site.ts';
import { until } from '../../until.ts';

const site = useSite();
const masterPassword = "it's a \\ password";

function start(name: string): Promise<RunningServer> {
  const { supervisor, authority } = site;
  return startPostgres({
    supervisor,
    authority,
    directory: join(site.directory, name),
    masterUser: 'baton',
    masterPassword,
    database: 'trading',
  });
}

async function query(server: RunningServer, sql: string, options: ClientConfig = {}): Promise<unknown[]> {
  const client = new Client({
    host: server.host,
    port: server.port,
    user: 'baton',
    password: masterPassword,
    database: 'trading',
    ssl: { ca: readFileSync(server.caFile, 'utf8') },
    ...options,
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test('is PostgreSQL 17 as RDS offers it: TLS that verifies, a password, a master that is no superuser, data of its own', async () => {
  const [one, two] = await Promise.all([start('one'), start('two')]);
  expect(one.port).not.toBe(two.port);
  const sql =
    "SELECT current_setting('server_version_num')::int / 10000 AS major, rolsuper, ssl FROM pg_roles, pg_stat_ssl " +
    'WHERE rolname = current_user AND pid = pg_backend_pid()';
  expect(await query(one, sql)).toEqual([{ major: 17, rolsuper: false, ssl: true }]);

  await expect(query(one, 'SELECT 1', { ssl: false })).rejects.toThrow('no encryption');
  await expect(query(one, 'SELECT 1', { password: 'wrong' })).rejects.toThrow('password authentication failed');

  await query(one, 'CREATE TABLE orders (id int); INSERT INTO orders VALUES (1)');
  expect(await query(one, 'SELECT id FROM orders')).toEqual([{ id: 1 }]);
  await expect(query(two, 'SELECT id FROM orders')).rejects.toThrow('does not exist');
  expect(statSync(join(site.directory, 'one', 'data')).mode & 0o777).toBe(0o700);

  await one.stop();
  expect(one.child.exit?.code).toBe(0);
  await two.kill();
  await until('the killed server is gone', () => two.child.exit);
  expect(existsSync(join(site.directory, 'two', 'data', 'PG_VERSION'))).toBe(true);
});
