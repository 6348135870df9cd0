/**
 * Everything a scenario plays on: the assembly deployed into a local AWS, with a real PostgreSQL and a real
 * Redis behind it, a simulated venue, the images built from their Dockerfiles, and the venue's key put where a
 * person would put it. Nothing trades yet: the first cutover is the scenario's.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Client } from 'pg';
import { endings } from '../lib/contracts/cutover.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import type { LeaseStore } from '../lib/lease/store.ts';
import { colourOf, otherColour, type BookName, type Colour, type InstanceId } from '../lib/lease/model.ts';
import { loadSettings, type Settings } from '../lib/settings/index.ts';
import { readAssembly } from './cloud/assembly.ts';
import { deploy } from './cloud/deploy.ts';
import type { ProvisioningColumn } from './cloud/provisioning.ts';
import { startFront, type Front } from './cloud/front.ts';
import { createWorld, type CloudWorld, type LogLine } from './cloud/world.ts';
import { badRelease } from './faults/bad-release.ts';
import { LeaseHistory } from './lease-history.ts';
import { createAuthority } from './processes/certificate.ts';
import { buildImage, type BuiltImage } from './processes/container-image.ts';
import { Supervisor } from './processes/supervisor.ts';
import { TaskLauncher } from './processes/tasks.ts';
import { CompressedTime, PhaseTracker } from './report/phases.ts';
import type { Progress } from './report/progress.ts';
import type { Outcome, Step, Tenure, Trading } from './report/report.ts';
import { cutoverPhases, recordPhase } from './scenarios/cutover-phases.ts';
import { dynamodb, type DynamoDb } from './services/dynamodb.ts';
import type { EcsTask } from './services/ecs-tasks.ts';
import { ecs, type EcsModel } from './services/ecs.ts';
import { otherServices } from './services/index.ts';
import type { Logs } from './services/logs.ts';
import type { RdsModel } from './services/rds.ts';
import type { ProgressEvent } from './states/execution.ts';
import type { Assembly } from './synthesize.ts';
import { until } from './until.ts';
import { judge, type Grant, type Handover } from './venue/judge.ts';
import { createOrderPath, monotonicMs, type VenueEntry } from './venue/record.ts';
import { startVenue, type RunningVenue } from './venue/server.ts';

/** The images of one release, as `npm run images` would print them. */
export interface Release {
  readonly trader: BuiltImage;
  readonly guard: BuiltImage;
}

export interface WorkflowEnd {
  readonly outcome: Outcome;
  readonly steps: readonly Step[];
  /** How long it would have taken uncompressed. */
  readonly modelledMs: number;
  /** The same until the new release was recorded as live; undefined when it never was. */
  readonly modelledUntilLiveMs: number | undefined;
  /** Of an ending that is no success. */
  readonly cause: string | undefined;
}

export interface StageOptions {
  readonly assembly: Assembly;
  readonly seed: number;
  readonly progress: Progress;
  /** Which column of the provisioning table holds. */
  readonly provisioning: ProvisioningColumn;
}

interface Parts {
  readonly environment: Settings;
  readonly progress: Progress;
  readonly supervisor: Supervisor;
  readonly venue: RunningVenue;
  readonly world: CloudWorld;
  readonly front: Front;
  readonly tasks: EcsModel;
  readonly databases: RdsModel;
  readonly logs: Logs;
  readonly watchers: Watchers;
  readonly releases: Stage['releases'];
  readonly log: readonly LogLine[];
  readonly caFile: string;
  readonly secrets: ReadonlyMap<string, string>;
}

/** What listens to the world while it runs. */
interface Watchers {
  readonly nowMs: () => number;
  readonly history: LeaseHistory;
  readonly compressed: CompressedTime;
  /** The events of each execution, by its ARN. */
  readonly executions: Map<string, (event: ProgressEvent) => void>;
}

const root = dirname(import.meta.dirname);
/** The venue closes a connection late on purpose, so that nobody mistakes a closed one for a refusal. */
const cutoverBoundMs = 180_000;
const orderBoundMs = 60_000;
/** For what follows an event within moments: the ledger's batches, tasks that stop. */
const settleBoundMs = 20_000;
/** Tasks that are provisioned, start, and look at the venue. */
const instancesBoundMs = 60_000;

