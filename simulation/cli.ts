/**
 * `npm run simulate`: the system under virtual time, seed after seed. `--scenario lease` explores the lease alone, every interleaving; `--sweep` plays every state
 * machine with every fault.
 *
 * Exit codes: 0 everything held; 1 an invariant was broken; 2 wrong usage; 3 no progress once faults had stopped; 4 a crash.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { deployed } from './control-plane/deployed.ts';
import { worlds, type Exploration } from './lease/explorations.ts';
import { work } from './pool.ts';
import type { RunResult, Verdict } from './run.ts';
import { planOf, situations, usual } from './situations.ts';

interface Options {
  readonly seed: number;
  readonly seeds?: number;
  readonly scenario: 'system' | 'lease';
  readonly situation: string;
  readonly minutes?: number;
  readonly workers: number;
  readonly resume?: string;
  readonly nightly?: true;
  readonly trace?: true;
  readonly sweep?: true;
  readonly cell?: string;
  readonly sample?: number;
  readonly assemblies?: string;
}

const exitCodes: Readonly<Record<Verdict['kind'], number>> = { holds: 0, broken: 1, 'no-progress': 3, crash: 4 };
/** Each is worth a look; more of them seldom say more. */
const failuresMax = 5;
const savedEvery = 10;
const nightlySeeds = 200_000;

async function main(options: Options): Promise<number> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  if (options.scenario === 'lease') return exploreLease(options, interrupted.signal);
  if (options.sweep === true) {
    // The worlds of the machines, which no seed needs.
    const { sweep, sweepOne } = await import('./sweep/sweep.ts');
    return options.cell === undefined ? sweep({ ...options, signal: interrupted.signal }) : sweepOne(options.cell, options.assemblies);
  }
  if (options.nightly === true) return runMany({ seeds: nightlySeeds, resume: 'simulated-at-night', ...options }, interrupted.signal);
  if (options.seeds === undefined && options.minutes === undefined && options.resume === undefined) return runOne(options);
  return runMany(options, interrupted.signal);
}

/** Its trace hash is the last line. */
async function runOne({ seed, situation, trace }: Options): Promise<number> {
  // Loaded here and by the workers: it is the whole system.
  const { runSeed } = await import('./run.ts');
  const result = await runSeed(seed, { plan: planOf(situation, seed), keepLines: trace === true });
  for (const line of result.lines) console.log(line);
  console.log(described(result));
  if (result.verdict.kind !== 'holds') explain(result, situation);
  console.log(result.hash);
  return exitCodes[result.verdict.kind];
}

async function runMany({ seed: asked, seeds = Infinity, minutes = Infinity, workers, resume, situation, nightly }: Options, signal: AbortSignal): Promise<number> {
  const first = resume !== undefined && existsSync(resume) ? Number(readFileSync(resume, 'utf8')) : asked;
  // Where one night ended the next begins; one that was interrupted is gone on with.
  const end = nightly === true ? asked + seeds * (Math.floor((first - asked) / seeds) + 1) : asked + seeds;
  const beganMs = performance.now();
  const isOver = (): boolean => performance.now() - beganMs > minutes * 60_000;
  // Every worker needs it, and would make it beside the others. What is interrupted meanwhile has no seeds to tell of.
  await deployed().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
  const failed: RunResult[] = [];
  const unfinished = new Set<number>();
  let next = first;
  const done = { seeds: 0, events: 0, simulatedMs: 0, accepted: 0, epochs: 0 };
  const save = (): void => {
    if (resume === undefined) return;
    // Whole or not at all: it may be killed at any moment.
    writeFileSync(`${resume}.new`, String(Math.min(next, ...unfinished)));
    renameSync(`${resume}.new`, resume);
  };
  await work({
    workers, signal,
    next() {
      if (next >= end || isOver() || failed.length >= failuresMax) return undefined;
      unfinished.add(next);
      return { seed: next++, situation };
    },
    onResult(_job, answer) {
      const result = answer as RunResult;
      unfinished.delete(result.seed);
      done.seeds += 1;
      done.events += result.events;
      done.simulatedMs += result.simulatedMs;
      done.accepted += result.accepted;
      done.epochs += result.epochs;
      if (result.verdict.kind !== 'holds') {
        failed.push(result);
        console.log(described(result));
        explain(result, situation);
      }
      if (done.seeds % savedEvery === 0) {
        save();
        const rate = (done.seeds / (performance.now() - beganMs)) * 1000;
        if (process.stdout.isTTY) process.stdout.write(`\r${done.seeds} seeds, ${rate.toFixed(1)} a second `);
      }
    },
    onLost(error) {
      const seed = 'seed' in error.job ? error.job.seed : 0;
      unfinished.delete(seed);
      const lost: RunResult = { seed, verdict: { kind: 'crash', what: error.message }, hash: '', events: 0, simulatedMs: 0, accepted: 0, epochs: 0, lastEvents: [], lines: [] };
      failed.push(lost);
      console.log(described(lost));
    },
  });
  save();
  const tookSeconds = (performance.now() - beganMs) / 1000;
  const pace = (done.simulatedMs / 1000 / tookSeconds).toFixed(0);
  console.log(
    `${done.seeds} seeds from ${first}: ${failed.length} failed; ${done.accepted.toLocaleString('en')} orders accepted in ${done.epochs.toLocaleString('en')} epochs, `
    + `${done.events.toLocaleString('en')} events in ${tookSeconds.toFixed(1)} s, ${pace} × real time`,
  );
  if (signal.aborted) return 130;
  return failed.reduce((worst, { verdict }) => (worst === 0 ? exitCodes[verdict.kind] : Math.min(worst, exitCodes[verdict.kind])), 0);
}

