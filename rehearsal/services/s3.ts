/**
 * S3: buckets with versioned objects, as much as writing and reading reports needs, and the copies that a bucket makes of what is written
 * to it in another Region's, by its replication role.
 */
import { createHash } from 'node:crypto';

import { AwsError, type ServiceModel, type World } from '../cloud/model.ts';

interface StoredObject {
  readonly body: Buffer;
  readonly contentType: string;
  readonly eTag: string;
  readonly versionId: string;
  readonly at: Date;
  readonly metadata: Record<string, string>;
}
interface Bucket {
  readonly region: string;
  readonly createdAt: Date;
  readonly versioned: boolean;
  readonly replication?: Replication;
  /** By key, the newest version last. */
  readonly objects: Map<string, StoredObject[]>;
}
/** Of new objects, all of them: other rules are not modelled. */
interface Replication {
  readonly roleArn: string;
  readonly destination: string;
}
interface PutInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly Body?: unknown;
  readonly ContentType?: string;
  readonly Metadata?: Record<string, string>;
}
interface ObjectInput {
  readonly Bucket: string;
  readonly Key: string;
  readonly VersionId?: string;
}
interface ListInput {
  readonly Bucket: string;
  readonly Prefix?: string;
  readonly Delimiter?: string;
  readonly MaxKeys?: number;
  readonly StartAfter?: string;
  readonly ContinuationToken?: string;
}

