/**
 * The lease as the state machines see it: every write names the token, the mode and what else it expects,
 * and can be repeated – after a lost answer, or by a redriven execution – without a second effect.
 */
import { BookBusyError, LeaseConflictError, LeaseMissingError, LeaseUnreachableError, WorkflowPreemptedError } from './errors.ts';
import type { BookName, Colour, Epoch, InstanceId, Lease, Live, Registration, WorkflowToken } from './model.ts';
import { colourOf } from './model.ts';
import type { LeaseStore, LeaseWrite } from './store.ts';

/** A step's answer may have been lost and the step is repeated; more often than this it is an outage. */
const attemptsMax = 4;

export class LeaseControl {
  readonly #store: LeaseStore;

  constructor(store: LeaseStore) {
    this.#store = store;
  }

  async read(book: BookName): Promise<Lease> {
    const lease = await this.#reach(book, 'read', () => this.#store.read(book));
    if (lease === undefined) throw new LeaseMissingError(book);
    return lease;
  }

  async registrations(book: BookName): Promise<readonly Registration[]> {
    const state = await this.#reach(book, 'registrations', () => this.#store.readAll(book));
    return state.registrations;
  }

  /** Halted, epoch 0, no holder: nothing can trade until the first cutover opens it. An existing lease is not touched. */
  async createBook(wanted: { readonly book: BookName; readonly home: string; readonly leaseMs: number }): Promise<'created' | 'existed'> {
    const { book, home, leaseMs } = wanted;
    const answer = await this.#write({
      name: 'create',
      book,
      expects: [{ path: 'epoch', absent: true }],
      set: { epoch: 0 as Epoch, heartbeat: 0, grantId: 'created', leaseMs, home, mode: 'halted', workflow: { token: 0 as WorkflowToken } },
    });
    return answer.applied ? 'created' : 'existed';
  }

  /** Raises the token. The same execution gets the same token again. Another keeps the book, unless it may be pre-empted. */
  async takeWorkflow(
    book: BookName, execution: string, mayPreempt: (heldBy: string) => boolean = () => false,
  ): Promise<{ readonly token: WorkflowToken; readonly lease: Lease }> {
    let lease = await this.read(book);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { token, execution: heldBy } = lease.workflow;
      if (heldBy === execution) return { token, lease };
      if (heldBy !== undefined && !mayPreempt(heldBy)) throw new BookBusyError(book, heldBy);
      const answer = await this.#write({
        name: 'take-workflow',
        book,
        expects: [
          { path: 'workflow.token', equals: token },
          heldBy === undefined ? { path: 'workflow.execution', absent: true } : { path: 'workflow.execution', equals: heldBy },
        ],
        set: { 'workflow.token': (token + 1) as WorkflowToken, 'workflow.execution': execution },
      });
      lease = answer.lease ?? missing(book);
    }
    if (lease.workflow.execution === execution) return { token: lease.workflow.token, lease };
    throw new BookBusyError(book, lease.workflow.execution ?? 'executions that come and go');
  }

  /** The machines' step check: throws when the book was taken by another since. */
  async checkToken(book: BookName, token: WorkflowToken): Promise<Lease> {
    const lease = await this.read(book);
    assertToken(lease, token);
    return lease;
  }

  /** The first cutover's write. Only a book that never had a holder is opened by it; `resume` is for the rest. */
  async open(book: BookName, token: WorkflowToken): Promise<Lease> {
    const answer = await this.#write(openOf(book, token));
    if (answer.applied) return answer.lease;
    const lease = seen(book, answer.lease, token);
    if (lease.mode === 'open') return lease;
    throw new LeaseConflictError(book, 'open', describe(lease));
  }

  /**
   * Ends a halt. A book that never traded stays halted until its first cutover, which a halt by somebody forbids and
   * this allows again.
   */
  async resume(book: BookName, token: WorkflowToken): Promise<Lease> {
    let lease = await this.checkToken(book, token);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      if (lease.mode !== 'halted' || (lease.epoch === 0 && lease.halt === undefined)) return lease;
      // A holder that gives up meanwhile raises the epoch.
      const answer = await this.#write(resumeOf(lease, token));
      if (answer.applied) return answer.lease;
      lease = seen(book, answer.lease, token);
    }
    throw new LeaseConflictError(book, 'resume', describe(lease));
  }

  /** A halt by the workflow that has the book, for its own purpose; one that stands already is left as it is. */
  async haltFor(book: BookName, token: WorkflowToken, halt: { readonly reason: string; readonly by: string }): Promise<Lease> {
    const lease = await this.checkToken(book, token);
    if (lease.mode === 'halted') return lease;
    const answer = await this.#write({ ...haltOf(book, halt), expects: [...hasToken(token), { path: 'mode', differs: 'halted' }] });
    return answer.applied ? answer.lease : seen(book, answer.lease, token);
  }

  /** Asks the holder to hand over to an instance, or to one of a colour. */
  async startDrain(book: BookName, token: WorkflowToken, successor: InstanceId | Colour): Promise<Lease> {
    let lease = await this.checkToken(book, token);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      if (isNamed(lease.holder, successor)) return lease;
      if (lease.mode === 'draining' && lease.successor === successor) return lease;
      if (lease.mode !== 'open') break;
      const answer = await this.#write(startDrainOf(lease, token, successor));
      if (answer.applied) return answer.lease;
      lease = seen(book, answer.lease, token);
    }
    throw new LeaseConflictError(book, `drain towards ${successor} of`, describe(lease));
  }

  /** Back to `open`. A drain that ended by itself, by hand-over or by its holder, is left alone. */
  async cancelDrain(book: BookName, token: WorkflowToken): Promise<Lease> {
    const answer = await this.#write(cancelDrainOf(book, token));
    return answer.applied ? answer.lease : seen(book, answer.lease, token);
  }

  /**
   * Gives the book to another Region, whose standbys may take it when the lease has run out. A drain ends with it; a halt stands.
   * One that is there already is left alone.
   */
  async moveHome(book: BookName, token: WorkflowToken, { from, to }: { readonly from: string; readonly to: string }): Promise<Lease> {
    let lease = await this.checkToken(book, token);
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      if (lease.home === to) return lease;
      if (lease.home !== from) break;
      // A holder may end a drain meanwhile, and anybody may halt.
      const answer = await this.#write(moveHomeOf(lease, token, to));
      if (answer.applied) return answer.lease;
      lease = seen(book, answer.lease, token);
    }
    throw new LeaseConflictError(book, `move from ${from} to ${to} the home of`, `home ${lease.home}, ${describe(lease)}`);
  }

  /** What runs now and what did before, for whoever needs to start the same again. A rollback takes away what was live. */
  async recordLive(book: BookName, token: WorkflowToken, live: Live, takesAway = false): Promise<Lease> {
    const before = (await this.checkToken(book, token)).live;
    // A repeat finds its own record, and must not take it for the one before.
    const previous = before === undefined || before.taskDefinition === live.taskDefinition ? {} : { previous: { ...before, ...(takesAway && { takenAway: true }) } };
    const answer = await this.#write({ name: 'record-live', book, expects: hasToken(token), set: { live, ...previous } });
    return answer.applied ? answer.lease : seen(book, answer.lease, token);
  }

  /** Before the schema is contracted for this revision, so that no rollback goes behind it by accident. */
  async closeWayBack(book: BookName, token: WorkflowToken, contractedBy: string): Promise<Lease> {
    const answer = await this.#write({ name: 'close-way-back', book, expects: hasToken(token), set: { contractedBy } });
    return answer.applied ? answer.lease : seen(book, answer.lease, token);
  }

  /**
   * The same release under the revision that the new home has of it. What was live before is known there by no revision: it is
   * forgotten, so that nobody goes back to a revision of that name which is another one; a contraction counts from this one on.
   */
  async relocateLive(book: BookName, token: WorkflowToken, taskDefinition: string): Promise<Lease> {
    const { live, contractedBy } = await this.checkToken(book, token);
    if (live === undefined) throw new LeaseConflictError(book, 'record under another revision what is live of', 'nothing recorded as live');
    const answer = await this.#write({
      name: 'record-live', book, expects: hasToken(token),
      set: { live: { ...live, taskDefinition }, ...(contractedBy !== undefined && { contractedBy: taskDefinition }) }, remove: ['previous'],
    });
    return answer.applied ? answer.lease : seen(book, answer.lease, token);
  }

  /** `released` false: another has the book, or nobody; nothing was changed. */
  async releaseWorkflow(book: BookName, execution: string): Promise<{ readonly released: boolean; readonly lease: Lease }> {
    const answer = await this.#write({
      name: 'release-workflow',
      book,
      expects: [{ path: 'workflow.execution', equals: execution }],
      remove: ['workflow.execution'],
    });
    return { released: answer.applied, lease: answer.lease ?? missing(book) };
  }

  /** Removes what the instances of a colour that was retired in a Region said of themselves; answers how many it removed. */
  async removeRegistrations(book: BookName, retired: { readonly colour: Colour; readonly region: string }): Promise<number> {
    const gone = (await this.registrations(book)).filter(({ colour, region }) => colour === retired.colour && region === retired.region);
    for (const { instance } of gone) await this.#reach(book, 'deregister', () => this.#store.deregister(book, instance));
    return gone.length;
  }

  /**
   * Repeats a write whose answer is missing: each of them is refused, or changes nothing, the second time.
   * A repeat that is refused may be refused because the first was applied, which every caller tells by the item.
   */
  async #write(write: LeaseWrite): Promise<{ applied: true; lease: Lease } | { applied: false; lease?: Lease }> {
    let last: unknown;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const answer = await this.#store.write(write);
      if (answer.outcome === 'applied') return { applied: true, lease: answer.lease };
      if (answer.outcome === 'refused') return answer.lease === undefined ? { applied: false } : { applied: false, lease: answer.lease };
      last = answer.error;
    }
    throw new LeaseUnreachableError(write.book, write.name, last);
  }

  async #reach<Answer>(book: BookName, operation: string, call: () => Promise<Answer>): Promise<Answer> {
    let last: unknown;
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      try {
        return await call();
      } catch (error) {
        last = error;
      }
    }
    throw new LeaseUnreachableError(book, operation, last);
  }
}

