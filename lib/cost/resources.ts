/**
 * What each resource of a template costs: for every type either a rule that turns its properties into charges, or the reason
 * why it costs nothing. A type that has neither is named in the estimate, and so is a resource whose properties lead to no price.
 */
import type { Assumed } from './assumptions.ts';
import type { PricedStack, Resource } from './stacks.ts';

/** The rows of the bill that the sources of the requirements give; what belongs to none of them is ours alone. */
export type BillRow = 'tasks' | 'nat' | 'database' | 'replica' | 'cache' | 'storage' | 'transfer' | 'secrets';

/** What the price of is asked for by a requirement of its own, and could be saved without it. */
export type Requirement =
  | 'a standby task beside each that trades'
  | 'a canary of a book'
  | 'a database in two zones'
  | 'a cache that fails over by itself'
  | 'fixed addresses towards the venue'
  | 'a lease and a journal that outlive a Region'
  | 'metrics of every task'
  | 'an alarm on whatever may fail'
  | 'encryption with keys of our own'
  | 'backups that are proved in isolation';

export interface Charge {
  readonly what: string;
  /** The id of its price. */
  readonly price: string;
  /** The id of a price to take off it: what a part of a whole costs that AWS prices as a whole. */
  readonly less?: string;
  /** A month, in the price's unit. */
  readonly quantity: number;
  readonly bill?: BillRow;
  readonly requirement?: Requirement;
  /** Where it is charged, when that is not the stack's Region. */
  readonly region?: string;
}

export interface Surroundings {
  readonly stack: PricedStack;
  readonly stacks: readonly PricedStack[];
  readonly assumed: Assumed;
  /** Where books trade. */
  readonly home: string;
}

/** Why something has no price: a person adds one, or knows that the total lacks it. */
export class NoPriceError extends Error {
  override readonly name = 'NoPriceError';
}

type Rule = (properties: Resource['properties'], surroundings: Surroundings, resource: Resource) => readonly Charge[];

const secondsAnHour = 3600;
const kbInGb = 2 ** 20;

