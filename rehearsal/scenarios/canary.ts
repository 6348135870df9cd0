/**
 * A release is tried on the canary before its book gets it. When it is healthy there the book gets it too; told with a
 * fault, the canary goes back to what it ran, or a person decides, and the book never notices.
 */
import type { Variant } from '../faults/releases/build.ts';
import { atLeast, atMost, exactly, neverBroken, type Outcome, type PromiseKept, type Step } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const ordersBefore = 20;
const ordersAfter = 5;
/** As for any cutover; where the book is not touched, nothing but its own pace. */
const gapLimitMs = 1000;
const asking = 'Tell people who must decide about the canary';

export interface Trial {
  readonly name: string;
  readonly summary: string;
  readonly release: Variant;
  readonly outcome: Outcome;
  /** What its ending says. */
  readonly because: RegExp;
  /** The canary has never run anything before. */
  readonly isFirst?: true;
}
export const trials: readonly Trial[] = [
  {
    name: 'canary-loses', summary: 'The new release loses more than 2 % of the canary’s capital.',
    release: 'losing', outcome: 'rolled-back', because: /It lost more than 2\.00 %/,
  },
  {
    name: 'first-canary-loses', summary: 'So does the first release that the canary ever runs: there is nothing to go back to, and it is halted.',
    release: 'losing', outcome: 'rolled-back', because: /It lost more than 2\.00 %/, isFirst: true,
  },
  {
    name: 'canary-errors', summary: 'The venue refuses every eighth order of the new release.',
    release: 'refused', outcome: 'rolled-back', because: /More than 5\.00 % of its orders failed/,
  },
  {
    name: 'canary-slow', summary: 'The orders of the new release take 700 ms.',
    release: 'slow', outcome: 'rolled-back', because: /p95 latency of its orders was above 500 ms for 5 looks/,
  },
  {
    name: 'canary-inconclusive', summary: 'The new release sends too few orders to be judged, and a person lets it through.',
    release: 'quiet', outcome: 'succeeded', because: /^$/,
  },
];

export const canary: Scenario = {
  name: 'canary',
  summary: 'A new release is tried on a second book with a tenth of the capital; healthy there, it replaces the one that trades.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap, on either book',
    'a canary that loses, errs or is slow goes back by itself, and the book never changes hands',
    'where its orders say too little, a person decides',
    `orders of the book go on being accepted within ${gapLimitMs} ms of each other all the while`,
    'every accepted order is in the ledger, and nothing is left over, on either book',
  ],
  faults: trials.map(({ name, summary, outcome }) => ({ name, summary, outcome, silenceLimitMs: gapLimitMs })),
  contradiction: (names) => (names.length > 1 ? 'each of them is what the one new release does' : undefined),
  fits: ({ books }) => books[0]?.canary !== undefined,
  async run(stage, names): Promise<ScenarioEnd> {
    const trial = trials.find(({ name }) => names.has(name));
    const { opened, outcome, steps } = await open(stage, trial);
    if (!opened.held) return { outcome, steps, modelledDurationMs: 0, promises: [opened] };
    stage.progress.heading(`A release goes through the canary${trial === undefined ? '' : `, with ${trial.name}`}`);
    const end = await tried(stage, trial);
    return { ...end, steps: [...steps, ...end.steps], promises: [opened, ...end.promises] };
  },
};

/** First cutovers: of the book, and of its canary, unless that is to have none before. */
export async function open(stage: Stage, trial?: Trial): Promise<{ readonly opened: PromiseKept; readonly outcome: Outcome; readonly steps: readonly Step[] }> {
  stage.progress.heading('First cutovers: the book and its canary are opened');
  const opening = trial?.isFirst === true ? [stage] : [stage, stage.canary()];
  const firsts = await Promise.all(opening.map((each) => each.cutover(stage.releases.first, 'The first release of this book')));
  const opened = exactly('first', 'The first cutovers ended as', firsts.map(({ outcome }) => outcome).join(', '), opening.map(() => 'succeeded').join(', '));
  if (opened.held) for (const each of opening) await each.ordersAcceptedReach(ordersBefore);
  return { opened, outcome: firsts.find(({ outcome }) => outcome !== 'succeeded')?.outcome ?? 'succeeded', steps: firsts.flatMap((each) => each.steps) };
}

