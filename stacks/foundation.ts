/**
 * What the other Region refers to before the rest of this one is there: the keys of what is replicated into it, by their
 * aliases, and the bucket that takes the copies of the other's reports. It refers to nothing itself, so that both Regions
 * can be built on the two.
 */
import { RemovalPolicy, Stack, type StackProps, Validations } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { reportCopiesBucketName } from '../lib/contracts/stack-names.ts';
import type { Settings } from '../lib/settings/index.ts';

export interface FoundationStackProps extends StackProps {
  readonly settings: Settings;
}

export type KeyPurpose = 'data' | 'venue';

/** The same in both Regions, each for its own key. */
export function keyAliasOf({ environment }: Settings, purpose: KeyPurpose): string {
  return `alias/baton-${environment}-${purpose}`;
}

export class FoundationStack extends Stack {
  /** Encrypts database, cache and their secrets: one sense, what a trader's own data is worth. */
  readonly dataKey: kms.Key;
  readonly venueKey: kms.Key;

  constructor(scope: Construct, id: string, { settings, ...props }: FoundationStackProps) {
    super(scope, id, props);
    this.dataKey = this.#key(settings, 'data', 'database, cache and their secrets');
    this.venueKey = this.#key(settings, 'venue', 'the exchange keys');
    const copies = new s3.Bucket(this, 'ReportCopies', {
      bucketName: reportCopiesBucketName(settings, this.region),
      encryption: s3.BucketEncryption.S3_MANAGED,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      versioned: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(copies).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'Copies of reports, written by S3 itself: CloudTrail records who reads them, and access logs would need a bucket of their own.',
    });
  }

  #key(settings: Settings, purpose: KeyPurpose, ofWhat: string): kms.Key {
    return new kms.Key(this, purpose === 'data' ? 'DataKey' : 'VenueKey', {
      alias: keyAliasOf(settings, purpose),
      description: `Baton ${settings.environment}: ${ofWhat}`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }
}