export const rules: Readonly<Record<string, Rule>> = {
  'AWS::ECS::Service': tasksOf,
  'AWS::ECS::Cluster': ({ ClusterSettings: settings }, { assumed }) =>
    insights(settings) ? [{ what: 'metrics of the cluster', price: 'cloudwatch.metric', quantity: assumed.clusterMetrics, requirement: 'metrics of every task' }] : [],
  'AWS::EC2::NatGateway': (_, { assumed, stack, home }) => {
    const gateways = count(stack, 'AWS::EC2::NatGateway');
    return [
      { what: 'NAT gateway', price: 'nat.gateway', quantity: assumed.hours, bill: 'nat', requirement: 'fixed addresses towards the venue' },
      { what: 'data through it', price: 'nat.processed', quantity: stack.region === home ? assumed.natGb / gateways : 0, bill: 'nat' },
    ];
  },
  'AWS::EC2::EIP': (_, { assumed }) => [
    { what: 'public IPv4 address', price: 'vpc.address', quantity: assumed.hours, bill: 'nat', requirement: 'fixed addresses towards the venue' },
  ],
  'AWS::EC2::VPC': (_, { assumed, stack, home }) =>
    // One without a way out sends nothing.
    stack.region === home && count(stack, 'AWS::EC2::NatGateway') > 0
      ? [
          { what: 'to the venue', price: 'transfer.internet', quantity: assumed.internetGb, bill: 'transfer' },
          { what: 'between zones', price: 'transfer.zones', quantity: 2 * assumed.zoneGb, bill: 'transfer' },
        ]
      : [],
  'AWS::EC2::VPCEndpoint': ({ VpcEndpointType: type = 'Gateway', SubnetIds: subnets }, { assumed }) => {
    // In each zone that it is in; what goes through it is a secret now and then.
    if (type === 'Interface') return [{ what: 'interface endpoint', price: 'vpc.endpoint', quantity: assumed.hours * (Array.isArray(subnets) ? subnets.length : 1), requirement: 'backups that are proved in isolation' }];
    if (type !== 'Gateway') throw new NoPriceError(`an endpoint of type ${String(type)}`);
    return [];
  },
  'AWS::RDS::DBInstance': databaseOf,
  'AWS::ElastiCache::ReplicationGroup': cacheOf,
  'AWS::DynamoDB::GlobalTable': tableOf,
  'AWS::KMS::Key': (_, { assumed }) => [
    { what: 'key', price: 'kms.key', quantity: 1, requirement: 'encryption with keys of our own' },
    { what: 'its older versions', price: 'kms.key', quantity: Math.min(assumed.keyRotations, 2), requirement: 'encryption with keys of our own' },
    { what: 'requests', price: 'kms.request', quantity: assumed.keyRequests },
  ],
  'AWS::SecretsManager::Secret': ({ ReplicaRegions: replicas }, { assumed }) => [
    { what: 'secret', price: 'secrets.secret', quantity: 1, bill: 'secrets' },
    { what: 'requests', price: 'secrets.request', quantity: assumed.secretRequests, bill: 'secrets' },
    ...list(replicas).map((replica): Charge => ({
      what: 'replica of the secret', price: 'secrets.secret', quantity: 1, bill: 'secrets', region: text((replica as Record<string, unknown>)['Region'], 'the Region of a replica'),
    })),
  ],
  'AWS::CloudWatch::Alarm': ({ Period: period = 60, Metrics: metrics }) => {
    const watched = metrics === undefined ? 1 : list(metrics).filter((metric) => (metric as Record<string, unknown>)['MetricStat'] !== undefined).length;
    return [{ what: 'alarm', price: number(period, 'Period') < 60 ? 'cloudwatch.alarm.high-resolution' : 'cloudwatch.alarm', quantity: watched, requirement: 'an alarm on whatever may fail' }];
  },
  'AWS::Logs::MetricFilter': ({ MetricTransformations: transformations }) => [
    { what: 'metric', price: 'cloudwatch.metric', quantity: list(transformations).length },
  ],
  'AWS::Logs::LogGroup': logsOf,
  'AWS::StepFunctions::StateMachine': ({ StateMachineType: type = 'STANDARD' }, { assumed }) => {
    if (type !== 'STANDARD') throw new NoPriceError(`a state machine of type ${String(type)}`);
    return [{ what: 'state transitions', price: 'states.transition', quantity: assumed.executions * assumed.transitions }];
  },
  'AWS::Lambda::Function': functionOf,
  'AWS::S3::Bucket': (_, { assumed }) => [
    { what: 'stored', price: 's3.stored', quantity: assumed.reportGb, bill: 'storage' },
    { what: 'written', price: 's3.written', quantity: assumed.reportsWritten, bill: 'storage' },
  ],
  'AWS::Backup::BackupVault': (_, { assumed, stack, stacks, home }) => [
    { what: 'snapshots of the database', price: 'rds.backup', quantity: assumed.vaultGb, bill: 'storage' },
    ...(stack.region === home
      ? []
      : ([{ what: 'copies of them from the other Region', price: 'transfer.regions', quantity: assumed.ledgerGb, bill: 'transfer', region: otherRegion(stacks, stack.region) }] as const)),
  ],
  'AWS::ECR::Repository': (_, { assumed }) => [{ what: 'images', price: 'ecr.stored', quantity: assumed.imageGb, bill: 'storage' }],
  'AWS::SNS::Topic': (_, { assumed }) => [{ what: 'e-mails', price: 'sns.email', quantity: assumed.emails }],
  'AWS::SSM::Parameter': ({ Tier: tier = 'Standard' }) => {
    if (tier !== 'Standard') throw new NoPriceError(`a parameter of the tier ${String(tier)}`);
    return [];
  },
};

const network = 'networks, routes and security groups are free; what leaves is charged at the VPC';
const identity = 'IAM is free';
const described = 'describes something else, which is charged';

