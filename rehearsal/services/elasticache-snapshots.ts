/**
 * Snapshots of ElastiCache: files that a real Redis wrote and another one loads. One may be exported to a bucket, which
 * ElastiCache writes for itself: the bucket's policy must let it.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AwsError, awsService, type Call, type OperationHandler, type World } from '../cloud/model.ts';
import type { Group } from './elasticache.ts';
import { pageOf } from './pages.ts';

interface Snapshot {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly group: Group;
  readonly createdAt: Date;
  readonly file: string;
  status: 'creating' | 'available' | 'exporting' | 'failed';
}

/** "During any contiguous 24-hour period, you can create no more than 20 manual backups per node". */
const manualSnapshotsPerDay = 20;
const dayMs = 86_400_000;
const pageMax = 50;

export class CacheSnapshots {
  readonly #world: World;
  readonly #directory: string;
  readonly #groupOf: (region: string, id: string) => Group;
  readonly #snapshots = new Map<string, Snapshot>();
  /** When each was begun, deleted ones too. */
  readonly #begun: { readonly group: Group; readonly at: Date }[] = [];

  constructor(world: World, { directory, groupOf }: { readonly directory: string; readonly groupOf: (region: string, id: string) => Group }) {
    this.#world = world;
    this.#directory = join(directory, 'elasticache-snapshots');
    this.#groupOf = groupOf;
  }