/** One release, from the canary to the book, or back. */
export async function tried(stage: Stage, trial?: Trial): Promise<ScenarioEnd> {
  const trying = stage.canary();
  const sinceMs = monotonicMs();
  const tenures = stage.tenures().length;
  const before = await liveOf([stage, trying]);
  const release = trial === undefined ? stage.releases.second : await stage.variant(trial.release);
  let asked = 0;
  const unfollow = stage.onWorkflow((event, started) => {
    if (event.kind !== 'entered' || event.state !== asking) return;
    asked += 1;
    stage.decideAboutCanary(started, 'approve').catch((error: unknown) => stage.progress.note(`nobody decided: ${String(error)}`));
  });
  const end = await stage.throughCanary(release, 'A release that is tried first');
  unfollow();
  const isHalted = trial?.isFirst === true;
  for (const each of isHalted ? [stage] : [stage, trying]) await each.ordersAcceptedReach(each.ordersAccepted() + ordersAfter);

  const wanted = trial?.outcome ?? 'succeeded';
  const goesThrough = wanted === 'succeeded';
  const [lives, colours] = await Promise.all([liveOf([stage, trying]), Promise.all([stage, trying].map(async (each) => (await each.holder())?.colour ?? 'blue'))]);
  const changes = stage.tenures().length - tenures;
  // Of a halted book its mode is what is left, and meant to be.
  const leftOver = [await stage.leftOver(colours[0]!), isHalted ? [] : await trying.leftOver(colours[1]!)];
  const { mode } = await trying.control.read(trying.book);
  const missing = await Promise.all([stage, trying].map((each) => each.missingFromLedger()));
  return {
    outcome: end.outcome,
    steps: end.steps,
    modelledDurationMs: end.modelledMs,
    promises: [
      exactly('outcome', 'The canary ended as promised', endedAs(end, wanted), wanted),
      ...(trial === undefined || goesThrough ? [] : [reason(end, trial)]),
      ...(goesThrough
        ? [exactly('changed', 'The book got the release by one change of hands', changes, 1)]
        : [exactly('untouched', 'The book changed hands', changes, 0)]),
      exactly('asked', 'People were asked to decide', asked, trial?.name === 'canary-inconclusive' ? 1 : 0),
      ...(['book', 'canary'] as const).map((which, index) =>
        exactly(
          `live-${which}`, `Recorded as live on the ${which}`, lives[index]!,
          goesThrough || (isHalted && which === 'canary') ? release.trader.digest : before[index]!,
        )),
      exactly('canary-mode', 'The canary is', mode, isHalted ? 'halted' : 'open'),
      atMost('gap', 'Orders of the book went on through it all', stage.longestSilenceMs(sinceMs), gapLimitMs, 'ms'),
      atLeast('canary-orders', 'Orders of the canary were accepted', trying.ordersSince(sinceMs).filter(({ accepted }) => accepted).length, 10, ''),
      ...neverBroken(trying.trading()).map((promise) => ({ ...promise, id: `canary-${promise.id}`, statement: `On the canary: ${promise.statement}` })),
      exactly('ledger', 'Accepted orders missing from the ledger, of both', missing.join(' and '), '0 and 0'),
      exactly('left-over', 'Locks, task sets, registrations and tasks left over, of both', leftOver.flat().join(', ') || 'none', 'none'),
    ],
  };
}

async function liveOf(stages: readonly Stage[]): Promise<readonly string[]> {
  return Promise.all(stages.map(async (stage) => (await stage.control.read(stage.book)).live?.imageDigest ?? 'nothing'));
}

/** Shown with its figures, whether or not they are the promised ones. */
function reason({ cause = 'nothing' }: WorkflowEnd, { because }: Trial): PromiseKept {
  return { ...exactly('because', 'It ended so because', cause, cause), held: because.test(cause) };
}
