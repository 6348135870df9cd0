/**
 * The shadow book's lease: of the same table and the same protocol as any other, and of no real book. Between drills it is halted. A drill puts it into the state of a
 * book whose home is about to be lost – somebody there holds it and renewed it a moment ago – so that what takes it over is what takes over any book. Its epoch only
 * grows, from drill to drill: its journal stays where it is.
 */
import { LeaseConflictError, LeaseUnreachableError } from '../lease/errors.ts';
import type { LeaseControl } from '../lease/control.ts';
import { instanceId, type Epoch, type InstanceId, type Lease, type WorkflowToken } from '../lease/model.ts';
import type { LeaseStore, LeaseWrite } from '../lease/store.ts';
import { shadowBook } from '../contracts/drill.ts';

/** Who holds it in the Region that is taken for lost: nobody runs there. */
export function lostHolder(lost: string): InstanceId {
  return instanceId(lost, 'blue', 'drill');
}

/** Held in the Region that is to be lost. Positions of earlier drills do not count: each has a paper venue of its own. */
function holdElsewhere({ epoch }: Lease, token: WorkflowToken, lost: string, execution: string): LeaseWrite {
  return {
    name: 'take-over', book: shadowBook,
    expects: [{ path: 'workflow.token', equals: token }, { path: 'workflow.execution', equals: execution }, { path: 'epoch', equals: epoch }],
    set: { epoch: (epoch + 1) as Epoch, heartbeat: 0, holder: lostHolder(lost), grantId: execution, home: lost, mode: 'open', resumedFrom: epoch },
    remove: ['successor', 'halt'],
  };
}

export class Shadow {
  readonly #control: LeaseControl;
  readonly #store: LeaseStore;
  readonly #leaseMs: number;

  constructor({ control, store, leaseMs }: { readonly control: LeaseControl; readonly store: LeaseStore; readonly leaseMs: number }) {
    this.#control = control;
    this.#store = store;
    this.#leaseMs = leaseMs;
  }

  /** Two drills exclude each other by the locks of the real books: who has this one's lock was killed. */
  async prepare(execution: string, lost: string): Promise<{ readonly token: WorkflowToken; readonly epoch: Epoch }> {
    await this.#control.createBook({ book: shadowBook, home: lost, leaseMs: this.#leaseMs });
    const { token, lease } = await this.#control.takeWorkflow(shadowBook, execution, () => true);
    // A repeat finds what it has made.
    if (lease.grantId === execution && lease.holder === lostHolder(lost)) return { token, epoch: lease.epoch };
    const held = await this.#written(holdElsewhere(lease, token, lost, execution), (seen) => seen.grantId === execution && seen.workflow.token === token);
    return { token, epoch: held.epoch };
  }

  /** Its last renewal: whoever waits for the end of its lease waits from here. */
  async renewOnce(token: WorkflowToken, epoch: Epoch): Promise<Lease> {
    const { holder } = await this.#control.checkToken(shadowBook, token);
    if (holder === undefined) throw new LeaseConflictError(shadowBook, 'renew a last time', 'nobody holds it');
    return this.#written({
      name: 'renew', book: shadowBook, beat: true,
      expects: [{ path: 'epoch', equals: epoch }, { path: 'holder', equals: holder }, { path: 'workflow.token', equals: token }],
    }, () => false);
  }

  /** Halted, its registrations forgotten, its lock given back. One that was never prepared, or belongs to another execution, is left alone. */
  async finish(execution: string, token: WorkflowToken): Promise<Lease> {
    let lease = await this.#control.read(shadowBook);
    if (lease.workflow.execution !== execution) return lease;
    lease = await this.#control.haltFor(shadowBook, token, { reason: 'the drill is over', by: 'the drill' });
    for (const { instance } of await this.#control.registrations(shadowBook)) await this.#store.deregister(shadowBook, instance);
    return (await this.#control.releaseWorkflow(shadowBook, execution)).lease;
  }

  async #written(write: LeaseWrite, isDone: (seen: Lease) => boolean): Promise<Lease> {
    const answer = await this.#store.write(write);
    if (answer.outcome === 'applied') return answer.lease;
    const seen = await this.#control.read(shadowBook);
    if (isDone(seen)) return seen;
    if (answer.outcome === 'ambiguous') throw new LeaseUnreachableError(shadowBook, write.name, answer.error);
    throw new LeaseConflictError(shadowBook, write.name, `epoch ${seen.epoch}, holder ${seen.holder ?? 'nobody'}`);
  }
}
