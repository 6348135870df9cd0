/**
 * The gates before a change: the deployment window of the book's market and the freeze of the environment. Either can be
 * forced, with a reason and a name, and what was forced is said in the report.
 */
import { Freeze, type Force, type MarketCalendar } from '../contracts/change.ts';
import { faultsOf } from '../contracts/faults.ts';
import { deploymentWindow, inWords } from './deployment-window.ts';

/** A gate is closed; nothing was changed. */
export class GateClosedError extends Error {
  override readonly name = 'GateClosedError';
}

export interface GatesQuestion {
  readonly book: string;
  readonly calendar: MarketCalendar;
  /** The value of the freeze parameter, as it stands there. */
  readonly freeze: string;
  readonly force?: Force | undefined;
  readonly now: Date;
}

/** Answers which closed gates were forced, in words; none when all are open. Throws GateClosedError. */
export function passGates({ book, calendar, freeze, force, now }: GatesQuestion): readonly string[] {
  const closed = [closedByWindow(book, calendar, now), closedByFreeze(freeze)].filter((gate) => gate !== undefined);
  if (closed.length > 0 && force === undefined) {
    throw new GateClosedError(
      `${closed.map(({ seen, todo }) => `${seen} ${todo}`).join(' ')} ` +
        'What cannot wait is started again with "force": { "reason": "…", "approvedBy": "…" }.',
    );
  }
  return closed.map(({ seen }) => seen);
}

interface ClosedGate {
  readonly seen: string;
  readonly todo: string;
}

function closedByWindow(book: string, calendar: MarketCalendar, now: Date): ClosedGate | undefined {
  const window = deploymentWindow(calendar, now);
  if (window.open) return undefined;
  return {
    seen: `The deployment window of book '${book}' (${calendar}) is closed at ${inWords(calendar, now)}: ${window.why}.`,
    todo: `It opens next on ${inWords(calendar, window.opensAt)}: start again then.`,
  };
}

/** What cannot be read is a freeze: somebody meant something by it. */
function closedByFreeze(text: string): ClosedGate | undefined {
  const parsed = Freeze.safeParse(jsonOf(text));
  if (!parsed.success) {
    return {
      seen: `The freeze parameter cannot be read, which counts as a freeze: ${faultsOf(parsed.error)}.`,
      todo: 'Set it as the runbook shows.',
    };
  }
  if (!parsed.data.frozen) return undefined;
  const { reason, by } = parsed.data;
  return { seen: `Changes are frozen by ${by}: ${reason}.`, todo: `Ask ${by}, or wait until the freeze is lifted.` };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
