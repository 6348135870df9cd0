/**
 * Backups are proved: restored into a network that leads nowhere, looked into, and taken down. Both Regions have it, and each verifies what its own vault holds,
 * so that the copies in the other Region are proved too. Into the same network goes the drill of the other Region's loss.
 */
import { Duration, RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { BackupVerification } from '../lib/constructs/backup-verification.ts';
import { DrDrill } from '../lib/constructs/dr-drill.ts';
import { DrillLeftovers } from '../lib/constructs/drill-leftovers.ts';
import { ShadowBook } from '../lib/constructs/shadow-book.ts';
import { shadowBook } from '../lib/contracts/drill.ts';
import { evidenceBucketName } from '../lib/contracts/stack-names.ts';
import type { RegionSettings, Settings } from '../lib/settings/index.ts';
import type { BackupsStack } from './backups.ts';
import type { CutoverStack } from './cutover.ts';
import { databaseName, type DataStack } from './data.ts';
import type { FoundationStack } from './foundation.ts';
import { cachePort, databasePort, type NetworkStack } from './network.ts';
import type { RecoveryStack } from './recovery.ts';
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
  readonly recovery: RecoveryStack;
}

export class VerificationStack extends Stack {
  readonly machineName: string;

  constructor(scope: Construct, id: string, props: VerificationStackProps) {
    const { settings, of, foundation, state, network, data, trading, cutover, backups, recovery, ...stackProps } = props;
    super(scope, id, stackProps);
    const evidence = this.#evidence(settings) as s3.IBucket;
    const reports = s3.Bucket.fromBucketName(this, 'Reports', cutover.reportsName);
    const vault = { name: backups.database.vaultName, arn: backups.database.vaultArn, key: backups.database.key as kms.IKey };
    const { databaseInstanceIdentifier, key } = data;
    const { topicArn } = cutover.topic;
    const shadow = new ShadowBook(this, 'Shadow', { settings, key });
    const verification = new BackupVerification(this, 'Verification', {
      settings, zones: of.zones, ports: { database: databasePort, cache: cachePort }, evidence, reports, topicArn, vault,
      cacheFiles: { bucketName: backups.bucket.bucketName, folder: `baton-${settings.environment}-cache-` },
      journalTable: state.journalTable,
      databaseInstanceIdentifier,
      database: { host: data.database.dbInstanceEndpointAddress, port: data.database.dbInstanceEndpointPort, name: databaseName },
      databaseSecret: data.roleSecrets.verifier, key, venueKey: foundation.venueKey,
      books: trading.books, network,
      drill: {
        leaseTableArn: state.leaseTable.tableArn, book: shadowBook, secretArns: [shadow.venueSecret, shadow.databaseSecret].map(({ secretArn }) => secretArn),
        repositoryArns: [trading.guardRepository, trading.traderRepository].map(({ repositoryArn }) => repositoryArn), logGroupArn: shadow.logGroupArn,
      },
    });
    const drill = new DrDrill(this, 'Drill', {
      settings, shadow, network: verification.isolated, signingKey: verification.signingKey, evidence, reports, topicArn, vault,
      leaseTable: state.leaseTable, journalTable: state.journalTable, repositories: { guard: trading.guardRepository, trader: trading.traderRepository },
      databaseInstanceIdentifier, databaseName, databasePort, key, releaser: recovery.releaser,
    });
    this.machineName = verification.machine.name;
    const leftovers = new DrillLeftovers(this, 'DrillLeftovers', { settings, shadows: drill.shadows, topicArn });
    for (const { machine, alarms } of [verification, drill, leftovers]) {
      cutover.letPublish(machine.machine);
      for (const alarm of alarms) cutover.announce(alarm);
    }
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
