/**
 * Backups are proved: restored into a network that leads nowhere, looked into, and taken down. Both Regions have it, and each verifies what its own vault holds,
 * so that the copies in the other Region are proved too.
 */
import { Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { BackupVerification } from '../lib/constructs/backup-verification.ts';
import { evidenceBucketName } from '../lib/contracts/stack-names.ts';
import type { RegionSettings, Settings } from '../lib/settings/index.ts';
import type { BackupsStack } from './backups.ts';
import type { CutoverStack } from './cutover.ts';
import { databaseName, type DataStack } from './data.ts';
import type { FoundationStack } from './foundation.ts';
import { cachePort, databasePort, type NetworkStack } from './network.ts';
import type { TradingStateStack } from './trading-state.ts';
import type { TradingStack } from './trading.ts';

/** This Region's. */
export interface VerificationStackProps extends StackProps {
  readonly settings: Settings;
  readonly of: RegionSettings;
  readonly foundation: FoundationStack;
  readonly state: TradingStateStack;
  readonly network: NetworkStack;
  readonly data: DataStack;
  readonly trading: TradingStack;
  readonly cutover: CutoverStack;
  readonly backups: BackupsStack;
}

export class VerificationStack extends Stack {
  readonly machineName: string;

  constructor(scope: Construct, id: string, props: VerificationStackProps) {
    const { settings, of, foundation, state, network, data, trading, cutover, backups, ...stackProps } = props;
    super(scope, id, stackProps);
    const verification = new BackupVerification(this, 'Verification', {
      settings, zones: of.zones, ports: { database: databasePort, cache: cachePort },
      evidence: this.#evidence(settings) as s3.IBucket,
      reports: s3.Bucket.fromBucketName(this, 'Reports', cutover.reportsName),
      topicArn: cutover.topic.topicArn,
      vault: { name: backups.database.vaultName, arn: backups.database.vaultArn },
      cacheFiles: { bucketName: backups.bucket.bucketName, folder: `baton-${settings.environment}-cache-` },
      journalTable: state.journalTable,
      databaseInstanceIdentifier: data.databaseInstanceIdentifier,
      database: { host: data.database.dbInstanceEndpointAddress, port: data.database.dbInstanceEndpointPort, name: databaseName },
      databaseSecret: data.roleSecrets.verifier, key: data.key, venueKey: foundation.venueKey,
      books: trading.books, network,
    });
    this.machineName = verification.machine.name;
    cutover.letPublish(verification.machine.machine);
    for (const alarm of verification.alarms) cutover.announce(alarm);
  }

  /** What was counted, what the venue said, and what was found: nobody changes it for as long as a backup that it is about may be kept. */
  #evidence(settings: Settings): s3.Bucket {
    const days = settings.database.retentionDays;
    const bucket = new s3.Bucket(this, 'Evidence', {
      bucketName: evidenceBucketName(settings, this.region),
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      objectLockEnabled: true,
      // COMPLIANCE cannot be shortened by anybody, AWS included: only where real money is.
      objectLockDefaultRetention: settings.verification.sealed ? s3.ObjectLockRetention.compliance(Duration.days(days)) : s3.ObjectLockRetention.governance(Duration.days(days)),
      lifecycleRules: [
        { id: 'inputs', prefix: 'venue-fills/', expiration: Duration.days(days), noncurrentVersionExpiration: Duration.days(1) },
        { id: 'watermarks', prefix: 'watermarks/', expiration: Duration.days(days + 10), noncurrentVersionExpiration: Duration.days(1) },
      ],
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions-S1', reason: 'Evidence, written by functions: CloudTrail records who reads it, and access logs would need a bucket of their own.',
    });
    return bucket;
  }
}
