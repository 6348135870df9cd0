/**
 * The system as a person would have it after the runbook's first deployment: the assembly deployed into a local AWS, a
 * real PostgreSQL and a real Redis behind it, a simulated venue, the images built from their Dockerfiles and pushed, the
 * venue's key put where a person puts it. Nothing trades yet: that is for a first cutover.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../lib/settings/index.ts';
import { readAssembly, type AssemblyStack } from './cloud/assembly.ts';
import { deploy } from './cloud/deploy.ts';
import { startFront, type Front } from './cloud/front.ts';
import type { ProvisioningColumn } from './cloud/provisioning.ts';
import { createWorld, type CloudWorld, type LogLine } from './cloud/world.ts';
import { Disturbances } from './faults/disturbances.ts';
import { buildVariant, type Variant } from './faults/releases/build.ts';
import { leaseIn, LeaseHistory } from './lease-history.ts';
import { People } from './people.ts';
import { createAuthority } from './processes/certificate.ts';
import type { BuiltImage } from './processes/container-image.ts';
import { Egress } from './processes/egress.ts';
import { Routes } from './processes/routes.ts';
import { Supervisor } from './processes/supervisor.ts';
import { TaskLauncher } from './processes/tasks.ts';
import { ExecutionLog, type Injection } from './report/observed.ts';
import { CompressedTime } from './report/phases.ts';
import type { Release, Releases } from './releases.ts';
import type { Progress } from './report/progress.ts';
import { dynamodb, type DynamoDb, type TableWrite } from './services/dynamodb.ts';
import type { ElastiCacheModel } from './services/elasticache.ts';
import type { Ecr } from './services/ecr.ts';
import { ecs, type EcsModel } from './services/ecs.ts';
import { otherServices, type OtherServices } from './services/index.ts';
import type { Logs } from './services/logs.ts';
import type { Monitoring } from './services/monitoring.ts';
import type { RdsModel } from './services/rds.ts';
import type { ProgressEvent } from './states/execution.ts';
import type { Assembly } from './synthesize.ts';
import { monotonicMs } from './venue/record.ts';
import { startVenue, type RunningVenue } from './venue/server.ts';

export interface InstallationOptions {
  readonly assembly: Pick<Assembly, 'settings' | 'directory'>;
  readonly releases: Releases;
  readonly seed: number;
  readonly progress: Progress;
  /** Which column of the provisioning table holds. */
  readonly provisioning: ProvisioningColumn;
  /** The containers' network goes through relays, so that faults can cut it. */
  readonly cuttable?: boolean;
  /** Told beside others, with which it shares the machine. */
  readonly besideOthers?: boolean;
  /** The second Region is deployed too; else only what the first refers to there. */
  readonly bothRegions?: boolean;
  /** Backups of databases hold what was backed up; else they are names. */
  readonly keepsBackups?: boolean;
  /** Of the local AWS; the system chooses one when not said. */
  readonly port?: number | undefined;
}

/** What listens to the world while it runs. */
export interface Watchers {
  /** Milliseconds since the installation began to be opened. */
  readonly nowMs: () => number;
  /** The same beginning, on the clock of the venue's record. */
  readonly beganMs: number;
  /** By book. */
  readonly histories: ReadonlyMap<string, LeaseHistory>;
  readonly compressed: CompressedTime;
  /** Who gets the events of an execution, by its ARN. */
  readonly executions: Map<string, (event: ProgressEvent) => void>;
  /** Told of each write to the lease table, at once: before its caller has the answer. */
  readonly leaseWrites: Set<(write: TableWrite) => void>;
  /** Every event of every execution. */
  readonly executionLog: ExecutionLog;
  /** What was done to the system. */
  readonly injected: Injection[];
  /** By how much the executions' clock is ahead of everybody's. */
  aheadMs: number;
}

