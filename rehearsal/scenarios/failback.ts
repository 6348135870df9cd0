/**
 * A Region was lost and is back. It has been left, so it stays silent: its tasks find the books elsewhere, and its database is
 * closed. Then the failback makes it a standby again, and moves the books home without losing anything.
 */
import { leaseMs } from '../faults/lost-region.ts';
import { failbackFaults } from '../faults/planned-move.ts';
import { exactly } from '../report/report.ts';
import { monotonicMs } from '../venue/record.ts';
import { openBook } from './open-book.ts';
import { failoverPhases } from './recovery-phases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { gapLimitMs, moved } from './switchover.ts';
import { standbyRuns, zombieStaysSilent } from './two-regions.ts';

const ordersAround = 20;

export const failback: Scenario = {
  name: 'failback',
  summary: 'A Region that was lost comes back, stays silent, becomes the standby, and gets its books back.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    'the Region that comes back sends no order, and nobody can write its database',
    `on the way home orders go on being accepted within ${gapLimitMs} ms of each other, and no row is lost`,
    'the other Region is the standby again, with a replica that follows',
  ],
  faults: failbackFaults,
  bothRegions: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides how the failback goes' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = failbackFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    const live = await standbyRuns(stage, stage.releases.first.trader.digest);
    const { home, standby } = stage;

    stage.progress.heading(`${home} is lost`);
    await stage.darken(home);
    const lost = await stage.recovery('failover', standby, { phases: failoverPhases });
    stage.progress.heading(`${home} comes back`);
    const backMs = monotonicMs() + leaseMs;
    await stage.relight(home);
    const silent = await zombieStaysSilent(stage, home, backMs);

    stage.progress.heading(`The way home to ${home}${fault === undefined ? '' : `, with ${fault.name}`}`);
    const told = await moved(stage, 'failback', live, fault);
    return {
      ...told,
      steps: [...first.steps, ...lost.steps, ...told.steps],
      promises: [opened, exactly('failover', 'The failover ended as', lost.outcome, 'succeeded'), ...silent, ...told.promises],
    };
  },
};