export class Stage {
  readonly releases: { readonly first: Release; readonly second: Release; readonly mute: Release };
  readonly progress: Progress;
  readonly book: BookName;
  /** The lease, written as the machines write it. */
  readonly control: LeaseControl;
  readonly #parts: Parts;
  readonly #store: LeaseStore;

  private constructor(parts: Parts) {
    this.#parts = parts;
    this.releases = parts.releases;
    this.progress = parts.progress;
    this.book = bookOf(parts.environment).name as BookName;
    const { world, environment } = parts;
    const client = new DynamoDBClient({ region: environment.regions.home.name, endpoint: world.endpoint, credentials: world.operator.credentials });
    this.#store = new DynamoLeaseStore({ client, tableName: `baton-${environment.environment}-lease` });
    this.control = new LeaseControl(this.#store);
  }

  static async open({ assembly, seed, progress, provisioning }: StageOptions): Promise<Stage> {
    const environment = loadSettings(assembly.environment);
    const beganMs = monotonicMs();
    const nowMs = (): number => monotonicMs() - beganMs;
    const supervisor = new Supervisor();
    const opened: (() => Promise<void>)[] = [() => supervisor.close()];
    try {
      const directory = await supervisor.temporaryDirectory('rehearsal');
      const authority = createAuthority({ commonName: 'Baton rehearsal', now: new Date(), directory });
      const venueKey = { apiKey: `key-${randomBytes(8).toString('hex')}`, secret: randomBytes(24).toString('hex') };
      const venue = await startVenue({ seed, keys: [{ ...venueKey, account: 'alpha' }] });
      opened.push(() => venue.close());

      const endImages = progress.begin('Build the images');
      const releases = await buildReleases(directory);
      endImages();
      const images = new Map(Object.values(releases).flatMap(({ trader, guard }) => [[trader.digest, trader] as const, [guard.digest, guard] as const]));

      const log: LogLine[] = [];
      const { home, standby, witness } = environment.regions;
      const compressed = new CompressedTime();
      const watchers: Watchers = {
        nowMs,
        compressed,
        history: new LeaseHistory({ book: bookOf(environment).name, beganMs }),
        executions: new Map(),
      };
      const assets = readAssembly(assembly.directory);
      const models: { tables?: DynamoDb; tasks?: EcsModel; databases?: RdsModel; logs?: Logs } = {};
      const world = createWorld({
        seed,
        provisioning,
        accountId: environment.account,
        regions: [home.name, standby.name, witness.name],
        onLog: (line) => {
          log.push(line);
          const { modelledSeconds, waitedMs } = line.fields ?? {};
          if (typeof modelledSeconds === 'number' && typeof waitedMs === 'number') compressed.waited(nowMs(), nowMs() + waitedMs, modelledSeconds * 1000);
        },
        services: (made) => {
          const launcher = new TaskLauncher({
            supervisor, caFile: authority.caFile, endpoint: () => made.endpoint, portVariables: ['BATON_GUARD_PORT'],
            addresses: { [bookOf(environment).venueUrl]: venue.url },
          });
          models.tables = dynamodb(made);
          models.tasks = ecs(made, { launcher, images });
          const rest = otherServices(made, {
            servers: { supervisor, authority, directory },
            assetDirectory: (objectKey) => assets.assetDirectory(objectKey),
            onProgress: (execution, event) => watchers.executions.get(execution.arn)?.(event),
          });
          models.databases = rest.databases;
          models.logs = rest.logs;
          return [models.tables, models.tasks, ...rest.models];
        },
      });
      opened.push(() => world.close());
      const { tables, tasks, databases, logs } = models;
      if (tables === undefined || tasks === undefined || databases === undefined || logs === undefined) throw new Error('the world did not ask for its services');
      tables.onWrite((write) => {
        if (write.table === `baton-${environment.environment}-lease`) watchers.history.see(write);
      });
      const front = await startFront(world);
      opened.push(() => front.close());

      const endDeploy = progress.begin('Deploy into the local AWS: PostgreSQL, Redis, functions, machines');
      await deploy({ assemblyDirectory: assembly.directory, world, front });
      endDeploy();
      const secrets = await putSecrets(world, environment, venueKey);
      await pushImages(world, environment, releases);
      return new Stage({
        environment, progress, supervisor, venue, world, front, tasks, databases, logs, watchers, releases, log, secrets, caFile: authority.caFile,
      });
    } catch (error) {
      for (const close of opened.reverse()) await close().catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const { front, world, venue, supervisor } = this.#parts;
    await world.close();
    await front.close();
    await venue.close();
    await supervisor.close();
  }

  /** What the models did, then what the functions and containers printed. */
  get log(): readonly object[] {
    return [...this.#parts.log, ...this.#parts.logs.everything()];
  }

  /** Runs the machine as a person would from its console, and waits for its end. */
  async cutover(release: Release, reason: string): Promise<WorkflowEnd> {
    const { environment, watchers, progress } = this.#parts;
    const machine = `arn:aws:states:${environment.regions.home.name}:${environment.account}:stateMachine:baton-${environment.environment}-cutover`;
    const input = { book: this.book, images: { trader: release.trader.digest, guard: release.guard.digest }, reason, requestedBy: 'rehearsal' };
    const tracker = new PhaseTracker({
      phases: cutoverPhases(environment), progress, nowMs: watchers.nowMs, modelledMs: (fromMs, toMs) => watchers.compressed.modelledMs(fromMs, toMs),
    });
    const startMs = watchers.nowMs();
    const name = `rehearsal-${this.#parts.world.uniqueId(8)}`;
    const executionArn = `${machine.replace(':stateMachine:', ':execution:')}:${name}`;
    // Before the start: its first states are entered within the call.
    watchers.executions.set(executionArn, (event) => tracker.see(event));
    await this.#operator('states', 'StartExecution', { stateMachineArn: machine, name, input: JSON.stringify(input) });
    const ended = await until('the end of the cutover', cutoverBoundMs, async () => {
      const execution = await this.#operator<{ status: string; error?: string; cause?: string }>('states', 'DescribeExecution', { executionArn });
      return execution.status !== 'RUNNING' && execution;
    });
    const outcome = outcomeOf(ended);
    tracker.finish(outcome === 'succeeded' || outcome === 'rolled-back' ? 'succeeded' : 'failed');
    progress.note(`${outcome}${ended.cause === undefined ? '' : `: ${ended.cause}`}`);
    const recorded = tracker.steps.find((step) => step.name === recordPhase && step.status === 'succeeded');
    return {
      outcome,
      steps: tracker.steps,
      modelledMs: watchers.compressed.modelledMs(startMs, watchers.nowMs()),
      modelledUntilLiveMs: recorded && watchers.compressed.modelledMs(startMs, recorded.endMs),
      cause: ended.cause,
    };
  }

  /** Kills the task that holds the book, guard and trader at once, and says which epoch died with it. */
  async killActive(): Promise<{ readonly epoch: number }> {
    const tenure = this.tenures().at(-1);
    if (tenure?.holder === undefined || tenure.holder === null) throw new Error('nobody holds the book: there is nothing to kill');
    const task = await this.#taskOf(tenure.holder);
    task.running?.kill();
    this.progress.note(`killed ${tenure.holder}, epoch ${tenure.epoch}`);
    return { epoch: tenure.epoch };
  }

  /** The time from the last accepted order of this epoch to the first of a later one. */
  async nextEpochTrades(epoch: number): Promise<number> {
    // The judge reads the whole record: it is asked once, when there is something to judge.
    await until(`orders of an epoch after ${epoch}`, orderBoundMs, () => this.#accepted().some((entry) => (entry.epoch ?? 0) > epoch));
    const handover = this.handovers().find((each) => each.fromEpoch === epoch);
    if (handover === undefined) throw new Error(`no order of epoch ${epoch} was ever accepted, so there is no gap after it`);
    return handover.gapMs;
  }

  ordersAccepted(): number {
    return this.#accepted().length;
  }

  async ordersAcceptedReach(count: number): Promise<void> {
    await until(`${count} accepted orders`, orderBoundMs, () => this.ordersAccepted() >= count);
  }

  trading(): Trading {
    const { ordersSent, ordersAccepted, duplicatesAccepted, staleEpochAccepted, lateRejected, maxGapMs, overlapMs } = this.#judgement();
    return { ordersSent, ordersAccepted, duplicatesAccepted, staleEpochAccepted, lateRejected, maxGapMs: Math.round(maxGapMs), overlapMs };
  }

  /** Every change of hands, by the venue's record. */
  handovers(): readonly Handover[] {
    return this.#judgement().handovers;
  }

  /** When each epoch was granted, on the clock of the venue's record. */
  grants(): readonly Grant[] {
    return this.#parts.watchers.history.grants;
  }

  /** Starts the other colour beside the one that trades, as a cutover does, from the same images: warm and lease-less. */
  async warmOtherColour(): Promise<void> {
    const { environment } = this.#parts;
    const service = { cluster: `baton-${environment.environment}`, service: `baton-${environment.environment}-${this.book}` };
    const { taskSets } = await this.#operator<{ taskSets: Record<string, unknown>[] }>('ecs', 'DescribeTaskSets', service);
    const live = await this.holder();
    const taskSet = taskSets.find((set) => set['externalId'] === live?.colour);
    if (live === undefined || taskSet === undefined) throw new Error('nobody holds the book: let a cutover open it first');
    const colour = otherColour(live.colour);
    const { taskDefinition } = await this.#operator<{ taskDefinition: TaskDefinition }>('ecs', 'DescribeTaskDefinition', { taskDefinition: taskSet['taskDefinition'] });
    const registered = await this.#operator<{ taskDefinition: { taskDefinitionArn: string } }>('ecs', 'RegisterTaskDefinition', revisionIn(colour, taskDefinition));
    await this.#operator('ecs', 'CreateTaskSet', {
      ...service,
      externalId: colour,
      taskDefinition: registered.taskDefinition.taskDefinitionArn,
      launchType: taskSet['launchType'],
      platformVersion: taskSet['platformVersion'],
      networkConfiguration: taskSet['networkConfiguration'],
      scale: taskSet['scale'],
    });
    await this.instancesReady(colour, 2);
  }

  /** Until so many instances of a colour say that they are ready and reconciled, and are seen to be alive. */
  async instancesReady(colour: Colour, count: number): Promise<void> {
    const first = new Map<InstanceId, number>();
    await until(`${count} ready instances of ${colour}`, instancesBoundMs, async () => {
      const { registrations } = await this.#store.readAll(this.book);
      const ready = registrations.filter((each) => each.colour === colour && each.ready && each.reconciled);
      for (const { instance, beat } of ready) if (!first.has(instance)) first.set(instance, beat);
      return ready.filter(({ instance, beat }) => first.get(instance) !== beat).length >= count;
    });
  }

  tenures(): readonly Tenure[] {
    return this.#parts.watchers.history.tenures;
  }

  async holder(): Promise<{ readonly colour: Colour } | undefined> {
    const holder = this.tenures().at(-1)?.holder;
    return holder === undefined || holder === null ? undefined : { colour: colourOf(holder as Parameters<typeof colourOf>[0]) };
  }

  /** Orders that the venue accepted and the ledger does not have, once the ledger's writer had time to catch up. */
  async missingFromLedger(): Promise<number> {
    const accepted = this.#acceptedIds();
    let missing = accepted.size;
    await until('every accepted order in the ledger', settleBoundMs, async () => {
      const known = await this.#ledger('SELECT client_order_id FROM orders');
      missing = [...accepted].filter((id) => !known.has(id)).length;
      return missing === 0;
    }).catch(() => undefined);
    return missing;
  }

  /** What a cutover should have put away and did not, in words; empty when the book is as it should be. */
  async leftOver(live: Colour): Promise<readonly string[]> {
    const settled = await until('a settled book', settleBoundMs, async () => {
      const found = await this.#leftOver(live);
      return found.length === 0 && found;
    }).catch(() => undefined);
    return settled ?? (await this.#leftOver(live));
  }

  /** Names of the places in which a secret's value stands that must not. */
  async secretsFound(): Promise<readonly string[]> {
    const { world, secrets } = this.#parts;
    const { executions } = await this.#operator<{ executions: { executionArn: string }[] }>('states', 'ListExecutions', {
      stateMachineArn: `arn:aws:states:${this.#parts.environment.regions.home.name}:${this.#parts.environment.account}:stateMachine:baton-${this.#parts.environment.environment}-cutover`,
    });
    const histories = await Promise.all(
      executions.map(({ executionArn }) => this.#operator('states', 'GetExecutionHistory', { executionArn, includeExecutionData: true })));
    const places = new Map<string, string>([
      ['the log', JSON.stringify(this.log)],
      ['the executions', JSON.stringify(histories)],
      ['the calls', JSON.stringify(world.calls)],
    ]);
    return [...places].flatMap(([place, text]) => [...secrets].filter(([, value]) => text.includes(value)).map(([name]) => `${name} in ${place}`));
  }

  async #leftOver(live: Colour): Promise<readonly string[]> {
    const { environment, tasks } = this.#parts;
    const { lease, registrations } = await this.#store.readAll(this.book);
    const { taskSets } = await this.#operator<{ taskSets?: { externalId?: string }[] }>('ecs', 'DescribeTaskSets', {
      cluster: `baton-${environment.environment}`, service: `baton-${environment.environment}-${this.book}`,
    });
    const counted = {
      'task sets': (taskSets ?? []).filter((set) => set.externalId !== live).length,
      tasks: tasks.tasks().filter((task) => task.externalId !== live && task.lastStatus !== 'STOPPED').length,
      registrations: registrations.filter((registration) => registration.colour !== live).length,
    };
    return [
      ...(lease?.workflow.execution === undefined ? [] : ['the lock of the book']),
      ...(lease?.mode === 'open' ? [] : [`mode ${lease?.mode ?? 'unknown'}`]),
      ...Object.entries(counted).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`])),
    ];
  }

  /** The task in which this instance lives: its guard says so in its log. */
  async #taskOf(instance: string): Promise<EcsTask> {
    return until(`the task of ${instance}`, settleBoundMs, async () => {
      for (const task of this.#parts.tasks.tasks()) {
        const port = task.running?.ports['BATON_GUARD_PORT'];
        if (port === undefined) continue;
        const view = (await fetch(`http://127.0.0.1:${port}/v1/lease`).then((answer) => answer.json()).catch(() => undefined)) as { instance?: string } | undefined;
        if (view?.instance === instance) return task;
      }
      return undefined;
    });
  }

  #judgement(): ReturnType<typeof judge> {
    const { venue, watchers } = this.#parts;
    return judge(venue.record, { book: this.book, grants: watchers.history.grants });
  }

  #accepted(): readonly VenueEntry[] {
    return this.#parts.venue.record.filter((entry) => entry.accepted && entry.path === createOrderPath && entry.book === this.book);
  }

  #acceptedIds(): ReadonlySet<string> {
    return new Set(this.#accepted().flatMap(({ clientOrderId }) => (clientOrderId === undefined ? [] : [clientOrderId])));
  }

  async #ledger(query: string): Promise<ReadonlySet<string>> {
    const { databases, environment, secrets, caFile } = this.#parts;
    const [server] = databases.servers(environment.regions.home.name).values();
    if (server === undefined) throw new Error('there is no database');
    const client = new Client({
      host: server.host, port: server.port, database: 'baton', user: 'baton', password: secrets.get('database password') ?? '',
      ssl: { ca: await readFile(caFile, 'utf8') },
    });
    await client.connect();
    try {
      const { rows } = await client.query<{ client_order_id: string }>(query);
      return new Set(rows.map((row) => row.client_order_id));
    } finally {
      await client.end();
    }
  }

  async #operator<Answer = unknown>(service: string, operation: string, input: Record<string, unknown>): Promise<Answer> {
    return asOperator<Answer>(this.#parts.world, this.#parts.environment.regions.home.name, service, operation, input);
  }
}

