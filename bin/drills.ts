/**
 * The drills of an installation: `npm run drills -- --trend` draws them as a page, from the signed reports. Exit code 0: drawn; 1: the reports cannot be read, or there
 * are none; 2: what was asked for cannot be understood.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { Command, CommanderError } from 'commander';
import { DrillReport, drillsFolder } from '../lib/contracts/drill.ts';
import { faultsOf } from '../lib/contracts/faults.ts';
import { trendPage } from '../lib/drill/trend-page.ts';
import { environmentNames, loadSettings, SettingsError } from '../lib/settings/index.ts';
import { Evidence } from '../lib/verification/evidence.ts';
import { signatureSuffix } from '../lib/verification/signed-report.ts';

interface Options {
  readonly trend: boolean;
  readonly from?: string;
  readonly env: string;
  readonly out: string;
}

/** What there is to read is not there, or is none. */
class ReportsError extends Error {
  override readonly name = 'ReportsError';
}
/** What was asked for makes no sense. */
class AskedError extends Error {
  override readonly name = 'AskedError';
}

async function drills({ trend, from, env, out }: Options): Promise<void> {
  if (!trend) throw new AskedError('There is nothing to do: say --trend for the page of all drills, or --help.');
  const found = from === undefined || from.startsWith('s3://') ? await inBucket(bucketOf(from, env)) : inDirectory(from);
  const reports = found.map(({ name, content }) => reportIn(name, content));
  const installations = [...new Set(reports.map(({ installation }) => installation))];
  if (reports.length === 0) throw new ReportsError(`There is no report of a drill in ${from ?? bucketOf(from, env)}. Was there one in that Region? docs/runbooks/dr-drill.md says how to start one.`);
  if (installations.length > 1) throw new ReportsError(`These reports are of several installations: ${installations.join(', ')}. Give the directory, or the bucket, of one.`);
  writeFileSync(out, trendPage(reports));
  const passed = reports.filter((report) => report.passed).length;
  process.stdout.write(`${reports.length} drills, ${passed} passed: ${path.resolve(out)}\n`);
}

/** The bucket of the evidence in the Region that stands by, where drills are made, when none is said. */
function bucketOf(from: string | undefined, env: string): string {
  if (from !== undefined) {
    const [, bucket] = /^s3:\/\/([a-z0-9.-]{3,63})\/?$/.exec(from) ?? [];
    if (bucket === undefined) throw new AskedError(`'${from}' is no bucket: wanted s3://<bucket>, such as s3://baton-production-evidence-<account>-<Region>.`);
    return bucket;
  }
  const { account, regions } = loadSettings(env);
  return `baton-${env}-evidence-${account}-${regions.standby.name}`;
}

async function inBucket(bucket: string): Promise<readonly { readonly name: string; readonly content: unknown }[]> {
  const evidence = new Evidence(new S3Client({ followRegionRedirects: true }), bucket);
  try {
    const keys = (await evidence.keys(drillsFolder, '')).filter((key) => !key.endsWith(signatureSuffix));
    return await Promise.all(keys.map(async (name) => ({ name, content: await evidence.read(name) })));
  } catch (error) {
    throw new ReportsError(`The reports in s3://${bucket}/${drillsFolder} could not be read: ${error instanceof Error ? error.message : String(error)}. Which account and Region are these credentials for?`);
  }
}

function inDirectory(directory: string): readonly { readonly name: string; readonly content: unknown }[] {
  if (!existsSync(directory)) throw new ReportsError(`There is no directory ${directory}. Wanted one with the reports of drills, as \`aws s3 sync s3://<evidence>/${drillsFolder} <directory>\` makes it.`);
  const names = readdirSync(directory).filter((name) => name.endsWith('.json') && !name.endsWith(signatureSuffix));
  return names.toSorted().map((name) => {
    try {
      return { name, content: JSON.parse(readFileSync(path.join(directory, name), 'utf8')) as unknown };
    } catch (error) {
      throw new ReportsError(`${path.join(directory, name)} is no JSON: ${(error as Error).message}. Take it away, or copy it again.`);
    }
  });
}

function reportIn(name: string, content: unknown): DrillReport {
  const parsed = DrillReport.safeParse(content);
  if (!parsed.success) throw new ReportsError(`${name} is no report of a drill: ${faultsOf(parsed.error, content)}. Take it away, or copy it again.`);
  return parsed.data;
}

const program = new Command('drills')
  .description('The drills of an installation, from their signed reports.')
  .option('--trend', 'draws what every step took, drill by drill, as one page with nothing outside itself', false)
  .option('--from <directory|s3://bucket>', "where the reports are; the bucket of the evidence in the environment's standby Region when not said")
  .option('--env <name>', `which environment: ${environmentNames.join(', ')}`, 'production')
  .option('--out <file>', 'where the page goes', 'drills.html')
  .exitOverride()
  .action(drills);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof AskedError || error instanceof SettingsError) process.exitCode = 2;
  else if (error instanceof ReportsError) process.exitCode = 1;
  else throw error;
  if (!(error instanceof CommanderError)) process.stderr.write(`${(error as Error).message}\n`);
}
