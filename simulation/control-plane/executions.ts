/**
 * The synthesized state machines in a seed's system, on the models of AWS that the rehearsal has: Step Functions runs the definitions of the templates, ECS starts
 * guards and traders, functions write the lease that these hold. People start executions, stop them, and go on with those that were stopped.
 */
import type { LeaseControl } from '../../lib/lease/control.ts';
import type { HeldKey } from '../../containers/guard/venue-key.ts';
import { colourOf, type Colour, type Lease } from '../../lib/lease/model.ts';
import { Secret } from '../../lib/secret.ts';
import { RegionDarkError, type BusEvent, type ServiceModel } from '../../rehearsal/cloud/model.ts';
import type { CloudWorld } from '../../rehearsal/cloud/world.ts';
import { ecr } from '../../rehearsal/services/ecr.ts';
import { ecs, type EcsModel } from '../../rehearsal/services/ecs.ts';
import { events } from '../../rehearsal/services/events.ts';
import { kms } from '../../rehearsal/services/kms.ts';
import { monitoring } from '../../rehearsal/services/monitoring.ts';
import { s3 } from '../../rehearsal/services/s3.ts';
import { secretsmanager } from '../../rehearsal/services/secretsmanager.ts';
import { sns } from '../../rehearsal/services/sns.ts';
import { ssm } from '../../rehearsal/services/ssm.ts';
import type { StateMachineDefinition } from '../../rehearsal/states/definition.ts';
import { statesModel } from '../../rehearsal/services/states.ts';
import type { Actors } from '../machines.ts';
import type { BadRelease, PlannedMove } from '../swarm.ts';
import { regions } from '../cloud.ts';
import { account, addresses, apiKey as firstKey, book, secret, type SimulatedSystem } from '../system.ts';
import type { SimulatedTask } from '../task.ts';
import { Databases } from './databases.ts';
import { installation, settings, type Made } from './deployed.ts';
import { ExchangeKeys } from './exchange-keys.ts';
import { Fargate } from './fargate.ts';
import { simulatedFunctions, type SimulatedFunctions } from './functions.ts';

/** Those that people start here, and what starts others. */
const played: ReadonlySet<string> = new Set(['cutover', 'rollback', 'halt', 'resume', 'failover', 'revoke-now', 'switchover', 'failback', 'refresh-standby'].map((name) => `${installation}-${name}`));
/** Made in the models at the beginning of each run; of rules those of the last nets, of machines those that are played. */
const madeAtFirst: readonly string[] = [
  'AWS::KMS::Key', 'AWS::KMS::Alias', 'AWS::ECR::Repository', 'AWS::ECS::Cluster', 'AWS::ECS::ClusterCapacityProviderAssociations', 'AWS::ECS::TaskDefinition', 'AWS::ECS::Service',
  'AWS::SSM::Parameter', 'AWS::SNS::Topic', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret', 'AWS::StepFunctions::StateMachine', 'AWS::Events::Rule',
];
const machineType = 'AWS::StepFunctions::StateMachine';
const isOfARun = ({ type, properties }: Made): boolean =>
  type === machineType ? played.has(String(properties['StateMachineName'])) : type !== 'AWS::Events::Rule' || String(properties['Name']).includes('-last-net');

const imageOf = (release: number): string => `sha256:${release.toString(16).padStart(64, '0')}`;
const guardImage = imageOf(0xbad9e);
/** So many releases there are at most in a run. */
const releasesMax = 60;
const leaseMs = 5000;
const cluster = installation;
/** A person looks again. */
const againAfterMs = 4000;
const watchEveryMs = 5000;

/** An execution that has ended. */
export interface EndedExecution {
  readonly arn: string;
  readonly machine: string;
  /** One of the endings, or the error or status of one that has none. */
  readonly ending: string;
  readonly cause: string;
  readonly wasStopped: boolean;
  /** What was and what is recorded and runs; nothing where others changed the book in its time, or a stopped one had left it between two releases. */
  readonly before: Kept | undefined;
  readonly after: Kept | undefined;
  /** A task set beside the primary one; as above. */
  readonly beside: string | undefined;
}

interface TaskSetShown {
  readonly id: string;
  readonly status: string;
  readonly externalId: string;
  readonly taskDefinition: string;
}