/** The call of a person with the keys of the account. */
async function asOperator<Answer>(world: CloudWorld, region: string, service: string, operation: string, input: Record<string, unknown>): Promise<Answer> {
  return (await world.call({ service, operation, region, caller: world.operator.caller, input })) as Answer;
}

/** The fields of a task definition that are given to register it. */
const registeredFields = [
  'family', 'taskRoleArn', 'executionRoleArn', 'networkMode', 'volumes', 'requiresCompatibilities', 'cpu', 'memory', 'runtimePlatform',
] as const;
type TaskDefinition = Readonly<Record<string, unknown>> & {
  readonly containerDefinitions: readonly { readonly environment?: readonly { readonly name: string; readonly value: string }[] }[];
};

/** The same revision for the other colour. */
function revisionIn(colour: Colour, { containerDefinitions, ...definition }: TaskDefinition): Record<string, unknown> {
  const coloured = containerDefinitions.map((container) => ({
    ...container,
    environment: container.environment?.map((each) => (each.name === 'BATON_COLOUR' ? { name: each.name, value: colour } : each)),
  }));
  return { ...Object.fromEntries(registeredFields.flatMap((name) => (definition[name] === undefined ? [] : [[name, definition[name]]]))), containerDefinitions: coloured };
}

function outcomeOf({ status, error }: { status: string; error?: string }): Outcome {
  if (status === 'SUCCEEDED') return 'succeeded';
  if (error === endings.rolledBack) return 'rolled-back';
  return error === endings.refused ? 'refused' : 'needs-a-person';
}

