/** The cache of this Region in a bucket, as often as the settings say, by a machine of its own. */
import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { endings } from '../contracts/cutover.ts';
import type { Settings } from '../settings/index.ts';
import { cacheSnapshot } from '../workflows/cache-snapshot.ts';
import { Workflow } from '../workflows/workflow.ts';
import { retentionOf } from './log-retention.ts';
import { Schedule } from './schedule.ts';
import { JudgedStateMachine } from './state-machine.ts';

export interface CacheBackupsProps {
  readonly settings: Settings;
  readonly replicationGroupId: string;
  readonly bucket: s3.Bucket;
}

/** The snapshot, its export, and their retries. */
const objectiveSeconds = 4200;
const runbook = 'docs/runbooks/backups.md';

export class CacheBackups extends Construct {
  readonly machine: JudgedStateMachine;
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, { settings, replicationGroupId, bucket }: CacheBackupsProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const prefix = `baton-${settings.environment}`;
    const arn = (resource: string, resourceName: string): string =>
      stack.formatArn({ service: 'elasticache', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    const snapshots = arn('snapshot', `${prefix}-cache-*`);
    const workflow = new Workflow(new Construct(this, 'States'));
    this.machine = new JudgedStateMachine(this, 'Snapshot', {
      name: `${prefix}-cache-snapshot`,
      comment: 'Takes a snapshot of the cache, exports it to the bucket of the backups, and removes it.',
      start: cacheSnapshot(workflow, { prefix, replicationGroupId, bucketName: bucket.bucketName, arns: { group: arn('replicationgroup', replicationGroupId), snapshots } }),
      declarations: workflow.declarations,
      endings: [endings.needsAPerson],
      objectiveSeconds,
      logRetention: retentionOf(settings),
      failureImpact: 'The newest file of the cache in the bucket is older than it should be: a cache that is loaded from it has older rate-limit buckets.',
      runbook,
    });
    Validations.of(this.machine).acknowledge(
      { id: 'AwsSolutions-IAM5[Resource::*]', reason: 'Traces and the delivery of logs know no resource.' },
      { id: `AwsSolutions-IAM5[Resource::${snapshots}]`, reason: 'Snapshots are named by their hour and execution.' },
    );
    this.#letExport(bucket);
    const schedule = new Schedule(this, 'Schedule', {
      name: `${prefix}-cache-snapshot`, description: 'The cache into the bucket of the backups',
      expression: `cron(15 0/${24 / settings.backups.cacheSnapshotsADay} * * ? *)`, windowMinutes: 15,
      target: { machine: this.machine.machine }, input: {},
      missedImpact: 'A snapshot of the cache was not begun: the newest file in the bucket is older than it should be.', runbook,
    });
    this.alarms = [...this.machine.alarms, schedule.alarm];
  }

  /** ElastiCache writes the file itself (dg/backups-exporting.html, "Grant ElastiCache access to your Amazon S3 bucket"). */
  #letExport(bucket: s3.Bucket): void {
    const { region, account } = Stack.of(this);
    const principals = [new iam.ServicePrincipal(`${region}.elasticache-snapshot.amazonaws.com`)];
    const conditions = { StringEquals: { 'aws:SourceAccount': account } };
    bucket.addToResourcePolicy(new iam.PolicyStatement({
      principals, conditions, actions: ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts'], resources: [bucket.arnForObjects('*')],
    }));
    bucket.addToResourcePolicy(new iam.PolicyStatement({
      principals, conditions, actions: ['s3:ListBucket', 's3:GetBucketAcl', 's3:ListBucketMultipartUploads'], resources: [bucket.bucketArn],
    }));
  }
}
