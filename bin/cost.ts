/**
 * What an environment costs a month, before it is deployed: `npm run cost -- --env production`. It reads the synthesized
 * templates and a table of prices in the repository; it asks AWS nothing. `npm run cost -- refresh` reads that table again from
 * the AWS Price List. Exit code 0: done; 2: could not; 3: dearer by more than a tenth than the revision it was compared with.
 */
import { STSClient } from '@aws-sdk/client-sts';
import { Command, CommanderError } from 'commander';
import { readFileSync, writeFileSync } from 'node:fs';
import { assumed, AssumptionError } from '../lib/cost/assumptions.ts';
import { readStacks, SynthesisError, synthesize } from '../lib/cost/assembly.ts';
import { difference, estimate, risesTooMuch, total } from '../lib/cost/estimate.ts';
import { type Ask, priceListRegion, refresh } from '../lib/cost/price-list.ts';
import { loadPriceTable, type PriceTable, priceTableText } from '../lib/cost/price-table.ts';
import { compareWithReference } from '../lib/cost/reference-bill.ts';
import { differenceInWords, reportOf } from '../lib/cost/report.ts';
import { environmentNames, loadSettings, SettingsError } from '../lib/settings/index.ts';

interface Options {
  readonly env: string;
  readonly assembly?: string;
  readonly against?: string;
  readonly assume: readonly string[];
  readonly prices?: string;
  readonly json: boolean;
}

const usualTable = new URL('../lib/cost/prices.json', import.meta.url);
const tableIn = (file: string | URL = usualTable): PriceTable => loadPriceTable(JSON.parse(readFileSync(file, 'utf8')));

async function price({ env, assembly, against, assume, prices, json }: Options): Promise<number> {
  const { regions } = loadSettings(env);
  const question = { table: tableIn(prices), assumed: assumed(assume), home: regions.home.name };
  const [stacks, before] = await Promise.all([
    assembly === undefined ? synthesize(env) : readStacks(assembly),
    against === undefined ? undefined : synthesize(env, against),
  ]);
  const now = estimate({ ...question, stacks });
  const change = before && difference(estimate({ ...question, stacks: before }), now);
  if (json) {
    const reference = compareWithReference(now.lines.filter(({ region, bill }) => region === question.home || bill === 'replica'));
    process.stdout.write(`${JSON.stringify({ environment: env, totalUsd: total(now.lines), ...now, reference, assumed: question.assumed, change }, undefined, 2)}\n`);
  } else {
    process.stdout.write(reportOf(now, { environment: env, home: question.home, assumed: question.assumed }));
    if (change !== undefined) process.stdout.write(`\n${differenceInWords(against ?? '', change)}`);
  }
  return change !== undefined && risesTooMuch(change) ? 3 : 0;
}

/** The SDK's client of the Price List is one dependency more; its signature is that of every other client. */
function asking(endpoint: string): { readonly ask: Ask; readonly close: () => void } {
  const signing = new STSClient({ region: priceListRegion });
  const url = new URL(endpoint);
  const ask: Ask = async (question) => {
    const signer = await signing.config.signer({ name: 'sigv4', signingName: 'pricing', signingRegion: priceListRegion, properties: {} });
    const body = JSON.stringify({ FormatVersion: 'aws_v1', MaxResults: 100, ...question });
    const headers = { host: url.host, 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'AWSPriceListService.GetProducts' };
    const { port } = url;
    const request = { method: 'POST', protocol: url.protocol, hostname: url.hostname, path: '/', query: {}, headers, body, ...(port !== '' && { port: Number(port) }) };
    const signed = await signer.sign(request, { signingService: 'pricing', signingRegion: priceListRegion });
    const answer = await fetch(url, { method: 'POST', headers: signed.headers, body });
    if (!answer.ok) throw new PriceListError(`The AWS Price List answered ${answer.status} for ${question.ServiceCode}: ${await answer.text()}`);
    return answer.json();
  };
  return { ask, close: () => signing.destroy() };
}

/** The Price List did not answer. */
class PriceListError extends Error {
  override readonly name = 'PriceListError';
}

interface RefreshOptions {
  readonly region: readonly string[];
  readonly endpoint: string;
  readonly prices?: string;
}

async function refreshTable({ region: regions, endpoint, prices }: RefreshOptions): Promise<number> {
  const { ask, close } = asking(endpoint);
  try {
    const { table, changed, kept } = await refresh(tableIn(prices), regions, ask, new Date().toISOString().slice(0, 10));
    writeFileSync(prices ?? usualTable, priceTableText(table));
    for (const { id, region, beforeUsd, afterUsd } of changed) process.stdout.write(`${id} in ${region}: ${beforeUsd ?? 'none'} → ${afterUsd} USD\n`);
    for (const { id, region, why } of kept) process.stdout.write(`${id} in ${region} stays as it was: ${why}\n`);
    process.stdout.write(`${changed.length} prices changed, ${kept.length} could not be read\n`);
    return kept.length === 0 ? 0 : 2;
  } finally {
    close();
  }
}

const several = (value: string, before: readonly string[]): readonly string[] => [...before, value];
const program = new Command('cost')
  .description('What an environment costs a month, by its synthesized templates; asks AWS nothing.')
  .option('--env <name>', `which environment: ${environmentNames.join(', ')}`, 'production')
  .option('--assembly <directory>', 'a synthesized cloud assembly, such as cdk.out, instead of synthesizing')
  .option('--against <revision>', 'compares with what git has there; exit code 3 when it is dearer by more than a tenth')
  .option('--assume <name=value>', 'sets an assumption; may be given several times', several, [])
  .option('--prices <file>', 'another table of prices')
  .option('--json', 'for machines: every charge', false)
  .enablePositionalOptions()
  .exitOverride()
  .action(async (options: Options) => {
    process.exitCode = await price(options);
  });
program
  .command('refresh')
  .description('Reads the table of prices again from the AWS Price List; any credentials that may pricing:GetProducts do.')
  .option('--region <name...>', 'whose prices', ['us-east-1', 'us-west-2'])
  .option('--endpoint <url>', 'where the Price List is asked', `https://api.pricing.${priceListRegion}.amazonaws.com`)
  .option('--prices <file>', 'another table of prices')
  .exitOverride()
  .action(async (options: RefreshOptions) => {
    process.exitCode = await refreshTable(options);
  });

const expected = [SettingsError, AssumptionError, SynthesisError, PriceListError];
try {
  await program.parseAsync();
} catch (error) {
  if (expected.some((kind) => error instanceof kind)) process.stderr.write(`${(error as Error).message}\n`);
  else if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error instanceof CommanderError && error.exitCode === 0 ? 0 : 2;
}
