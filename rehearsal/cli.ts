/**
 * `npm run rehearse`: the synthesized system on this machine, against a real PostgreSQL, a real Redis, a
 * simulated exchange and a local AWS.
 *
 * Exit codes: 0 every promise held; 1 a promise was broken or a scenario could not go on; 2 wrong usage, or
 * something that is needed is not on this machine; 130 and 143 interrupted (nothing is left running). `serve` ends with 0
 * when it is interrupted after it was up: that is how it ends.
 */
import { availableParallelism } from 'node:os';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import pc from 'picocolors';
import { environmentNames, loadSettings } from '../lib/settings/index.ts';
import { createProgress, type Progress } from './report/progress.ts';
import { held, render, seconds } from './report/report.ts';
import type { ProvisioningColumn } from './cloud/provisioning.ts';
import { findPostgres } from './processes/postgres.ts';
import { findRedis } from './processes/redis.ts';
import { tellAll } from './side-by-side.ts';
import { tellApart } from './tell-apart.ts';
import { tell, type Told, type Telling } from './telling.ts';
import { serve } from './serve/serve.ts';
import { scenarios } from './scenarios/index.ts';
import type { Scenario } from './scenarios/scenario.ts';
import { synthesize } from './synthesize.ts';
import { UnavailableError } from './unavailable.ts';

interface SettingOptions {
  readonly env: string;
  readonly seed: number;
  readonly provisioning?: ProvisioningColumn;
}
interface ServeOptions extends SettingOptions {
  readonly port?: number;
}
interface Options extends SettingOptions {
  readonly fault: readonly string[];
  readonly out?: string;
  readonly jobs: number;
  readonly all?: true;
  readonly json?: true;
  readonly list?: true;
}

/** What is to be told. */
interface Planned {
  readonly scenario: Scenario;
  readonly faults: readonly string[];
}

const serveSummary = 'The system stays up after its first cutover: for the AWS CLI, SDKs, psql, redis-cli and a browser, with buttons for faults.';

const program = new Command('rehearse')
  .description('Runs the synthesized system on this machine and shows what happened.')
  .usage('[scenario | serve] [options]')
  .argument('[scenario]', `one of: ${scenarios.map((scenario) => scenario.name).join(', ')}; those of the trading when not said`)
  .option(
    '--fault <name>',
    'make this go wrong (repeatable; --list explains)',
    (name, names: readonly string[]) => [...names, name],
    [] as readonly string[],
  )
  .addOption(envOption())
  .addOption(seedOption())
  .addOption(provisioningOption())
  .option('--out <directory>', 'write report.html to look at, report.json and the log there')
  .option('--jobs <number>', 'how many scenarios run side by side: one more than there are cores, for each also waits', jobCount, availableParallelism() + 1)
  .option('--all', 'every scenario, those of maintenance too (keys, backups, the bill), and with faults of each')
  .option('--json', 'print the report (or the list) as JSON; progress goes to standard error')
  .option('--list', 'list scenarios, their faults and what each promises')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run rehearse\n  npm run rehearse -- --all\n  npm run rehearse -- cutover --out rehearsal-out --seed 7\n' +
      '  npm run rehearse -- cutover --fault green-does-not-trade\n  npm run rehearse -- serve --port 4566',
  )
  .exitOverride()
  .enablePositionalOptions()
  .action(async (name: string | undefined, options: Options) => {
    process.exitCode = options.list === true ? list(options) : await run(tellings(name, options), options);
  });