type Kept = { readonly [Name in 'home' | 'live' | 'previous' | 'contractedBy']: Lease[Name] | undefined } & {
  readonly colour: Colour | undefined;
  readonly primary: string | undefined;
  readonly taskSets: readonly string[];
  readonly parameter: string;
};

interface Running {
  readonly execution: string;
  readonly machine: string;
  readonly startedAtMs: number;
  readonly before: Kept | undefined;
  /** Another one was at work, or people halted the book meanwhile. */
  disturbed: boolean;
  wasStopped: boolean;
}

export class Executions implements Actors {
  readonly endWithinMs = 200_000;
  readonly handOverWithinMs = 120_000;
  readonly ended: EndedExecution[] = [];
  /** For whoever wants to know what a machine that is wrong would do. */
  redefine: (machine: string, definition: StateMachineDefinition) => StateMachineDefinition = (_, definition) => definition;
  readonly #system: SimulatedSystem;
  readonly #made: readonly Made[];
  readonly #running = new Map<string, Running>();
  readonly #fargate: Fargate;
  readonly #service = `${installation}-${book}`;
  /** What was seen broken of the exchange keys. */
  readonly keys: ExchangeKeys;
  #functions!: SimulatedFunctions;
  #tasks!: EcsModel;
  #databases!: Databases;
  readonly #secretName = `${installation}/${book}/venue`;
  #isKeyThere = false;
  #started = 0;
  #releases = 1;
  /** Releases that are wrong, by their images. */
  readonly #bad = new Map<string, BadRelease>();

