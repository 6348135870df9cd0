/**
 * Two cutovers of a book: the first one opens it, the second one replaces what trades. With the fault
 * `green-does-not-trade` the second release looks well and is mute, and the book has to come back.
 */
import { atLeast, atMost, exactly, type Outcome } from '../report/report.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

/** Orders that the old colour has had accepted before anybody touches it. */
const ordersBefore = 20;
const deploymentLimitMs = 10 * 60_000;
/** The figure itself is measured in the bench; here is what must hold on any machine. */
const gapLimitMs = 1000;

export const cutover: Scenario = {
  name: 'cutover',
  summary: 'A new release replaces the one that trades: first cutover of a book, then blue to green.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `orders go on being accepted within ${gapLimitMs} ms of each other through the handover`,
    'the new release is live in less than 10 minutes uncompressed',
    'every accepted order is in the ledger, and nothing is left over',
    'no secret in any log, history, report or notification',
  ],
  faults: [
    { name: 'green-does-not-trade', summary: 'The new release passes every health check and never sends an order.', outcome: 'rolled-back' },
  ],
  async run(stage, faults): Promise<ScenarioEnd> {
    const mute = faults.has('green-does-not-trade');
    stage.progress.heading('First cutover: the book is opened');
    const first = await stage.cutover(stage.releases.first, 'The first release of this book');
    const opened = exactly('first', 'The first cutover opened the book', first.outcome, 'succeeded');
    if (!opened.held) return { outcome: first.outcome, steps: first.steps, modelledDurationMs: first.modelledMs, promises: [opened] };
    const before = stage.ordersAccepted();
    await stage.ordersAcceptedReach(before + ordersBefore);

    stage.progress.heading(mute ? 'Second cutover: to a release that does not trade' : 'Second cutover: blue to green');
    const second = await stage.cutover(mute ? stage.releases.mute : stage.releases.second, 'The second release of this book');
    const expected: Outcome = mute ? 'rolled-back' : 'succeeded';
    const live = mute ? 'blue' : 'green';
    const leftOver = await stage.leftOver(live);
    const trading = stage.trading();
    return {
      outcome: second.outcome,
      steps: [...first.steps, ...second.steps],
      modelledDurationMs: second.modelledMs,
      promises: [
        opened,
        exactly('outcome', 'The second cutover ended as promised', second.outcome, expected),
        exactly('holder', 'The right colour trades', (await stage.holder())?.colour ?? 'nobody', live),
        ...(mute
          ? []
          : [
              atMost('gap', 'Orders went on through the handover', trading.maxGapMs, gapLimitMs, 'ms'),
              atMost(
                'live',
                'The new release was live, uncompressed, within',
                (second.modelledUntilLiveMs ?? Infinity) / 1000,
                deploymentLimitMs / 1000,
                's',
              ),
            ]),
        atLeast(
          'handover',
          'The book changed hands by a handover',
          stage.tenures().filter((tenure) => tenure.reason === 'handed over').length,
          mute ? 2 : 1,
          '',
        ),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', leftOver.join(', ') || 'none', 'none'),
      ],
    };
  },
};