/** Not while somebody's halt stands: one that is given before the first cutover holds as well. */
export function openOf(book: BookName, token: WorkflowToken): LeaseWrite {
  return {
    name: 'open',
    book,
    expects: [
      ...hasToken(token), { path: 'mode', equals: 'halted' }, { path: 'epoch', equals: 0 as Epoch }, { path: 'halt', absent: true },
    ],
    set: { mode: 'open' },
  };
}

/**
 * The kill switch. It names no token, because it must work whatever workflow has the book, and no mode, so that a
 * book which is halted for another reason, or was never opened, is halted for this one too.
 */
export function haltOf(book: BookName, halt: { readonly reason: string; readonly by: string }): LeaseWrite {
  return { name: 'halt', book, expects: [{ path: 'epoch', present: true }], set: { mode: 'halted', halt }, remove: ['successor'] };
}

/** The epoch is named so that one that comes late does not end a later halt: a holder that stopped has raised it. */
export function resumeOf({ book, epoch }: Lease, token: WorkflowToken): LeaseWrite {
  const expects: LeaseWrite['expects'] = [...hasToken(token), { path: 'mode', equals: 'halted' }, { path: 'epoch', equals: epoch }];
  if (epoch === 0) return { name: 'resume', book, expects, remove: ['halt'] };
  return { name: 'resume', book, expects, set: { mode: 'open', resumedFrom: epoch } };
}

