/**
 * Both ways of an emergency rollback. A cutover keeps the old colour warm: the rollback takes the book from it, and the
 * old colour trades again at once. Then, by force, forth again to the other release, which is not running any more: it is started again.
 */
import { atMost, exactly } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersAround = 20;
const warmLimitMs = 2000;
const coldLimitSeconds = { typical: 120, pessimistic: 240 } as const;
const keepingWarm = 'Keep the old colour warm for the rollback window';
const decided = 'Ask the holder to hand over';

export const rollback: Scenario = {
  name: 'rollback',
  summary: 'An emergency rollback to a warm colour takes the book from a running cutover; another one starts a cold revision.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `a warm colour trades within ${warmLimitMs / 1000} s of the decision, and the cutover that it is taken from changes nothing more`,
    `a cold revision trades, uncompressed, within ${coldLimitSeconds.typical} s of the command, ${coldLimitSeconds.pessimistic} s where AWS is slow`,
    'every accepted order is in the ledger, and nothing is left over',
  ],
  faults: [],
  async run(stage): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;

    stage.progress.heading('A second cutover, rolled back while it keeps the old colour warm');
    const warm = await rolledBackWhileWarm(stage);
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);

    stage.progress.heading('By force, forth again to the second release, which runs no more');
    const epoch = (await stage.control.read(stage.book)).epoch;
    const refused = await stage.wayBack('rollback', { to: 'previous' });
    const cold = await stage.wayBack('rollback', { to: 'previous', force: { reason: 'The rehearsal wants it back', approvedBy: 'the other rehearsal' } });
    const coldOrderMs = stage.acceptedIn((each) => each > epoch)[0] ?? Infinity;
    const coldSeconds = stage.modelledMs(cold.startMs, coldOrderMs) / 1000;
    await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
    const { live } = await stage.control.read(stage.book);
    return {
      outcome: cold.outcome,
      steps: [...first.steps, ...warm.cutover.steps, ...warm.rollback.steps, ...cold.steps],
      modelledDurationMs: cold.modelledMs,
      promises: [
        opened,
        exactly('warm-outcome', 'The rollback to the warm colour ended as', warm.rollback.outcome, 'succeeded'),
        atMost('warm', 'From the decision to the first order of the warm colour', warm.decisionMs, warmLimitMs, 'ms'),
        atMost('warm-command', 'From the command to the first order of the warm colour', warm.commandMs, 2 * warmLimitMs, 'ms'),
        exactly('preempted', 'The cutover ended as', /Pre-empted/.test(warm.cutover.cause ?? '') ? 'pre-empted' : warm.cutover.outcome, 'pre-empted'),
        exactly('warm-live', 'Recorded as live then', warm.live, stage.releases.first.trader.digest),
        exactly('forth', 'The way forth again, without force, ended as', refused.outcome, 'refused'),
        exactly('outcome', 'The rollback to the cold revision ended as', cold.outcome, 'succeeded'),
        atMost('cold', 'From the command to its first order, uncompressed', Math.round(coldSeconds), coldLimitSeconds[stage.provisioning], 's'),
        exactly('holder', 'The right colour trades', (await stage.holder())?.colour ?? 'nobody', 'green'),
        exactly('live', 'Recorded as live', live?.imageDigest ?? 'nothing', stage.releases.second.trader.digest),
        exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
        exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver('green')).join(', ') || 'none', 'none'),
      ],
    };
  },
};

async function rolledBackWhileWarm(stage: Stage): Promise<{
  readonly cutover: WorkflowEnd; readonly rollback: WorkflowEnd; readonly decisionMs: number; readonly commandMs: number; readonly live: string;
}> {
  let decidedMs = Infinity;
  const follows: (() => void)[] = [];
  const isWarm = new Promise<void>((resolve) => {
    follows.push(stage.onWorkflow((event, { stateMachineArn }) => {
      if (event.kind !== 'entered') return;
      if (event.state === keepingWarm) resolve();
      if (event.state === decided && stateMachineArn.endsWith('-rollback')) decidedMs = Math.min(decidedMs, monotonicMs());
    }));
  });
  const cutover = stage.cutover(stage.releases.second, 'The second release of this book');
  const undone = (async () => {
    // A cutover that never gets so far has ended.
    await Promise.race([isWarm, cutover]);
    const { epoch } = await stage.control.read(stage.book);
    return { back: await stage.wayBack('rollback', { to: 'previous' }), epoch };
  })();
  const [ended, { back, epoch }] = await Promise.all([cutover, undone]);
  for (const unfollow of follows) unfollow();
  const firstMs = stage.acceptedIn((each) => each > epoch)[0] ?? Infinity;
  const { live } = await stage.control.read(stage.book);
  return {
    cutover: ended, rollback: back,
    decisionMs: Math.round(firstMs - decidedMs), commandMs: Math.round(firstMs - back.startMs), live: live?.imageDigest ?? 'nothing',
  };
}
