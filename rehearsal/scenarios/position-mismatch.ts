/**
 * A position that is not ours: somebody trades by hand on the book's sub-account. Whoever has the book sees it, halts the book and
 * pages; nobody trades until a person has looked and resumes it. With the fault, only the wallet changes, which no trader sees while
 * it trades: it is found by who reconciles next, when the holder has died.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { atLeast, atMost, exactly } from '../report/report.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

/** Enough for a mark of the position in the journal: it is written every few seconds. */
const ordersBefore = 60;
const ordersAfter = 20;
const byHandMicro = 50_000;
/** The venue's executions are looked at every second; then the order that is under way. */
const noticedLimitMs = 2500;
/** The holder is dead for a lease; then who takes over compares before its first order. */
const haltedBoundMs = 30_000;
const leaseMs = 5000;
/** A standby would have taken the book by then. */
const silenceMs = 2 * leaseMs;
/** The standby waits a lease, looks at the venue, and starts. */
const resumeLimitMs = 8000;
const atTakeover = 'found-at-takeover';

export const positionMismatch: Scenario = {
  name: 'position-mismatch',
  summary: "Somebody trades by hand on the book's sub-account: the book halts itself and pages, until a person resumes it.",
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `no order is accepted ${noticedLimitMs / 1000} s after the trade by hand; none at all by who finds the mismatch when it takes over`,
    'the book is halted by the instance that found it, its alarm has something to ring for, and nobody takes the book',
    `it trades within ${resumeLimitMs / 1000} s of the resume, and every accepted order is in the ledger`,
  ],
  faults: [{
    name: atTakeover,
    summary: 'Coins are moved, so no execution tells of it; then the holder dies, and its successor finds the mismatch.',
    outcome: 'succeeded',
  }],
  inAll: [atTakeover],
  async run(stage, faults): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;

    const isAtTakeover = faults.has(atTakeover);
    stage.progress.heading(isAtTakeover ? 'Coins are moved by hand, and the holder dies' : 'Somebody trades by hand');
    const alarmName = `baton-${stage.environment}-${stage.book}-position-mismatch`;
    const byHandMs = monotonicMs();
    if (isAtTakeover) stage.depositByHand(byHandMicro);
    else stage.sellByHand(byHandMicro);
    const oldEpoch = isAtTakeover ? (await stage.killActive()).epoch : undefined;
    const halted = await until('the book halted and nobody in it', haltedBoundMs, async () => {
      const lease = await stage.control.read(stage.book);
      return lease.mode === 'halted' && lease.holder === undefined && lease;
    });
    await pause(silenceMs);
    const after = await stage.control.read(stage.book);
    const lastMs = (stage.acceptedIn(() => true).at(-1) ?? byHandMs) - byHandMs;
    const ofSuccessor = oldEpoch === undefined ? [] : stage.acceptedIn((epoch) => epoch > oldEpoch);

    stage.progress.heading('A person has looked, and resumes the book');
    const resumed = await stage.wayBack('resume', { reason: 'Traded by hand; what the venue has is right' });
    const firstMs = (stage.acceptedIn(() => true).find((atMs) => atMs > resumed.startMs) ?? Infinity) - resumed.startMs;
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAfter);
    const { mode } = await stage.control.read(stage.book);
    const live = (await stage.holder())?.colour ?? 'blue';
    return {
      outcome: resumed.outcome,
      steps: [...first.steps, ...resumed.steps],
      modelledDurationMs: resumed.modelledMs,
      promises: [
        opened,
        isAtTakeover
          ? exactly('none-after', 'Orders accepted of who found the mismatch', ofSuccessor.length, 0)
          : atMost('noticed', 'From the trade by hand to the last accepted order', Math.round(lastMs), noticedLimitMs, 'ms'),
        exactly('halted', 'Halted by an instance, for its position', isOfAnInstance(halted.halt) ? 'yes' : JSON.stringify(halted.halt), 'yes'),
        exactly('silent', 'The lease said until the resume', `${after.mode}, epoch ${after.epoch}`, `halted, epoch ${halted.epoch}`),
        atLeast('paged', 'The alarm rang', stage.ringings(alarmName).length, 1, 'times'),
        atLeast('told', 'Topics that it told', stage.ringings(alarmName).flatMap(({ told }) => told).length, 1, ''),
        exactly('resumed', 'The resume ended as', resumed.outcome, 'succeeded'),
        atMost('resume', 'From the resume to the first accepted order', Math.round(firstMs), resumeLimitMs, 'ms'),
        exactly('open', 'The lease says now', mode, 'open'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
      ],
    };
  },
};

/** An instance is named Region/colour/id; the reason is the trader's own. */
function isOfAnInstance(halt: { readonly by: string; readonly reason: string } | undefined): boolean {
  return halt !== undefined && /^[\w-]+\/(blue|green)\/\w+$/.test(halt.by) && /position|execution/.test(halt.reason);
}
