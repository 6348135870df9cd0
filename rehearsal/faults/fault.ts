/**
 * What a fault is: something that goes wrong in the cutover from the release that trades to the next one, how the cutover
 * must end then, and how long at most no order may be accepted. How to add one: docs/rehearsal.md.
 */
import type { Colour } from '../../lib/lease/model.ts';
import type { Outcome, PromiseKept } from '../report/report.ts';
import type { CutoverInput, Stage } from '../stage.ts';
import { monotonicMs } from '../venue/record.ts';
import type { Variant } from './releases/build.ts';

export interface Fault {
  readonly name: string;
  /** What goes wrong, in a sentence. */
  readonly summary: string;
  /** How the cutover must end then. */
  readonly outcome: Outcome;
  /** Who trades at the end: the release that came, or the one that was there. */
  readonly trades: 'new' | 'old';
  /** The longest time without an accepted order, from before the fault to the end: somebody healthy is there all the while. */
  readonly silenceLimitMs: number;
  /** What it needs for itself: faults that want the same cannot be told together. */
  readonly takes: readonly ('old release' | 'new release' | 'old holder' | 'lease writes' | 'answers' | 'execution' | 'venue clock')[];
  readonly releases?: { readonly old?: Variant; readonly new?: Variant };
  /** What the person types instead of the usual. */
  readonly typed?: (usual: CutoverInput) => object;
  /** How often the execution is redriven. */
  readonly redrives?: number;
  /** Where the person starts it instead of where the book is at home. */
  readonly region?: (stage: Stage) => string;
  /** Called before anything trades: for what is wrong all the while. */
  readonly before?: (stage: Stage) => void;
  /** Called when the old release trades, before the cutover is started. */
  readonly inject?: (stage: Stage, colours: Colours) => Injected | Promise<Injected>;
}

export interface Colours {
  readonly old: Colour;
  readonly new: Colour;
}

/** A fault on its way. */
export interface Injected {
  /** Takes back what lasts; called when the cutover has ended. */
  readonly heal?: () => void | Promise<void>;
  /** That it really struck, and what it promises beyond its ending; asked after it was healed. */
  readonly promises: () => readonly PromiseKept[] | Promise<readonly PromiseKept[]>;
}

/** A fault that is never seen to strike proves nothing. */
export function struck(what: string, times: number): PromiseKept {
  return { id: 'struck', statement: `The fault struck: ${what}`, held: times > 0, measured: times, limit: 1, unit: 'times' };
}

/** Acts once, when the cutover enters one of these states. */
export function onEntering(stage: Stage, states: readonly string[], act: () => void): void {
  const stop = stage.onWorkflow((event) => {
    if (event.kind !== 'entered' || !states.includes(event.state)) return;
    stop();
    act();
  });
}

/**
 * From the decision to roll back to the first order that the venue took from the old release: nobody could be faster than
 * the lease of a dead holder, so the time counts from when the machine knows.
 */
export function measureRollback(stage: Stage, colours: Colours): () => PromiseKept {
  let decidedMs: number | undefined;
  let oldTradedAgain = Infinity;
  onEntering(stage, ['Is there an old colour to hand back to?', 'Begin to remove the new colour'], () => (decidedMs = monotonicMs()));
  return () => {
    const grants = new Map(stage.tenures().map(({ epoch, colour }) => [epoch, colour]));
    const lost = stage.tenures().findLast(({ colour }) => colour === colours.new)?.epoch ?? Infinity;
    for (const { epoch, accepted, decidedAtMs } of stage.ordersSince(0)) {
      if (accepted && epoch !== undefined && epoch > lost && grants.get(epoch) === colours.old) oldTradedAgain = Math.min(oldTradedAgain, decidedAtMs);
    }
    const ms = decidedMs === undefined ? Infinity : Math.max(0, oldTradedAgain - decidedMs);
    return {
      id: 'rollback', statement: 'Rolled back: from the decision to the first order of the old release', held: ms <= rollbackLimitMs,
      measured: Math.round(ms), limit: rollbackLimitMs, unit: 'ms',
    };
  };
}
const rollbackLimitMs = 2000;

/** Why these cannot be told together; undefined when they can. */
export function contradiction(faults: readonly Fault[]): string | undefined {
  for (const [index, fault] of faults.entries()) {
    for (const other of faults.slice(0, index)) {
      if (fault.outcome === 'refused' || other.outcome === 'refused') {
        const refused = fault.outcome === 'refused' ? fault : other;
        return `'${refused.name}' is refused before anything else can go wrong: tell it alone`;
      }
      if (fault.outcome !== 'succeeded' && other.outcome !== 'succeeded') {
        return `'${other.name}' and '${fault.name}' both decide how the cutover ends: only one can`;
      }
      const both = fault.takes.find((taken) => other.takes.includes(taken));
      if (both !== undefined) return `'${other.name}' and '${fault.name}' both need the ${both} for themselves`;
    }
  }
  return undefined;
}

/** How a cutover with these faults must end, who trades then, and how long nobody may; `usualSilenceMs` is without any. */
export function expectationOf(faults: readonly Fault[], usualSilenceMs: number): Pick<Fault, 'outcome' | 'trades' | 'silenceLimitMs'> {
  const deciding = faults.find(({ outcome }) => outcome !== 'succeeded');
  return {
    outcome: deciding?.outcome ?? 'succeeded',
    trades: deciding?.trades ?? 'new',
    // One after the other at worst.
    silenceLimitMs: Math.max(usualSilenceMs, faults.reduce((sum, fault) => sum + fault.silenceLimitMs, 0)),
  };
}
