/**
 * `report.html`: one page that needs nothing but itself. What was promised and what was measured stands in it as plain
 * tables; the time line and the state machines are drawn by a script (browser/) from the report that lies in the page.
 * Its policy lets nothing be loaded, and no script run but that one.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { held, type Outcome, type PromiseKept, type Report, type Step } from '../report.ts';
import type { ObservedExecution } from '../observed.ts';
import { besides, counted, duration, moment, placesOf, shareOf } from './browser/words.ts';
import { html, jsonInScript, Markup } from './markup.ts';

export async function page(report: Report): Promise<string> {
  const [script, style] = await Promise.all([bundledScript(), readFile(join(import.meta.dirname, 'style.css'), 'utf8')]);
  const policy = [
    "default-src 'none'", "style-src 'unsafe-inline'", `script-src 'sha256-${createHash('sha256').update(script).digest('base64')}'`,
    'img-src data:', "base-uri 'none'", "form-action 'none'",
  ].join('; ');
  const { scenario, observed } = report;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${titleOf(report)}</title>
<link rel="icon" href="data:,">
<style>${new Markup(style)}</style>
</head>
<body>
<main>
${headOf(report)}
<section aria-labelledby="promises"><h2 id="promises">What was promised</h2>${promisesOf(report)}</section>
<section aria-labelledby="time"><h2 id="time">What happened, and when</h2>
<p class="note">${clocksOf(report)}</p>
<div id="timeline"></div>
<p class="keys"><kbd>+</kbd> <kbd>−</kbd> zoom, <kbd>←</kbd> <kbd>→</kbd> move, <kbd>0</kbd> everything. <kbd>Tab</kbd> goes into the lanes; arrows
then walk through steps and orders, <kbd>Shift</kbd> with arrows moves. Drag to move, pinch or <kbd>Ctrl</kbd> and wheel to zoom; after a click the wheel alone
does. A double click fills the view with a step.</p>
<h2 id="steps">Steps and their budgets</h2>
${stepsOf(report)}</section>
<section aria-labelledby="machine"><h2 id="machine">The path that was taken</h2>
<ul class="legend"><li>thick: taken</li><li>dashed border: not taken</li><li>amber: an error was caught</li><li>red: it ended here</li><li>×3: so many times</li>
<li>box: does something</li><li>slanted: decides</li><li>round: waits or ends</li></ul>
<div id="machines"></div>
${observed.executions.map((each) => transitionsOf(each, placesOf(observed.executions)))}</section>
${permissionsOf(report)}
<footer><p>To see it again: <code>npm run rehearse -- ${scenario}${report.faults.map((fault) => ` --fault ${fault}`).join('')} --seed ${report.seed}</code>.
Everything here is in <code>report.json</code> beside this page; <code>log.jsonl</code> has what every part printed.</p>
<p>The AWS of a rehearsal is a model; traders, guards, functions, PostgreSQL and Redis are real processes. The simulated exchange's record alone says which
orders were accepted.</p></footer>
</main>
<script type="application/json" id="report">${jsonInScript(report)}</script>
<script>${new Markup(script)}</script>
</body>
</html>
`.text;
}

/** Bundled when a page is made, so that what runs is what stands in the repository. */
async function bundledScript(): Promise<string> {
  const { outputFiles: [file] } = await build({
    entryPoints: [join(import.meta.dirname, 'browser', 'main.ts')],
    bundle: true, write: false, minify: true, format: 'iife', target: 'es2022', charset: 'ascii', legalComments: 'none',
    tsconfigRaw: {},
  });
  // No string of ours holds the end of a script element; if one ever does, the page must not be made.
  if (file === undefined || /<\/script|<!--/i.test(file.text)) throw new Error('the script of the report cannot stand in a page: it holds the end of a script element');
  return file.text;
}

const outcomes: Readonly<Record<Outcome, string>> = {
  succeeded: 'succeeded', 'rolled-back': 'was rolled back', 'needs-a-person': 'needs a person', refused: 'was refused',
};

