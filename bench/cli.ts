/**
 * `npm run bench`: what the limits of this system are measured with, beside what people would use instead.
 *
 * Exit codes: 0 every limit was met; 1 one was missed, or a bench could not go on; 2 wrong usage; 130 and 143
 * interrupted (nothing is left running).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { createProgress, type Progress } from '../rehearsal/report/progress.ts';
import type { Bench } from './bench.ts';
import { benches } from './index.ts';
import type { Row } from './row.ts';
import { root } from './subprocess.ts';
import { line, merged, missed, page, type Circumstances, type Result } from './table.ts';

interface Options {
  readonly quick?: true;
  readonly json?: true;
  readonly write?: true;
  readonly list?: true;
}

const program = new Command('bench')
  .description('Measures what this system promises, and holds it to its limits.')
  .usage('[bench …] [options]')
  .argument('[bench...]', `any of: ${benches.map((bench) => bench.name).join(', ')}; all of them when not said`)
  .option('--quick', 'few repetitions: to see that a bench works, not to believe it')
  .option('--json', 'print the rows as JSON; progress goes to standard error')
  .option('--write', 'put what was measured into bench/RESULTS.md; other benches keep theirs')
  .option('--list', 'list the benches')
  .exitOverride();

try {
  program.parse();
  const options = program.opts<Options>();
  process.exitCode = options.list === true ? list(options) : await run(chosen(program.args), options);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}

function chosen(names: readonly string[]): readonly Bench[] {
  const unknown = names.find((name) => !benches.some((bench) => bench.name === name));
  if (unknown !== undefined) program.error(`error: no bench '${unknown}'; there are: ${benches.map((bench) => bench.name).join(', ')}`);
  return names.length === 0 ? benches : benches.filter((bench) => names.includes(bench.name));
}

function list({ json }: Options): 0 {
  const listed = benches.map(({ name, summary }) => ({ name, summary }));
  console.log(json === true ? JSON.stringify(listed, null, 2) : listed.map(({ name, summary }) => `${pc.bold(name)}  ${summary}`).join('\n'));
  return 0;
}

async function run(plan: readonly Bench[], { quick, json, write }: Options): Promise<0 | 1> {
  const progress = createProgress(json === true ? process.stderr : process.stdout);
  endOnSignals(progress);
  const began = load();
  const measuredBy: { readonly bench: string; readonly rows: readonly Row[] }[] = [];
  const failures: string[] = [];
  for (const bench of plan) {
    progress.heading(`${bench.name}  ${bench.summary}`);
    try {
      const measured = await bench.run({ quick: quick === true, progress });
      measuredBy.push({ bench: bench.name, rows: measured });
      if (json !== true) for (const row of measured) console.log(line(row));
    } catch (error) {
      failures.push(`${bench.name} could not go on: ${error instanceof Error ? error.message : String(error)}`);
      if (process.env['BATON_DEBUG'] !== undefined) console.error(error);
    }
  }
  progress.close();
  const rows = measuredBy.flatMap((each) => each.rows);
  if (json === true) console.log(JSON.stringify(rows, null, 2));
  if (write === true) {
    const seen = circumstances(plan, quick === true, `${began} before, ${load()} after`);
    save(measuredBy.flatMap(({ bench, rows: of }) => of.map((row): Result => ({ bench, row, circumstances: seen }))));
  }
  failures.push(...rows.filter((row) => !row.met).map(missed));
  for (const failure of failures) console.error(pc.red(`✗ ${failure}`));
  return failures.length === 0 ? 0 : 1;
}

function save(news: readonly Result[]): void {
  const [kept, shown] = [join(import.meta.dirname, 'results.json'), join(import.meta.dirname, 'RESULTS.md')];
  const results = merged(JSON.parse(readFileSync(kept, 'utf8')) as readonly Result[], news, benches.map(({ name }) => name));
  writeFileSync(kept, `[\n${results.map((result) => JSON.stringify(result)).join(',\n')}\n]\n`);
  writeFileSync(shown, page(results));
}

/** No unwinding: the reaper of the stage ends what was started, and the exit sweeps what was written. */
function endOnSignals(progress: Progress): void {
  for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
    process.once(signal, () => {
      progress.close();
      console.error(`${signal}: interrupted; what was started is being ended.`);
      process.exit(code);
    });
  }
}

function circumstances(plan: readonly Bench[], quick: boolean, loads: string): Circumstances {
  const [cpu, ...others] = cpus();
  const names = plan.length === benches.length ? [] : plan.map((bench) => bench.name);
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: `${others.length + 1} cores of ${cpu?.model ?? 'an unknown processor'}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    node: process.versions.node,
    commit: `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes'}`,
    command: ['npm run bench --', ...names, ...(quick ? ['--quick'] : []), '--write'].join(' '),
    load: loads,
  };
}

function load(): string {
  return (loadavg()[0] ?? 0).toFixed(1);
}
