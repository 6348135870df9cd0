/**
 * What a call asks permission for: the actions and resources of the service authorization reference, and what AWS asks
 * on the way – to pass a role, to use the key of an encrypted topic or secret. A test compares the table with AWS's own
 * data. Sources: docs/aws-facts.md, "Identity and access".
 */
import type { Call } from '../cloud/model.ts';
import { ExpressionScope, parseKeyCondition } from '../services/dynamodb-expressions.ts';
import type { AttributeValue, Item } from '../services/dynamodb-values.ts';

/** The keys that this request has besides those that every request has. */
export type OwnContext = Readonly<Record<string, string | readonly string[]>>;

export interface Access {
  /** `ecs:CreateTaskSet` */
  readonly action: string;
  /** An ARN, or `*` for an action that takes no resource. */
  readonly resource: string;
  readonly context?: OwnContext;
}

export interface Surroundings {
  readonly accountId: string;
  /** What a service's own read operation says; undefined when there is no such thing. */
  ask(call: Pick<Call, 'service' | 'operation' | 'region' | 'input'>): Promise<Record<string, any> | undefined>;
}

/** One call, with what its resources are named by. */
class Asked {
  readonly call: Call;
  readonly #surroundings: Surroundings;

  constructor(call: Call, surroundings: Surroundings) {
    this.call = call;
    this.#surroundings = surroundings;
  }

  get input(): Record<string, any> {
    return this.call.input;
  }

  arn(service: string, resource: string): string {
    return `arn:aws:${service}:${this.call.region}:${this.#surroundings.accountId}:${resource}`;
  }

  /** What already is an ARN stays one. */
  named(service: string, prefix: string, nameOrArn: unknown): string {
    const name = text(nameOrArn, '*');
    return name.startsWith('arn:') ? name : this.arn(service, `${prefix}${name}`);
  }

  ask(operation: string, input: Record<string, unknown>, { service, region }: Pick<Call, 'service' | 'region'> = this.call): Promise<Record<string, any> | undefined> {
    return this.#surroundings.ask({ service, operation, region, input });
  }

  /** A key's ARN, also where an alias names it. */
  async keyArn(keyId: unknown, region = this.call.region): Promise<string | undefined> {
    if (typeof keyId !== 'string' || keyId === '') return undefined;
    if (keyId.includes(':key/')) return keyId;
    const described = await this.ask('DescribeKey', { KeyId: keyId }, { service: 'kms', region });
    return text(described?.['KeyMetadata']?.Arn, keyId);
  }

  /** What a service asks of a key on the caller's behalf. */
  key(keyArn: unknown, actions: readonly string[], encryptionContext: Readonly<Record<string, string>>, region = this.call.region): Access[] {
    if (typeof keyArn !== 'string' || keyArn === '') return [];
    const own = Object.fromEntries(Object.entries(encryptionContext).map(([name, value]) => [`kms:EncryptionContext:${name}`, value]));
    const context = {
      'kms:ViaService': `${this.call.service}.${region}.amazonaws.com`,
      'kms:CallerAccount': this.#surroundings.accountId,
      ...own,
    };
    return actions.map((action) => ({ action, resource: keyArn, context }));
  }
}

type AccessOf = (asked: Asked) => readonly Access[] | Promise<readonly Access[]>;

/** An action with the operation's name on one resource. */
const on =
  (resource: (asked: Asked) => string, context?: (asked: Asked) => OwnContext): AccessOf =>
  (asked) => [
    { action: `${iamService(asked.call.service)}:${asked.call.operation}`, resource: resource(asked), ...(context && { context: context(asked) }) },
  ];
const anything: AccessOf = on(() => '*');
const many = (value: unknown): readonly unknown[] => (Array.isArray(value) && value.length > 0 ? (value as readonly unknown[]) : ['*']);
/** A name as it was given: the inputs' types are the services'. */
const text = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : otherwise);
const lastPart = (nameOrArn: unknown): string => text(nameOrArn).split('/').at(-1) ?? '';

