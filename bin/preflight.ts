/**
 * Asks AWS whether an environment is ready, before and after its deployment: `npm run preflight -- --env production`. It
 * reads and changes nothing. Exit code 0: nothing failed; 1: something did; 2: it could not ask at all.
 */
import { STSClient, GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import { Command, CommanderError } from 'commander';
import { preflight, type Images, type Result } from '../lib/preflight/index.ts';
import { environmentNames, loadSettings, SettingsError } from '../lib/settings/index.ts';

const signs = { ok: '✓', failed: '✗', 'could not': '?' } as const;

function inWords(results: readonly Result[]): string {
  const lines: string[] = [];
  let area = '';
  for (const { verdict, seen, todo, name, ...result } of results) {
    if (result.area !== area) lines.push('', result.area);
    area = result.area;
    lines.push(`  ${signs[verdict]} ${name}: ${seen}`);
    if (todo !== undefined) lines.push(`      ${todo}`);
  }
  const count = (verdict: Result['verdict']): number => results.filter((result) => result.verdict === verdict).length;
  lines.push('', `${count('ok')} ok, ${count('failed')} failed, ${count('could not')} could not be checked`, '');
  return lines.join('\n');
}

interface Options {
  readonly env: string;
  readonly json: boolean;
  readonly trader?: string;
  readonly guard?: string;
}

function parse(): Options {
  return new Command('preflight')
    .description('Asks AWS whether an environment is ready, before and after its deployment; changes nothing.')
    .requiredOption('--env <name>', `which environment: ${environmentNames.join(', ')}`)
    .option('--trader <digest>', 'sha256:… of the trader that the next cutover is to start')
    .option('--guard <digest>', 'sha256:… of its guard')
    .option('--json', 'for machines: every check with verdict, what was seen and what to do', false)
    .exitOverride()
    .parse()
    .opts<Options>();
}

async function main({ env, json, trader, guard }: Options): Promise<number> {
  const settings = loadSettings(env);
  const sts = new STSClient({ region: settings.regions.home.name });
  try {
    await sts.send(new GetCallerIdentityCommand({}));
  } catch (error) {
    const { name, message } = error as Error;
    process.stderr.write(`AWS does not answer to these credentials (${name}: ${message}). Log in to account ${settings.account}, then try again.\n`);
    return 2;
  } finally {
    sts.destroy();
  }
  const images: Images = { ...(trader === undefined ? {} : { trader }), ...(guard === undefined ? {} : { guard }) };
  const results = await preflight(settings, images);
  process.stdout.write(json ? `${JSON.stringify({ environment: env, results }, undefined, 2)}\n` : inWords(results));
  return results.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
}

try {
  process.exitCode = await main(parse());
} catch (error) {
  if (error instanceof SettingsError) process.stderr.write(`${error.message}\n`);
  else if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}
