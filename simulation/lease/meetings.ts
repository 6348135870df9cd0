/**
 * Machines that meet: `LeaseControl` as the steps of the state machines call it, two or three machines on one book, with people who halt it and a
 * holder that goes on meanwhile. A seed decides whose call of the table is carried out next, whether its answer is lost, and whether a write comes
 * late: after its sender was told nothing, has gone on, was killed, or has lost the book. Every step may be taken twice at once.
 *
 * In the whole system machines seldom meet within one call; here they do nothing else, and a run takes a fraction of a millisecond.
 */
import { haltOf, LeaseControl } from '../../lib/lease/control.ts';
import { LeaseUnreachableError } from '../../lib/lease/errors.ts';
import { MemoryLeaseStore } from '../../lib/lease/memory-store.ts';
import { colourOf, instanceId, regionOf, type BookName, type Colour, type Epoch, type InstanceId, type Lease, type WorkflowToken } from '../../lib/lease/model.ts';
import type { LeaseStore, LeaseWrite, WriteAnswer } from '../../lib/lease/store.ts';
import { seeded } from '../../rehearsal/seeded.ts';

const home = 'us-east-1';
const away = 'us-west-2';
const book = 'alpha' as BookName;
/** One that nobody made. */
const ghost = 'ghost' as BookName;
const person = 'a person';
const deployment = 'deployment';
const blue = instanceId(home, 'blue', '1');
const elsewhere = instanceId(away, 'blue', '1');
const live = { imageDigest: 'sha256:blue', guardDigest: 'sha256:guard', taskDefinition: 'blue:1' };

export interface Meeting {
  readonly violation?: string;
  /** What happened, in order. */
  readonly path: readonly string[];
}

type Step = readonly [name: string, act: (control: LeaseControl, token: WorkflowToken) => Promise<unknown>];

const drainTo = (successor: Colour | InstanceId): Step => [`drain to ${successor}`, (control, token) => control.startDrain(book, token, successor)];
const cancel: Step = ['cancel the drain', (control, token) => control.cancelDrain(book, token)];
const record: Step = ['record what is live', (control, token) => control.recordLive(book, token, { ...live, taskDefinition: `green:${token}` })];
const close: Step = ['close the way back', (control, token) => control.closeWayBack(book, token, `green:${token}`)];
const open: Step = ['open', (control, token) => control.open(book, token)];
const resume: Step = ['resume', (control, token) => control.resume(book, token)];
const halt: Step = ['halt', (control, token) => control.haltFor(book, token, { reason: 'the key is revoked', by: 'revoke' })];
const relocate: Step = ['relocate what is live', (control, token) => control.relocateLive(book, token, `away:${token}`)];
const move = (from: string, to: string): Step => [`move to ${to}`, (control, token) => control.moveHome(book, token, { from, to })];

/** How the book is found. */
const fresh: Partial<Lease> = { epoch: 0 as Epoch, mode: 'halted' };
const halted: Partial<Lease> = { epoch: 3 as Epoch, mode: 'halted', holder: blue, live, halt: { reason: 'looks odd', by: person } };
const beginnings: readonly Partial<Lease>[] = [
  fresh, halted,
  { ...fresh, halt: { reason: 'not yet', by: person } },
  { epoch: 3 as Epoch, mode: 'open', holder: blue, live },
  { epoch: 3 as Epoch, mode: 'open', holder: blue, live },
  { epoch: 3 as Epoch, mode: 'draining', successor: 'green', holder: blue, live },
];

/** What machines do once they have the book, and how the first to come finds it, where it says. Only those whose name begins with failover take it from another. */
const scripts: readonly (readonly [name: string, steps: readonly Step[], beginnings?: readonly Partial<Lease>[]])[] = [
  ['cutover', [drainTo('green'), record, close]],
  ['cutover', [drainTo('green'), cancel]],
  ['cutover', [open, record], [fresh]],
  ['cutover', [open, drainTo('green')], [fresh]],
  ['cutover', [drainTo('blue'), cancel, drainTo('green')]],
  ['resume', [resume], [halted]],
  ['resume', [resume, drainTo('green')], [halted]],
  ['resume', [resume, drainTo('green'), cancel], [halted]],
  ['revoke', [halt]],
  ['revoke', [halt, resume]],
  ['switchover', [drainTo(elsewhere)]],
  ['failover', [move(home, away), relocate]],
  ['failover', [relocate]],
  ['failover', [drainTo('green'), cancel, move(home, away)]],
  ['failover', [move(home, away), move(away, home)]],
];
const mayPreempt = (by: string, heldBy: string): boolean => by.startsWith('failover') && !heldBy.startsWith('failover');

