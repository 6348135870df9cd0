/** Results for people: lines in a terminal, and the page that is committed. */
import pc from 'picocolors';
import { limitsOf, type Row } from './row.ts';

/** Where and how it was measured: a figure without it says nothing. */
export interface Circumstances {
  readonly date: string;
  readonly machine: string;
  readonly node: string;
  readonly commit: string;
  readonly command: string;
  /** The load average over a minute before and after: others' work on the machine is in the figures. */
  readonly load: string;
}

export function line(row: Row): string {
  const { name, what, measured, unit, met } = row;
  const mark = row.limit === undefined ? ' ' : met ? pc.green('✓') : pc.red('✗');
  const { min, median, p95, p99, max, n } = measured;
  const spread = n === 1 ? figure(median, unit) : `median ${figure(median, unit)}  p95 ${figure(p95)}${row.limit?.p99 === undefined ? '' : `  p99 ${figure(p99)}`}  ${figure(min)}–${figure(max)}  n ${n}`;
  const limit = row.limit === undefined ? '' : pc.dim(`  (limit ${limitText(row)})`);
  const beside = row.beside.map((other) => `\n      ${pc.dim(besideText(other, unit))}`).join('');
  return `  ${mark} ${pc.bold(name)}  ${what}\n      ${spread}${limit}${beside}`;
}

/** What was missed, in a sentence. */
export function missed(row: Row): string {
  const beyond = limitsOf(row.limit).filter(([statistic, bound]) => row.measured[statistic] > bound);
  return `${row.name}: ${beyond.map(([statistic, bound]) => `${statistic} ${figure(row.measured[statistic], row.unit)}, limit ${figure(bound, row.unit)}`).join('; ')}`;
}

/** One row, and where and when it was measured: benches are run one at a time, on days of their own. */
export interface Result {
  readonly bench: string;
  readonly row: Row;
  readonly circumstances: Circumstances;
}

/** What was measured anew takes the place of what the same bench measured before; benches come in their own order. */
export function merged(before: readonly Result[], news: readonly Result[], order: readonly string[]): readonly Result[] {
  const anew = new Set(news.map(({ bench }) => bench));
  return order.flatMap((name) => (anew.has(name) ? news : before).filter(({ bench }) => bench === name));
}

export function page(results: readonly Result[]): string {
  const head = ['bench', 'what', 'median', 'p95', 'p99', 'min–max', 'n', 'limit', 'met', 'beside, in the same run', 'seen'];
  const runs = [...new Map(results.map(({ circumstances }) => [seen(circumstances), circumstances])).values()];
  const body = results.map(({ row, circumstances }) => {
    const { measured: { min, median, p95, p99, max, n }, unit } = row;
    const many = (text: string): string => (n === 1 ? '' : text);
    return [
      row.name, row.what, figure(median, unit), many(figure(p95, unit)), many(Number.isFinite(p99) ? figure(p99, unit) : ''), many(`${figure(min)}–${figure(max)}`), String(n),
      row.limit === undefined ? '' : limitText(row), row.limit === undefined ? '' : row.met ? 'yes' : '**no**',
      row.beside.map((other) => besideText(other, unit)).join('; '), seen(circumstances),
    ];
  });
  const tableRow = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    '# Results',
    '',
    'Every delay of AWS in it is *modelled* (`rehearsal/`): DynamoDB reads take 15 ms and writes 30 ms, the venue answers at once. `npm run bench -- <bench> --write`',
    'measures a bench anew and leaves the others as they are (results.json); the last column says of which run a row is:',
    '',
    ...runs.map((run) => `- ${seen(run)}: \`${run.command}\`, ${run.machine}, Node ${run.node}, load average ${run.load}`),
    '',
    tableRow(head),
    tableRow(head.map(() => '---')),
    ...body.map(tableRow),
    '',
  ].join('\n');
}

function seen({ date, commit }: Circumstances): string {
  return `${date}, ${commit}`;
}

function limitText({ limit, unit }: Row): string {
  return limitsOf(limit).map(([statistic, bound]) => `${statistic} ≤ ${figure(bound, unit)}`).join(', ');
}

function besideText({ what, median, ratio }: Row['beside'][number], unit: string): string {
  return `${what}: ${figure(median, unit)}${Number.isFinite(ratio) ? `, ${ratio >= 10 ? ratio.toFixed(0) : ratio.toPrecision(2)} ×` : ''}`;
}

/** Three digits are as many as a repetition confirms. */
function figure(value: number, unit = ''): string {
  const digits = Number.isInteger(value) || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return `${value.toFixed(digits)}${unit === '' ? '' : ` ${unit}`}`;
}
