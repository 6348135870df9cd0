/**
 * What a scenario can do and see: start cutovers, kill tasks, wait for orders, and look at what is left, on an
 * installation of its own.
 */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { endings } from '../lib/contracts/cutover.ts';
import { databaseRecovery } from '../lib/contracts/recovery.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import { colourOf, otherColour, regionOf, type BookName, type Colour, type Epoch, type InstanceId, type Lease } from '../lib/lease/model.ts';
import type { LeaseStore } from '../lib/lease/store.ts';
import { awsService } from './cloud/model.ts';
import { ExchangeKeys } from './exchange-keys.ts';
import type { Disturbance } from './faults/disturbances.ts';
import type { Variant } from './faults/releases/build.ts';
import type { ProvisioningColumn } from './cloud/provisioning.ts';
import { openInstallation, type Installation, type InstallationOptions } from './installation.ts';
import type { Release, Releases } from './releases.ts';
import { leaseIn, type LeaseHistory } from './lease-history.ts';
import type { Approving } from './people.ts';
import type { Judge } from './permissions/judge.ts';
import type { Cut } from './processes/routes.ts';
import { drawnGraph, handoversSince, ordersIn, type Observed } from './report/observed.ts';
import { PhaseTracker, type Phase } from './report/phases.ts';
import type { Progress } from './report/progress.ts';
import type { Outcome, Step, Tenure, Trading } from './report/report.ts';
import { canaryPhases } from './scenarios/canary-phases.ts';
import { cutoverPhases, recordPhase } from './scenarios/cutover-phases.ts';
import { waysBackPhases, type WayBack } from './scenarios/ways-back-phases.ts';
import { secretsFound } from './secrets-found.ts';
import { automaticName } from '../lib/recovery/automatic.ts';
import { reportCopiesBucketName } from '../lib/contracts/stack-names.ts';
import { booksThatWrite, type Settings } from '../lib/settings/index.ts';
import type { RunningServer } from './processes/postgres.ts';
import type { RunningTask } from './processes/tasks.ts';
import type { CostExplorer, Spending } from './services/cost-explorer.ts';
import type { EcsTask } from './services/ecs-tasks.ts';
import type { Events } from './services/events.ts';
import type { Iam } from './services/iam.ts';
import type { Monitoring, Ringing } from './services/monitoring.ts';
import type { RunningDatabase } from './services/rds.ts';
import type { Sns } from './services/sns.ts';
import { parseDefinition } from './states/definition.ts';
import type { ProgressEvent } from './states/execution.ts';
import { until } from './until.ts';
import { judge, type Grant, type Handover } from './venue/judge.ts';
import type { RunningVenue } from './venue/server.ts';
import { createOrderPath, monotonicMs, type VenueEntry } from './venue/record.ts';

export interface WorkflowEnd {
  readonly outcome: Outcome;
  readonly steps: readonly Step[];
  /** When somebody gave the command, on the clock of the venue's record. */
  readonly startMs: number;
  /** How long it would have taken uncompressed. */
  readonly modelledMs: number;
  /** The same until the new release was recorded as live; undefined when it never was. */
  readonly modelledUntilLiveMs: number | undefined;
  /** Of an ending that is no success. */
  readonly cause: string | undefined;
  /** What the machine says of a success, as its report has it. */
  readonly report: Readonly<Record<string, unknown>> | undefined;
}

/** What a person types to start a cutover. */
export interface CutoverInput extends Readonly<Record<string, unknown>> {
  readonly book: string;
  readonly images: { readonly trader: string; readonly guard: string };
  readonly reason: string;
  readonly requestedBy: string;
}
export interface CutoverOptions {
  /** Makes of the usual input what is typed instead. */
  readonly typed?: ((usual: CutoverInput) => object) | undefined;
  /** How often somebody will redrive it: only then has it ended. */
  readonly redrives?: number | undefined;
  /** Where it is started; where the book is at home when not said. */
  readonly region?: string | undefined;
}
/** An execution as it was started. */
export interface Started {
  readonly stateMachineArn: string;
  readonly executionArn: string;
  readonly name: string;
  readonly input: string;
}

/** As Step Functions describes an execution that is over. */
interface Ended {
  readonly status: string;
  readonly error?: string;
  readonly cause?: string;
  readonly output?: string;
}

const cutoverBoundMs = 300_000;
/** Longer than the minute for which a circuit breaker holds up orders. */
const orderBoundMs = 90_000;
/** Over which the report spreads time that passed at once. */
const timePassesMs = 1000;
/** For what follows an event within moments: the ledger's batches, tasks that stop. */
const settleBoundMs = 20_000;
/** For the automatic mode: some minutes between looks, which are compressed, and a look that lasts as long as the silence that it waits for. */
const byItselfBoundMs = 120_000;
/** The ledger of a new holder is completed at once, and what was missing then every ten seconds. */
const tailBoundMs = 40_000;
/** A quarter of an hour, compressed. */
const copyBoundMs = 30_000;
/** Tasks that are provisioned, start, and look at the venue. */
const instancesBoundMs = 60_000;

export class Stage {
  readonly releases: Releases;
  readonly progress: Progress;
  readonly book: BookName;
  readonly #installation: Installation;
  /** By the Region in which the table is read and written. */
  readonly #stores = new Map<string, LeaseStore>();
  /** What notes the end of a Region's darkness. */
  readonly #ends = new Map<string, () => void>();
  readonly #followers = new Set<(event: ProgressEvent, started: Started) => void>();

