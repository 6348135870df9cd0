/**
 * The refresh of the prices as people start it, against a server on loopback that answers as the AWS Price List does: products
 * as JSON in strings, page by page, the on-demand terms in tiers, free and reserved ones at zero beside them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { priceListRegion, refresh } from '../../lib/cost/price-list.ts';
import { loadPriceTable, type PriceRow, type PriceTable, priceTableText } from '../../lib/cost/price-table.ts';

interface Question {
  readonly ServiceCode: string;
  readonly FormatVersion: string;
  readonly Filters: readonly { readonly Type: string; readonly Field: string; readonly Value: string }[];
  readonly NextToken?: string;
}
interface Tier {
  readonly from: string;
  readonly usd: string;
}

/** A product as the Price List writes it, e.g. of ElastiCache in 2025. */
function product(attributes: Record<string, string>, tiers: readonly Tier[]): string {
  const sku = `SKU${JSON.stringify(attributes).length}${tiers.map(({ usd }) => usd).join('').replaceAll('.', '')}`;
  const priceDimensions = Object.fromEntries(tiers.map(({ from, usd }, index) => [`${sku}.JRTCKXETXF.${index}`, {
    unit: 'Hrs', endRange: 'Inf', description: 'on demand', appliesTo: [], rateCode: `${sku}.JRTCKXETXF.${index}`, beginRange: from, pricePerUnit: { USD: usd },
  }]));
  return JSON.stringify({
    product: { productFamily: 'Cache Instance', attributes, sku },
    serviceCode: 'AmazonElastiCache',
    terms: { OnDemand: { [`${sku}.JRTCKXETXF`]: { priceDimensions, sku, effectiveDate: '2026-11-01T00:00:00Z', offerTermCode: 'JRTCKXETXF', termAttributes: {} } } },
    version: '20261101000000', publicationDate: '2026-11-01T00:00:00Z',
  });
}

const row = (id: string, list: PriceRow['list'], usd = 1): PriceRow => ({ id, service: 'Some', unit: 'hour', list, prices: { 'us-east-1': { usd, source: 'old', read: '2020-01-01' } } });
const tableOf = (...rows: PriceRow[]): PriceTable => ({ sources: { old: { url: 'https://example.com/prices', what: 'once' } }, rows });

/** What the server answers: pages of products, by service, usage type and Region. */
let answer: (question: Question) => { readonly pages: readonly (readonly string[])[] };
let asked: { readonly headers: IncomingHttpHeaders; readonly question: Question }[] = [];
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const question = JSON.parse(Buffer.concat(parts).toString()) as Question;
    asked.push({ headers: request.headers, question });
    const { pages } = answer(question);
    const page = Number(question.NextToken ?? 0);
    const more = page + 1 < pages.length ? { NextToken: String(page + 1) } : {};
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (question.ServiceCode === 'Refusing') response.writeHead(400).end('{"__type":"AccessDeniedException"}');
    else response.end(JSON.stringify({ FormatVersion: 'aws_v1', PriceList: pages[page] ?? [], ...more }));
  });
});
const directory = mkdtempSync(path.join(tmpdir(), 'baton-prices-'));
const file = path.join(directory, 'prices.json');
let endpoint: string;
beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
});

