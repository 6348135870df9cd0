/**
 * Runs an ECS task's containers as processes on this machine, with nothing of ours in their environment: what the
 * image and the task definition give them, what Fargate adds, and where the local AWS is.
 *
 * On Fargate each task has a network namespace of its own, so every guard listens on the same port. Here all share one,
 * and each task is given a free port in the variables that name a port within the task.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { commandOutside, type BuiltImage } from './container-image.ts';
import { freePort } from './listen.ts';
import type { Egress } from './egress.ts';
import type { Routes } from './routes.ts';
import type { Child, Exit, Supervisor } from './supervisor.ts';
import { runnableProgram, type User } from './unprivileged.ts';

export interface HealthCheck {
  /** `['CMD', program, …]`. */
  readonly command: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  readonly startPeriodSeconds: number;
}

export interface TaskContainer {
  readonly name: string;
  readonly image: BuiltImage;
  readonly essential: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** Instead of the image's entry point. */
  readonly entryPoint?: readonly string[];
  readonly command?: readonly string[];
  readonly healthCheck?: HealthCheck;
  readonly stopTimeoutSeconds: number;
  readonly dependsOn: ReadonlyArray<{ readonly containerName: string; readonly condition: 'START' | 'HEALTHY' }>;
}

export interface TaskRequest {
  /** For people and logs. */
  readonly name: string;
  readonly region: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string };
  readonly containers: readonly TaskContainer[];
  /** Its network has no way to what is outside the account. */
  readonly isolated?: boolean;
  onHealth?(health: Health): void;
  onLine?(line: TaskLine): void;
  /** It begins to end, for whatever reason. */
  onStopping?(reason: string): void;
  /** Its last process is gone. */
  onStopped?(): void;
}

/** ECS's own words; which container it was is seen from the exit codes. */
export const essentialExited = 'Essential container in task exited';

export type Health = 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY';

export interface TaskEnd {
  readonly reason: string;
  /** By container; `null` when a signal ended it. */
  readonly exits: Readonly<Record<string, Exit>>;
}

export interface RunningTask {
  readonly name: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly health: Health;
  containerHealth(container: string): Health;
  /** Settles when no container runs any more, for whatever reason. Never rejects. */
  readonly stopped: Promise<TaskEnd>;
  /** SIGTERM, the stop time-out, SIGKILL. The first reason given is the one that counts. */
  stop(reason: string): Promise<TaskEnd>;
  /** As if its machine was gone, or one container of it. */
  kill(container?: string): void;
  /** Time passes, the processes do not see it. */
  pause(container?: string): void;
  resume(container?: string): void;
}

export interface TaskLine {
  readonly task: string;
  readonly container: string;
  readonly stream: 'stdout' | 'stderr';
  readonly line: string;
}

export interface TaskLauncherOptions {
  readonly supervisor: Supervisor;
  /** The local AWS; asked at each start, because it may not listen yet when the launcher is made. */
  readonly endpoint: () => string;
  /** The authority of the rehearsal's servers. */
  readonly caFile: string;
  /** Variables that name a port within the task's own network. */
  readonly portVariables: readonly string[];
  /** How the containers reach what is outside the account. */
  readonly egress?: Egress;
  /** The network of the containers, where it is to be cut; without it they talk to everything directly. */
  readonly routes?: Routes;
}

/** The container could not be started; ECS calls it CannotStartContainerError. */
export class ContainerStartError extends Error {
  constructor(container: string, problem: string, cause?: unknown) {
    super(`container '${container}' could not be started: ${problem}`, { cause });
    this.name = 'ContainerStartError';
  }
}

export class TaskLauncher {
  readonly #options: TaskLauncherOptions;
  readonly #nodes = new Map<number, Promise<string>>();
  readonly #running = new Set<Task>();

  constructor(options: TaskLauncherOptions) {
    this.#options = options;
  }