  get operations(): Readonly<Record<string, OperationHandler>> {
    return {
      CreateSnapshot: async (input, call) => this.#create(input, call),
      DescribeSnapshots: (input, { region }: Call) => {
        const name: string | undefined = input.SnapshotName;
        const found = name === undefined ? [...this.#snapshots.values()].filter((each) => each.region === region) : [this.#snapshotOf(region, name)];
        const { elements, next } = pageOf(found, { token: input.Marker, size: input.MaxRecords, sizeMax: pageMax, keyOf: (each) => each.name, invalidToken: 'InvalidParameterValueException' });
        return { Snapshots: elements.map(described), Marker: next };
      },
      CopySnapshot: (input, call) => this.#export(input, call),
      DeleteSnapshot: async ({ SnapshotName }, { region }: Call) => {
        const snapshot = this.#snapshotOf(region, SnapshotName);
        if (snapshot.status === 'creating' || snapshot.status === 'exporting') throw new AwsError('InvalidSnapshotStateFault', `Snapshot ${snapshot.name} is ${snapshot.status}.`);
        this.#snapshots.delete(keyOf(region, snapshot.name));
        await rm(snapshot.file, { force: true });
        return { Snapshot: { ...described(snapshot), SnapshotStatus: 'deleting' } };
      },
    };
  }

  /** The file that a new group begins with. */
  async contentsFor(region: string, { SnapshotName, SnapshotArns = [] }: { readonly SnapshotName?: string; readonly SnapshotArns?: readonly string[] }): Promise<string> {
    if (SnapshotName !== undefined) {
      const { status, file } = this.#snapshotOf(region, SnapshotName);
      if (status === 'available') return file;
      throw new AwsError('InvalidParameterValueException', `The snapshot ${SnapshotName} is ${status}.`);
    }
    const [first] = SnapshotArns;
    if (first === undefined) throw new AwsError('NotImplemented', 'a replication group that begins with no snapshot is made by CloudFormation here', { fault: 'server' });
    const [, bucket = '', key = ''] = /^arn:aws:s3:::([^/]+)\/(.+)$/.exec(first) ?? [];
    const caller = awsService(servicePrincipalOf(region), `arn:aws:elasticache:${region}:${this.#world.accountId}:snapshot:*`);
    const answer = (await this.#world.call({ service: 's3', operation: 'GetObject', region, caller, input: { Bucket: bucket, Key: key } })) as { Body: Uint8Array };
    const file = join(this.#directory, this.#world.uniqueId(16));
    await mkdir(this.#directory, { recursive: true });
    await writeFile(file, answer.Body);
    return file;
  }

  async #create({ SnapshotName, ReplicationGroupId }: { readonly SnapshotName: string; readonly ReplicationGroupId: string }, { region }: Call): Promise<Record<string, unknown>> {
    const group = this.#groupOf(region, ReplicationGroupId);
    const name = checkName(SnapshotName);
    if (this.#snapshots.has(keyOf(region, name))) throw new AwsError('SnapshotAlreadyExistsFault', `Snapshot ${name} already exists.`);
    const now = this.#world.now();
    if (this.#begun.filter((each) => each.group === group && now.getTime() - each.at.getTime() < dayMs).length >= manualSnapshotsPerDay) {
      throw new AwsError('SnapshotQuotaExceededFault', `${group.id}: no more than ${manualSnapshotsPerDay} manual snapshots in 24 hours.`);
    }
    const { server } = group;
    if (server === undefined) throw new AwsError('InvalidReplicationGroupStateFault', `${group.id} is not available.`);
    const arn = `arn:aws:elasticache:${region}:${this.#world.accountId}:snapshot:${name}`;
    const snapshot: Snapshot = { name, arn, region, group, createdAt: now, file: join(this.#directory, `${region}-${name}.rdb`), status: 'creating' };
    this.#begun.push({ group, at: now });
    this.#snapshots.set(keyOf(region, name), snapshot);
    await mkdir(this.#directory, { recursive: true });
    void this.#later(snapshot, () => server.save(snapshot.file));
    return { Snapshot: described(snapshot) };
  }

  #export({ SourceSnapshotName, TargetSnapshotName, TargetBucket }: { readonly SourceSnapshotName: string; readonly TargetSnapshotName: string; readonly TargetBucket?: string }, { region }: Call): Record<string, unknown> {
    const snapshot = this.#snapshotOf(region, SourceSnapshotName);
    if (snapshot.status !== 'available') throw new AwsError('InvalidSnapshotStateFault', `Snapshot ${snapshot.name} is ${snapshot.status}.`);
    if (TargetBucket === undefined) throw new AwsError('NotImplemented', 'copies of snapshots are modelled to a bucket only', { fault: 'server' });
    const name = checkName(TargetSnapshotName);
    snapshot.status = 'exporting';
    void this.#later(snapshot, async () => {
      const caller = awsService(servicePrincipalOf(region), snapshot.arn);
      // A part for each shard.
      await this.#world.call({ service: 's3', operation: 'PutObject', region, caller, input: { Bucket: TargetBucket, Key: `${name}-0001.rdb`, Body: await readFile(snapshot.file) } });
    });
    return { Snapshot: described(snapshot) };
  }

  /** Available again when it is done and AWS would have done it. */
  async #later(snapshot: Snapshot, work: () => Promise<void>): Promise<void> {
    try {
      await Promise.all([work(), this.#world.provision('elasticache-snapshot', snapshot.region)]);
      snapshot.status = 'available';
    } catch (error) {
      snapshot.status = 'failed';
      this.#world.log('a snapshot of a cache failed', { region: snapshot.region, snapshot: snapshot.name, error: String(error) });
    }
  }

  #snapshotOf(region: string, name: string): Snapshot {
    const found = this.#snapshots.get(keyOf(region, name));
    if (!found) throw new AwsError('SnapshotNotFoundFault', `Snapshot ${name} not found.`);
    return found;
  }
}

/** Who writes into the bucket. */
const servicePrincipalOf = (region: string): string => `${region}.elasticache-snapshot.amazonaws.com`;
const keyOf = (region: string, name: string): string => `${region}/${name.toLowerCase()}`;

function checkName(name: unknown): string {
  if (typeof name === 'string' && /^[a-z](?:-?[a-z0-9])*$/i.test(name) && name.length <= 255) return name.toLowerCase();
  throw new AwsError('InvalidParameterValueException', `${String(name)} is no name of a snapshot: letters, digits and single hyphens, a letter first.`);
}

function described({ name, arn, group, createdAt, status }: Snapshot): Record<string, unknown> {
  return {
    SnapshotName: name, ARN: arn, ReplicationGroupId: group.id, SnapshotStatus: status, SnapshotSource: 'manual', Engine: group.properties['Engine'],
    CacheNodeType: group.properties['CacheNodeType'], NumNodeGroups: 1, NodeSnapshots: [{ NodeGroupId: '0001', SnapshotCreateTime: createdAt, CacheSize: '1 MB' }],
  };
}
