/**
 * A cutover opens the book, and a second one replaces what trades. Told with faults, the second one goes wrong: then it has
 * to end as they promise, and whoever should trade does.
 */
import { otherColour } from '../../lib/lease/model.ts';
import { cutoverFaults } from '../faults/index.ts';
import { contradiction, expectationOf, type Fault } from '../faults/fault.ts';
import { atLeast, atMost, exactly, type PromiseKept, type Step } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import type { Release } from '../releases.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

/** Orders that the old colour has had accepted before anybody touches it, and whoever trades in the end, after. */
const ordersAround = 5;
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
  faults: cutoverFaults,
  inAll: ['green-does-not-trade'],
  pessimisticAmongOthers: true,
  contradiction: (names) => contradiction(faultsOf(names)),
  async run(stage, names): Promise<ScenarioEnd> {
    const faults = faultsOf([...names]);
    stage.progress.heading('First cutover: the book is opened');
    for (const fault of faults) fault.before?.(stage);
    const first = await stage.cutover(await oldReleaseOf(stage, faults), 'The first release of this book');
    const opened = exactly('first', 'The first cutover opened the book', first.outcome, 'succeeded');
    if (!opened.held) return { outcome: first.outcome, steps: first.steps, modelledDurationMs: first.modelledMs, promises: [opened] };

    stage.progress.heading(faults.length === 0 ? 'Second cutover: blue to green' : `Second cutover, with ${faults.map(({ name }) => name).join(' and ')}`);
    const second = await replace(stage, faults, await newReleaseOf(stage, faults));
    return { ...second, steps: [...first.steps, ...second.steps], promises: [opened, ...second.promises] };
  },
};

/** One cutover from what trades to that release, told with faults and judged. */
export async function replace(stage: Stage, faults: readonly Fault[], release: Release): Promise<ScenarioEnd> {
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  const trading = await stage.holder();
  if (trading === undefined) throw new Error('nobody holds the book: there is nothing to replace');
  const colours = { old: trading.colour, new: otherColour(trading.colour) };
  const sinceMs = monotonicMs();

  const injected = await Promise.all(faults.map(async (fault) => fault.inject?.(stage, colours)));
  const typed = faults.find((fault) => fault.typed !== undefined)?.typed;
  const redrives = Math.max(0, ...faults.map((fault) => fault.redrives ?? 0));
  const region = faults.find((fault) => fault.region !== undefined)?.region?.(stage);
  const end = await stage.cutover(release, 'The second release of this book', { typed, redrives, region });
  for (const each of injected) await each?.heal?.();

  const expected = expectationOf(faults, gapLimitMs);
  const promises = [exactly('outcome', 'The cutover ended as promised', endedAs(end, expected.outcome), expected.outcome)];
  const steps: Step[] = [...end.steps];
  let live = colours[expected.trades];
  if (expected.outcome === 'needs-a-person' && expected.trades === 'old') {
    const again = await stage.cutover(release, 'A person starts it again');
    promises.push(exactly('again', 'Started again by a person, it ended as', again.outcome, 'succeeded'));
    steps.push(...again.steps);
    live = colours.new;
  }
  await stage.ordersAcceptedReach(stage.ordersAccepted() + ordersAround);
  for (const each of injected) promises.push(...((await each?.promises()) ?? []));
  promises.push(
    exactly('holder', 'The right colour trades', (await stage.holder())?.colour ?? 'nobody', live),
    atMost('gap', 'Orders went on through it all', stage.longestSilenceMs(sinceMs), expected.silenceLimitMs, 'ms'),
    ...(faults.length === 0 ? undisturbed(stage, end) : []),
    exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
    exactly('left-over', 'Locks, task sets, registrations and tasks left over', (await stage.leftOver(live)).join(', ') || 'none', 'none'),
  );
  return { outcome: end.outcome, steps, modelledDurationMs: end.modelledMs, promises };
}

/** An ending that was not promised says why it came to it. */
export function endedAs({ outcome, cause }: WorkflowEnd, promised: string): string {
  return outcome === promised || cause === undefined ? outcome : `${outcome}: ${cause}`;
}

/** What only a cutover with which nothing interfered promises. */
function undisturbed(stage: Stage, end: WorkflowEnd): PromiseKept[] {
  const handovers = stage.tenures().filter((tenure) => tenure.reason === 'handed over').length;
  const liveSeconds = (end.modelledUntilLiveMs ?? Infinity) / 1000;
  return [
    // A task that is a second late here is one more look of a minute, uncompressed.
    atMost('live', 'The new release was live, uncompressed, within', liveSeconds, stage.onAQuietMachine(deploymentLimitMs) / 1000, 's'),
    atLeast('handover', 'The book changed hands by a handover', handovers, 1, ''),
  ];
}

export async function oldReleaseOf(stage: Stage, faults: readonly Fault[]): Promise<Release> {
  const variant = faults.find(({ releases }) => releases?.old !== undefined)?.releases?.old;
  return variant === undefined ? stage.releases.first : stage.variant(variant);
}

export async function newReleaseOf(stage: Stage, faults: readonly Fault[]): Promise<Release> {
  const variant = faults.find(({ releases }) => releases?.new !== undefined)?.releases?.new;
  return variant === undefined ? stage.releases.second : stage.variant(variant);
}

function faultsOf(names: readonly string[]): Fault[] {
  return names.map((name) => {
    const fault = cutoverFaults.find((each) => each.name === name);
    if (fault === undefined) throw new Error(`there is no fault '${name}'; there are: ${cutoverFaults.map((each) => each.name).join(', ')}`);
    return fault;
  });
}