  get running(): readonly RunningTask[] {
    return [...this.#running];
  }

  /** All that runs in a Region ends at once. */
  kill(region: string): void {
    for (const task of this.#running) if (task.region === region) task.kill();
  }

  /** Settles when every container was started; rejects, leaving nothing behind, when one cannot be. */
  async launch(request: TaskRequest): Promise<RunningTask> {
    checkRequest(request);
    const ports = Object.fromEntries(await Promise.all(this.#options.portVariables.map(async (name) => [name, await freePort()] as const)));
    const moved = movedPorts(request, ports);
    const task = new Task(request, ports, (container) => this.#spawner(request, container, { ports, moved }));
    this.#running.add(task);
    void task.stopped.then(() => this.#running.delete(task));
    await task.start();
    return task;
  }

  async #spawner(request: TaskRequest, container: TaskContainer, { ports, moved }: Loopback): Promise<Spawner> {
    const { supervisor, endpoint, caFile, routes, egress } = this.#options;
    const { image } = container;
    // Only root can become the image's user; anybody else runs it as himself.
    const user = process.getuid?.() === 0 ? image.user : undefined;
    const node = await this.#nodeFor(user);
    const ownPorts = Object.entries(ports).filter(([name]) => name in container.environment);
    const withinTask = withPortsMoved(container.environment, moved);
    const direct = {
      PATH: '/usr/bin:/bin',
      // A container engine always sets it; for a user without an entry, to the root.
      HOME: image.root,
      ...image.environment,
      ...(egress === undefined ? container.environment : await egress.through(request.region, container.environment, request.isolated !== true)),
      ...Object.fromEntries(ownPorts.map(([name, port]) => [name, String(port)])),
      AWS_REGION: request.region,
      AWS_ENDPOINT_URL: endpoint(),
      AWS_ACCESS_KEY_ID: request.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: request.credentials.secretAccessKey,
      ...(request.credentials.sessionToken !== undefined && { AWS_SESSION_TOKEN: request.credentials.sessionToken }),
      NODE_EXTRA_CA_CERTS: caFile,
    };
    // What is on the task's own loopback is reached by no network that could be cut.
    const env = { ...(routes === undefined ? direct : await routes.through(request.name, container.name, direct)), ...withinTask };
    return (name, command, listen) => {
      const [program, ...args] = commandOutside(image, command, node);
      const cwd = `${image.root}${image.workingDirectory}`;
      const onLine = (line: string, stream: TaskLine['stream']): void => {
        if (listen) request.onLine?.({ task: request.name, container: container.name, stream, line });
      };
      return supervisor.spawn({ name, command: program, args, env, cwd, onLine, ...(user && { user }) });
    };
  }

  #nodeFor(user: User | undefined): Promise<string> {
    const uid = user?.uid ?? -1;
    const found = this.#nodes.get(uid) ?? runnableProgram(user, process.execPath, `node-${process.version}`);
    this.#nodes.set(uid, found);
    return found;
  }
}

interface Loopback {
  readonly ports: Readonly<Record<string, number>>;
  /** By the port that the task definition says. */
  readonly moved: ReadonlyMap<string, number>;
}

function movedPorts({ containers }: TaskRequest, ports: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(containers.flatMap(({ environment }) => Object.entries(ports).flatMap(([name, port]) => (environment[name] === undefined ? [] : [[environment[name], port] as const]))));
}

/** Those variables that name what listens on the task's own loopback, with the ports where it does. */
function withPortsMoved(environment: Readonly<Record<string, string>>, moved: ReadonlyMap<string, number>): Record<string, string> {
  const changed = Object.entries(environment).map(([name, value]) =>
    [name, value, value.replaceAll(/\b127\.0\.0\.1:(\d+)/g, (whole, port: string) => (moved.has(port) ? `127.0.0.1:${moved.get(port)}` : whole))] as const);
  return Object.fromEntries(changed.flatMap(([name, before, after]) => (before === after ? [] : [[name, after]])));
}

type Spawner = (name: string, command: readonly string[], listen: boolean) => Promise<Child>;

interface ContainerState {
  readonly definition: TaskContainer;
  child?: Child;
  spawn?: Spawner;
  health: Health;
  readonly becameHealthy: PromiseWithResolvers<void>;
}

class Task implements RunningTask {
  readonly name: string;
  readonly region: string;
  readonly ports: Readonly<Record<string, number>>;
  readonly stopped: Promise<TaskEnd>;
  readonly #request: TaskRequest;
  readonly #spawnerFor: (container: TaskContainer) => Promise<Spawner>;
  readonly #containers: ReadonlyMap<string, ContainerState>;
  readonly #ended = Promise.withResolvers<TaskEnd>();
  readonly #stopping = new AbortController();
  #stop: Promise<TaskEnd> | undefined;
  #health: Health = 'UNKNOWN';

  constructor(request: TaskRequest, ports: Readonly<Record<string, number>>, spawnerFor: (container: TaskContainer) => Promise<Spawner>) {
    this.name = request.name;
    this.region = request.region;
    this.ports = ports;
    this.stopped = this.#ended.promise;
    this.#request = request;
    this.#spawnerFor = spawnerFor;
    const states = request.containers.map((definition): [string, ContainerState] => [
      definition.name,
      { definition, health: 'UNKNOWN', becameHealthy: Promise.withResolvers<void>() },
    ]);
    this.#containers = new Map(states);
  }

  get health(): Health {
    return this.#health;
  }

  containerHealth(container: string): Health {
    return this.#state(container).health;
  }

  async start(): Promise<void> {
    try {
      for (const state of inOrder(this.#containers)) {
        await this.#dependenciesOf(state);
        if (this.#stopping.signal.aborted) break;
        await this.#startContainer(state);
      }
    } catch (error) {
      await this.stop(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  stop(reason: string): Promise<TaskEnd> {
    this.#stop ??= this.#stopAll(reason);
    return this.#stop;
  }

  kill(container?: string): void {
    for (const { child } of this.#chosen(container)) void child?.kill();
  }

  pause(container?: string): void {
    for (const { child } of this.#chosen(container)) child?.pause();
  }

  resume(container?: string): void {
    for (const { child } of this.#chosen(container)) child?.resume();
  }

  async #startContainer(state: ContainerState): Promise<void> {
    const { definition } = state;
    const command = [...(definition.entryPoint ?? definition.image.entrypoint), ...(definition.command ?? [])];
    try {
      state.spawn = await this.#spawnerFor(definition);
      state.child = await state.spawn(`${this.name}/${definition.name}`, command, true);
    } catch (error) {
      throw new ContainerStartError(definition.name, error instanceof Error ? error.message : String(error), error);
    }
    void this.#attendEnd(state, state.child);
    if (definition.healthCheck) void this.#watch(state, definition.healthCheck, performance.now());
  }

  async #attendEnd(state: ContainerState, child: Child): Promise<void> {
    await child.exited;
    state.health = 'UNKNOWN';
    if (state.definition.essential) await this.stop(essentialExited);
    else this.#judge();
  }

  #dependenciesOf(state: ContainerState): Promise<unknown> {
    const healthy = state.definition.dependsOn.filter(({ condition }) => condition === 'HEALTHY');
    const waits = healthy.map(({ containerName }) => this.#state(containerName).becameHealthy.promise);
    return Promise.race([Promise.all(waits), this.stopped]);
  }

  /** Runs the check as ECS does: failures within the start period do not count, the first success ends it. */
  async #watch(state: ContainerState, check: HealthCheck, startedMs: number): Promise<void> {
    let failures = 0;
    let inStartPeriod = true;
    for (;;) {
      if (!(await pause(check.intervalSeconds * 1000, this.#stopping.signal)) || state.child?.exit) return;
      const passed = await this.#check(state, check);
      if (this.#stopping.signal.aborted || state.child?.exit) return;
      if (performance.now() - startedMs > check.startPeriodSeconds * 1000) inStartPeriod = false;
      if (passed) {
        failures = 0;
        inStartPeriod = false;
        state.health = 'HEALTHY';
        state.becameHealthy.resolve();
      } else if (!inStartPeriod) {
        failures += 1;
        if (failures >= check.retries) state.health = 'UNHEALTHY';
      }
      this.#judge();
    }
  }

  async #check(state: ContainerState, check: HealthCheck): Promise<boolean> {
    try {
      const child = await state.spawn?.(`${this.name}/${state.definition.name}/health`, check.command.slice(1), false);
      if (!child) return false;
      const timer = setTimeout(() => void child.kill(), check.timeoutSeconds * 1000);
      const { code } = await child.exited;
      clearTimeout(timer);
      return code === 0;
    } catch {
      return false;
    }
  }

  /** A task is as healthy as the worst of its essential containers that have a check. */
  #judge(): void {
    const checked = [...this.#containers.values()].filter(({ definition }) => definition.essential && definition.healthCheck);
    const worst = (['UNHEALTHY', 'UNKNOWN', 'HEALTHY'] as const).find((health) => checked.some((state) => state.health === health));
    const health = worst ?? 'UNKNOWN';
    if (health === this.#health) return;
    this.#health = health;
    this.#request.onHealth?.(health);
  }

  async #stopAll(reason: string): Promise<TaskEnd> {
    this.#stopping.abort();
    this.#request.onStopping?.(reason);
    // Those that depend on a container end before it.
    const ending = new Map<string, Promise<void>>();
    for (const state of inOrder(this.#containers).reverse()) {
      const dependents = [...this.#containers.values()].filter(({ definition }) =>
        definition.dependsOn.some(({ containerName }) => containerName === state.definition.name),
      );
      const before = Promise.all(dependents.map(async ({ definition }) => ending.get(definition.name)));
      ending.set(
        state.definition.name,
        before.then(async () => void (await state.child?.stop(state.definition.stopTimeoutSeconds * 1000))),
      );
    }
    await Promise.all(ending.values());
    const exits = [...this.#containers.values()].flatMap(({ definition, child }) =>
      child?.exit ? [[definition.name, child.exit] as const] : [],
    );
    const end = { reason, exits: Object.fromEntries(exits) };
    this.#ended.resolve(end);
    this.#request.onStopped?.();
    return end;
  }

  #chosen(container: string | undefined): readonly ContainerState[] {
    return container === undefined ? [...this.#containers.values()] : [this.#state(container)];
  }

  #state(container: string): ContainerState {
    const state = this.#containers.get(container);
    if (!state) throw new Error(`task ${this.name} has no container '${container}' (it has ${[...this.#containers.keys()].join(', ')})`);
    return state;
  }
}

function checkRequest(request: TaskRequest): void {
  const names = new Set(request.containers.map(({ name }) => name));
  for (const { name, healthCheck, dependsOn } of request.containers) {
    if (healthCheck && healthCheck.command[0] !== 'CMD') {
      const seen = `its health check is ['${healthCheck.command.join("', '")}']`;
      throw new ContainerStartError(name, `${seen}, but only the form ['CMD', program, …] runs here: there is no shell of the image`);
    }
    const missing = dependsOn.find(({ containerName }) => !names.has(containerName));
    if (missing) throw new ContainerStartError(name, `it depends on '${missing.containerName}', which the task does not have`);
  }
  inOrder(new Map(request.containers.map((definition) => [definition.name, { definition }])));
}

/** Each container after those it depends on. */
function inOrder<State extends { readonly definition: TaskContainer }>(containers: ReadonlyMap<string, State>): State[] {
  const ordered = new Set<State>();
  const visit = (state: State, path: readonly State[]): void => {
    if (path.includes(state)) throw new ContainerStartError(state.definition.name, 'it depends on itself');
    for (const { containerName } of state.definition.dependsOn) {
      const dependency = containers.get(containerName);
      if (dependency) visit(dependency, [...path, state]);
    }
    ordered.add(state);
  };
  for (const state of containers.values()) visit(state, []);
  return [...ordered];
}

/** False when it was cut short. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}