// ECS
const clusterOf = (asked: Asked): string => lastPart(asked.input['cluster'] ?? 'default');
const serviceArn = (asked: Asked, service: unknown): string => asked.arn('ecs', `service/${clusterOf(asked)}/${lastPart(service)}`);
const ofCluster = (asked: Asked): OwnContext => ({ 'ecs:cluster': asked.arn('ecs', `cluster/${clusterOf(asked)}`) });
const ofService = (asked: Asked): OwnContext => ({ ...ofCluster(asked), 'ecs:service': serviceArn(asked, asked.input['service']) });
const taskSetArn = (asked: Asked, taskSet: unknown): string => {
  const given = text(taskSet, '*');
  const ofItsService = `task-set/${clusterOf(asked)}/${lastPart(asked.input['service'])}/`;
  return given.startsWith('arn:') ? given : asked.arn('ecs', `${ofItsService}${given}`);
};
const taskSet: AccessOf = on((asked) => taskSetArn(asked, asked.input['taskSet']), ofService);
const task = (name: (input: Record<string, any>) => unknown): AccessOf =>
  on((asked) => asked.arn('ecs', `task/${clusterOf(asked)}/${lastPart(name(asked.input))}`), ofCluster);
/** The roles of a task definition are handed to ECS, by whoever registers it and by whoever starts it. */
const passedToTasks = (definition: Record<string, any> | undefined): Access[] =>
  [definition?.['taskRoleArn'], definition?.['executionRoleArn']].flatMap((role: unknown) =>
    typeof role === 'string'
      ? [{ action: 'iam:PassRole', resource: role, context: { 'iam:PassedToService': 'ecs-tasks.amazonaws.com' } }]
      : [],
  );

/** Who makes something with tags needs to be allowed to tag it too. */
const tagged = ({ call, input }: Asked, resource: string): Access[] =>
  Array.isArray(input['tags']) && input['tags'].length > 0
    ? [{ action: 'ecs:TagResource', resource, context: { 'ecs:CreateAction': call.operation } }]
    : [];
/** What starts tasks of a task definition hands its roles over. */
const started = async (asked: Asked): Promise<Record<string, any> | undefined> =>
  (await asked.ask('DescribeTaskDefinition', { taskDefinition: asked.input['taskDefinition'] }))?.['taskDefinition'] as Record<string, any> | undefined;

// DynamoDB
const onTable = (keys: (asked: Asked, hashKey: string) => readonly (AttributeValue | undefined)[]): AccessOf => async (asked) => {
  const { TableName } = asked.input;
  const described = await asked.ask('DescribeTable', { TableName });
  const schema = (described?.['Table']?.KeySchema ?? []) as readonly { AttributeName: string; KeyType: string }[];
  const hashKey = schema.find(({ KeyType }) => KeyType === 'HASH')?.AttributeName ?? '';
  const leading = keys(asked, hashKey).flatMap((value) => (value === undefined ? [] : [keyText(value)]));
  const context = leading.length > 0 ? { 'dynamodb:LeadingKeys': leading } : {};
  return [{ action: `dynamodb:${asked.call.operation}`, resource: asked.named('dynamodb', 'table/', TableName), context }];
};
/** A number's and a text's as it stands; bytes as JSON would have them. */
const keyText = (value: AttributeValue): string => {
  const [given] = Object.values(value) as readonly unknown[];
  return given instanceof Uint8Array ? Buffer.from(given).toString('base64') : String(given);
};
const byKey = onTable(({ input }, hashKey) => [(input['Key'] as Item | undefined)?.[hashKey]]);
/** The value that the key condition wants of the partition key. */
const byQuery = onTable(({ input }, hashKey) => {
  const values = (input['ExpressionAttributeValues'] ?? {}) as Record<string, AttributeValue>;
  try {
    const scope = new ExpressionScope(input['ExpressionAttributeNames'] as Record<string, string> | undefined, values);
    const clause = parseKeyCondition(String(input['KeyConditionExpression']), scope).find(
      ({ attribute, operator }) => attribute === hashKey && operator === '=',
    );
    return [clause && Object.values(values).find((value) => clause.holds({ [hashKey]: value }))];
  } catch {
    // The service itself says what is wrong with it.
    return [];
  }
});

// Secrets Manager
const secret = (keyActions: readonly string[]): AccessOf => async (asked) => {
  const { SecretId, VersionStage } = asked.input;
  const described = await asked.ask('DescribeSecret', { SecretId });
  const arn = String(described?.['ARN'] ?? asked.named('secretsmanager', 'secret:', `${String(SecretId)}-??????`));
  const stage = asked.call.operation === 'GetSecretValue' ? { 'secretsmanager:VersionStage': String(VersionStage ?? 'AWSCURRENT') } : {};
  const context = { 'secretsmanager:SecretId': arn, ...stage };
  return [
    { action: `secretsmanager:${asked.call.operation}`, resource: arn, context },
    ...asked.key(described?.['KmsKeyId'], keyActions, { SecretARN: arn }),
  ];
};

