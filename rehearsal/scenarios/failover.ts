/**
 * The home Region is lost while a book trades, right after a new release went live: a failover in the standby Region brings
 * that release to life there, and the database after it. Told with a fault, something else goes wrong as well; then it has to
 * end as the fault promises, and a person who starts it again gets the rest done.
 */
import { failoverFaults, leaseMs, tradesWithinMs, type FailoverFault } from '../faults/lost-region.ts';
import { atLeast, atMost, exactly, type Figure, type PromiseKept } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import { asksForPromotion, databaseLane, failoverPhases } from './recovery-phases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { everyStepTimed, firstOrderFrom, settledIn, standbyRuns, tradesWithin, zombieStaysSilent } from './two-regions.ts';

const ordersAround = 20;
/** What the machine adds to AWS's own promotion. */
const overheadLimitSeconds = 5;

export const failover: Scenario = {
  name: 'failover',
  summary: 'The home Region goes dark while a book trades; the standby Region takes over with the release that just went live.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `the first order is accepted within ${tradesWithinMs / 1000} s of the decision`,
    'every order that the venue accepted is in the promoted database',
    `beside AWS's own promotion, the way of the database takes ${overheadLimitSeconds} s at most`,
    'the release that went live last trades, and the report has budget and time of every step',
  ],
  faults: failoverFaults,
  bothRegions: true,
  pessimisticAmongOthers: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides how the failover goes' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = failoverFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    await standbyRuns(stage, stage.releases.first.trader.digest);
    if (fault !== undefined) {
      const told = await lost(stage, stage.releases.first.trader.digest, fault);
      return { ...told, steps: [...first.steps, ...told.steps], promises: [opened, ...told.promises] };
    }

    stage.progress.heading('A second release goes live, and the standby follows');
    const { digest } = stage.releases.second.trader;
    const second = await stage.cutover(stage.releases.second, 'The second release of this book');
    const followed = exactly('followed', 'The standby Region runs the release', await standbyRuns(stage, digest).catch(() => 'another'), digest);
    const told = await lost(stage, digest);
    return { ...told, steps: [...first.steps, ...second.steps, ...told.steps], promises: [opened, followed, ...told.promises] };
  },
};

/** The loss and the failover, of a book that trades at home and has a standby that runs the same. */
export async function lost(stage: Stage, live: string, fault?: FailoverFault): Promise<ScenarioEnd> {
  const { home, standby } = stage;
  const regions = { from: home, to: standby };
  stage.progress.heading(`${home} is lost${fault === undefined ? '' : `, with ${fault.name}`}`);
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  const injected = await fault?.inject?.(stage);
  if (fault?.inject !== undefined) await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  const watched = watchDatabase(stage, regions.to);
  const lostMs = monotonicMs();
  const healLoss = await (fault?.lose ?? goesDark)(stage);
  const end = await stage.recovery('failover', regions.to, { phases: failoverPhases });
  const database = watched();
  healLoss();
  await injected?.heal?.();

  const expected = fault?.outcome ?? 'succeeded';
  const promises: PromiseKept[] = [exactly('outcome', 'The failover ended as promised', endedAs(end, expected), expected)];
  const steps = [...end.steps];
  let last = end;
  if (fault?.again !== undefined) {
    last = await stage.recovery('failover', regions.to, { phases: failoverPhases, ...fault.again });
    steps.push(...last.steps);
    promises.push(exactly('again', 'Started again by a person, it ended as', endedAs(last, 'succeeded'), 'succeeded'));
  }
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  // Where the first was refused, the decision is the second.
  const decided = expected === 'refused' ? last : end;
  promises.push(
    ...(fault?.staysHome === true
      ? [exactly('stayed', 'The book is at home in', stage.home, home), atMost('gap', 'Orders went on', stage.longestSilenceMs(lostMs), 1500, 'ms')]
      : [
          tradesWithin(stage, regions.to, decided, fault?.tradesWithinMs ?? tradesWithinMs),
          ...(await settledIn(stage, regions.to, live)),
          ...(fault === undefined ? [...undisturbed(end, database), ...(await figuresToldIn(stage, regions.to))] : []),
        ]),
    ...((await injected?.promises()) ?? []),
  );
  if (fault?.name === 'home-returns') promises.push(...(await zombieStaysSilent(stage, home, lostMs + leaseMs)));
  return { outcome: end.outcome, steps, modelledDurationMs: end.modelledMs, promises, figures: figuresOf(stage, regions.to, decided, last) };
}