  private constructor(installation: Installation, progress: Progress, book: string) {
    this.#installation = installation;
    this.releases = installation.releases;
    this.progress = progress;
    this.book = book as BookName;
  }

  /** The lease, written as the machines write it. */
  get control(): LeaseControl {
    return new LeaseControl(this.#store);
  }

  /** What AWS does by itself, for stories that let its hour come or have it fail. */
  get aws(): { readonly plans: Installation['backups'] } & Pick<Installation, 'schedules' | 'databases' | 'functions' | 'world'> {
    const { backups: plans, schedules, databases, functions, world } = this.#installation;
    return { plans, schedules, databases, functions, world };
  }

  /** In a Region that answers: the home, unless it is dark. */
  get #store(): LeaseStore {
    const { world, leaseTable, settings } = this.#installation;
    const { home, standby } = settings.regions;
    const region = world.outageOf(home.name) === 'dark' ? standby.name : home.name;
    const store =
      this.#stores.get(region) ??
      new DynamoLeaseStore({
        client: new DynamoDBClient({ region, endpoint: world.endpoint, credentials: world.operator.credentials }), tableName: leaseTable,
      });
    this.#stores.set(region, store);
    return store;
  }

  static async open(options: InstallationOptions): Promise<Stage> {
    return Stage.on(await openInstallation(options), options.progress);
  }

  /** On an installation that somebody else looks at too; closing the stage closes it. */
  static on(installation: Installation, progress: Progress): Stage {
    return new Stage(installation, progress, installation.book.name);
  }

