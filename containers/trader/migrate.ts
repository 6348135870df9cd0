/**
 * The command `migrate`: the schema's step to this release, by this release's own image, so that what runs is what was
 * tested. A cutover runs it as a task of its own, which may read the database's secret and nothing else.
 */
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { contractionsWait, MigrationEnvironment } from '../../lib/contracts/task-environment.ts';
import { connectToDatabase } from '../../lib/database-client.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import type { Log } from '../../lib/trading/trader.ts';
import { contractionWaits, migrate, type MigrationKind } from './migrations/run.ts';

const connectTimeoutMs = 10_000;

/** Answers the exit code that says what is left to do. */
export async function runMigrations(kind: MigrationKind, log: Log): Promise<number> {
  const environment = MigrationEnvironment.parse(process.env);
  const login = new StoredLogin(new SecretsManagerClient({}), environment.BATON_DATABASE_SECRET_ARN);
  const client = await connectToDatabase(environment, login, { connectionTimeoutMillis: connectTimeoutMs, application_name: 'baton-migrate' });
  try {
    const ran = await migrate(client, kind, { log: (message) => log('info', 'migrations', { message }) });
    const waits = await contractionWaits(client);
    log('info', 'migrated', { kind, ran, contractionsWait: waits });
    return waits ? contractionsWait : 0;
  } finally {
    await client.end();
  }
}