  constructor(system: SimulatedSystem, made: readonly Made[]) {
    this.#system = system;
    this.#made = made;
    this.#fargate = new Fargate({
      time: system.time, random: system.draw.random,
      start: (region, { BATON_COLOUR: colour, BATON_IMAGE_DIGEST: imageDigest }) =>
        system.startTask(region, colour as Colour, { imageDigest, isBad: this.#bad.get(imageDigest ?? '') }),
      onGone: (task) => system.forget(task),
    });
    const { time, network, draw: { random } } = system;
    this.keys = new ExchangeKeys({ time, network, random, ring: system.venue.keys, account, first: firstKey, planted: secret, addresses, current: () => this.#currentKey() });
  }

  /** The models that the machines need, besides the tables. */
  services(world: CloudWorld): readonly ServiceModel[] {
    const { time, draw: { random }, databases } = this.#system;
    const stored = new Databases(world, databases, regions.home);
    this.#databases = stored;
    const images = new Map([guardImage, ...Array.from({ length: releasesMax }, (_, release) => imageOf(release + 1))].map((digest) => [digest, { digest } as never]));
    this.#tasks = ecs(world, { launcher: this.#fargate.launcher, images });
    this.#functions = simulatedFunctions(world, {
      time, network: this.#system.network, random, made: this.#made, books: [book], cloud: () => this.#system.cloud, keys: this.keys, addresses, database: (region) => stored.steps(region),
      onFailure: (process, error) => this.#system.trace(process, error),
    });
    const states = statesModel(world, {
      onProgress: ({ name }, { kind, state, ...more }) => {
        if (kind === 'entered' || kind === 'caught' || kind === 'retried') this.#system.trace(name, `${kind} ${state}${'error' in more ? ` ${more.error}` : ''}`);
      },
    });
    world.onBusEvent((event) => this.#heard(event));
    return [this.#tasks, this.#functions, states, stored.model, ...[ecr, events, kms, monitoring, s3, secretsmanager, sns, ssm].map((model) => model(world))];
  }

  get running(): readonly { readonly execution: string; readonly startedAtMs: number }[] {
    return [...this.#running.values()];
  }

  /** On whose behalf a process acts: a machine's execution, or a function that it called. */
  executionOf(process: string): string | undefined {
    const name = process.split(' of ').at(-1) ?? '';
    return this.#named.get(name);
  }
  readonly #named = new Map<string, string>();

  /** A failover leaves alone only others of its own machine: one from elsewhere decides. A rollback and a revocation end a cutover. */
  mayPreempt(execution: string, heldBy: string): boolean {
    if (execution.includes('-failover:')) return !heldBy.startsWith(execution.slice(0, execution.lastIndexOf(':') + 1));
    return heldBy.includes('-cutover:') && (execution.includes('-rollback:') || execution.includes('-revoke-now:'));
  }

  mayHalt(execution: string): boolean {
    return execution.includes('-halt:');
  }

  /** As a first cutover leaves the book; from here on machines change it. */
  async open(): Promise<void> {
    const { cloud: { world }, time } = this.#system;
    const models = new Map(world.models().flatMap((model) => Object.entries(model.resources ?? {})));
    for (const type of madeAtFirst) for (const each of this.#made) if (each.type === type && isOfARun(each)) await models.get(type)!(type === machineType ? this.#redefined(each) : each);
    for (const region of [regions.home, regions.away]) {
      for (const [repositoryName, digests] of [['trader', [...Array(releasesMax).keys()].map((release) => imageOf(release + 1))], ['guard', [guardImage]]] as const) {
        for (const imageDigest of digests) await this.#operator('ecr', 'PutImage', region, { repositoryName: `${installation}/${repositoryName}`, imageDigest, imageManifest: imageDigest });
      }
    }
    // As a person puts it in.
    await this.#operator('secretsmanager', 'PutSecretValue', regions.home, { SecretId: this.#secretName, SecretString: JSON.stringify({ apiKey: firstKey, secret }) });
    this.#isKeyThere = true;
    this.#system.cloud.onCall(({ service }) => service === 'secretsmanager' && this.keys.look());
    const deployment = time.process('deployment', { driftPpm: 0 });
    deployment.run(() => void this.#firstRelease(this.#system.control(deployment, regions.home)));
    if (this.#system.plan.faults.some(({ kind }) => kind === 'move-by-plan')) for (const region of [regions.home, regions.away]) this.#watch(region);
  }

  /** What EventBridge asks every minute; here every few seconds, for a look costs as much as a second of trading. */
  #watch(region: string): void {
    const { time } = this.#system;
    time.at(time.nowMs + watchEveryMs, undefined, () => {
      const looked = this.#isDark(region) ? Promise.resolve() : this.#operator('lambda', 'Invoke', region, { FunctionName: `${installation}-region-watch`, Payload: JSON.stringify({ step: 'watch' }) });
      void looked.catch(() => undefined).then(() => this.#watch(region));
    });
  }

  #redefined(machine: Made): Made {
    const { StateMachineName: name, DefinitionString: text } = machine.properties as Readonly<Record<string, string>>;
    const definition = this.redefine(name!.slice(installation.length + 1), JSON.parse(text!) as StateMachineDefinition);
    return { ...machine, properties: { ...machine.properties, DefinitionString: JSON.stringify(definition) } };
  }

  async #firstRelease(control: LeaseControl): Promise<void> {
    await control.createBook({ book, home: regions.home, leaseMs });
    const live = { imageDigest: imageOf(1), guardDigest: guardImage, taskDefinition: '' };
    for (const [region, scale] of [[regions.home, 100], [regions.away, 50]] as const) {
      const taskDefinition = await this.#revision(region, 'blue', live.imageDigest);
      const { taskSet } = await this.#operator<{ taskSet: { id: string } }>('ecs', 'CreateTaskSet', region, {
        cluster, service: this.#service, externalId: 'blue', taskDefinition, launchType: 'FARGATE', scale: { value: scale, unit: 'PERCENT' },
        networkConfiguration: { awsvpcConfiguration: { subnets: ['subnet-1'] } },
      });
      await this.#operator('ecs', 'UpdateServicePrimaryTaskSet', region, { cluster, service: this.#service, primaryTaskSet: taskSet.id });
      if (region === regions.home) live.taskDefinition = taskDefinition;
    }
    const { token } = await control.takeWorkflow(book, 'deployment');
    await control.recordLive(book, token, live);
    await control.open(book, token);
    await control.releaseWorkflow(book, 'deployment');
  }

  /** The template of the book with these images, as a cutover registers it. */
  async #revision(region: string, colour: Colour, digest: string): Promise<string> {
    const { taskDefinition } = await this.#operator<{ taskDefinition: { containerDefinitions: { name: string; image: string; environment: { name: string; value: string }[] }[] } & Record<string, unknown> }>(
      'ecs', 'DescribeTaskDefinition', region, { taskDefinition: `${this.#service}-template` },
    );
    const { taskDefinitionArn: _arn, revision: _revision, status: _status, compatibilities: _compatibilities, registeredAt: _at, ...template } = taskDefinition;
    const added = [{ name: 'BATON_COLOUR', value: colour }, { name: 'BATON_IMAGE_DIGEST', value: digest }];
    const containerDefinitions = template.containerDefinitions.map((container) => ({
      ...container, image: `${settings.account}.dkr.ecr.${region}.amazonaws.com/${installation}/${container.name}@${container.name === 'guard' ? guardImage : digest}`,
      environment: [...container.environment, ...added],
    }));
    const registered = await this.#operator<{ taskDefinition: { taskDefinitionArn: string } }>('ecs', 'RegisterTaskDefinition', region, { ...template, family: this.#service, containerDefinitions });
    return registered.taskDefinition.taskDefinitionArn;
  }

