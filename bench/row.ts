/**
 * A result: one figure with its spread, the limit it is held to, and what people would use instead, measured in
 * the same run. Ratios say more than milliseconds: they survive a slower machine.
 */
export interface Measured {
  readonly min: number;
  readonly median: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  readonly n: number;
}

/** What a limit can be set on. */
export type Statistic = 'median' | 'p95' | 'p99' | 'max';
export type Limit = { readonly [S in Statistic]?: number };

export interface Row {
  readonly name: string;
  readonly what: string;
  readonly measured: Measured;
  /** Empty for a count. */
  readonly unit: string;
  readonly limit?: Limit;
  readonly met: boolean;
  /** `ratio`: how many times ours it is. */
  readonly beside: readonly { readonly what: string; readonly median: number; readonly ratio: number }[];
}

export interface Samples {
  readonly name: string;
  readonly what: string;
  readonly samples: readonly number[];
  readonly unit: string;
  readonly limit?: Limit;
  readonly beside?: readonly { readonly what: string; readonly samples: readonly number[] }[];
}

export function rowOf({ name, what, samples, unit, limit, beside = [] }: Samples): Row {
  const measured = measure(samples);
  return {
    name,
    what,
    measured,
    unit,
    ...(limit === undefined ? {} : { limit }),
    met: limitsOf(limit).every(([statistic, bound]) => measured[statistic] <= bound),
    beside: beside.map((other) => {
      const { median } = measure(other.samples);
      return { what: other.what, median, ratio: median / measured.median };
    }),
  };
}

/** A count of what must never happen. */
export function noneOf(name: string, what: string, count: number, unit = ''): Row {
  return rowOf({ name, what, samples: [count], unit, limit: { max: 0 } });
}

export function limitsOf(limit: Limit = {}): readonly (readonly [Statistic, number])[] {
  return (['median', 'p95', 'p99', 'max'] as const).flatMap((statistic) => {
    const bound = limit[statistic];
    return bound === undefined ? [] : [[statistic, bound] as const];
  });
}

export function measure(samples: readonly number[]): Measured {
  if (samples.length === 0) throw new Error('nothing was measured: a row needs one sample at least');
  const sorted = samples.toSorted((a, b) => a - b);
  return { min: quantile(sorted, 0), median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), p99: quantile(sorted, 0.99), max: quantile(sorted, 1), n: sorted.length };
}

/** Between two samples the line between them, as most tools do. */
function quantile(sorted: readonly number[], part: number): number {
  const place = (sorted.length - 1) * part;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  // Rounding may lead past the end of the line.
  return Math.min(above, below + (above - below) * (place - Math.floor(place)));
}
