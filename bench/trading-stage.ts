/** A rehearsal's stage on which a book trades: what the benches of the lease measure on. */
import type { Progress } from '../rehearsal/report/progress.ts';
import { Stage } from '../rehearsal/stage.ts';
import { synthesize } from '../rehearsal/synthesize.ts';
import { noneOf, type Row } from './row.ts';

/** The market of each run is the same. */
const seed = 1;
/** Two seconds at 10 orders/s: a stumble in them belongs to the change of hands before. */
export const ordersBetween = 21;

export async function tradingStage(progress: Progress, { bothRegions = false } = {}): Promise<AsyncDisposable & { readonly stage: Stage }> {
  await using opened = new AsyncDisposableStack();
  const assembly = opened.use(await synthesize('production', progress));
  const stage = await Stage.open({ assembly, releases: assembly.releases, seed, progress, provisioning: 'typical', bothRegions });
  opened.defer(() => stage.close());
  const { outcome, cause } = await stage.cutover(stage.releases.first, 'The first release of this book');
  if (outcome !== 'succeeded') throw new Error(`the first cutover ended ${outcome}, so nothing trades: ${cause ?? 'it gives no reason'}`);
  const kept = opened.move();
  return { stage, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

/** What the venue's record says of whoever traded on it. */
export function countsOf(name: string, stage: Stage): Row[] {
  const { staleEpochAccepted, duplicatesAccepted, overlapMs, ordersAccepted } = stage.trading();
  return [
    noneOf(`${name}: stale`, `Orders accepted from an old epoch, of ${ordersAccepted}`, staleEpochAccepted),
    noneOf(`${name}: duplicates`, 'Orders accepted twice', duplicatesAccepted),
    noneOf(`${name}: overlap`, 'Time in which two epochs had orders accepted', overlapMs, 'ms'),
  ];
}