/** In one blow, and for good. */
async function goesDark(stage: Stage): Promise<() => void> {
  await stage.darken(stage.home);
  return () => undefined;
}

/** RTO and RPO as they were measured: the one by the venue's record, the other by the machine. */
export function figuresOf(stage: Stage, region: string, decided: WorkflowEnd, last: WorkflowEnd): readonly Figure[] {
  const seconds = (ms: number): string => (Number.isFinite(ms) ? `${(ms / 1000).toFixed(1)} s` : 'none');
  const { ordersMissingBefore = -1, ordersMissingAfter = -1, rpoSeconds = -1 } = measured(last);
  return [
    { figure: seconds(firstOrderFrom(stage, region, decided.startMs) - decided.startMs), meaning: 'RTO: from the decision to the first accepted order' },
    {
      figure: rpoSeconds < 0 ? 'not measured' : `${rpoSeconds.toFixed(1)} s`,
      meaning: `RPO: what the replica lacked; ${ordersMissingBefore < 0 ? 'no' : ordersMissingBefore} orders of it, ${ordersMissingAfter < 0 ? 'unknown' : ordersMissingAfter} in the end`,
    },
  ];
}

interface Measured {
  readonly rtoSeconds?: number;
  readonly rpoSeconds?: number;
  readonly ordersMissingBefore?: number;
  readonly ordersMissingAfter?: number;
}
function measured({ report }: WorkflowEnd): Measured {
  return report?.['measured'] ?? {};
}

/** What only a failover with which nothing interfered promises. */
function undisturbed(end: WorkflowEnd, database: Watched): PromiseKept[] {
  const { rtoSeconds = -1, rpoSeconds = -1, ordersMissingAfter = -1 } = measured(end);
  // In real time, as all its pauses are: what else runs beside it compresses time for its own sake.
  const { beganMs, endedMs, askedMs, availableMs } = database;
  const path = (endedMs - beganMs - (availableMs - askedMs)) / 1000;
  return [
    atMost('overhead', "The way of the database, beside AWS's promotion and uncompressed", path, overheadLimitSeconds, 's'),
    everyStepTimed(end),
    atLeast('rto', 'RTO in the report', rtoSeconds, 0, 's'),
    atLeast('rpo', 'RPO in the report', rpoSeconds, 0, 's'),
    exactly('complete', 'Orders missing at the end, by the report', ordersMissingAfter, 0),
  ];
}

async function figuresToldIn(stage: Stage, region: string): Promise<PromiseKept[]> {
  const { Metrics } = await stage.operator<{ Metrics: { MetricName: string }[] }>('monitoring', 'ListMetrics', { Namespace: 'Baton/Recovery' }, region);
  const names = [...new Set(Metrics.map(({ MetricName }) => MetricName))].toSorted().join(', ');
  return [exactly('metrics', 'Figures that the metrics have', names, 'FailoverRpoSeconds, FailoverRtoSeconds')];
}

/** When what began and ended on the way of the database, on the clock of the venue's record. */
export interface Watched {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly askedMs: number;
  readonly availableMs: number;
}

/** Sees the promotion from outside, as closely as can be looked. */
export function watchDatabase(stage: Stage, region: string): () => Watched {
  const at: { -readonly [K in keyof Watched]: number } = { beganMs: Infinity, endedMs: Infinity, askedMs: Infinity, availableMs: Infinity };
  let looking: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    if ((await stage.databaseOf(region)) !== 'written' || at.availableMs !== Infinity) return;
    at.availableMs = monotonicMs();
    clearInterval(looking);
  };
  const stop = stage.onWorkflow((event) => {
    if (event.kind !== 'entered' && event.kind !== 'exited') return;
    if (event.state === databaseLane.begins && event.kind === 'entered') at.beganMs = monotonicMs();
    if (event.state === databaseLane.ends && event.kind === 'exited') at.endedMs = monotonicMs();
    if (event.state === asksForPromotion && event.kind === 'entered') {
      at.askedMs = Math.min(at.askedMs, monotonicMs());
      looking ??= setInterval(() => void look().catch(() => undefined), 50);
    }
  });
  return () => {
    stop();
    clearInterval(looking);
    return at;
  };
}
