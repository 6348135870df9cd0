/**
 * Whether the standby Region takes over by itself. One look of two seconds is enough to see that the home lives; only when it does not, the
 * second one lasts as many leases as the settings say, and must find the same on every side that counts. A move not long ago holds it
 * down: what fails over twice within the hour is mended by nobody, and a person decides.
 */
import type { BookName, Lease } from '../lease/model.ts';
import { judgeLoss } from './evidence.ts';
import { longestLeaseMs, observe, watchLeases, type ObservationOptions } from './observe.ts';
import { HeldDownError } from './errors.ts';

export interface AutomaticOptions extends ObservationOptions {
  readonly books: readonly BookName[];
  /** This Region. */
  readonly here: string;
  readonly silentLeases: number;
  readonly holdDownMs: number;
  /** When that Region became home, as this one has recorded it; undefined when it has not. */
  readonly homeSinceMs: (region: string) => Promise<number | undefined>;
  /** Starts the failover under a name: started twice, it is the same one. */
  readonly start: (name: string, request: { readonly reason: string; readonly requestedBy: string }) => Promise<void>;
}

/** Beside the leases: a person asks where this does not. */
const otherSidesLeast = 2;

export async function takeOverByItself(
  options: AutomaticOptions,
): Promise<{ readonly result: 'home-here' | 'home-lives' | 'started'; readonly seen: string }> {
  const { control, books, here, silentLeases, holdDownMs } = options;
  const leases = await Promise.all(books.map((book) => control.read(book)));
  const elsewhere = leases.filter(({ home }) => home !== here);
  const [from] = elsewhere.map(({ home }) => home);
  if (from === undefined) return { result: 'home-here', seen: `every book is at home in ${here}` };

  let words = '';
  for (const watched of [watchLeases, silentLeases]) {
    const { sides, seen } = judgeLoss(await observe(options, elsewhere, { from, watchMs: longestLeaseMs(elsewhere) * watched }));
    const others = sides.filter(({ side, lost }) => side !== 'lease' && lost);
    const isSilent = sides.some(({ side, lost }) => side === 'lease' && lost);
    if (!isSilent || others.length < otherSidesLeast) return { result: 'home-lives', seen };
    words = seen;
  }

  const sinceMs = await options.homeSinceMs(from);
  const sinceMinutes = sinceMs === undefined ? undefined : (options.nowMs() - sinceMs) / 60_000;
  if (sinceMinutes !== undefined && sinceMinutes < holdDownMs / 60_000) {
    throw new HeldDownError(from, Math.floor(sinceMinutes), holdDownMs / 60_000, words);
  }
  await options.start(automaticName(elsewhere), { reason: `${from} is lost, as seen from ${here}: ${words}`.slice(0, 500), requestedBy: 'the automatic mode' });
  return { result: 'started', seen: words };
}

/** Of the execution: as long as the same epochs are lost it is the same one, whoever sees it how often. */
export function automaticName(lost: readonly Pick<Lease, 'book' | 'epoch'>[]): string {
  return ['automatic', ...lost.map(({ book, epoch }) => `${book}-${epoch}`)].join('-').slice(0, 80);
}