program
  .command('serve')
  .description(serveSummary)
  .option('--port <number>', 'of the local AWS and of the page; the system chooses one when not said', portNumber)
  .addOption(envOption())
  .addOption(seedOption())
  .addOption(provisioningOption())
  .action(async (options: ServeOptions) => {
    process.exitCode = await stayUp(options);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else process.exitCode = explain(error);
}

/** What is missing on this machine is found deep inside a deployment; the person needs only that. */
function explain(error: unknown): 1 | 2 {
  for (let each = error; each instanceof Error; each = each.cause) {
    if (each instanceof UnavailableError) {
      console.error(pc.red(each.message));
      return 2;
    }
  }
  console.error(pc.red(`The rehearsal could not go on: ${error instanceof Error ? error.message : String(error)}`));
  if (process.env['BATON_DEBUG'] !== undefined) console.error(error);
  else console.error('BATON_DEBUG=1 shows where.');
  return 1;
}

function envOption(): Option {
  return new Option('--env <name>', 'the settings to rehearse').choices(environmentNames).default('production');
}

function seedOption(): Option {
  return new Option('--seed <number>', 'decides what is drawn at random').argParser(wholeNumber).default(randomInt(1, 1_000_000));
}

function provisioningOption(): Option {
  return new Option('--provisioning <column>', 'how long AWS takes to make things: pessimistic, and when several are told typical for most')
    .choices(['typical', 'pessimistic']);
}

function jobCount(text: string): number {
  if (!/^[1-8]$/.test(text)) throw new InvalidArgumentError(`wanted a number from 1 to 8, got '${text}'.`);
  return Number(text);
}

function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new InvalidArgumentError(`wanted a port from 1 to 65535, got '${text}'.`);
  return port;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError(`wanted a whole number of up to nine digits, got '${text}'.`);
  return Number(text);
}

function tellings(name: string | undefined, { fault: faults, env, all }: Options): readonly Planned[] {
  if (name === undefined) {
    if (faults.length > 0) {
      program.error('error: --fault needs a scenario, for example: npm run rehearse -- cutover --fault green-does-not-trade');
    }
    const isAsked = ({ maintenance, variant }: Scenario): boolean => variant === undefined && (all === true || maintenance === undefined);
    const asked = scenarios.filter((scenario) => isAsked(scenario) && fits(scenario, env)).flatMap((scenario) => [
      { scenario, faults: [] },
      ...(all === true ? (scenario.inAll ?? []) : []).map((fault) => ({ scenario, faults: [fault] })),
    ]);
    // Those of two Regions take longest: begun last, they would leave cores without work at the end.
    return asked.toSorted((a, b) => Number(b.scenario.bothRegions ?? false) - Number(a.scenario.bothRegions ?? false));
  }
  if (all === true) program.error(`error: --all tells every scenario: leave '${name}' out, or leave --all out`);
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) {
    return program.error(`error: no scenario '${name}'; there are: ${scenarios.map((each) => each.name).join(', ')}`);
  }
  if (!fits(scenario, env)) {
    const fitting = environmentNames.filter((each) => fits(scenario, each));
    return program.error(`error: the settings of ${env} have nothing to tell '${name}' with; choose --env ${fitting.join(' or --env ')}`);
  }
  const unknown = faults.find((fault) => !scenario.faults.some((each) => each.name === fault));
  if (unknown !== undefined) {
    const known = scenario.faults.map((fault) => fault.name).join(', ') || 'none';
    return program.error(`error: the scenario '${name}' has no fault '${unknown}'; it has: ${known}`);
  }
  const told = [...new Set(faults)];
  const contradiction = scenario.contradiction?.(told);
  if (contradiction !== undefined) return program.error(`error: these faults cannot be told together: ${contradiction}`);
  return [{ scenario, faults: told }];
}

function fits(scenario: Scenario, env: string): boolean {
  return scenario.fits?.(loadSettings(env)) ?? true;
}

function list({ json }: Options): 0 {
  if (json === true) {
    console.log(JSON.stringify(scenarios.map(({ name, summary, promises, faults }) => ({ name, summary, promises, faults })), null, 2));
    return 0;
  }
  for (const { name, summary, promises, faults } of scenarios) {
    console.log(`${pc.bold(name)}  ${summary}`);
    for (const promise of promises) console.log(`    promises  ${promise}`);
    for (const fault of faults) console.log(`    --fault ${fault.name}  ${fault.summary} Ends: ${fault.outcome}.${silence(fault)}`);
  }
  console.log(`${pc.bold('serve')}  ${serveSummary}`);
  return 0;
}

