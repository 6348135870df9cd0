/** The active task dies without a word; its standby takes the book when the lease has run out. */
import { atMost, exactly } from '../report/report.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

/** With the 5 s lease: what remains of it, the standby's wait for drift, and the way to the first order. */
const takeoverLimitMs = 6500;
const ordersBefore = 20;

export const takeover: Scenario = {
  name: 'takeover',
  summary: 'The active task is killed; the standby of its colour takes over.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `trading goes on within ${takeoverLimitMs / 1000} s of the kill`,
    'every accepted order is in the ledger',
  ],
  faults: [],
  async run(stage): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersBefore);
    if (end !== undefined) return end;

    stage.progress.heading('The active task is killed');
    const killed = await stage.killActive();
    const gapMs = await stage.nextEpochTrades(killed.epoch);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersBefore);
    return {
      outcome: 'succeeded',
      steps: first.steps,
      modelledDurationMs: gapMs,
      promises: [
        opened,
        atMost('takeover', 'The standby traded after the kill within', gapMs, takeoverLimitMs, 'ms'),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
      ],
    };
  },
};
