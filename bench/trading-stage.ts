/** A rehearsal's stage on which a book trades: what the benches of the lease measure on. */
import type { Progress } from '../rehearsal/report/progress.ts';
import { Stage } from '../rehearsal/stage.ts';
import { synthesize } from '../rehearsal/synthesize.ts';

/** The market of each run is the same. */
const seed = 1;

export async function tradingStage(progress: Progress): Promise<AsyncDisposable & { readonly stage: Stage }> {
  await using opened = new AsyncDisposableStack();
  const assembly = opened.use(await synthesize('production', progress));
  const stage = await Stage.open({ assembly, seed, progress, provisioning: 'typical' });
  opened.defer(() => stage.close());
  const { outcome, cause } = await stage.cutover(stage.releases.first, 'The first release of this book');
  if (outcome !== 'succeeded') throw new Error(`the first cutover ended ${outcome}, so nothing trades: ${cause ?? 'it gives no reason'}`);
  const kept = opened.move();
  return { stage, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
