/**
 * Those who act on the book from outside: machines that take its lock first, and people who halt it. Most seeds have them as stand-ins: what each writes to the lease, and nothing
 * between, so that many meet in a minute, at instants at which no machine would be there yet. Each is a process of its own, whose calls fail like anybody's; one that is
 * killed leaves its lock, which the last net takes away. The synthesized machines are in control-plane/executions.ts.
 */
import { WorkflowPreemptedError } from '../lib/lease/errors.ts';
import type { LeaseControl } from '../lib/lease/control.ts';
import { haltOf } from '../lib/lease/control.ts';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import type { Colour, WorkflowToken } from '../lib/lease/model.ts';
import { regions, tables } from './cloud.ts';
import { book, type SimulatedSystem } from './system.ts';
import type { BadRelease, PlannedMove } from './swarm.ts';
import type { SimulatedTask } from './task.ts';
import type { SimulatedProcess } from './virtual-time.ts';

/** Whoever acts on the book and on its tasks from outside. */
export interface Actors {
  readonly running: readonly { readonly execution: string; readonly startedAtMs: number }[];
  /** On whose behalf a process acts, ended or not; undefined for one that is no machine's. */
  executionOf(process: string): string | undefined;
  mayPreempt(execution: string, heldBy: string): boolean;
  /** Whether it halts a book that it does not have: whoever halts asks nobody. */
  mayHalt(execution: string): boolean;
  /** The first deployment, the first release, and its tasks. */
  open(): Promise<void>;
  drain(to: Colour, release?: BadRelease): void;
  rollBack(): void;
  halt(): void;
  resume(): void;
  haltFor(): void;
  moveHome(): void;
  moveByPlan(machine: PlannedMove): void;
  /** The newest one ends in the middle of what it does. */
  kill(): void;
  /** A function of one ends in the middle, or stands still for so long. */
  breakFunction(forMs: number | undefined): void;
  /** Once faults are over, what must hold then is seen to, as a person would. */
  restore(): void;
  /** The platform has lost a task, and brings another. */
  replace(task: SimulatedTask): void;
  /** The longest of them waits this long by itself. */
  readonly endWithinMs: number;
  /** With nothing in its way, a hand-over that is asked for has taken place by then, and some orders were seen. */
  readonly handOverWithinMs: number;
  /** What is missing of the tasks that are wanted. */
  missing(): string | undefined;
  readonly tasksWanted: number;
}

const leaseMs = 5000;
const tasksAtFirst: readonly (readonly [region: string, colour: Colour])[] = [
  [regions.home, 'blue'], [regions.home, 'blue'], [regions.home, 'green'], [regions.away, 'blue'],
];
/** From the loss of a task until another is there. */
const replacedAfterMs = { least: 3000, most: 9000 };
const drainEndsWithinMs = 20_000;
const lookEveryMs = 500;
const haltedForMs = 3000;
const lastNetAfterMs = { least: 500, most: 3000 };
/** A person tries again. */
const againAfterMs = 1000;

interface Machine {
  readonly execution: string;
  readonly process: SimulatedProcess;
  readonly startedAtMs: number;
}

export class StandIns implements Actors {
  readonly endWithinMs = 45_000;
  /** A drain waits for a successor for 20 s at the longest. */
  readonly handOverWithinMs = 40_000;
  readonly #system: SimulatedSystem;
  readonly #running = new Set<Machine>();
  readonly #names = new Set<string>();
  #started = 0;

  constructor(system: SimulatedSystem) {
    this.#system = system;
  }

