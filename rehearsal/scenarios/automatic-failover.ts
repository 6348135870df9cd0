/**
 * Nobody starts anything: the home Region is lost while a book trades, and the standby Region takes over by itself, once. Told with a
 * fault it does not: one side alone is no loss, and a home that moved a moment ago is left to people.
 */
import { leaseMs, tradesWithinMs } from '../faults/lost-region.ts';
import { struck } from '../faults/fault.ts';
import { atLeast, atMost, exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import { figuresOf } from './failover.ts';
import { openBook } from './open-book.ts';
import { failoverPhases } from './recovery-phases.ts';
import type { Fault, Scenario, ScenarioEnd } from './scenario.ts';
import { firstOrderFrom, settledIn, standbyRuns, tradesWithin } from './two-regions.ts';

const ordersAround = 20;
/** The settings' silence, a first look and the minute between two, which is compressed; then a failover. */
const takesOverWithinMs = 3 * leaseMs + 2500 + 1000 + tradesWithinMs;
const looksOfOneSide = 5;
const boundMs = 60_000;
const dayMs = 24 * 3_600_000;

const oneSideAlone: Fault = {
  name: 'one-side-alone',
  summary: 'The control plane of the home Region is gone, and everything else of it lives: one side alone says that it is lost, so nothing is started.',
  outcome: 'refused',
};
const heldDown: Fault = {
  name: 'held-down',
  summary: 'The home Region goes dark shortly after it became home: nothing is started, people are told to look, and one of them starts the failover.',
  outcome: 'needs-a-person',
};

export const automaticFailover: Scenario = {
  name: 'automatic-failover',
  summary: 'The home Region goes dark and nobody starts anything; with the automatic mode on, the standby Region takes over by itself.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `the first order is accepted within ${takesOverWithinMs / 1000} s of the loss, with the shortest silence that may be set`,
    'one failover is started, however often it is looked',
  ],
  faults: [oneSideAlone, heldDown],
  variant: 'automatic',
  bothRegions: true,
  contradiction: (names) => (names.length > 1 ? 'either of them keeps it from taking over' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    const live = await standbyRuns(stage, stage.releases.first.trader.digest);
    const tell = names.has(oneSideAlone.name) ? keptByOneSide : names.has(heldDown.name) ? leftToPeople : takenOver;
    const told = await tell(stage, live);
    return { ...told, steps: [...first.steps, ...told.steps], promises: [opened, ...told.promises] };
  },
};

async function takenOver(stage: Stage, live: string): Promise<ScenarioEnd> {
  const { home, standby } = stage;
  homeForADay(stage);
  stage.progress.heading(`${home} is lost, and nobody starts anything`);
  const following = stage.failoverByItself(standby, failoverPhases);
  await stage.darken(home);
  const end = await following;
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  return {
    outcome: end.outcome, steps: end.steps, modelledDurationMs: end.modelledMs, figures: figuresOf(stage, standby, end, end),
    promises: [
      exactly('outcome', 'The failover that began by itself ended as', endedAs(end, 'succeeded'), 'succeeded'),
      { ...tradesWithin(stage, standby, end, takesOverWithinMs), statement: 'From the loss to the first accepted order' },
      ...(await settledIn(stage, standby, live)),
      started(stage, 1),
    ],
  };
}

async function keptByOneSide(stage: Stage): Promise<ScenarioEnd> {
  const { home } = stage;
  homeForADay(stage);
  stage.progress.heading(`The control plane of ${home} is gone`);
  const sinceMs = monotonicMs();
  const heal = stage.loseControlPlane(home);
  const looks = (): number => stage.printed('failover-watch').filter((line) => line.includes('home-lives') && line.includes('region (lost)')).length;
  await until('looks that see one side alone', boundMs, () => looks() >= looksOfOneSide);
  heal();
  return {
    outcome: 'refused', steps: [], modelledDurationMs: monotonicMs() - sinceMs,
    promises: [
      atLeast('struck', 'The fault struck: looks that saw one side alone', looks(), looksOfOneSide, 'looks'),
      started(stage, 0),
      exactly('home', 'The book is at home in', stage.home, home),
      atMost('gap', 'Orders went on through it all', stage.longestSilenceMs(sinceMs), stage.onAQuietMachine(1500), 'ms'),
    ],
  };
}

async function leftToPeople(stage: Stage, live: string): Promise<ScenarioEnd> {
  const { home, standby } = stage;
  stage.progress.heading(`${home} is lost, shortly after it became home`);
  await stage.darken(home);
  const alarm = `baton-${stage.environment}-failover-watch-errors`;
  await until('the alarm of the automatic mode', boundMs, () => stage.ringings(alarm, standby).length > 0);
  const held = stage.printed('failover-watch').filter((line) => line.includes('HeldDownError')).length;
  const before = [struck('looks that were held down', held), atLeast('told', 'Topics that were told to look', stage.ringings(alarm, standby)[0]?.told.length ?? 0, 1, ''), started(stage, 0)];
  const quiet = firstOrderFrom(stage, standby, 0);
  stage.progress.heading('A person starts it');
  const end = await stage.recovery('failover', standby, { phases: failoverPhases });
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  return {
    outcome: 'needs-a-person', steps: end.steps, modelledDurationMs: end.modelledMs, figures: figuresOf(stage, standby, end, end),
    promises: [
      ...before,
      exactly('quiet', 'Before a person started it, the standby Region sent', quiet === Infinity ? 'nothing' : 'orders', 'nothing'),
      exactly('again', 'Started by a person, it ended as', endedAs(end, 'succeeded'), 'succeeded'),
      tradesWithin(stage, standby, end, tradesWithinMs),
      ...(await settledIn(stage, standby, live)),
    ],
  };
}

/** As if every Region had been what it is for a day: the automatic mode holds itself down after a move, and a deployment looks like one. */
function homeForADay(stage: Stage): void {
  stage.disturb(({ service, operation, input }, next) => {
    if (service !== 'ssm' || operation !== 'GetParameter' || !String(input['Name']).includes('/home-region/')) return undefined;
    return next().then((answer) => {
      const { Parameter } = answer as { readonly Parameter: { readonly LastModifiedDate: Date } };
      return { Parameter: { ...Parameter, LastModifiedDate: new Date(Parameter.LastModifiedDate.getTime() - dayMs) } };
    });
  });
}

function started(stage: Stage, count: number): PromiseKept {
  return exactly('started', 'Failovers that were started by themselves', stage.executionsOf('failover').filter(({ name }) => name.startsWith('automatic-')).length, count);
}