/** The value is read with the primary's key and written with the key of each replica. */
const replicate: AccessOf = async (asked) => {
  const wanted = (asked.input['AddReplicaRegions'] ?? []) as readonly { readonly Region?: string; readonly KmsKeyId?: string }[];
  const [primary, ...keys] = await secret(['kms:Decrypt'])(asked);
  const written = wanted.map(async ({ Region = '', KmsKeyId }) =>
    asked.key(await asked.keyArn(KmsKeyId, Region), ['kms:GenerateDataKey', 'kms:Encrypt'], { SecretARN: text(primary?.resource) }, Region),
  );
  return [...(primary === undefined ? [] : [primary]), ...keys, ...(await Promise.all(written)).flat()];
};

/** Whoever has a secret rotated must be allowed to have the function called. */
const rotate: AccessOf = async (asked) => {
  const { SecretId, RotationLambdaARN } = asked.input;
  const described = await asked.ask('DescribeSecret', { SecretId });
  const lambdaArn: unknown = RotationLambdaARN ?? described?.['RotationLambdaARN'];
  const [own, ...keys] = await secret([])(asked);
  const rotated = own === undefined ? [] : [{ ...own, context: { ...own.context, ...(typeof lambdaArn === 'string' && { 'secretsmanager:RotationLambdaARN': lambdaArn }) } }];
  return [...rotated, ...keys, ...(typeof lambdaArn === 'string' ? [{ action: 'lambda:InvokeFunction', resource: lambdaArn }] : [])];
};

const scheduleArn = (asked: Asked): string => asked.arn('scheduler', `schedule/${text(asked.input['GroupName'], 'default')}/${text(asked.input['Name'], '*')}`);
/** A schedule's role is handed over by whoever makes it or changes it. */
const scheduled: AccessOf = (asked) => {
  const role: unknown = asked.input['Target']?.RoleArn;
  const passed = typeof role === 'string' ? [{ action: 'iam:PassRole', resource: role, context: { 'iam:PassedToService': 'scheduler.amazonaws.com' } }] : [];
  return [{ action: `scheduler:${asked.call.operation}`, resource: scheduleArn(asked) }, ...passed];
};
const scheduleGroup = on((asked) => asked.arn('scheduler', `schedule-group/${text(asked.input['Name'], '*')}`));

const publish: AccessOf = async (asked) => {
  const topic = String(asked.input['TopicArn'] ?? asked.input['TargetArn']);
  const answer = await asked.ask('GetTopicAttributes', { TopicArn: topic });
  const masterKey: unknown = answer?.['Attributes']?.KmsMasterKeyId;
  return [
    { action: 'sns:Publish', resource: topic },
    ...asked.key(masterKey, ['kms:GenerateDataKey', 'kms:Decrypt'], { 'aws:sns:topicArn': topic }),
  ];
};

/** The account's own view of its bill; it is in no Region. */
const billingView: AccessOf = on((asked) => asked.arn('billing', 'billingview/primary').replace(`:${asked.call.region}:`, '::'));

const logStream = on((asked) => {
  const { logGroupName, logStreamName } = asked.input;
  return asked.arn('logs', `log-group:${String(logGroupName)}:log-stream:${String(logStreamName)}`);
});
const execution = on(({ input }) => String(input['executionArn']));
const machine = on(({ input }) => String(input['stateMachineArn']));
const parameter = (asked: Asked, name: unknown): string => asked.named('ssm', 'parameter', text(name).replace(/^(?!\/|arn:)/, '/'));
const object =
  (action: string): AccessOf =>
  ({ input }) => [{ action, resource: `arn:aws:s3:::${String(input['Bucket'])}/${String(input['Key'])}` }];
