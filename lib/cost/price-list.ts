/**
 * Reads the prices of the table again from the AWS Price List (the Query API, `GetProducts`), each row by itself in each
 * Region: exactly one product must answer, or the row stays as it is and is named.
 * https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html
 */
import * as z from 'zod';
import type { PriceRow, PriceTable } from './price-table.ts';

/** The API is at home in few Regions; prices of all are had there. */
export const priceListRegion = 'us-east-1';

/** One call of the API: signed, sent, answered. */
export type Ask = (body: { readonly ServiceCode: string; readonly Filters: readonly Filter[]; readonly NextToken?: string }) => Promise<unknown>;

interface Filter {
  readonly Type: 'TERM_MATCH';
  readonly Field: string;
  readonly Value: string;
}

const Answer = z.object({ PriceList: z.array(z.string()), NextToken: z.optional(z.string()) });

const Product = z.object({
  product: z.object({ sku: z.string(), attributes: z.record(z.string(), z.string()) }),
  terms: z.object({
    OnDemand: z.optional(
      z.record(
        z.string(),
        z.object({
          priceDimensions: z.record(z.string(), z.object({ beginRange: z.optional(z.string()), pricePerUnit: z.record(z.string(), z.string()) })),
        }),
      ),
    ),
  }),
});
type Product = z.infer<typeof Product>;

export interface Refreshed {
  readonly table: PriceTable;
  readonly changed: readonly { readonly id: string; readonly region: string; readonly beforeUsd: number | undefined; readonly afterUsd: number }[];
  /** What stays as it was, and why. */
  readonly kept: readonly { readonly id: string; readonly region: string; readonly why: string }[];
}

const source = 'price-list';

/** @param today as YYYY-MM-DD */
export async function refresh(table: PriceTable, regions: readonly string[], ask: Ask, today: string): Promise<Refreshed> {
  const changed: { id: string; region: string; beforeUsd: number | undefined; afterUsd: number }[] = [];
  const kept: { id: string; region: string; why: string }[] = [];
  const rows: PriceRow[] = [];
  for (const row of table.rows) {
    const prices = { ...row.prices };
    for (const region of regions) {
      try {
        const usd = await currentPrice(row, region, regions, ask);
        const beforeUsd = prices[region]?.usd;
        if (beforeUsd !== usd) changed.push({ id: row.id, region, beforeUsd, afterUsd: usd });
        prices[region] = { usd, source, read: today };
      } catch (error) {
        if (!(error instanceof UnclearPriceError)) throw error;
        kept.push({ id: row.id, region, why: error.message });
      }
    }
    rows.push({ ...row, prices });
  }
  const list = { url: 'https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_pricing_GetProducts.html', what: 'the AWS Price List itself' };
  const named = new Set(rows.flatMap(({ prices }) => Object.values(prices).map((price) => price.source)));
  const sources = Object.fromEntries(Object.entries({ ...table.sources, [source]: list }).filter(([name]) => named.has(name)));
  return { table: { sources, rows }, changed, kept };
}

/** The Price List does not say one price for a row. */
class UnclearPriceError extends Error {
  override readonly name = 'UnclearPriceError';
}

async function currentPrice({ list }: PriceRow, region: string, regions: readonly string[], ask: Ask): Promise<number> {
  const { serviceCode, filters, usagetype, from = '0', regionField = 'regionCode' } = list;
  const other = regions.find((each) => each !== region) ?? region;
  const wanted = Object.entries({ ...filters, [regionField]: region }).map(([Field, value]): Filter => ({ Type: 'TERM_MATCH', Field, Value: value.replace('{other}', other) }));
  const products: Product[] = [];
  for (let token: string | undefined, isFirst = true; isFirst || token !== undefined; isFirst = false) {
    const answer = Answer.parse(await ask({ ServiceCode: serviceCode, Filters: wanted, ...(token !== undefined && { NextToken: token }) }));
    products.push(...answer.PriceList.map((text) => Product.parse(JSON.parse(text))));
    token = answer.NextToken;
  }
  const meant = products.filter(({ product, terms }) => terms.OnDemand !== undefined && (usagetype === undefined || withoutRegion(product.attributes['usagetype'] ?? '') === usagetype));
  const prices = new Set(meant.flatMap((product) => tierFrom(product, from)));
  const [usd, ...more] = prices;
  if (usd === undefined) throw new UnclearPriceError(`none of ${products.length} products of ${serviceCode} has the usage type ${usagetype ?? '(any)'} with a tier from ${from}`);
  if (more.length > 0) throw new UnclearPriceError(`${meant.length} products of ${serviceCode} fit, at ${[...prices].join(', ')} USD: narrow its filters`);
  return usd;
}

/** Some products of the first Region have the prefix, too. */
function withoutRegion(usagetype: string): string {
  return usagetype.replace(/^(?:[A-Z]{3}\d|EU|[a-z]{2}-[a-z]+-\d)-/, '');
}

function tierFrom({ terms }: Product, from: string): number[] {
  return Object.values(terms.OnDemand ?? {})
    .flatMap(({ priceDimensions }) => Object.values(priceDimensions))
    .filter(({ beginRange = '0' }) => Number(beginRange) === Number(from))
    .map(({ pricePerUnit }) => Number(pricePerUnit['USD']))
    // A product that is free, or reserved, is there at 0 beside the one that is meant.
    .filter((usd) => usd > 0);
}
