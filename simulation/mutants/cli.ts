/**
 * `npm run mutants`: known-bad variants of the code, one at a time, each of which the simulation must catch. Those that cannot be wrong are argued in
 * equivalent.ts, and are tried all the same: one that is caught is none.
 *
 * Exit codes: 0 all are caught; 1 one is not, or one that was argued to be equivalent was; 2 wrong usage.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { deployed } from '../control-plane/deployed.ts';
import { byHand } from './by-hand.ts';
import { equivalent } from './equivalent.ts';
import { generated } from './generated.ts';
import { groundOf, keepPlaces, knownPlaces, shown, type Effort, type Place, type Simulated } from './hunt.ts';
import type { Mutant } from './mutant.ts';
import type { Caught } from './verdict.ts';

interface Options {
  readonly only: string;
  readonly workers: string;
  readonly keep?: true;
  readonly thorough?: true;
  readonly list?: true;
}

const run = promisify(execFile);
const trialMinutesMax = 6;
const root = dirname(dirname(import.meta.dirname));
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');

/** One that must be caught is looked for like this. */
const whole: Effort = { seeds: 6, meetings: 150_000 };
/** One that is argued to be none was looked for like that when the argument was written; each time a share of it is enough. */
const share: Effort = { seeds: 1, meetings: 20_000 };

export const mutants = (): readonly Mutant[] => [...byHand(), ...generated()];

/** On the changed code, or on the code as it is. */
class Trial {
  readonly #options: { readonly env: NodeJS.ProcessEnv; readonly cwd: string; readonly signal: AbortSignal; readonly timeout: number; readonly maxBuffer: number };
  readonly #mutant: Mutant | undefined;

  constructor(mutant: Mutant | undefined, signal: AbortSignal) {
    this.#mutant = mutant;
    const { BATON_MUTANT: _another, ...ambient } = process.env;
    const env = mutant === undefined ? ambient : { ...ambient, BATON_MUTANT: JSON.stringify(mutant) };
    this.#options = { env, cwd: root, signal, timeout: trialMinutesMax * 60_000, maxBuffer: 1e8 };
  }

  at(place: Place): Promise<Caught | undefined> {
    return 'test' in place ? this.#tested(place.test, place.named) : this.#simulated(place);
  }

  async everywhere({ file }: Mutant, effort: Effort): Promise<Caught | undefined> {
    const { worlds, meetings, situations, tests = [] } = groundOf(file);
    if (worlds === true || meetings === true || situations !== undefined) {
      const caught = await this.#simulated(effort);
      if (caught !== undefined) return caught;
    }
    for (const test of tests) {
      const caught = await this.#tested(test);
      if (caught !== undefined) return caught;
    }
    return undefined;
  }