function titleOf(report: Report): string {
  return `${report.scenario} ${outcomes[report.outcome]}${held(report) ? '' : ': a promise was broken'} – Baton rehearsal`;
}

function headOf(report: Report): Markup {
  const { scenario, summary, faults, promises, outcome, seed } = report;
  const broken = promises.filter((promise) => !promise.held);
  return html`<header>
<div class="masthead"><div><p class="eyebrow">Baton rehearsal, seed ${seed}</p><h1>${scenario}</h1></div><button id="theme" type="button" hidden></button></div>
<p>${summary}</p>
${faults.length === 0 ? html`` : html`<ul class="faults" aria-label="Faults">${faults.map((fault) => html`<li>fault: ${fault}</li>`)}</ul>`}
<div class="verdict${broken.length > 0 ? ' broken' : ''}"><strong>${broken.length === 0 ? `✓ All ${promises.length} promises held` : `✗ ${counted(broken.length, 'promise')} of ${promises.length} broken`}</strong>
<span>It ${outcomes[outcome]}${outcome === 'succeeded' || broken.length > 0 ? '' : ', as this scenario must'}.${broken.map((promise) => ` Broken: ${promise.statement}.`).join('')}</span></div>
${figuresOf(report)}
</header>`;
}

function figuresOf({ figures: own, trading, observed, durationMs, modelledDurationMs }: Report): Markup {
  const gaps = observed.handovers.map(({ fromMs, toMs }) => toMs - fromMs);
  const figures: readonly (readonly [figure: string, meaning: string])[] = [
    ...own.map(({ figure, meaning }) => [figure, meaning] as const),
    [String(trading.staleEpochAccepted + trading.duplicatesAccepted), 'stale or doubled orders accepted'],
    gaps.length === 0
      ? ['none', 'change of hands while orders were sent']
      : [duration(Math.max(...gaps)), `${gaps.length === 1 ? 'between' : `at most, in ${gaps.length} changes of hands, between`} the last order of one holder and the first of the next`],
    [`${trading.ordersAccepted} of ${trading.ordersSent}`, `orders accepted${trading.lateRejected > 0 ? `, ${trading.lateRejected} refused as too late` : ''}`],
    [duration(modelledDurationMs), `the workflow, uncompressed; all of this took ${duration(durationMs)}`],
  ];
  return html`<dl class="figures">${figures.map(([figure, meaning]) => html`<div><dt>${meaning}</dt><dd>${figure}</dd></div>`)}</dl>`;
}

function promisesOf({ promises }: Report): Markup {
  return html`<table class="promises"><thead><tr><th scope="col">Held?</th><th scope="col">Promise</th><th scope="col" class="number">Measured</th>
<th scope="col" class="number">Limit</th><th scope="col"><span class="hint">of the limit</span></th></tr></thead><tbody>
${promises.map((promise) => html`<tr${promise.held ? html`` : html` class="broken"`}><td class="kept">${promise.held ? '✓ held' : '✗ broken'}</td><td>${promise.statement}</td>
<td class="number measured">${withUnit(promise.measured, promise)}</td><td class="number">${withUnit(promise.limit, promise)}</td><td>${meterOfPromise(promise)}</td></tr>`)}
</tbody></table>`;
}

function withUnit(value: string | number, { unit }: PromiseKept): string {
  return unit === '' ? String(value) : `${value} ${unit}`;
}

/** Times may not exceed their limit, so they have a share of it; a count mostly had to reach its own, and is no bar that fills. */
function meterOfPromise({ measured, limit, unit }: PromiseKept): Markup {
  const time = unit === 'ms' || unit === 's';
  return time && typeof measured === 'number' && typeof limit === 'number' && limit > 0 ? meter(measured / limit) : html``;
}

function meter(share: number): Markup {
  const percent = Math.round(share * 100);
  return html`<span class="meter${share > 1 ? ' over' : ''}" role="img" aria-label="${percent} %"><span style="width:${Math.max(0, Math.min(100, percent))}%"></span></span>`;
}

