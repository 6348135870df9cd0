/**
 * What is told of a run whose promise was broken: when the longest silence in accepted orders was, and what guards and traders
 * logged in it. A run that goes wrong once in many is not to be waited for again only to learn where to look.
 */
import type { Report } from './report.ts';
import { seconds } from './report.ts';

export interface Silence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What stood before a silence often explains it. */
const beforeMs = 500;
const linesAtMost = 30;

/** Between two accepted orders; undefined while there are fewer than two. */
export function longestSilence({ observed }: Pick<Report, 'observed'>): Silence | undefined {
  const accepted = observed.orders.filter((order) => order.accepted).map((order) => order.atMs);
  const silences = accepted.slice(1).map((toMs, index) => ({ fromMs: accepted[index] ?? toMs, toMs }));
  return silences.reduce<Silence | undefined>((longest, each) => (longest && lengthOf(longest) >= lengthOf(each) ? longest : each), undefined);
}

/**
 * @param log as the stage gives it: lines of containers carry their own time of day
 * @param beganAtMs the time of day at which the scenario began
 */
export function whatWasLogged(report: Pick<Report, 'scenario' | 'observed'>, log: readonly object[], beganAtMs: number): readonly string[] {
  const silence = longestSilence(report);
  if (silence === undefined) return [`${report.scenario}: fewer than two orders were accepted`];
  const lines = eachOnce(log.flatMap((line) => containerLine(line, beganAtMs))
    .filter(({ atMs }) => atMs >= silence.fromMs - beforeMs && atMs <= silence.toMs)
    .sort((a, b) => a.atMs - b.atMs));
  const more = lines.length > linesAtMost ? [`  … and ${lines.length - linesAtMost} more`] : [];
  return [
    `${report.scenario}: no order was accepted from ${seconds(silence.fromMs)} to ${seconds(silence.toMs)}; guards and traders said then:`,
    ...lines.slice(0, linesAtMost).map(({ atMs, text }) => `  ${seconds(atMs).padStart(8)}  ${text}`),
    ...more,
  ];
}

/** What is said again and again is told when it was said first, and how often. */
function eachOnce(lines: readonly Line[]): readonly Line[] {
  const said = Map.groupBy(lines, ({ text }) => text);
  return [...said.values()].flatMap(([first, ...again]) =>
    first === undefined ? [] : [{ ...first, text: again.length === 0 ? first.text : `${first.text} (${again.length + 1} times)` }]);
}

const lengthOf = ({ fromMs, toMs }: Silence): number => toMs - fromMs;

interface Line {
  readonly atMs: number;
  readonly text: string;
}

function containerLine(line: object, beganAtMs: number): readonly Line[] {
  const { message } = line as { readonly message?: unknown };
  if (typeof message !== 'string' || !message.startsWith('{"time":')) return [];
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(message) as Record<string, unknown>;
  } catch {
    return [];
  }
  const { time, level, message: text, ...fields } = said;
  return [{ atMs: Date.parse(String(time)) - beganAtMs, text: `${String(level)} ${String(text)} ${JSON.stringify(fields)}` }];
}
