/**
 * The bill at the gate of a change: what is deployed in both Regions, priced as `npm run cost` prices it, beside what people have last
 * agreed to. More than a tenth on top wants an approval, whatever the author of the change says it costs. Money holds up no change by
 * itself: where the bill cannot be estimated, that is said and nothing more is asked.
 */
import { assumed } from '../cost/assumptions.ts';
import { estimate, riseAtMost, risesTooMuch, total } from '../cost/estimate.ts';
import { loadPriceTable } from '../cost/price-table.ts';
import type { PricedStack } from '../cost/stacks.ts';

/** A month, in USD. */
export interface AgreedBill {
  /** Undefined until a change has passed the gate. */
  read(): Promise<number | undefined>;
  write(usd: number): Promise<void>;
}

export interface BillGate {
  /** Of both Regions; rejects where one of them cannot be read. */
  readonly deployed: () => Promise<readonly PricedStack[]>;
  /** Where the change is made, and the books trade. */
  readonly home: string;
  readonly agreed: AgreedBill;
}

export interface Weighed {
  /** Approvals that are wanted for the bill alone. */
  readonly least: 0 | 1;
  readonly usd?: number;
  /** For those who are to approve it; empty where nobody looked. */
  readonly inWords: string;
}

export async function weigh(gate: BillGate | undefined): Promise<Weighed> {
  if (gate === undefined) return { least: 0, inWords: '' };
  const { deployed, home, agreed } = gate;
  let stacks: readonly PricedStack[];
  try {
    stacks = await deployed();
  } catch (error) {
    return { least: 0, inWords: `The bill: not estimated (${(error as Error).name}).` };
  }
  const { lines, unpriced } = estimate({ stacks, table: loadPriceTable(), assumed: assumed(), home });
  const usd = total(lines);
  const without = unpriced.length === 0 ? '' : ` Not in it, for want of a price: ${[...new Set(unpriced.map(({ stack, resource }) => `${stack} ${resource}`))].join(', ')}.`;
  const beforeUsd = await agreed.read();
  // What has become cheaper is what the next rise is measured from.
  if (beforeUsd === undefined || usd < beforeUsd) await agreed.write(usd);
  const now = `The bill: ${usd.toFixed(2)} USD a month as it is deployed`;
  if (beforeUsd === undefined) return { least: 0, usd, inWords: `${now}.${without}` };
  const inWords = `${now}, ${beforeUsd.toFixed(2)} when it was last agreed to.${without}`;
  if (!risesTooMuch({ beforeUsd, afterUsd: usd })) return { least: 0, usd, inWords };
  return { least: 1, usd, inWords: `${inWords} That is more than ${riseAtMost * 100} % on top, and wants an approval.` };
}
