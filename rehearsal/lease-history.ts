/** Who held the book and when, as the lease table's writes tell it. */
import { toLease } from '../lib/lease/dynamo-store.ts';
import { colourOf, regionOf, type Lease } from '../lib/lease/model.ts';
import type { Tenure } from './report/report.ts';
import type { Item } from './services/dynamodb-values.ts';
import type { TableWrite } from './services/dynamodb.ts';
import type { Grant } from './venue/judge.ts';
import { monotonicMs } from './venue/record.ts';

export class LeaseHistory {
  readonly #tenures: { -readonly [K in keyof Tenure]: Tenure[K] }[] = [];
  /** On the clock of the venue's record, for its judge. */
  readonly grants: Grant[] = [];
  readonly #book: string;
  readonly #beganMs: number;

  /** `beganMs`: what tenures are counted from, on the clock of the venue's record. */
  constructor(options: { readonly book: string; readonly beganMs: number }) {
    this.#book = options.book;
    this.#beganMs = options.beganMs;
  }

  /** Takes every write to the lease table, in the order in which they took effect. */
  see({ before, after }: Pick<TableWrite, 'before' | 'after'>): void {
    const lease = leaseIn(after);
    const earlier = leaseIn(before);
    if (lease?.book !== this.#book || lease.epoch === earlier?.epoch) return;
    const grantedMs = monotonicMs();
    const atMs = Math.round(grantedMs - this.#beganMs);
    const last = this.#tenures.at(-1);
    if (last !== undefined) last.toMs = atMs;
    const { epoch, holder } = lease;
    this.grants.push({ epoch, atMs: grantedMs });
    this.#tenures.push({
      epoch,
      holder: holder ?? null,
      region: holder === undefined ? null : regionOf(holder),
      colour: holder === undefined ? null : colourOf(holder),
      fromMs: atMs,
      toMs: null,
      reason: reasonOf(lease, earlier),
    });
  }

  get tenures(): readonly Tenure[] {
    return this.#tenures;
  }
}

/** The lease that an item of the table is, if it is one. */
export function leaseIn(item: Item | undefined): Lease | undefined {
  return item !== undefined && item['epoch'] !== undefined ? toLease(item as Parameters<typeof toLease>[0]) : undefined;
}

function reasonOf(lease: Lease, earlier: Lease | undefined): string {
  if (earlier === undefined) return 'created';
  if (lease.holder === undefined) return 'given up';
  // A successor may take over in the middle of a drain: who granted says which it was.
  return earlier.holder !== undefined && lease.grantId.startsWith(`${earlier.holder}#`) ? 'handed over' : 'taken over';
}
