/**
 * The kill switch and its end: a book that trades is halted, stays silent though its standby lives, and trades again when
 * it is resumed. With the fault, its holder cannot hear of the halt, and only its lease ends its trading.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { atMost, exactly } from '../report/report.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersBefore = 20;
/** A renewal of the 5 s lease, and the way of a command. */
const haltLimitMs = 1200;
const leaseMs = 5000;
/** A standby would have taken the book by then. */
const silenceMs = 2 * leaseMs;
/** The standby waits a lease, looks at the venue, and starts. */
const resumeLimitMs = 8000;
const cutOff = 'holder-cut-off';

export const halt: Scenario = {
  name: 'halt',
  summary: 'A book that trades is halted, stays silent, and is resumed.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `no order is accepted ${haltLimitMs} ms after the command, nor a lease after it when the holder cannot hear of it`,
    'nobody takes a halted book',
    `it trades within ${resumeLimitMs / 1000} s of the resume, and every accepted order is in the ledger`,
  ],
  faults: [{
    name: cutOff,
    summary: 'The guard of the holder is cut off from DynamoDB before the halt: it cannot hear of it.',
    outcome: 'needs-a-person',
  }],
  inAll: [cutOff],
  async run(stage, faults): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;

    const isCut = faults.has(cutOff);
    stage.progress.heading(isCut ? 'The book is halted, and its holder cannot hear of it' : 'The book is halted');
    const heal = isCut ? cut(stage.cut({ target: 'aws', task: (await stage.activeTask()).name, container: 'guard' }), stage.injected('the guard of the holder is cut off from DynamoDB')) : undefined;
    const halted = await stage.wayBack('halt');
    const silentMs = halted.startMs + silenceMs - monotonicMs();
    if (silentMs > 0) await pause(silentMs);
    const lastMs = (stage.acceptedIn(() => true).at(-1) ?? halted.startMs) - halted.startMs;
    const { mode, halt: why } = await stage.control.read(stage.book);
    heal?.();

    stage.progress.heading('The book is resumed');
    const resumed = await stage.wayBack('resume');
    const firstMs = (stage.acceptedIn(() => true).find((atMs) => atMs > resumed.startMs) ?? Infinity) - resumed.startMs;
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersBefore);
    const live = (await stage.holder())?.colour ?? 'blue';
    return {
      outcome: halted.outcome,
      steps: [...first.steps, ...halted.steps, ...resumed.steps],
      modelledDurationMs: halted.modelledMs,
      promises: [
        opened,
        exactly('outcome', 'The halt ended as promised', halted.outcome, isCut ? 'needs-a-person' : 'succeeded'),
        atMost('halt', 'From the command to the last accepted order', Math.round(lastMs), isCut ? leaseMs : haltLimitMs, 'ms'),
        exactly('halted', 'The lease said until the resume', `${mode} by ${why?.by ?? 'nobody'}`, 'halted by rehearsal'),
        exactly('resumed', 'The resume ended as', resumed.outcome, 'succeeded'),
        atMost('resume', 'From the resume to the first accepted order', Math.round(firstMs), resumeLimitMs, 'ms'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
      ],
    };
  },
};

function cut(mend: () => void, over: () => void): () => void {
  return () => {
    mend();
    over();
  };
}
