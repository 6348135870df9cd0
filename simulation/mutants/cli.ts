/**
 * `npm run mutants`: known-bad variants of the code, one at a time, each of which the simulation must catch. Those that cannot be wrong are argued in
 * equivalent.ts, and are tried all the same: one that is caught is none.
 *
 * Exit codes: 0 all are caught; 1 one is not, or one that was argued to be equivalent was; 2 wrong usage.
 */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { byHand } from './by-hand.ts';
import { equivalent } from './equivalent.ts';
import { generated } from './generated.ts';
import type { Mutant } from './mutant.ts';
import type { Caught } from './verdict.ts';

const run = promisify(execFile);
const trialMinutesMax = 5;

export const mutants = (): readonly Mutant[] => [...byHand(), ...generated()];

async function onTrial({ file, ...rest }: Mutant, seeds: number, signal: AbortSignal): Promise<Caught | undefined> {
  const args = ['--import', join(import.meta.dirname, 'load.ts'), join(import.meta.dirname, 'trial.ts'), String(seeds), file === 'lib/lease/protocol.ts' ? 'protocol' : ''];
  const env = { ...process.env, BATON_MUTANT: JSON.stringify({ file, ...rest }) };
  try {
    const { stdout } = await run(process.execPath, args, { env, signal, timeout: trialMinutesMax * 60_000, maxBuffer: 1e8 });
    const found = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}') as Partial<Caught>;
    return found.by === undefined ? undefined : { by: found.by, where: found.where ?? '' };
  } catch (error) {
    if (signal.aborted) throw error;
    const { stderr, killed } = error as { readonly stderr: string; readonly killed?: boolean };
    return killed === true ? undefined : { by: `crash: ${stderr.trim().split('\n').slice(-3).join(' ')}`, where: 'loading' };
  }
}

async function main({ only = '', seeds, workers }: { readonly only?: string; readonly seeds: string; readonly workers: string }): Promise<0 | 1> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const all = mutants().filter(({ name }) => new RegExp(only).test(name));
  const waiting = [...all];
  const wrong: string[] = [];
  await Promise.all(Array.from({ length: Number(workers) }, async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const caught = await onTrial(mutant, Number(seeds), interrupted.signal);
      const argument = equivalent(mutant.name);
      const isRight = (caught === undefined) === (argument !== undefined);
      if (!isRight) wrong.push(mutant.name);
      const mark = isRight ? pc.green('✓') : pc.red('✗');
      const end = caught !== undefined ? `caught in ${caught.where} by ${caught.by.slice(0, 140)}` : argument === undefined ? 'NOT CAUGHT' : `equivalent: ${argument}`;
      console.log(`${mark} ${mutant.name}\n    ${end}`);
    }
  }));
  console.log(`${all.length} mutants, ${wrong.length} not as they must be`);
  return wrong.length === 0 ? 0 : 1;
}

if (import.meta.main) {
  const program = new Command('mutants')
    .description('Known-bad variants of the code, made while it is loaded: the simulation must catch each.')
    .option('--only <pattern>', 'those whose names match')
    .option('--seeds <count>', 'seeds of the whole system that each must survive to count as not caught', '40')
    .option('--workers <count>', 'how many at a time', String(availableParallelism()))
    .exitOverride()
    .action(async (options: { readonly only?: string; readonly seeds: string; readonly workers: string }) => {
      process.exitCode = await main(options);
    });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else if ((error as Error).name === 'AbortError') process.exitCode = 130;
    else throw error;
  }
}
