/** backup-verification: chooses, admits, signs. Contract: lib/contracts/verification.ts, `backupVerification`. */
import { randomBytes } from 'node:crypto';
import { BackupClient } from '@aws-sdk/client-backup';
import { CreateReplicationGroupCommand, ElastiCacheClient, ReplicationGroupAlreadyExistsFault } from '@aws-sdk/client-elasticache';
import { KMSClient } from '@aws-sdk/client-kms';
import { RDSClient } from '@aws-sdk/client-rds';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { backupVerification } from '../../lib/contracts/verification.ts';
import { readJson } from '../../lib/stored-secrets.ts';
import { admitWithFreshPassword, signWith, snapshotsIn } from '../../lib/verification/aws.ts';
import { controlSteps } from '../../lib/verification/control-steps.ts';
import { Evidence } from '../../lib/verification/evidence.ts';
import { serve } from '../serve.ts';

const backups = new BackupClient({});
const databases = new RDSClient({});
const caches = new ElastiCacheClient({});
const secrets = new SecretsManagerClient({});
const buckets = new S3Client({});
const keys = new KMSClient({});
/** What RDS and ElastiCache take of any: no sign that either refuses. */
const freshSecret = (): string => randomBytes(24).toString('hex');

export const handler = serve(backupVerification, process.env, (environment) => {
  const { BATON_VAULT: vault, BATON_CHECK_SECRET_ARN: checkSecretArn, BATON_SIGNING_KEY_ARN: keyArn } = environment;
  const cacheFiles = new Evidence(buckets, environment.BATON_CACHE_BUCKET);
  return controlSteps({
    installation: environment.BATON_INSTALLATION,
    vault,
    snapshots: () => snapshotsIn(backups, vault, environment.BATON_DATABASE_ARN),
    newestCacheSnapshot: async () => {
      const newest = await cacheFiles.newest(environment.BATON_CACHE_FOLDER);
      return newest === undefined ? undefined : `arn:aws:s3:::${environment.BATON_CACHE_BUCKET}/${newest}`;
    },
    evidence: new Evidence(buckets, environment.BATON_EVIDENCE_BUCKET),
    admit: (name) => admitWithFreshPassword({ databases, secrets }, { name, username: environment.BATON_DATABASE_USER, secretArn: checkSecretArn, freshSecret }),
    restoreCache: async (name, snapshot, tags) => {
      const { token } = await readJson(secrets, checkSecretArn, ['token']);
      try {
        await caches.send(new CreateReplicationGroupCommand({
          ReplicationGroupId: name, ReplicationGroupDescription: 'Baton: a snapshot that is verified, and then removed', SnapshotArns: [snapshot],
          Engine: 'valkey', EngineVersion: '7.2', CacheNodeType: environment.BATON_CACHE_NODE_TYPE, NumCacheClusters: 1, AutomaticFailoverEnabled: false,
          TransitEncryptionEnabled: true, AtRestEncryptionEnabled: true, AuthToken: token.reveal(),
          CacheSubnetGroupName: environment.BATON_CACHE_SUBNETS, SecurityGroupIds: [environment.BATON_CACHE_SECURITY_GROUP],
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        }));
      } catch (error) {
        // An attempt before this one made it.
        if (!(error instanceof ReplicationGroupAlreadyExistsFault)) throw error;
      }
    },
    sign: signWith(keys, keyArn),
    nowMs: Date.now,
    random: Math.random,
  });
});
