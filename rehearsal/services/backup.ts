/**
 * AWS Backup for databases: vaults, plans, and the jobs that back up, copy and restore. What it does to RDS it does with the
 * role that it is given, by calls of its own, so that a role which lacks a grant fails a job here as there. A plan's schedule
 * calls nobody by itself: a story that wants its hour to come says so.
 */
import { AwsError, type Call, type Caller, type OperationHandler, type ResourceHandler, type ServiceModel } from '../cloud/model.ts';
import type { CloudWorld } from '../cloud/world.ts';
import type { Monitoring } from './monitoring.ts';
import { pageOf } from './pages.ts';

interface Lifecycle {
  readonly DeleteAfterDays?: number;
}
interface Vault {
  readonly name: string;
  readonly arn: string;
  readonly region: string;
  readonly properties: Readonly<Record<string, any>>;
  readonly createdAt: Date;
}
interface Rule {
  readonly RuleName: string;
  readonly TargetBackupVault: string;
  readonly ScheduleExpression?: string;
  readonly EnableContinuousBackup?: boolean | string;
  readonly Lifecycle?: Lifecycle;
  readonly CopyActions?: readonly { readonly DestinationBackupVaultArn: string; readonly Lifecycle?: Lifecycle }[];
  readonly RecoveryPointTags?: Readonly<Record<string, string>>;
}
interface Plan {
  readonly id: string;
  readonly arn: string;
  readonly region: string;
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly selections: Selection[];
  readonly createdAt: Date;
}
interface Selection {
  readonly id: string;
  readonly name: string;
  readonly roleArn: string;
  readonly resources: readonly string[];
  /** All of these, by `aws:ResourceTag/…`. */
  readonly conditions: readonly { readonly ConditionKey: string; readonly ConditionValue: string }[];
}
interface RecoveryPoint {
  readonly arn: string;
  readonly vault: Vault;
  readonly resourceArn: string;
  /** Of a continuous one: the resource id of the instance whose log it is. */
  readonly continuousOf?: string;
  readonly roleArn: string;
  readonly createdAt: Date;
  readonly lifecycle: Lifecycle;
  readonly sourceVaultArn?: string;
  readonly planId?: string;
  status: 'CREATING' | 'COMPLETED' | 'AVAILABLE' | 'DELETING';
  completedAt?: Date;
}
interface Job {
  readonly id: string;
  readonly kind: 'Backup' | 'Copy' | 'Restore';
  readonly region: string;
  readonly vault: Vault;
  readonly resourceArn: string;
  readonly roleArn: string;
  readonly createdAt: Date;
  /** As the operation names what it has besides. */
  more: Readonly<Record<string, unknown>>;
  state: 'CREATED' | 'RUNNING' | 'COMPLETED' | 'FAILED';
  message?: string;
  completedAt?: Date;
  pointArn?: string;
}

export interface BackupModel extends ServiceModel {
  /** The hour of a plan's rule comes: jobs for all that its selections have. Answers the ids of the backup jobs. */
  runRule(region: string, planName: string, ruleName: string): Promise<readonly string[]>;
}

/** Of AWS Backup's own names for the sessions of the roles that it is given. */
const sessionName = 'AWSBackup-rehearsal';
const jobPollMs = 100;
const pageMax = 1000;
const dayMs = 86_400_000;
const serviceName = 'backup.amazonaws.com';

