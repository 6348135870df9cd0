/** drill-control: chooses, keeps the shadow book, signs. Contract: lib/contracts/drill.ts, `drillControl`. */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { BackupClient } from '@aws-sdk/client-backup';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { drillControl, Objectives } from '../../lib/contracts/drill.ts';
import { drillControlSteps } from '../../lib/drill/control-steps.ts';
import { Shadow } from '../../lib/drill/shadow.ts';
import { LeaseControl } from '../../lib/lease/control.ts';
import { DynamoLeaseStore } from '../../lib/lease/dynamo-store.ts';
import type { BookName } from '../../lib/lease/model.ts';
import { admitWithFreshPassword, signWith, snapshotsIn } from '../../lib/verification/aws.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { serve } from '../serve.ts';

const backups = new BackupClient({});
const databases = new RDSClient({});
const secrets = new SecretsManagerClient({});
const buckets = new S3Client({});
const keys = new KMSClient({});
const dynamo = new DynamoDBClient({});
/** No sign that RDS refuses. */
const freshSecret = (): string => randomBytes(24).toString('hex');

export const handler = serve(drillControl, process.env, (environment) => {
  const { BATON_VAULT: vault, BATON_DATABASE_USER: username, BATON_DATABASE_SECRET_ARN: secretArn } = environment;
  const store = new DynamoLeaseStore({ client: dynamo, tableName: environment.BATON_LEASE_TABLE });
  const control = new LeaseControl(store);
  return drillControlSteps({
    installation: environment.BATON_INSTALLATION, vault, control,
    shadow: new Shadow({ control, store, leaseMs: Number(environment.BATON_LEASE_MS) }),
    books: environment.BATON_BOOKS.split(',') as BookName[],
    region: environment.BATON_REGION,
    snapshots: () => snapshotsIn(backups, vault, environment.BATON_DATABASE_ARN),
    evidence: new Evidence(buckets, environment.BATON_EVIDENCE_BUCKET),
    admit: (name) => admitWithFreshPassword({ databases, secrets }, { name, username, secretArn, freshSecret }),
    sign: signWith(keys, environment.BATON_SIGNING_KEY_ARN),
    objectives: Objectives.parse(JSON.parse(environment.BATON_OBJECTIVES)),
    passedWithinDays: Number(environment.BATON_PASSED_WITHIN_DAYS),
    nowMs: Date.now,
    patience: { looks: 9, pause: () => setTimeout(100) },
  });
});