async function exploreLease({ minutes = Infinity, workers }: Options, signal: AbortSignal): Promise<number> {
  const beganMs = performance.now();
  let next = 0;
  let interleavings = 0;
  let states = 0;
  let code = 0;
  await work({
    workers, signal,
    next: () => (next >= worlds.length || performance.now() - beganMs > minutes * 60_000 ? undefined : { world: next++ }),
    onResult(_job, answer) {
      const found = answer as Exploration;
      interleavings += found.interleavings;
      states += found.states;
      const end = found.violation ?? (found.isWhole ? 'holds, explored to its end' : 'holds, as far as it was explored');
      const mark = found.violation === undefined ? pc.green('✓') : pc.red('✗');
      console.log(`${mark} ${found.name}: ${end}, ${found.states.toLocaleString('en')} states, ${found.interleavings.toLocaleString('en')} interleavings`);
      if (found.violation === undefined) return;
      code = 1;
      for (const step of found.path ?? []) console.log(`    ${step}`);
    },
    onLost(error) {
      code ||= 4;
      console.log(pc.red(error.message));
    },
  });
  const tookSeconds = (performance.now() - beganMs) / 1000;
  console.log(`${interleavings.toLocaleString('en')} interleavings over ${states.toLocaleString('en')} states in ${tookSeconds.toFixed(1)} s`);
  return signal.aborted ? 130 : code;
}

function described({ seed, verdict, events, simulatedMs, accepted, epochs }: RunResult): string {
  const run = `${events.toLocaleString('en')} events in ${(simulatedMs / 1000).toFixed(1)} simulated seconds, ${accepted} orders accepted, ${epochs} epochs`;
  if (verdict.kind === 'holds') return `${pc.green('✓')} seed ${seed}: every invariant held; ${run}`;
  const what = verdict.kind === 'broken' ? `broken: ${verdict.invariant}: ${verdict.what}` : `${verdict.kind}: ${verdict.what}`;
  return `${pc.red('✗')} seed ${seed}: ${what}; ${run}`;
}

function explain({ seed, lastEvents }: RunResult, situation: string): void {
  console.log(`    To see it again: npm run simulate -- --seed ${seed}${situation === usual ? '' : ` --situation '${situation}'`} --trace`);
  console.log('    The last events that matter:');
  for (const line of lastEvents) console.log(`    ${line}`);
}

function whole(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number is wanted.');
  return Number(text);
}

function positive(text: string): number {
  if (!(Number(text) > 0)) throw new InvalidArgumentError('a number above 0 is wanted.');
  return Number(text);
}

const program = new Command('simulate')
  .description('Runs the system under virtual time: the code that ships, faults and interleavings from a seed, every invariant looked at after every event.')
  .option('--seed <number>', 'the seed, or the first of several; the same commit and seed give the same trace', whole, 1)
  .option('--seeds <count>', 'so many of them, one after the other', positive)
  .option('--minutes <minutes>', 'begin no more after so long', positive)
  .addOption(new Option('--scenario <name>', 'all of it, or every interleaving of the lease alone').choices(['system', 'lease']).default('system'))
  .addOption(new Option('--situation <name>', 'which faults a seed draws: of all kinds, or those that make one situation again and again').choices(situations).default(usual))
  .option('--workers <count>', 'processes that share the work', positive, availableParallelism())
  .option('--resume <file>', 'go on with the seed that this file names, and keep it there: for a run that is interrupted')
  .option('--nightly', `${nightlySeeds.toLocaleString('en')} seeds, of which --seeds may say another number; it keeps where it is, goes on there after a kill, and begins with new ones the next time`)
  .option('--trace', 'of a single seed: all that happened')
  .option('--sweep', 'every state of every synthesized state machine by every fault, and a stop at every edge, in small worlds')
  .option('--cell <id>', 'of the sweep only this one, as it was printed, with all that happened')
  .option('--sample <count>', 'of the sweep only every so-many-th cell, counted from the seed on', positive)
  .option('--assemblies <directory>', 'where what the sweep plays was synthesized before: dev, dev-database-required, staging')
  .exitOverride()
  .action(async (options: Options) => {
    process.exitCode = await main(options);
  });
try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    console.error(error);
    process.exitCode = exitCodes.crash;
  }
}
