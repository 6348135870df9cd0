/** backup-check: looks into what was restored from a backup. Contract: lib/contracts/verification.ts, `backupCheck`. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { Redis } from 'ioredis';
import { backupCheck } from '../../lib/contracts/verification.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { Journal } from '../../lib/trading/journal.ts';
import { checkSteps } from '../../lib/verification/check-steps.ts';
import { RestoredUnreachableError } from '../../lib/verification/errors.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { readCache } from '../../lib/verification/cache.ts';
import { restoredDatabase } from '../../lib/verification/restored-database.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const buckets = new S3Client({});
const dynamo = new DynamoDBClient({});
const connectTimeoutMs = 10_000;
/** One question may read all of a table. */
const queryTimeoutMs = 840_000;

export const handler = serve(backupCheck, process.env, (environment) => {
  const login = new StoredLogin(secrets, environment.BATON_CHECK_SECRET_ARN);
  return checkSteps({
    installation: environment.BATON_INSTALLATION,
    staleMinutes: Number(environment.BATON_STALE_MINUTES),
    evidence: new Evidence(buckets, environment.BATON_EVIDENCE_BUCKET),
    journal: new Journal({ client: dynamo, tableName: environment.BATON_JOURNAL_TABLE }),
    nowMs: Date.now,
    database: restoredDatabase({ name: environment.BATON_DATABASE_NAME, login, applicationName: 'baton-backup-check', queryTimeoutMs }),
    cache: async ({ host, port }) => {
      const { token } = await readJson(secrets, environment.BATON_CHECK_SECRET_ARN, ['token']);
      const redis = new Redis({ host, port, password: token.reveal(), tls: {}, lazyConnect: true, retryStrategy: null, connectTimeout: connectTimeoutMs });
      redis.on('error', () => undefined);
      try {
        await redis.connect();
        return await readCache(redis);
      } catch (error) {
        throw new RestoredUnreachableError(error);
      } finally {
        redis.disconnect();
      }
    },
  });
});
