/** What the stories of a lost Region have in common: the standby that runs what is live, and what is asked when the books have moved. */
import { exactly, atMost, type PromiseKept } from '../report/report.ts';
import type { Stage, WorkflowEnd } from '../stage.ts';
import { until } from '../until.ts';

/** A standby is refreshed when a cutover has ended: two tasks come and go, one after the other. */
const refreshBoundMs = 60_000;

/**
 * Until the standby Region has an instance of that release, ready and reconciled, and no other; answers what its tasks run.
 * @param waitsForDatabase one that needs the database is not ready beside a replica
 */
export async function standbyRuns(stage: Stage, digest: string, { waitsForDatabase = false } = {}): Promise<string> {
  const { standby } = stage;
  const beats = new Map<string, number>();
  await until(`a standby in ${standby} that runs ${digest}`, refreshBoundMs, async () => {
    const there = (await stage.control.registrations(stage.book)).filter(({ region, ready, reconciled }) => region === standby && ready !== waitsForDatabase && reconciled);
    const alive = there.filter(({ instance, beat }) => (beats.get(instance) ?? beat) !== beat);
    for (const { instance, beat } of there) if (!beats.has(instance)) beats.set(instance, beat);
    return alive.some(({ imageDigest }) => imageDigest === digest) && stage.runs(standby, 'trader') === digest;
  });
  return digest;
}

/** The time of the first order that the venue took from that Region since then; Infinity when there is none. Both on the clock of the venue's record. */
export function firstOrderFrom(stage: Stage, region: string, sinceMs: number): number {
  const epochs = new Set(stage.tenures().filter((tenure) => tenure.region === region).map(({ epoch }) => epoch));
  return stage.acceptedIn((epoch) => epochs.has(epoch)).find((atMs) => atMs >= sinceMs) ?? Infinity;
}

/** What the machine's own report says of its steps: each has what it was given and what it took. */
export function everyStepTimed({ report }: WorkflowEnd): PromiseKept {
  const steps = (report?.['steps'] ?? []) as readonly { readonly what: string; readonly budgetSeconds?: number; readonly actualSeconds?: number }[];
  const untimed = steps.filter(({ budgetSeconds, actualSeconds }) => typeof budgetSeconds !== 'number' || typeof actualSeconds !== 'number');
  const words = steps.length === 0 ? 'no steps' : untimed.map(({ what }) => what).join(', ') || 'none';
  return exactly('steps-timed', 'Steps of the report without budget or actual time', words, 'none');
}

/** What is true in a Region for whoever deploys there: its parameters say where home is and which database is written. */
export async function factsIn(stage: Stage, region: string): Promise<string> {
  const { Parameters } = await stage.operator<{ Parameters: { Name: string }[] }>(
    'ssm', 'GetParametersByPath', { Path: `/baton/${stage.environment}/`, Recursive: true }, region,
  );
  const facts = Parameters.map(({ Name }) => Name.replace(`/baton/${stage.environment}/`, '')).filter((name) => /^(home-region|writing-database)\//.test(name));
  return facts.toSorted().join(', ') || 'nothing';
}
export function factsOf(home: string): string {
  return `home-region/${home}, writing-database/${home}`;
}

/** What holds when every book is at home in that Region and all that belongs to it has followed. */
export async function settledIn(stage: Stage, region: string, live: string): Promise<PromiseKept[]> {
  const { mode, live: recorded } = await stage.control.read(stage.book);
  const colour = (await stage.holder())?.colour ?? 'blue';
  return [
    exactly('home', 'The book is at home in', `${stage.home}, ${mode}`, `${region}, open`),
    exactly('live', 'Recorded as live', recorded?.imageDigest ?? 'nothing', live),
    exactly('runs', 'What trades is of the image', stage.runs(region, 'trader') ?? 'several', live),
    exactly('strength', 'Tasks of the book at home', stage.taskCount(region), 2),
    exactly('facts', 'Known to deployments there', await factsIn(stage, region), factsOf(region)),
    exactly('ledger', 'Accepted orders missing from the ledger', await stage.missingFromLedger(), 0),
    exactly('left-over', 'Locks, task sets, registrations and tasks left over at home', (await stage.leftOver(colour, region)).join(', ') || 'none', 'none'),
  ];
}

/** Orders that a Region had accepted after that moment; on the clock of the venue's record. */
export function acceptedFrom(stage: Stage, region: string, sinceMs: number): number {
  const epochs = new Set(stage.tenures().filter((tenure) => tenure.region === region).map(({ epoch }) => epoch));
  return stage.acceptedIn((epoch) => epochs.has(epoch)).filter((atMs) => atMs > sinceMs).length;
}

const watchBoundMs = 30_000;

/** A Region that was lost is back, and finds the books elsewhere: it stays silent, and nobody can write its database. */
export async function zombieStaysSilent(stage: Stage, region: string, backMs: number): Promise<PromiseKept[]> {
  const { home } = stage;
  const facts = await settled(() => factsIn(stage, region), factsOf(home));
  const written = await settled(() => stage.databaseOf(region), 'read only');
  return [
    exactly('zombie-orders', 'Orders accepted from the Region that came back', acceptedFrom(stage, region, backMs), 0),
    exactly('zombie-facts', 'Known to deployments there', facts, factsOf(home)),
    exactly('zombie-database', 'Its database is', written, 'read only'),
  ];
}

/** Looks until it is so, or the bound is over; answers what was seen last. */
async function settled(look: () => Promise<string>, wanted: string): Promise<string> {
  let seen = '';
  await until(wanted, watchBoundMs, async () => {
    seen = await look();
    return seen === wanted;
  }).catch(() => undefined);
  return seen;
}

/** From the command to the first order from there, against what was promised. */
export function tradesWithin(stage: Stage, region: string, { startMs }: WorkflowEnd, limitMs: number): PromiseKept {
  return atMost('decision', 'From the decision to the first accepted order', Math.round(firstOrderFrom(stage, region, startMs) - startMs), limitMs, 'ms');
}
