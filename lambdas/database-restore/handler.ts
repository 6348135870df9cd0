/** database-restore: restores the ledger's database to a moment, and swaps it in. Contract: lib/contracts/restore.ts. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { databaseRestore } from '../../lib/contracts/restore.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { restoredDatabases } from '../../lib/restore/databases.ts';
import { restoreSteps } from '../../lib/restore/steps.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { serve } from '../serve.ts';

const client = new DynamoDBClient({});
const databases = new RDSClient({});
const buckets = new S3Client({});
const secrets = new SecretsManagerClient({});

export const handler = serve(databaseRestore, process.env, (environment) =>
  restoreSteps({
    installation: environment.BATON_INSTALLATION,
    region: environment.BATON_REGION,
    inUse: environment.BATON_DATABASE,
    databases: restoredDatabases(databases),
    masterPassword: async () => (await readJson(secrets, environment.BATON_DATABASE_SECRET_ARN, ['password'])).password,
    control: new LeaseControl(new DynamoLeaseStore({ client, tableName: environment.BATON_LEASE_TABLE })),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    evidence: new Evidence(buckets, environment.BATON_EVIDENCE_BUCKET),
    nowMs: Date.now,
  }));
