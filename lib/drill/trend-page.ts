/**
 * The drills of an installation as one page to look at, with nothing outside itself: a chart for each measure, against what it may be, and a table of them all. It is
 * drawn here and needs no script.
 */
import { type DrillReport, type MeasureName, measureNames } from '../contracts/drill.ts';
import { measureWords } from './judgement.ts';

const chart = { width: 520, height: 190, left: 46, right: 14, top: 14, bottom: 26 };
const dayMs = 86_400_000;
const pointRadius = 4;
/** A row of dates that do not touch. */
const datesMost = 5;

const style = `
:root { color-scheme: light dark;
  --paper: light-dark(#fafaf8, #14171b); --surface: light-dark(#ffffff, #1b1f24); --ink: light-dark(#1b1f24, #e9ebed); --muted: light-dark(#5d656e, #98a1ab);
  --rule: light-dark(#e1e3e0, #2c3239); --line: light-dark(#2f6fb5, #6ba6e2); --good: light-dark(#1f7a4a, #64c794); --bad: light-dark(#b3261e, #ff8279); --slow: light-dark(#96650a, #e5b458); }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1180px; margin: 0 auto; padding: 40px 32px 64px; }
h1 { font-size: 34px; line-height: 1.15; letter-spacing: -0.02em; margin: 2px 0 8px; font-weight: 650; }
h2 { font-size: 20px; margin: 48px 0 4px; font-weight: 650; }
p { margin: 0 0 12px; max-width: 76ch; }
.eyebrow, .hint, th, figcaption span { color: var(--muted); }
.eyebrow { font-size: 13px; margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 20px; margin-top: 16px; }
figure { margin: 0; background: var(--surface); border: 1px solid var(--rule); border-radius: 6px; padding: 14px 16px 10px; }
figcaption { display: flex; justify-content: space-between; gap: 12px; font-weight: 600; align-items: baseline; }
figcaption span { font-weight: 400; font-size: 13.5px; text-align: right; }
svg { display: block; width: 100%; height: auto; margin-top: 8px; }
svg text { fill: var(--muted); font-size: 11px; }
.grid { stroke: var(--rule); } .trend { fill: none; stroke: var(--line); stroke-width: 2; } .most { stroke: var(--bad); stroke-dasharray: 5 4; }
.passed { fill: var(--line); } .failed { fill: var(--surface); stroke: var(--bad); stroke-width: 2; } svg text.mostly { fill: var(--bad); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 12px; font-size: 14px; }
th { text-align: left; font-weight: 500; font-size: 13px; }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--rule); vertical-align: baseline; }
td.number, th.number { text-align: right; }
td:not(:last-child), th { white-space: nowrap; }
.good { color: var(--good); } .bad { color: var(--bad); } .slow { color: var(--slow); }
`;

