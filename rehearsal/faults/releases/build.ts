/**
 * Releases that go wrong: the trader's image with another program at its entry point. All but the mute one are the real
 * trader with one thing about it changed before it starts.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleContainer } from '../../../containers/build.ts';
import type { BuiltImage } from '../../processes/container-image.ts';

/** The files beside this one. */
export type Variant =
  | 'mute' | 'never-ready' | 'never-drained' | 'slow-to-send' | 'clock-ahead' | 'clock-behind' | 'cannot-migrate' | 'migrates-for-ever'
  | 'losing' | 'refused' | 'slow' | 'quiet';

/** `trader` gives all but the program. */
export async function buildVariant(variant: Variant, trader: BuiltImage, directory: string): Promise<BuiltImage> {
  const entry = trader.entrypoint.at(-1);
  if (entry === undefined) throw new Error(`the trader's image ${trader.digest} has no entry point`);
  const root = join(directory, `release-${variant}`);
  const outfile = join(root, entry);
  await bundleContainer('trader', join(import.meta.dirname, `${variant}.ts`), outfile);
  const digest = createHash('sha256').update(await readFile(outfile)).digest('hex');
  return { ...trader, digest: `sha256:${digest}`, root };
}