function clocksOf({ observed }: Report): string {
  const factor = Math.max(1, ...observed.compressed.map((span) => span.factor));
  return factor === 1
    ? 'All of it ran in real time.'
    : `Leases, orders and time-outs run in real time. In the shaded stretches something only waited for AWS, and time ran up to ${Math.round(factor)} times faster: ` +
      'the lower row of the axis has the uncompressed time.';
}

function stepsOf({ steps, observed }: Report): Markup {
  const elsewhere = placesOf(observed.executions);
  if (steps.length === 0) return html`<p class="note">No workflow came as far as a step.</p>`;
  return html`<div class="scroll"><table class="steps"><thead><tr><th scope="col">Step</th><th scope="col" class="number">Began</th><th scope="col" class="number">Took here</th>
<th scope="col" class="number">Uncompressed</th><th scope="col" class="number">Budget</th><th scope="col"><span class="hint">of the budget</span></th></tr></thead>
${observed.executions.map(({ name, machine, region, fromMs }) => {
  const own = steps.filter((step) => step.execution === name);
  return own.length === 0 ? html`` : html`<tbody><tr><th scope="rowgroup" colspan="6">${machine}${elsewhere(region)} at ${moment(fromMs, 100)}</th></tr>${own.map((step) => stepOf(step, steps))}</tbody>`;
})}
</table></div>
<p class="note">≤: it ran beside another step, for whose sake time may have been compressed; its meter counts the real time only.</p>`;
}

function stepOf(step: Step, steps: readonly Step[]): Markup {
  return html`<tr class="${step.status}"><td class="status">${step.status === 'succeeded' ? '' : `✗ ${step.status}: `}${step.name}</td>
<td class="number">${moment(step.startMs, 100)}</td><td class="number">${duration(step.endMs - step.startMs)}</td><td class="number">${besides(step, steps) ? '≤ ' : ''}${duration(step.modelledMs)}</td>
<td class="number">${duration(step.budgetMs)}</td><td>${meter(shareOf(step, steps))}</td></tr>`;
}

/** For whoever wants to grant less: it may be needed in another scenario. */
function permissionsOf({ unusedGrants }: Report): Markup {
  if (unusedGrants.length === 0) return html``;
  return html`<section aria-labelledby="permissions"><h2 id="permissions">Permissions</h2>
<p class="note">Every call was judged by the synthesized policies of its role. What they allow and nothing here needed may be needed by another scenario, or
nowhere.</p>
<details><summary>${counted(unusedGrants.length, 'grant')} that nothing needed</summary><div class="scroll"><table><thead><tr><th scope="col">Role</th><th scope="col">Action</th>
<th scope="col">Resource</th></tr></thead><tbody>
${unusedGrants.map(({ role, action, resource }) => html`<tr><td>${role}</td><td>${action}</td><td>${resource}</td></tr>`)}
</tbody></table></div></details></section>`;
}

/** The drawing's path as a table, for whoever reads it without eyes or wants every moment. */
function transitionsOf({ machine, region, fromMs, transitions, status }: ObservedExecution, elsewhere: (region: string) => string): Markup {
  const told = transitions.filter(({ kind }) => kind === 'entered' || kind === 'retried' || kind === 'caught' || kind === 'failed');
  return html`<details><summary>${machine}${elsewhere(region)} at ${moment(fromMs, 100)}, ${status.toLowerCase()}: ${counted(told.length, 'line')} as a table</summary>
<div class="scroll"><table><thead><tr><th scope="col" class="number">When</th><th scope="col">What</th><th scope="col">State</th><th scope="col">Why</th></tr></thead><tbody>
${told.map(({ atMs, kind, state, error, cause }) => html`<tr><td class="number">${moment(atMs, 10)}</td><td>${kind}</td><td>${state}</td><td>${error === undefined ? '' : `${error}: ${cause ?? ''}`}</td></tr>`)}
</tbody></table></div></details>`;
}
