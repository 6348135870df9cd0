/**
 * The system under simulation: the tables, the venue, the trading tasks of two Regions, the machines that act on the book, and everything that
 * happened, in its true order. Nothing in it knows of a seed but through the draws that it is given.
 */
import { createHash } from 'node:crypto';
import { DynamoLeaseStore } from '../lib/lease/dynamo-store.ts';
import { LeaseControl } from '../lib/lease/control.ts';
import { instanceId, otherColour, type BookName, type Colour, type Lease } from '../lib/lease/model.ts';
import { Secret } from '../lib/secret.ts';
import type { TableWrite } from '../rehearsal/services/dynamodb.ts';
import type { Item } from '../rehearsal/services/dynamodb-values.ts';
import { openDesk, type VenueDesk } from '../lib/venues/paper/desk.ts';
import { seeded } from '../rehearsal/seeded.ts';
import { authorOf, type VenueEntry } from '../rehearsal/venue/record.ts';
import { ModelledCache } from './cache.ts';
import { regions, simulatedCloud, tables, type Conflicts, type SimulatedCloud } from './cloud.ts';
import { ModelledDatabase } from './database.ts';
import { Policies } from './control-plane/policies.ts';
import type { Executions } from './control-plane/executions.ts';
import { settings, type Made } from './control-plane/deployed.ts';
import { StandIns, type Actors } from './machines.ts';
import { Network } from './network.ts';
import { drawing, holder, type BadRelease, type Draw, type Fault, type Plan } from './swarm.ts';
import { SimulatedTask } from './task.ts';
import { SimulatedProcess, VirtualTime } from './virtual-time.ts';

export const book = 'alpha' as BookName;
const symbol = 'BTC/USDT';
const ordersPerSecond = 2;
const marketStepMs = 250;
/** Planted in every output to be looked for: the venue's secret. */
export const secret = 'k3y-that-n0body-may-print';
export const apiKey = 'the-key';
/** Of the book, at the venue. */
export const account = '1';
/** From where its tasks speak to the venue. */
export const addresses: readonly string[] = ['198.51.100.1'];
/** Nobody is limited by it here: that is another test's. */
const limits = { ordersPerSecond: 20, requestsPer5Seconds: 600 };
/** How long the platform waits for the container beside one that ended. */
const besideEndsAfterMs = { least: 100, most: 2000 };
const wakeLagMsMax = 1.5;

/** A write, and whose process made it. */
export interface KnownWrite extends TableWrite {
  readonly by: string;
}

export class SimulatedSystem {
  readonly plan: Plan;
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly network: Network;
  readonly machines: Actors;
  /** The synthesized machines, where they are there. */
  readonly executions: Executions | undefined;
  /** What was done against the synthesized policies. */
  readonly notAllowed: string[] = [];
  readonly conflicts: Conflicts = { oneIn: Infinity };
  readonly databases: ReadonlyMap<string, ModelledDatabase>;
  readonly caches: ReadonlyMap<string, ModelledCache>;
  readonly venue: VenueDesk;
  /** Every request that the venue decided, in order. */
  readonly record: VenueEntry[] = [];
  /** Every write that took effect, in order. */
  readonly writes: KnownWrite[] = [];
  readonly lines: string[] = [];
  tasks: SimulatedTask[] = [];
  cloud!: SimulatedCloud;
  faultsAreOver = false;
  #born = 0;
  #venueOffsetMs = 0;
  readonly #trace = createHash('sha256');
  readonly #notable: string[] = [];
  readonly #links: (() => void)[] = [];

  readonly #made: readonly Made[];

  /** `made`: what is deployed. `Synthesized`: who runs the machines that are; absent where stand-ins do what these write. */
  constructor(plan: Plan, made: readonly Made[], Synthesized?: typeof Executions) {
    this.plan = plan;
    this.#made = made;
    // What is drawn while it runs does not depend on how the plan was drawn.
    this.draw = drawing(plan.seed ^ 0x5eed);
    const { random } = this.draw;
    this.time = new VirtualTime({ random, wakeLagMsMax });
    this.network = new Network({ time: this.time, random, latencyMs: plan.latencyMs });
    const nowMs = (): number => this.time.nowMs;
    const each = <One>(make: () => One): ReadonlyMap<string, One> => new Map([regions.home, regions.away].map((region) => [region, make()]));
    this.databases = each(() => new ModelledDatabase(nowMs));
    this.caches = each(() => new ModelledCache(nowMs));
    this.venue = openDesk({
      random: seeded(plan.seed), keys: [{ apiKey, secret, account }], limits,
      nowMs: () => this.time.wallMs + this.#venueOffsetMs, monotonicMs: nowMs,
      onDecision: (decision) => this.#decided({ ...decision, ...authorOf(decision.clientOrderId) }),
    });
    this.executions = Synthesized && new Synthesized(this, made);
    this.machines = this.executions ?? new StandIns(this);
  }