export function backup(world: CloudWorld, measure: Monitoring['record']): BackupModel {
  const vaults: Vault[] = [];
  const plans: Plan[] = [];
  const points: RecoveryPoint[] = [];
  const jobs: Job[] = [];

  const uuid = (): string => world.uniqueId(32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  const arn = (region: string, what: string): string => `arn:aws:backup:${region}:${world.accountId}:${what}`;

  function vaultOf(region: string, nameOrArn: string): Vault {
    const found = vaults.find((vault) => vault.arn === nameOrArn || (vault.region === region && vault.name === nameOrArn));
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `Backup vault ${nameOrArn} was not found.`);
  }
  function pointOf(region: string, { BackupVaultName, RecoveryPointArn }: { BackupVaultName?: string; RecoveryPointArn: string }): RecoveryPoint {
    const found = points.find((point) => point.arn === RecoveryPointArn && point.vault.region === region && (BackupVaultName === undefined || point.vault.name === BackupVaultName));
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `Recovery point ${RecoveryPointArn} was not found.`);
  }
  function jobOf(kind: Job['kind'], id: string, region: string): Job {
    const found = jobs.find((job) => job.kind === kind && job.id === id && job.region === region);
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `${kind} job ${id} was not found.`);
  }

  /** AWS Backup asks RDS, with the role of the job. */
  function rds<Answer = any>(roleArn: string, region: string, operation: string, input: Record<string, unknown>): Promise<Answer> {
    const caller: Caller = { ...world.callerFor(roleArn), sessionName };
    return world.call({ service: 'rds', operation, region, caller, input }) as Promise<Answer>;
  }

  function begin(kind: Job['kind'], region: string, given: Pick<Job, 'vault' | 'resourceArn' | 'roleArn' | 'more'>, work: (job: Job) => Promise<void>): Job {
    if (!world.mayAssume(given.roleArn, serviceName, given.vault.arn)) {
      throw new AwsError('InvalidParameterValueException', `IAM Role ${given.roleArn} cannot be assumed by AWS Backup`);
    }
    const job: Job = { id: uuid(), kind, region, createdAt: world.now(), state: 'CREATED', ...given };
    jobs.push(job);
    tell(job);
    void run(job, work);
    return job;
  }

  async function run(job: Job, work: (job: Job) => Promise<void>): Promise<void> {
    job.state = 'RUNNING';
    try {
      await work(job);
      job.state = 'COMPLETED';
    } catch (error) {
      job.state = 'FAILED';
      job.message = error instanceof Error ? error.message : String(error);
      world.log(`a ${job.kind.toLowerCase()} job of AWS Backup failed`, { region: job.region, resource: job.resourceArn, error: job.message });
    }
    job.completedAt = world.now();
    tell(job);
  }

  /** An event, and a metric where people count. */
  function tell(job: Job): void {
    const { kind, region, vault, id, state, resourceArn, roleArn } = job;
    const key = { Backup: 'backupJobId', Copy: 'copyJobId', Restore: 'restoreJobId' }[kind];
    world.emit({
      source: 'aws.backup', detailType: `${kind} Job State Change`, region, resources: [job.pointArn ?? vault.arn],
      detail: {
        [key]: id, backupVaultArn: vault.arn, backupVaultName: vault.name, resourceArn, resourceType: 'RDS', iamRoleArn: roleArn,
        [kind === 'Restore' ? 'status' : 'state']: state, creationDate: job.createdAt.toISOString(), ...(job.message !== undefined && { statusMessage: job.message }),
        ...(kind === 'Restore' && job.more['CreatedResourceArn'] !== undefined && { createdResourceArn: job.more['CreatedResourceArn'] }),
      },
    });
    if (state === 'CREATED' || state === 'RUNNING') return;
    const name = `NumberOf${kind}Jobs${state === 'COMPLETED' ? 'Completed' : 'Failed'}`;
    measure({ region, namespace: 'AWS/Backup', name, dimensions: { BackupVaultName: vault.name }, value: 1 });
  }

  function tellOfPoint({ arn: pointArn, vault, resourceArn, createdAt, lifecycle }: RecoveryPoint, status: string): void {
    world.emit({
      source: 'aws.backup', detailType: 'Recovery Point State Change', region: vault.region, resources: [pointArn],
      detail: {
        backupVaultName: vault.name, backupVaultArn: vault.arn, recoveryPointArn: pointArn, resourceArn, resourceType: 'RDS', status,
        creationDate: createdAt.toISOString(), calculatedLifecycle: deletedAt(createdAt, lifecycle) === undefined ? {} : { deleteAt: deletedAt(createdAt, lifecycle)?.toISOString() },
      },
    });
  }

  /** Until the snapshot is there; throws when it will never be. */
  async function snapshotted(roleArn: string, region: string, DBSnapshotIdentifier: string): Promise<void> {
    for (;;) {
      const { DBSnapshots: [snapshot] } = await rds(roleArn, region, 'DescribeDBSnapshots', { DBSnapshotIdentifier });
      if (snapshot.Status === 'available') return;
      if (snapshot.Status === 'failed') throw new Error(`The snapshot ${DBSnapshotIdentifier} failed`);
      await world.sleep(jobPollMs);
    }
  }

  function startBackup(region: string, given: { vault: Vault; resourceArn: string; roleArn: string; lifecycle: Lifecycle; continuous: boolean; tags: Readonly<Record<string, string>>; planId?: string }): Job {
    const { vault, resourceArn, roleArn, lifecycle, continuous, planId } = given;
    if (resourceArn.split(':')[2] !== 'rds') throw new AwsError('NotImplemented', `backups of ${resourceArn} are not modelled; those of RDS are`, { fault: 'server' });
    const identifier = resourceArn.split(':').at(-1) ?? '';
    const add = (point: Pick<RecoveryPoint, 'arn' | 'status'> & Partial<RecoveryPoint>): RecoveryPoint => {
      const made: RecoveryPoint = { vault, resourceArn, roleArn, lifecycle, createdAt: world.now(), ...(planId !== undefined && { planId }), ...point };
      points.push(made);
      return made;
    };
    return begin('Backup', region, { vault, resourceArn, roleArn, more: {} }, async (job) => {
      const { DBInstances: [instance] } = await rds(roleArn, region, 'DescribeDBInstances', { DBInstanceIdentifier: identifier });
      if (continuous) {
        // One for each instance; its retention becomes that of the instance's own automated backups.
        job.pointArn = arn(region, `recovery-point:continuous:${String(instance.DbiResourceId).toLowerCase()}`);
        const days = lifecycle.DeleteAfterDays;
        if (days !== instance.BackupRetentionPeriod) {
          await rds(roleArn, region, 'ModifyDBInstance', { DBInstanceIdentifier: identifier, BackupRetentionPeriod: days, ApplyImmediately: true });
        }
        if (points.some((point) => point.arn === job.pointArn)) return;
        const made = add({ arn: job.pointArn, status: 'AVAILABLE', continuousOf: String(instance.DbiResourceId) });
        tellOfPoint(made, 'AVAILABLE');
        return;
      }
      const name = `awsbackup:job-${job.id}`;
      job.pointArn = `arn:aws:rds:${region}:${world.accountId}:snapshot:${name}`;
      const made = add({ arn: job.pointArn, status: 'CREATING' });
      const Tags = Object.entries(given.tags).map(([Key, Value]) => ({ Key, Value }));
      try {
        await rds(roleArn, region, 'CreateDBSnapshot', { DBInstanceIdentifier: identifier, DBSnapshotIdentifier: name, ...(Tags.length > 0 && { Tags }) });
        await snapshotted(roleArn, region, name);
      } catch (error) {
        points.splice(points.indexOf(made), 1);
        throw error;
      }
      made.status = 'COMPLETED';
      made.completedAt = world.now();
      tellOfPoint(made, 'COMPLETED');
    });
  }

  function startCopy(region: string, source: RecoveryPoint, destination: Vault, roleArn: string, lifecycle: Lifecycle): Job {
    if (source.continuousOf !== undefined) throw new AwsError('InvalidRequestException', 'A continuous recovery point cannot be copied on demand');
    return begin('Copy', region, { vault: source.vault, resourceArn: source.resourceArn, roleArn, more: { destination } }, async (job) => {
      const name = `awsbackup:copyjob-${job.id}`;
      await rds(roleArn, destination.region, 'CopyDBSnapshot', {
        SourceDBSnapshotIdentifier: source.arn, TargetDBSnapshotIdentifier: name, CopyTags: true, KmsKeyId: destination.properties['EncryptionKeyArn'],
      });
      await snapshotted(roleArn, destination.region, name);
      job.pointArn = `arn:aws:rds:${destination.region}:${world.accountId}:snapshot:${name}`;
      const made: RecoveryPoint = {
        arn: job.pointArn, vault: destination, resourceArn: source.resourceArn, roleArn, lifecycle, createdAt: source.createdAt, sourceVaultArn: source.vault.arn,
        status: 'COMPLETED', completedAt: world.now(),
      };
      points.push(made);
      tellOfPoint(made, 'COMPLETED');
    });
  }

  function startRestore(region: string, point: RecoveryPoint, roleArn: string, metadata: Readonly<Record<string, string>>): Job {
    const { DBInstanceIdentifier, DBSubnetGroupName, DBInstanceClass, VpcSecurityGroupIds, MultiAZ, PubliclyAccessible, DeletionProtection, DBParameterGroupName, RestoreTime } = metadata;
    if (DBInstanceIdentifier === undefined) throw new AwsError('MissingParameterValueException', 'Metadata must have DBInstanceIdentifier');
    const flag = (value: string | undefined): boolean | undefined => (value === undefined ? undefined : value === 'true');
    const how = said({
      DBSubnetGroupName, DBInstanceClass, DBParameterGroupName, MultiAZ: flag(MultiAZ), PubliclyAccessible: flag(PubliclyAccessible), DeletionProtection: flag(DeletionProtection),
      VpcSecurityGroupIds: VpcSecurityGroupIds === undefined ? undefined : (JSON.parse(VpcSecurityGroupIds) as unknown),
    });
    return begin('Restore', region, { vault: point.vault, resourceArn: point.resourceArn, roleArn, more: { point } }, async (job) => {
      if (point.continuousOf === undefined) {
        await rds(roleArn, region, 'RestoreDBInstanceFromDBSnapshot', { DBInstanceIdentifier, DBSnapshotIdentifier: point.arn.split(':').slice(6).join(':'), ...how });
      } else {
        const moment = RestoreTime === undefined ? { UseLatestRestorableTime: true } : { RestoreTime: new Date(RestoreTime) };
        await rds(roleArn, region, 'RestoreDBInstanceToPointInTime', { SourceDbiResourceId: point.continuousOf, TargetDBInstanceIdentifier: DBInstanceIdentifier, ...moment, ...how });
      }
      job.more = { ...job.more, CreatedResourceArn: `arn:aws:rds:${region}:${world.accountId}:db:${DBInstanceIdentifier}` };
      for (;;) {
        const { DBInstances: [instance] } = await rds(roleArn, region, 'DescribeDBInstances', { DBInstanceIdentifier });
        const status = String(instance.DBInstanceStatus);
        if (status === 'available') return;
        if (['failed', 'incompatible-restore', 'deleting'].includes(status)) throw new Error(`${DBInstanceIdentifier} is ${status}`);
        await world.sleep(jobPollMs);
      }
    });
  }

  /** What a selection has: by ARN, of it what has all the tags. */
  async function selected(region: string, { resources, conditions }: Selection): Promise<readonly string[]> {
    const found: string[] = [];
    for (const each of resources) {
      if (each.includes('*')) throw new AwsError('NotImplemented', `the selection of ${each} is not modelled; whole ARNs are`, { fault: 'server' });
      const answer = await world.look<{ TagList: readonly { Key: string; Value?: string }[] }>({ service: 'rds', operation: 'ListTagsForResource', region, input: { ResourceName: each } });
      const tags = new Map((answer?.TagList ?? []).map(({ Key, Value }) => [`aws:ResourceTag/${Key}`, Value]));
      if (answer !== undefined && conditions.every(({ ConditionKey, ConditionValue }) => tags.get(ConditionKey) === ConditionValue)) found.push(each);
    }
    return found;
  }

  const listed = <Element>(all: readonly Element[], { NextToken, MaxResults }: { NextToken?: string; MaxResults?: number }, keyOf: (element: Element) => string): { elements: readonly Element[]; next: string | undefined } =>
    pageOf(all, { token: NextToken, size: MaxResults, sizeMax: pageMax, keyOf, invalidToken: 'InvalidParameterValueException' });
  const ofRegion = (region: string, kind: Job['kind']): Job[] => jobs.filter((job) => job.region === region && job.kind === kind).toReversed();

  const operations: Record<string, OperationHandler> = {
    DescribeBackupVault: ({ BackupVaultName }, { region }: Call) => describeVault(vaultOf(region, BackupVaultName)),
    ListBackupVaults(input, { region }) {
      const { elements, next } = listed(vaults.filter((vault) => vault.region === region), input, ({ name }) => name);
      return { BackupVaultList: elements.map(describeVault), NextToken: next };
    },
    ListBackupPlans(input, { region }) {
      const { elements, next } = listed(plans.filter((plan) => plan.region === region), input, ({ id }) => id);
      return { BackupPlansList: elements.map(({ id, arn: BackupPlanArn, name, createdAt }) => ({ BackupPlanId: id, BackupPlanArn, BackupPlanName: name, CreationDate: createdAt })), NextToken: next };
    },
    StartBackupJob({ BackupVaultName, ResourceArn, IamRoleArn, Lifecycle = {}, RecoveryPointTags = {} }, { region }) {
      const vault = vaultOf(region, BackupVaultName);
      const job = startBackup(region, { vault, resourceArn: ResourceArn, roleArn: IamRoleArn, lifecycle: Lifecycle, continuous: false, tags: RecoveryPointTags });
      return { BackupJobId: job.id, BackupVaultArn: vault.arn, CreationDate: job.createdAt };
    },
    DescribeBackupJob: ({ BackupJobId }, { region }: Call) => describeBackupJob(jobOf('Backup', BackupJobId, region)),
    ListBackupJobs(input, { region }) {
      const wanted = ofRegion(region, 'Backup').filter(
        (job) => (input.ByState === undefined || job.state === input.ByState) && (input.ByBackupVaultName === undefined || job.vault.name === input.ByBackupVaultName) && (input.ByResourceArn === undefined || job.resourceArn === input.ByResourceArn),
      );
      const { elements, next } = listed(wanted, input, ({ id }) => id);
      return { BackupJobs: elements.map(describeBackupJob), NextToken: next };
    },
    ListRecoveryPointsByBackupVault(input, { region }) {
      const vault = vaultOf(region, input.BackupVaultName);
      const before = input.ByCreatedBefore === undefined ? Infinity : new Date(input.ByCreatedBefore).getTime();
      const after = input.ByCreatedAfter === undefined ? -Infinity : new Date(input.ByCreatedAfter).getTime();
      const wanted = points.filter(
        (point) =>
          point.vault === vault && point.createdAt.getTime() < before && point.createdAt.getTime() > after && (input.ByResourceArn === undefined || point.resourceArn === input.ByResourceArn),
      );
      const { elements, next } = listed(wanted.toReversed(), input, ({ arn: pointArn }) => pointArn);
      return { RecoveryPoints: elements.map(describePoint), NextToken: next };
    },
    DescribeRecoveryPoint: (input, { region }: Call) => describePoint(pointOf(region, input)),
    GetRecoveryPointRestoreMetadata(input, { region }) {
      const point = pointOf(region, input);
      const metadata: Record<string, string> = { DBInstanceIdentifier: point.resourceArn.split(':').at(-1) ?? '', MultiAZ: 'false', ...(point.continuousOf !== undefined && { RestoreType: 'POINT_IN_TIME' }) };
      return { BackupVaultArn: point.vault.arn, RecoveryPointArn: point.arn, ResourceType: 'RDS', RestoreMetadata: metadata };
    },
    async DeleteRecoveryPoint(input, { region }) {
      const point = pointOf(region, input);
      const { MinRetentionDays } = lockOf(point.vault) ?? {};
      if (MinRetentionDays !== undefined) {
        throw new AwsError('InvalidRequestException', `The backup vault ${point.vault.name} is locked: what it has is kept until its lifecycle ends.`);
      }
      if (point.continuousOf === undefined) await rds(point.roleArn, region, 'DeleteDBSnapshot', { DBSnapshotIdentifier: point.arn.split(':').slice(6).join(':') });
      points.splice(points.indexOf(point), 1);
      tellOfPoint(point, 'DELETED');
      return {};
    },
    StartCopyJob({ RecoveryPointArn, SourceBackupVaultName, DestinationBackupVaultArn, IamRoleArn, Lifecycle }, { region }) {
      const point = pointOf(region, { BackupVaultName: SourceBackupVaultName, RecoveryPointArn });
      const job = startCopy(region, point, vaultOf(region, DestinationBackupVaultArn), IamRoleArn, Lifecycle ?? point.lifecycle);
      return { CopyJobId: job.id, CreationDate: job.createdAt };
    },
    DescribeCopyJob: ({ CopyJobId }, { region }: Call) => ({ CopyJob: describeCopyJob(jobOf('Copy', CopyJobId, region)) }),
    ListCopyJobs(input, { region }) {
      const { elements, next } = listed(ofRegion(region, 'Copy').filter(({ state }) => input.ByState === undefined || state === input.ByState), input, ({ id }) => id);
      return { CopyJobs: elements.map(describeCopyJob), NextToken: next };
    },
    StartRestoreJob({ RecoveryPointArn, Metadata, IamRoleArn }, { region }) {
      return { RestoreJobId: startRestore(region, pointOf(region, { RecoveryPointArn }), IamRoleArn, Metadata).id };
    },
    DescribeRestoreJob: ({ RestoreJobId }, { region }: Call) => describeRestoreJob(jobOf('Restore', RestoreJobId, region)),
  };

  function describeVault({ name, arn: BackupVaultArn, properties, createdAt, ...vault }: Vault): Record<string, unknown> {
    const { MinRetentionDays, MaxRetentionDays } = lockOf({ name, arn: BackupVaultArn, properties, createdAt, ...vault }) ?? {};
    return {
      BackupVaultName: name, BackupVaultArn, EncryptionKeyArn: properties['EncryptionKeyArn'], CreationDate: createdAt,
      NumberOfRecoveryPoints: points.filter((point) => point.vault.arn === BackupVaultArn).length, Locked: MinRetentionDays !== undefined, MinRetentionDays, MaxRetentionDays,
    };
  }
  const describeBackupJob = ({ id, vault, resourceArn, roleArn, createdAt, state, message, completedAt, pointArn }: Job): Record<string, unknown> => ({
    AccountId: world.accountId, BackupJobId: id, BackupVaultName: vault.name, BackupVaultArn: vault.arn, RecoveryPointArn: pointArn, ResourceArn: resourceArn, ResourceType: 'RDS',
    IamRoleArn: roleArn, CreationDate: createdAt, CompletionDate: completedAt, State: state, StatusMessage: message, PercentDone: state === 'COMPLETED' ? '100.0' : '0.0',
  });
  const describeCopyJob = ({ id, vault, resourceArn, roleArn, createdAt, state, message, completedAt, pointArn, more }: Job): Record<string, unknown> => ({
    AccountId: world.accountId, CopyJobId: id, SourceBackupVaultArn: vault.arn, DestinationBackupVaultArn: (more['destination'] as Vault).arn, DestinationRecoveryPointArn: pointArn,
    ResourceArn: resourceArn, ResourceType: 'RDS', IamRoleArn: roleArn, CreationDate: createdAt, CompletionDate: completedAt, State: state, StatusMessage: message,
  });
  const describeRestoreJob = ({ id, vault, resourceArn, roleArn, createdAt, state, message, completedAt, more }: Job): Record<string, unknown> => ({
    AccountId: world.accountId, RestoreJobId: id, BackupVaultArn: vault.arn, RecoveryPointArn: (more['point'] as RecoveryPoint).arn, SourceResourceArn: resourceArn, ResourceType: 'RDS',
    IamRoleArn: roleArn, CreationDate: createdAt, CompletionDate: completedAt, Status: state === 'CREATED' ? 'PENDING' : state, StatusMessage: message,
    PercentDone: state === 'COMPLETED' ? '100.0%' : '0.00%', CreatedResourceArn: more['CreatedResourceArn'],
  });

  const resources: Record<string, ResourceHandler> = {
    'AWS::Backup::BackupVault': ({ region, properties }) => {
      const name = String(properties['BackupVaultName']);
      if (!/^[a-zA-Z0-9-_]{2,50}$/.test(name)) throw new AwsError('InvalidParameterValueException', `${name} is no name of a backup vault: 2 to 50 letters, digits, - and _`);
      if (vaults.some((vault) => vault.region === region && vault.name === name)) throw new AwsError('AlreadyExistsException', `Backup vault ${name} exists already`);
      const vault: Vault = { name, arn: arn(region, `backup-vault:${name}`), region, properties, createdAt: world.now() };
      vaults.push(vault);
      return { ref: name, attributes: { BackupVaultName: name, BackupVaultArn: vault.arn } };
    },
    'AWS::Backup::BackupPlan': ({ region, properties }) => {
      const { BackupPlanName, BackupPlanRule } = properties['BackupPlan'] as { BackupPlanName: string; BackupPlanRule: readonly Rule[] };
      for (const rule of BackupPlanRule) checkRule(rule);
      const id = uuid();
      const plan: Plan = { id, arn: arn(region, `backup-plan:${id}`), region, name: BackupPlanName, rules: BackupPlanRule, selections: [], createdAt: world.now() };
      plans.push(plan);
      return { ref: id, attributes: { BackupPlanId: id, BackupPlanArn: plan.arn, VersionId: world.uniqueId(48) } };
    },
    'AWS::Backup::BackupSelection': ({ properties }) => {
      const plan = plans.find(({ id }) => id === properties['BackupPlanId']);
      if (plan === undefined) throw new AwsError('InvalidParameterValueException', `There is no backup plan ${String(properties['BackupPlanId'])}`);
      const { SelectionName, IamRoleArn, Resources = [], Conditions = {} } = properties['BackupSelection'] as {
        SelectionName: string; IamRoleArn: string; Resources?: readonly string[]; Conditions?: { StringEquals?: Selection['conditions'] };
      };
      const selection: Selection = { id: uuid(), name: SelectionName, roleArn: IamRoleArn, resources: Resources, conditions: Conditions.StringEquals ?? [] };
      plan.selections.push(selection);
      return { ref: `${selection.id}|${plan.id}`, attributes: { BackupPlanId: plan.id, Id: `${selection.id}|${plan.id}`, SelectionId: selection.id } };
    },
  };

  return {
    service: 'backup',
    operations,
    resources,
    async runRule(region, planName, ruleName) {
      const plan = plans.find((each) => each.region === region && each.name === planName);
      const rule = plan?.rules.find(({ RuleName }) => RuleName === ruleName);
      if (plan === undefined || rule === undefined) throw new Error(`there is no rule ${ruleName} in a backup plan ${planName} of ${region}`);
      const begun: string[] = [];
      for (const selection of plan.selections) {
        for (const resourceArn of await selected(region, selection)) {
          const { roleArn } = selection;
          const vault = vaultOf(region, rule.TargetBackupVault);
          const continuous = String(rule.EnableContinuousBackup) === 'true';
          const job = startBackup(region, { vault, resourceArn, roleArn, lifecycle: rule.Lifecycle ?? {}, continuous, tags: rule.RecoveryPointTags ?? {}, planId: plan.id });
          begun.push(job.id);
          void copied(region, job, rule);
        }
      }
      return begun;
    },
  };

  /** The copies of a rule begin when its backup is there. */
  async function copied(region: string, job: Job, { CopyActions = [] }: Rule): Promise<void> {
    while (job.state === 'CREATED' || job.state === 'RUNNING') await world.sleep(jobPollMs).catch(() => (job.state = 'FAILED'));
    const point = points.find((each) => each.arn === job.pointArn);
    if (job.state !== 'COMPLETED' || point === undefined) return;
    for (const { DestinationBackupVaultArn, Lifecycle } of CopyActions) {
      startCopy(region, point, vaultOf(region, DestinationBackupVaultArn), job.roleArn, Lifecycle ?? point.lifecycle);
    }
  }
}