/** @param reports in any order; of one installation */
export function trendPage(reports: readonly DrillReport[]): string {
  const drills = reports.toSorted((a, b) => a.begunAt.localeCompare(b.begunAt));
  const passed = drills.filter((drill) => drill.passed);
  const [newest, installation] = [drills.at(-1), drills[0]?.installation ?? ''];
  const since = passed.at(-1);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Drills of ${text(installation)}</title><style>${style}</style></head>
<body><main>
<p class="eyebrow">${text(installation)}</p>
<h1>${passed.length} of ${drills.length} drills passed</h1>
<p>${since === undefined ? 'No drill was ever passed: nobody knows whether the other Region would go on.' : `The newest one that was passed began on <b>${day(since.begunAt)}</b> in ${text(since.region)}.`}
${newest !== undefined && newest !== since ? `<span class="bad">The last one, on ${day(newest.begunAt)}, was not: ${text(newest.why || newest.leftOver)}</span>` : ''}</p>
<p class="hint">Dots are drills that were passed, rings are drills that were not. The dashed line is what a measure may be at most. Each scale begins at zero.</p>
<div class="charts">${measureNames.map((name) => chartOf(name, drills)).join('')}</div>
<h2>All drills</h2>
<div class="scroll"><table><thead><tr><th>begun</th><th>in</th><th>release of</th><th>was</th>${measureNames.map((name) => `<th class="number">${heading(name)}</th>`).join('')}<th>what there is to say</th></tr></thead>
<tbody>${drills.toReversed().map(rowOf).join('')}</tbody></table></div>
</main></body></html>
`;
}

function chartOf(name: MeasureName, drills: readonly DrillReport[]): string {
  const points = drills.flatMap(({ begunAt, passed, measures }) => {
    const seconds = measures[name];
    return seconds === null ? [] : [{ atMs: Date.parse(begunAt), begunAt, passed, seconds }];
  });
  const most = drills.at(-1)?.objectives[name];
  const last = points.at(-1);
  const words = last === undefined ? 'never measured' : `last ${duration(last.seconds)}${most === undefined ? '' : `, ${duration(most)} at most`}`;
  return `<figure><figcaption>${capital(measureWords[name])}<span>${words}</span></figcaption>${drawn(points, most, measureWords[name])}</figure>`;
}

interface Point {
  readonly atMs: number;
  readonly begunAt: string;
  readonly passed: boolean;
  readonly seconds: number;
}

function drawn(points: readonly Point[], most: number | undefined, what: string): string {
  const { width, height, left, right, top, bottom } = chart;
  const [first, last] = [points[0]?.atMs ?? 0, points.at(-1)?.atMs ?? 0];
  // A single drill stands in the middle.
  const [fromMs, toMs] = last > first ? [first, last] : [first - dayMs, first + dayMs];
  const step = niceStep(Math.max(...points.map(({ seconds }) => seconds), most ?? 0, 1) / 4);
  const highest = step * 4;
  const x = (atMs: number): number => round(left + ((atMs - fromMs) / (toMs - fromMs)) * (width - left - right));
  const y = (seconds: number): number => round(height - bottom - (Math.min(seconds, highest) / highest) * (height - top - bottom));
  const lines = [0, 1, 2, 3, 4].map((nth) => {
    const at = y(nth * step);
    return `<line class="grid" x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/><text x="${left - 6}" y="${at + 4}" text-anchor="end">${duration(nth * step)}</text>`;
  });
  const dated = points.filter((_, index) => index % Math.ceil(points.length / datesMost) === 0);
  const dates = dated.map(({ atMs, begunAt }) => `<text x="${x(atMs)}" y="${height - 6}" text-anchor="middle">${text(begunAt.slice(0, 7))}</text>`);
  const trend = points.filter(({ passed }) => passed).map(({ atMs, seconds }) => `${x(atMs)},${y(seconds)}`);
  const dots = points.map(({ atMs, begunAt, passed, seconds }) =>
    `<circle class="${passed ? 'passed' : 'failed'}" cx="${x(atMs)}" cy="${y(seconds)}" r="${pointRadius}"><title>${day(begunAt)}: ${duration(seconds)}${passed ? '' : ', not passed'}</title></circle>`);
  const limit = most === undefined ? '' : `<line class="most" x1="${left}" x2="${width - right}" y1="${y(most)}" y2="${y(most)}"/>`;
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${text(what)}, drill by drill">${lines.join('')}${limit}${
    trend.length > 1 ? `<polyline class="trend" points="${trend.join(' ')}"/>` : ''}${dots.join('')}${dates.join('')}</svg>`;
}

function rowOf({ begunAt, region, book, release, passed, measures, objectives, slower, why, leftOver }: DrillReport): string {
  const cells = measureNames.map((name) => {
    const [seconds, most] = [measures[name], objectives[name]];
    return `<td class="number${seconds !== null && most !== undefined && seconds > most ? ' bad' : ''}">${seconds === null ? '–' : duration(seconds)}</td>`;
  });
  const notes = [why && `<span class="bad">${text(why)}</span>`, leftOver && `<span class="bad">${text(leftOver)}</span>`, ...slower.map((line) => `<span class="slow">slower: ${text(line)}</span>`)];
  return `<tr><td>${day(begunAt)}</td><td>${text(region)}</td><td title="${text(release.trader)}">${text(book)}</td><td class="${passed ? 'good' : 'bad'}">${passed ? 'passed' : 'not passed'}</td>${
    cells.join('')}<td>${notes.filter((note) => note !== '').join('<br>')}</td></tr>`;
}

const headings: Readonly<Record<MeasureName, string>> = {
  restoreSeconds: 'restored', recoveryPointSeconds: 'commit old', startSeconds: 'started', ordersSeconds: 'orders', ledgerSeconds: 'ledger', totalSeconds: 'whole',
};
function heading(name: MeasureName): string {
  return `<span title="${measureWords[name]}">${headings[name]}</span>`;
}

/** As a clock has them, in seconds. */
const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800];
/** The next one that is at least as much; whole days beyond. */
function niceStep(least: number): number {
  return steps.find((step) => step >= least) ?? Math.ceil(least / 86_400) * 86_400;
}

function duration(seconds: number): string {
  if (seconds >= 5400) return `${round(seconds / 3600)} h`;
  return seconds >= 90 ? `${round(seconds / 60)} min` : `${round(seconds)} s`;
}
function round(value: number): number {
  return Math.round(value * 10) / 10;
}
function day(iso: string): string {
  return text(iso.slice(0, 16).replace('T', ' '));
}
function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}
function text(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