export function s3(world: World): ServiceModel {
  const buckets = new Map<string, Bucket>();

  function bucketOf(name: string): Bucket {
    const bucket = buckets.get(name);
    if (!bucket) throw new AwsError('NoSuchBucket', 'The specified bucket does not exist', { data: { BucketName: name } });
    return bucket;
  }

  function objectOf({ Bucket, Key, VersionId }: ObjectInput): StoredObject | undefined {
    const versions = bucketOf(Bucket).objects.get(Key) ?? [];
    return VersionId === undefined ? versions.at(-1) : versions.find(({ versionId }) => versionId === VersionId);
  }

  function headers({ contentType, eTag, versionId, at, metadata, body }: StoredObject, { Bucket }: ObjectInput): Record<string, unknown> {
    const version = bucketOf(Bucket).versioned ? { VersionId: versionId } : {};
    return { ContentLength: body.length, ContentType: contentType, ETag: eTag, LastModified: at, Metadata: metadata, ...version };
  }

  /** Later, with its version; a copy is copied no further. */
  async function replicate(from: string, { roleArn, destination }: Replication, key: string, stored: StoredObject): Promise<void> {
    const { region } = bucketOf(from);
    await world.provisionBeside('s3-replication', region);
    const to = bucketOf(destination);
    await world.whenBack(to.region);
    if (!world.mayAssume(roleArn, 's3.amazonaws.com', `arn:aws:s3:::${from}`)) throw new AwsError('AccessDenied', `S3 cannot assume the role ${roleArn}`);
    world.authorize({ caller: world.callerFor(roleArn), region, service: 's3' }, [
      { action: 's3:GetReplicationConfiguration', resource: `arn:aws:s3:::${from}` },
      { action: 's3:GetObjectVersionForReplication', resource: `arn:aws:s3:::${from}/${key}` },
      { action: 's3:ReplicateObject', resource: `arn:aws:s3:::${destination}/${key}` },
    ]);
    to.objects.set(key, [...(to.objects.get(key) ?? []), stored]);
  }

  return {
    service: 's3',
    operations: {
      PutObject: (input: PutInput) => {
        const bucket = bucketOf(input.Bucket);
        const body = bytes(input.Body);
        const stored: StoredObject = {
          body,
          contentType: input.ContentType ?? 'application/octet-stream',
          eTag: `"${createHash('md5').update(body).digest('hex')}"`,
          versionId: world.uniqueId(32),
          at: world.now(),
          metadata: input.Metadata ?? {},
        };
        const before = bucket.versioned ? (bucket.objects.get(input.Key) ?? []) : [];
        bucket.objects.set(input.Key, [...before, stored]);
        if (bucket.replication !== undefined) {
          replicate(input.Bucket, bucket.replication, input.Key, stored).catch((error: unknown) => {
            world.log(`${input.Key} was not copied from ${input.Bucket}`, { error: String(error) });
          });
        }
        return { ETag: stored.eTag, ...(bucket.versioned ? { VersionId: stored.versionId } : {}) };
      },
      GetObject: (input: ObjectInput) => {
        const found = objectOf(input);
        if (!found) throw new AwsError('NoSuchKey', 'The specified key does not exist.', { data: { Key: input.Key } });
        return { ...headers(found, input), Body: found.body };
      },
      HeadObject: (input: ObjectInput) => {
        const found = buckets.has(input.Bucket) ? objectOf(input) : undefined;
        if (!found) throw new AwsError('NotFound', 'Not Found');
        return headers(found, input);
      },
      HeadBucket: ({ Bucket }: ObjectInput) => {
        const bucket = buckets.get(Bucket);
        if (!bucket) throw new AwsError('NotFound', 'Not Found');
        return { BucketRegion: bucket.region };
      },
      ListObjectsV2: ({ Bucket, Prefix = '', Delimiter, MaxKeys = 1000, StartAfter = '', ContinuationToken }: ListInput) => {
        const after = ContinuationToken ?? StartAfter;
        // What lies below a delimiter counts as one element, under the name that it has in common.
        const rolledUp = (key: string): string => {
          const end = Delimiter === undefined || Delimiter === '' ? -1 : key.indexOf(Delimiter, Prefix.length);
          return end < 0 ? key : key.slice(0, end + (Delimiter?.length ?? 0));
        };
        const elements = new Map<string, readonly StoredObject[] | undefined>();
        for (const [key, versions] of bucketOf(Bucket).objects) {
          const name = rolledUp(key);
          if (key.startsWith(Prefix) && name > after) elements.set(name, name === key ? versions : undefined);
        }
        const all = [...elements].sort(([a], [b]) => (a < b ? -1 : 1));
        const page = all.slice(0, MaxKeys);
        const more = all.length > page.length;
        const Contents = page.flatMap(([Key, versions]) =>
          (versions ?? [])
            .slice(-1)
            .map(({ body, eTag, at }) => ({ Key, Size: body.length, ETag: eTag, LastModified: at, StorageClass: 'STANDARD' })),
        );
        return {
          Name: Bucket,
          Prefix,
          Delimiter,
          MaxKeys,
          KeyCount: page.length,
          IsTruncated: more,
          Contents,
          CommonPrefixes: page.flatMap(([name, versions]) => (versions === undefined ? [{ Prefix: name }] : [])),
          ...(more ? { NextContinuationToken: page.at(-1)?.[0] } : {}),
        };
      },
      ListBuckets: () => ({
        Buckets: [...buckets]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([Name, { createdAt, region }]) => ({ Name, CreationDate: createdAt, BucketRegion: region })),
        Owner: { ID: world.accountId },
      }),
      /** The oldest Region has no name here. */
      GetBucketLocation: ({ Bucket }: ObjectInput) => {
        const { region } = bucketOf(Bucket);
        return region === 'us-east-1' ? {} : { LocationConstraint: region };
      },
      GetBucketVersioning: ({ Bucket }: ObjectInput) => (bucketOf(Bucket).versioned ? { Status: 'Enabled' } : {}),
    },
    resources: {
      'AWS::S3::Bucket': ({ properties, generatedName, region }) => {
        const name = String(properties['BucketName'] ?? generatedName.toLowerCase().slice(0, 63));
        if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)) {
          throw new AwsError('InvalidBucketName', `The specified bucket is not valid: ${name}`);
        }
        if (buckets.has(name)) throw new AwsError('BucketAlreadyOwnedByYou', `${name} already exists`);
        const versioned = (properties['VersioningConfiguration'] as { Status?: string } | undefined)?.Status === 'Enabled';
        const replication = replicationOf(properties['ReplicationConfiguration']);
        if (replication !== undefined && !(versioned && bucketOf(replication.destination).versioned)) {
          throw new AwsError('InvalidRequest', "Versioning must be 'Enabled' on the bucket to apply a replication configuration");
        }
        buckets.set(name, { region, createdAt: world.now(), versioned, objects: new Map(), ...(replication && { replication }) });
        const domain = `${name}.s3.amazonaws.com`;
        return {
          ref: name,
          attributes: { Arn: `arn:aws:s3:::${name}`, DomainName: domain, RegionalDomainName: `${name}.s3.${region}.amazonaws.com` },
        };
      },
    },
  };
}

function replicationOf(configuration: unknown): Replication | undefined {
  if (configuration === undefined) return undefined;
  const { Role, Rules } = configuration as { Role: string; Rules: readonly { Status: string; Destination: { Bucket: string }; Filter?: object; Prefix?: string }[] };
  const [rule, ...others] = Rules;
  const isOfAll = Object.values(rule?.Filter ?? {}).every((value) => value === '');
  if (rule === undefined || others.length > 0 || rule.Status !== 'Enabled' || !isOfAll || (rule.Prefix ?? '') !== '') {
    throw new AwsError('NotImplemented', 'one enabled replication rule, for every object, is modelled', { fault: 'server' });
  }
  return { roleArn: Role, destination: rule.Destination.Bucket.split(':').at(-1) ?? '' };
}

/** A body comes as bytes from a client, and as text or a structure from a state machine. */
function bytes(body: unknown): Buffer {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}