function bookOf({ books }: Settings): Settings['books'][number] {
  const [book] = books;
  if (book === undefined) throw new Error('the settings have no book to rehearse');
  return book;
}

/** Two releases that differ in their label only, and one that never trades. */
async function buildReleases(directory: string): Promise<Stage['releases']> {
  const image = (name: string, release: string): Promise<BuiltImage> =>
    buildImage({ dockerfile: join(root, 'containers', name, 'Dockerfile'), context: root, directory, labels: { release } });
  const [guard, trader, nextTrader] = await Promise.all([image('guard', '1'), image('trader', '1'), image('trader', '2')]);
  return { first: { guard, trader }, second: { guard, trader: nextTrader }, mute: { guard, trader: await badRelease(trader, directory) } };
}

/** Puts the venue's key where a person puts it, and answers every secret by a name for people. */
async function putSecrets(world: CloudWorld, settings: Settings, venueKey: { readonly apiKey: string; readonly secret: string }): Promise<ReadonlyMap<string, string>> {
  const { environment, regions } = settings;
  const call = <Answer>(operation: string, input: Record<string, unknown>): Promise<Answer> =>
    asOperator<Answer>(world, regions.home.name, 'secretsmanager', operation, input);
  const read = async (name: string): Promise<string> => {
    const { SecretString } = await call<{ SecretString: string }>('GetSecretValue', { SecretId: `baton-${environment}/${name}` });
    return SecretString;
  };
  await call('PutSecretValue', { SecretId: `baton-${environment}/${bookOf(settings).name}/venue`, SecretString: JSON.stringify(venueKey) });
  const database = JSON.parse(await read('database')) as { username: string; password: string };
  return new Map([
    ['venue secret', venueKey.secret],
    ['database password', database.password],
    ['cache token', await read('cache')],
  ]);
}

/** What `npm run images` does with a registry. */
async function pushImages(world: CloudWorld, { environment, regions }: Settings, releases: Stage['releases']): Promise<void> {
  const pushed = new Set(Object.values(releases).flatMap(({ guard, trader }) => [`guard@${guard.digest}`, `trader@${trader.digest}`]));
  for (const [index, image] of [...pushed].entries()) {
    const [name, imageDigest] = image.split('@');
    await asOperator(world, regions.home.name, 'ecr', 'PutImage', {
      repositoryName: `baton-${environment}/${name}`, imageDigest, imageTag: `rehearsal-${index}`, imageManifest: JSON.stringify({ digest: imageDigest }),
    });
  }
}
