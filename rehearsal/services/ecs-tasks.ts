/**
 * The lives of ECS tasks: started after the time that Fargate takes, watched, stopped, and replaced by the scheduler
 * of their task set. Each step is an event on the bus, as at AWS.
 */
import type { BusEvent, World } from '../cloud/model.ts';
import type { BuiltImage } from '../processes/container-image.ts';
import { essentialExited, type RunningTask, type TaskContainer, type TaskLauncher } from '../processes/tasks.ts';
import { awsLogs } from './ecs-logs.ts';

export interface ContainerDefinition {
  readonly name: string;
  readonly image: string;
  readonly essential?: boolean;
  /** Overrides the image's. */
  readonly user?: string;
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: ReadonlyArray<{ readonly name: string; readonly value: string }>;
  readonly secrets?: readonly unknown[];
  readonly healthCheck?: {
    readonly command: readonly string[];
    readonly interval?: number;
    readonly timeout?: number;
    readonly retries?: number;
    readonly startPeriod?: number;
  };
  readonly dependsOn?: ReadonlyArray<{ readonly containerName: string; readonly condition: string }>;
  readonly stopTimeout?: number;
  readonly logConfiguration?: { readonly logDriver: string; readonly options?: Readonly<Record<string, string>> };
}

export interface TaskDefinition {
  readonly taskDefinitionArn: string;
  readonly family: string;
  readonly revision: number;
  status: 'ACTIVE' | 'INACTIVE';
  readonly containerDefinitions: readonly ContainerDefinition[];
  readonly taskRoleArn?: string;
  readonly executionRoleArn?: string;
  readonly [member: string]: unknown;
}

export interface EcsTask {
  readonly taskArn: string;
  readonly region: string;
  readonly clusterArn: string;
  /** Absent for a task that was run by itself. */
  readonly serviceName?: string;
  /** The id of the task set: ECS writes it into `startedBy`. */
  readonly taskSetId?: string;
  /** Of a task that was run by itself: what a repeated call names. */
  readonly clientToken?: string;
  /** Of one such: what whoever ran it wrote into `startedBy`. */
  readonly label?: string;
  /** Where its network interface is. */
  readonly subnets?: readonly string[];
  /** Instead of the definition's, by container. */
  readonly commands?: Readonly<Record<string, readonly string[]>>;
  /** The task set's name for itself: the colour. */
  readonly externalId: string | undefined;
  readonly definition: TaskDefinition;
  readonly availabilityZone: string;
  readonly createdAt: Date;
  lastStatus: 'PROVISIONING' | 'PENDING' | 'RUNNING' | 'STOPPING' | 'STOPPED';
  desiredStatus: 'RUNNING' | 'STOPPED';
  startedAt?: Date;
  stoppingAt?: Date;
  stoppedAt?: Date;
  stopCode?: 'UserInitiated' | 'ServiceSchedulerInitiated' | 'EssentialContainerExited' | 'TaskFailedToStart';
  stoppedReason?: string;
  exitCodes: Readonly<Record<string, number>>;
  version: number;
  /** What its containers said last, for whoever asks why it ended. */
  lastLines: readonly string[];
  /** Its processes, once there are any. */
  running?: RunningTask;
}

export interface TaskLivesOptions {
  readonly world: World;
  readonly launcher: TaskLauncher;
  /** What was built, by digest. */
  readonly images: ReadonlyMap<string, BuiltImage>;
  /** Whether the registry of that Region has it; every one has all of them when not said. */
  readonly isPushed?: (region: string, repositoryName: string, digest: string) => boolean;
  /** Whether these subnets have a route to what is outside; all have when not said. */
  readonly hasWayOut?: (region: string, subnets: readonly string[]) => Promise<boolean>;
  /** A task stopped that its scheduler did not stop: it may want another. */
  readonly onLost: (task: EcsTask) => void;
}

/** A pull that fails, in ECS's words. */
class PullError extends Error {}