async function command(table: PriceTable, ...regions: string[]): Promise<{ code: number | null; output: string; table: PriceTable }> {
  writeFileSync(file, priceTableText(table));
  const args = ['bin/cost.ts', 'refresh', '--prices', file, '--endpoint', endpoint, ...regions.flatMap((region) => ['--region', region])];
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'AKIAEXAMPLE', AWS_SECRET_ACCESS_KEY: 'canary-secret' };
  const child = spawn(process.execPath, args, { cwd: path.resolve(import.meta.dirname, '../..'), env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => (output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (output += text.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output, table: loadPriceTable(JSON.parse(readFileSync(file, 'utf8'))) };
}

const node = { serviceCode: 'AmazonElastiCache', filters: { instanceType: 'cache.t4g.small', cacheEngine: 'Valkey' }, usagetype: 'NodeUsage:cache.t4g.small' };

test('each row is asked for in each Region, signed, and what is answered stands in the table with its day', async () => {
  answer = ({ Filters }) => {
    const region = Filters.find(({ Field }) => Field === 'regionCode')?.Value;
    const prefix = region === 'us-east-1' ? '' : 'USW2-';
    return { pages: [[
      product({ usagetype: `${prefix}NodeUsage:cache.t4g.smaller` }, [{ from: '0', usd: '9' }]),
      product({ usagetype: `${prefix}NodeUsage:cache.t4g.small` }, [{ from: '0', usd: '0.0000000000' }, { from: '0', usd: region === 'us-east-1' ? '0.0256' : '0.03' }]),
    ]] };
  };
  const { code, output, table } = await command(tableOf(row('node', node, 0.0256)), 'us-east-1', 'us-west-2');
  expect({ code, output }).toEqual({ code: 0, output: 'node in us-west-2: none → 0.03 USD\n1 prices changed, 0 could not be read\n' });
  const today = new Date().toISOString().slice(0, 10);
  expect(table.rows[0]?.prices).toEqual({
    'us-east-1': { usd: 0.0256, source: 'price-list', read: today }, 'us-west-2': { usd: 0.03, source: 'price-list', read: today },
  });
  expect(Object.keys(table.sources)).toEqual(['price-list']);
  const { headers, question } = asked[0] as (typeof asked)[number];
  expect(headers['x-amz-target']).toBe('AWSPriceListService.GetProducts');
  expect(headers['content-type']).toBe('application/x-amz-json-1.1');
  expect(headers['authorization']).toMatch(new RegExp(`^AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/\\d{8}/${priceListRegion}/pricing/aws4_request, SignedHeaders=[a-z0-9;-]*host[a-z0-9;-]*, Signature=[0-9a-f]{64}$`));
  expect(question).toMatchObject({
    ServiceCode: 'AmazonElastiCache', FormatVersion: 'aws_v1',
    Filters: [
      { Type: 'TERM_MATCH', Field: 'instanceType', Value: 'cache.t4g.small' }, { Type: 'TERM_MATCH', Field: 'cacheEngine', Value: 'Valkey' },
      { Type: 'TERM_MATCH', Field: 'regionCode', Value: 'us-east-1' },
    ],
  });
  expect(output).not.toContain('canary-secret');
});

test('what is not answered by one price stays as it was and is named, and the exit code says so', async () => {
  answer = ({ ServiceCode }) => ({
    pages: [ServiceCode === 'Two' ? ['1', '2'].map((usd) => product({ usagetype: 'Same' }, [{ from: '0', usd }])) : [product({ usagetype: 'Other' }, [{ from: '0', usd: '5' }])]],
  });
  const { code, output, table } = await command(tableOf(row('none', { serviceCode: 'One', filters: {}, usagetype: 'Gone' }, 7), row('two', { serviceCode: 'Two', filters: {}, usagetype: 'Same' }, 8)), 'us-east-1');
  expect(code).toBe(2);
  expect(output).toContain('none in us-east-1 stays as it was: none of 1 products of One has the usage type Gone');
  expect(output).toContain('two in us-east-1 stays as it was: 2 products of Two fit, at 1, 2 USD: narrow its filters');
  expect(table.rows.map(({ prices }) => prices['us-east-1'])).toEqual([7, 8].map((usd) => ({ usd, source: 'old', read: '2020-01-01' })));
});

test('a refusal of the Price List changes nothing and is said', async () => {
  answer = () => ({ pages: [[]] });
  const before = tableOf(row('refused', { serviceCode: 'Refusing', filters: {} }));
  const { code, output, table } = await command(before, 'us-east-1');
  expect({ code, output }).toEqual({ code: 2, output: 'The AWS Price List answered 400 for Refusing: {"__type":"AccessDeniedException"}\n' });
  expect(table).toEqual(before);
});

test('pages are read to the last, the tier that is meant is taken, and the other Region is named where one is asked for', async () => {
  const questions: unknown[] = [];
  const list = { serviceCode: 'AWSDataTransfer', filters: { toRegionCode: '{other}' }, usagetype: 'AWS-Out-Bytes', from: '25', regionField: 'fromRegionCode' };
  const { table, kept } = await refresh(tableOf(row('transfer', list)), ['us-east-1', 'us-west-2'], (question) => {
    questions.push(question);
    const pages = [[product({ usagetype: 'USE1-Something' }, [])], [product({ usagetype: 'USE1-AWS-Out-Bytes' }, [{ from: '0', usd: '0' }, { from: '25', usd: '0.02' }, { from: '1024', usd: '0.01' }])]];
    return Promise.resolve(question.NextToken === undefined ? { PriceList: pages[0], NextToken: 'more' } : { PriceList: pages[1] });
  }, '2026-11-21');
  expect(kept).toEqual([]);
  expect(table.rows[0]?.prices['us-east-1']?.usd).toBe(0.02);
  expect(questions).toHaveLength(4);
  expect(questions[0]).toMatchObject({ Filters: [{ Field: 'toRegionCode', Value: 'us-west-2' }, { Field: 'fromRegionCode', Value: 'us-east-1' }] });
  expect(questions[3]).toMatchObject({ Filters: [{ Field: 'toRegionCode', Value: 'us-east-1' }, { Field: 'fromRegionCode', Value: 'us-west-2' }], NextToken: 'more' });
});