/** Types that cost nothing, and why. */
export const free: Readonly<Record<string, string>> = {
  'AWS::Budgets::Budget': 'a budget without actions is free',
  'AWS::CE::AnomalyMonitor': 'Cost Anomaly Detection is free',
  'AWS::CE::AnomalySubscription': 'Cost Anomaly Detection is free',
  'AWS::EC2::FlowLog': 'charged at its log group',
  'AWS::EC2::InternetGateway': network,
  'AWS::EC2::Route': network,
  'AWS::EC2::RouteTable': network,
  'AWS::EC2::SecurityGroup': network,
  'AWS::EC2::SecurityGroupEgress': network,
  'AWS::EC2::SecurityGroupIngress': network,
  'AWS::EC2::Subnet': network,
  'AWS::EC2::SubnetRouteTableAssociation': network,
  'AWS::EC2::VPCGatewayAttachment': network,
  'AWS::ECR::ReplicationConfiguration': 'the copies are charged at their repositories',
  'AWS::ECS::ClusterCapacityProviderAssociations': 'what runs of it is charged',
  'AWS::ECS::TaskDefinition': 'what runs of it is charged at its service',
  'AWS::Backup::BackupPlan': described,
  'AWS::Backup::BackupSelection': described,
  'AWS::ElastiCache::ParameterGroup': described,
  'AWS::ElastiCache::SubnetGroup': described,
  'AWS::Events::EventBusPolicy': described,
  'AWS::Events::Rule': 'events of AWS services and schedules are free; a million sent to another Region cost one USD',
  'AWS::IAM::InstanceProfile': identity,
  'AWS::IAM::ManagedPolicy': identity,
  'AWS::IAM::Policy': identity,
  'AWS::IAM::Role': identity,
  'AWS::KMS::Alias': described,
  'AWS::Lambda::EventInvokeConfig': described,
  'AWS::Lambda::Permission': described,
  'AWS::Logs::ResourcePolicy': described,
  'AWS::RDS::DBParameterGroup': described,
  'AWS::RDS::DBSubnetGroup': described,
  'AWS::S3::BucketPolicy': described,
  'AWS::Scheduler::Schedule': 'the first fourteen million calls of a month are free',
  'AWS::Scheduler::ScheduleGroup': described,
  'AWS::SNS::Subscription': 'charged at its topic',
  'AWS::SNS::TopicPolicy': described,
  'AWS::SecretsManager::ResourcePolicy': described,
  'AWS::SecretsManager::RotationSchedule': 'its function is charged',
  'AWS::SecretsManager::SecretTargetAttachment': described,
  'AWS::SQS::Queue': 'the first million requests of a month are free, and what nobody could take comes to none',
  'AWS::SQS::QueuePolicy': described,
};

/** A custom resource is a call of a function at a deployment. */
export const isFree = (type: string): boolean => Object.hasOwn(free, type) || type.startsWith('Custom::') || type === 'AWS::CloudFormation::CustomResource';

/**
 * What runs of a book. The service says how many tasks; how large they are says the template of its task definitions, from which
 * a cutover registers what it starts (family `<service>-template`).
 */
function tasksOf({ ServiceName, DesiredCount }: Resource['properties'], { stack, assumed, home }: Surroundings): readonly Charge[] {
  const name = text(ServiceName, 'ServiceName');
  const definition = stack.resources.find(({ type, properties }) => type === 'AWS::ECS::TaskDefinition' && properties['Family'] === `${name}-template`);
  if (definition === undefined) throw new NoPriceError(`no task definition of the family ${name}-template in its stack`);
  const { Cpu, Memory, RuntimePlatform } = definition.properties;
  const architecture = (RuntimePlatform as { CpuArchitecture?: string } | undefined)?.CpuArchitecture === 'ARM64' ? 'arm' : 'x86';
  const atHome = number(DesiredCount, 'DesiredCount');
  const tasks = stack.region === home ? atHome : Math.ceil(atHome * assumed.standbyTasks);
  const bill = 'tasks';
  const running = (what: string, taskHours: number, requirement?: Requirement): Charge[] =>
    [
      { what: `${what}: vCPU`, price: `fargate.${architecture}.vcpu`, quantity: (taskHours * number(Cpu, 'Cpu')) / 1024 },
      { what: `${what}: memory`, price: `fargate.${architecture}.memory`, quantity: (taskHours * number(Memory, 'Memory')) / 1024 },
    ].map((charge) => ({ ...charge, bill, ...(requirement && { requirement }) }));
  const canary = isCanary(definition) ? 'a canary of a book' : undefined;
  return [
    ...(tasks > 0 ? running(stack.region === home ? 'task that trades' : 'task that stands by', assumed.hours, canary) : []),
    ...(tasks > 1 ? running(tasks === 2 ? 'task that stands by' : `${tasks - 1} tasks that stand by`, (tasks - 1) * assumed.hours, canary ?? 'a standby task beside each that trades') : []),
    ...(stack.region === home ? running('colour kept warm', tasks * assumed.warmHours, canary) : []),
    { what: 'metrics of service and tasks', price: 'cloudwatch.metric', quantity: assumed.serviceMetrics + assumed.familyMetrics, requirement: 'metrics of every task' },
  ];

  /** A canary has a tenth of the capital of another book at the most. */
  function isCanary(own: Resource): boolean {
    const capital = (resource: Resource): number => Number(environmentOf(resource)['BATON_CAPITAL'] ?? Number.NaN);
    const others = stack.resources.filter((resource) => resource.type === 'AWS::ECS::TaskDefinition' && resource !== own);
    return others.some((other) => capital(own) * 10 <= capital(other) && environmentOf(other)['BATON_SYMBOL'] === environmentOf(own)['BATON_SYMBOL']);
  }
}

