/** The steps of rollbacks, resumes and revocations at once. Each may run twice. */
import type { bookOperations } from '../contracts/operations.ts';
import type { Implementation } from '../contracts/step.ts';
import type { AcceptedOrders } from '../cutover/accepted-orders.ts';
import { judgeTrading } from '../cutover/trading.ts';
import type { LeaseControl } from '../lease/control.ts';
import { colourOf, type BookName, type Lease } from '../lease/model.ts';
import { NotAtHomeError, NotHaltedError } from './errors.ts';
import { planRollback } from './plan-rollback.ts';
import { parseResume, parseKeyRequest, parseRollback } from './requests.ts';

export function operationSteps({
  control,
  acceptedOrders,
  books,
  cutoverExecutions,
}: {
  readonly control: LeaseControl;
  readonly acceptedOrders: AcceptedOrders;
  readonly books: readonly string[];
  /** Begins the ARN of each execution that a rollback or a revocation may pre-empt. */
  readonly cutoverExecutions: string;
}): Implementation<typeof bookOperations> {
  const isCutover = (execution: string): boolean => execution.startsWith(cutoverExecutions);
  return {
    async checkResume({ request }) {
      return parseResume(request, books);
    },
    async takeHalted({ book, execution }) {
      // Looked at before the book is taken, so that a refusal has changed nothing.
      assertHalted(await control.read(book));
      const { token, lease } = await control.takeWorkflow(book, execution);
      const { halt, epoch } = lease;
      return { token, epoch, halted: halt === undefined ? '' : `by ${halt.by}: ${halt.reason}` };
    },
    async resume({ book, token }) {
      return { open: (await control.resume(book, token)).mode !== 'halted' };
    },
    async tradesAgain({ book, token, wanted }) {
      const lease = await control.checkToken(book, token);
      const { epoch, holder, mode, halt } = lease;
      if (mode === 'halted') return { state: 'halted', epoch, seen: `it is halted again, by ${halt?.by ?? 'nobody known'}: ${halt?.reason ?? ''}` };
      if (holder === undefined) return { state: 'waiting', epoch, seen: `nobody holds the book in epoch ${epoch}` };
      const accepted = await acceptedOrders.newestOf(book, epoch);
      const { state, seen } = judgeTrading(lease, accepted, { colour: colourOf(holder), newest: '', wanted });
      return { state: state === 'trading' ? 'trading' : 'waiting', epoch, seen };
    },
    async checkKeyRequest({ request }) {
      return parseKeyRequest(request, books);
    },
    async takeToRevoke({ book, execution }) {
      // Looked at before the book is taken, so that a refusal has changed nothing.
      assertAtHome(await control.read(book), execution);
      const { token, lease } = await control.takeWorkflow(book, execution, isCutover);
      return { token, epoch: lease.epoch, halted: lease.mode === 'halted' && lease.halt !== undefined };
    },
    async haltBook({ book, token, ...halt }) {
      return { epoch: (await control.haltFor(book, token, halt)).epoch };
    },
    async stopped({ book, token }) {
      return { holder: (await control.checkToken(book, token)).holder ?? '' };
    },
    async checkRollback({ request }) {
      return parseRollback(request, books);
    },
    async planRollback({ request, taskSets }) {
      const book = request.book as BookName;
      const [lease, registrations] = await Promise.all([control.read(book), control.registrations(book)]);
      return planRollback(lease, registrations, taskSets, request, isCutover);
    },
    async takeForRollback({ book, execution, preempts }) {
      return { token: (await control.takeWorkflow(book, execution, (heldBy) => heldBy === preempts)).token };
    },
  };
}

function assertAtHome({ book, home }: Lease, execution: string): void {
  const [, , , region = ''] = execution.split(':');
  if (region !== home) throw new NotAtHomeError(`The home of book '${book}' is ${home}, and this execution runs in ${region}. Start it there.`);
}

function assertHalted({ book, mode, epoch, halt }: Lease): void {
  if (mode !== 'halted') throw new NotHaltedError(`Book '${book}' is not halted: it is ${mode}. There is nothing to resume.`);
  if (epoch === 0 && halt === undefined) {
    throw new NotHaltedError(`Nobody halted book '${book}': it has never traded. Its first cutover opens it.`);
  }
}
