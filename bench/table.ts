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

export function page(rows: readonly Row[], { date, machine, node, commit, command, load }: Circumstances): string {
  const head = ['bench', 'what', 'median', 'p95', 'min–max', 'n', 'limit', 'met', 'beside, in the same run'];
  const body = rows.map((row) => {
    const { measured: { min, median, p95, max, n }, unit } = row;
    return [
      row.name, row.what, figure(median, unit), n === 1 ? '' : figure(p95, unit), n === 1 ? '' : `${figure(min)}–${figure(max)}`, String(n),
      row.limit === undefined ? '' : limitText(row), row.limit === undefined ? '' : `${row.met ? 'yes' : '**no**'}${row.limit.p99 === undefined ? '' : `, p99 ${figure(row.measured.p99, row.unit)}`}`,
      row.beside.map((other) => besideText(other, unit)).join('; '),
    ];
  });
  const tableRow = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    '# Results',
    '',
    `Written by \`${command}\` on ${date}: ${machine}, Node ${node}, commit ${commit}, load average ${load}.`,
    'Every delay of AWS in it is *modelled* (`rehearsal/`): DynamoDB reads take 15 ms and writes 30 ms, the venue answers at once.',
    '',
    tableRow(head),
    tableRow(head.map(() => '---')),
    ...body.map(tableRow),
    '',
  ].join('\n');
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
