/**
 * The home Region is lost while two books trade, one with a bot that needs the database. The other one trades in seconds; this one waits for
 * the replica, which AWS takes minutes to make the database, and then trades. Neither waits for the other.
 */
import { atMost, exactly, neverBroken, type PromiseKept } from '../report/report.ts';
import { tradesWithinMs } from '../faults/lost-region.ts';
import type { Stage } from '../stage.ts';
import { endedAs } from './cutover.ts';
import { figuresOf, watchDatabase } from './failover.ts';
import { failoverPhases } from './recovery-phases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { firstOrderFrom, settledIn, standbyRuns, tradesWithin } from './two-regions.ts';

const ordersAround = 20;
/** The trader finds the database written at its next try, at most five seconds later; then it reconciles and sends. */
const afterDatabaseMs = 15_000;

export const databaseRequired: Scenario = {
  name: 'database-required',
  summary: 'The home Region goes dark while two books trade, one of which needs the database: it waits for that, and the other does not.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap, in either book',
    `the book that needs no database trades within ${tradesWithinMs / 1000} s of the decision`,
    `the other one sends nothing before the replica is promoted, and trades within ${afterDatabaseMs / 1000} s of it`,
    'the machine waits for both, and every accepted order of both is in the promoted database',
  ],
  faults: [],
  variant: 'database-required',
  bothRegions: true,
  async run(stage): Promise<ScenarioEnd> {
    const other = stage.bookThatWrites();
    stage.progress.heading('First cutovers: both books are opened');
    const firsts = await Promise.all([stage, other].map((each) => each.cutover(stage.releases.first, 'The first release of this book')));
    const opened = exactly('first', 'The first cutovers ended as', firsts.map(({ outcome }) => outcome).join(', '), 'succeeded, succeeded');
    const steps = firsts.flatMap((each) => each.steps);
    if (!opened.held) return { outcome: 'needs-a-person', steps, modelledDurationMs: 0, promises: [opened] };
    for (const each of [stage, other]) await each.ordersAcceptedReach(ordersAround);
    const live = await standbyRuns(stage, stage.releases.first.trader.digest);
    await standbyRuns(other, live, { waitsForDatabase: true });

    const { home, standby } = stage;
    stage.progress.heading(`${home} is lost`);
    const watched = watchDatabase(stage, standby);
    await stage.darken(home);
    const end = await stage.recovery('failover', standby, { phases: failoverPhases });
    const { askedMs, availableMs } = watched();
    for (const each of [stage, other]) await each.ordersAcceptedReach(each.ordersAccepted() + ordersAround);
    const firstMs = firstOrderFrom(other, standby, end.startMs);
    return {
      outcome: end.outcome, steps: [...steps, ...end.steps], modelledDurationMs: end.modelledMs, figures: figuresOf(stage, standby, end, end),
      promises: [
        opened,
        exactly('outcome', 'The failover ended as promised', endedAs(end, 'succeeded'), 'succeeded'),
        tradesWithin(stage, standby, end, tradesWithinMs),
        exactly('waits', 'The book that needs the database sent its first order', firstMs > askedMs ? 'after its promotion was asked for' : 'before', 'after its promotion was asked for'),
        atMost('waits-no-longer', 'And that after the database was there by', Math.max(0, Math.round(firstMs - availableMs)), afterDatabaseMs, 'ms'),
        ...(await settledIn(stage, standby, live)),
        ...ofOther(other, [...neverBroken(other.trading()), ...(await settledIn(other, standby, live))]),
      ],
    };
  },
};

function ofOther({ book }: Stage, promises: readonly PromiseKept[]): PromiseKept[] {
  return promises.map((promise) => ({ ...promise, id: `${book}-${promise.id}`, statement: `${book}: ${promise.statement}` }));
}