  get running(): readonly Pick<Machine, 'execution' | 'startedAtMs'>[] {
    return [...this.#running];
  }

  executionOf(process: string): string | undefined {
    return this.#names.has(process) ? process : undefined;
  }

  mayHalt(): boolean {
    return false;
  }

  /** A failover may take the book from any other machine; nobody else may from anybody. */
  mayPreempt(execution: string, heldBy: string): boolean {
    return execution.startsWith('failover') && !heldBy.startsWith('failover');
  }

  /** The deployment makes the book, its first cutover opens it. */
  async open(): Promise<void> {
    const { time } = this.#system;
    const process = time.process('deployment', { driftPpm: 0 });
    process.run(() => {
      const control = this.#system.control(process, regions.home);
      void control.createBook({ book, home: regions.home, leaseMs }).then(() => this.#run('cutover', async (of, token) => void (await of.open(book, token))));
    });
    for (const [region, colour] of tasksAtFirst) this.#system.startTask(region, colour);
  }

  get tasksWanted(): number {
    return tasksAtFirst.length;
  }

  missing(): string | undefined {
    return this.#system.tasks.length < this.tasksWanted ? 'a task is missing' : undefined;
  }

  /** Its place is taken by another, a while later. */
  replace(task: SimulatedTask): void {
    const { time, draw } = this.#system;
    const { region, colour } = task.wish;
    task.kill();
    this.#system.forget(task);
    time.at(time.nowMs + draw.between(replacedAfterMs.least, replacedAfterMs.most), undefined, () => void this.#system.startTask(region, colour));
  }

  /** It writes nothing that would not be one of the others. */
  rollBack(): void {
    this.drain('blue');
  }

  /** What it writes is a hand-over to the other Region. */
  moveByPlan(): void {
    this.moveHome();
  }

  /** There are none. */
  breakFunction(): void {
    this.kill();
  }

  drain(to: Colour): void {
    this.#run('cutover', async (control, token, pause) => {
      const { epoch } = await control.startDrain(book, token, to);
      for (let waitedMs = 0; waitedMs < drainEndsWithinMs; waitedMs += lookEveryMs) {
        await pause(lookEveryMs);
        const lease = await control.checkToken(book, token);
        if (lease.epoch === epoch && lease.mode === 'draining') continue;
        await control.recordLive(book, token, { imageDigest: `sha256:${to}`, guardDigest: 'sha256:guard', taskDefinition: `${to}:${token}` });
        await pause(lookEveryMs);
        await control.closeWayBack(book, token, `${to}:${token}`);
        return;
      }
      await control.cancelDrain(book, token);
    });
  }

  haltFor(): void {
    this.#run('revoke', async (control, token, pause) => {
      await control.haltFor(book, token, { reason: 'the key is revoked', by: 'revoke' });
      await pause(haltedForMs);
      await control.resume(book, token);
    });
  }

  /** A person, by hand: no lock, no token. Until it is done. */
  halt(): void {
    const { time } = this.#system;
    const process = time.process('person', { driftPpm: 0 });
    process.run(() => {
      const store = new DynamoLeaseStore({ client: this.#system.cloud.client(process, process.name, regions.home, { maxAttempts: 1 }), tableName: tables.lease });
      const attempt = async (): Promise<void> => {
        const answer = await store.write(haltOf(book, { reason: 'looks odd', by: 'a person' }));
        if (answer.outcome === 'ambiguous') time.after(againAfterMs, () => void attempt());
      };
      void attempt();
    });
  }

  resume(): void {
    this.#run('resume', async (control, token) => {
      const lease = await control.resume(book, token);
      if (lease.epoch === 0 && lease.mode === 'halted') await control.open(book, token);
    });
  }

  moveHome(): void {
    const { home } = this.#system.lease() ?? {};
    if (home === undefined) return;
    const to = home === regions.home ? regions.away : regions.home;
    this.#run('failover', async (control, token, pause) => {
      await control.moveHome(book, token, { from: home, to });
      await pause(lookEveryMs);
      const { live } = await control.checkToken(book, token);
      if (live !== undefined) await control.relocateLive(book, token, `${to}:${token}`);
    }, to, true);
  }

  /** What must hold when faults are over: the book is open, at home, and nobody has its lock. Looked at as a person would, again and again. */
  restore(): void {
    const { time } = this.#system;
    const lease = this.#system.lease();
    time.at(time.nowMs + againAfterMs * 4, undefined, () => this.restore());
    if (lease === undefined || this.#running.size > 0) return;
    if (lease.mode === 'halted') this.resume();
    else if (lease.home !== regions.home) this.moveHome();
  }

  /** The newest one ends in the middle of what it does. */
  kill(): void {
    const machine = [...this.#running].at(-1);
    if (machine === undefined) return;
    machine.process.alive = false;
    this.#ended(machine, 'ABORTED');
  }

  #run(
    name: string,
    work: (control: LeaseControl, token: WorkflowToken, pause: (ms: number) => Promise<void>) => Promise<void>,
    region: string = regions.home,
    preempts = false,
  ): void {
    const { time } = this.#system;
    this.#started += 1;
    const execution = `${name}-${this.#started}`;
    const machine: Machine = { execution, process: time.process(execution, { driftPpm: 0 }), startedAtMs: time.nowMs };
    this.#names.add(execution);
    this.#running.add(machine);
    this.#system.trace(execution, 'starts', true);
    machine.process.run(() => {
      const control = this.#system.control(machine.process, region);
      void (async () => {
        try {
          const { token } = await control.takeWorkflow(book, execution, (heldBy) => preempts && this.mayPreempt(execution, heldBy));
          await work(control, token, (ms) => time.pause(ms));
          await control.releaseWorkflow(book, execution);
          this.#ended(machine, 'SUCCEEDED');
        } catch (error) {
          this.#system.trace(execution, `${(error as Error).name}: ${(error as Error).message}`);
          this.#ended(machine, error instanceof WorkflowPreemptedError ? 'pre-empted' : 'FAILED');
        }
      })();
    });
  }

  /** Whatever became of it: the last net sees that its lock is gone. */
  #ended(machine: Machine, status: string): void {
    const { time, draw } = this.#system;
    if (!this.#running.delete(machine)) return;
    this.#system.trace(machine.execution, status, true);
    const net = time.process(`last net of ${machine.execution}`, { driftPpm: 0 });
    const release = (): void => net.run(() => {
      void this.#system.control(net, regions.away).releaseWorkflow(book, machine.execution)
        .catch(() => void time.after(againAfterMs, release));
    });
    time.at(time.nowMs + draw.between(lastNetAfterMs.least, lastNetAfterMs.most), undefined, release);
  }
}