interface Parts {
  readonly settings: Settings;
  readonly seed: number;
  readonly provisioning: ProvisioningColumn;
  readonly besideOthers: boolean;
  readonly assemblyDirectory: string;
  readonly supervisor: Supervisor;
  readonly venue: RunningVenue;
  readonly world: CloudWorld;
  readonly front: Front;
  readonly tables: DynamoDb;
  readonly tasks: EcsModel;
  readonly databases: RdsModel;
  readonly caches: ElastiCacheModel;
  readonly logs: Logs;
  readonly monitoring: Monitoring;
  readonly schedules: OtherServices['schedules'];
  readonly backups: OtherServices['backups'];
  readonly functions: OtherServices['functions'];
  readonly storedSecrets: OtherServices['storedSecrets'];
  readonly queues: OtherServices['queues'];
  readonly watchers: Watchers;
  readonly releases: Releases;
  readonly disturbances: Disturbances;
  readonly people: People;
  readonly routes: Routes;
  readonly egress: Egress;
  /** A release that goes wrong, with its image in the registry. */
  readonly variant: (name: Variant) => Promise<Release>;
  readonly log: readonly LogLine[];
  readonly caFile: string;
  /** The values that must not be seen anywhere, by a name for people. */
  readonly secrets: ReadonlyMap<string, string>;
}