function databaseOf(properties: Resource['properties'], { stack, stacks, assumed }: Surroundings): readonly Charge[] {
  const isReplica = properties['SourceDBInstanceIdentifier'] !== undefined;
  // A replica takes from its source what its template does not say.
  const source = isReplica ? stacks.flatMap(({ resources }) => resources).find(({ type, properties: { SourceDBInstanceIdentifier: of } }) => type === 'AWS::RDS::DBInstance' && of === undefined) : undefined;
  const said = (name: string): unknown => properties[name] ?? source?.properties[name];
  if (said('Engine') !== 'postgres') throw new NoPriceError(`an engine ${String(said('Engine'))}`);
  if (said('StorageType') !== 'gp3') throw new NoPriceError(`storage of the type ${String(said('StorageType'))}`);
  const instanceClass = text(said('DBInstanceClass'), 'DBInstanceClass');
  const allocatedGb = number(said('AllocatedStorage'), 'AllocatedStorage');
  const isMultiAz = properties['MultiAZ'] === true;
  const bill = isReplica ? 'replica' : 'database';
  const requirement = 'a database in two zones';
  const instance = (zones: string): string => `rds.postgres.${zones}.${instanceClass}`;
  const excess = number(properties['BackupRetentionPeriod'] ?? 0, 'BackupRetentionPeriod') > 0 ? Math.max(0, assumed.backupShare - 1) : 0;
  return [
    { what: isReplica ? 'read replica' : 'instance', price: instance('single-az'), quantity: assumed.hours, bill },
    { what: `${allocatedGb} GB`, price: 'rds.gp3.single-az', quantity: allocatedGb, bill },
    ...(isMultiAz
      ? ([
          { what: 'its standby in another zone', price: instance('multi-az'), less: instance('single-az'), quantity: assumed.hours, bill, requirement },
          { what: 'storage of the standby', price: 'rds.gp3.multi-az', less: 'rds.gp3.single-az', quantity: allocatedGb, bill, requirement },
        ] as const)
      : []),
    { what: 'backups beyond the free share', price: 'rds.backup', quantity: excess * allocatedGb, bill: 'storage' },
    ...(isReplica ? ([{ what: 'replication', price: 'transfer.regions', quantity: assumed.ledgerGb, bill: 'transfer', region: otherRegion(stacks, stack.region) }] as const) : []),
  ];
}

function cacheOf(properties: Resource['properties'], { assumed }: Surroundings): readonly Charge[] {
  const { Engine, CacheNodeType, NumCacheClusters, SnapshotRetentionLimit } = properties;
  const node = `elasticache.${text(Engine, 'Engine')}.${text(CacheNodeType, 'CacheNodeType')}`;
  const nodes = number(NumCacheClusters, 'NumCacheClusters');
  // One snapshot of each cache is free.
  const snapshots = Math.max(0, number(SnapshotRetentionLimit ?? 0, 'SnapshotRetentionLimit') - 1);
  return [
    { what: 'primary', price: node, quantity: assumed.hours, bill: 'cache' },
    { what: nodes === 2 ? 'replica' : `${nodes - 1} replicas`, price: node, quantity: (nodes - 1) * assumed.hours, bill: 'cache', requirement: 'a cache that fails over by itself' },
    { what: 'snapshots', price: 'elasticache.backup', quantity: snapshots * assumed.cacheSnapshotGb, bill: 'storage' },
  ];
}

