/**
 * What a run looked like, moment by moment, for the page that draws it (html/page.ts) and for whoever wants to compute
 * something from `report.json`. Nothing here judges. Times are real milliseconds since the scenario began.
 */
import type { State, StateGraph } from '../states/definition.ts';
import type { ProgressEvent } from '../states/execution.ts';
import type { Handover } from '../venue/judge.ts';
import { createOrderPath, type VenueEntry } from '../venue/record.ts';

/** A new order, as the venue decided it. */
export interface ObservedOrder {
  readonly atMs: number;
  readonly accepted: boolean;
  /** The venue's answer: 0 for accepted. */
  readonly code: number;
  readonly epoch: number | null;
  readonly clientOrderId: string | null;
}

/** From the last accepted order of one epoch to the first of the next. */
export interface ObservedHandover {
  readonly fromEpoch: number;
  readonly toEpoch: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Something that was done to the system; `toMs` is null for a blow, and for what was not taken back. */
export interface Injection {
  readonly what: string;
  readonly fromMs: number;
  readonly toMs: number | null;
}

export interface Transition {
  readonly atMs: number;
  readonly state: string;
  readonly kind: Exclude<ProgressEvent['kind'], 'waiting'>;
  /** Where it led, of `chosen` and `caught`. */
  readonly next?: string;
  /** What went wrong, of `retried`, `caught` and `failed`. */
  readonly error?: string;
  readonly cause?: string;
}

export interface ObservedExecution {
  readonly name: string;
  readonly machine: string;
  readonly region: string;
  readonly fromMs: number;
  /** The last that was seen of it. */
  readonly toMs: number;
  readonly status: string;
  readonly error?: string;
  readonly cause?: string;
  readonly transitions: readonly Transition[];
}

/** A state machine as it is drawn: how its states hang together, without what they do. */
export interface DrawnGraph {
  readonly startAt: string;
  readonly states: Readonly<Record<string, DrawnState>>;
}
export interface DrawnState {
  readonly type: State['Type'];
  readonly comment: string;
  readonly next: readonly DrawnEdge[];
  /** Of a Parallel its branches, of a Map its iteration. */
  readonly inside: readonly DrawnGraph[];
}
export interface DrawnEdge {
  readonly to: string;
  /** A choice's comment, or the errors that are caught. */
  readonly label: string;
  readonly kind: 'next' | 'choice' | 'catch';
}

/** Real time that stood for more of it: `factor` times as much. */
export interface CompressedSpan {
  readonly fromMs: number;
  readonly toMs: number;
  readonly factor: number;
}

export interface Observed {
  readonly orders: readonly ObservedOrder[];
  readonly handovers: readonly ObservedHandover[];
  readonly injected: readonly Injection[];
  readonly executions: readonly ObservedExecution[];
  readonly machines: Readonly<Record<string, DrawnGraph>>;
  readonly compressed: readonly CompressedSpan[];
}

type Seen = Omit<ObservedExecution, 'status' | 'error' | 'cause' | 'toMs'> & { readonly arn: string; readonly machineArn: string };

/** Takes the events of every execution as they happen. */
export class ExecutionLog {
  readonly #seen = new Map<string, Seen & { readonly transitions: Transition[] }>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  see(execution: { readonly arn: string; readonly name: string; readonly machine: string }, event: ProgressEvent): void {
    const atMs = rounded(this.#nowMs());
    const { arn, name, machine } = execution;
    const seen = this.#seen.get(arn) ?? {
      arn, name, machine, region: arn.split(':')[3] ?? '', fromMs: atMs, transitions: [], machineArn: arn.replace(':execution:', ':stateMachine:').split(':').slice(0, 7).join(':'),
    };
    this.#seen.set(arn, seen);
    if (event.kind === 'waiting') return;
    const { state, kind } = event;
    seen.transitions.push({
      atMs, state, kind,
      ...('next' in event && { next: event.next }),
      ...('error' in event && { error: event.error, cause: event.cause }),
    });
  }

  get executions(): readonly Seen[] {
    return [...this.#seen.values()];
  }
}

/** New orders of one book; `beganMs` is when the scenario began, on the clock of the venue's record. */
export function ordersIn(record: readonly VenueEntry[], { book, beganMs }: { book: string; beganMs: number }): ObservedOrder[] {
  return record
    .filter((entry) => entry.path === createOrderPath && entry.book === book)
    .map(({ decidedAtMs, accepted, code, epoch, clientOrderId }) => ({
      atMs: rounded(decidedAtMs - beganMs), accepted, code, epoch: epoch ?? null, clientOrderId: clientOrderId ?? null,
    }))
    .sort((a, b) => a.atMs - b.atMs);
}

export function handoversSince(handovers: readonly Handover[], beganMs: number): ObservedHandover[] {
  return handovers.map(({ fromEpoch, toEpoch, firstOrderAtMs, gapMs }) => {
    const toMs = firstOrderAtMs - beganMs;
    return { fromEpoch, toEpoch, fromMs: rounded(toMs - gapMs), toMs: rounded(toMs) };
  });
}

export function drawnGraph({ StartAt, States }: StateGraph): DrawnGraph {
  return { startAt: StartAt, states: Object.fromEntries(Object.entries(States).map(([name, state]) => [name, drawnState(state)])) };
}

function drawnState(state: State): DrawnState {
  const next: DrawnEdge[] = [];
  if (state.Type === 'Choice') {
    for (const rule of state.Choices) next.push({ to: rule.Next, label: rule.Comment ?? '', kind: 'choice' });
    if (state.Default !== undefined) next.push({ to: state.Default, label: 'otherwise', kind: 'choice' });
  }
  if ('Next' in state && state.Next !== undefined) next.push({ to: state.Next, label: '', kind: 'next' });
  if ('Catch' in state) for (const { Next, ErrorEquals } of state.Catch ?? []) next.push({ to: Next, label: ErrorEquals.join(', '), kind: 'catch' });
  const inside = state.Type === 'Parallel' ? state.Branches : state.Type === 'Map' ? [state.ItemProcessor] : [];
  return { type: state.Type, comment: state.Comment ?? '', next, inside: inside.map(drawnGraph) };
}

/** Hundredths of a millisecond are more than any clock here can tell. */
function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
