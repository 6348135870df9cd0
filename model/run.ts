/**
 * `npm run model`: explores model/lease.pml with spin, each exploration to its end, and sees that each rule left out is caught.
 *
 * Exit codes: 0 all as it must be; 1 a violation, or a rule left out that nothing caught; 2 wrong usage, or spin or a C compiler
 * is not on this machine.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Command, CommanderError } from 'commander';
import pc from 'picocolors';
import { type Exploration, explorations } from './explorations.ts';

const run = promisify(execFile);
const lease = join(import.meta.dirname, 'lease.pml');
/** Of the search's stack; too small a one is told by spin, and is no end. */
const depthAtMost = 4_000_000;

interface Found {
  readonly states: number;
  readonly errors: number;
  readonly isWhole: boolean;
  readonly tookSeconds: number;
}

class MissingError extends Error {}

export async function explore({ defines, claim, isCaught }: Exploration, signal: AbortSignal): Promise<Found> {
  const directory = await mkdtemp(join(tmpdir(), 'baton-model-'));
  try {
    await tool('spin', ['-a', ...defines.map((define) => `-D${define}`), lease], directory, signal);
    const kind = claim === undefined ? ['-DSAFETY'] : ['-DNFAIR=3'];
    // What is caught is caught within a second: to compile it well would take ten.
    await tool('cc', [isCaught ? '-O0' : '-O2', '-DCOLLAPSE', '-DVECTORSZ=2048', ...kind, '-o', 'pan', 'pan.c'], directory, signal);
    const args = [`-m${depthAtMost}`, ...(claim === undefined ? [] : ['-a', '-f', '-N', claim])];
    const beganMs = performance.now();
    const { stdout } = await run(join(directory, 'pan'), args, { cwd: directory, signal, maxBuffer: 1e8 });
    return { ...foundIn(stdout), tookSeconds: (performance.now() - beganMs) / 1000 };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function tool(name: string, args: readonly string[], cwd: string, signal: AbortSignal): Promise<void> {
  try {
    await run(name, args, { cwd, signal });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new MissingError(`'${name}' is not on this machine: install spin and a C compiler, for example 'apt-get install spin gcc', and start again.`);
  }
}

/** As pan prints it; what it does not print counts as not whole. */
export function foundIn(printed: string): Omit<Found, 'tookSeconds'> {
  const states = Number(/^\s*([\d.e+]+) states, stored/m.exec(printed)?.[1] ?? Number.NaN);
  const errors = Number(/errors: (\d+)/.exec(printed)?.[1] ?? Number.NaN);
  const isWhole = !Number.isNaN(states) && !/Search not completed|max search depth too small/.test(printed);
  return { states, errors, isWhole };
}

function verdict({ isCaught }: Exploration, { errors, isWhole }: Found): string | undefined {
  if (isCaught) return errors > 0 ? undefined : 'nothing caught it';
  if (errors !== 0) return 'VIOLATED';
  return isWhole ? undefined : 'not explored to its end';
}

async function main({ larger }: { readonly larger?: true }): Promise<0 | 1> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  let isGood = true;
  for (const exploration of explorations.filter((each) => larger === true || !each.isLarger)) {
    const found = await explore(exploration, interrupted.signal);
    const wrong = verdict(exploration, found);
    isGood &&= wrong === undefined;
    const mark = wrong === undefined ? pc.green('✓') : pc.red('✗');
    const end = wrong ?? (exploration.isCaught ? 'caught' : 'holds, explored to its end');
    console.log(`${mark} ${exploration.name}: ${end}, ${found.states.toLocaleString('en')} states, ${found.tookSeconds.toFixed(1)} s`);
    if (wrong !== undefined) {
      const defines = exploration.defines.map((define) => `-D${define}`).join(' ');
      console.log(`    To see it: spin -search ${defines} model/lease.pml, then spin -t -p ${defines} model/lease.pml`);
    }
  }
  return isGood ? 0 : 1;
}

if (import.meta.main) {
  const program = new Command('model')
    .description('Explores the independent model of the lease and its hand-over (model/lease.pml) with spin.')
    .option('--larger', 'those explorations too that take minutes and gigabytes')
    .exitOverride()
    .action(async (options: { readonly larger?: true }) => {
      process.exitCode = await main(options);
    });
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else if (error instanceof MissingError) {
      console.error(pc.red(error.message));
      process.exitCode = 2;
    } else if ((error as Error).name === 'AbortError') process.exitCode = 130;
    else throw error;
  }
}