/**
 * What the tables of the lease and of the journal see in a month, counted from what their clients do (lib/lease/protocol.ts,
 * lib/trading/journal.ts). Each of their items is written in one unit (1 KB) and read in one (4 KB).
 */
function tableOf(properties: Resource['properties'], surroundings: Surroundings): readonly Charge[] {
  const { stack, stacks, assumed, home } = surroundings;
  const name = text(properties['TableName'], 'TableName');
  const replicas = list(properties['Replicas']).map((replica) => text((replica as Record<string, unknown>)['Region'], 'the Region of a replica'));
  const seconds = assumed.hours * secondsAnHour;
  const books = booksOf(surroundings);
  const isGlobal = replicas.length > 1;
  const requirement: Requirement | undefined = isGlobal ? 'a lease and a journal that outlive a Region' : undefined;
  const use = { writes: 0, readsAtHome: 0, readsElsewhere: 0, gb: 0 };
  if (name.endsWith('-lease')) {
    for (const { tasks, standbyTasks, leaseSeconds } of books) {
      const paces = seconds / leaseSeconds;
      // The holder renews five times a lease, every instance registers as often; the holder reads five times, a standby ten times.
      use.writes += paces * 5 * (1 + tasks + standbyTasks);
      use.readsAtHome += paces * (5 + 10 * (tasks - 1));
      use.readsElsewhere += paces * 10 * standbyTasks;
    }
  } else if (name.endsWith('-journal')) {
    for (const { ordersPerSecond } of books) {
      // The intent before, the outcome after.
      use.writes += seconds * ordersPerSecond * assumed.tradingLoad * 2;
      use.gb += (seconds * ordersPerSecond * assumed.tradingLoad * assumed.journalMonths * assumed.orderKb) / kbInGb;
    }
  } else if (isGlobal) {
    throw new NoPriceError(`a table ${name}, whose use nobody has counted`);
  } else {
    use.writes = use.readsAtHome = assumed.invocations;
  }
  const charges = replicas.flatMap((region): Charge[] => [
    { what: 'writes', price: isGlobal ? 'dynamodb.replicated-write' : 'dynamodb.write', quantity: use.writes, region },
    { what: 'reads', price: 'dynamodb.read', quantity: region === home ? use.readsAtHome : use.readsElsewhere, region },
    { what: 'stored', price: 'dynamodb.storage', quantity: use.gb, region },
    { what: 'point-in-time recovery', price: 'dynamodb.recovery', quantity: use.gb, region },
  ]);
  const copied: Charge[] = replicas
    .filter((region) => region !== stack.region)
    .map(() => ({ what: 'copied to the other Region', price: 'transfer.regions', quantity: (use.writes * assumed.orderKb) / kbInGb, bill: 'transfer', region: home }));
  return [...charges.map((charge) => ({ ...charge, ...(requirement && { requirement }) })), ...copied];

  function booksOf({ stacks: all }: Surroundings): { tasks: number; standbyTasks: number; leaseSeconds: number; ordersPerSecond: number }[] {
    return all.flatMap((each) => each.resources).filter(({ type }) => type === 'Custom::BatonBook').map(({ properties: book }) => {
      const bookName = text(book['Book'], 'Book');
      const of = (region: (name: string) => boolean): { tasks: number; ordersPerSecond: number } => {
        for (const each of stacks.filter(({ region: where }) => region(where))) {
          const service = each.resources.find(({ type, properties: { ServiceName } }) => type === 'AWS::ECS::Service' && String(ServiceName).endsWith(`-${bookName}`));
          if (service === undefined) continue;
          const definition = each.resources.find(({ properties: { Family } }) => Family === `${String(service.properties['ServiceName'])}-template`);
          const ordersPerSecond = Number(definition === undefined ? 0 : environmentOf(definition)['BATON_ORDERS_PER_SECOND']);
          return { tasks: number(service.properties['DesiredCount'], 'DesiredCount'), ordersPerSecond };
        }
        return { tasks: 0, ordersPerSecond: 0 };
      };
      const { tasks, ordersPerSecond } = of((region) => region === home);
      const standbyTasks = Math.ceil(of((region) => region !== home).tasks * assumed.standbyTasks);
      return { tasks, standbyTasks, leaseSeconds: number(book['LeaseMs'], 'LeaseMs') / 1000, ordersPerSecond };
    });
  }
}

