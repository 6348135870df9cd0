/**
 * `npm run verify`: all that looks for a fault in the protocol, the machines and the traders, one part after the other, whatever the one before it found: the
 * lease, explored; seeds of the whole system; every machine by every fault; code that is known to be wrong; the independent model. Its last line counts the parts.
 *
 * Exit codes: 0 all passed; 1 one failed; 2 wrong usage; 130 interrupted.
 */
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import pc from 'picocolors';

interface Part {
  readonly name: string;
  readonly what: string;
  readonly command: readonly string[];
}

const root = dirname(import.meta.dirname);

function partsWith(seeds: number): readonly Part[] {
  return [
    { name: 'lease', what: 'every interleaving of the lease in small worlds', command: ['simulation/cli.ts', '--scenario', 'lease'] },
    { name: 'seeds', what: `${seeds.toLocaleString('en')} seeds of the whole system`, command: ['simulation/cli.ts', '--seeds', String(seeds)] },
    { name: 'sweep', what: 'every state machine by every fault', command: ['simulation/cli.ts', '--sweep'] },
    { name: 'mutants', what: 'code that is known to be wrong is caught', command: ['simulation/mutants/cli.ts'] },
    { name: 'model', what: 'the independent model of the lease, in Promela', command: ['model/run.ts'] },
  ];
}

interface Done {
  readonly name: string;
  readonly tookSeconds: number;
  /** Undefined when a signal ended it. */
  readonly code: number | undefined;
}

async function main(only: readonly string[], seeds: number): Promise<0 | 1 | 130> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const done: Done[] = [];
  for (const part of partsWith(seeds).filter(({ name }) => only.length === 0 || only.includes(name))) {
    console.log(pc.bold(`\n${part.name}: ${part.what}`) + pc.dim(`  (node ${part.command.join(' ')})`));
    done.push(await ended(part, interrupted.signal));
    if (interrupted.signal.aborted) return 130;
  }
  console.log('');
  const failed = done.filter(({ code }) => code !== 0);
  for (const { name, code, tookSeconds } of done) {
    console.log(`${code === 0 ? pc.green('✓') : pc.red('✗')} ${name.padEnd(8)} ${(tookSeconds / 60).toFixed(1).padStart(5)} min${code === 0 ? '' : `  exit code ${code ?? 'none'}: npm run verify -- --only ${name}`}`);
  }
  console.log(`${done.length - failed.length} passed, ${failed.length} failed`);
  return failed.length === 0 ? 0 : 1;
}

/** A part cleans up after itself when it is told to end, so that is waited for. */
function ended({ name, command }: Part, signal: AbortSignal): Promise<Done> {
  const beganMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<Done>();
  const child = spawn(process.execPath, command.map((word, at) => (at === 0 ? join(root, word) : word)), { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  child.once('error', reject);
  child.once('exit', (code) => {
    signal.removeEventListener('abort', stop);
    resolve({ name, code: code ?? undefined, tookSeconds: (performance.now() - beganMs) / 1000 });
  });
  return promise;
}

const names = partsWith(0).map(({ name }) => name);
const program = new Command('verify')
  .description('All that looks for a fault in the protocol, the machines and the traders, one part after the other.')
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
