/**
 * Backups of what a Region has: its database by AWS Backup, its cache and the system's own configuration in a bucket. Both Regions
 * have it; that a backup can be restored is proved elsewhere.
 */
import { Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { BackupCare } from '../lib/constructs/backup-care.ts';
import { CacheBackups } from '../lib/constructs/cache-backups.ts';
import { DatabaseBackups } from '../lib/constructs/database-backups.ts';
import type { Settings } from '../lib/settings/index.ts';
import type { CutoverStack } from './cutover.ts';
import type { DataStack } from './data.ts';

/** This Region's. */
export interface BackupsStackProps extends StackProps {
  readonly settings: Settings;
  readonly data: DataStack;
  /** Alarms go to its topic. */
  readonly cutover: CutoverStack;
}

/** Bucket names are everybody's in the world, so they carry account and Region. */
export function backupsBucketName({ environment, account }: Settings, region: string): string {
  return `baton-${environment}-backups-${account}-${region}`;
}

/** Older versions of the configuration, and files of the cache. */
const configurationDays = 90;

export class BackupsStack extends Stack {
  readonly database: DatabaseBackups;
  readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, { settings, data, cutover, ...props }: BackupsStackProps) {
    super(scope, id, props);
    this.database = new DatabaseBackups(this, 'Database', { settings, databaseInstanceIdentifier: data.databaseInstanceIdentifier, databaseKey: data.key });
    this.bucket = this.#bucket(settings);
    const cache = new CacheBackups(this, 'Cache', { settings, replicationGroupId: `baton-${settings.environment}`, bucket: this.bucket });
    const care = new BackupCare(this, 'Care', { settings, vaultName: this.database.vaultName, bucket: this.bucket });
    for (const alarm of [...this.database.alarms, ...cache.alarms, ...care.alarms]) cutover.announce(alarm);
  }

  #bucket(settings: Settings): s3.Bucket {
    const bucket = new s3.Bucket(this, 'Bucket', {
      bucketName: backupsBucketName(settings, this.region),
      // ElastiCache exports into none that has a key of ours.
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'configuration', prefix: 'configuration/', noncurrentVersionExpiration: Duration.days(configurationDays) },
        {
          id: 'caches', prefix: `baton-${settings.environment}-cache-`,
          expiration: Duration.days(settings.database.retentionDays), noncurrentVersionExpiration: Duration.days(1),
        },
      ],
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Configuration and exports, written by a function and by ElastiCache: CloudTrail records who reads them, and access logs would need a bucket of their own.',
    });
    return bucket;
  }
}
