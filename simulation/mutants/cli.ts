/**
 * `npm run mutants`: known-bad variants of the code, one at a time, each of which the simulation must catch. Those that cannot be wrong are argued in
 * equivalent.ts, and are tried all the same: one that is caught is none.
 *
 * Exit codes: 0 all are caught; 1 one is not, or one that was argued to be equivalent was; 2 wrong usage.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { byHand } from './by-hand.ts';
import { equivalent } from './equivalent.ts';
import { generated } from './generated.ts';
import { huntFor, type Hunt } from './hunt.ts';
import { changed, sourceOf, type Mutant } from './mutant.ts';
import type { Caught } from './verdict.ts';

interface Options {
  readonly only?: string;
  readonly seeds: string;
  readonly workers: string;
  readonly resume?: string;
  readonly list?: true;
}

const run = promisify(execFile);
const trialMinutesMax = 5;
const root = dirname(dirname(import.meta.dirname));
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

export const mutants = (): readonly Mutant[] => [...byHand(), ...generated()];

async function onTrial(mutant: Mutant, hunt: Hunt, signal: AbortSignal): Promise<Caught | undefined> {
  const options = { env: { ...process.env, BATON_MUTANT: JSON.stringify(mutant) }, cwd: root, signal, timeout: trialMinutesMax * 60_000, maxBuffer: 1e8 };
  const isSimulated = hunt.worlds === true || hunt.meetings !== undefined || hunt.seeds.length > 0;
  const found = isSimulated ? await simulated(hunt, options) : undefined;
  return found ?? (hunt.test === undefined ? undefined : tested(hunt.test, options));
}

type RunOptions = Parameters<typeof run>[2] & { readonly signal: AbortSignal };

async function simulated(hunt: Hunt, options: RunOptions): Promise<Caught | undefined> {
  const args = ['--import', join(import.meta.dirname, 'load.ts'), join(import.meta.dirname, 'trial.ts'), JSON.stringify(hunt)];
  try {
    const { stdout } = await run(process.execPath, args, options);
    const found = JSON.parse(String(stdout).trimEnd().split('\n').at(-1) ?? '{}') as Partial<Caught>;
    return found.by === undefined ? undefined : { by: found.by, where: found.where ?? '' };
  } catch (error) {
    if (options.signal.aborted) throw error;
    const { stderr, killed } = error as { readonly stderr: string; readonly killed?: boolean };
    return killed === true ? undefined : { by: `crash: ${stderr.trim().split('\n').slice(-3).join(' ')}`, where: 'loading' };
  }
}

interface Report {
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[] }[];
}

/** The first test that fails on the changed code catches it. */
async function tested(file: string, options: RunOptions): Promise<Caught | undefined> {
  const directory = mkdtempSync(join(tmpdir(), 'baton-mutant-'));
  const report = join(directory, 'report.json');
  const config = join(import.meta.dirname, 'vitest.config.ts');
  try {
    await run(process.execPath, [vitest, 'run', '--config', config, '--root', root, '--bail', '1', '--reporter', 'json', `--outputFile.json=${report}`, file], options);
    return undefined;
  } catch (error) {
    if (options.signal.aborted) throw error;
    const { testResults } = existsSync(report) ? (JSON.parse(readFileSync(report, 'utf8')) as Report) : { testResults: [] };
    const failed = testResults.flatMap(({ assertionResults }) => assertionResults).find(({ status }) => status === 'failed');
    return { by: failed?.fullName ?? 'a file that does not load', where: file };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What an earlier run has found, of the same change of the same code. */
class Earlier {
  readonly #file: string | undefined;
  readonly #found: Record<string, Caught | null>;

  constructor(file: string | undefined) {
    this.#file = file;
    this.#found = file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Caught | null>) : {};
  }

  of(mutant: Mutant): Caught | undefined {
    return this.#found[keyOf(mutant)] ?? undefined;
  }

  keep(mutant: Mutant, caught: Caught | undefined): void {
    this.#found[keyOf(mutant)] = caught ?? null;
    if (this.#file !== undefined) writeFileSync(this.#file, JSON.stringify(this.#found));
  }

  has(mutant: Mutant): boolean {
    return keyOf(mutant) in this.#found;
  }
}

function keyOf(mutant: Mutant): string {
  return createHash('sha256').update(mutant.name).update(changed(mutant, sourceOf(mutant.file))).digest('hex');
}

async function main({ only = '', seeds, workers, resume, list }: Options): Promise<0 | 1 | 130> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const all = mutants().filter(({ name }) => new RegExp(only).test(name));
  if (list === true) {
    for (const { name } of all) console.log(name);
    return 0;
  }
  const beganMs = performance.now();
  const earlier = new Earlier(resume);
  const waiting = [...all];
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: Number(workers) }, async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      if (!earlier.has(mutant)) earlier.keep(mutant, await onTrial(mutant, huntFor(mutant, Number(seeds)), interrupted.signal));
      const caught = earlier.of(mutant);
      const argument = equivalent(mutant.name);
      const isRight = (caught === undefined) === (argument !== undefined);
      if (!isRight) wrong.push(mutant.name);
      const mark = isRight ? pc.green('✓') : pc.red('✗');
      const end = caught !== undefined ? `caught in ${caught.where} by ${caught.by.slice(0, 140)}` : argument === undefined ? 'NOT CAUGHT' : `equivalent: ${argument}`;
      console.log(`${mark} ${mutant.name}\n    ${end}`);
    }
  }));
  console.log(`${all.length} mutants in ${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes, ${wrong.length} not as they must be`);
  for (const name of wrong) console.log(pc.red(`✗ ${name}`));
  return wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const program = new Command('mutants')
    .description('Known-bad variants of the code, made while it is loaded: the simulation must catch each.')
    .option('--only <pattern>', 'those whose names match')
    .option('--seeds <count>', 'seeds of each situation that one must survive to count as not caught', '6')
    .option('--workers <count>', 'how many at a time', String(availableParallelism()))
    .option('--resume <file>', 'keep there what was found, and go on with the rest')
    .option('--list', 'their names')
    .exitOverride();
  try {
    await program.parseAsync();
    process.exitCode = await main(program.opts<Options>());
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else if ((error as Error).name === 'AbortError') process.exitCode = 130;
    else throw error;
  }
}
