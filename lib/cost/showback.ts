/**
 * Who spent what: a month's bill by service and by each tag beside the month before, and its trend over half a year, as one page with nothing
 * outside itself. Values of tags are other people's text: each is escaped for HTML, and kept from being a formula where somebody copies the
 * table into a spreadsheet.
 */
import type { DateTime } from 'luxon';
import type { AskCosts, DayOfCosts, Dimension } from './cost-explorer.ts';

export interface Share {
  /** As Cost Explorer has it; empty for what carries no such tag. */
  readonly value: string;
  readonly usd: number;
  readonly beforeUsd: number;
}

export interface Showback {
  readonly environment: string;
  /** yyyy-mm */
  readonly month: string;
  readonly totalUsd: number;
  /** The last is the month itself. */
  readonly trend: readonly { readonly month: string; readonly usd: number }[];
  readonly by: readonly { readonly what: string; readonly shares: readonly Share[] }[];
}

/** Months of the picture, the one that is reported among them. */
const trendMonths = 6;

/** @param month its first day, in UTC */
export async function showbackOf(ask: AskCosts, environment: string, tags: readonly string[], month: DateTime<true>): Promise<Showback> {
  const months = Array.from({ length: trendMonths }, (_, index) => month.minus({ months: trendMonths - 1 - index }).toFormat('yyyy-LL'));
  const [thisMonth = '', before = ''] = months.toReversed();
  const until = month.plus({ months: 1 });
  const ofService = await ask('SERVICE', month.minus({ months: trendMonths - 1 }), until);
  const dimensions: readonly Exclude<Dimension, 'SERVICE'>[] = tags.map((tag) => ({ tag }));
  const ofTags = await Promise.all(dimensions.map(async (dimension) => ({ what: dimension.tag, days: await ask(dimension, month.minus({ months: 1 }), until) })));
  const trend = months.map((each) => ({ month: each, usd: [...sumOf(ofService, each).values()].reduce((sum, usd) => sum + usd, 0) }));
  return {
    environment, month: thisMonth, totalUsd: trend.at(-1)?.usd ?? 0, trend,
    by: [{ what: 'Service', days: ofService }, ...ofTags].map(({ what, days }) => ({ what, shares: sharesOf(days, thisMonth, before) })),
  };
}

function sumOf(days: readonly DayOfCosts[], month: string): Map<string, number> {
  const whole = new Map<string, number>();
  for (const { usd } of days.filter(({ day }) => day.startsWith(month))) {
    for (const [value, each] of usd) whole.set(value, (whole.get(value) ?? 0) + each);
  }
  return whole;
}

/** The dearest first; what has gone since is there with nothing. */
function sharesOf(days: readonly DayOfCosts[], month: string, before: string): readonly Share[] {
  const [now, then] = [sumOf(days, month), sumOf(days, before)];
  return [...new Set([...now.keys(), ...then.keys()])]
    .map((value) => ({ value, usd: now.get(value) ?? 0, beforeUsd: then.get(value) ?? 0 }))
    .toSorted((a, b) => b.usd - a.usd || b.beforeUsd - a.beforeUsd || a.value.localeCompare(b.value));
}

const html = (text: string): string =>
  text.replaceAll(/[&<>"'`]/g, (character) => `&#${character.codePointAt(0)};`).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');

/** A spreadsheet takes a cell that begins so for a formula (OWASP, "CSV Injection"); behind an apostrophe it is text. */
const cell = (text: string): string => html(/^[\s\p{Cc}\p{Cf}]*[=+\-@]/u.test(text) ? `'${text}` : text);

const money = (usd: number): string => usd.toFixed(2);
const signed = (usd: number): string => `${usd < 0 ? '−' : '+'}${money(Math.abs(usd))}`;

/** Of the picture, in its own units. */
const picture = { width: 640, height: 220, gap: 12, foot: 30, head: 28 } as const;

function drawn(trend: Showback['trend']): string {
  const { width, height, gap, foot, head } = picture;
  const most = Math.max(1, ...trend.map(({ usd }) => usd));
  const step = width / Math.max(1, trend.length);
  const bars = trend.map(({ month, usd }, index) => {
    const tall = ((height - foot - head) * Math.max(0, usd)) / most;
    const x = index * step + gap / 2;
    const middle = x + (step - gap) / 2;
    const top = height - foot - tall;
    const [left, up, wide, high] = [x, top, step - gap, tall].map((each) => each.toFixed(1));
    const label = (y: number, text: string): string => `<text x="${middle.toFixed(1)}" y="${y.toFixed(1)}">${text}</text>`;
    return `<rect x="${left}" y="${up}" width="${wide}" height="${high}"><title>${html(month)}: ${money(usd)} USD</title></rect>` +
      label(top - 4, money(usd)) + label(height - 6, html(month));
  });
  const summary = trend.map(({ month, usd }) => `${month} ${money(usd)} USD`).join(', ');
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${html(summary)}">${bars.join('')}</svg>`;
}

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1a1d21; background: #fff; }
  table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
  th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #d7dbe0; overflow-wrap: anywhere; }
  th:first-child { width: 50%; } td.usd, th.usd { text-align: right; font-variant-numeric: tabular-nums; } td.usd { white-space: nowrap; } th { vertical-align: bottom; }
  svg { width: 100%; height: auto; } svg rect { fill: #2f6f9f; } svg text { font-size: 12px; text-anchor: middle; fill: currentColor; }
  @media (max-width: 32rem) { svg text { font-size: 20px; } th, td { padding: .3rem; } }
  @media (prefers-color-scheme: dark) { body { color: #e8eaed; background: #15181b; } th, td { border-color: #3a4048; } svg rect { fill: #6bb1e0; } }
`;

/** One page, without a script: nothing on it could run one. */
export function showbackPage({ environment, month, totalUsd, trend, by }: Showback): string {
  const head = (what: string): string =>
    `<th scope="col">${html(what)}</th>${['USD', 'share', 'against the month before'].map((each) => `<th scope="col" class="usd">${each}</th>`).join('')}`;
  const row = ({ value, usd, beforeUsd }: Share): string => {
    const figures = [money(usd), `${totalUsd > 0 ? ((100 * usd) / totalUsd).toFixed(1) : '0.0'} %`, signed(usd - beforeUsd)];
    return `<tr><td>${value === '' ? '<em>no such tag</em>' : cell(value)}</td>${figures.map((figure) => `<td class="usd">${figure}</td>`).join('')}</tr>`;
  };
  const tables = by.map(({ what, shares }) => `
<h2>By ${html(what === 'Service' ? 'service' : `the tag ${what}`)}</h2>
<table><thead><tr>${head(what)}</tr></thead><tbody>
${shares.map(row).join('\n')}
</tbody></table>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Baton ${html(environment)}: what ${html(month)} cost</title><style>${style}</style></head><body>
<h1>Baton ${html(environment)}: what ${html(month)} cost</h1>
<p>${money(totalUsd)} USD, unblended, as AWS had it when this was written; the last days of a month may still change.</p>
${drawn(trend)}
${tables.join('\n')}
</body></html>
`;
}
