/**
 * Several tellings on one machine. They disturb each other, and the limits of time are for a quiet machine: what may have been
 * the others' doing is told again, alone, and that telling counts: a limit that was broken, or a telling that could not go on. What no slowness explains counts at once.
 */
import type { Progress, TerminalProgress } from './report/progress.ts';
import { messageOf } from '../lib/message-of.ts';
import { broken, held, inWords, mayBeSlowness, type Report } from './report/report.ts';
import { UnavailableError } from './unavailable.ts';

export interface Tellings<Planned, Told> {
  readonly plan: readonly Planned[];
  /** How many at a time. */
  readonly jobs: number;
  readonly progress: TerminalProgress;
  readonly nameOf: (planned: Planned) => string;
  readonly tell: (planned: Planned, beside: boolean, progress: Progress) => Promise<Told>;
}

/** It could not go on beside others. */
class Untold {
  readonly why: string;
  constructor(error: unknown) {
    this.why = messageOf(error);
  }
}

/** Answers in the order of the plan. */
export async function tellAll<Planned, Told extends { readonly report: Pick<Report, 'promises'> }>(
  { plan, jobs, progress, nameOf, tell }: Tellings<Planned, Told>,
): Promise<readonly Told[]> {
  const beside = plan.length > 1 && jobs > 1;
  if (!beside) return sideBySide(plan, jobs, progress, (planned, part) => tell(planned, false, part));
  const first = await sideBySide(plan, jobs, progress, (planned, part) => tell(planned, true, part).catch((error: unknown) => {
    // What is missing on this machine is missing alone, too.
    if (error instanceof UnavailableError) throw error;
    return new Untold(error);
  }));
  const told: Told[] = [];
  for (const [index, each] of first.entries()) {
    if (!(each instanceof Untold)) {
      told[index] = each;
      continue;
    }
    const planned = plan[index] as Planned;
    progress.heading(`${nameOf(planned)} could not go on beside others, and is told again alone`);
    progress.note(each.why);
    told[index] = await tell(planned, false, progress);
  }
  for (const [index, { report: { promises } }] of told.entries()) {
    const planned = plan[index] as Planned;
    if (first[index] instanceof Untold || held({ promises }) || !mayBeSlowness(promises)) continue;
    progress.heading(`${nameOf(planned)} broke a limit beside others, and is told again alone`);
    for (const promise of broken(promises)) progress.note(inWords(promise));
    const again = await tell(planned, false, progress);
    told[index] = again;
    // Then it was not the others, and what else broke has its chance when this is mended.
    if (!held(again.report)) break;
  }
  return told;
}

/** So many at a time, begun in order. Each mostly waits. When one cannot be told, those that run come to their end. */
async function sideBySide<Planned, Told>(
  plan: readonly Planned[], jobs: number, progress: TerminalProgress, one: (planned: Planned, progress: Progress) => Promise<Told>,
): Promise<readonly Told[]> {
  const parts = progress.inTurn(plan.length);
  const waiting = plan.map((planned, index) => ({ planned, index, part: parts[index] as Progress }));
  const done: Told[] = [];
  const ends = await Promise.allSettled(Array.from({ length: Math.min(jobs, plan.length) }, async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { planned, index, part } = next;
      try {
        done[index] = await one(planned, part);
      } catch (error) {
        waiting.length = 0;
        throw error;
      } finally {
        part.close();
      }
    }
  }));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return done;
}
