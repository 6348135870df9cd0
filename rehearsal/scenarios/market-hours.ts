/**
 * Markets close and open around the night in which clocks change, and around Thanksgiving with its half-day: what follows them in the cluster
 * of research is stopped and started, and nothing else is. The week is told by the looks that matter: each at its time, by its event.
 */
import { exactly, type PromiseKept } from '../report/report.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';
import { researchOf } from './research.ts';
import type { Scenario, ScenarioEnd } from './scenario.ts';

const missed = 'missed-look';
const boundMs = 60_000;

const backTest = 'backtest';
const equities = 'us-equities-recorder';
const futures = 'cme-futures-recorder';

/** The looks, in UTC, and what runs after each: by the hours that NYSE Arca and the CME publish (test/change/published-hours.ts). */
const looks: readonly { readonly at: string; readonly when: string; readonly runs: readonly string[] }[] = [
  { at: '2026-10-31T00:05Z', when: 'Friday night: both are closed', runs: [] },
  { at: '2026-11-01T21:40Z', when: 'Sunday, when futures would open if clocks had not changed', runs: [] },
  { at: '2026-11-01T22:40Z', when: 'Sunday, before futures open', runs: [futures] },
  { at: '2026-11-02T07:40Z', when: 'Monday, when equities would open if clocks had not changed', runs: [futures] },
  { at: '2026-11-02T08:40Z', when: 'Monday, before equities open', runs: [futures, equities] },
  { at: '2026-11-02T22:05Z', when: 'Monday, in the hour in which the CME keeps its systems', runs: [futures, equities] },
  { at: '2026-11-26T00:05Z', when: 'The evening before Thanksgiving, in the late session', runs: [futures, equities] },
  { at: '2026-11-26T01:05Z', when: 'The night before Thanksgiving', runs: [futures] },
  { at: '2026-11-26T15:05Z', when: 'Thanksgiving, in the morning', runs: [futures] },
  { at: '2026-11-26T18:05Z', when: 'Thanksgiving, from noon in Chicago', runs: [] },
  { at: '2026-11-26T22:40Z', when: 'Thanksgiving, before futures open again', runs: [futures] },
  { at: '2026-11-27T08:40Z', when: 'The half-day, before it opens', runs: [futures, equities] },
  { at: '2026-11-27T18:40Z', when: 'The half-day of futures is over', runs: [equities] },
  { at: '2026-11-27T21:05Z', when: 'The half-day of equities, in its late session', runs: [equities] },
  { at: '2026-11-27T22:05Z', when: 'It is over, and so is the week', runs: [] },
];

export const marketHours: Scenario = {
  name: 'market-hours',
  maintenance: true,
  summary: 'Markets close and open around a change of clocks, a holiday and a half-day: what follows them is stopped and started.',
  promises: [
    'what follows a market runs exactly while that is open, and from twenty minutes before',
    'what follows none, and what trades, is not touched',
    'each closing and each opening is acted on once, however often somebody looks',
  ],
  faults: [{ name: missed, summary: 'Each first look after a closing or an opening is missed: the next one does it.', outcome: 'succeeded' }],
  async run(stage, faults): Promise<ScenarioEnd> {
    const beganMs = performance.now();
    const research = await researchOf(stage);
    await research.start(backTest, equities, futures);
    const wrong: string[] = [];
    for (const { at, when, runs } of looks) {
      stage.progress.heading(when);
      const meant = [backTest, ...runs].toSorted().join(', ');
      // Else it comes twice, as an event may.
      await look(stage, research.machineArn, faults.has(missed) ? [theNext(at)] : [new Date(at), new Date(at)]);
      await until(meant, boundMs, async () => (await research.running()).join(', ') === meant)
        .catch(async () => wrong.push(`${when}: ${(await research.running()).join(', ') || 'nothing'}`));
    }
    const executions = await executionsOf(stage, research.machineArn);
    return {
      outcome: 'succeeded',
      steps: [],
      modelledDurationMs: performance.now() - beganMs,
      promises: [
        exactly('runs', 'Looks after which something else ran than by the published hours', wrong.join('; ') || 'none', 'none'),
        exactly('looks', 'Looks that were judged', looks.length, 15),
        ...onceEach(executions),
        exactly('silent', 'Messages to people', stage.publishedTo('cost-people').length, 0),
      ],
    };
  },
};

/** They come at 5 and at 40 minutes past each hour. */
function theNext(time: string): Date {
  const first = new Date(time);
  return new Date(first.getTime() + (first.getUTCMinutes() === 5 ? 35 : 25) * 60_000);
}

/** Lets the schedule come at these times, and waits until all that was begun is over. */
async function look(stage: Stage, machineArn: string, times: readonly Date[]): Promise<void> {
  const answers = (): number => stage.linesOf('market-hours').filter((line) => line.includes('"output"')).length;
  const before = answers();
  for (const time of times) stage.comesDue('market-hours', time);
  await until(`${times.length} looks`, boundMs, () => answers() >= before + times.length);
  await until('what they began to end', boundMs, async () => (await executionsOf(stage, machineArn)).every(({ status }) => status !== 'RUNNING'));
}

interface Listed {
  readonly name: string;
  readonly status: string;
}

async function executionsOf(stage: Stage, stateMachineArn: string): Promise<readonly Listed[]> {
  return (await stage.operator<{ executions: readonly Listed[] }>('states', 'ListExecutions', { stateMachineArn }, stage.regions.first.name)).executions;
}

function onceEach(executions: readonly Listed[]): readonly PromiseKept[] {
  const named = (what: RegExp): number => executions.filter(({ name }) => what.test(name)).length;
  return [
    exactly('closings', 'Closings that were acted on', named(/-closed-until-/), 6),
    exactly('openings', 'Openings that were acted on', named(/-open-until-/), 6),
    exactly('succeeded', 'Executions that did not succeed', executions.filter(({ status }) => status !== 'SUCCEEDED').length, 0),
  ];
}
