/** All of them, in their order. */
import { allowedCalls } from './allowed-calls.ts';
import { epochsGrow } from './epochs-grow.ts';
import { executionsEnd } from './executions-end.ts';
import type { Invariant } from './invariant.ts';
import { noSecretPrinted } from './no-secret-printed.ts';
import { noStaleOrder } from './no-stale-order.ts';
import { nothingLeftOver } from './nothing-left-over.ts';
import { oneMachineABook } from './one-machine-a-book.ts';
import { oneOrderAnId } from './one-order-an-id.ts';
import { ordersInJournal } from './orders-in-journal.ts';
import { rollbackRestores } from './rollback-restores.ts';
import { workingKey } from './working-key.ts';

export const invariants: readonly Invariant[] = [
  noStaleOrder, epochsGrow, ordersInJournal, oneOrderAnId, rollbackRestores, workingKey, noSecretPrinted, executionsEnd, nothingLeftOver, oneMachineABook,
  allowedCalls,
];
