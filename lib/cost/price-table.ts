/**
 * What AWS charges, as a table in the repository: each price with the place it was read at and the day. Prices are USD, on
 * demand, without free tier and discounts. `npm run cost -- refresh` reads them again from the AWS Price List.
 */
import * as z from 'zod/mini';
import prices from './prices.json' with { type: 'json' };

const Price = z.strictObject({
  usd: z.number().check(z.positive()),
  /** A key of `sources`. */
  source: z.string(),
  read: z.iso.date(),
});

const Row = z.strictObject({
  /** Such as `rds.postgres.multi-az.db.m7g.large`: what the rules of resources name. */
  id: z.string(),
  service: z.string(),
  /** One of what costs so much. */
  unit: z.string(),
  /** How the AWS Price List has it. */
  list: z.strictObject({
    serviceCode: z.string(),
    /** Attributes of the product; `{other}` stands for another Region of the table. */
    filters: z.record(z.string(), z.string()),
    /** Without the Region's prefix, which some Regions have and some products. */
    usagetype: z.optional(z.string()),
    /** Where a tier begins: what lies below is free. */
    from: z.optional(z.string()),
    regionField: z.optional(z.string()),
  }),
  /** By Region. */
  prices: z.record(z.string(), Price),
});

const Table = z
  .strictObject({
    sources: z.record(z.string(), z.strictObject({ url: z.url(), what: z.string() })),
    rows: z.array(Row),
  })
  .check(
    z.refine(({ rows }) => new Set(rows.map(({ id }) => id)).size === rows.length, 'a row of the price table is there twice'),
    z.refine(
      ({ sources, rows }) => rows.every((row) => Object.values(row.prices).every(({ source }) => source in sources)),
      'a price names a source that the table does not have',
    ),
  );

export type PriceTable = z.infer<typeof Table>;
export type PriceRow = PriceTable['rows'][number];

/** Where a price is missing in a Region it is taken from here, and that is said. */
export const standInRegion = 'us-east-1';

export interface FoundPrice {
  readonly row: PriceRow;
  readonly usd: number;
  readonly read: string;
  /** Of another Region: the table has none of this one. */
  readonly standsIn: boolean;
}

/** @param content of another table than the repository's */
export function loadPriceTable(content: unknown = prices): PriceTable {
  return Table.parse(content);
}

export function priceOf(table: PriceTable, id: string, region: string): FoundPrice | undefined {
  const row = table.rows.find((each) => each.id === id);
  if (row === undefined) return undefined;
  const own = row.prices[region];
  const price = own ?? row.prices[standInRegion];
  return price === undefined ? undefined : { row, usd: price.usd, read: price.read, standsIn: own === undefined };
}

/** As it stands in the repository: a line for each price, so that a refresh is a diff that people can read. */
export function priceTableText({ sources, rows }: PriceTable): string {
  const lines = rows.map((row) => `    ${JSON.stringify(row)}`).join(',\n');
  return `{\n  "sources": ${JSON.stringify(sources, null, 2).replaceAll('\n', '\n  ')},\n  "rows": [\n${lines}\n  ]\n}\n`;
}