/** What one call chain of a machine knows. */
interface Knows {
  readonly by: string;
  /** Whose lock is taken away, where that is what it does. */
  readonly releases?: string;
  seen: Lease | undefined;
}

interface Pending {
  readonly knows: Knows;
  readonly what: string;
  readonly write?: LeaseWrite;
  readonly answer: (how: 'answered' | 'unanswered' | 'late') => void;
}

interface Late {
  readonly knows: Knows;
  readonly write: LeaseWrite;
}

export async function meet(seed: number): Promise<Meeting> {
  return new Run(seeded(seed)).run();
}

class Run {
  readonly #random: () => number;
  readonly #store = new MemoryLeaseStore();
  readonly #path: string[] = [];
  readonly #pending: Pending[] = [];
  readonly #late: Late[] = [];
  readonly #killed = new Set<string>();
  #violation: string | undefined;
  /** How long a late write is on its way. */
  readonly #patience: number;
  readonly #left = { doubts: 2, halts: 2, holders: 4, kills: 1, creations: 1 };

  constructor(random: () => number) {
    this.#random = random;
    this.#patience = this.#of([0, 0.5, 0.8]);
  }

  async run(): Promise<Meeting> {
    const first = this.#of(scripts);
    this.#begin(first[2] ?? beginnings);
    const machines = [first, this.#of(scripts), ...(this.#random() < 0.3 ? [this.#of(scripts)] : [])];
    machines.forEach(([name, steps], at) => void this.#machine(`${name}-${at + 1}`, steps));
    while (this.#violation === undefined) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      const next = this.#moves();
      if (next.length === 0) break;
      this.#of(next)();
    }
    return { path: this.#path, ...(this.#violation !== undefined && { violation: this.#violation }) };
  }

  #begin(choices: readonly Partial<Lease>[]): void {
    const of = this.#of(choices);
    const item = { heartbeat: 0, grantId: 'created', leaseMs: 5000, home, workflow: { token: 4 as WorkflowToken }, ...of };
    this.#store.writeNow({ name: 'create', book, expects: [], set: item });
    this.#path.push(`the book: ${shown(this.#store.readNow(book))}`);
  }

  /** All that could be next. What only outsiders do ends with their number. */
  #moves(): (() => void)[] {
    const moves: (() => void)[] = [];
    const { doubts, halts, holders, kills, creations } = this.#left;
    for (const pending of this.#pending) {
      const take = (how: 'answered' | 'unanswered' | 'late') => (): void => {
        this.#pending.splice(this.#pending.indexOf(pending), 1);
        if (how !== 'answered') this.#left.doubts -= 1;
        pending.answer(how);
      };
      // Most calls are simply answered.
      moves.push(take('answered'), take('answered'));
      if (doubts > 0) moves.push(take('unanswered'), ...(pending.write === undefined ? [] : [take('late')]));
      const { by } = pending.knows;
      if (kills > 0 && !by.startsWith('net') && by !== deployment) moves.push(() => this.#kill(by), () => this.#stop(by));
    }
    for (const late of this.#late) {
      // Or it would seldom be very late.
      if (this.#pending.length > 0 && this.#random() < this.#patience) continue;
      moves.push(() => {
        this.#late.splice(this.#late.indexOf(late), 1);
        this.#apply(late.write, late.knows, 'late');
      });
    }
    if (this.#pending.length === 0) return moves;
    if (halts > 0) moves.push(() => this.#personHalts());
    if (holders > 0) moves.push(() => this.#holderGoesOn());
    if (creations > 0) moves.push(() => this.#createAgain());
    return moves;
  }

  // ---- who acts ---------------------------------------------------------------------------------------------------

  async #machine(by: string, steps: readonly Step[]): Promise<void> {
    const taking: Knows = { by, seen: undefined };
    try {
      const { token } = await this.#control(taking).takeWorkflow(book, by, (heldBy) => mayPreempt(by, heldBy));
      for (const step of steps) {
        if (this.#killed.has(by)) return;
        const twice = this.#random() < 0.2;
        await Promise.all([this.#step(by, token, step), ...(twice ? [this.#step(by, token, step).catch(() => undefined)] : [])]);
      }
    } catch (error) {
      this.#path.push(`${by}: ${(error as Error).name}`);
    }
    if (!this.#killed.has(by)) await this.#release(by, by);
  }

  async #step(by: string, token: WorkflowToken, [name, act]: Step): Promise<void> {
    const knows: Knows = { by, seen: undefined };
    await act(this.#control(knows), token);
    if (this.#killed.has(by)) return;
    this.#path.push(`${by}: '${name}' is done`);
    const { execution, token: newest } = knows.seen?.workflow ?? {};
    if (execution !== by || newest !== token) this.#broken(`10. at most one workflow changes a book at a time: ${by} was told that '${name}' is done by a lease which is ${execution ?? 'nobody'}'s`);
  }

  async #release(by: string, execution: string): Promise<void> {
    try {
      await this.#control({ by, releases: execution, seen: undefined }).releaseWorkflow(book, execution);
    } catch (error) {
      if (!(error instanceof LeaseUnreachableError)) throw error;
    }
  }

  #kill(by: string): void {
    this.#left.kills -= 1;
    this.#killed.add(by);
    this.#path.push(`${by} is killed`);
    for (const pending of this.#pending.filter(({ knows }) => knows.by === by)) {
      this.#pending.splice(this.#pending.indexOf(pending), 1);
      if (pending.write !== undefined) this.#late.push({ knows: pending.knows, write: pending.write });
    }
    void this.#release(`net of ${by}`, by);
  }

  /** Stopped, which takes its lock away, and redriven at once: it goes on with the step that it was in. */
  #stop(by: string): void {
    this.#left.kills -= 1;
    this.#path.push(`${by} is stopped and redriven`);
    void this.#release(`net of ${by}`, by);
  }

  #personHalts(): void {
    this.#left.halts -= 1;
    const of = this.#random() < 0.1 ? ghost : book;
    this.#apply(haltOf(of, { reason: 'looks odd', by: person }), { by: person, seen: undefined }, 'by hand');
  }

  #createAgain(): void {
    this.#left.creations -= 1;
    const knows: Knows = { by: deployment, seen: undefined };
    void this.#control(knows).createBook({ book, home, leaseMs: 5000 }).catch(() => undefined);
  }

  /** What the protocol's holders and standbys do, each write with its conditions met. */
  #holderGoesOn(): void {
    this.#left.holders -= 1;
    const lease = this.#store.readNow(book)!;
    const { epoch, holder, mode, successor } = lease;
    const next = { epoch: (epoch + 1) as Epoch, heartbeat: 0 };
    const by = (name: LeaseWrite['name'], set: LeaseWrite['set'], remove: LeaseWrite['remove'] = []): void =>
      void this.#apply({ name, book, expects: [], ...(set && { set }), remove }, { by: holder ?? blue, seen: undefined }, 'by the holder');
    if (mode === 'halted') return holder === undefined ? undefined : by('release', next, ['holder']);
    if (holder === undefined) return by('take-over', { ...next, holder: blue, mode: 'open' }, ['successor']);
    if (mode === 'open') return by('renew', { heartbeat: lease.heartbeat + 1 });
    if (this.#random() < 0.3) return by('end-drain', { mode: 'open' }, ['successor']);
    const to = successor === undefined ? blue : isColour(successor) ? instanceId(lease.home, successor, '9') : successor;
    return by('hand-over', { ...next, holder: to, mode: 'open', home: regionOf(to) }, ['successor']);
  }

  // ---- the table --------------------------------------------------------------------------------------------------

  #control(knows: Knows): LeaseControl {
    const sees = (lease: Lease | undefined): void => {
      knows.seen = lease;
    };
    const ask = <Answer>(what: string, write: LeaseWrite | undefined, serve: (how: 'answered' | 'unanswered' | 'late') => Answer): Promise<Answer> => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      this.#pending.push({
        knows, what, ...(write && { write }),
        answer: (how) => {
          try {
            resolve(serve(how));
          } catch (error) {
            reject(error);
          }
        },
      });
      return promise;
    };
    const store: Partial<LeaseStore> = {
      read: (of) => ask('read', undefined, (how) => {
        if (how !== 'answered') throw new Error('no answer');
        const lease = this.#store.readNow(of);
        sees(lease);
        return lease;
      }),
      write: (write) => ask(write.name, write, (how): WriteAnswer => {
        const doubtful = { outcome: 'ambiguous', error: new Error('no answer') } as const;
        if (how === 'late') {
          this.#late.push({ knows: { ...knows }, write });
          return doubtful;
        }
        const answer = this.#apply(write, knows, how);
        if (how === 'unanswered') return doubtful;
        sees('lease' in answer ? answer.lease : undefined);
        return answer;
      }),
    };
    return new LeaseControl(store as LeaseStore);
  }

  #apply(write: LeaseWrite, knows: Knows, how: string): WriteAnswer {
    const before = this.#store.readNow(write.book);
    const answer = this.#store.writeNow(write);
    const after = this.#store.readNow(write.book);
    this.#path.push(`${knows.by}: ${write.name} is ${answer.outcome}, ${how}: ${shown(after)}`);
    if (answer.outcome === 'applied' && after !== undefined) this.#judge(before, after, write, knows);
    return answer;
  }

  #judge(was: Lease | undefined, is: Lease, { name }: LeaseWrite, { by, seen, releases }: Knows): void {
    const said = (what: string): void => this.#broken(what);
    if (was === undefined) {
      if (name !== 'create') said(`9. nothing is left over: ${name} made a book that nobody created`);
      return;
    }
    if (is.epoch < was.epoch) said(`2. epochs only grow: epoch ${was.epoch} became ${is.epoch}`);
    const [held, taken] = [was.workflow.execution, is.workflow.execution];
    const one = '10. at most one workflow changes a book at a time';
    if (is.workflow.token < was.workflow.token) said(`${one}: the token fell`);
    if (taken !== undefined && taken !== held && is.workflow.token === was.workflow.token) said(`${one}: ${taken} took the book without raising the token`);
    if (held !== undefined && taken !== undefined && taken !== held && !mayPreempt(taken, held)) said(`${one}: ${taken} took the book from ${held}`);
    if (held !== undefined && taken === undefined && held !== releases) said(`${one}: ${by} gave back the lock of ${held}`);
    if (machineWrites.has(name) && held !== by) said(`${one}: ${name} of ${by} changed the book while it was ${held ?? 'nobody'}'s`);
    // What people and holders wait for.
    if (was.mode === 'halted' && is.mode !== 'halted' && name !== 'resume' && name !== 'open') said(`a halt stands until it is resumed: ${name} of ${by} ended it`);
    if (name === 'open' && was.halt !== undefined) said(`a halt stands until it is resumed: ${by} opened a book that ${was.halt.by} had halted`);
    if (name === 'resume' && seen?.epoch !== was.epoch) said(`a halt stands until it is resumed: ${by} ended a later one than it had seen`);
    if (name === 'halt' && by !== person && was.mode === 'halted' && was.halt?.by === person) said(`a halt stands until it is resumed: ${by} took over that of ${person}`);
    const drainEnds = was.mode === 'draining' && is.mode === 'open';
    if (drainEnds && !endsOfDrains.has(name)) said(`a drain ends as it was meant to: ${name} of ${by} ended it`);
    if (is.mode !== 'draining' && is.successor !== undefined) said(`9. nothing is left over: the drain to ${is.successor} is over, its successor is not`);
    if (name === 'start-drain' && was.mode === 'draining') said(`a drain ends as it was meant to: ${by} turned one towards ${was.successor} to ${is.successor}`);
    if (name === 'start-drain' && is.holder !== undefined && isNamed(is.holder, is.successor)) said(`a drain ends as it was meant to: ${by} drains ${is.holder} towards itself`);
    if (name === 'start-drain' && seen?.home !== was.home) said(`a drain ends as it was meant to: ${by} drains a book that has moved since`);
    if (name === 'move-home' && seen?.home !== was.home) said(`a book moves once: ${by} moved one from ${was.home} that it had seen in ${seen?.home}`);
  }

