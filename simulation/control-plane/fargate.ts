/** What the model of ECS starts in a seed's system: a task of a book is the simulated guard with its trader, one that migrates a schema is done after a while. */
import type { RunningTask, TaskEnd, TaskLauncher, TaskRequest } from '../../rehearsal/processes/tasks.ts';
import { essentialExited } from '../../rehearsal/processes/tasks.ts';
import type { SimulatedTask } from '../task.ts';
import type { VirtualTime } from '../virtual-time.ts';

const migratesWithinMs = 1500;
/** The longest that Fargate waits after SIGTERM. */
const stopTimeoutMs = 110_000;

export interface FargateOptions {
  readonly time: VirtualTime;
  readonly random: () => number;
  /** Starts the two containers of a task that trades; `variables` as its definition has them. */
  readonly start: (region: string, variables: Readonly<Record<string, string>>) => SimulatedTask;
  /** Nothing of it runs any more. */
  readonly onGone: (task: SimulatedTask) => void;
}

export class Fargate {
  readonly #options: FargateOptions;
  readonly #running = new Map<SimulatedTask, { readonly region: string; readonly end: (reason: string) => void; readonly request: TaskRequest }>();

  constructor(options: FargateOptions) {
    this.#options = options;
  }

  /** As the model knows it. */
  get launcher(): TaskLauncher {
    return { launch: (request: TaskRequest) => this.#launch(request), kill: (region: string) => this.#killAll(region) } as unknown as TaskLauncher;
  }

  /** A container of it has ended by itself: the platform ends what is beside, and tells the scheduler. */
  lost(task: SimulatedTask): void {
    const held = this.#running.get(task);
    if (held === undefined) return;
    task.kill();
    held.request.onStopping?.(essentialExited);
    held.end(essentialExited);
  }

  #killAll(region: string): void {
    for (const [task, { region: of }] of this.#running) if (of === region) this.lost(task);
  }

  async #launch(request: TaskRequest): Promise<RunningTask> {
    const trader = request.containers.find(({ name }) => name === 'trader');
    return trader === undefined ? this.#migration(request) : this.#trading(request, { ...request.containers[0]?.environment, ...trader.environment });
  }

  #trading(request: TaskRequest, variables: Readonly<Record<string, string>>): RunningTask {
    const { time, start, onGone } = this.#options;
    const task = start(request.region, variables);
    const { promise: stopped, resolve } = Promise.withResolvers<TaskEnd>();
    const end = (reason: string): void => {
      if (!this.#running.delete(task)) return;
      task.kill();
      onGone(task);
      resolve({ reason, exits: {} });
    };
    this.#running.set(task, { region: request.region, end, request });
    return {
      ...nameAnd(request), health: 'HEALTHY', stopped,
      stop(reason) {
        if (task.guardProcess.alive) {
          void task.terminate().then(() => end(reason));
          time.at(time.nowMs + stopTimeoutMs, undefined, () => end(reason));
        } else {
          end(reason);
        }
        return stopped;
      },
      kill: () => end('killed'),
    };
  }

  #migration(request: TaskRequest): RunningTask {
    const { time, random } = this.#options;
    const { promise: stopped, resolve } = Promise.withResolvers<TaskEnd>();
    time.at(time.nowMs + random() * migratesWithinMs, undefined, () => {
      const exits = Object.fromEntries(request.containers.map(({ name }) => [name, { code: 0, signal: null }]));
      resolve({ reason: essentialExited, exits });
      request.onStopping?.(essentialExited);
    });
    return { ...nameAnd(request), health: 'UNKNOWN', stopped, stop: () => stopped, kill: () => undefined };
  }
}

function nameAnd({ name }: TaskRequest): Pick<RunningTask, 'name' | 'ports' | 'containerHealth' | 'pause' | 'resume'> {
  return { name, ports: {}, containerHealth: () => 'UNKNOWN', pause: () => undefined, resume: () => undefined };
}