  async open(): Promise<void> {
    const { random } = this.draw;
    this.cloud = await simulatedCloud({
      seed: this.plan.seed, network: this.network, random, conflicts: this.conflicts, running: () => this.time.running,
      ...(this.executions !== undefined && { services: (world) => this.executions!.services(world) }),
    });
    const policies = policiesOf(this.#made);
    this.cloud.onCall((call) => {
      if (!policies.isAllowed(call)) void policies.fault(call, this.cloud.world).then((fault) => fault !== undefined && this.notAllowed.push(fault));
    });
    this.cloud.tables.onWrite((write) => this.#written(write));
    this.#step();
    await this.machines.open();
  }

  /** Digest of all that was traced so far. */
  get digest(): string {
    return this.#trace.copy().digest('hex');
  }

  /** The last of what matters, for whoever asks what happened. */
  get lastEvents(): readonly string[] {
    return this.#notable;
  }

  trace(who: string, what: string, matters = false): void {
    const line = `${this.time.nowMs.toFixed(3).padStart(11)} ${who}: ${what}`;
    this.#trace.update(`${line}\n`);
    if (this.keepLines) this.lines.push(line);
    if (!matters) return;
    this.#notable.push(line);
    if (this.#notable.length > notableKept) this.#notable.shift();
  }

  /** For whoever reads the whole of it. */
  keepLines = false;
  /** Everything that any process printed is looked at once. */
  onPrinted: (text: string) => void = () => undefined;

  log(who: string, level: string, message: string, fields: Record<string, unknown> = {}): void {
    const text = `${level} ${message} ${JSON.stringify(fields)}`;
    this.onPrinted(text);
    this.trace(who, text, level === 'error');
  }

  lease(): Lease | undefined {
    const item = this.cloud.tables.items(tables.lease).find((each) => isLease(each));
    return item === undefined ? undefined : (plain({ M: item }) as Lease);
  }

  accepted(): readonly VenueEntry[] {
    return this.record.filter(({ accepted, epoch }) => accepted && epoch !== undefined);
  }

  control(process: SimulatedProcess, region: string): LeaseControl {
    const client = this.cloud.client(process, process.name, region, { maxAttempts: 1 });
    return new LeaseControl(new DynamoLeaseStore({ client, tableName: tables.lease }));
  }

  startTask(region: string, colour: Colour, { imageDigest = `sha256:${colour}`, isBad }: { readonly imageDigest?: string | undefined; readonly isBad?: BadRelease | undefined } = {}): SimulatedTask {
    this.#born += 1;
    const instance = instanceId(region, colour, `i${this.#born}`);
    const task = new SimulatedTask({ book, instance, colour, region, imageDigest, symbol, roleArn: taskRoleIn(this.#made, region), isBad }, {
      time: this.time, network: this.network, cloud: this.cloud, random: this.draw.random, ordersPerSecond,
      driftPpm: this.plan.driftPpm,
      venue: this.venue.decide,
      readKey: () => this.executions?.readKey(region, taskRoleIn(this.#made, region))
        ?? { version: 'v1', texts: new Map([['apiKey', new Secret(apiKey)], ['secret', new Secret(secret)]]) },
      database: (of) => this.databases.get(of)!,
      cache: (of) => this.caches.get(of)!,
      log: (who, ...line) => this.log(who, ...line),
    });
    this.tasks.push(task);
    this.trace(instance, 'starts', true);
    task.start();
    return task;
  }

  forget(task: SimulatedTask): void {
    this.tasks = this.tasks.filter((each) => each !== task);
  }

  #replace(task: SimulatedTask): void {
    if (this.tasks.includes(task)) this.machines.replace(task);
  }

  inject(fault: Fault): void {
    const { time, network, draw } = this;
    const whole = this.tasks.filter(({ isAlive }) => isAlive);
    const holding = whole.find(({ guard }) => guard.view().epoch !== null);
    const task = (fault.whom === holder ? holding : undefined) ?? whole[fault.whom % Math.max(1, whole.length)];
    const { atMs: _at, whom: _whom, ...shown } = fault;
    this.trace('fault', `${JSON.stringify(shown)}${'part' in fault || 'service' in fault ? ` on ${task?.host}` : ''}`, true);
    if (task === undefined) return;
    const parts = (part: 'guard' | 'trader' | 'task'): SimulatedProcess[] => [
      ...(part === 'trader' ? [] : [task.guardProcess]), ...(part === 'guard' ? [] : [task.traderProcess]),
    ];
    switch (fault.kind) {
      case 'pause':
        for (const process of parts(fault.part)) process.pausedUntilMs = Math.max(process.pausedUntilMs, time.nowMs + fault.forMs);
        return;
      case 'crash':
        for (const process of parts(fault.part)) process.alive = false;
        if (fault.part === 'task') return this.#replace(task);
        // The platform ends what is beside, and starts another.
        time.at(time.nowMs + draw.between(besideEndsAfterMs.least, besideEndsAfterMs.most), undefined, () => this.#endTask(task));
        return;
      case 'sigterm':
        return this.#endTask(task);
      case 'cut': {
        const { way, service, forMs } = fault;
        network.disturb({ host: fault.host ?? task.host, service }, { ...(way !== 'answers' && { requests: true }), ...(way !== 'requests' && { answers: true }) }, forMs);
        return;
      }
      case 'slow':
        return network.disturb({ host: task.host, service: fault.service }, { slowerByMs: fault.byMs }, fault.forMs);
      case 'breaks':
        return network.disturb({ host: fault.host ?? task.host, service: fault.service }, { breaksOneIn: fault.oneIn }, fault.forMs);
      case 'isolate': {
        const region = regions[fault.region];
        const mends = Object.values(regions).filter((other) => other !== region).map((other) => this.cloud.world.cutLink(region, other));
        const mend = (): void => mends.forEach((each) => each());
        this.#links.push(mend);
        time.at(time.nowMs + fault.forMs, undefined, mend);
        return;
      }
      case 'conflicts':
        this.conflicts.oneIn = fault.oneIn;
        time.at(time.nowMs + fault.forMs, undefined, () => {
          this.conflicts.oneIn = Infinity;
        });
        return;
      case 'venue-clock':
        this.#venueOffsetMs += fault.byMs;
        return;
      case 'closed-database': {
        const database = this.databases.get(regions.home)!;
        database.isReadOnly = true;
        time.at(time.nowMs + fault.forMs, undefined, () => {
          database.isReadOnly = false;
        });
        return;
      }
      case 'late-orders':
        if (fault.next === 'cut') {
          // Until its lease has run out, and another has it.
          network.disturb({ host: task.host, service: 'dynamodb' }, { requests: true }, cutForMs);
          return network.disturb({ host: task.host, service: 'venue' }, { slowerByMs: fault.byMs }, cutForMs);
        }
        network.disturb({ host: task.host, service: 'venue' }, { slowerByMs: fault.byMs }, lateForMs);
        time.at(time.nowMs + draw.between(0, lateForMs), undefined, () => {
          if (this.faultsAreOver) return;
          if (fault.next === 'drain') return this.machines.drain(otherColour(task.wish.colour));
          if (fault.next === 'crash') return this.#replace(task);
          for (const process of parts('task')) process.pausedUntilMs = Math.max(process.pausedUntilMs, time.nowMs + fault.byMs);
        });
        return;
      case 'drain':
        return this.machines.drain(fault.to, fault.release);
      case 'halt':
        return this.machines.halt();
      case 'resume':
        return this.machines.resume();
      case 'move-home':
        return this.machines.moveHome();
      case 'move-by-plan':
        return this.machines.moveByPlan(fault.machine);
      case 'halt-for':
        return this.machines.haltFor();
      case 'kill-machine':
        return this.machines.kill();
      case 'roll-back':
        return this.machines.rollBack();
      case 'break-function':
        return this.machines.breakFunction(fault.forMs);
      case 'lose-region':
        return this.#loseRegion(regions[fault.region], fault.forMs);
    }
  }

  /** Nothing fails any more, and what stood still goes on. */
  endFaults(): void {
    this.faultsAreOver = true;
    this.trace('fault', 'all are over', true);
    this.network.mend();
    for (const mend of this.#links) mend();
    this.conflicts.oneIn = Infinity;
    for (const database of this.databases.values()) database.isReadOnly = false;
    for (const { guardProcess, traderProcess } of this.tasks) {
      for (const process of [guardProcess, traderProcess]) this.time.resume(process);
    }
  }

  /** All of it is gone in one blow, and back when faults are over at the latest. */
  #loseRegion(region: string, forMs: number): void {
    const { world } = this.cloud;
    if (world.outageOf(region) !== undefined) return;
    void world.darken(region);
    const back = (): void => {
      if (world.outageOf(region) !== undefined) void world.relight(region);
    };
    this.#links.push(back);
    this.time.at(this.time.nowMs + forMs, undefined, back);
  }

  #endTask(task: SimulatedTask): void {
    if (!this.tasks.includes(task)) return;
    this.trace(task.host, 'SIGTERM', true);
    if (!task.guardProcess.alive) return this.#replace(task);
    void task.terminate().then(() => this.time.at(this.time.nowMs, undefined, () => this.#replace(task)));
    // The platform does not wait for ever.
    this.time.at(this.time.nowMs + killedAfterSigtermMs, undefined, () => this.#replace(task));
  }

  #step(): void {
    this.venue.market.step();
    this.time.at(this.time.nowMs + marketStepMs, undefined, () => this.#step());
  }

  #decided(entry: VenueEntry): void {
    this.record.push(entry);
    const { clientOrderId, epoch, accepted, code } = entry;
    if (clientOrderId !== undefined) this.trace('venue', `${clientOrderId} of epoch ${epoch}: ${accepted ? 'accepted' : `refused ${code}`}`);
  }

  #written(write: TableWrite): void {
    this.writes.push({ ...write, by: this.cloud.caller });
    const { table, after, before } = write;
    if (table === tables.journal) {
      const { entry, outcome } = plain({ M: after ?? {} }) as { readonly entry?: string; readonly outcome?: unknown };
      return this.trace('journal', `${entry} ${JSON.stringify(outcome ?? '')}`);
    }
    if (!isLease(after ?? before ?? {})) return;
    const now = plain({ M: after ?? {} }) as Lease;
    const was = before === undefined ? undefined : (plain({ M: before }) as Lease);
    const { epoch, heartbeat, holder: held, home, mode, successor, workflow } = now;
    const isRenewal = was !== undefined && was.epoch === epoch && was.heartbeat !== heartbeat;
    const shown = `epoch ${epoch}.${heartbeat} ${mode}, holder ${held ?? 'nobody'}${successor === undefined ? '' : ` → ${successor}`}, home ${home}`;
    this.trace('lease', `${shown}, lock ${workflow.token}${workflow.execution === undefined ? '' : ` ${workflow.execution}`}`, !isRenewal);
  }
}

const policiesByMade = new WeakMap<readonly Made[], Policies>();
/** One for all runs of the same deployment: what it decided stays true. */
function policiesOf(made: readonly Made[]): Policies {
  const policies = policiesByMade.get(made) ?? new Policies(made, settings.account);
  policiesByMade.set(made, policies);
  return policies;
}

/** Of the tasks that trade the book. */
function taskRoleIn(made: readonly Made[], region: string): string | undefined {
  const template = made.find((each) => each.type === 'AWS::ECS::TaskDefinition' && each.region === region && each.properties['Family'] === `baton-dev-${book}-template`);
  return template?.properties['TaskRoleArn'] as string | undefined;
}

const notableKept = 20;
const lateForMs = 3000;
const cutForMs = 9000;
const killedAfterSigtermMs = 110_000;

export function isLease(item: Item): boolean {
  const name = item['item'];
  return name !== undefined && 'S' in name && name.S === 'lease';
}

/** An attribute's value as the code that wrote it has it. */
export function plain(value: unknown): unknown {
  const [[type, held] = ['', undefined]] = Object.entries(value as Record<string, unknown>);
  if (type === 'N') return Number(held);
  if (type !== 'M') return held;
  return Object.fromEntries(Object.entries(held as Record<string, unknown>).map(([name, each]) => [name, plain(each)]));
}

