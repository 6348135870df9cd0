/**
 * The planned move: both Regions are well, a book trades in the one, and goes on in the other with a pause that is hardly seen.
 * The database follows without losing a row, and both Regions change their parts, so that the next loss finds a standby again.
 */
import { plannedMoveFaults, type PlannedMoveFault } from '../faults/planned-move.ts';
import { atMost, exactly, type Figure, type PromiseKept } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import { endedAs } from './cutover.ts';
import { openBook } from './open-book.ts';
import { moveOfBooksPhases } from './recovery-phases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';
import { everyStepTimed, factsIn, factsOf, settledIn, standbyRuns } from './two-regions.ts';

const ordersAround = 20;
export const gapLimitMs = 500;

export const switchover: Scenario = {
  name: 'switchover',
  summary: 'On a planned day the books move to the standby Region, and the database after them; nothing is lost.',
  promises: [
    'no order of an old epoch, no duplicate, no overlap',
    `orders go on being accepted within ${gapLimitMs} ms of each other`,
    'no row of the ledger is lost, and every accepted order is in it',
    'the old home is the standby, with a warm instance and a replica that follows',
  ],
  faults: plannedMoveFaults,
  bothRegions: true,
  contradiction: (names) => (names.length > 1 ? 'each of them decides how the switchover goes' : undefined),
  async run(stage, names): Promise<ScenarioEnd> {
    const fault = plannedMoveFaults.find(({ name }) => names.has(name));
    const { first, opened, end } = await openBook(stage, ordersAround);
    if (end !== undefined) return end;
    const live = await standbyRuns(stage, stage.releases.first.trader.digest);
    stage.progress.heading(`A planned move to ${stage.standby}${fault === undefined ? '' : `, with ${fault.name}`}`);
    const told = await moved(stage, 'switchover', live, fault);
    return { ...told, steps: [...first.steps, ...told.steps], promises: [opened, ...told.promises] };
  },
};

/** A planned move to the Region that is the standby now, and what it promises. */
export async function moved(stage: Stage, machine: 'switchover' | 'failback', live: string, fault?: PlannedMoveFault): Promise<ScenarioEnd> {
  const { home: from, standby: to } = stage;
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  const injected = await fault?.inject?.(stage);
  const sinceMs = monotonicMs();
  const end = await stage.recovery(machine, to, { phases: moveOfBooksPhases(stage.settings, machine) });
  await injected?.heal?.();
  const expected = fault?.outcome ?? 'succeeded';
  const promises: PromiseKept[] = [exactly('outcome', `The ${machine} ended as promised`, endedAs(end, expected), expected)];
  const steps = [...end.steps];
  let last = end;
  for (const again of fault?.again ?? []) {
    last = await stage.recovery(again, to);
    steps.push(...last.steps);
    promises.push(exactly('again', `A person's ${again} ended as`, endedAs(last, 'succeeded'), 'succeeded'));
  }
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  promises.push(atMost('gap', 'Orders went on through it all', stage.longestSilenceMs(sinceMs), fault?.silenceLimitMs ?? stage.onAQuietMachine(gapLimitMs), 'ms'));
  if (fault?.staysHome === true) promises.push(exactly('stayed', 'The book is at home in', stage.home, from));
  else promises.push(...(await settledIn(stage, to, live)));
  if (fault?.staysHome !== true) promises.push(...(await protectedAgain(stage, machine, from, to)));
  if (fault === undefined) promises.push(everyStepTimed(end));
  promises.push(...((await injected?.promises()) ?? []));
  return { outcome: end.outcome, steps, modelledDurationMs: end.modelledMs, promises, figures: figuresOf(stage, sinceMs, end) };
}

/** The Region that was left stands by, and could take the books back. */
async function protectedAgain(stage: Stage, machine: string, from: string, to: string): Promise<PromiseKept[]> {
  return [
    exactly('lost-rows', 'Rows of the old database that the new one lacks', (await stage.lostRows(from)) || 'none', 'none'),
    exactly('old-facts', `Known to deployments in ${from}`, await factsIn(stage, from), factsOf(to)),
    exactly('old-database', `The database of ${from} is a`, await stage.databaseOf(from), 'replica'),
    exactly('report-copied', `Reports of it that have a copy in ${from}`, (await stage.reportsCopied(from, `${machine}s/`)) > 0 ? 'some' : 'none', 'some'),
    exactly('old-strength', `Tasks of the book that stand by in ${from}`, stage.taskCount(from), 1),
  ];
}

function figuresOf(stage: Stage, sinceMs: number, end: WorkflowEnd): readonly Figure[] {
  return [
    { figure: `${Math.round(stage.longestSilenceMs(sinceMs))} ms`, meaning: 'the longest time without an accepted order' },
    { figure: end.outcome === 'succeeded' ? '0' : 'not known', meaning: 'orders that the ledger lacks, by the machine' },
  ];
}