export interface Installation extends Parts {
  /** The book of these settings that is rehearsed; another one is its canary. */
  readonly book: Settings['books'][number];
  readonly leaseTable: string;
  /** How ECS's calls name a book's service, in either Region. */
  readonly serviceOf: (book: string) => { readonly cluster: string; readonly service: string };
  /** `cutover`, `failover` …; in the Region that the settings call home when not said. */
  readonly machineArn: (machine: string, region?: string) => string;
  /** Where a book's lease says that its home is. */
  readonly homeOf: (book: string) => string;
  /** A call of a person with the keys of the account; in the Region that the settings call home when not said. */
  operator<Answer = unknown>(service: string, operation: string, input: Record<string, unknown>, region?: string): Promise<Answer>;
  close(): Promise<void>;
}

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  const { assembly, releases, seed, progress, provisioning, cuttable = false, bothRegions = false, keepsBackups = false, besideOthers = false, port } = options;
  const { settings } = assembly;
  const beganMs = monotonicMs();
  const nowMs = (): number => monotonicMs() - beganMs;
  const supervisor = new Supervisor();
  const routes = new Routes();
  const disturbances = new Disturbances();
  const opened: (() => Promise<void>)[] = [() => routes.close(), () => supervisor.close()];
  try {
    const directory = await supervisor.temporaryDirectory('rehearsal');
    const authority = createAuthority({ commonName: 'Baton rehearsal', now: new Date(), directory });
    // Each book has a sub-account of its own.
    const venueKeys = new Map(
      settings.books.map(({ name }) => [name, { apiKey: `key-${randomBytes(8).toString('hex')}`, secret: randomBytes(24).toString('hex') }]),
    );
    // That of the main account makes keys of each.
    const managementKey = { apiKey: `management-${randomBytes(8).toString('hex')}`, secret: randomBytes(24).toString('hex') };
    const venue = await startVenue({
      seed, keys: [...[...venueKeys].map(([account, key]) => ({ ...key, account })), { ...managementKey, account: 'main', manages: true }],
    });
    opened.push(() => venue.close());

    const images = new Map<string, BuiltImage>();

    const log: LogLine[] = [];
    const { home, standby, witness } = settings.regions;
    const compressed = new CompressedTime();
    const watchers: Watchers = {
      nowMs,
      beganMs,
      compressed,
      histories: new Map(settings.books.map(({ name: book }) => [book, new LeaseHistory({ book, beganMs })])),
      executions: new Map(),
      leaseWrites: new Set(),
      executionLog: new ExecutionLog(nowMs),
      injected: [],
      aheadMs: 0,
    };
    const egress = new Egress({ [bookOf(settings).venueUrl]: venue.url }, (region) => natAddressOf(world, settings, region));
    opened.push(() => egress.close());
    const assets = readAssembly(assembly.directory);
    let people: People | undefined;
    const models: { tables?: DynamoDb; tasks?: EcsModel; databases?: RdsModel; caches?: ElastiCacheModel; logs?: Logs; registry?: Ecr; monitoring?: Monitoring; rest?: Pick<OtherServices, 'schedules' | 'backups' | 'functions' | 'storedSecrets' | 'queues'> } = {};
    const world = createWorld({
      seed,
      provisioning,
      judged: true,
      accountId: settings.account,
      regions: [home.name, standby.name, witness.name],
      onLog: (line) => {
        log.push(line);
        const { modelledSeconds, waitedMs, awaitedIn } = line.fields ?? {};
        if (typeof modelledSeconds !== 'number' || typeof waitedMs !== 'number') return;
        compressed.waited(nowMs(), nowMs() + waitedMs, modelledSeconds * 1000, typeof awaitedIn === 'string' ? awaitedIn : undefined);
      },
      services: (made) => {
        const launcher = new TaskLauncher({
          supervisor, caFile: authority.caFile, endpoint: () => made.endpoint, portVariables: ['BATON_GUARD_PORT', 'BATON_VENUE_PORT'],
          egress,
          ...(cuttable && { routes }),
        });
        models.tables = dynamodb(made);
        models.tasks = ecs(made, {
          launcher, images, isPushed: (region, repository, digest) => models.registry?.has(region, repository, digest) === true,
          hasWayOut: (region, subnets) => hasWayOut(made, region, subnets),
        });
        const rest = otherServices(made, {
          servers: { supervisor, authority, directory, keepsBackups },
          caFile: authority.caFile,
          egress,
          assetDirectory: (objectKey) => assets.assetDirectory(objectKey),
          aheadMs: () => watchers.aheadMs,
          onProgress: (execution, event) => {
            watchers.executionLog.see(execution, event);
            watchers.executions.get(execution.arn)?.(event);
            people?.see(execution, event);
          },
        });
        models.databases = rest.databases;
        models.caches = rest.caches;
        models.logs = rest.logs;
        models.monitoring = rest.monitoring;
        models.registry = rest.registry;
        models.rest = rest;
        return [models.tables, models.tasks, ...rest.models].map((model) => disturbances.around(model));
      },
    });
    opened.push(() => world.close());
    const { tables, tasks, databases, caches, logs, monitoring, rest: services } = models;
    if (!tables || !tasks || !databases || !caches || !logs || !monitoring || !services) {
      throw new Error('the world did not ask for its services');
    }
    tables.onWrite((write) => {
      if (write.table !== leaseTableOf(settings)) return;
      for (const history of watchers.histories.values()) history.see(write);
      for (const listener of watchers.leaseWrites) listener(write);
    });
    const front = await startFront(world, { port });
    opened.push(() => front.close());

    const end = progress.begin('Deploy into the local AWS: PostgreSQL, Redis, functions, machines');
    // The order of docs/deploy.md.
    await bootstrap(world, settings);
    const only = bothRegions ? () => true : isOfFirst(settings);
    await deploy({ assemblyDirectory: assembly.directory, world, front, only });
    await protectStacks(world, assembly.directory, only);
    end();
    for (const image of Object.values(releases).flatMap(({ trader, guard }) => [trader, guard])) images.set(image.digest, image);
    people = await People.arrive(world, settings);
    const secrets = await putSecrets(world, settings, { venueKeys, managementKey, uidOf: (account) => venue.keys.uidOf(account) }, bothRegions);
    await pushImages(world, settings, releases);
    const variant = async (name: Variant): Promise<Release> => {
      const trader = await buildVariant(name, releases.first.trader, directory);
      if (images.has(trader.digest)) return { ...releases.first, trader };
      images.set(trader.digest, trader);
      await pushImage(world, settings, 'trader', trader.digest);
      return { ...releases.first, trader };
    };
    return installed({
      settings, seed, provisioning, besideOthers, assemblyDirectory: assembly.directory, supervisor, venue, world, front, tables, tasks, databases, caches, logs, monitoring, watchers, releases, log, secrets,
      disturbances, routes, egress, variant, people, caFile: authority.caFile,
      schedules: services.schedules, backups: services.backups, functions: services.functions, storedSecrets: services.storedSecrets, queues: services.queues,
    });
  } catch (error) {
    for (const close of opened.reverse()) await close().catch(() => undefined);
    throw error;
  }
}

