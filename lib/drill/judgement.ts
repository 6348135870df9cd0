/** What was measured in a drill, against what it may take and against the drills before. */
import { measureNames, type DrillReport, type MeasureName, type Measures, type Objectives } from '../contracts/drill.ts';

export const measureWords: Readonly<Record<MeasureName, string>> = {
  restoreSeconds: 'the database restored until its first answer',
  recoveryPointSeconds: 'the age of the newest commit in it',
  startSeconds: 'the real image started until it could trade',
  ordersSeconds: 'from the decision to the accepted orders',
  ledgerSeconds: 'from the orders to the restored ledger',
  totalSeconds: 'the whole drill',
};
/** With fewer before, nothing is said to be slow. */
const fewestBefore = 3;
export const comparedWith = 6;
/** Longer than the longest before by so much: less is the day's weather. */
const slowerBy = { share: 0.1, seconds: 1 };

export function tooLong(measures: Measures, objectives: Objectives): readonly string[] {
  return measureNames.flatMap((name) => {
    const [measured, most] = [measures[name], objectives[name]];
    if (most === undefined) return [];
    if (measured === null) return [`${measureWords[name]} was not come to`];
    return measured > most ? [`${measureWords[name]}: ${rounded(measured)} s, ${rounded(most)} s at most`] : [];
  });
}

/** @param before the newest first; of them those count that were passed */
export function slowerThanEver(measures: Measures, before: readonly Pick<DrillReport, 'passed' | 'measures'>[]): string[] {
  const passed = before.filter((each) => each.passed).slice(0, comparedWith);
  return measureNames.flatMap((name) => {
    const measured = measures[name];
    const known = passed.flatMap((each) => each.measures[name] ?? []);
    if (measured === null || known.length < fewestBefore) return [];
    const longest = Math.max(...known);
    if (measured <= longest * (1 + slowerBy.share) || measured < longest + slowerBy.seconds) return [];
    return [`${measureWords[name]}: ${rounded(measured)} s, in the last ${known.length} drills ${rounded(longest)} s at most`];
  });
}

function rounded(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