const bucket: AccessOf = ({ input }) => [
  { action: 's3:ListBucket', resource: `arn:aws:s3:::${String(input['Bucket'])}`, context: { 's3:prefix': String(input['Prefix'] ?? '') } },
];
const database = on((asked) => asked.named('rds', 'db:', asked.input['DBInstanceIdentifier']));
/** An instance that is restored: from what, as what, and with what, named or by default. */
const restored = (source: (asked: Asked) => readonly string[], target: string): AccessOf => async (asked) => {
  const { DBSubnetGroupName, DBParameterGroupName, Tags } = asked.input;
  const instance = asked.named('rds', 'db:', asked.input[target]);
  const resources = [
    instance, ...source(asked),
    asked.named('rds', 'subgrp:', DBSubnetGroupName ?? 'default'),
    asked.named('rds', 'pg:', DBParameterGroupName ?? 'default.postgres17'),
    asked.named('rds', 'og:', 'default:postgres-17'),
  ];
  return [
    ...resources.map((resource) => ({ action: `rds:${asked.call.operation}`, resource })),
    ...(Tags === undefined ? [] : [{ action: 'rds:AddTagsToResource', resource: instance, context: tagKeysOf(asked) }]),
    // Its storage has the key of what it is restored from.
    ...asked.key(await asked.keyArn(await restoredKey(asked)), ['kms:CreateGrant', 'kms:DescribeKey'], {}),
  ];
};
const restoredKey = async (asked: Asked): Promise<unknown> => {
  const { DBSnapshotIdentifier, SourceDBInstanceIdentifier } = asked.input;
  if (DBSnapshotIdentifier !== undefined) return (await asked.ask('DescribeDBSnapshots', { DBSnapshotIdentifier }))?.['DBSnapshots']?.[0]?.KmsKeyId as unknown;
  return (await asked.ask('DescribeDBInstances', { DBInstanceIdentifier: SourceDBInstanceIdentifier }))?.['DBInstances']?.[0]?.KmsKeyId as unknown;
};
/** The keys that a request with tags has. */
const tagKeysOf = ({ input }: Asked): OwnContext => {
  const tags = (input['Tags'] ?? []) as readonly { readonly Key: string; readonly Value?: string }[];
  return {
    'aws:TagKeys': tags.map(({ Key }) => Key),
    ...Object.fromEntries(tags.flatMap(({ Key, Value = '' }) => [[`aws:RequestTag/${Key}`, Value], [`rds:req-tag/${Key}`, Value]])),
  };
};
const taggedResource = on(({ input }) => text(input['ResourceName'], '*'));
/** The role of a job is handed to AWS Backup. */
const backupJob = (resources: (asked: Asked) => readonly string[]): AccessOf => (asked) => [
  ...resources(asked).map((resource) => ({ action: `backup:${asked.call.operation}`, resource })),
  { action: 'iam:PassRole', resource: text(asked.input['IamRoleArn']), context: { 'iam:PassedToService': 'backup.amazonaws.com' } },
];
const vault = (asked: Asked): string => asked.named('backup', 'backup-vault:', asked.input['BackupVaultName']);
const recoveryPoint = on(({ input }) => text(input['RecoveryPointArn'], '*'));
const repository = on((asked) => asked.named('ecr', 'repository/', asked.input['repositoryName']));
const each =
  (list: string, of: (name: unknown) => AccessOf): AccessOf =>
  async (asked) => (await Promise.all(many(asked.input[list]).map(async (name) => of(name)(asked)))).flat();

