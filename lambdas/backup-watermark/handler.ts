/** backup-watermark: counts the ledger before a backup is made of it. Contract: lib/contracts/verification.ts, `backupWatermark`. */
import { randomUUID } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { backupWatermark } from '../../lib/contracts/verification.ts';
import { connectToDatabase } from '../../lib/database-client.ts';
import { DatabaseUnreachableError } from '../../lib/recovery/errors.ts';
import { StoredLogin } from '../../lib/stored-login.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { takeWatermark, watermarkKey } from '../../lib/verification/watermark.ts';
import { serve } from '../serve.ts';

const secrets = new SecretsManagerClient({});
const buckets = new S3Client({});
/** Within the function's own time, so that it says itself what was slow. */
const connectTimeoutMs = 10_000;
const queryTimeoutMs = 240_000;

export const handler = serve(backupWatermark, process.env, (environment) => ({
  async write() {
    const evidence = new Evidence(buckets, environment.BATON_EVIDENCE_BUCKET);
    try {
      const client = await connectToDatabase(environment, new StoredLogin(secrets, environment.BATON_DATABASE_SECRET_ARN), {
        connectionTimeoutMillis: connectTimeoutMs, query_timeout: queryTimeoutMs, application_name: 'baton-watermark',
      });
      try {
        const watermark = await takeWatermark(client, { id: randomUUID(), installation: environment.BATON_INSTALLATION });
        if (watermark === undefined) return { key: '', rows: 'a replica' };
        const key = watermarkKey(watermark);
        await evidence.write(key, JSON.stringify(watermark));
        return { key, rows: watermark.tables.map(({ name, rows }) => `${rows} ${name}`).join(', ') };
      } finally {
        await client.end().catch(() => undefined);
      }
    } catch (error) {
      throw new DatabaseUnreachableError(error);
    }
  },
}));
