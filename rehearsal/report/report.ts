/**
 * What a rehearsal says at its end: `report.json`, and the lines a person reads.
 *
 * Times named `…Ms` are real milliseconds since the scenario began. Where a part of the run waited on the
 * compressed clock, `modelledMs` gives the time that the same part would take uncompressed (rehearsal/clock.ts).
 */
import pc from 'picocolors';
import type { NamedGrant } from '../permissions/deployed-policies.ts';
import type { Judgement } from '../venue/judge.ts';
import type { Observed } from './observed.ts';

export type Outcome = 'succeeded' | 'rolled-back' | 'needs-a-person' | 'refused';

export interface PromiseKept {
  readonly id: string;
  readonly statement: string;
  readonly held: boolean;
  readonly measured: number | string;
  readonly limit: number | string;
  readonly unit: string;
}

/** A measured figure for the top of the page: `figure` as people read it, and what it means. */
export interface Figure {
  readonly figure: string;
  readonly meaning: string;
}

/** From the venue's record alone; `staleEpochAccepted` also knows when each epoch was granted. */
export type Trading = Omit<Judgement, 'handovers'>;

/** One holder's time: from its grant to the next write that ended it; `toMs` is null while it lasts. */
export interface Tenure {
  readonly epoch: number;
  readonly holder: string | null;
  readonly region: string | null;
  readonly colour: string | null;
  readonly fromMs: number;
  readonly toMs: number | null;
  readonly reason: string;
}

export interface Step {
  readonly name: string;
  /** The name of the execution that it is a part of. */
  readonly execution: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: 'succeeded' | 'failed' | 'aborted';
  readonly budgetMs: number;
  readonly modelledMs: number;
}

export interface Report {
  readonly scenario: string;
  /** What the scenario is about, in a sentence. */
  readonly summary: string;
  readonly seed: number;
  readonly faults: readonly string[];
  readonly outcome: Outcome;
  readonly promises: readonly PromiseKept[];
  /** What this scenario was told for, such as RTO and RPO; beside what every report has at its top. */
  readonly figures: readonly Figure[];
  readonly trading: Trading;
  readonly lease: readonly Tenure[];
  readonly steps: readonly Step[];
  readonly durationMs: number;
  /** How long the workflow under rehearsal would have taken uncompressed. */
  readonly modelledDurationMs: number;
  /** What the synthesized policies allow and nothing here needed. */
  readonly unusedGrants: readonly NamedGrant[];
  /** What was seen, moment by moment: what `report.html` draws. */
  readonly observed: Observed;
}

/** A promise about a figure: it holds when the figure does not exceed the limit. */
export function atMost(id: string, statement: string, measured: number, limit: number, unit: string): PromiseKept {
  return { id, statement, held: measured <= limit, measured: Math.round(measured * 10) / 10, limit, unit };
}

/** A promise about a figure: it holds when the figure reaches the limit. */
export function atLeast(id: string, statement: string, measured: number, limit: number, unit: string): PromiseKept {
  return { id, statement, held: measured >= limit, measured, limit, unit };
}

/** A promise that something is exactly so. */
export function exactly(id: string, statement: string, measured: string | number, limit: string | number): PromiseKept {
  return { id, statement, held: measured === limit, measured, limit, unit: '' };
}

/** The promises that every scenario makes, whatever happens in it. */
export function neverBroken(trading: Trading): PromiseKept[] {
  return [
    exactly('no-stale-order', 'No order of an old epoch was accepted', trading.staleEpochAccepted, 0),
    exactly('no-duplicate', 'No order was accepted twice', trading.duplicatesAccepted, 0),
    atMost('no-overlap', 'Two traders never both had orders accepted', trading.overlapMs, 0, 'ms'),
  ];
}

export function held(report: Pick<Report, 'promises'>): boolean {
  return broken(report.promises).length === 0;
}

export function broken(promises: readonly PromiseKept[]): readonly PromiseKept[] {
  return promises.filter((promise) => !promise.held);
}

/** What has to hold however slow the machine is: what protects orders, the ledger, secrets and what is in use. */
const whateverTheMachine = new Set([
  'no-stale-order', 'no-duplicate', 'no-overlap', 'none-after', 'nobody-traded', 'zombie-orders',
  'ledger', 'untold', 'lost-rows', 'no-secret', 'permitted', 'untouched',
]);

/**
 * Whether others on the same cores may have caused it: limits of time are for a quiet machine, and a step that starves past its
 * own limit ends a workflow otherwise than told. Who is told this tells the scenario again, alone.
 */
export function mayBeSlowness(promises: readonly PromiseKept[]): boolean {
  return broken(promises).every(({ id }) => !whateverTheMachine.has(id));
}

/** A promise and what was seen of it, on a line. */
export function inWords(promise: PromiseKept): string {
  return `${promise.statement}: ${promise.measured}${withUnit(promise)} (limit ${promise.limit}${withUnit(promise)})`;
}

/** The report as lines for a terminal: the promises first, because they are what was asked. */
export function render(report: Report): string {
  const faults = report.faults.length > 0 ? ` with ${report.faults.join(', ')}` : '';
  const name = `${report.scenario}${faults}`;
  const width = Math.max(...report.promises.map((promise) => promise.statement.length));
  const lines = report.promises.map((promise) => {
    const limit = promise.measured === promise.limit && promise.unit === '' ? '' : pc.dim(` (limit ${promise.limit}${withUnit(promise)})`);
    const mark = promise.held ? pc.green('✓') : pc.red('✗');
    return `  ${mark} ${promise.statement.padEnd(width)}  ${promise.measured}${withUnit(promise)}${limit}`;
  });
  const { trading } = report;
  return [
    `${pc.bold(name)}: ${report.outcome}, ${held(report) ? pc.green('every promise held') : pc.red('A PROMISE WAS BROKEN')}`,
    ...lines,
    pc.dim(
      `  ${trading.ordersAccepted} of ${trading.ordersSent} orders accepted, ${report.lease.length} changes of the lease, ` +
        `${seconds(report.durationMs)} here, the workflow ${seconds(report.modelledDurationMs)} uncompressed, seed ${report.seed}`,
    ),
  ].join('\n');
}

function withUnit({ unit }: PromiseKept): string {
  return unit === '' ? '' : ` ${unit}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