/** The epoch is named so that a repeat of this write does not drain the successor that it had asked for. */
export function startDrainOf({ book, home, epoch }: Lease, token: WorkflowToken, successor: InstanceId | Colour): LeaseWrite {
  return {
    name: 'start-drain',
    book,
    // The home, so that a drain never starts on a book that moved to another Region since.
    expects: [...hasToken(token), { path: 'mode', equals: 'open' }, { path: 'home', equals: home }, { path: 'epoch', equals: epoch }],
    set: { mode: 'draining', successor },
  };
}

export function cancelDrainOf(book: BookName, token: WorkflowToken): LeaseWrite {
  return {
    name: 'cancel-drain',
    book,
    expects: [...hasToken(token), { path: 'mode', equals: 'draining' }],
    set: { mode: 'open' },
    remove: ['successor'],
  };
}

/** The mode is named so that a halt which is given in between is not ended by it. */
export function moveHomeOf({ book, home, mode }: Lease, token: WorkflowToken, to: string): LeaseWrite {
  return {
    name: 'move-home',
    book,
    expects: [...hasToken(token), { path: 'home', equals: home }, { path: 'mode', equals: mode }],
    set: { home: to, ...(mode === 'draining' && { mode: 'open' }) },
    remove: ['successor'],
  };
}

/** The token stays when the book is given back, so a write that comes after that must not be taken for one of before. */
function hasToken(token: WorkflowToken): LeaseWrite['expects'] {
  return [{ path: 'workflow.token', equals: token }, { path: 'workflow.execution', present: true }];
}

function assertToken(lease: Lease, token: WorkflowToken): void {
  if (lease.workflow.token !== token || lease.workflow.execution === undefined) {
    throw new WorkflowPreemptedError(lease.book, token, lease.workflow);
  }
}

function seen(book: BookName, lease: Lease | undefined, token: WorkflowToken): Lease {
  if (lease === undefined) return missing(book);
  assertToken(lease, token);
  return lease;
}

function missing(book: BookName): never {
  throw new LeaseMissingError(book);
}

function isNamed(holder: InstanceId | undefined, successor: InstanceId | Colour): boolean {
  return holder !== undefined && (holder === successor || colourOf(holder) === successor);
}

function describe(lease: Lease): string {
  return `mode ${lease.mode}, epoch ${lease.epoch}, holder ${lease.holder ?? 'nobody'}, successor ${lease.successor ?? 'nobody'}`;
}
