/** A month's bill, estimated from synthesized templates: every charge with its price, and by name whatever has none. */
import type { Assumed } from './assumptions.ts';
import { priceOf, type PriceTable } from './price-table.ts';
import { type BillRow, isFree, NoPriceError, type Requirement, rules } from './resources.ts';
import type { PricedStack } from './stacks.ts';

export interface Line {
  readonly stack: string;
  /** Where it is charged. */
  readonly region: string;
  readonly service: string;
  readonly resource: string;
  readonly type: string;
  readonly what: string;
  readonly quantity: number;
  readonly unit: string;
  readonly usd: number;
  /** The day on which its price was read. */
  readonly read: string;
  /** Its price is that of another Region: the table has none of its own. */
  readonly standsIn: boolean;
  readonly bill?: BillRow;
  readonly requirement?: Requirement;
}

/** Something that costs, or may, and is not in the total. */
export interface Unpriced {
  readonly stack: string;
  readonly resource: string;
  readonly type: string;
  readonly why: string;
}

export interface Estimate {
  readonly lines: readonly Line[];
  readonly unpriced: readonly Unpriced[];
}

export interface Question {
  readonly stacks: readonly PricedStack[];
  readonly table: PriceTable;
  readonly assumed: Assumed;
  readonly home: string;
}

export function estimate({ stacks, table, assumed, home }: Question): Estimate {
  const lines: Line[] = [];
  const unpriced: Unpriced[] = [];
  for (const stack of stacks) {
    for (const resource of stack.resources) {
      const { logicalId, type, properties } = resource;
      const about = { stack: stack.name, resource: logicalId, type };
      const rule = Object.hasOwn(rules, type) ? rules[type] : undefined;
      if (rule === undefined) {
        if (!isFree(type)) unpriced.push({ ...about, why: 'nobody has said what this type costs: give it a rule or a reason in lib/cost/resources.ts' });
        continue;
      }
      try {
        for (const { price, less, quantity, region = stack.region, what, bill, requirement } of rule(properties, { stack, stacks, assumed, home }, resource)) {
          const found = priceOf(table, price, region);
          const taken = less === undefined ? undefined : priceOf(table, less, region);
          if (found === undefined || (less !== undefined && taken === undefined)) {
            unpriced.push({ ...about, why: `${what}: the price table has no '${found === undefined ? price : String(less)}'` });
            continue;
          }
          const { row, usd, read, standsIn } = found;
          const { service, unit } = row;
          lines.push({
            ...about, region, service, what, quantity, unit, usd: quantity * (usd - (taken?.usd ?? 0)), read, standsIn,
            ...(bill && { bill }), ...(requirement && { requirement }),
          });
        }
      } catch (error) {
        if (!(error instanceof NoPriceError)) throw error;
        unpriced.push({ ...about, why: error.message });
      }
    }
  }
  const witnesses = stacks.flatMap((stack) => stack.resources.filter(({ properties }) => properties['GlobalTableWitnesses'] !== undefined).map((resource) => ({ stack, resource })));
  for (const { stack, resource: { logicalId, type } } of witnesses) {
    unpriced.push({ stack: stack.name, resource: logicalId, type, why: 'its witness: no published price was found' });
  }
  return { lines, unpriced };
}

export function total(lines: readonly Line[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** In the order in which they first come. */
export function groupBy<Key extends string>(lines: readonly Line[], key: (line: Line) => Key): Map<Key, Line[]> {
  const groups = new Map<Key, Line[]>();
  for (const line of lines) {
    const name = key(line);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [line]);
    else group.push(line);
  }
  return groups;
}

export interface Difference {
  readonly beforeUsd: number;
  readonly afterUsd: number;
  /** What became dearer or cheaper, the largest first. */
  readonly changes: readonly { readonly stack: string; readonly resource: string; readonly region: string; readonly beforeUsd: number; readonly afterUsd: number }[];
  /** What has no price now and was not there, or had one, before. */
  readonly newlyUnpriced: readonly Unpriced[];
}

export function difference(before: Estimate, after: Estimate): Difference {
  const sums = ({ lines }: Estimate): Map<string, number> =>
    new Map([...groupBy(lines, ({ stack, resource, region }) => `${stack}\n${resource}\n${region}`)].map(([key, group]) => [key, total(group)]));
  const [was, is] = [sums(before), sums(after)];
  const changes = [...new Set([...was.keys(), ...is.keys()])]
    .map((key) => {
      const [stack = '', resource = '', region = ''] = key.split('\n');
      return { stack, resource, region, beforeUsd: was.get(key) ?? 0, afterUsd: is.get(key) ?? 0 };
    })
    .filter(({ beforeUsd, afterUsd }) => Math.abs(afterUsd - beforeUsd) >= 0.005)
    .toSorted((a, b) => Math.abs(b.afterUsd - b.beforeUsd) - Math.abs(a.afterUsd - a.beforeUsd));
  const known = new Set(before.unpriced.map(({ stack, resource, why }) => `${stack}\n${resource}\n${why}`));
  return {
    beforeUsd: total(before.lines),
    afterUsd: total(after.lines),
    changes,
    newlyUnpriced: after.unpriced.filter(({ stack, resource, why }) => !known.has(`${stack}\n${resource}\n${why}`)),
  };
}

/** A rise above this needs somebody's approval. */
export const riseAtMost = 0.1;

export function risesTooMuch({ beforeUsd, afterUsd }: Pick<Difference, 'beforeUsd' | 'afterUsd'>): boolean {
  return afterUsd > beforeUsd * (1 + riseAtMost);
}