  /** A release of another image. */
  drain(_to?: Colour, release?: BadRelease): void {
    const home = this.#lease()?.home;
    if (home === undefined || this.#releases >= releasesMax) return;
    this.#releases += 1;
    if (release !== undefined) this.#bad.set(imageOf(this.#releases), release);
    const change = { risk: 2, costImpactUsdMonthly: 0, summary: 'quotes further from the touch' };
    this.#start('cutover', home, { book, images: { trader: imageOf(this.#releases), guard: guardImage }, reason: 'a new strategy', requestedBy: 'ada', change });
  }

  rollBack(): void {
    const home = this.#lease()?.home;
    if (home !== undefined) this.#start('rollback', home, { book, to: 'previous', reason: 'it loses money', requestedBy: 'grace' });
  }

  halt(): void {
    // In the Region where the book is, or in the other one.
    this.#start('halt', this.#system.draw.of([regions.home, regions.away]), { book, reason: 'looks odd', requestedBy: 'grace' });
  }

  resume(): void {
    const home = this.#lease()?.home;
    if (home !== undefined) this.#start('resume', home, { book, reason: 'it was nothing', requestedBy: 'grace' });
  }

  /** One that lives is left because two people want it; of one that does not the machine looks for itself. */
  moveHome(): void {
    const home = this.#lease()?.home;
    if (home === undefined) return;
    const force = this.#isDark(home) ? {} : { force: { reason: 'we want to leave it', approvedBy: 'edsger' } };
    this.#start('failover', home === regions.home ? regions.away : regions.home, { reason: 'the Region does not answer', requestedBy: 'ada', ...force });
  }

  /** To the Region that is not home: there the standby follows releases, as its watch sees to. */
  moveByPlan(machine: PlannedMove): void {
    const home = this.#lease()?.home;
    if (home === undefined) return;
    this.#movePlanned(machine, home === regions.home ? regions.away : regions.home);
  }

  #movePlanned(machine: PlannedMove, to: string): void {
    this.#start(machine, to, { reason: 'a new version of the Region', requestedBy: 'ada' });
  }

  /** A key that others may have is replaced at once, while the book is halted. */
  haltFor(): void {
    const home = this.#lease()?.home;
    if (home !== undefined) this.#start('revoke-now', home, { book, reason: 'the key was in a log', requestedBy: 'grace' });
  }

