/**
 * `npm run verify`: what looks for faults for longer than `npm test` may, one part after the other, whatever the one before it found: tellings on installations
 * that trade; the lease, explored; seeds of the whole system; every machine by every fault; code that is known to be wrong; the independent model. Its last
 * line counts the parts; what this machine cannot run is not among them, and said.
 *
 * Exit codes: 0 all passed; 1 one failed; 2 wrong usage, or nothing that was asked for can run on this machine; 130 interrupted.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import pc from 'picocolors';

interface Part {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
  /** Its exit code where this machine lacks a tool that npm does not bring. */
  readonly lacksIts?: number;
}

const root = dirname(import.meta.dirname);

function partsWith(seeds: number): readonly Part[] {
  return [
    { name: 'told', what: 'every fault of a cutover, and a canary, on installations that trade', command: ['test/run.ts', '--project', 'told', '--project', 'told again'] },
    { name: 'lease', what: 'every interleaving of the lease in small worlds', command: ['simulation/cli.ts', '--scenario', 'lease'] },
    { name: 'seeds', what: `${seeds.toLocaleString('en')} seeds of the whole system`, command: ['simulation/cli.ts', '--seeds', String(seeds)] },
    { name: 'sweep', what: 'every state machine by every fault', command: ['simulation/cli.ts', '--sweep'] },
    { name: 'mutants', what: 'code that is known to be wrong is caught', command: ['simulation/mutants/cli.ts'] },
    { name: 'model', what: 'the independent model of the lease, in Promela', command: ['model/run.ts'], lacksIts: 2 },
  ];
}

interface Done {
  readonly name: string;
  readonly tookSeconds: number;
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
  readonly isLacking: boolean;
}

async function main(only: readonly string[], seeds: number): Promise<0 | 1 | 2 | 130> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const done: Done[] = [];
  for (const part of partsWith(seeds).filter(({ name }) => only.length === 0 || only.includes(name))) {
    console.log(pc.bold(`\n${part.name}: ${part.what}`) + pc.dim(`  (node ${part.command.join(' ')})`));
    done.push(await ended(part, interrupted.signal));
    if (interrupted.signal.aborted) return 130;
  }
  console.log('');
  const ran = done.filter(({ isLacking }) => !isLacking);
  const failed = ran.filter(({ code }) => code !== 0);
  for (const each of done) console.log(inALine(each));
  console.log(`${ran.length - failed.length} passed, ${failed.length} failed`);
  if (ran.length === 0) return 2;
  return failed.length === 0 ? 0 : 1;
}

function inALine({ name, code, tookSeconds, isLacking }: Done): string {
  const took = `${name.padEnd(8)} ${(tookSeconds / 60).toFixed(1).padStart(5)} min`;
  if (code === 0) return `${pc.green('✓')} ${took}`;
  if (isLacking) return `${pc.yellow('–')} ${took}  not run: this machine lacks what it named above`;
  return `${pc.red('✗')} ${took}  exit code ${code ?? 'none'}: npm run verify -- --only ${name}`;
}

/** A part cleans up after itself when it is told to end, so that is waited for. */
function ended({ name, command, lacksIts }: Part, signal: AbortSignal): Promise<Done> {
  const beganMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Done>();
  const child = spawn(process.execPath, command.map((word, at) => (at === 0 ? join(root, word) : word)), { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  child.once('error', reject);
  child.once('exit', (code) => {
    signal.removeEventListener('abort', stop);
    resolve({ name, code: code ?? undefined, isLacking: code !== null && code === lacksIts, tookSeconds: (performance.now() - beganMs) / 1000 });
  });
  return promise;
}

const names = partsWith(0).map(({ name }) => name);
const program = new Command('verify')
  .description('What looks for faults for longer than npm test may, one part after the other.')
  .option('--only <parts...>', `these alone, of ${names.join(', ')}`, (name: string, before: readonly string[] | undefined) => {
    if (!names.includes(name)) throw new InvalidArgumentError(`There are ${names.join(', ')}.`);
    return [...(before ?? []), name];
  })
  .option('--seeds <count>', 'so many seeds of the whole system', (text) => {
    if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError('A whole number above 0 is wanted.');
    return Number(text);
  }, 1000)
  .exitOverride()
  .action(async ({ only = [], seeds }: { readonly only?: readonly string[]; readonly seeds: number }) => {
    process.exitCode = await main(only, seeds);
  });
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
