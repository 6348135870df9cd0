/** The page as HTML. Its live part is written here too and sent as it is, so that the browser has nothing to decide. */
import { html, Markup } from '../report/html/markup.ts';
import type { Control } from './controls.ts';
import type { ExecutionNow, Now, SecondOfOrders } from './live.ts';

export interface PageParts {
  readonly title: string;
  /** Of this answer's Content-Security-Policy. */
  readonly nonce: string;
  /** Proves that a form was sent by this page. */
  readonly token: string;
  readonly style: string;
  readonly script: string;
  readonly controls: readonly Control[];
  /** The commands for the terminal, with the page's own secrets left out. */
  readonly commands: string;
  readonly now: Now;
}

export function pageOf({ title, nonce, token, style, script, controls, commands, now }: PageParts): string {
  const faults = controls.filter(({ name }) => name.startsWith('cutover-'));
  const buttons = controls.filter((control) => !faults.includes(control));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style nonce="${nonce}">${new Markup(style)}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<div id="live" aria-live="off">${livePart(now)}</div>
<section class="controls">
<h2>Make something happen</h2>
<form method="post" action="/control">
<input type="hidden" name="token" value="${token}">
${buttons.map(
    ({ name, label, summary }) => html`<p><button name="control" value="${name}" aria-describedby="about-${name}">${label}</button> <span id="about-${name}">${summary}</span></p>
`,
  )}</form>
<form method="post" action="/control">
<input type="hidden" name="token" value="${token}">
<p><label for="fault">Start a cutover in which something goes wrong</label>
<select id="fault" name="control">${faults.map(({ name, label, summary }) => html`<option value="${name}">${label}: ${summary}</option>`)}</select>
<button>Start</button></p>
</form>
</section>
<section>
<h2>Look in from a terminal</h2>
<pre tabindex="0">${commands}</pre>
</section>
</main>
<script nonce="${nonce}">${new Markup(script)}</script>
</body>
</html>
`;
  return page.text;
}

export function livePart({ upMs, books, seconds, accepted, rejected, broken, tasks, executions, injections }: Now): Markup {
  const last = seconds.at(-2) ?? { accepted: 0, rejected: 0 };
  return html`<p class="up">Up for ${duration(upMs)}</p>
<section>
<h2>Who may trade</h2>
<div class="wide"><table><thead><tr><th>book</th><th>holder</th><th>epoch</th><th>since</th><th>mode</th><th>held by a workflow</th></tr></thead><tbody>
${books.map(
    (book) => html`<tr><td>${book.book}</td><td>${colourMark(book.colour)} ${book.holder ?? 'nobody'}</td><td>${book.epoch}</td>
<td>${duration(book.heldMs)} (${book.reason})</td><td>${book.mode}</td><td>${lastPart(book.workflow ?? 'no')}</td></tr>
`,
  )}</tbody></table></div>
</section>
<section>
<h2>Orders</h2>
<p class="figures"><span><strong>${last.accepted}</strong> accepted a second</span> <span class="${last.rejected > 0 ? 'bad' : ''}"><strong>${last.rejected}</strong> rejected</span>
<span>${accepted} accepted and ${rejected} rejected in all</span></p>
${bars(seconds)}
<p class="${broken.length === 0 ? 'good' : 'bad'}">${
    broken.length === 0 ? 'By the venue’s record: no order of an old epoch, none twice, never two traders at once.' : `Broken: ${broken.join('; ')}.`
  }</p>
</section>
<section>
<h2>Tasks</h2>
<div class="wide"><table><thead><tr><th>task</th><th>colour</th><th>revision</th><th>zone</th><th>status</th><th>health</th></tr></thead><tbody>
${tasks.map(
    ({ id, colour, revision, zone, status, health }) =>
      html`<tr><td><code>${id}</code></td><td>${colourMark(colour)} ${colour}</td><td>${revision}</td><td>${zone}</td><td>${status}</td><td>${health}</td></tr>
`,
  )}</tbody></table></div>
</section>
<section>
<h2>Executions</h2>
<div class="wide"><table><thead><tr><th>execution</th><th>machine</th><th>started</th><th>status</th><th>where</th></tr></thead><tbody>
${executions.map(executionRow)}</tbody></table></div>
</section>
<section>
<h2>What was done to it</h2>
${injections.length === 0 ? html`<p>Nothing yet.</p>` : html`<ul>${injections.map(({ what, ageMs, lasts }) => html`<li>${duration(ageMs)} ago${lasts ? '' : ' (over)'}: ${what}</li>`)}</ul>`}
</section>`;
}

function executionRow({ name, machine, ageMs, status, where }: ExecutionNow): Markup {
  const mood = status === 'SUCCEEDED' ? 'good' : status === 'RUNNING' ? '' : 'bad';
  return html`<tr><td><code>${name}</code></td><td>${machine}</td><td>${duration(ageMs)} ago</td><td class="${mood}">${status}</td><td class="where">${where}</td></tr>
`;
}

/** A bar for each second; what was rejected stands on what was accepted. */
function bars(seconds: readonly SecondOfOrders[]): Markup {
  const height = 64;
  const width = 10;
  const most = Math.max(1, ...seconds.map(({ accepted, rejected }) => accepted + rejected));
  const tall = (count: number): number => Math.round((count / most) * height);
  return html`<svg class="bars" viewBox="0 0 ${seconds.length * width} ${height}" preserveAspectRatio="none" role="img" aria-label="Orders in each of the last ${seconds.length} seconds, at most ${most}">
${seconds.map(({ accepted, rejected }, index) => {
    const [good, bad] = [tall(accepted), tall(rejected)];
    const x = index * width + 1;
    return html`<rect class="accepted" x="${x}" y="${height - good}" width="${width - 2}" height="${good}"/><rect class="rejected" x="${x}" y="${height - good - bad}" width="${width - 2}" height="${bad}"/>`;
  })}</svg>
<p class="axis"><span>${seconds.length} s ago, at most ${most} a second</span> <span>now</span></p>`;
}

/** A shape beside the name: who cannot tell colours apart reads the name. */
function colourMark(colour: string | undefined): Markup {
  return colour === undefined || colour === '' ? html`` : html`<span class="mark ${colour}" aria-hidden="true"></span>`;
}

function lastPart(arn: string): string {
  return arn.split(':').at(-1) ?? arn;
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return seconds < 120 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