/** The parts with their names. The table, the service and the machine are named by the stacks after environment and book. */
function installed(parts: Parts): Installation {
  const { settings, world, front, venue, supervisor, routes, egress } = parts;
  const { environment, account, regions } = settings;
  const book = bookOf(settings);
  return {
    ...parts,
    book,
    leaseTable: leaseTableOf(settings),
    serviceOf: (name) => ({ cluster: `baton-${environment}`, service: `baton-${environment}-${name}` }),
    machineArn: (machine, region = regions.home.name) => `arn:aws:states:${region}:${account}:stateMachine:baton-${environment}-${machine}`,
    homeOf: (name) => {
      const lease = parts.tables.items(leaseTableOf(settings)).map(leaseIn).find((each) => each?.book === name);
      if (lease === undefined) throw new Error(`the lease table has no book '${name}'`);
      return lease.home;
    },
    operator: (service, operation, input, region) => asOperator(world, settings, service, operation, input, region),
    async close() {
      await world.close();
      await front.close();
      await venue.close();
      await supervisor.close();
      await routes.close();
      await egress.close();
    },
  };
}

function leaseTableOf({ environment }: Settings): string {
  return `baton-${environment}-lease`;
}

function bookOf({ books }: Settings): Settings['books'][number] {
  const [book] = books;
  if (book === undefined) throw new Error('the settings have no book to rehearse');
  return book;
}

async function asOperator<Answer>(
  world: CloudWorld, { regions }: Settings, service: string, operation: string, input: Record<string, unknown>, region = regions.home.name,
): Promise<Answer> {
  return (await world.call({ service, operation, region, caller: world.operator.caller, input })) as Answer;
}

/** What `cdk bootstrap` leaves for deployments to find. */
async function bootstrap(world: CloudWorld, { regions }: Settings): Promise<void> {
  const input = { Name: '/cdk-bootstrap/hnb659fds/version', Type: 'String', Value: '30' };
  for (const { name: region } of [regions.home, regions.standby]) {
    await world.call({ service: 'ssm', operation: 'PutParameter', region, caller: world.operator.caller, input });
  }
}

/** The first Region's stacks, and what is of the other one there: keys and buckets, and the addresses to which exchange keys are bound. */
export function isOfFirst({ regions }: Settings): (stack: AssemblyStack) => boolean {
  return ({ region, stackName }) => region === regions.first.name || /-(foundation|network)$/.test(stackName);
}

/** The policy of the assembly, on each stack: a deployment sets none. */
async function protectStacks(world: CloudWorld, assemblyDirectory: string, only: (stack: AssemblyStack) => boolean): Promise<void> {
  const StackPolicyBody = readFileSync(join(assemblyDirectory, 'stack-policy.json'), 'utf8');
  for (const { stackName: StackName, region } of readAssembly(assemblyDirectory).stacks.filter(only)) {
    const input = { StackName, StackPolicyBody };
    await world.call({ service: 'cloudformation', operation: 'SetStackPolicy', region, caller: world.operator.caller, input });
  }
}

interface PlainKey {
  readonly apiKey: string;
  readonly secret: string;
}