/** By signing name and operation. An operation that is not here cannot be judged. */
const table: Readonly<Record<string, Readonly<Record<string, AccessOf>>>> = {
  ce: { GetCostAndUsage: billingView, ListCostAllocationTags: anything },
  backup: {
    DescribeBackupVault: on(vault),
    ListRecoveryPointsByBackupVault: on(vault),
    DescribeRecoveryPoint: recoveryPoint,
    GetRecoveryPointRestoreMetadata: recoveryPoint,
    DeleteRecoveryPoint: recoveryPoint,
    StartBackupJob: backupJob((asked) => [vault(asked)]),
    StartCopyJob: backupJob(({ input }) => [text(input['RecoveryPointArn'], '*')]),
    StartRestoreJob: backupJob(({ input }) => [text(input['RecoveryPointArn'], '*')]),
    DescribeBackupJob: anything,
    ListBackupJobs: anything,
    DescribeCopyJob: anything,
    ListCopyJobs: anything,
    DescribeRestoreJob: anything,
  },
  cloudformation: {
    async GetTemplate(asked) {
      const described = await asked.ask('DescribeStacks', { StackName: asked.input['StackName'] });
      return [{ action: 'cloudformation:GetTemplate', resource: text(described?.['Stacks']?.[0]?.StackId, asked.arn('cloudformation', `stack/${String(asked.input['StackName'])}/*`)) }];
    },
  },
  dynamodb: {
    GetItem: byKey,
    UpdateItem: byKey,
    DeleteItem: byKey,
    PutItem: onTable(({ input }, hashKey) => [(input['Item'] as Item | undefined)?.[hashKey]]),
    Query: byQuery,
    Scan: onTable(() => []),
    DescribeTable: onTable(() => []),
  },
  ecr: { DescribeImages: repository, PutImage: repository },
  ecs: {
    CreateTaskSet: async (asked) => {
      const definition = await started(asked);
      // Its id is not known before it exists.
      const resource = taskSetArn(asked, '*');
      const context = { ...ofService(asked), 'ecs:task-definition': text(definition?.['taskDefinitionArn'], text(asked.input['taskDefinition'])) };
      return [{ action: 'ecs:CreateTaskSet', resource, context }, ...tagged(asked, resource), ...passedToTasks(definition)];
    },
    UpdateTaskSet: taskSet,
    DeleteTaskSet: taskSet,
    DescribeTaskSets: each('taskSets', (name) => on((asked) => taskSetArn(asked, name), ofService)),
    UpdateServicePrimaryTaskSet: on((asked) => serviceArn(asked, asked.input['service']), ofCluster),
    DescribeServices: each('services', (name) => on((asked) => serviceArn(asked, name), ofCluster)),
    RegisterTaskDefinition: (asked) => {
      // Its revision is not known before it exists.
      const resource = asked.arn('ecs', `task-definition/${String(asked.input['family'])}:*`);
      return [{ action: 'ecs:RegisterTaskDefinition', resource }, ...tagged(asked, resource), ...passedToTasks(asked.input)];
    },
    RunTask: async (asked) => {
      const definition = await started(asked);
      const resource = text(definition?.['taskDefinitionArn'], asked.named('ecs', 'task-definition/', asked.input['taskDefinition']));
      return [{ action: 'ecs:RunTask', resource, context: ofCluster(asked) }, ...tagged(asked, asked.arn('ecs', `task/${clusterOf(asked)}/*`)), ...passedToTasks(definition)];
    },
    DescribeTaskDefinition: anything,
    ListTaskDefinitions: anything,
    DeregisterTaskDefinition: anything,
    ListTasks: on((asked) => asked.arn('ecs', `container-instance/${clusterOf(asked)}/*`), ofCluster),
    DescribeTasks: each('tasks', (name) => task(() => name)),
    StopTask: task((input) => input['task']),
  },
  elasticache: {
    CreateSnapshot: (asked) => [
      asked.named('elasticache', 'snapshot:', asked.input['SnapshotName']), asked.named('elasticache', 'replicationgroup:', asked.input['ReplicationGroupId']),
    ].map((resource) => ({ action: 'elasticache:CreateSnapshot', resource })),
    CopySnapshot: (asked) =>
      ['SourceSnapshotName', 'TargetSnapshotName'].map((name) => ({ action: 'elasticache:CopySnapshot', resource: asked.named('elasticache', 'snapshot:', asked.input[name]) })),
    DescribeSnapshots: on((asked) => asked.named('elasticache', 'snapshot:', asked.input['SnapshotName'])),
    DeleteSnapshot: on((asked) => asked.named('elasticache', 'snapshot:', asked.input['SnapshotName'])),
    CreateReplicationGroup: (asked) => {
      const group = asked.named('elasticache', 'replicationgroup:', asked.input['ReplicationGroupId']);
      const subnets = asked.named('elasticache', 'subnetgroup:', asked.input['CacheSubnetGroupName']);
      return [
        ...[group, subnets, asked.named('elasticache', 'parametergroup:', asked.input['CacheParameterGroupName'] ?? 'default.valkey7')]
          .map((resource) => ({ action: 'elasticache:CreateReplicationGroup', resource })),
        ...(asked.input['Tags'] === undefined ? [] : [{ action: 'elasticache:AddTagsToResource', resource: group, context: tagKeysOf(asked) }]),
      ];
    },
    DeleteReplicationGroup: on((asked) => asked.named('elasticache', 'replicationgroup:', asked.input['ReplicationGroupId'])),
    ModifyReplicationGroup: on((asked) => asked.named('elasticache', 'replicationgroup:', asked.input['ReplicationGroupId'])),
    DescribeReplicationGroups: on((asked) => asked.named('elasticache', 'replicationgroup:', asked.input['ReplicationGroupId'])),
  },
  events: { PutEvents: on((asked) => asked.arn('events', 'event-bus/default')) },
  kms: {
    Sign: async (asked) => [{ action: 'kms:Sign', resource: (await asked.keyArn(asked.input['KeyId'])) ?? '*' }],
  },
  lambda: {
    Invoke: (asked) => [{ action: 'lambda:InvokeFunction', resource: asked.named('lambda', 'function:', asked.input['FunctionName']) }],
  },
  logs: {
    CreateLogGroup: on((asked) => asked.arn('logs', `log-group:${String(asked.input['logGroupName'])}`)),
    CreateLogStream: logStream,
    PutLogEvents: logStream,
  },
  monitoring: {
    PutMetricData: anything,
    GetMetricData: anything,
    GetMetricStatistics: anything,
    DescribeAlarms: each('AlarmNames', (name) => on((asked) => asked.named('cloudwatch', 'alarm:', name))),
    SetAlarmState: on((asked) => asked.named('cloudwatch', 'alarm:', asked.input['AlarmName'])),
  },
  rds: {
    CreateDBSnapshot: (asked) => [
      { action: 'rds:CreateDBSnapshot', resource: asked.named('rds', 'db:', asked.input['DBInstanceIdentifier']) },
      { action: 'rds:CreateDBSnapshot', resource: asked.named('rds', 'snapshot:', asked.input['DBSnapshotIdentifier']) },
      ...(asked.input['Tags'] === undefined
        ? []
        : [{ action: 'rds:AddTagsToResource', resource: asked.named('rds', 'snapshot:', asked.input['DBSnapshotIdentifier']) }]),
    ],
    DescribeDBSnapshots: on((asked) => {
      const { DBSnapshotIdentifier, DBInstanceIdentifier } = asked.input;
      if (DBSnapshotIdentifier === undefined && DBInstanceIdentifier !== undefined) return asked.named('rds', 'db:', DBInstanceIdentifier);
      return asked.named('rds', 'snapshot:', DBSnapshotIdentifier);
    }),
    DescribeDBInstances: database,
    PromoteReadReplica: database,
    ModifyDBInstance: database,
    CreateDBInstanceReadReplica: async (asked) => {
      const { DBInstanceIdentifier, SourceDBInstanceIdentifier, DBSubnetGroupName, DBParameterGroupName, KmsKeyId } = asked.input;
      const resources = [
        asked.named('rds', 'db:', DBInstanceIdentifier), asked.named('rds', 'db:', SourceDBInstanceIdentifier),
        // What it is made with, named or by default.
        asked.named('rds', 'subgrp:', DBSubnetGroupName ?? 'default'),
        asked.named('rds', 'pg:', DBParameterGroupName ?? 'default.postgres17'),
        asked.named('rds', 'og:', 'default:postgres-17'),
      ];
      const granted = asked.key(await asked.keyArn(KmsKeyId), ['kms:CreateGrant', 'kms:DescribeKey'], {});
      return [...resources.map((resource) => ({ action: 'rds:CreateDBInstanceReadReplica', resource })), ...granted];
    },
    DeleteDBInstance: async (asked) => {
      const { DBInstanceIdentifier } = asked.input;
      const resource = asked.named('rds', 'db:', DBInstanceIdentifier);
      const { TagList = [] } = ((await asked.ask('ListTagsForResource', { ResourceName: resource })) ?? {}) as { TagList?: readonly { readonly Key: string; readonly Value?: string }[] };
      const context = Object.fromEntries(TagList.flatMap(({ Key, Value = '' }) => [[`aws:ResourceTag/${Key}`, Value], [`rds:db-tag/${Key}`, Value]]));
      return [{ action: 'rds:DeleteDBInstance', resource, context }];
    },
    RestoreDBInstanceFromDBSnapshot: restored((asked) => [asked.named('rds', 'snapshot:', asked.input['DBSnapshotIdentifier'])], 'DBInstanceIdentifier'),
    RestoreDBInstanceToPointInTime: restored(
      (asked) => (asked.input['SourceDBInstanceIdentifier'] === undefined ? [asked.arn('rds', 'auto-backup:*')] : [asked.named('rds', 'db:', asked.input['SourceDBInstanceIdentifier'])]),
      'TargetDBInstanceIdentifier',
    ),
    DescribeDBInstanceAutomatedBackups: on((asked) => asked.named('rds', 'db:', asked.input['DBInstanceIdentifier'])),
    CopyDBSnapshot: async (asked) => [
      ...[asked.input['SourceDBSnapshotIdentifier'], asked.input['TargetDBSnapshotIdentifier']].map((name) => ({ action: 'rds:CopyDBSnapshot', resource: asked.named('rds', 'snapshot:', name) })),
      ...(asked.input['Tags'] === undefined
        ? []
        : [{ action: 'rds:AddTagsToResource', resource: asked.named('rds', 'snapshot:', asked.input['TargetDBSnapshotIdentifier']), context: tagKeysOf(asked) }]),
      // The copy is made with this one, on behalf of whoever copies.
      ...asked.key(await asked.keyArn(asked.input['KmsKeyId']), ['kms:CreateGrant', 'kms:DescribeKey'], {}),
    ],
    AddTagsToResource: taggedResource,
    RemoveTagsFromResource: taggedResource,
    ListTagsForResource: taggedResource,
    DeleteDBSnapshot: on((asked) => asked.named('rds', 'snapshot:', asked.input['DBSnapshotIdentifier'])),
  },
  s3: {
    PutObject: object('s3:PutObject'),
    GetObject: object('s3:GetObject'),
    HeadObject: object('s3:GetObject'),
    HeadBucket: bucket,
    ListObjectsV2: bucket,
  },
  scheduler: {
    CreateSchedule: scheduled,
    UpdateSchedule: scheduled,
    GetSchedule: on(scheduleArn),
    DeleteSchedule: on(scheduleArn),
    ListSchedules: anything,
    GetScheduleGroup: scheduleGroup,
  },
  secretsmanager: {
    GetSecretValue: secret(['kms:Decrypt']),
    PutSecretValue: secret(['kms:GenerateDataKey', 'kms:Decrypt']),
    DescribeSecret: secret([]),
    ReplicateSecretToRegions: replicate,
    StopReplicationToReplica: secret([]),
    RemoveRegionsFromReplication: secret([]),
    ListSecretVersionIds: secret([]),
    UpdateSecretVersionStage: secret([]),
    RotateSecret: rotate,
    CancelRotateSecret: secret([]),
    GetRandomPassword: anything,
    TagResource: secret([]),
    UntagResource: secret([]),
  },
  sns: { Publish: publish },
  sqs: { SendMessage: on((asked) => asked.arn('sqs', lastPart(asked.input['QueueUrl']))) },
  ssm: {
    GetParameter: on((asked) => parameter(asked, asked.input['Name'])),
    GetParameters: each('Names', (name) => on((asked) => parameter(asked, name))),
    DeleteParameter: on((asked) => parameter(asked, asked.input['Name'])),
    PutParameter: on(
      (asked) => parameter(asked, asked.input['Name']),
      ({ input }) => ({ 'ssm:Overwrite': String(input['Overwrite'] === true) }),
    ),
  },
  states: {
    StartExecution: machine,
    ListStateMachines: anything,
    ListExecutions: machine,
    DescribeStateMachine: machine,
    DescribeExecution: execution,
    StopExecution: execution,
    RedriveExecution: execution,
    GetExecutionHistory: execution,
    SendTaskSuccess: anything,
    SendTaskFailure: anything,
    SendTaskHeartbeat: anything,
  },
  // Whoever has a key may ask whose it is.
  sts: { GetCallerIdentity: () => [] },
};

/** Undefined: nobody said what the operation asks permission for. */
export async function accessesOf(call: Call, surroundings: Surroundings): Promise<readonly Access[] | undefined> {
  return table[call.service]?.[call.operation]?.(new Asked(call, surroundings));
}

/** Every operation that can be judged, for the test that compares the table with AWS's own. */
export const judgedOperations: readonly { readonly service: string; readonly operation: string }[] = Object.entries(table).flatMap(
  ([service, operations]) => Object.keys(operations).map((operation) => ({ service, operation })),
);

/** Policies call a few services by other names than signatures do. */
export function iamService(signingName: string): string {
  return signingName === 'monitoring' ? 'cloudwatch' : signingName;
}