  /** By hand, and perhaps gone on with. */
  kill(): void {
    const { draw, time } = this.#system;
    const running = [...this.#running.values()].at(-1);
    if (running === undefined) return;
    const region = running.execution.split(':')[3]!;
    if (this.#isDark(region)) return;
    running.wasStopped = true;
    void this.#operator('states', 'StopExecution', region, { executionArn: running.execution, error: 'Operator', cause: 'by hand' });
    if (draw.random() < redrivenShare) {
      time.at(time.nowMs + draw.between(0, againAfterMs), undefined, () => {
        if (!this.#running.has(running.execution) && !this.#isDark(region)) void this.#operator('states', 'RedriveExecution', region, { executionArn: running.execution }).catch(() => undefined);
      });
    }
  }

  /** A function ends in the middle of what it does, or stands still. */
  breakFunction(forMs: number | undefined): void {
    const process = this.#functions.running.at(-1);
    if (process === undefined) return;
    if (forMs === undefined) this.#functions.kill(process);
    else process.pausedUntilMs = this.#system.time.nowMs + forMs;
  }

  /** What must hold when faults are over: the book is open, nobody has its lock, and a release that is not wrong has it. A person looks again and again. */
  restore(): void {
    const { time, tasks } = this.#system;
    time.at(time.nowMs + againAfterMs, undefined, () => this.restore());
    const lease = this.#lease();
    if (lease === undefined || this.#running.size > 0) return;
    const holder = tasks.find(({ wish }) => wish.instance === lease.holder);
    const { execution } = lease.workflow;
    if (execution !== undefined) this.#releaseByHand(lease.home, execution);
    else if (lease.mode === 'halted') this.resume();
    else if (holder?.wish.isBad !== undefined) this.drain();
    // As the report says: start the machine again, here.
    else if (!this.#databases.isWrittenIn(lease.home)) this.#movePlanned('failback', lease.home);
  }

  /** What its last net could not give back, as the runbook says. */
  #releaseByHand(region: string, execution: string): void {
    const detail = { executionArn: execution, status: 'ABORTED', input: JSON.stringify({ book }) };
    void this.#operator('lambda', 'Invoke', region, { FunctionName: `${installation}-release-workflow`, Payload: JSON.stringify({ detail }) });
  }

  replace(task: SimulatedTask): void {
    this.#fargate.lost(task);
  }

  /** What is missing of the tasks that ECS was asked for. */
  missing(): string | undefined {
    const wanted = this.#wanted();
    if (wanted.some(({ lastStatus }) => lastStatus !== 'RUNNING') || wanted.length < least) return 'a task is missing';
    const home = this.#lease()?.home;
    return home !== undefined && !this.#databases.isWrittenIn(home) ? `the database of ${home} is not written` : undefined;
  }

  get tasksWanted(): number {
    return this.#wanted().length;
  }

  #wanted(): ReturnType<EcsModel['tasks']> {
    return this.#tasks.tasks().filter(({ desiredStatus, serviceName: of }) => desiredStatus === 'RUNNING' && of !== undefined);
  }

  #start(machine: string, region: string, input: Record<string, unknown>): void {
    const { time, cloud: { world } } = this.#system;
    this.#started += 1;
    const name = `${machine}-${this.#started}`;
    if (this.#isDark(region)) return this.#system.trace('person', `gets no answer from ${region} for ${name}`, true);
    const execution = `arn:aws:states:${region}:${world.accountId}:execution:${installation}-${machine}:${name}`;
    this.#named.set(name, execution);
    this.#system.trace(name, `starts in ${region}`, true);
    // A function outlives the execution that called it and was stopped.
    const isDisturbed = this.#running.size > 0 || this.#functions.running.length > 0;
    this.#disturb();
    this.#running.set(execution, { execution, machine, startedAtMs: time.nowMs, before: this.#isBetweenTwo() ? undefined : this.#kept(), disturbed: isDisturbed, wasStopped: false });
    // Whatever it calls is known by its name.
    time.process(name, { driftPpm: 0 }).run(() => {
      void this.#operator('states', 'StartExecution', region, { stateMachineArn: `arn:aws:states:${region}:${world.accountId}:stateMachine:${installation}-${machine}`, name, input: JSON.stringify(input) });
    });
  }

  #disturb(): void {
    for (const each of this.#running.values()) each.disturbed = true;
  }

  #heard({ detailType, detail }: BusEvent): void {
    if (detailType !== 'Step Functions Execution Status Change') return;
    const { executionArn: arn, status, error, cause } = detail as { executionArn: string; status: string; error: string | null; cause: string | null };
    const running = this.#running.get(arn);
    if (status === 'RUNNING') {
      // Gone on with.
      if (running !== undefined) return;
      const machine = machineOf(arn);
      const isByTheWatch = machine === 'refresh-standby';
      // It changes nothing that trades.
      if (!isByTheWatch) this.#disturb();
      this.#running.set(arn, { execution: arn, machine, startedAtMs: this.#system.time.nowMs, before: undefined, disturbed: true, wasStopped: !isByTheWatch });
      return;
    }
    if (running === undefined) return;
    this.#running.delete(arn);
    const ending = status === 'SUCCEEDED' ? 'Succeeded' : (error ?? status);
    const { machine, wasStopped } = running;
    const before = running.disturbed ? undefined : running.before;
    this.ended.push({ arn, machine, ending, cause: cause ?? '', wasStopped, before, after: before && this.#kept(before), beside: before && this.#beside() });
    this.#system.trace(arn.split(':').at(-1) ?? '', `${ending}: ${cause ?? ''}`, true);
  }

  /** What a machine changes, and one that undoes its work leaves as it was. Who holds the book, where nobody does now, is whoever did. */
  #kept(before?: Kept): Kept {
    const { home, live, previous, contractedBy, holder } = this.#lease()!;
    const sets = this.#taskSets(home);
    const primary = sets.find(({ status }) => status === 'PRIMARY')?.id;
    // What an earlier attempt left may be gone.
    const taskSets = sets.filter(({ id, taskDefinition }) => id === primary || taskDefinition === live?.taskDefinition).map(({ id }) => id);
    const colour = holder === undefined ? before?.colour : colourOf(holder);
    return structuredClone({ home, live, previous, contractedBy, colour, primary, taskSets, parameter: this.#parameter(home) });
  }

  /** A release that was stopped has left another colour with the book than the primary one: the next one removes what it left, and nobody wants that back. */
  #isBetweenTwo(): boolean {
    const { home, holder } = this.#lease()!;
    const primary = this.#taskSets(home).find(({ status }) => status === 'PRIMARY');
    return holder !== undefined && primary?.externalId !== colourOf(holder);
  }

  /** Those of the book that are not on their way out. */
  #taskSets(region: string): readonly TaskSetShown[] {
    const { services } = this.#look('ecs', 'DescribeServices', region, { cluster, services: [this.#service] }) as { readonly services: readonly { readonly taskSets: readonly TaskSetShown[] }[] };
    return services[0]?.taskSets.filter(({ status }) => status !== 'DRAINING') ?? [];
  }

  #parameter(region: string): string {
    const { Parameter } = this.#look('ssm', 'GetParameter', region, { Name: `/baton/dev/${book}/live` }) as { readonly Parameter: { readonly Value: string } };
    return Parameter.Value;
  }

  /** What a service says at once. */
  #look(service: string, operation: string, region: string, input: Record<string, unknown>): unknown {
    const { world } = this.#system.cloud;
    return world.model(service)!.operations[operation]!(input, { service, operation, region, input, caller: world.operator.caller });
  }

  #beside(): string | undefined {
    const found = this.#taskSets(this.#lease()!.home).find(({ status }) => status !== 'PRIMARY');
    return found && `the task set ${found.id} (${found.externalId})`;
  }