/** Where the venue sees the requests of a Region's network come from: its first NAT gateway. */
async function natAddressOf(world: CloudWorld, { environment }: Settings, region: string): Promise<string | undefined> {
  const Filters = [{ Name: 'tag:Name', Values: [`baton-${environment}-nat-1`] }];
  const { Addresses } = (await world.call({ service: 'ec2', operation: 'DescribeAddresses', region, caller: world.operator.caller, input: { Filters } })) as {
    Addresses: readonly { readonly PublicIp: string }[];
  };
  return Addresses[0]?.PublicIp;
}

/** Whether every one of these subnets has a route to a gateway that leads out of the account. */
async function hasWayOut(world: CloudWorld, region: string, subnets: readonly string[]): Promise<boolean> {
  interface RouteTable {
    readonly Associations: readonly { readonly SubnetId: string }[];
    readonly Routes: readonly { readonly GatewayId?: string; readonly NatGatewayId?: string }[];
  }
  const answer = (await world.call({ service: 'ec2', operation: 'DescribeRouteTables', region, caller: world.operator.caller, input: {} })) as { RouteTables: readonly RouteTable[] };
  const leading = answer.RouteTables.filter((table) => table.Routes.some(({ GatewayId, NatGatewayId }) => NatGatewayId !== undefined || GatewayId?.startsWith('igw-') === true));
  return subnets.every((subnet) => leading.some(({ Associations }) => Associations.some(({ SubnetId }) => SubnetId === subnet)));
}

/** Puts the venue's keys where a person puts them, once for both Regions, and answers every secret by a name for people. */
async function putSecrets(
  world: CloudWorld, settings: Settings,
  { venueKeys, managementKey, uidOf }: { readonly venueKeys: ReadonlyMap<string, PlainKey>; readonly managementKey: PlainKey; readonly uidOf: (account: string) => string },
  bothRegions: boolean,
): Promise<ReadonlyMap<string, string>> {
  const { environment, regions } = settings;
  const call = <Answer>(operation: string, input: Record<string, unknown>, region = regions.first.name): Promise<Answer> =>
    asOperator<Answer>(world, settings, 'secretsmanager', operation, input, region);
  const read = async (name: string, region = regions.first.name): Promise<string> => {
    const { SecretString } = await call<{ SecretString: string }>('GetSecretValue', { SecretId: `baton-${environment}/${name}` }, region);
    return SecretString;
  };
  for (const [book, key] of venueKeys) {
    await call('PutSecretValue', { SecretId: `baton-${environment}/${book}/venue`, SecretString: JSON.stringify(key) });
    const management = { ...managementKey, subAccount: uidOf(book) };
    await call('PutSecretValue', { SecretId: `baton-${environment}/${book}/venue-management`, SecretString: JSON.stringify(management) });
  }
  const database = JSON.parse(await read('database')) as { username: string; password: string };
  return new Map([
    ...[...venueKeys].map(([book, { secret }]) => [`venue secret of ${book}`, secret] as const),
    ['management key', managementKey.secret],
    ['database password', database.password],
    ['cache token', await read('cache')],
    ...(bothRegions ? [['cache token of the second Region', await read('cache', regions.second.name)] as const] : []),
  ]);
}

/** What `npm run images` does with a registry. */
async function pushImages(world: CloudWorld, settings: Settings, releases: Releases): Promise<void> {
  const pushed = new Map(Object.values(releases).flatMap(({ guard, trader }) => [[guard.digest, 'guard'] as const, [trader.digest, 'trader'] as const]));
  for (const [digest, name] of pushed) await pushImage(world, settings, name, digest);
}

/** To the first Region, which replicates it. */
async function pushImage(world: CloudWorld, settings: Settings, name: 'guard' | 'trader', imageDigest: string): Promise<void> {
  await asOperator(world, settings, 'ecr', 'PutImage', {
    repositoryName: `baton-${settings.environment}/${name}`,
    imageDigest,
    imageTag: `rehearsal-${imageDigest.slice(-12)}`,
    imageManifest: JSON.stringify({ digest: imageDigest }),
  }, settings.regions.first.name);
}