  async #simulated(told: Simulated | Effort): Promise<Caught | undefined> {
    const load = this.#mutant === undefined ? [] : ['--import', join(import.meta.dirname, 'load.ts')];
    const args = [...load, join(import.meta.dirname, 'trial.ts'), JSON.stringify(told)];
    const { stdout } = await run(process.execPath, args, this.#options);
    const found = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}') as Partial<Caught>;
    return found.by === undefined || found.where === undefined ? undefined : { by: found.by, where: found.where };
  }

  /** The first test that fails catches it. */
  async #tested(test: string, named?: string): Promise<Caught | undefined> {
    const directory = mkdtempSync(join(tmpdir(), 'baton-mutant-'));
    const report = join(directory, 'report.json');
    const args = [
      vitest, 'run', '--config', join(import.meta.dirname, 'vitest.config.ts'), '--root', root, '--bail', '1', '--reporter', 'json', `--outputFile.json=${report}`,
      ...(named === undefined ? [] : ['--testNamePattern', `^${named.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`]), test,
    ];
    try {
      await run(process.execPath, args, this.#options);
      return undefined;
    } catch (error) {
      const failed = existsSync(report) ? failedIn(JSON.parse(readFileSync(report, 'utf8')) as Report) : undefined;
      if (failed === undefined) throw error;
      return { by: failed, where: { test, named: failed } };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

interface Report {
  readonly testResults: readonly { readonly assertionResults: readonly { readonly status: string; readonly ancestorTitles: readonly string[]; readonly title: string }[] }[];
}

function failedIn({ testResults }: Report): string | undefined {
  const failed = testResults.flatMap(({ assertionResults }) => assertionResults).find(({ status }) => status === 'failed');
  // As --testNamePattern wants it.
  return failed && [...failed.ancestorTitles, failed.title].join(' > ');
}

/** What a process that ended with an error, as no trial does, had to say. */
function lastWords(error: unknown): string {
  const { stderr = '', killed, message } = error as Error & { readonly stderr?: string; readonly killed?: boolean };
  if (killed === true) return `it took more than ${trialMinutesMax} minutes`;
  return stderr.trim().split('\n').slice(-3).join(' ') || message;
}

async function main({ only, workers, keep, thorough, list }: Options): Promise<0 | 1 | 130> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const all = mutants().filter(({ name }) => new RegExp(only).test(name));
  if (list === true) {
    for (const { name } of all) console.log(name);
    return 0;
  }
  const beganMs = performance.now();
  // What seeds deploy is made of the code as it is, and kept, before any trial would make it.
  await deployed();
  const known = new Map(knownPlaces());
  const waiting = [...all];
  const wrong: string[] = [];
  let moved = 0;

  const judged = async (mutant: Mutant): Promise<{ readonly isRight: boolean; readonly end: string }> => {
    const trial = new Trial(mutant, interrupted.signal);
    const place = known.get(mutant.name);
    const argument = equivalent(mutant.name);
    const again = place === undefined ? undefined : await trial.at(place);
    const caught = again ?? (await trial.everywhere(mutant, argument === undefined || thorough === true ? whole : share));
    if (caught !== undefined && again === undefined) {
      const own = await new Trial(undefined, interrupted.signal).at(caught.where);
      if (own !== undefined) return { isRight: false, end: `the code as it is fails too in ${shown(own.where)}: ${own.by}` };
      moved += 1;
    }
    if (caught === undefined) known.delete(mutant.name);
    else known.set(mutant.name, caught.where);
    if (argument !== undefined) return caught === undefined ? { isRight: true, end: `cannot be wrong: ${argument}` } : { isRight: false, end: `argued to be right, but ${said(caught)}` };
    return caught === undefined ? { isRight: false, end: 'NOT CAUGHT' } : { isRight: true, end: said(caught) };
  };

  await Promise.all(Array.from({ length: Number(workers) }, async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const sinceMs = performance.now();
      const { isRight, end } = await judged(mutant).catch((error: unknown) => {
        if (interrupted.signal.aborted) throw error;
        return { isRight: false, end: `its trial did not end well: ${lastWords(error)}` };
      });
      if (!isRight) wrong.push(mutant.name);
      const took = pc.dim(`${((performance.now() - sinceMs) / 1000).toFixed(1)} s`);
      console.log(`${isRight ? pc.green('✓') : pc.red('✗')} ${mutant.name} ${took}\n    ${end}`);
      if (keep === true) keepPlaces(known);
    }
  }));
  for (const name of wrong) console.log(pc.red(`✗ ${name}`));
  if (moved > 0 && keep !== true) console.log(`${moved} were not caught where they were the last time: --keep writes down where they are now`);
  console.log(`${all.length} mutants in ${((performance.now() - beganMs) / 60_000).toFixed(1)} minutes: ${all.length - wrong.length} passed, ${wrong.length} failed`);
  return wrong.length === 0 ? 0 : 1;
}

function said({ by, where }: Caught): string {
  return `caught in ${shown(where)} by ${by.slice(0, 140)}`;
}

if (import.meta.main) {
  const program = new Command('mutants')
    .description('Known-bad variants of the code, made while it is loaded: the simulation must catch each.')
    .option('--only <pattern>', 'those whose names match', '')
    .option('--workers <count>', 'how many at a time', String(availableParallelism()))
    .option('--keep', 'write down where each is caught (test/seeds/mutants.json): there it is tried first the next time')
    .option('--thorough', 'those that are argued to be right are tried as long as the others')
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