function describePoint({ arn, vault, resourceArn, roleArn, createdAt, completedAt, lifecycle, status, sourceVaultArn, planId }: RecoveryPoint): Record<string, unknown> {
  const deleteAt = deletedAt(createdAt, lifecycle);
  return {
    RecoveryPointArn: arn, BackupVaultName: vault.name, BackupVaultArn: vault.arn, SourceBackupVaultArn: sourceVaultArn, ResourceArn: resourceArn, ResourceType: 'RDS',
    IamRoleArn: roleArn, Status: status, CreationDate: createdAt, CompletionDate: completedAt, Lifecycle: lifecycle, CalculatedLifecycle: deleteAt === undefined ? {} : { DeleteAt: deleteAt },
    EncryptionKeyArn: vault.properties['EncryptionKeyArn'], IsEncrypted: true, ...(planId !== undefined && { CreatedBy: { BackupPlanId: planId } }),
  };
}

function deletedAt(createdAt: Date, { DeleteAfterDays }: Lifecycle): Date | undefined {
  return DeleteAfterDays === undefined ? undefined : new Date(createdAt.getTime() + DeleteAfterDays * dayMs);
}

function lockOf({ properties }: Vault): { readonly MinRetentionDays?: number; readonly MaxRetentionDays?: number } | undefined {
  return properties['LockConfiguration'] as { MinRetentionDays?: number; MaxRetentionDays?: number } | undefined;
}

function checkRule({ RuleName, EnableContinuousBackup, Lifecycle }: Rule): void {
  if (String(EnableContinuousBackup) !== 'true') return;
  const days = Number(Lifecycle?.DeleteAfterDays);
  if (days >= 1 && days <= 35) return;
  throw new AwsError('InvalidParameterValueException', `Lifecycle must be specified for backup rule enabled continuous backup, from 1 to 35 days; ${RuleName} has ${String(Lifecycle?.DeleteAfterDays)}`);
}

function said(all: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}
