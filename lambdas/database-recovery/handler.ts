/** database-recovery: asks, closes and opens the database of its Region. Contract: lib/contracts/recovery.ts, `databaseRecovery`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { Client } from 'pg';
import { databaseRecovery } from '../../lib/contracts/recovery.ts';
import { connectToDatabase, type DatabaseAddress, type LoginSource } from '../../lib/database-client.ts';
import { databaseSteps } from '../../lib/recovery/database-steps.ts';
import { DatabaseUnreachableError } from '../../lib/recovery/errors.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { serve } from '../serve.ts';

const dynamo = new DynamoDBClient({});
const secrets = new SecretsManagerClient({});
/** Within the function's own time, so that it says itself what was slow. */
const connectTimeoutMs = 5000;
const queryTimeoutMs = 12_000;

export const handler = serve(databaseRecovery, process.env, (environment) => {
  const login = new StoredLogin(secrets, environment.BATON_DATABASE_SECRET_ARN);
  return databaseSteps({
    journal: new Journal({ client: dynamo, tableName: environment.BATON_JOURNAL_TABLE }),
    nowMs: () => Date.now(),
    connected: async (use) => {
      try {
        const client = await connect(environment, login);
        try {
          return await use(client);
        } finally {
          await client.end().catch(() => undefined);
        }
      } catch (error) {
        if (error instanceof Error && error.name === 'DatabaseInRecoveryError') throw error;
        throw new DatabaseUnreachableError(error);
      }
    },
  });
});

function connect(environment: DatabaseAddress, login: LoginSource): Promise<Client> {
  return connectToDatabase(environment, login, {
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    application_name: 'baton-recovery',
    // So that a database that was closed to writes can be opened again.
    options: '-c default_transaction_read_only=off',
  });
}