  #broken(what: string): void {
    this.#violation ??= what;
  }

  #of<One>(choices: readonly One[]): One {
    return choices[Math.floor(this.#random() * choices.length)]!;
  }
}

/** Those that only the machine may make which has the book; a halt has its own rule. */
const machineWrites: ReadonlySet<LeaseWrite['name']> = new Set(['open', 'resume', 'start-drain', 'cancel-drain', 'move-home', 'record-live', 'close-way-back']);
const endsOfDrains: ReadonlySet<LeaseWrite['name']> = new Set(['cancel-drain', 'hand-over', 'end-drain', 'move-home', 'take-over']);

function isColour(successor: Colour | InstanceId): successor is Colour {
  return successor === 'blue' || successor === 'green';
}

function isNamed(holder: InstanceId, successor: Lease['successor']): boolean {
  return successor === holder || successor === colourOf(holder);
}

function shown(lease: Lease | undefined): string {
  if (lease?.workflow === undefined) return 'no book';
  const { epoch, mode, holder, successor, home: at, workflow, halt: why } = lease;
  return `epoch ${epoch} ${mode}${why === undefined ? '' : ` (${why.by})`}, ${holder ?? 'nobody'}${successor === undefined ? '' : ` → ${successor}`}, ${at}, lock ${workflow.token} ${workflow.execution ?? '-'}`;
}