  /** What no execution takes away any more, when the last one has succeeded. */
  leftOver(): string | undefined {
    const beside = this.#beside();
    if (beside !== undefined) return `${beside} runs beside the primary one`;
    // The watch looks again and again, and nobody waits for it.
    const still = this.#functions.running.find(({ name }) => this.executionOf(name) !== undefined);
    return still && `${still.name} still runs`;
  }

  /** What a guard reads, as the task that it is. */
  async readKey(region: string, roleArn: string | undefined): Promise<HeldKey> {
    const { world } = this.#system.cloud;
    const caller = roleArn === undefined ? world.operator.caller : world.callerFor(roleArn);
    const asked = world.call({ service: 'secretsmanager', operation: 'GetSecretValue', region, caller, input: { SecretId: this.#secretName } });
    // Of a Region that is dark nothing is heard.
    const answer = await asked.catch((error: unknown) => (error instanceof RegionDarkError ? new Promise<never>(() => undefined) : Promise.reject(error as Error)));
    const { SecretString, VersionId } = answer as { readonly SecretString: string; readonly VersionId: string };
    const texts = Object.entries(JSON.parse(SecretString) as Record<string, unknown>).filter((each): each is [string, string] => typeof each[1] === 'string');
    return { version: VersionId, texts: new Map(texts.map(([name, text]) => [name, new Secret(text)])) };
  }

  /** At home, where it is made and deleted. */
  #currentKey(): string | undefined {
    const home = this.#lease()?.home;
    if (!this.#isKeyThere || home === undefined) return undefined;
    const { SecretString } = this.#look('secretsmanager', 'GetSecretValue', home, { SecretId: this.#secretName }) as { readonly SecretString: string };
    return (JSON.parse(SecretString) as { readonly apiKey: string }).apiKey;
  }

  #isDark(region: string): boolean {
    return this.#system.cloud.world.outageOf(region) !== undefined;
  }

  #lease(): Lease | undefined {
    return this.#system.lease();
  }

  #operator<Answer = unknown>(service: string, operation: string, region: string, input: Record<string, unknown>): Promise<Answer> {
    const { world } = this.#system.cloud;
    return world.call({ service, operation, region, caller: world.operator.caller, input }) as Promise<Answer>;
  }
}

const redrivenShare = 0.5;
/** Two at home, one in the other Region. */
const least = 3;
const machineOf = (arn: string): string => arn.split(':').at(-2)!.slice(installation.length + 1);