function logsOf(properties: Resource['properties'], { stack, assumed, home }: Surroundings, { logicalId }: Resource): readonly Charge[] {
  const given = properties['LogGroupName'];
  const name = typeof given === 'string' ? given : logicalId;
  const isFlow = stack.resources.some(({ type, properties: { LogGroupName: group } }) => type === 'AWS::EC2::FlowLog' && (group as { Ref?: string } | undefined)?.Ref === logicalId);
  const gb = /^\/aws\/(lambda|vendedlogs)\//.test(name) ? assumed.functionLogGb : name.startsWith('/aws/rds/') ? assumed.databaseLogGb : isFlow ? assumed.flowLogGb : assumed.taskLogGb;
  const share = stack.region === home ? 1 : assumed.standbyTasks;
  const retained = properties['RetentionInDays'];
  if (retained === undefined) throw new NoPriceError('a log group without a retention grows for ever');
  const monthsKept = number(retained, 'RetentionInDays') / (365 / 12);
  return [
    { what: 'ingested', price: 'cloudwatch.logs.ingested', quantity: gb * share },
    { what: 'stored', price: 'cloudwatch.logs.stored', quantity: gb * share * assumed.logCompression * monthsKept },
  ];
}

function functionOf(properties: Resource['properties'], { stack, assumed }: Surroundings, { logicalId }: Resource): readonly Charge[] {
  const scheduled = stack.resources
    .filter(({ type, properties: { ScheduleExpression, Targets } }) => type === 'AWS::Events::Rule' && ScheduleExpression !== undefined && JSON.stringify(Targets).includes(`"${logicalId}"`))
    .map(({ properties: { ScheduleExpression } }) => timesAMonth(String(ScheduleExpression), assumed.hours));
  const calls = scheduled.length === 0 ? assumed.invocations : scheduled.reduce((sum, each) => sum + each);
  const architecture = list(properties['Architectures'] ?? []).includes('arm64') ? 'arm' : 'x86';
  const gb = number(properties['MemorySize'] ?? 128, 'MemorySize') / 1024;
  return [
    { what: 'requests', price: 'lambda.request', quantity: calls },
    { what: 'duration', price: `lambda.${architecture}.duration`, quantity: calls * assumed.functionSeconds * gb },
  ];
}

function timesAMonth(schedule: string, hours: number): number {
  const [, every = '1', unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(schedule) ?? [];
  const hoursBetween = { minute: 1 / 60, hour: 1, day: 24 }[unit];
  const [, minutes] = /^cron\(([\d,]+) \* /.exec(schedule) ?? [];
  if (minutes !== undefined) return hours * minutes.split(',').length;
  // Other cron expressions of ours fire once a day or less often.
  return hours / (hoursBetween === undefined ? 24 : hoursBetween * Number(every));
}

function environmentOf({ properties }: Resource): Record<string, unknown> {
  const containers = list(properties['ContainerDefinitions']) as { Environment?: { Name: string; Value: unknown }[] }[];
  return Object.fromEntries(containers.flatMap(({ Environment = [] }) => Environment.map(({ Name, Value }) => [Name, Value])));
}

function otherRegion(stacks: readonly PricedStack[], region: string): string {
  return stacks.find((stack) => stack.region !== region)?.region ?? region;
}

function count(stack: PricedStack, type: string): number {
  return stack.resources.filter((resource) => resource.type === type).length;
}

function insights(settings: unknown): boolean {
  return list(settings ?? []).some((setting) => (setting as { Name?: string; Value?: string }).Name === 'containerInsights' && (setting as { Value?: string }).Value !== 'disabled');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw new NoPriceError(`${what} is ${JSON.stringify(value) ?? 'not said'}, known at deployment only`);
  return value;
}

function number(value: unknown, what: string): number {
  const parsed = typeof value === 'number' || typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isFinite(parsed)) throw new NoPriceError(`${what} is ${JSON.stringify(value) ?? 'not said'}, no number known at synth`);
  return parsed;
}