  /** The same installation, looked at from the canary of its book. */
  canary(): Stage {
    const { book, settings } = this.#installation;
    if (book.canary === undefined) throw new Error(`the settings of ${settings.environment} give ${book.name} no canary`);
    return new Stage(this.#installation, this.progress, book.canary);
  }

  /** The same installation, looked at from a book whose bot needs the database. */
  bookThatWrites(): Stage {
    const [book] = booksThatWrite(this.settings);
    if (book === undefined) throw new Error(`no book of ${this.environment} needs the database`);
    return new Stage(this.#installation, this.progress, book);
  }

  async close(): Promise<void> {
    await this.#installation.close();
  }

  /** Who may do what: what was refused, what was used, and what is expected to be refused. */
  get permissions(): Judge {
    const { judge: judging } = this.#installation.world;
    if (judging === undefined) throw new Error('this world judges no calls');
    return judging;
  }

  /** The time of day at which the installation began to be opened, in milliseconds: that of the logs' own times. */
  get beganAtMs(): number {
    return Date.now() - this.#installation.watchers.nowMs();
  }

  /** What the models did, then what the functions and containers printed. */
  get log(): readonly object[] {
    return [...this.#installation.log, ...this.#installation.logs.everything()];
  }

  /** What a function printed, in whatever Region. */
  printed(functionName: string): readonly string[] {
    const group = `/aws/lambda/baton-${this.environment}-${functionName}`;
    return [...this.#installation.logs.everything()].filter((line) => line.group.endsWith(group)).map(({ message }) => message);
  }

  /** Runs the machine as a person would from its console, and waits for its end. */
  async cutover(release: Release, reason: string, { typed, redrives = 0, region = this.home }: CutoverOptions = {}): Promise<WorkflowEnd> {
    const { settings, machineArn } = this.#installation;
    const stateMachineArn = machineArn('cutover', region);
    const name = this.#executionName();
    const usual = this.#cutoverInput(release, reason, name, region);
    return this.#execute({ stateMachineArn, name, input: JSON.stringify(typed?.(usual) ?? usual) }, cutoverPhases(settings), redrives);
  }

  /** The same, on its canary first. */
  async throughCanary(release: Release, reason: string): Promise<WorkflowEnd> {
    const { settings, machineArn } = this.#installation;
    const name = this.#executionName();
    const input = JSON.stringify(this.#cutoverInput(release, reason, `canary/${name}`, this.home));
    return this.#execute({ stateMachineArn: machineArn('canary', this.home), name, input }, canaryPhases(settings), 0);
  }

  #cutoverInput(release: Release, reason: string, change: string, region: string): CutoverInput {
    return {
      book: this.book, images: { trader: release.trader.digest, guard: release.guard.digest }, reason, requestedBy: 'rehearsal',
      change: { risk: 2, costImpactUsdMonthly: 0, summary: 'A release of the rehearsal' },
      ...this.#installation.people.proofFor(change, region),
    };
  }

  /** People answer what a canary asks them. */
  decideAboutCanary(started: Started, decision: 'approve' | 'reject'): Promise<void> {
    return this.#installation.people.decideAbout(`canary/${started.name}/verdict`, decision);
  }

  /** The same for another machine of the book: `halt`, `resume`, `rollback`. */
  async wayBack(machine: WayBack, more: Record<string, unknown> = {}): Promise<WorkflowEnd> {
    const stateMachineArn = this.#installation.machineArn(machine, this.home);
    const input = { book: this.book, reason: `A ${machine} of the rehearsal`, requestedBy: 'rehearsal', ...more };
    return this.#execute({ stateMachineArn, name: this.#executionName(), input: JSON.stringify(input) }, waysBackPhases(this.#installation.settings)[machine], 0);
  }

  /**
   * Runs a machine of the loss of a Region in the Region that is to become home, for all books, and waits for its end; with
   * the phases that are to be shown.
   */
  async recovery(machine: Recovery, region: string, { phases = [], ...more }: { readonly phases?: readonly Phase[]; readonly [field: string]: unknown } = {}): Promise<WorkflowEnd> {
    const stateMachineArn = this.#installation.machineArn(machine, region);
    const input = { reason: `A ${machine} of the rehearsal`, requestedBy: 'rehearsal', ...more };
    return this.#execute({ stateMachineArn, name: this.#executionName(), input: JSON.stringify(input) }, phases, 0);
  }

  /** The failover that nobody starts: that of the automatic mode, should this book be lost now. It is waited for from now on. */
  async failoverByItself(region: string, phases: readonly Phase[]): Promise<WorkflowEnd> {
    const stateMachineArn = this.#installation.machineArn('failover', region);
    const name = automaticName([{ book: this.book, epoch: (this.tenures().at(-1)?.epoch ?? 0) as Epoch }]);
    const begun = async (): Promise<void> => {
      await until(`a failover that begins by itself in ${region}`, byItselfBoundMs, () => this.executionsOf('failover').some((each) => each.name === name));
    };
    return this.#execute({ stateMachineArn, name, input: '' }, phases, 0, begun);
  }

  /** Those that have begun of a machine, in whatever Region. */
  executionsOf(machine: string): readonly { readonly name: string; readonly region: string }[] {
    return this.#installation.watchers.executionLog.executions.filter((each) => each.machine === `baton-${this.environment}-${machine}`);
  }

  /** Where the book's lease says that its home is, and the other Region. */
  get home(): string {
    return this.#installation.homeOf(this.book);
  }

  get standby(): string {
    const { first, second } = this.regions;
    return this.home === first.name ? second.name : first.name;
  }

  /** All of a Region is gone in one blow. */
  async darken(region: string): Promise<void> {
    this.#ends.set(region, this.injected(`${region} goes dark`));
    await this.#installation.world.darken(region);
  }

  async relight(region: string): Promise<void> {
    await this.#installation.world.relight(region);
    this.#ends.get(region)?.();
    this.progress.note(`${region} is back`);
  }

  /** Its services answer 503, DynamoDB apart; what runs there runs on, until the answer is called. */
  loseControlPlane(region: string): () => void {
    return both(this.#installation.world.loseControlPlane(region), this.injected(`the control plane of ${region} is gone`));
  }

  /** Two Regions do not reach each other, the witness may be one of them, until the answer is called. */
  cutLink(one: string, other: string): () => void {
    return both(this.#installation.world.cutLink(one, other), this.injected(`${one} and ${other} do not reach each other`));
  }

  /** The replica of the database in this Region gets nothing more and is said to be so far behind, until the answer is called. */
  letReplicaLag(region: string, seconds: number): () => void {
    const { databases } = this.#installation;
    return both(databases.letReplicaLag(region, this.#databaseName, seconds), this.injected(`the database of ${region} falls ${seconds} s behind`));
  }

  /** What can be done with the database of a Region, as somebody finds it who looks at the server itself. */
  async databaseOf(region: string): Promise<'written' | 'read only' | 'replica' | 'away'> {
    const { databases, world } = this.#installation;
    const described = await world.look<{ DBInstances: { DBInstanceStatus: string }[] }>({
      service: 'rds', operation: 'DescribeDBInstances', region, input: { DBInstanceIdentifier: this.#databaseName },
    });
    const server = databases.running(region).get(this.#databaseName)?.server;
    if (described?.DBInstances[0]?.DBInstanceStatus !== 'available' || server === undefined) return 'away';
    const [row] = await server.ask<{ replica: boolean; closed: boolean }>(
      `SELECT pg_is_in_recovery() AS replica, EXISTS (SELECT FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = 'baton' AND 'default_transaction_read_only=on' = ANY (s.setconfig)) AS closed`,
    ).catch(() => []);
    if (row === undefined) return 'away';
    return row.replica ? 'replica' : row.closed ? 'read only' : 'written';
  }

  /**
   * What the instances that were set aside in a Region have in their ledgers and the database that is written has not: by table, how
   * many. Empty when nothing was lost.
   */
  async lostRows(region: string): Promise<string> {
    const { databases } = this.#installation;
    const aside = [...databases.running(region)].filter(([name]) => name.startsWith(`${this.#databaseName}-before-`));
    if (aside.length === 0) return 'nothing was set aside';
    const written = databases.running(this.home).get(this.#databaseName)?.server;
    if (written === undefined) return 'nothing is written';
    const lost: string[] = [];
    for (const [table, key] of [['orders', 'client_order_id'], ['fills', 'execution_id']] as const) {
      const keys = async (server: typeof written): Promise<readonly string[]> =>
        (await server.ask<{ key: string }>(`SELECT ${key} AS key FROM ${table}`, [], 'baton')).map((row) => row.key);
      const kept = new Set(await keys(written));
      const missing = (await Promise.all(aside.map(([, { server }]) => keys(server)))).flat().filter((each) => !kept.has(each)).length;
      if (missing > 0) lost.push(`${missing} ${table}`);
    }
    return lost.join(', ');
  }

  /** The database and the Redis of a Region themselves, for whoever tries what they accept. */
  stores(region: string): { readonly database: RunningDatabase; readonly cache: RunningServer; readonly caFile: string } {
    const { databases, caches, caFile } = this.#installation;
    const database = databases.running(region).get(this.#databaseName);
    const cache = caches.servers(region).get(this.#databaseName);
    if (database === undefined || cache === undefined) throw new Error(`${region} has no database, or no Redis`);
    return { database, cache, caFile };
  }

  /** How many reports of the other Region have their copies in that one, once S3 had time to make them. */
  async reportsCopied(region: string, Prefix: string): Promise<number> {
    const Bucket = reportCopiesBucketName(this.settings, region);
    let count = 0;
    await until(`a copy of a report in ${region}`, copyBoundMs, async () => {
      count = (await this.operator<{ KeyCount: number }>('s3', 'ListObjectsV2', { Bucket, Prefix }, region)).KeyCount;
      return count > 0;
    }).catch(() => undefined);
    return count;
  }

  get #databaseName(): string {
    return `baton-${this.environment}`;
  }

  get #history(): LeaseHistory {
    const history = this.#installation.watchers.histories.get(this.book);
    if (history === undefined) throw new Error(`nobody keeps the history of ${this.book}`);
    return history;
  }

  /** Its tasks, and those that migrate for it, are no other book's. */
  #tasks(): readonly EcsTask[] {
    const { tasks, serviceOf } = this.#installation;
    const { service } = serviceOf(this.book);
    return tasks.tasks().filter(({ serviceName, definition }) => (serviceName ?? definition.family.replace(/-migration$/, '')) === service);
  }

  #executionName(): string {
    return `rehearsal-${this.#installation.world.uniqueId(8)}`;
  }

  /** @param begun until it has been started by somebody else */
  async #execute(start: Omit<Started, 'executionArn'>, phases: readonly Phase[], redrives: number, begun?: () => Promise<void>): Promise<WorkflowEnd> {
    const { progress } = this;
    const { watchers } = this.#installation;
    const { stateMachineArn, name, input } = start;
    const region = regionOfArn(stateMachineArn);
    const tracker = new PhaseTracker({
      execution: name, phases, progress, nowMs: watchers.nowMs, modelledMs: (fromMs, toMs) => watchers.compressed.modelledMs(fromMs, toMs, region),
    });
    const startMs = watchers.nowMs();
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
    const started = { ...start, executionArn };
    // Before the start: its first states are entered within the call.
    watchers.executions.set(executionArn, (event) => {
      tracker.see(event);
      for (const follower of this.#followers) follower(event, started);
    });
    await (begun?.() ?? this.operator('states', 'StartExecution', { stateMachineArn, name, input }, region));
    const ended = await this.executionEnded(executionArn, redrives);
    const outcome = outcomeOf(ended);
    tracker.finish(outcome === 'succeeded' || outcome === 'rolled-back' ? 'succeeded' : 'failed');
    progress.note(`${outcome}${ended.cause === undefined ? '' : `: ${ended.cause}`}`);
    const recorded = tracker.steps.find((step) => step.name === recordPhase && step.status === 'succeeded');
    return {
      outcome,
      steps: tracker.steps,
      startMs: startMs + watchers.beganMs,
      modelledMs: watchers.compressed.modelledMs(startMs, watchers.nowMs(), region),
      modelledUntilLiveMs: recorded && watchers.compressed.modelledMs(startMs, recorded.endMs, region),
      cause: ended.cause,
      report: ended.output === undefined ? undefined : (JSON.parse(ended.output) as Record<string, unknown>),
    };
  }

  /** What a stretch of real time, on the clock of the venue's record, stands for uncompressed. */
  modelledMs(fromMs: number, toMs: number): number {
    const { beganMs, compressed } = this.#installation.watchers;
    return compressed.modelledMs(fromMs - beganMs, toMs - beganMs);
  }

  /**
   * A limit that other installations on the same machine can break is twice as long beside them, and a second at least: so long may they
   * have every core. One that keeps the promise never is.
   */
  onAQuietMachine(limitMs: number): number {
    return this.#installation.besideOthers ? Math.max(2 * limitMs, 1000) : limitMs;
  }

  get provisioning(): ProvisioningColumn {
    return this.#installation.provisioning;
  }

  /** When orders were accepted, by epoch, on the clock of the venue's record. */
  acceptedIn(epoch: (epoch: number) => boolean): readonly number[] {
    return this.#accepted().filter((entry) => epoch(entry.epoch ?? 0)).map(({ decidedAtMs }) => decidedAtMs).sort((a, b) => a - b);
  }

  /** The same input for an execution of another name: a proof of who asks serves for one only. */
  inputFor(name: string, input: string): string {
    return JSON.stringify({ ...(JSON.parse(input) as object), ...this.#installation.people.proofFor(name) });
  }

  /** An execution's end, once it was redriven so often. */
  async executionEnded(executionArn: string, redrives = 0): Promise<Ended> {
    return until(`the end of ${executionArn}`, cutoverBoundMs, async () => {
      const execution = await this.#looked<Ended & { redriveCount: number }>('DescribeExecution', { executionArn });
      return execution !== undefined && execution.status !== 'RUNNING' && execution.redriveCount >= redrives && execution;
    });
  }

  /** A call of a person with the keys of the account; in the Region that the settings call home when not said. */
  operator<Answer = unknown>(service: string, operation: string, input: Record<string, unknown>, region?: string): Promise<Answer> {
    return this.#installation.operator<Answer>(service, operation, input, region);
  }

  /** What Step Functions says of an execution or a machine, in the dark too: the rehearsal sees everything. */
  #looked<Answer>(operation: string, input: Readonly<Record<string, string>>): Promise<Answer | undefined> {
    const [arn = ''] = Object.values(input);
    return this.#installation.world.look<Answer>({ service: 'states', operation, region: regionOfArn(arn), input });
  }

  /** Told of what the cutover does, at once; answers how to stop. */
  onWorkflow(follower: (event: ProgressEvent, started: Started) => void): () => void {
    this.#followers.add(follower);
    return () => void this.#followers.delete(follower);
  }

  /** Told of each write to this book's lease as it takes effect, before its writer knows; answers how to stop. */
  onLease(listener: (lease: Lease) => void): () => void {
    const { leaseWrites } = this.#installation.watchers;
    const heard: Parameters<typeof leaseWrites.add>[0] = ({ after }) => {
      const lease = leaseIn(after);
      if (lease?.book === this.book) listener(lease);
    };
    leaseWrites.add(heard);
    return () => void leaseWrites.delete(heard);
  }

  /** Calls of AWS services go wrong until the answer is called. */
  disturb(disturbance: Disturbance): () => void {
    return this.#installation.disturbances.add(disturbance);
  }

  /** On the clock of executions so much time passes at once, for whoever waits for people or for what never ends. */
  letTimePass(seconds: number): void {
    const { watchers } = this.#installation;
    watchers.aheadMs += seconds * 1000;
    watchers.compressed.waited(watchers.nowMs(), watchers.nowMs() + timePassesMs, seconds * 1000 + timePassesMs);
  }

  /** What the people do who are asked for an approval. */
  set approvers(doWhat: Approving) {
    this.#installation.people.approving = doWhat;
  }

  get approvalSeconds(): number {
    return this.#installation.settings.approvals.withinMinutes * 60;
  }

  /** Cuts the network of containers until the answer is called. */
  cut(cut: Cut): () => void {
    return this.#installation.routes.cut(cut);
  }

  /** Of the book, wherever they are. */
  get exchangeKeys(): ExchangeKeys {
    return new ExchangeKeys(this.#installation, this.book);
  }

  /** A release that goes wrong. */
  variant(name: Variant): Promise<Release> {
    return this.#installation.variant(name);
  }

  get venue(): Pick<RunningVenue, 'setClockOffset'> {
    return this.#installation.venue;
  }

  /** Somebody sells at the venue's own screen, on the book's sub-account. */
  sellByHand(quantityMicro: number): void {
    const { market } = this.#installation.venue;
    this.injected(`somebody sells ${quantityMicro / 1e6} by hand on the book's sub-account`);
    market.create(this.book, { orderLinkId: '', side: 'Sell', priceCents: Math.round(market.bidCents * 0.99), quantityMicro });
  }

  /** Somebody moves coins to the book's sub-account: a wallet changes and no execution says why. */
  depositByHand(quantityMicro: number): void {
    this.injected(`somebody moves ${quantityMicro / 1e6} to the book's sub-account`);
    this.#installation.venue.market.wallet(this.book).baseNano += quantityMicro * 1000;
  }

  /** Each time that an alarm rang, in the Region that the settings call home when not said, with the topics that it told. */
  ringings(alarmName: string, region = this.regions.home.name): readonly Ringing[] {
    return this.#installation.monitoring.rung.filter((each) => each.name === alarmName && each.region === region);
  }

  /** What Cost Explorer answers from now on, of what was spent. */
  spent(...what: readonly Spending[]): void {
    (this.#installation.world.model('ce') as CostExplorer).spent(...what);
  }

  /** Letters of AWS Budgets, to the topic that it tells, in this order. */
  async tellOfTheBill(...letters: readonly string[]): Promise<void> {
    const { world, settings } = this.#installation;
    const { environment, account, regions } = settings;
    const caller = awsService('budgets.amazonaws.com', `arn:aws:budgets::${account}:budget/baton-${environment}`);
    for (const Message of letters) {
      const input = { TopicArn: this.#topicArn('cost'), Subject: `AWS Budgets: baton-${environment} has exceeded your alert threshold`, Message };
      await world.call({ service: 'sns', operation: 'Publish', region: regions.first.name, caller, input });
    }
  }

  /** What AWS measured of something in both Regions, in each of so many hours before now. */
  measuredHourly(namespace: string, name: string, dimensions: Readonly<Record<string, string>>, hours: number, value: (hour: number) => number): void {
    const metrics = this.#installation.world.model('monitoring') as Monitoring;
    const nowMs = Date.now();
    for (const region of [this.regions.first.name, this.regions.second.name]) {
      for (let hour = 1; hour <= hours; hour += 1) metrics.record({ region, namespace, name, dimensions, value: value(hour), at: new Date(nowMs - hour * 3_600_000) });
    }
  }

  /** What a topic of the first Region was told. */
  publishedTo(topic: string): readonly string[] {
    return (this.#installation.world.model('sns') as Sns).published.filter(({ topicArn }) => topicArn === this.#topicArn(topic)).map(({ message }) => message);
  }

  #topicArn(topic: string): string {
    const { environment, account, regions } = this.#installation.settings;
    return `arn:aws:sns:${regions.first.name}:${account}:baton-${environment}-${topic}`;
  }

  /** A schedule of the first Region that comes seldom comes now; as far as its event says, at that time. */
  comesDue(rule: string, at?: Date): void {
    (this.#installation.world.model('events') as Events).comesDue(this.regions.first.name, `baton-${this.environment}-${rule}`, at);
  }

  /** What stands in the bucket of reports of the first Region, as text. */
  async reportAt(key: string): Promise<string> {
    const region = this.regions.first.name;
    const { Buckets } = await this.operator<{ Buckets: { Name: string }[] }>('s3', 'ListBuckets', {}, region);
    const bucket = Buckets.map(({ Name }) => Name).find((name) => name.startsWith(`baton-${this.environment}-reports`) && name.includes(region));
    const { Body } = await this.operator<{ Body: Uint8Array }>('s3', 'GetObject', { Bucket: bucket, Key: key }, region);
    return Buffer.from(Body).toString();
  }

  /** Which of these calls of ECS a role of the system is refused, when somebody makes them in its name. */
  async refusedTo(role: RegExp, region: string, attempts: readonly (readonly [operation: string, input: Record<string, unknown>])[]): Promise<readonly string[]> {
    const { world } = this.#installation;
    const found = [...(world.model('iam') as Iam).roles.values()].find(({ name }) => role.test(name));
    if (found === undefined) throw new Error(`there is no role ${role.source}`);
    const refused: string[] = [];
    for (const [operation, input] of attempts) {
      this.permissions.expectRefusal({ role: new RegExp(`^${found.name}$`), action: `ecs:${operation}` });
      const outcome = await world.call({ service: 'ecs', operation, region, caller: world.callerFor(found.arn), input }).catch((error: unknown) => (error as Error).name);
      if (outcome === 'AccessDeniedException') refused.push(operation);
    }
    return refused;
  }

  /** What a function has logged. */
  linesOf(name: string): readonly string[] {
    const ofIt = `/aws/lambda/baton-${this.environment}-${name}`;
    return [...this.#installation.logs.everything()].filter(({ group }) => group.endsWith(ofIt)).map(({ message }) => message);
  }

  get environment(): string {
    return this.#installation.settings.environment;
  }

  get settings(): Settings {
    return this.#installation.settings;
  }

  get regions(): Settings['regions'] {
    return this.#installation.settings.regions;
  }

  /** Lets the database of the settings' home be written again after its Region's watch has closed it. */
  async readmitDatabase(): Promise<void> {
    const { settings } = this.#installation;
    const Payload = new TextEncoder().encode(JSON.stringify({ step: 'readmit' }));
    const { FunctionError } = await this.operator<{ FunctionError?: string }>('lambda', 'Invoke', {
      FunctionName: `baton-${settings.environment}-${databaseRecovery.name}`, Payload,
    });
    if (FunctionError !== undefined) throw new Error(`the database was not let be written: ${FunctionError}`);
  }

  get leaseTable(): string {
    return this.#installation.leaseTable;
  }

  /** Every task of a colour that has processes, in the home Region when not said. */
  tasksOf(colour: Colour, region = this.home): readonly RunningTask[] {
    return this.#livingIn(region).flatMap(({ externalId, running }) => (externalId === colour && running !== undefined ? [running] : []));
  }

  /** How many tasks of the book a Region has, whatever colour. */
  taskCount(region: string): number {
    return this.#livingIn(region).length;
  }

  /** The image that a Region's tasks of the book run, by container; undefined when they differ, or there is none. */
  runs(region: string, container: 'guard' | 'trader'): string | undefined {
    const images = this.#livingIn(region).map(({ definition }) => definition.containerDefinitions.find(({ name }) => name === container)?.image.split('@').at(-1));
    return new Set(images).size === 1 ? images[0] : undefined;
  }

  #livingIn(region: string): readonly EcsTask[] {
    return this.#tasks().filter((task) => task.region === region && task.lastStatus !== 'STOPPED');
  }

  /** The task that holds the book. */
  async activeTask(): Promise<RunningTask> {
    const holder = this.tenures().at(-1)?.holder;
    if (holder === undefined || holder === null) throw new Error('nobody holds the book, so no task is active');
    const { running } = await this.#taskOf(holder);
    if (running === undefined) throw new Error(`the task of ${holder} has no processes`);
    return running;
  }

  /** Kills the task that holds the book, guard and trader at once, and says which epoch died with it. */
  async killActive(): Promise<{ readonly epoch: number }> {
    const tenure = this.tenures().at(-1);
    if (tenure?.holder === undefined || tenure.holder === null) throw new Error('nobody holds the book: there is nothing to kill');
    const task = await this.#taskOf(tenure.holder);
    task.running?.kill();
    this.injected(`killed ${tenure.holder}, epoch ${tenure.epoch}`);
    return { epoch: tenure.epoch };
  }

  /** Notes what is done to the system, for whoever watches and for the report. What lasts ends when the answer is called. */
  injected(what: string): () => void {
    const { injected, nowMs } = this.#installation.watchers;
    const index = injected.push({ what, fromMs: Math.round(nowMs()), toMs: null }) - 1;
    this.progress.note(what);
    return () => {
      injected[index] = { ...injected[index]!, toMs: Math.round(nowMs()) };
    };
  }

  /** The time from the last accepted order of this epoch to the first of a later one. */
  async nextEpochTrades(epoch: number): Promise<number> {
    // The judge reads the whole record: it is asked once, when there is something to judge.
    await until(`orders of an epoch after ${epoch}`, orderBoundMs, () => this.#accepted().some((entry) => (entry.epoch ?? 0) > epoch));
    const handover = this.handovers().find((each) => each.fromEpoch === epoch);
    if (handover === undefined) throw new Error(`no order of epoch ${epoch} was ever accepted, so there is no gap after it`);
    return handover.gapMs;
  }

  /** Orders by their ids, accepted or not: whoever sent them meant this book. */
  venueHeardOf(book: string): number {
    return this.#installation.venue.record.filter((entry) => entry.book === book).length;
  }

  ordersAccepted(): number {
    return this.#accepted().length;
  }

  async ordersAcceptedReach(count: number): Promise<void> {
    await until(`${count} accepted orders`, orderBoundMs, () => this.ordersAccepted() >= count);
  }

  /** The longest time without an accepted order since that moment, on the clock of the venue's record. */
  longestSilenceMs(sinceMs: number): number {
    const decidedMs = this.#accepted().map((entry) => entry.decidedAtMs).sort((a, b) => a - b);
    const from = Math.max(0, decidedMs.findLastIndex((atMs) => atMs <= sinceMs));
    const moments = [...decidedMs.slice(from), monotonicMs()];
    return Math.max(0, ...moments.slice(1).map((atMs, index) => atMs - (moments[index] ?? atMs)));
  }

  /** Orders that reached the venue in that time, whatever it made of them. */
  ordersSince(sinceMs: number): readonly VenueEntry[] {
    const { record } = this.#installation.venue;
    return record.filter((entry) => entry.path === createOrderPath && entry.book === this.book && entry.arrivedAtMs >= sinceMs);
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
    return this.#history.grants;
  }

  /** Starts the other colour beside the one that trades, as a cutover does, from the same images: warm and lease-less. */
  async warmOtherColour(): Promise<void> {
    const service = this.#installation.serviceOf(this.book);
    const { taskSets } = await this.#installation.operator<{ taskSets: Record<string, unknown>[] }>('ecs', 'DescribeTaskSets', service);
    const live = await this.holder();
    const taskSet = taskSets.find((set) => set['externalId'] === live?.colour);
    if (live === undefined || taskSet === undefined) throw new Error('nobody holds the book: let a cutover open it first');
    const colour = otherColour(live.colour);
    const { taskDefinition } = await this.#installation.operator<{ taskDefinition: TaskDefinition }>('ecs', 'DescribeTaskDefinition', { taskDefinition: taskSet['taskDefinition'] });
    const registered = await this.#installation.operator<{ taskDefinition: { taskDefinitionArn: string } }>('ecs', 'RegisterTaskDefinition', revisionIn(colour, taskDefinition));
    await this.#installation.operator('ecs', 'CreateTaskSet', {
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

  /** Until so many instances of a colour say that they are ready and reconciled, and are seen to be alive; in the home Region when not said. */
  async instancesReady(colour: Colour, count: number, region = this.home): Promise<void> {
    const first = new Map<InstanceId, number>();
    await until(`${count} ready instances of ${colour}`, instancesBoundMs, async () => {
      const { registrations } = await this.#store.readAll(this.book);
      const ready = registrations.filter((each) => each.colour === colour && each.ready && each.reconciled && regionOf(each.instance) === region);
      for (const { instance, beat } of ready) if (!first.has(instance)) first.set(instance, beat);
      return ready.filter(({ instance, beat }) => first.get(instance) !== beat).length >= count;
    });
  }

  tenures(): readonly Tenure[] {
    return this.#history.tenures;
  }

  async holder(): Promise<{ readonly colour: Colour } | undefined> {
    const holder = this.tenures().at(-1)?.holder;
    return holder === undefined || holder === null ? undefined : { colour: colourOf(holder as Parameters<typeof colourOf>[0]) };
  }

  /** Orders that the venue accepted and the ledger of the home Region does not have, once the ledger's writer had time to catch up. */
  async missingFromLedger(): Promise<number> {
    const accepted = this.#acceptedIds();
    let missing = accepted.size;
    await until('every accepted order in the ledger', settleBoundMs, async () => {
      const known = await this.#ledger('SELECT client_order_id AS id FROM orders');
      missing = [...accepted].filter((id) => !known.has(id)).length;
      return missing === 0;
    }).catch(() => undefined);
    return missing;
  }

  /** How many executions of the book the venue has made. */
  executions(): number {
    return this.#installation.venue.market.executions(this.book).length;
  }

  async executionsReach(count: number): Promise<void> {
    await until(`${count} executions`, orderBoundMs, () => this.executions() >= count);
  }

  /** What the venue knows by now and the ledger of the home Region does not, once its writer had time to catch up; empty when it has everything. */
  async untold(): Promise<string> {
    const { market } = this.#installation.venue;
    const executed = market.executions(this.book).map(({ executionId }) => executionId);
    const ended = market.ended(this.book).map(({ orderLinkId }) => orderLinkId);
    let words = '';
    await until('every execution and every end in the ledger', tailBoundMs, async () => {
      const fills = await this.#ledger('SELECT execution_id AS id FROM fills');
      const open = await this.#ledger("SELECT client_order_id AS id FROM orders WHERE state IN ('PENDING', 'SUBMITTED')");
      const lacking = { executions: executed.filter((id) => !fills.has(id)).length, 'ends of orders': ended.filter((id) => open.has(id)).length };
      words = Object.entries(lacking).flatMap(([what, count]) => (count === 0 ? [] : [`${count} ${what}`])).join(', ');
      return words === '';
    }).catch(() => undefined);
    return words;
  }

  /** What a cutover should have put away and did not, in words; empty when the book is as it should be. In the home Region when not said. */
  async leftOver(live: Colour, region = this.home): Promise<readonly string[]> {
    const settled = await until('a settled book', settleBoundMs, async () => {
      const found = await this.#leftOver(live, region);
      return found.length === 0 && found;
    }).catch(() => undefined);
    return settled ?? (await this.#leftOver(live, region));
  }

  /** What was seen, moment by moment, for the report. */
  async observed(): Promise<Observed> {
    const { venue, watchers } = this.#installation;
    const { beganMs, executionLog, injected, compressed, nowMs } = watchers;
    const describe = async <Answer>(operation: string, input: Readonly<Record<string, string>>): Promise<Answer> => {
      const answer = await this.#looked<Answer>(operation, input);
      if (answer === undefined) throw new Error(`${operation} of ${Object.values(input).join()} was refused`);
      return answer;
    };
    const seen = executionLog.executions;
    const machines = new Map(seen.map(({ machine, machineArn }) => [machine, machineArn]));
    return {
      orders: ordersIn(venue.record, { book: this.book, beganMs }),
      handovers: handoversSince(this.handovers(), beganMs),
      injected,
      executions: await Promise.all(seen.map(async ({ arn, name, machine, region, fromMs, transitions }) => {
        const { status, error, cause } = await describe<{ status: string; error?: string; cause?: string }>('DescribeExecution', { executionArn: arn });
        const toMs = transitions.at(-1)?.atMs ?? fromMs;
        return { name, machine, region, fromMs, toMs, transitions, status, ...(error !== undefined && { error }), ...(cause !== undefined && { cause }) };
      })),
      machines: Object.fromEntries(await Promise.all([...machines].map(async ([name, stateMachineArn]) => {
        const { definition } = await describe<{ definition: string }>('DescribeStateMachine', { stateMachineArn });
        return [name, drawnGraph(parseDefinition(definition))] as const;
      }))),
      compressed: compressed.spans(0, nowMs()),
    };
  }

  /** Names of the places in which a secret's value stands that must not. */
  secretsFound(): Promise<readonly string[]> {
    return secretsFound(this.#installation);
  }

  async #leftOver(live: Colour, region: string): Promise<readonly string[]> {
    const service = this.#installation.serviceOf(this.book);
    const { lease, registrations } = await this.#store.readAll(this.book);
    const { taskSets } = await this.#installation.operator<{ taskSets?: { externalId?: string }[] }>('ecs', 'DescribeTaskSets', service, region);
    const counted = {
      'task sets': (taskSets ?? []).filter((set) => set.externalId !== live).length,
      tasks: this.#livingIn(region).filter((task) => task.externalId !== live).length,
      registrations: registrations.filter(({ colour, instance }) => colour !== live && regionOf(instance) === region).length,
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
      for (const task of this.#tasks()) {
        const port = task.running?.ports['BATON_GUARD_PORT'];
        if (port === undefined) continue;
        const view = (await fetch(`http://127.0.0.1:${port}/v1/lease`).then((answer) => answer.json()).catch(() => undefined)) as { instance?: string } | undefined;
        if (view?.instance === instance) return task;
      }
      return undefined;
    });
  }

  #judgement(): ReturnType<typeof judge> {
    const { venue } = this.#installation;
    return judge(venue.record, { book: this.book, grants: this.#history.grants });
  }

  #accepted(): readonly VenueEntry[] {
    return this.#installation.venue.record.filter((entry) => entry.accepted && entry.path === createOrderPath && entry.book === this.book);
  }

  #acceptedIds(): ReadonlySet<string> {
    return new Set(this.#accepted().flatMap(({ clientOrderId }) => (clientOrderId === undefined ? [] : [clientOrderId])));
  }

  async #ledger(query: string): Promise<ReadonlySet<string>> {
    const database = this.#installation.databases.running(this.home).get(this.#databaseName);
    if (database === undefined) throw new Error(`there is no database in ${this.home}`);
    const rows = await database.server.ask<{ id: string }>(query, [], 'baton');
    return new Set(rows.map(({ id }) => id));
  }
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

/** The machines that move books from Region to Region. */
export type Recovery = 'failover' | 'switchover' | 'failback' | 'backup-verification' | 'restore-database' | 'dr-drill';

function regionOfArn(arn: string): string {
  return arn.split(':')[3] ?? '';
}

function both(one: () => void, other: () => void): () => void {
  return () => {
    one();
    other();
  };
}

function outcomeOf({ status, error }: { status: string; error?: string }): Outcome {
  if (status === 'SUCCEEDED') return 'succeeded';
  if (error === endings.rolledBack) return 'rolled-back';
  return error === endings.refused ? 'refused' : 'needs-a-person';
}