/** Ends on the signals of a terminal; answers how to take that back. */
function endOnSignals(progress: Progress): () => void {
  const handlers = ([['SIGINT', 130], ['SIGTERM', 143]] as const).map(([signal, code]) => {
    // No unwinding: the reaper ends what was started, and the exit sweeps what was written.
    const handler = (): void => {
      progress.close();
      console.error(`${signal}: the rehearsal was interrupted; what it had started is being ended.`);
      process.exit(code);
    };
    process.once(signal, handler);
    return () => process.off(signal, handler);
  });
  return () => {
    for (const off of handlers) off();
  };
}

/** What is missing is told at once, not after a synthesis. */
async function lookForServers(): Promise<void> {
  await Promise.all([findRedis(process.env), findPostgres()]);
}

async function stayUp({ env, seed, provisioning = 'pessimistic', port }: ServeOptions): Promise<0> {
  const progress = createProgress(process.stdout);
  const goOn = endOnSignals(progress);
  try {
    await lookForServers();
    progress.heading(`Synthesizing ${env}`);
    using assembly = await synthesize(env, progress);
    await serve({
      assembly, releases: assembly.releases, seed, provisioning, progress, port,
      print: (text) => console.log(`\n${text}\n`),
      async untilStopped() {
        goOn();
        await new Promise<void>((resolve) => {
          for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
        });
        // Who cannot wait for an orderly end says it again.
        endOnSignals(progress);
      },
    });
    return 0;
  } finally {
    progress.close();
  }
}

function silence({ silenceLimitMs }: Scenario['faults'][number]): string {
  return silenceLimitMs === undefined ? '' : ` No order for at most ${silenceLimitMs / 1000} s.`;
}

async function run(plan: readonly Planned[], { env, seed, out, json, provisioning, jobs }: Options): Promise<0 | 1> {
  const began = performance.now();
  const progress = createProgress(json === true ? process.stderr : process.stdout);
  const told: Told[] = [];
  endOnSignals(progress);
  try {
    await lookForServers();
    progress.heading(`Synthesizing ${env}`);
    // One that wants other settings is told alone.
    using assembly = await synthesize(env, progress, plan[0]?.scenario.variant);
    const tellingOf = ({ scenario, faults }: Planned, beside: boolean): Telling => ({
      scenario: scenario.name, faults, environment: env, assemblyDirectory: assembly.directory, releases: assembly.releases, seed, besideOthers: beside,
      out: directoryFor(out, plan, scenario, faults),
      provisioning: provisioning ?? (plan.length === 1 || scenario.pessimisticAmongOthers === true ? 'pessimistic' : 'typical'),
    });
    told.push(...(await tellAll({
      plan, jobs, progress, nameOf,
      tell: (planned, beside, part) => (plan.length > 1 ? tellApart : tell)(tellingOf(planned, beside), part),
    })));
  } finally {
    progress.close();
  }
  const reports = told.map(({ report }) => report);
  const kept = reports.every(held);
  if (json === true) console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2));
  else console.log(`\n${reports.map(render).join('\n\n')}`);
  if (reports.length > 1 && json !== true) {
    const tookMs = performance.now() - began;
    console.log(`\n${reports.filter(held).length} of ${reports.length} scenarios kept every promise, in ${seconds(tookMs)}`);
  }
  const pages = told.flatMap((each) => each.page ?? []);
  if (pages.length > 0 && json !== true) console.log(`\nTo look at: ${pages.join('\n            ')}`);
  if (!kept) {
    console.error(told.flatMap(({ seen }) => seen).join('\n'));
    console.error(pc.red(`A promise was broken. To see it again: npm run rehearse -- <scenario> --seed ${seed} --out <directory>`));
  }
  return kept ? 0 : 1;
}

/** One telling writes into the directory itself, several each into one of their own. */
function directoryFor(
  out: string | undefined,
  plan: readonly Planned[],
  scenario: Scenario,
  faults: readonly string[],
): string | undefined {
  if (out === undefined || plan.length === 1) return out;
  return join(out, nameOf({ scenario, faults }));
}

function nameOf({ scenario, faults }: Planned): string {
  return [scenario.name, ...faults].join('+');
}