/** Fargate's own, for what a container definition leaves out. */
const defaults = { stopTimeoutSeconds: 30, intervalSeconds: 30, timeoutSeconds: 5, retries: 3, startPeriodSeconds: 0 };

const lastLinesKept = 12;

export class TaskLives {
  readonly #options: TaskLivesOptions;
  readonly #starting = new Map<EcsTask, Promise<void>>();
  readonly #ending = new Map<EcsTask, Promise<void>>();
  #closed = false;

  constructor(options: TaskLivesOptions) {
    this.#options = options;
  }

  /** From PROVISIONING to RUNNING; whatever goes wrong on the way is told by the task's state, as at AWS. */
  start(task: EcsTask): void {
    const starting = this.#start(task);
    this.#starting.set(
      task,
      starting.catch((error: unknown) => this.#failed(task, error)),
    );
  }

  stop(task: EcsTask, stopCode: NonNullable<EcsTask['stopCode']>, reason: string): Promise<void> {
    const ending = this.#ending.get(task) ?? this.#stop(task, stopCode, reason);
    this.#ending.set(task, ending);
    return ending;
  }

  /** What runs there ends; the scheduler finds out when the Region is back. */
  regionLost(region: string): void {
    this.#options.launcher.kill(region);
  }

  async close(tasks: Iterable<EcsTask>): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...tasks].map(async (task) => {
        await this.#starting.get(task);
        task.running?.kill();
        await task.running?.stop('The rehearsal is over');
      }),
    );
  }

  async #start(task: EcsTask): Promise<void> {
    const { world, launcher, hasWayOut } = this.#options;
    this.#changed(task);
    await world.provision('ecs-task-start', task.region);
    if (isStopping(task) || this.#closed) return;
    task.lastStatus = 'PENDING';
    this.#changed(task);
    const { taskRoleArn } = task.definition;
    if (taskRoleArn === undefined) throw new Error('the task definition has no taskRoleArn; its containers could not call AWS');
    this.#permit(task, taskRoleArn);
    const containers = task.definition.containerDefinitions.map((definition) => this.#container(definition, task.commands?.[definition.name]));
    const id = shortId(task.taskArn);
    const logs = awsLogs(world, task);
    const running = await launcher.launch({
      name: `${task.serviceName ?? task.definition.family}/${task.externalId ?? task.taskSetId ?? 'task'}/${id}`,
      region: task.region,
      credentials: world.credentialsFor(taskRoleArn),
      containers,
      ...(hasWayOut !== undefined && task.subnets !== undefined && { isolated: !(await hasWayOut(task.region, task.subnets)) }),
      onLine: (line) => {
        logs.write(line);
        task.lastLines = [...task.lastLines, `${line.container}: ${line.line}`].slice(-lastLinesKept);
      },
      onHealth: (health) => {
        this.#changed(task);
        // The service scheduler replaces a task that fails its health checks.
        if (health === 'UNHEALTHY') this.#lose(task, 'ServiceSchedulerInitiated', 'Task failed container health checks');
      },
      onStopping: (reason) => {
        if (reason === essentialExited) this.#lose(task, 'EssentialContainerExited', essentialExited);
      },
      onStopped: logs.flush,
    });
    task.running = running;
    // What was being started when its Region went dark never got there.
    if (world.outageOf(task.region) === 'dark') running.kill();
    // Stopped while it started: whoever stops it waits for this start, and ends the processes then.
    if (isStopping(task) || this.#closed) return;
    task.lastStatus = 'RUNNING';
    task.startedAt = world.now();
    this.#changed(task);
  }

  /** It ends though nobody wanted it to; the scheduler does not wait for its last process to replace it. */
  #lose(task: EcsTask, stopCode: NonNullable<EcsTask['stopCode']>, reason: string): void {
    if (this.#closed || isStopping(task)) return;
    void this.stop(task, stopCode, reason);
    this.#options.onLost(task);
  }

  async #stop(task: EcsTask, stopCode: NonNullable<EcsTask['stopCode']>, reason: string): Promise<void> {
    const { world } = this.#options;
    task.desiredStatus = 'STOPPED';
    task.stopCode = stopCode;
    task.stoppedReason = reason;
    task.stoppingAt = world.now();
    task.lastStatus = 'STOPPING';
    this.#changed(task);
    await this.#starting.get(task);
    const end = await task.running?.stop(reason);
    // A process that a signal ended has the exit code that its shell would report: SIGKILL is 137.
    const codes = Object.entries(end?.exits ?? {}).map(([name, { code, signal }]) => [name, code ?? 128 + signalNumber(signal)] as const);
    task.exitCodes = Object.fromEntries(codes);
    task.lastStatus = 'STOPPED';
    task.stoppedAt = world.now();
    world.log('ECS task stopped', {
      task: shortId(task.taskArn),
      service: task.serviceName ?? task.definition.family,
      colour: task.externalId,
      reason,
      exitCodes: task.exitCodes,
      // Who was asked to end has nothing to explain.
      ...(stopCode === 'EssentialContainerExited' && { lastLines: task.lastLines }),
    });
    this.#changed(task);
  }

  #failed(task: EcsTask, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    const reason = error instanceof PullError ? `CannotPullContainerError: ${message}` : `CannotStartContainerError: ${message}`;
    this.#lose(task, 'TaskFailedToStart', reason);
  }

  /** ECS may act with both roles, and may pull each image with the execution role. */
  #permit({ definition, taskArn, region }: EcsTask, taskRoleArn: string): void {
    const { world } = this.#options;
    const { executionRoleArn } = definition;
    for (const roleArn of [taskRoleArn, ...(executionRoleArn === undefined ? [] : [executionRoleArn])]) {
      if (world.mayAssume(roleArn, 'ecs-tasks.amazonaws.com', taskArn)) continue;
      const verify = 'Please verify that the role being passed has the proper trust relationship and permissions';
      throw new Error(`ECS was unable to assume the role '${roleArn}' that was provided for this task. ${verify}.`);
    }
    for (const { image } of definition.containerDefinitions) {
      const [, account, home, name] = /^(\d+)\.dkr\.ecr\.([^.]+)\.amazonaws\.com\/([^:@]+)/.exec(image) ?? [];
      if (name === undefined || executionRoleArn === undefined) continue;
      const resource = `arn:aws:ecr:${home}:${account}:repository/${name}`;
      const pull = ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'];
      const accesses = [{ action: 'ecr:GetAuthorizationToken', resource: '*' }, ...pull.map((action) => ({ action, resource }))];
      try {
        world.authorize({ caller: world.callerFor(executionRoleArn), region, service: 'ecr' }, accesses);
      } catch (error) {
        throw new PullError(`unable to pull image '${image}': ${(error as Error).message}`);
      }
    }
  }

  #container(definition: ContainerDefinition, override: readonly string[] | undefined): TaskContainer {
    const { images, isPushed } = this.#options;
    const [, region, repository, digest] = /^(?:\d+\.dkr\.ecr\.([^.]+)\.amazonaws\.com\/)?([^:@]+)@(sha256:[0-9a-f]{64})$/.exec(definition.image) ?? [];
    const image = digest === undefined ? undefined : images.get(digest);
    const isThere = region === undefined || isPushed === undefined || isPushed(region, repository ?? '', digest ?? '');
    if (!image || !isThere) throw new PullError(`pull image manifest has been retried 1 time(s): failed to resolve ref ${definition.image}: not found`);
    if (definition.secrets?.length)
      throw new Error(`container '${definition.name}' has secrets injected, which is not modelled; read them at run time`);
    const { healthCheck: check, entryPoint } = definition;
    const command = override ?? definition.command;
    return {
      name: definition.name,
      image: { ...image, user: userOf(definition) ?? image.user },
      essential: definition.essential ?? true,
      environment: Object.fromEntries((definition.environment ?? []).map(({ name, value }) => [name, value])),
      ...(entryPoint?.length && { entryPoint }),
      ...(command?.length && { command }),
      ...(check && {
        healthCheck: {
          command: check.command,
          intervalSeconds: check.interval ?? defaults.intervalSeconds,
          timeoutSeconds: check.timeout ?? defaults.timeoutSeconds,
          retries: check.retries ?? defaults.retries,
          startPeriodSeconds: check.startPeriod ?? defaults.startPeriodSeconds,
        },
      }),
      stopTimeoutSeconds: definition.stopTimeout ?? defaults.stopTimeoutSeconds,
      dependsOn: (definition.dependsOn ?? []).map(({ containerName, condition }) => {
        if (condition !== 'START' && condition !== 'HEALTHY') {
          throw new Error(`container '${definition.name}' depends on ${containerName} ${condition}; only START and HEALTHY are modelled`);
        }
        return { containerName, condition };
      }),
    };
  }

  #changed(task: EcsTask): void {
    task.version += 1;
    if (!this.#closed) this.#options.world.emit(stateChange(task));
  }
}

