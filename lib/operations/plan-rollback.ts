/**
 * To what does a rollback go, and how? The lease says who trades, what was recorded as live and what before it; ECS
 * says what runs. Everything is judged before the book is taken, so that a refusal has changed nothing.
 */
import type { RollbackRequest, TaskSetSeen } from '../contracts/operations.ts';
import { BookBusyError } from '../lease/errors.ts';
import { colourOf, lastHolder, otherColour, regionOf, type Colour, type Epoch, type Lease, type Live, type Registration } from '../lease/model.ts';
import { NoWayBackError } from './errors.ts';

export interface RollbackPlan {
  readonly outgoing: Colour;
  readonly incoming: Colour;
  readonly epoch: Epoch;
  readonly home: string;
  readonly live: Live | null;
  readonly halted: boolean;
  readonly forward: boolean;
  readonly contracted: number;
  readonly target: string;
  readonly warm: string;
  readonly primary: boolean;
  readonly preempts: string;
}

/** Throws NoWayBackError, and BookBusyError when a workflow has the book that may not be pre-empted. */
export function planRollback(
  lease: Lease,
  registrations: readonly Registration[],
  taskSets: readonly TaskSetSeen[],
  { to, force }: Pick<RollbackRequest, 'to' | 'force'>,
  isCutover: (execution: string) => boolean,
): RollbackPlan {
  const { book, epoch, home, live, previous, contractedBy, workflow } = lease;
  if (live === undefined) {
    throw new NoWayBackError(`Book '${book}' has never had anything recorded as live: there is nothing to go back to. Start a cutover.`);
  }
  const cutover = workflow.execution;
  if (cutover !== undefined && !isCutover(cutover)) throw new BookBusyError(book, cutover);
  if (cutover === undefined && lease.mode === 'draining') {
    throw new NoWayBackError(`Book '${book}' is draining and no workflow has it. Wait a minute: the last net ends the drain; then start again.`);
  }

  const runs = (set: TaskSetSeen, revision: string | undefined): boolean => revision !== undefined && sameRevision(set.taskDefinition, revision);
  const sets = taskSets.filter(({ status }) => status !== 'DRAINING');
  const trader = lastHolder(lease);
  if (trader === undefined) throw new NoWayBackError(`Book '${book}' was never held by anybody: nothing trades that could go back. Start a cutover.`);
  // A halted book that was moved was last held elsewhere, which says nothing of the colours here: what stands by would trade.
  const outgoing = regionOf(trader) === home ? colourOf(trader) : standingBy();
  const incoming = otherColour(outgoing);
  const trading = sets.find(({ colour }) => colour === outgoing);
  const other = sets.find(({ colour }) => colour === incoming);

  // A new release that was not recorded yet trades: what was live before it is what is recorded as live.
  const unrecorded = trading !== undefined && !runs(trading, live.taskDefinition) && !runs(trading, previous?.taskDefinition);
  // The one before took over by itself, because the new release died: the way back is to make that the truth.
  const tookOver = trading !== undefined && !runs(trading, live.taskDefinition) && runs(trading, previous?.taskDefinition);
  if (tookOver && to === 'previous') {
    throw new NoWayBackError(
      `Book '${book}' is back already: ${outgoing} holds it and runs ${trading.taskDefinition}, which was live before. ` +
        'Start a cutover with its images to make it the truth, or name the revision that you want.',
    );
  }
  const before = unrecorded ? live : previous;
  if (cutover !== undefined && !unrecorded && !(other !== undefined && runs(other, previous?.taskDefinition))) {
    throw new NoWayBackError(
      `A cutover works on book '${book}' and has not handed it over, or is putting the old colour away: ${cutover}. ` +
        'What was recorded as live trades. Wait until it has ended, or stop it; then start again.',
    );
  }

  const wanted = targetOf();
  const warm = other !== undefined && runs(other, wanted) && other.running > 0 && isReady(incoming) ? other : undefined;
  if (trading !== undefined && wanted !== '' && runs(trading, wanted)) {
    throw new NoWayBackError(`Book '${book}' runs ${wanted} already. Name another revision, or read the runbook of the cutover.`);
  }
  const forward = previous?.takenAway === true && wanted !== '' && sameRevision(wanted, previous.taskDefinition);
  if (forward && force === undefined) {
    throw new NoWayBackError(
      `A rollback took ${previous.taskDefinition} away from book '${book}', and this would bring it back. Name an older revision or image, ` +
        'or start it again with force: { reason, approvedBy }.',
    );
  }
  return {
    outgoing, incoming, epoch, home, live, forward,
    halted: lease.mode === 'halted',
    contracted: force === undefined && contractedBy !== undefined ? revisionNumber(contractedBy) : 0,
    target: wanted,
    warm: warm?.id ?? '',
    primary: warm?.status === 'PRIMARY',
    preempts: cutover ?? '',
  };

  function targetOf(): string {
    if (to !== 'previous') return 'taskDefinition' in to ? to.taskDefinition : digestOf(to.imageDigest);
    if (before !== undefined) return before.taskDefinition;
    throw new NoWayBackError(
      `Book '${book}' has had one release only: nothing was live before ${live?.taskDefinition}. Name a revision or an image instead of 'previous'.`,
    );
  }

  /** What serves here is the primary one; where nothing runs, the first to come is blue. */
  function standingBy(): Colour {
    return (sets.find(({ status }) => status === 'PRIMARY') ?? sets[0])?.colour ?? 'green';
  }

  /** What was live is known by its image too; anything older is looked for among the revisions. */
  function digestOf(imageDigest: string): string {
    return [live, previous].find((each) => each?.imageDigest === imageDigest)?.taskDefinition ?? '';
  }

  function isReady(colour: Colour): boolean {
    return registrations.some((each) => each.colour === colour && each.region === home && each.ready && each.reconciled);
  }
}

/** ECS numbers the revisions of a family in the order in which they were registered. */
function revisionNumber(taskDefinition: string): number {
  return Number(taskDefinition.split(':').at(-1));
}

/** An ARN and its last part name the same revision. */
function sameRevision(one: string, other: string): boolean {
  return one.split('/').at(-1) === other.split('/').at(-1);
}