const isStopping = ({ desiredStatus }: EcsTask): boolean => desiredStatus === 'STOPPED';
const shortId = (arn: string): string => arn.split('/').at(-1)?.slice(0, 8) ?? arn;

function userOf({ name, user }: ContainerDefinition): BuiltImage['user'] | undefined {
  if (user === undefined) return undefined;
  const [, uid, gid] = /^(\d+)(?::(\d+))?$/.exec(user) ?? [];
  if (uid === undefined) throw new Error(`container '${name}' runs as '${user}'; only a user given in numbers is modelled`);
  return { uid: Number(uid), gid: Number(gid ?? uid) };
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === 'SIGKILL' ? 9 : 15;
}

/** As DescribeTasks shows it. */
export function startedBy({ taskSetId, label }: EcsTask): string | undefined {
  return taskSetId ?? label;
}

export function describeTask(task: EcsTask): Record<string, unknown> {
  const { running } = task;
  const optional = { startedAt: task.startedAt, stoppingAt: task.stoppingAt, stoppedAt: task.stoppedAt, stopCode: task.stopCode };
  return {
    taskArn: task.taskArn,
    clusterArn: task.clusterArn,
    taskDefinitionArn: task.definition.taskDefinitionArn,
    group: task.serviceName === undefined ? `family:${task.definition.family}` : `service:${task.serviceName}`,
    ...(startedBy(task) !== undefined && { startedBy: startedBy(task) }),
    launchType: 'FARGATE',
    availabilityZone: task.availabilityZone,
    lastStatus: task.lastStatus,
    desiredStatus: task.desiredStatus,
    healthStatus: running?.health ?? 'UNKNOWN',
    createdAt: task.createdAt,
    version: task.version,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)),
    ...(task.stoppedReason !== undefined && { stoppedReason: task.stoppedReason }),
    containers: task.definition.containerDefinitions.map(({ name, image }) => ({
      containerArn: `${task.taskArn.replace(':task/', ':container/')}/${name}`,
      taskArn: task.taskArn,
      name,
      image,
      lastStatus: task.lastStatus === 'STOPPED' || task.lastStatus === 'RUNNING' ? task.lastStatus : 'PENDING',
      healthStatus: running?.containerHealth(name) ?? 'UNKNOWN',
      ...(name in task.exitCodes && { exitCode: task.exitCodes[name] }),
    })),
  };
}

function stateChange(task: EcsTask): BusEvent {
  // An event is JSON: its times are strings.
  const detail = JSON.parse(JSON.stringify(describeTask(task))) as Record<string, unknown>;
  return { source: 'aws.ecs', detailType: 'ECS Task State Change', region: task.region, resources: [task.taskArn], detail };
}
